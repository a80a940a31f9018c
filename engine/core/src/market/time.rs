//! What time alone does: it closes bars, and makes silence noticed. Only what is due is looked at.

use super::{Bad, Market};
use tickloom_types::{DurationNs, InstrumentId, Record, Ts};

impl Market {
    /// The clock of a source: closes bars while the venue is silent, and notices that it is.
    pub(super) fn timer(&mut self, record: &Record) -> Result<(), Bad> {
        let now = record.ts_event();
        if record.instrument() != InstrumentId::NONE {
            let at = self.index(record)?;
            self.pass_time(at, record);
            self.look_at_silence(at, record);
            return Ok(());
        }
        let mut concerned = std::mem::take(&mut self.concerned);
        // Time passes for all of them before a silence takes prices away: bars are decided on with what was known before.
        self.closes.list(now, &mut concerned);
        for at in &concerned {
            if self.is_concerned(*at, record) {
                self.close_passed(*at, record);
            }
        }
        if let Some(most) = self.stale_after {
            self.silences.list(before(now, most), &mut concerned);
            for at in &concerned {
                if self.is_concerned(*at, record) {
                    self.look_at_silence(*at, record);
                }
            }
        }
        self.concerned = concerned;
        Ok(())
    }

    /// Takes the prices of an instrument away that has been silent for too long. When it is to be looked at again follows from
    /// the newest of what came; where there is nothing to take away, from what comes next.
    fn look_at_silence(&mut self, at: usize, record: &Record) {
        let Some(most) = self.stale_after else {
            return;
        };
        let since = self.states[at].silent_since();
        if since > before(record.ts_event(), most) {
            self.silences.set(at, since);
            return;
        }
        self.silences.remove(at);
        self.hold(at);
        if self.states[at].prices.fall_silent(&mut self.notes) {
            self.gap(at);
            self.tick_top(at, record);
        }
    }

    /// A silence of the instrument may take prices away from now on, which needs a feed to be silent.
    pub(super) fn watch_silence(&mut self, at: usize) {
        if self.stale_after.is_some() && self.states[at].feed.is_some() {
            self.silences.set(at, self.states[at].silent_since());
        }
    }

    /// Closes the bars of an instrument whose time is over.
    #[inline]
    pub(super) fn pass_time(&mut self, at: usize, record: &Record) {
        if record.ts_event() >= self.states[at].next_close {
            self.close_passed(at, record);
        }
    }

    fn close_passed(&mut self, at: usize, record: &Record) {
        let ts = record.ts_event();
        for builder in self.states[at].builders() {
            if let Some(bar) = self.builders[builder].pass_time(ts) {
                self.close_by_time(builder, &bar, record);
            }
        }
        self.plan_close(at);
    }

    #[inline]
    pub(super) fn plan_close(&mut self, at: usize) {
        let bars = &self.builders[self.states[at].builders()];
        let next = bars.iter().filter_map(|builder| builder.closes_at()).min();
        let next = next.unwrap_or(NEVER);
        if next != self.states[at].next_close {
            self.states[at].next_close = next;
            if next == NEVER {
                self.closes.remove(at);
            } else {
                self.closes.set(at, next);
            }
        }
    }
}

/// Later than any time that counts.
const NEVER: Ts = Ts(i64::MAX);

/// The newest time that is more than `most` before `now`.
fn before(now: Ts, most: DurationNs) -> Ts {
    Ts(now.0.saturating_sub(most).saturating_sub(1))
}
