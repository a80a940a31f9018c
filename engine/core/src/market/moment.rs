//! What the records of one moment closed, priced anew and changed, until the moment ends and is shown.
//!
//! A moment is shown in rounds: first the bars that time closed, one round for each close time in the order of time, then all
//! the rest at once. How records fill a moment is in `records.rs`; who looks at the rounds is not known here.

use crate::book::Sides;
use std::ops::Range;
use tickloom_types::{BookState, Flags, Header, Kind, Record, StatusBody, StatusCode, Ts};

/// What is shown of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Bars that closed at one time because time passed: these of the moment's `passed`.
    Passed(Range<usize>),
    /// What the records themselves said: prices, and the bars that they completed.
    Now,
}

/// An instrument whose price was stated anew in a moment, or taken away, and the newest record that did so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) instrument: usize,
    /// Of the record.
    pub(crate) header: Header,
    /// The record's place in the moment.
    pub(crate) place: usize,
}

/// What was known of an instrument before the record that let time pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) sides: Option<Sides>,
    pub(super) last: Option<i64>,
    pub(super) mark: Option<i64>,
    pub(super) state: Option<BookState>,
    pub(super) is_ticking: bool,
}

/// Bars in the order in which they closed.
#[derive(Clone, Debug)]
pub(super) struct ClosedBars {
    pub(super) records: Vec<Record>,
    pub(super) causes: Vec<BarCause>,
}

/// What made a bar, and what closed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarCause {
    builder: Option<u32>,
    /// What outputs of it are stamped with: the bar's own header if time closed it, otherwise the record's.
    pub(crate) header: Header,
    /// Place of the record in the moment; 0 if time closed the bar.
    pub(crate) place: usize,
}

/// What is known of a moment so far.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Moments so far: what instruments remember of this one bears it.
    pub(super) number: u64,
    /// More records of it are to come.
    pub(super) is_open: bool,
    /// Records of it that count; those that the market drops do not.
    pub(super) taken: usize,
    /// The newest of these.
    pub(super) newest: Record,
    /// Bars that closed because time passed.
    pub(super) passed: ClosedBars,
    /// Bars that its records completed, or were.
    pub(super) now: ClosedBars,
    /// Bid and ask with their sizes, or that they cannot be trusted any more: each instrument once.
    pub(super) tops: Vec<Tick>,
    /// Last prices: each instrument once.
    pub(super) lasts: Vec<Tick>,
    /// Instruments as they were before the first record that let time pass, if a record changed them since.
    pub(super) before: Vec<Before>,
    /// Some record gave its instrument a new price.
    pub(super) has_price: bool,
    /// The bars of `now` so far have one close, and no builder has two of them.
    is_one_set: bool,
    /// Bars of `now` in the order in which they are counted; see [`Moment::arrange`].
    order: Vec<usize>,
    /// Ends of the sets in `order`.
    sets: Vec<usize>,
    /// By builder: the newest set that has a bar of it, counted over all moments.
    newest_set: Vec<u64>,
    /// Sets so far, over all moments.
    sets_made: u64,
    sorted: ClosedBars,
}

impl BarCause {
    /// Of a bar that a record of this place in the moment is, or closed.
    #[inline]
    pub(super) fn new(builder: Option<usize>, header: Header, place: usize) -> BarCause {
        BarCause {
            builder: builder.map(|at| u32::try_from(at).expect("the number of bars is limited")),
            header,
            place,
        }
    }

    /// Index of its builder; `None` for an input bar that nobody asked for.
    #[inline]
    pub(crate) fn builder(&self) -> Option<usize> {
        self.builder.map(|at| at as usize)
    }
}

impl ClosedBars {
    fn new(count: usize) -> ClosedBars {
        ClosedBars {
            records: Vec::with_capacity(count),
            causes: Vec::with_capacity(count),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, record: Record, cause: BarCause) {
        self.records.push(record);
        self.causes.push(cause);
    }

    fn clear(&mut self) {
        self.records.clear();
        self.causes.clear();
    }

    fn ts(&self, at: usize) -> Ts {
        self.records[at].ts_event()
    }
}

impl Moment {
    /// Of a market with so many builders and instruments.
    pub(super) fn new(builders: usize, instruments: usize) -> Moment {
        let bars = 2 * builders + 1;
        Moment {
            number: 0,
            is_open: false,
            taken: 0,
            newest: Record::default(),
            passed: ClosedBars::new(bars),
            now: ClosedBars::new(bars),
            tops: Vec::with_capacity(instruments),
            lasts: Vec::with_capacity(instruments),
            before: Vec::with_capacity(instruments),
            has_price: false,
            is_one_set: true,
            order: Vec::with_capacity(bars),
            sets: Vec::with_capacity(bars),
            newest_set: vec![0; builders],
            sets_made: 1,
            sorted: ClosedBars::new(bars),
        }
    }

    /// Forgets the moment before.
    pub(super) fn begin(&mut self) {
        // Most moments close no bar, and some price nothing.
        if !self.passed.records.is_empty() {
            self.passed.clear();
            self.before.clear();
        }
        self.begin_after_cut();
    }

    /// Forgets the moment before, but for the bars that time closed in it.
    pub(super) fn begin_after_cut(&mut self) {
        self.number += 1;
        self.taken = 0;
        self.has_price = false;
        if !self.now.records.is_empty() {
            self.now.clear();
            self.order.clear();
            self.sets.clear();
            self.sets_made += 1;
            self.is_one_set = true;
        }
        self.tops.clear();
        self.lasts.clear();
    }

    /// A record completed a bar, or was it.
    #[inline]
    pub(super) fn complete(&mut self, bar: Record, cause: BarCause) {
        if let Some(first) = self.now.records.first() {
            self.is_one_set &= first.header.ts_event == bar.header.ts_event;
        }
        if let Some(builder) = cause.builder() {
            let newest = std::mem::replace(&mut self.newest_set[builder], self.sets_made);
            self.is_one_set &= newest != self.sets_made;
        }
        self.now.push(bar, cause);
    }

    /// A record of it counts.
    #[inline]
    pub(super) fn take(&mut self, record: &Record) {
        self.taken += 1;
        self.newest = *record;
    }

    /// It is over: the newest record that counts is its last one, though one that does not may have come after it.
    #[inline]
    pub(super) fn end(&mut self) {
        if self.newest.has(Flags::MORE) {
            self.newest.header.flags &= !Flags::MORE;
        }
    }

    /// Whether no price was stated anew or taken away.
    #[inline]
    pub(super) fn ticked_nothing(&self) -> bool {
        self.tops.is_empty() && self.lasts.is_empty()
    }

    /// Whether no bar closed in it.
    #[inline]
    pub(super) fn closed_nothing(&self) -> bool {
        self.passed.records.is_empty() && self.now.records.is_empty()
    }

    /// Place of the record that is being taken in.
    pub(super) fn place(&self) -> usize {
        self.taken
    }

    /// The round after this one, the first one after `None`; `None` if all were shown, or nothing counts.
    pub(super) fn next_round(&mut self, shown: Option<&Round>) -> Option<Round> {
        let from = match shown {
            Some(Round::Now) => return None,
            Some(Round::Passed(range)) => range.end,
            None if self.taken == 0 => return None,
            None => {
                self.sort_passed();
                self.end();
                0
            }
        };
        if from == self.passed.records.len() {
            self.arrange();
            return Some(Round::Now);
        }
        let later = self.passed.records[from..].iter();
        let close = self.passed.ts(from);
        let count = later.take_while(|bar| bar.ts_event() == close).count();
        Some(Round::Passed(from..from + count))
    }

    /// Bars that time closed in the order of their closes; those of one time in the order in which they were closed.
    fn sort_passed(&mut self) {
        if self.passed.records.is_sorted_by_key(Record::ts_event) {
            return;
        }
        let Moment {
            passed,
            sorted,
            order,
            ..
        } = self;
        order.clear();
        order.extend(0..passed.records.len());
        order.sort_unstable_by_key(|at| (passed.ts(*at), *at));
        sorted.clear();
        for at in order.iter() {
            sorted.push(passed.records[*at], passed.causes[*at]);
        }
        order.clear();
        std::mem::swap(passed, sorted);
    }

    /// Puts the bars of `now` into sets of which none has two bars of one builder, so that every bar counts in windows:
    /// one set, unless a builder closed several in this moment. Bars with equal closes are in one set as far as can be,
    /// and a set never has an earlier close than one before it.
    #[inline]
    pub(super) fn arrange(&mut self) {
        if !self.is_one_set {
            self.arrange_many(self.now.records.len());
        }
    }

    fn arrange_many(&mut self, count: usize) {
        self.order.clear();
        self.sets.clear();
        self.order.extend(0..count);
        let now = &self.now;
        self.order.sort_unstable_by_key(|at| (now.ts(*at), *at));
        self.sets_made += 1;
        let mut from = 0;
        while from < count {
            let end = self.end_of_close(from);
            // Equal closes stay together: if one of them must wait for the next set, so do all.
            if (from..end).any(|place| self.repeats(place)) {
                self.begin_set(from);
            }
            for place in from..end {
                if self.repeats(place) {
                    self.begin_set(place);
                }
                if let Some(builder) = self.builder(place) {
                    self.newest_set[builder] = self.sets_made;
                }
            }
            from = end;
        }
        self.sets.push(count);
    }

    /// End of the bars in `order` that have the same close as the one at `from`.
    fn end_of_close(&self, from: usize) -> usize {
        let close = self.now.ts(self.order[from]);
        let equal = self.order[from..].iter();
        from + equal.take_while(|at| self.now.ts(**at) == close).count()
    }

    fn builder(&self, place: usize) -> Option<usize> {
        self.now.causes[self.order[place]].builder()
    }

    /// Whether the set has a bar of this one's builder already.
    fn repeats(&self, place: usize) -> bool {
        let builder = self.builder(place);
        builder.is_some_and(|builder| self.newest_set[builder] == self.sets_made)
    }

    fn begin_set(&mut self, place: usize) {
        self.sets.push(place);
        self.sets_made += 1;
    }

    /// Whether the bars of `now` are one set in the order in which they are.
    #[inline]
    pub(super) fn is_one_set(&self) -> bool {
        self.is_one_set
    }

    /// The bars of `now` by sets, where they are not one; see [`Moment::arrange`].
    pub(super) fn set(&self, number: usize) -> Option<&[usize]> {
        let end = *self.sets.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.sets[before]);
        Some(&self.order[start..end])
    }
}

/// Whether the record begins a session.
pub(super) fn is_start(record: &Record) -> bool {
    record.header.kind == Kind::Status as u8
        && StatusBody::of(record).code == StatusCode::Started as u16
}
