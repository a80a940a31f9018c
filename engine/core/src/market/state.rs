//! What the market remembers from one moment to the next. What it keeps of a moment is gone when the moment is over.

use super::{Instrument, Market};
use crate::state::BarState;
use tickloom_types::{
    InstrumentId, Kind, Record, SourceId, StateError, StateReader, StateWriter, Ts,
};

impl Market {
    /// Whether more records of the last one's moment are to come.
    pub(crate) fn is_in_moment(&self) -> bool {
        self.moment.is_open
    }

    /// The bars that are open, by instrument.
    pub(crate) fn bars_in_the_making(&self) -> impl Iterator<Item = BarState> {
        self.builders.iter().filter_map(|builder| builder.state())
    }

    /// To be asked for at the end of a moment.
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.u64(self.counters.bad);
        to.u64(self.counters.late);
        to.u64(self.counters.unsynced);
        for state in &self.states {
            state.save(to);
        }
        for builder in &self.builders {
            builder.save(to);
        }
    }

    /// Onto a market of the same instruments and bars that has seen nothing.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("the market");
        self.counters.bad = from.tally()?;
        self.counters.late = from.tally()?;
        self.counters.unsynced = from.tally()?;
        for (id, state) in (0_u32..).map(InstrumentId).zip(&mut self.states) {
            state.load(id, from)?;
        }
        from.begin("the bars in the making");
        for builder in &mut self.builders {
            builder.load(from)?;
        }
        for at in 0..self.states.len() {
            self.plan_close(at);
        }
        Ok(())
    }
}

impl Instrument {
    fn save(&self, to: &mut StateWriter) {
        self.prices.save(to);
        to.option(self.since, save_ts);
        to.option(self.feed, |to, source| to.u16(source.0));
        save_ts(to, self.seen);
        to.option(self.quoted, save_ts);
        to.option(self.last_bar.as_ref(), StateWriter::record);
        to.count(self.newest_bars.len());
        for (spec, close) in &self.newest_bars {
            to.bar_spec(*spec);
            save_ts(to, *close);
        }
    }

    fn load(&mut self, id: InstrumentId, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.prices.load(from)?;
        self.since = from.option(load_ts)?;
        self.feed = from.option(|from| from.u16().map(SourceId))?;
        self.seen = load_ts(from)?;
        self.quoted = from.option(load_ts)?;
        self.last_bar = from.option(StateReader::record)?;
        let is_bar = |bar: &Record| {
            let is_kind = matches!(bar.kind(), Some(Kind::Bar | Kind::BarClosed));
            is_kind && bar.instrument() == id
        };
        from.check(self.last_bar.as_ref().is_none_or(is_bar), "a bar")?;
        for _ in 0..from.count(usize::from(u16::MAX))? {
            let newest = (from.bar_spec()?, load_ts(from)?);
            self.newest_bars.push(newest);
        }
        Ok(())
    }
}

fn save_ts(to: &mut StateWriter, ts: Ts) {
    to.i64(ts.0);
}

fn load_ts(from: &mut StateReader<'_>) -> Result<Ts, StateError> {
    from.i64().map(Ts)
}
