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

mod rule;

pub use rule::SequenceRule;

use crate::binance::{Depth, Level};
use crate::limits;
use rule::{Ids, Place};
use std::collections::VecDeque;
use tickloom_types::{BookState, Flags, Header, Kind, LevelBody, Sink, StatusBody, StatusCode};

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCounts {
    /// Gaps in the update ids.
    pub gaps: u64,
    /// Times that the book became live.
    pub syncs: u64,
    /// Times that a live book was thrown away, to be built again from a snapshot.
    pub resyncs: u64,
    /// Diffs that came twice.
    pub duplicates: u64,
    /// Diffs that came after a later one.
    pub out_of_order: u64,
    /// Diffs that a snapshot already held, dropped as the venue prescribes.
    pub before_snapshot: u64,
    /// Snapshots older than the first waiting diff: another one is wanted.
    pub snapshots_too_old: u64,
    /// Snapshots that no diff joined on to in time, so far ahead were their ids: another one is wanted.
    pub snapshots_too_new: u64,
    /// Times that the venue began its ids anew.
    pub id_restarts: u64,
    /// Diffs that a handover from one connection to the next brought twice.
    pub overlaps: u64,
    /// Snapshots that came while the book was live.
    pub snapshots_unasked: u64,
    /// Diffs thrown away because too many waited for a snapshot.
    pub overflowed: u64,
    /// Checksums that a book was checked against.
    pub checksums: u64,
    /// Those of them that were wrong: the book was thrown away.
    pub checksums_wrong: u64,
}

impl SyncCounts {
    /// Adds the counts of another book.
    pub fn add(&mut self, other: SyncCounts) {
        self.gaps += other.gaps;
        self.syncs += other.syncs;
        self.resyncs += other.resyncs;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.before_snapshot += other.before_snapshot;
        self.snapshots_too_old += other.snapshots_too_old;
        self.snapshots_too_new += other.snapshots_too_new;
        self.id_restarts += other.id_restarts;
        self.overlaps += other.overlaps;
        self.snapshots_unasked += other.snapshots_unasked;
        self.overflowed += other.overflowed;
        self.checksums += other.checksums;
        self.checksums_wrong += other.checksums_wrong;
    }
}

/// A diff that waits for the snapshot; its levels are in the common queue.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    header: Header,
    ids: Ids,
    level_count: usize,
}

/// Diffs one after the other that are older than the newest one: the venue has begun its ids anew.
#[derive(Clone, Copy, Debug, Default)]
struct OldRun {
    /// How many since the last diff that was none of them.
    all: u32,
    /// How many of the latest follow each other without a gap.
    chained: u32,
    newest: Ids,
}

/// A snapshot that is ahead of every diff so far.
#[derive(Debug, Default)]
struct Ahead {
    header: Option<Header>,
    id: u64,
    levels: Vec<Level>,
}

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
    /// Diffs since the snapshot that are older than it.
    held: u32,
    /// When the snapshot arrived.
    snapshot_at: i64,
    old_run: OldRun,
    /// How often something was applied to the book.
    touches: u64,
    /// Whether two connections bring the same diffs, so that old ones are no fault.
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

    /// From now on old diffs are dropped without a word: two connections bring the same, for a while.
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
        let ids = Ids {
            first: diff.first_id,
            last: diff.last_id,
            previous: diff.previous_id,
        };
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

    /// Takes a diff while a snapshot waits that was ahead of all before it.
    fn diff_behind(&mut self, header: Header, diff: &Depth<'_>, ids: Ids, sink: &mut impl Sink) {
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

    /// The book is what a snapshot by request says.
    fn begin_at(&mut self, snapshot: &Depth<'_>, sink: &mut impl Sink) {
        push_snapshot(snapshot, sink);
        self.newest = Ids {
            first: snapshot.last_id,
            last: snapshot.last_id,
            previous: None,
        };
        self.bridged = false;
        self.touch();
    }

    /// Counts a diff that is older than the snapshot. Says whether there have been so many, for so long, that the
    /// snapshot's id cannot be right.
    fn is_out_of_reach(&mut self, header: Header) -> bool {
        self.held = self.held.saturating_add(1);
        let waited = header.ts_recv.saturating_sub(self.snapshot_at);
        self.held >= limits::HELD_DIFFS_MAX && waited >= limits::HELD_TIME_MAX
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
        self.newest = Ids {
            first: snapshot.first_id,
            last: snapshot.last_id,
            previous: snapshot.previous_id,
        };
        self.bridged = true;
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
        self.bridged = true;
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

    fn count_duplicate(&mut self, header: Header, ids: Ids, sink: &mut impl Sink) {
        if self.is_overlapping {
            self.counts.overlaps += 1;
            return;
        }
        self.counts.duplicates += 1;
        push_status(header, StatusCode::Duplicate, ids.first, ids.last, sink);
    }

    /// Counts a diff that is older than the newest one. Says whether it is one of so many that the ids have begun anew.
    fn count_old(&mut self, header: Header, ids: Ids, sink: &mut impl Sink) -> bool {
        if self.is_overlapping {
            self.counts.overlaps += 1;
            return false;
        }
        self.counts.out_of_order += 1;
        push_status(header, StatusCode::OutOfOrder, ids.first, ids.last, sink);
        let run = &mut self.old_run;
        let follows = matches!(self.rule.place(run.newest, ids), Place::Next);
        run.chained = if run.all > 0 && follows {
            run.chained + 1
        } else {
            1
        };
        run.all = run.all.saturating_add(1);
        run.newest = ids;
        let is_anew =
            run.chained >= limits::OLD_DIFFS_CHAINED_MAX || run.all >= limits::OLD_DIFFS_MAX;
        self.counts.id_restarts += u64::from(is_anew);
        is_anew
    }
}

/// Of a message's flags, a status keeps the one about its time.
fn status_header(header: Header) -> Header {
    header
        .as_kind(Kind::Status)
        .with_flags(header.flags & Flags::BAD_TIME)
}

fn push_status(header: Header, code: StatusCode, from: u64, to: u64, sink: &mut impl Sink) {
    let body = StatusBody {
        code: code as u16,
        count: 1,
        from,
        to,
        ..StatusBody::default()
    };
    sink.push(body.record(status_header(header)));
}

fn push_snapshot(snapshot: &Depth<'_>, sink: &mut impl Sink) {
    let header = snapshot.header.with_flags(Flags::SNAPSHOT);
    let last = snapshot.levels.len().saturating_sub(1);
    let mut body = LevelBody {
        first_id: snapshot.first_id,
        last_id: snapshot.last_id,
        side: tickloom_types::Side::Buy as u8,
        clear: 1,
        ..LevelBody::default()
    };
    if snapshot.levels.is_empty() {
        // An empty book still has to empty the old one: a deletion at price zero, where no level can be.
        sink.push(body.record(header.with_flags(Flags::LAST)));
    }
    for (index, level) in snapshot.levels.iter().enumerate() {
        body.price = level.price;
        body.qty = level.qty;
        body.side = level.side as u8;
        let flags = if index == last { Flags::LAST } else { 0 };
        sink.push(body.record(header.with_flags(flags)));
        body.clear = 0;
    }
}

fn push_levels(
    header: Header,
    ids: Ids,
    levels: impl ExactSizeIterator<Item = Level>,
    sink: &mut impl Sink,
) {
    let last = levels.len().saturating_sub(1);
    for (index, level) in levels.enumerate() {
        let body = LevelBody {
            price: level.price,
            qty: level.qty,
            first_id: ids.first,
            last_id: ids.last,
            side: level.side as u8,
            ..LevelBody::default()
        };
        let flags = if index == last { Flags::LAST } else { 0 };
        sink.push(body.record(header.with_flags(flags)));
    }
}

#[cfg(test)]
mod tests;
