//! Sequence rules: makes one unbroken line of level records from a snapshot and the diffs around it.
//!
//! One `BookSync` per instrument. It holds no book and does no I/O: it says when it wants a snapshot, somebody fetches
//! it. Whatever it lets through while `Live` is exactly the venue's book at the last update id; on any doubt it goes to
//! `Resync` and starts again from a snapshot.
//!
//! ```text
//! Resync --snapshot that the waiting diffs bridge--> Live --a gap--> Resync        any --stale()--> Stale --restart()--> Resync
//! ```
//!
//! A snapshot that is ahead of every diff so far waits for the diff that joins on to it: were its id wrong, every diff to
//! come would be older than the book, which would stand still and look live. For the same reason a run of diffs that are
//! all older than the book means that the venue has begun its ids anew.

mod ahead;
mod counts;
mod doubt;
mod ends;
mod records;
mod rule;

pub use counts::SyncCounts;
pub use rule::SequenceRule;

use crate::binance::{Depth, Level};
use crate::limits;
use doubt::{Ahead, OldRun, Waiting};
use records::{push_levels, push_snapshot, push_status, status_header};
pub(crate) use rule::Ids;
use rule::Place;
use std::collections::VecDeque;
use tickloom_types::{BookState, Header, Sink, StatusBody, StatusCode};

/// The sequence state of one instrument's book.
#[derive(Debug)]
pub struct BookSync {
    rule: SequenceRule,
    state: BookState,
    /// While live: the ids of the diff or snapshot that the book is at.
    newest: Ids,
    /// While live: whether a diff has come on top of the snapshot.
    bridged: bool,
    ahead: Ahead,
    /// When the newest diff or snapshot that counts arrived.
    newest_at: i64,
    /// Diffs since the snapshot that are older than it.
    held: u32,
    /// When the snapshot arrived.
    snapshot_at: i64,
    old_run: OldRun,
    /// How often something was applied to the book.
    touches: u64,
    /// Whether a new connection may bring old diffs again, so that they are no fault.
    is_overlapping: bool,
    waiting: VecDeque<Waiting>,
    waiting_levels: VecDeque<Level>,
    counts: SyncCounts,
}

impl BookSync {
    /// A book of which nothing is known yet, in state `Resync`.
    #[must_use]
    pub fn new(rule: SequenceRule) -> Self {
        BookSync {
            rule,
            state: BookState::Resync,
            newest: Ids::default(),
            bridged: false,
            ahead: Ahead::default(),
            newest_at: i64::MIN,
            held: 0,
            snapshot_at: 0,
            old_run: OldRun::default(),
            touches: 0,
            is_overlapping: false,
            waiting: VecDeque::new(),
            waiting_levels: VecDeque::new(),
            counts: SyncCounts::default(),
        }
    }

    /// Whether the book can be trusted.
    #[must_use]
    pub fn state(&self) -> BookState {
        self.state
    }

    /// The update id that the book is at, while it is live.
    #[must_use]
    pub fn last_id(&self) -> Option<u64> {
        (self.state == BookState::Live).then_some(self.newest.last)
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> SyncCounts {
        self.counts
    }

    /// Whether it is time to fetch a snapshot: diffs are waiting for one.
    #[must_use]
    pub fn wants_snapshot(&self) -> bool {
        self.state == BookState::Resync && !self.waiting.is_empty() && self.ahead.header.is_none()
    }

    /// How often something was applied to the book: it stands still while this does.
    #[must_use]
    pub fn touches(&self) -> u64 {
        self.touches
    }

    /// Until a newer one comes, old diffs are dropped without a word: a new connection may bring them again.
    pub fn begin_overlap(&mut self) {
        self.is_overlapping = true;
    }

    /// From now on a diff that is older than the book is a fault again.
    pub fn end_overlap(&mut self) {
        self.is_overlapping = false;
    }

    /// A diff of this book came and could not be read: what follows it does not join on.
    pub fn lost(&mut self, header: Header, sink: &mut impl Sink) {
        self.forget();
        if self.state == BookState::Live {
            self.enter(BookState::Resync, header, sink);
        }
    }

    /// The book does not follow the venue any more, though the connection is well: it is not to be trusted, and begins anew.
    pub fn resync(&mut self, header: Header, sink: &mut impl Sink) {
        self.stale(header, sink);
        self.restart(header, sink);
    }

    /// Begins anew, after a connection was made; `header` gives times, instrument and source of the status record.
    pub fn restart(&mut self, header: Header, sink: &mut impl Sink) {
        self.forget();
        self.enter(BookState::Resync, header, sink);
    }

    /// The connection is down or silent: the book is not to be trusted until it is restarted.
    pub fn stale(&mut self, header: Header, sink: &mut impl Sink) {
        self.forget();
        if self.state != BookState::Stale {
            self.enter(BookState::Stale, header, sink);
        }
    }

    /// Takes a diff.
    pub fn diff(&mut self, diff: &Depth<'_>, sink: &mut impl Sink) {
        let ids = Ids::of(diff);
        match self.state {
            BookState::Stale => {}
            BookState::Live => self.diff_live(diff, ids, sink),
            BookState::Resync => self.diff_waiting(diff, ids, sink),
        }
    }

    fn diff_live(&mut self, diff: &Depth<'_>, ids: Ids, sink: &mut impl Sink) {
        if !self.bridged {
            if self.rule.is_held(self.newest.last, ids) {
                self.counts.before_snapshot += 1;
                if self.is_out_of_reach(diff.header) {
                    self.counts.snapshots_too_new += 1;
                    self.resync(diff.header, sink);
                    self.wait(diff, ids);
                }
                return;
            }
            if self.rule.bridges(self.newest.last, ids) {
                self.apply(diff.header, ids, diff.levels.iter().copied(), sink);
                return;
            }
        }
        match self.rule.place(self.newest, ids) {
            Place::Next => self.apply(diff.header, ids, diff.levels.iter().copied(), sink),
            Place::Duplicate => self.count_duplicate(diff.header, ids, sink),
            Place::Old => {
                if self.count_old(diff.header, ids, sink) {
                    self.resync(diff.header, sink);
                    self.wait(diff, ids);
                }
            }
            Place::Gap { from, to } => {
                self.report_gap(diff.header, from, to, sink);
                self.enter(BookState::Resync, diff.header, sink);
                self.wait(diff, ids);
            }
        }
    }

    fn diff_waiting(&mut self, diff: &Depth<'_>, ids: Ids, sink: &mut impl Sink) {
        if let Some(header) = self.ahead.header {
            self.diff_behind(header, diff, ids, sink);
            return;
        }
        let Some(newest) = self.waiting.back().map(|waiting| waiting.ids) else {
            self.wait(diff, ids);
            return;
        };
        match self.rule.place(newest, ids) {
            Place::Next => self.wait(diff, ids),
            Place::Duplicate => self.count_duplicate(diff.header, ids, sink),
            Place::Old => {
                if self.count_old(diff.header, ids, sink) {
                    self.forget();
                    self.wait(diff, ids);
                }
            }
            Place::Gap { from, to } => {
                self.report_gap(diff.header, from, to, sink);
                self.forget();
                self.wait(diff, ids);
            }
        }
    }

    /// The book is what a snapshot by request says.
    fn begin_at(&mut self, snapshot: &Depth<'_>, sink: &mut impl Sink) {
        push_snapshot(snapshot, sink);
        self.newest = Ids {
            first: snapshot.last_id,
            last: snapshot.last_id,
            previous: None,
        };
        self.bridged = false;
        self.newest_at = snapshot.header.ts_recv;
        self.touch();
    }

    /// Takes a snapshot. While the book is live it is not needed, and is only counted.
    pub fn snapshot(&mut self, snapshot: &Depth<'_>, sink: &mut impl Sink) {
        match self.state {
            BookState::Stale => return,
            BookState::Live => {
                self.counts.snapshots_unasked += 1;
                return;
            }
            BookState::Resync => {}
        }
        let at = snapshot.last_id;
        let newest = self.waiting.back().map(|waiting| waiting.ids.last);
        self.drop_held(at);
        self.held = 0;
        self.snapshot_at = snapshot.header.ts_recv;
        if self.rule.can_tell_a_gap() && newest.is_some_and(|newest| newest < at) {
            self.ahead.header = Some(snapshot.header);
            self.ahead.id = at;
            self.ahead.levels.clear();
            self.ahead.levels.extend_from_slice(snapshot.levels);
            return;
        }
        if let Some(first) = self.waiting.front()
            && !self.rule.bridges(at, first.ids)
        {
            self.counts.snapshots_too_old += 1;
            return;
        }
        self.begin_at(snapshot, sink);
        let mut header = snapshot.header;
        while let Some(waiting) = self.waiting.pop_front() {
            header = waiting.header;
            self.newest_at = header.ts_recv;
            self.newest = waiting.ids;
            self.bridged = true;
            let levels = self.waiting_levels.drain(..waiting.level_count);
            push_levels(header, waiting.ids, levels, sink);
        }
        self.counts.syncs += 1;
        self.enter(BookState::Live, header, sink);
    }

    /// Takes a snapshot that came in the stream itself, in the order of the diffs: whatever was before, the book is this now.
    pub fn replace(&mut self, snapshot: &Depth<'_>, sink: &mut impl Sink) {
        self.counts.before_snapshot += self.waiting.len() as u64;
        self.forget();
        push_snapshot(snapshot, sink);
        self.newest = Ids::of(snapshot);
        self.bridged = true;
        self.newest_at = snapshot.header.ts_recv;
        self.touch();
        if self.state != BookState::Live {
            self.counts.syncs += 1;
            self.enter(BookState::Live, snapshot.header, sink);
        }
    }

    /// Drops a diff that nothing can be done with: its snapshot will come in the stream itself.
    pub fn skip(&mut self) {
        self.counts.before_snapshot += 1;
    }

    /// Drops waiting diffs that a snapshot at this id already holds.
    fn drop_held(&mut self, at: u64) {
        while let Some(waiting) = self.waiting.front()
            && self.rule.is_held(at, waiting.ids)
        {
            self.counts.before_snapshot += 1;
            self.waiting_levels.drain(..waiting.level_count);
            self.waiting.pop_front();
        }
    }

    fn apply(
        &mut self,
        header: Header,
        ids: Ids,
        levels: impl ExactSizeIterator<Item = Level>,
        sink: &mut impl Sink,
    ) {
        self.newest = ids;
        self.newest_at = header.ts_recv;
        self.bridged = true;
        // Whatever a new connection brings again comes before what is newer.
        self.is_overlapping = false;
        self.touch();
        push_levels(header, ids, levels, sink);
    }

    fn touch(&mut self) {
        self.touches += 1;
        self.old_run = OldRun::default();
    }

    fn wait(&mut self, diff: &Depth<'_>, ids: Ids) {
        let full = self.waiting.len() >= limits::BUFFERED_DIFFS_MAX
            || self.waiting_levels.len() + diff.levels.len() > limits::BUFFERED_LEVELS_MAX;
        if full {
            // A snapshot will come from after this diff, so the older ones are the ones to lose.
            self.counts.overflowed += self.waiting.len() as u64;
            self.forget();
        }
        self.newest_at = diff.header.ts_recv;
        self.waiting_levels.extend(diff.levels);
        self.waiting.push_back(Waiting {
            header: diff.header,
            ids,
            level_count: diff.levels.len(),
        });
        self.old_run = OldRun::default();
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.waiting_levels.clear();
        self.ahead.header = None;
        self.ahead.levels.clear();
        self.held = 0;
        self.old_run = OldRun::default();
    }

    fn enter(&mut self, state: BookState, header: Header, sink: &mut impl Sink) {
        if self.state == BookState::Live {
            self.counts.resyncs += 1;
        }
        self.state = state;
        let body = StatusBody {
            code: StatusCode::Book as u16,
            state: state as u8,
            count: 1,
            ..StatusBody::default()
        };
        sink.push(body.record(status_header(header)));
    }

    fn report_gap(&mut self, header: Header, from: u64, to: u64, sink: &mut impl Sink) {
        self.counts.gaps += 1;
        push_status(header, StatusCode::Gap, from, to, sink);
    }
}

#[cfg(test)]
mod tests;
