//! The thread that keeps a QuestDB server up to date with the journal. It reads files only: whatever the server does, no other
//! thread waits for it.

use crate::metrics::{Gauge, Probe};
use crate::output;
use crate::stop::Stop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_data::DataError;
use tickloom_data::questdb::{FollowState, FollowStatus, Follower, Turn};

/// Pause when the journal has nothing new.
const IDLE: Duration = Duration::from_millis(20);
/// Longest pause: the end of the run is seen within it.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// Time for what is left once the journal is closed. What is not sent then stays in the journal.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Everything the thread owns.
pub(crate) struct QuestDbThread {
    pub(crate) follower: Follower,
    /// Whether the recorder has written its last record.
    pub(crate) is_journal_closed: Arc<AtomicBool>,
    pub(crate) probe: Probe,
    pub(crate) gauges: Gauges,
    pub(crate) stop: Stop,
}

/// What the metrics say beside the stage's numbers.
pub(crate) struct Gauges {
    /// 1 while the server takes rows.
    pub(crate) is_up: Gauge,
    /// Tables that the server has suspended.
    pub(crate) suspended: Gauge,
    /// Journal segments that were removed before they were sent.
    pub(crate) missing: Gauge,
}

impl QuestDbThread {
    /// Runs until the journal is closed and sent, or cannot be sent now. The recording goes on whatever happens here.
    pub(crate) fn run(mut self) {
        let status = self.follower.status();
        let mut shown = FollowStatus::default();
        let mut closed_at = None;
        loop {
            // Looked at first: then a turn that finds nothing has seen the journal's end.
            let is_closed = self.is_journal_closed.load(Ordering::Acquire);
            let now = Instant::now();
            let is_late =
                is_closed && now.duration_since(*closed_at.get_or_insert(now)) > DRAIN_MAX;
            if is_late || self.stop.is_urgent() {
                break;
            }
            let turn = self.follower.turn(now);
            let seen = status
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            self.show(&seen, &shown);
            shown = seen;
            match turn {
                Ok(Turn::Worked) => {}
                Ok(Turn::CaughtUp) if is_closed => break,
                Ok(Turn::CaughtUp) => std::thread::park_timeout(IDLE),
                Ok(Turn::Held(_)) if is_closed && shown.state != FollowState::Connected => break,
                Ok(Turn::Held(pause)) => std::thread::park_timeout(pause.min(PAUSE_MAX)),
                Err(error) => {
                    self.end(&error);
                    break;
                }
            }
        }
        self.probe.hand_over();
        if shown.behind > 0 {
            output::note(&format!(
                "questdb    {} records are not confirmed; they are in the journal, from where `tickloom questdb sync` sends them",
                shown.behind
            ));
        }
    }

    /// Hands the numbers over, and says what changed.
    fn show(&mut self, seen: &FollowStatus, shown: &FollowStatus) {
        self.probe
            .count(seen.confirmed.saturating_sub(shown.confirmed));
        self.probe.dropped(seen.refused - shown.refused);
        self.probe.lag(seen.behind);
        self.probe.hand_over();
        let suspended = match &seen.state {
            FollowState::Suspended { tables, .. } => tables.len() as u64,
            _ => 0,
        };
        let is_up = seen.state == FollowState::Connected;
        self.gauges.is_up.set(u64::from(is_up));
        self.gauges.suspended.set(suspended);
        let missing = seen.missing.iter().map(|(first, last)| last - first + 1);
        self.gauges.missing.set(missing.map(u64::from).sum());
        let has_changed = seen.state.name() != shown.state.name()
            || seen.missing.len() != shown.missing.len()
            || seen.refusal != shown.refusal;
        if has_changed {
            output::note(&format!("questdb    {seen}"));
        }
    }

    fn end(&mut self, error: &DataError) {
        self.gauges.is_up.set(0);
        output::note(&format!(
            "questdb    nothing more is sent to it: {error}; the recording goes on"
        ));
    }
}

/// The status as a line of the live table.
pub(crate) fn line(status: &Mutex<FollowStatus>) -> String {
    let status = status.lock().unwrap_or_else(PoisonError::into_inner);
    format!("questdb {status}")
}
