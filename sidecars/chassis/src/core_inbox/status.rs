//! How far a run was taken, for whoever asks.

use crate::ChassisError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How far one journal was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreState {
    /// Folder of the journal.
    pub journal: PathBuf,
    /// Name of its run; `None` while it has not begun.
    pub run: Option<String>,
    /// The number after the last output that was taken.
    pub outputs: u64,
    /// Whether all that was on the disk at the last look was taken.
    pub is_caught_up: bool,
    /// Why it does not go on, if it does not.
    pub trouble: Option<String>,
}

/// The states of all journals that are followed, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    shared: Arc<Mutex<BTreeMap<PathBuf, CoreStatus>>>,
}

impl Followed {
    /// What they are now, by the folders of their journals.
    #[must_use]
    pub fn states(&self) -> Vec<CoreState> {
        let all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(CoreStatus::state).collect()
    }

    /// One more, of a journal that nobody follows yet; `None` if somebody does.
    pub(super) fn add(&self, journal: &Path) -> Option<CoreStatus> {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(journal) {
            return None;
        }
        let status = CoreStatus::new(journal);
        all.insert(journal.to_owned(), status.clone());
        Some(status)
    }
}

/// A state that its follower changes and others read.
#[derive(Clone, Debug)]
pub(super) struct CoreStatus {
    shared: Arc<Mutex<CoreState>>,
}

impl CoreStatus {
    /// Of a journal that nobody follows yet.
    pub(super) fn new(journal: &Path) -> CoreStatus {
        let state = CoreState {
            journal: journal.to_owned(),
            ..CoreState::default()
        };
        CoreStatus {
            shared: Arc::new(Mutex::new(state)),
        }
    }

    /// What it is now.
    pub(super) fn state(&self) -> CoreState {
        let state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    pub(super) fn wait(&self) {
        self.change(|state| {
            state.run = None;
            state.is_caught_up = true;
            state.trouble = None;
        });
    }

    pub(super) fn begin(&self, run: &str, outputs: u64) {
        self.change(|state| {
            state.run = Some(run.to_owned());
            state.outputs = outputs;
            state.is_caught_up = false;
        });
    }

    pub(super) fn took(&self, outputs: u64) {
        self.change(|state| {
            state.outputs = outputs;
            state.is_caught_up = false;
            state.trouble = None;
        });
    }

    pub(super) fn caught_up(&self) {
        self.change(|state| {
            state.is_caught_up = true;
            state.trouble = None;
        });
    }

    /// Whether this was not known.
    pub(super) fn fail(&self, error: &ChassisError) -> bool {
        let trouble = Some(error.to_string());
        let is_news = self.state().trouble != trouble;
        self.change(|state| {
            state.is_caught_up = false;
            state.trouble = trouble;
        });
        is_news
    }

    fn change(&self, change: impl FnOnce(&mut CoreState)) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
    }
}
