//! Ctrl-C and SIGTERM as a number that loops look at: whoever runs ends by itself, with nothing torn.

use crate::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often the user has said that the command shall end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    presses: Arc<AtomicU32>,
}

impl Stop {
    /// Catches Ctrl-C, SIGTERM and SIGHUP from now on. Once a process.
    ///
    /// # Errors
    /// The operating system refused the handler.
    pub(crate) fn catch() -> Result<Stop, Failure> {
        let stop = Stop::default();
        let pressed = stop.clone();
        ctrlc::set_handler(move || pressed.press()).map_err(Failure::run)?;
        Ok(stop)
    }

    /// As if the user had said it.
    pub(crate) fn press(&self) {
        self.presses.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it was pressed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.presses.load(Ordering::Relaxed) > 0
    }

    /// Whether it was pressed again: what can be done at the next start as well is left to that.
    pub(crate) fn is_urgent(&self) -> bool {
        self.presses.load(Ordering::Relaxed) > 1
    }
}
