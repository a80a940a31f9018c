//! What the market remembers from one moment to the next. What it keeps of a moment is gone when the moment is over, and when
//! it is to look at which instrument follows from the rest.

use super::Market;
use super::instrument::Instrument;
use crate::state::BarState;
use tickloom_types::{
    BarSpec, InstrumentId, Kind, Record, SourceId, StateError, StateReader, StateWriter, Ts,
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
        for (state, last_bars) in self.states.iter().zip(&self.last_bars) {
            state.save(to);
            to.option(last_bars.newest(state), StateWriter::record);
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
        let states = self.states.iter_mut().zip(&mut self.last_bars);
        for (id, (state, last_bars)) in (0_u32..).map(InstrumentId).zip(states) {
            state.load(from)?;
            if let Some(bar) = from.option(|from| load_bar(id, from))? {
                last_bars.take(state, &bar, false);
            }
        }
        from.begin("the bars in the making");
        for builder in &mut self.builders {
            builder.load(from)?;
        }
        for at in 0..self.states.len() {
            self.plan_close(at);
            self.watch_silence(at);
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
        to.option(self.newest_bar, save_close);
        to.count(self.other_bars.len());
        for close in &self.other_bars {
            save_close(to, *close);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.prices.load(from)?;
        self.since = from.option(load_ts)?;
        self.feed = from.option(|from| from.u16().map(SourceId))?;
        self.seen = load_ts(from)?;
        self.quoted = from.option(load_ts)?;
        self.newest_bar = from.option(load_close)?;
        for _ in 0..from.count(usize::from(u16::MAX))? {
            self.other_bars.push(load_close(from)?);
        }
        Ok(())
    }
}

/// A bar of this instrument.
fn load_bar(id: InstrumentId, from: &mut StateReader<'_>) -> Result<Record, StateError> {
    let bar = from.record()?;
    let is_bar = matches!(bar.kind(), Some(Kind::Bar | Kind::BarClosed));
    from.check(is_bar && bar.instrument() == id, "a bar")?;
    Ok(bar)
}

/// A size of bars with the newest close.
fn save_close(to: &mut StateWriter, (spec, close): (BarSpec, Ts)) {
    to.bar_spec(spec);
    save_ts(to, close);
}

fn load_close(from: &mut StateReader<'_>) -> Result<(BarSpec, Ts), StateError> {
    Ok((from.bar_spec()?, load_ts(from)?))
}

fn save_ts(to: &mut StateWriter, ts: Ts) {
    to.i64(ts.0);
}

fn load_ts(from: &mut StateReader<'_>) -> Result<Ts, StateError> {
    from.i64().map(Ts)
}
