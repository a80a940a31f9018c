//! What a feed is doing, and why: one word of a fixed list, and a line for people.
//!
//! Written by the feed's thread when it changes, read by whoever shows it. The line names no time that passes by itself, so
//! that it changes only when something has happened.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedState {
    /// It has not tried to connect yet.
    #[default]
    Starting,
    /// It is connecting.
    Connecting,
    /// It could not connect or lost the connection, or gets no snapshot of a book, and waits before it tries again.
    Waiting,
    /// It is connected and has subscribed; no data has come yet.
    Subscribed,
    /// The venue took the subscription, and of some or all of it nothing has come in time.
    Silent,
    /// Data comes, and not every book is live.
    Syncing,
    /// Data comes, and every book is live.
    Live,
    /// It was stopped.
    Stopped,
}

impl FeedState {
    /// All of them.
    pub const ALL: [FeedState; 8] = [
        FeedState::Starting,
        FeedState::Connecting,
        FeedState::Waiting,
        FeedState::Subscribed,
        FeedState::Silent,
        FeedState::Syncing,
        FeedState::Live,
        FeedState::Stopped,
    ];

    /// The word for it in metrics and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FeedState::Starting => "starting",
            FeedState::Connecting => "connecting",
            FeedState::Waiting => "waiting",
            FeedState::Subscribed => "subscribed",
            FeedState::Silent => "silent",
            FeedState::Syncing => "syncing",
            FeedState::Live => "live",
            FeedState::Stopped => "stopped",
        }
    }
}

/// A feed's state at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStatus {
    /// What it is doing.
    pub state: FeedState,
    /// Why, such as `cannot connect: connection refused, again in 2 s`; empty if there is nothing to say.
    pub reason: String,
}

impl FeedStatus {
    pub(crate) fn new(state: FeedState, reason: impl Into<String>) -> FeedStatus {
        FeedStatus {
            state,
            reason: reason.into(),
        }
    }
}

impl std::fmt::Display for FeedStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.state.name())?;
        if self.reason.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.reason)
    }
}

/// So many of the latest changes are kept for those who look now and then.
const CHANGES_KEPT: usize = 64;

/// The status of one feed, as the threads that show it see it.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    /// The latest changes; the last is what holds now.
    latest: Mutex<VecDeque<FeedStatus>>,
    changes: AtomicU64,
}

impl StatusBoard {
    pub(crate) fn get(&self) -> FeedStatus {
        let latest = self.latest.lock().ok();
        latest
            .and_then(|latest| latest.back().cloned())
            .unwrap_or_default()
    }

    /// The changes after so many, oldest first, and how many there are now.
    pub(crate) fn since(&self, seen: u64) -> (u64, Vec<FeedStatus>) {
        let Ok(latest) = self.latest.lock() else {
            return (seen, Vec::new());
        };
        let changes = self.changes();
        let new = usize::try_from(changes.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skipped = latest.len().saturating_sub(new);
        (changes, latest.iter().skip(skipped).cloned().collect())
    }

    pub(crate) fn set(&self, new: FeedStatus) {
        let Ok(mut latest) = self.latest.lock() else {
            return;
        };
        if latest.back() == Some(&new) || (latest.is_empty() && new == FeedStatus::default()) {
            return;
        }
        if latest.len() == CHANGES_KEPT {
            latest.pop_front();
        }
        latest.push_back(new);
        self.changes.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

/// A wait in words: `2 s`, `0.5 s`, `3 min`.
pub(crate) fn in_words(wait: Duration) -> String {
    let tenths = (wait.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (seconds, _) if seconds >= 7_200 => format!("{} h", (seconds + 1_800) / 3_600),
        (seconds, _) if seconds >= 120 => format!("{} min", (seconds + 30) / 60),
        (seconds, 0) => format!("{seconds} s"),
        (seconds, _) if seconds >= 10 => format!("{seconds} s"),
        (seconds, tenth) => format!("{seconds}.{tenth} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_counted() {
        let board = StatusBoard::default();
        assert_eq!(
            (board.changes(), board.get().state),
            (0, FeedState::Starting)
        );
        let waiting = FeedStatus::new(FeedState::Waiting, "cannot connect");
        board.set(waiting.clone());
        board.set(waiting.clone());
        assert_eq!((board.changes(), board.get()), (1, waiting.clone()));
        board.set(FeedStatus::new(FeedState::Waiting, ""));
        assert_eq!(board.changes(), 2);
        assert_eq!(board.since(2), (2, vec![]));
        assert_eq!(board.since(0), (2, vec![waiting.clone(), board.get()]));
        for at in 0..100 {
            board.set(FeedStatus::new(FeedState::Waiting, format!("{at}")));
        }
        let (changes, latest) = board.since(2);
        assert_eq!(
            (changes, latest.len(), latest[0].reason.as_str()),
            (102, 64, "36")
        );
        board.set(FeedStatus::new(FeedState::Waiting, ""));
        assert_eq!(waiting.to_string(), "waiting: cannot connect");
        assert_eq!(board.get().to_string(), "waiting");
    }

    #[test]
    fn waits_are_told_in_words() {
        for (millis, words) in [
            (2_000, "2 s"),
            (2_049, "2 s"),
            (500, "0.5 s"),
            (1_960, "2 s"),
            (12_400, "12 s"),
            (119_000, "119 s"),
            (180_000, "3 min"),
            (7_199_000, "120 min"),
            (259_200_000, "72 h"),
        ] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
    }
}
