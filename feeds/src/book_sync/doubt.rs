//! What a book's sync remembers of diffs and snapshots that do not fit yet.

use super::BookSync;
use super::records::push_status;
use super::rule::{Ids, Place, SequenceRule};
use crate::binance::Level;
use crate::limits;
use tickloom_types::{Header, Sink, StatusCode};

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

impl BookSync {
    /// Counts a diff that the book is at.
    pub(super) fn count_duplicate(&mut self, header: Header, ids: Ids, sink: &mut impl Sink) {
        if self.is_overlapping {
            self.counts.overlaps += 1;
            return;
        }
        self.counts.duplicates += 1;
        push_status(header, StatusCode::Duplicate, ids.first, ids.last, sink);
    }

    /// Counts a diff that is older than the newest one. Says whether it is one of so many that the ids have begun anew: those that arrived
    /// before the newest one, as a recording tells again what it has, are no sign of that.
    pub(super) fn count_old(&mut self, header: Header, ids: Ids, sink: &mut impl Sink) -> bool {
        if self.is_overlapping {
            self.counts.overlaps += 1;
            return false;
        }
        self.counts.out_of_order += 1;
        push_status(header, StatusCode::OutOfOrder, ids.first, ids.last, sink);
        let is_told_again = header.ts_recv < self.newest_at;
        let is_anew = !is_told_again && self.old_run.add(self.rule, ids);
        self.counts.id_restarts += u64::from(is_anew);
        is_anew
    }
}
