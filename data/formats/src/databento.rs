//! What import and export of DBN, Databento's format, have in common: the meaning of flags, of prices that are none and of publishers, and what is
//! kept of a file beside its records, so that they can be written again under the numbers that they had.
//!
//! Sources: the crate `dbn`, and Databento's pages on flags, actions and publishers
//! (<https://databento.com/docs/standards-and-conventions/common-fields-enums-types>).

use dbn::{Publisher, Schema, flags, rtype};
use serde::{Deserialize, Serialize};
use tickloom_types::{BookAction, DurationNs, Flags, NANOS_PER_SECOND, Ts};

/// The dataset of files that were exported by us, in place of a venue's feed: their symbols are our names of instruments.
pub(crate) const DBN_DATASET: &str = "TICKLOOM";
/// What the names of sources begin with that are files of DBN; the dataset follows.
pub const DBN_SOURCE: &str = "dbn/";

/// Our flags and theirs. Bit 1 of theirs is reserved and means nothing.
const FLAGS: [(u8, u8); 7] = [
    (Flags::LAST, flags::LAST),
    (Flags::TOP_OF_BOOK, flags::TOB),
    (Flags::SNAPSHOT, flags::SNAPSHOT),
    (Flags::AGGREGATED, flags::MBP),
    (Flags::BAD_TIME, flags::BAD_TS_RECV),
    (Flags::MAYBE_BAD_BOOK, flags::MAYBE_BAD_BOOK),
    (Flags::VENUE_SPECIFIC, flags::PUBLISHER_SPECIFIC),
];
/// All of theirs that have a meaning.
pub(crate) const DBN_FLAGS: u8 = !1;

/// Sizes of bars: in nanoseconds, as schema, as type of record.
pub(crate) const DBN_BARS: [(DurationNs, Schema, u8); 4] = [
    (NANOS_PER_SECOND, Schema::Ohlcv1S, rtype::OHLCV_1S),
    (60 * NANOS_PER_SECOND, Schema::Ohlcv1M, rtype::OHLCV_1M),
    (3_600 * NANOS_PER_SECOND, Schema::Ohlcv1H, rtype::OHLCV_1H),
    (86_400 * NANOS_PER_SECOND, Schema::Ohlcv1D, rtype::OHLCV_1D),
];

/// What each of theirs is of ours.
const FROM_DBN: [u8; 256] = {
    let mut all = [0; 256];
    let mut theirs = 0;
    while theirs < all.len() {
        let mut at = 0;
        while at < FLAGS.len() {
            if theirs & FLAGS[at].1 as usize != 0 {
                all[theirs] |= FLAGS[at].0;
            }
            at += 1;
        }
        theirs += 1;
    }
    all
};

/// Theirs as ours.
#[inline]
pub(crate) fn flags_from_dbn(theirs: u8) -> u8 {
    FROM_DBN[usize::from(theirs)]
}

/// Ours as theirs, of a trade, a quote, a level or an order update.
pub(crate) fn flags_to_dbn(ours: u8) -> u8 {
    let mut theirs = 0;
    for (our, their) in FLAGS {
        if ours & our != 0 {
            theirs |= their;
        }
    }
    theirs
}

/// Whether an order update with the price 0 has none: one that empties the book or tells flags alone, and one that says that a side of the
/// top of a book is empty. Of all others 0 is a price, as spreads have it.
pub(crate) fn is_without_price(action: BookAction, our_flags: u8, qty: i64) -> bool {
    match action {
        BookAction::Clear | BookAction::None => true,
        _ => our_flags & Flags::TOP_OF_BOOK != 0 && qty == 0,
    }
}

/// What the rows of a publisher are told apart by from those of others of its dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Venue {
    /// Nothing: it is the dataset's only publisher, or the one that the dataset is named after, such as `GLBX` of `GLBX.MDP3`.
    Own,
    /// The code of its venue, such as `XCIS` of `DBEQ.BASIC`.
    Named(&'static str),
    /// It is not known of this dataset.
    Unknown,
}

impl Venue {
    pub(crate) fn of(dataset: &str, publisher: u16) -> Venue {
        if dataset == DBN_DATASET {
            return Venue::Own;
        }
        let known = Publisher::try_from(publisher).ok();
        let Some(known) = known.filter(|known| known.dataset().as_str() == dataset) else {
            return Venue::Unknown;
        };
        let venue = known.venue().as_str();
        let is_own = dataset.split('.').next() == Some(venue);
        if is_own || known.dataset().publishers().len() == 1 {
            Venue::Own
        } else {
            Venue::Named(venue)
        }
    }
}

/// What the names of the instruments of a publisher begin with where no dataset is said: its dataset, and its venue if that is not the
/// dataset's own.
pub(crate) fn prefix_of_publisher(publisher: u16) -> String {
    let known = Publisher::try_from(publisher).ok();
    let Some(known) = known else {
        return format!("publisher-{publisher}");
    };
    let dataset = known.dataset().as_str();
    let prefix = dataset_prefix(dataset);
    match Venue::of(dataset, publisher) {
        Venue::Named(venue) => format!("{prefix}-{}", venue.to_ascii_lowercase()),
        Venue::Own | Venue::Unknown => prefix,
    }
}

/// What a dataset is called in names, such as `glbx-mdp3`.
pub(crate) fn dataset_prefix(dataset: &str) -> String {
    dataset.to_ascii_lowercase().replace('.', "-")
}

/// What is kept of a DBN file beside its records: under which numbers and symbols its instruments were there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DbnOrigin {
    /// The dataset, such as `GLBX.MDP3`.
    pub dataset: String,
    /// Its schema, such as `mbo`; none of a file of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What its symbols are, such as `raw_symbol`; none of live data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stype_in: Option<String>,
    /// The instruments, in the order of their identifiers in the run.
    pub instruments: Vec<DbnInstrument>,
}

impl DbnOrigin {
    /// As it is kept with a run; [`Catalog::origin_of`](tickloom_catalog::Catalog::origin_of) gives it back.
    pub(crate) fn as_kept(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain fields are JSON")
    }
}

/// An instrument of a DBN file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DbnInstrument {
    /// Databento's number of dataset and venue.
    pub publisher: u16,
    /// The symbol; none if the file maps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The numbers under which it was there, each with the time from when and before which it was.
    pub ids: Vec<(u32, Ts, Ts)>,
}

impl DbnInstrument {
    /// Its number at a time.
    pub(crate) fn id_at(&self, ts: Ts) -> Option<u32> {
        let at = self
            .ids
            .iter()
            .find(|(_, from, to)| *from <= ts && ts < *to);
        at.map(|(id, _, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_that_has_a_meaning_comes_back() {
        for theirs in 0..=u8::MAX {
            assert_eq!(flags_to_dbn(flags_from_dbn(theirs)), theirs & DBN_FLAGS);
            assert_eq!(flags_from_dbn(theirs) & Flags::MORE, 0);
        }
    }

    #[test]
    fn publishers_of_one_dataset_are_told_apart() {
        let cases = [
            ("GLBX.MDP3", 1, Venue::Own),
            ("XNAS.ITCH", 2, Venue::Own),
            // Publishers 39 to 42 are the four venues of DBEQ.BASIC, 59 its own; 81 and 82 are of XNAS.BASIC.
            ("DBEQ.BASIC", 39, Venue::Named("XCHI")),
            ("DBEQ.BASIC", 41, Venue::Named("IEXG")),
            ("DBEQ.BASIC", 59, Venue::Own),
            ("XNAS.BASIC", 81, Venue::Own),
            ("XNAS.BASIC", 82, Venue::Named("FINN")),
            ("GLBX.MDP3", 2, Venue::Unknown),
            ("", 1, Venue::Unknown),
            (DBN_DATASET, 0, Venue::Own),
        ];
        for (dataset, publisher, expected) in cases {
            assert_eq!(
                Venue::of(dataset, publisher),
                expected,
                "{dataset} {publisher}"
            );
        }
    }
}
