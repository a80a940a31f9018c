//! Looks at the feeds and the core of a run that goes on, and keeps the states of those that have trouble.

use crate::metrics::{Gauge, Metrics};
use crate::pipeline::troubles::Troubles;
use tickloom_feeds::{FeedMetrics, FeedState};

/// What is looked at while the run goes on.
pub(super) struct Watch {
    pub(super) troubles: Troubles,
    is_core_up: Gauge,
    /// How often the status of each feed had changed when it was looked at last.
    seen: Vec<u64>,
}

impl Watch {
    pub(super) fn new(troubles: Troubles, metrics: &Metrics, feeds: usize) -> Watch {
        let is_core_up = metrics.gauge("core_up", "Whether the core makes outputs");
        is_core_up.set(1);
        Watch {
            troubles,
            is_core_up,
            seen: vec![0; feeds],
        }
    }

    /// The core makes no more outputs, though nobody has stopped it.
    pub(super) fn core_has_stopped(&mut self, text: &str) {
        self.is_core_up.set(0);
        self.troubles.set("core", text);
    }

    /// Names what keeps a feed from giving data, until data comes.
    pub(super) fn look_at_feed(&mut self, index: usize, name: &str, feed: &FeedMetrics) {
        let changes = feed.status_changes();
        let Some(seen) = self.seen.get_mut(index).filter(|seen| **seen != changes) else {
            return;
        };
        *seen = changes;
        let status = feed.status();
        match status.state {
            // On the way to something else: what was said before holds until it is there.
            FeedState::Starting | FeedState::Connecting | FeedState::Stopped => {}
            FeedState::Subscribed if status.reason.is_empty() => {}
            // Data comes; the state of each book is in the table.
            FeedState::Syncing | FeedState::Live => {
                self.troubles.clear(&feed_part(name), status.state.name());
            }
            _ => self.troubles.set(&feed_part(name), &status.to_string()),
        }
    }
}

/// A feed's name among the parts of a run.
pub(super) fn feed_part(name: &str) -> String {
    format!("feed {name}")
}
