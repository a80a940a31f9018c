//! Effects that are being done: of a kind, and in this process.

use super::worker::LOOK_AGAIN;
use crate::service::Stop;
use crate::{ChassisError, Result};
use std::collections::HashMap;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

/// One that is taken or done, until this is dropped.
pub(super) struct Busy(watch::Sender<usize>);

impl Busy {
    /// Counts one more.
    pub(super) fn new(count: watch::Sender<usize>) -> Busy {
        count.send_modify(|count| *count += 1);
        Busy(count)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Effects of a kind that are being done.
#[derive(Default)]
pub(super) struct Running {
    pub(super) tasks: JoinSet<Result<()>>,
    /// The lane of each.
    pub(super) lanes: HashMap<Id, String>,
    /// Why what came of one could not be noted, if so: its lease ends.
    pub(super) failed: Option<ChassisError>,
}

impl Running {
    /// Waits until one has ended; `None` if there is none.
    pub(super) async fn ended(&mut self) -> Option<()> {
        let (id, done) = match self.tasks.join_next_with_id().await? {
            Ok((id, done)) => (id, done),
            Err(error) => (error.id(), Ok(())),
        };
        self.lanes.remove(&id);
        self.failed = done.err().or(self.failed.take());
        Some(())
    }

    /// Waits until one has ended, for a while, or until the stop is told.
    pub(super) async fn change_or_after(&mut self, stop: &mut Stop) {
        tokio::select! {
            Some(()) = self.ended() => {}
            () = stop.or_after(LOOK_AGAIN) => {}
        }
    }
}
