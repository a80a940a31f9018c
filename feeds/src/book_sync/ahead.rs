//! Snapshots that are ahead of every diff so far.

use super::BookSync;
use super::rule::Ids;
use crate::binance::Depth;
use crate::limits;
use tickloom_types::{BookState, Header, Sink};

impl BookSync {
    /// Takes a diff while a snapshot waits that was ahead of all before it.
    pub(super) fn diff_behind(
        &mut self,
        header: Header,
        diff: &Depth<'_>,
        ids: Ids,
        sink: &mut impl Sink,
    ) {
        let at = self.ahead.id;
        let is_held = self.rule.is_held(at, ids);
        if is_held && ids.last < at {
            self.counts.before_snapshot += 1;
            if self.is_out_of_reach(diff.header) {
                self.counts.snapshots_too_new += 1;
                self.forget();
                self.wait(diff, ids);
            }
            return;
        }
        if !is_held && !self.rule.bridges(at, ids) {
            self.counts.snapshots_too_old += 1;
            self.forget();
            self.wait(diff, ids);
            return;
        }
        let levels = std::mem::take(&mut self.ahead.levels);
        self.forget();
        let snapshot = Depth {
            header,
            first_id: at,
            last_id: at,
            previous_id: None,
            levels: &levels,
        };
        self.begin_at(&snapshot, sink);
        if is_held {
            self.counts.before_snapshot += 1;
        } else {
            self.apply(diff.header, ids, diff.levels.iter().copied(), sink);
        }
        self.counts.syncs += 1;
        self.enter(BookState::Live, diff.header, sink);
    }

    /// Counts a diff that is older than the snapshot. Says whether there have been so many, for so long, that the
    /// snapshot's id cannot be right.
    pub(super) fn is_out_of_reach(&mut self, header: Header) -> bool {
        self.held = self.held.saturating_add(1);
        let waited = header.ts_recv.saturating_sub(self.snapshot_at);
        self.held >= limits::HELD_DIFFS_MAX && waited >= limits::HELD_TIME_MAX
    }
}
