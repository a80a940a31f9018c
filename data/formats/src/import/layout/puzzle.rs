//! Who wrote a file, and why one is not understood.

/// Who wrote a file, where that says more than its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[default]
    Plain,
    /// Tardis: an instrument is named by its exchange and symbol.
    Tardis,
    /// Ticks of MetaTrader 5: a row says what changed, and an empty field is as it was.
    Metatrader,
    /// Databento's CSV; `is_nano` if its prices are whole numbers of 1e-9.
    Databento { is_nano: bool },
}

impl Dialect {
    /// Whether an instrument is named by its exchange too.
    pub(super) fn names_by_venue(self) -> bool {
        matches!(self, Dialect::Tardis | Dialect::Databento { .. })
    }
}

/// Why a file is not understood: what there is, and what was expected.
pub(crate) type Puzzle = (String, String);

/// A file that is not understood.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) puzzle: Puzzle,
    /// Whether it has times and prices, so that it is one of a market all the same.
    pub(crate) is_market: bool,
    /// The row that it is about, from zero, and what parts its fields.
    pub(crate) place: Option<(u8, usize)>,
}
