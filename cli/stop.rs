//! Ctrl-C and SIGTERM as a flag that loops look at: whoever runs ends by itself, with nothing torn.

use crate::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user wants the command to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    wanted: Arc<AtomicBool>,
}

impl Stop {
    /// Catches Ctrl-C, SIGTERM and SIGHUP from now on. Once a process.
    ///
    /// # Errors
    /// The operating system refused the handler.
    pub(crate) fn catch() -> Result<Stop, Failure> {
        let stop = Stop {
            wanted: Arc::new(AtomicBool::new(false)),
        };
        let wanted = Arc::clone(&stop.wanted);
        ctrlc::set_handler(move || wanted.store(true, Ordering::Relaxed)).map_err(Failure::run)?;
        Ok(stop)
    }

    /// Whether it was pressed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }
}
