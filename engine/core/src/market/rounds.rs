//! What a moment did, shown in rounds: to signals, which take bars and prices from here, and to strategies.

use super::Market;
use super::moment::{BarCause, ClosedBars, Round, Tick};
use crate::book::Top;
use std::ops::Range;
use tickloom_types::{Header, Record, Ts};

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

/// What made an expression tick in a round: its place among bars, tops or last prices. The markets of all parts of a core have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TickedBy {
    /// What the whole round follows from.
    #[default]
    Round,
    /// A bar.
    Bar(usize),
    /// Bid and ask.
    Top(usize),
    /// A last price.
    Last(usize),
}

impl<'a> BarSet<'a> {
    /// Calls `on` with each bar, what made it, and its place.
    #[inline]
    pub(crate) fn for_each(&self, mut on: impl FnMut(&'a Record, &'a BarCause, TickedBy)) {
        let bars = self.bars;
        let mut at = |at: usize| on(&bars.records[at], &bars.causes[at], TickedBy::Bar(at));
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
        let moment = &self.moment;
        if moment.is_open || self.is_now() {
            return false;
        }
        // Time closes bars in few moments: in the others there is one round.
        if moment.passed.records.is_empty() && moment.taken > 0 {
            self.moment.end();
            self.moment.arrange();
            self.shown = Some(Round::Now);
            return true;
        }
        self.show_next()
    }

    /// Whether the round is that of records of which nothing came that signals are fed with: no price ticked, no bar closed.
    #[inline]
    pub(crate) fn has_nothing_new(&self) -> bool {
        self.moment.ticked_nothing() && self.moment.closed_nothing()
    }

    /// Whether no bar closed in the moment.
    #[inline]
    pub(crate) fn has_no_bars(&self) -> bool {
        self.moment.closed_nothing()
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
    #[inline]
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
    #[inline]
    pub(crate) fn is_now(&self) -> bool {
        matches!(self.shown, Some(Round::Now))
    }

    /// The header that an output is stamped with, but for its kind and flags, which are its own.
    #[inline]
    pub(crate) fn header_of(&self, by: TickedBy) -> &Header {
        let cause = &self.cause().header;
        match by {
            TickedBy::Round => cause,
            TickedBy::Bar(at) => match self.shown {
                Some(Round::Passed(_)) => &self.moment.passed.causes[at].header,
                _ => &self.moment.now.causes[at].header,
            },
            TickedBy::Top(at) => &self.moment.tops[at].header,
            TickedBy::Last(at) => &self.moment.lasts[at].header,
        }
    }

    /// Whether all that ticked in this round is told with the header of [`Market::cause`].
    #[inline]
    pub(crate) fn has_one_cause(&self) -> bool {
        match &self.shown {
            Some(Round::Passed(range)) => range.len() == 1,
            _ => self.moment.taken == 1,
        }
    }

    /// Bid and ask that ticked in this round.
    #[inline]
    pub(crate) fn tops(&self) -> &[Tick] {
        if self.is_now() {
            &self.moment.tops
        } else {
            &[]
        }
    }

    /// Last prices that ticked in this round.
    #[inline]
    pub(crate) fn lasts(&self) -> &[Tick] {
        if self.is_now() {
            &self.moment.lasts
        } else {
            &[]
        }
    }

    /// Best bid and ask of a tick's instrument; `None` if they cannot be trusted any more.
    pub(crate) fn top_of(&self, tick: &Tick) -> Option<Top> {
        self.states[tick.instrument].prices.top()
    }

    /// The last price of a tick's instrument.
    pub(crate) fn last_of(&self, tick: &Tick) -> Option<i64> {
        self.states[tick.instrument].prices.last()
    }

    /// The bar of this round, if it is the only one of the moment and a record completed it, or was it.
    #[inline]
    pub(crate) fn only_bar(&self) -> Option<(&Record, &BarCause)> {
        let ClosedBars { records, causes } = &self.moment.now;
        match (&records[..], &causes[..]) {
            ([bar], [cause]) if self.is_now() => Some((bar, cause)),
            _ => None,
        }
    }

    /// The bars of this round that are counted together, with what made them; `None` after the last set. There is more than
    /// one only where a builder closed several bars: then each set has at most one of each builder.
    #[inline]
    pub(crate) fn bar_set(&self, number: usize) -> Option<BarSet<'_>> {
        let (bars, places) = match &self.shown {
            Some(Round::Passed(range)) if number == 0 => {
                return Some(BarSet {
                    bars: &self.moment.passed,
                    places: Places::All(range.clone()),
                });
            }
            Some(Round::Now) if self.moment.is_one_set() => {
                let bars = &self.moment.now;
                let count = bars.records.len();
                return (number == 0 && count > 0).then_some(BarSet {
                    bars,
                    places: Places::All(0..count),
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
