//! What a book's sync remembers of diffs and snapshots that do not fit yet.

use super::rule::{Ids, Place, SequenceRule};
use crate::binance::Level;
use crate::limits;
use tickloom_types::Header;

/// A diff that waits for the snapshot; its levels are in the common queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) header: Header,
    pub(super) ids: Ids,
    pub(super) level_count: usize,
}

/// Diffs one after the other that are older than the newest one: the venue has begun its ids anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OldRun {
    /// How many since the last diff that was none of them.
    pub(super) all: u32,
    /// How many of the latest follow each other without a gap.
    pub(super) chained: u32,
    pub(super) newest: Ids,
}

/// A snapshot that is ahead of every diff so far.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) header: Option<Header>,
    pub(super) id: u64,
    pub(super) levels: Vec<Level>,
}

impl OldRun {
    /// Takes a diff that is older than the newest one. Says whether it is one of so many that the ids have begun anew.
    pub(super) fn add(&mut self, rule: SequenceRule, ids: Ids) -> bool {
        let follows = matches!(rule.place(self.newest, ids), Place::Next);
        self.chained = if self.all > 0 && follows {
            self.chained + 1
        } else {
            1
        };
        self.all = self.all.saturating_add(1);
        self.newest = ids;
        self.chained >= limits::OLD_DIFFS_CHAINED_MAX || self.all >= limits::OLD_DIFFS_MAX
    }
}
