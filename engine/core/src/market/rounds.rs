//! What a moment did, shown in rounds: to signals, which take bars and prices from here, and to strategies.

use super::Market;
use super::moment::{BarCause, ClosedBars, Round, Tick};
use crate::book::Top;
use std::ops::Range;
use tickloom_types::{Record, Ts};

/// Bars that are counted together.
#[derive(Clone, Debug)]
pub(crate) struct BarSet<'a> {
    bars: &'a ClosedBars,
    places: Places<'a>,
}

#[derive(Clone, Debug)]
enum Places<'a> {
    All(Range<usize>),
    Listed(&'a [usize]),
}

impl<'a> BarSet<'a> {
    /// Calls `on` with each bar and what made it.
    pub(crate) fn for_each(&self, mut on: impl FnMut(&'a Record, &'a BarCause)) {
        let bars = self.bars;
        let mut at = |at: usize| on(&bars.records[at], &bars.causes[at]);
        match &self.places {
            Places::All(range) => range.clone().for_each(&mut at),
            Places::Listed(places) => places.iter().for_each(|place| at(*place)),
        }
    }
}

impl Market {
    /// Shows the next round of the moment, if it is over; `false` if there is none left. `closed_bars` and what else tells of
    /// changes are then of this round alone, and prices are as of it.
    #[inline]
    pub(crate) fn next_round(&mut self) -> bool {
        !self.moment.is_open && self.show_next()
    }

    fn show_next(&mut self) -> bool {
        let next = self.moment.next_round(self.shown.as_ref());
        let has_next = next.is_some();
        if has_next {
            self.shown = next;
        }
        has_next
    }

    /// What decisions of this round follow from: the first of the bars that time closed, or the newest record that counts.
    pub(crate) fn cause(&self) -> &Record {
        match &self.shown {
            Some(Round::Passed(range)) => &self.moment.passed.records[range.start],
            _ => &self.moment.newest,
        }
    }

    /// Event time of the moment's newest record that counts: when it is now, whatever the close of the bars is that are shown.
    pub(crate) fn now(&self) -> Ts {
        self.moment.newest.ts_event()
    }

    /// Whether the round is that of the records themselves, not of bars that time closed.
    pub(crate) fn is_now(&self) -> bool {
        self.shown == Some(Round::Now)
    }

    /// Whether all that ticked in this round is told with the header of [`Market::cause`].
    pub(crate) fn has_one_cause(&self) -> bool {
        match &self.shown {
            Some(Round::Passed(range)) => range.len() == 1,
            _ => self.moment.taken == 1,
        }
    }

    /// Prices that ticked in this round.
    pub(crate) fn ticks(&self) -> &[Tick] {
        if self.is_now() {
            &self.moment.ticks
        } else {
            &[]
        }
    }

    /// Best bid and ask of a tick, and the last price.
    pub(crate) fn priced(&self, tick: &Tick) -> (Option<Top>, Option<i64>) {
        let prices = &self.states[tick.instrument].prices;
        (prices.top(), prices.last())
    }

    /// The bars of this round that are counted together, with what made them; `None` after the last set. There is more than
    /// one only where a builder closed several bars: then each set has at most one of each builder.
    pub(crate) fn bar_set(&self, number: usize) -> Option<BarSet<'_>> {
        let (bars, places) = match &self.shown {
            Some(Round::Passed(range)) if number == 0 => {
                return Some(BarSet {
                    bars: &self.moment.passed,
                    places: Places::All(range.clone()),
                });
            }
            Some(Round::Now) => (&self.moment.now, self.moment.set(number)?),
            _ => return None,
        };
        Some(BarSet {
            bars,
            places: Places::Listed(places),
        })
    }
}
