//! Books as the REST service answers them, and who is subscribed to what.

use super::{Playback, State, Topic};

/// How a wait for a book ended.
pub(in crate::local_venue) enum Found {
    /// The book, as the REST service writes it.
    Snapshot(String),
    /// There is no such symbol.
    UnknownSymbol,
    /// The recording ended without a snapshot.
    Never,
}

impl Playback {
    /// The book of a symbol as the REST service answers it; waits for the recorded snapshot if the play is not there yet.
    pub(in crate::local_venue) async fn snapshot(&self, symbol: &str, depth: usize) -> Found {
        let found = self
            .wait_until(|state| {
                let Some(index) = state.ledger.index(symbol) else {
                    return Some(Found::UnknownSymbol);
                };
                let shift = state.id_shift;
                if let Some(json) = state.ledger.snapshot_json(index, depth, self.venue, shift) {
                    return Some(Found::Snapshot(json));
                }
                state.progress.is_finished.then_some(Found::Never)
            })
            .await;
        if let Found::Snapshot(_) = found {
            self.change(|state| state.progress.snapshots += 1);
        }
        found
    }
}

impl State {
    /// Whether somebody is subscribed to such a topic.
    pub(in crate::local_venue) fn has_topic(&self, is_it: impl Fn(&Topic) -> bool) -> bool {
        let mut topics = self.subscribers.iter().flat_map(|one| &one.topics);
        topics.any(is_it)
    }
}
