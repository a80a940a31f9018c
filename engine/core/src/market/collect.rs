//! What records leave in their moment: bars that closed, prices that were stated, and what was known before.

use super::Market;
use super::moment::{BarCause, Before, Tick, is_start};
use crate::bars::Closed;
use tickloom_types::{Flags, Record};

impl Market {
    /// Begins a new moment, unless the record is one more of the moment before. A new session never is: what a crash cut is
    /// ended without a tick.
    #[inline]
    pub(super) fn begin(&mut self, record: &Record) {
        if !self.moment.is_open {
            self.moment.begin();
        } else if is_start(record) {
            self.cut(record);
        }
    }

    /// Ends a moment without a tick. Only that a price is gone must not be forgotten: that is told with this record. Bars that
    /// time closed were moments of their own: they are shown with this record's moment.
    #[cold]
    fn cut(&mut self, record: &Record) {
        let mut tops = std::mem::take(&mut self.moment.tops);
        tops.retain(|tick| self.states[tick.instrument].prices.top().is_none());
        let cut = self.moment.number;
        self.moment.begin_after_cut();
        let number = self.moment.number;
        for state in &mut self.states {
            for of in [&mut state.held_moment, &mut state.bar_moment] {
                if *of == cut {
                    *of = number;
                }
            }
        }
        for tick in &tops {
            self.tick_top(tick.instrument, record);
        }
    }

    /// A bar is done because time passed.
    pub(super) fn close_by_time(&mut self, builder: usize, bar: &Closed, record: &Record) {
        let bar = self.builders[builder].record(bar, &record.header);
        let cause = BarCause::new(Some(builder), bar.header, 0);
        self.moment.passed.push(bar, cause);
        self.note_closed(&bar, record);
    }

    /// A bar is done because of what is in the record.
    pub(super) fn complete(&mut self, builder: usize, bar: &Closed, record: &Record) {
        let bar = self.builders[builder].record(bar, &record.header);
        let cause = BarCause::new(Some(builder), record.header, self.moment.place());
        self.moment.complete(bar, cause);
        self.note_closed(&bar, record);
    }

    fn note_closed(&mut self, bar: &Record, record: &Record) {
        if let Ok(at) = self.index(bar) {
            self.note_bar(at, bar, record);
        }
    }

    /// The newest bar of an instrument, which is among the moment's already; the one before this moment is kept for rounds that
    /// come before it. There are none of them if time closed no bar until the last record, which lets time pass first of all.
    #[inline]
    pub(super) fn note_bar(&mut self, at: usize, bar: &Record, record: &Record) {
        let state = &mut self.states[at];
        let may_pass = record.has(Flags::MORE) || !self.moment.passed.records.is_empty();
        let keeps = may_pass && state.bar_moment != self.moment.number;
        if keeps {
            state.bar_moment = self.moment.number;
        }
        self.last_bars[at].take(state, bar, keeps);
    }

    /// Before a record changes an instrument in a moment in which time closed bars: what is known of it is kept for their
    /// rounds. That is of before the first record that let time pass, as nothing was kept until then.
    pub(super) fn hold(&mut self, at: usize) {
        let moment = &mut self.moment;
        let state = &mut self.states[at];
        if moment.passed.records.is_empty() || state.held_moment == moment.number {
            return;
        }
        state.held = moment.before.len();
        state.held_moment = moment.number;
        moment.before.push(Before {
            sides: state.prices.sides(),
            last: state.prices.last(),
            mark: state.prices.mark(),
            state: state.prices.state(),
            is_ticking: state.prices.is_ticking(),
        });
    }

    /// A record states bid and ask anew, or takes them away.
    pub(super) fn tick_top(&mut self, at: usize, record: &Record) {
        let tick = self.tick(at, record);
        let Market { moment, states, .. } = self;
        let places = states[at].ticks_in(moment.number);
        note_tick(&mut moment.tops, &mut places.top, tick);
    }

    /// A record states the last price anew.
    #[inline]
    pub(super) fn tick_last(&mut self, at: usize, record: &Record) {
        let tick = self.tick(at, record);
        let Market { moment, states, .. } = self;
        let places = states[at].ticks_in(moment.number);
        note_tick(&mut moment.lasts, &mut places.last, tick);
    }

    fn tick(&self, at: usize, record: &Record) -> Tick {
        Tick {
            instrument: at,
            header: record.header,
            place: self.moment.place(),
        }
    }
}

/// Puts a tick in the place that its instrument has among them, or gives it one.
#[inline]
fn note_tick(ticks: &mut Vec<Tick>, place: &mut u32, tick: Tick) {
    if let Some(known) = ticks.get_mut(*place as usize) {
        *known = tick;
    } else {
        *place = u32::try_from(ticks.len()).expect("instruments are numbered in 32 bits");
        ticks.push(tick);
    }
}
