//! What happened to a book, counted.

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
    /// Prices and sizes that end in a zero behind the point, as venues write them, in the first message of a book with checksums that has any.
    pub zeros_written: u64,
    /// Checksums of 0, which say nothing: the venue has stopped to make them.
    pub checksums_untold: u64,
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
        self.zeros_written += other.zeros_written;
        self.checksums_untold += other.checksums_untold;
    }
}
