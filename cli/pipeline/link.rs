//! The thread that follows the journal for a QuestDB server: how it is started, seen and stopped.

use crate::metrics::Metrics;
use crate::pipeline::Facts;
use crate::pipeline::questdb_thread::{self, Gauges, QuestDbThread};
use crate::pipeline::wiring::{join, spawn};
use crate::stop::Stop;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tickloom_data::questdb::{FollowOptions, FollowStatus, Follower};

/// Pause between two looks at a thread that ends.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The thread from outside.
pub(crate) struct QuestDbLink {
    thread: JoinHandle<()>,
    is_journal_closed: Arc<AtomicBool>,
    status: Arc<Mutex<FollowStatus>>,
}

impl QuestDbLink {
    /// Begins to send the journal to the server, if there is to be one.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn follow(
        facts: &Facts,
        metrics: &Metrics,
        stop: &Stop,
    ) -> Result<Option<QuestDbLink>> {
        let (Some(address), Some(journal)) = (&facts.questdb, &facts.journal) else {
            return Ok(None);
        };
        let follower = Follower::new(journal, address, FollowOptions::default());
        let status = follower.status();
        let is_journal_closed = Arc::new(AtomicBool::new(false));
        let thread = QuestDbThread {
            follower,
            is_journal_closed: Arc::clone(&is_journal_closed),
            probe: metrics.stage("questdb"),
            stop: stop.clone(),
            gauges: Gauges {
                is_up: metrics.gauge("questdb_up", "Whether QuestDB takes rows"),
                suspended: metrics.gauge(
                    "questdb_suspended_tables",
                    "Tables that QuestDB cannot write into",
                ),
                missing: metrics.gauge(
                    "questdb_missing_segments",
                    "Journal segments that were removed before QuestDB had them",
                ),
            },
        };
        Ok(Some(QuestDbLink {
            thread: spawn("questdb", None, move || thread.run())?,
            is_journal_closed,
            status,
        }))
    }

    /// How the server is, as a line of the table.
    pub(crate) fn line(&self) -> String {
        questdb_thread::line(&self.status)
    }

    /// The journal is closed: waits until the rest of it is sent or cannot be sent now. A user in a hurry is not kept waiting by
    /// a server that does not answer; what it lacks stays in the journal.
    ///
    /// # Errors
    /// The thread panicked.
    pub(crate) fn finish(self, stop: &Stop) -> Result<()> {
        self.is_journal_closed.store(true, Ordering::Release);
        while !self.thread.is_finished() {
            if stop.is_urgent() {
                return Ok(());
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
        join(self.thread, "questdb")
    }
}
