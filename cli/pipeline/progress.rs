//! How far the reading of a long journal is, on stderr: records, how fast, and how long it will take.

use crate::output::{self, Screen};
use crate::table::grouped;
use std::time::{Duration, Instant};
use tickloom_journal::ReadSoFar;

/// Nothing is said of what takes no longer than this.
const FIRST_AFTER: Duration = Duration::from_millis(500);
/// Time between two lines, and between two drawings on a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// A reading in progress.
pub(crate) struct Progress {
    screen: Screen,
    began: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// It begins now.
    pub(crate) fn new() -> Progress {
        Progress {
            screen: Screen::new(),
            began: Instant::now(),
            told: None,
        }
    }

    /// Shows how far it is, now and then.
    pub(crate) fn show(&mut self, so_far: ReadSoFar) {
        let now = Instant::now();
        let every = if self.screen.is_terminal() {
            DRAW_EVERY
        } else {
            LINE_EVERY
        };
        let is_due = match self.told {
            None => now.duration_since(self.began) >= FIRST_AFTER,
            Some(told) => now.duration_since(told) >= every,
        };
        if !is_due {
            return;
        }
        self.told = Some(now);
        let text = line(so_far, now.duration_since(self.began));
        if self.screen.is_terminal() {
            self.screen.draw(&format!("{text}\n"));
        } else {
            output::note(&text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.screen.clear();
    }
}

fn line(so_far: ReadSoFar, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let rate = so_far.inputs.saturating_mul(1_000) / millis;
    let total = so_far.bytes_total.max(1);
    let percent = so_far.bytes.saturating_mul(100) / total;
    let left = so_far.bytes_total.saturating_sub(so_far.bytes);
    let left_s = u128::from(millis) * u128::from(left) / u128::from(so_far.bytes.max(1)) / 1_000;
    format!(
        "resuming   {} records, {} a second, {percent} % of the journal, {left_s} s left",
        grouped(so_far.inputs),
        grouped(rate),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_from_what_was_read() {
        let so_far = ReadSoFar {
            next_seq: 3_000_000,
            inputs: 3_000_000,
            bytes: 250,
            bytes_total: 1_000,
        };
        assert_eq!(
            line(so_far, Duration::from_secs(2)),
            "resuming   3,000,000 records, 1,500,000 a second, 25 % of the journal, 6 s left"
        );
        assert_eq!(
            line(ReadSoFar::default(), Duration::ZERO),
            "resuming   0 records, 0 a second, 0 % of the journal, 0 s left"
        );
    }
}
