//! What decisions see of the market: the prices of an instrument, and the closes of the bars of this moment.

use crate::book::Sides;
use crate::market::Market;
use tickloom_types::{BarBody, BookState, InstrumentId, Side};

/// The close of the bar of each instrument that closed in this moment, for fills at it.
#[derive(Clone, Debug)]
pub(crate) struct Closes {
    moment: u64,
    /// By instrument: the moment in which a bar of it closed last, and at which price.
    newest: Vec<(u64, i64)>,
}

/// A view of the market: where decisions see prices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    /// The market, with the closes of this moment where orders fill at them.
    Market {
        market: &'a Market,
        closes: Option<&'a Closes>,
    },
    /// A bar of the only instrument that has just closed.
    Close(i64),
}

/// What is seen of an instrument when an order is submitted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenPrices {
    /// Price to value it at; `None` if there is none that can be trusted.
    pub(crate) mark: Option<i64>,
    /// What is shown of bid and ask.
    pub(crate) sides: Option<Sides>,
    /// Close of the bar that closed just now, if one did, else the mark.
    pub(crate) close: Option<i64>,
}

impl Closes {
    pub(super) fn new(instruments: usize) -> Closes {
        Closes {
            moment: 0,
            newest: vec![(0, 0); instruments],
        }
    }

    /// Takes the bars that closed in this moment: of each instrument the last one counts.
    pub(super) fn take(&mut self, market: &Market) {
        self.moment += 1;
        for bar in market.closed_bars() {
            let at = usize::try_from(bar.header.instrument).ok();
            if let Some(newest) = at.and_then(|at| self.newest.get_mut(at)) {
                *newest = (self.moment, BarBody::of(bar).close);
            }
        }
    }

    fn of(&self, instrument: InstrumentId) -> Option<i64> {
        let (moment, close) = self.newest.get(usize::try_from(instrument.0).ok()?)?;
        (*moment == self.moment).then_some(*close)
    }
}

impl View<'_> {
    pub(crate) fn prices(self, instrument: InstrumentId) -> SeenPrices {
        match self {
            View::Market { market, closes } => SeenPrices::of(market, closes, instrument),
            View::Close(close) => SeenPrices {
                mark: Some(close),
                sides: None,
                close: Some(close),
            },
        }
    }
}

impl SeenPrices {
    fn of(market: &Market, closes: Option<&Closes>, instrument: InstrumentId) -> SeenPrices {
        let state = market.book_state(instrument);
        let is_doubtful = matches!(state, Some(BookState::Stale | BookState::Resync));
        // Where bars are newer than all that came of a book, they are the price.
        if is_doubtful && market.is_ticking(instrument) {
            return SeenPrices::default();
        }
        let mark = market.mark(instrument);
        SeenPrices {
            mark,
            sides: market.sides(instrument),
            close: closes.and_then(|closes| closes.of(instrument)).or(mark),
        }
    }

    /// Price at which a market order would fill as far as can be seen.
    pub(crate) fn expected(&self, side: Side) -> Option<i64> {
        let opposite = self.sides.and_then(|sides| sides.opposite(side));
        opposite.map_or(self.mark, |shown| Some(shown.price))
    }
}
