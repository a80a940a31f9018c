//! The ledger: rows that say what is wrong with data, where, and by what evidence.

use serde::Serialize;
use std::fmt;
use tickloom_catalog::Table;
use tickloom_types::Ts;

/// What is wrong. `docs/quality.md` defines each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerKind {
    /// Something is not there: update or trade ids, bars, or anything at all for far longer than usual.
    Gap,
    /// Something is there twice.
    Duplicate,
    /// A time or an id goes back.
    OutOfOrder,
    /// Bid and ask, or the book, stayed as they were while trades went on; or the feed said that it was behind.
    Stale,
    /// Bid above ask.
    Crossed,
    /// Our clock and the venue's differ by more than they may, or by more than before.
    ClockSkew,
    /// The calendar has a session of which there is nothing.
    MissingSession,
    /// A price far from its neighbours that does not stay.
    Outlier,
    /// A message that could not be decoded.
    BadFrame,
    /// The book was lost and had to be made anew from a snapshot.
    Resync,
    /// A price that jumps by a simple ratio, with the volume the other way: a split that prices before it are not adjusted for.
    Split,
    /// A price between two steps of the tick that was said: of another instrument, or the tick is.
    OffTick,
    /// Bid at ask: unusual, and no fault.
    Locked,
}

impl LedgerKind {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LedgerKind::Gap => "gap",
            LedgerKind::Duplicate => "duplicate",
            LedgerKind::OutOfOrder => "out_of_order",
            LedgerKind::Stale => "stale",
            LedgerKind::Crossed => "crossed",
            LedgerKind::ClockSkew => "clock_skew",
            LedgerKind::MissingSession => "missing_session",
            LedgerKind::Outlier => "outlier",
            LedgerKind::BadFrame => "bad_frame",
            LedgerKind::Resync => "resync",
            LedgerKind::Split => "split",
            LedgerKind::OffTick => "off_tick",
            LedgerKind::Locked => "locked",
        }
    }

    /// All of them.
    pub const ALL: [LedgerKind; 13] = [
        LedgerKind::Gap,
        LedgerKind::Duplicate,
        LedgerKind::OutOfOrder,
        LedgerKind::Stale,
        LedgerKind::Crossed,
        LedgerKind::ClockSkew,
        LedgerKind::MissingSession,
        LedgerKind::Outlier,
        LedgerKind::BadFrame,
        LedgerKind::Resync,
        LedgerKind::Split,
        LedgerKind::OffTick,
        LedgerKind::Locked,
    ];

    /// Whether something is wrong, and not only unusual.
    #[must_use]
    pub fn is_fault(self) -> bool {
        self != LedgerKind::Locked
    }
}

impl fmt::Display for LedgerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// The instrument; `None` for a source as a whole.
    pub instrument: Option<String>,
    /// The table; `None` if all of the instrument's are concerned.
    pub table: Option<Table>,
    /// What is wrong.
    pub kind: LedgerKind,
    /// Event time at which it begins.
    pub from: Ts,
    /// Event time at which it ends; the same as `from` for what has no length.
    pub to: Ts,
    /// How many records, ids, bars or sessions it concerns.
    pub count: u64,
    /// What was seen.
    pub evidence: String,
}

/// All rows, in the order of their begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Records that were looked at.
    pub records: u64,
    /// What is wrong.
    pub rows: Vec<LedgerRow>,
    /// What is unusual and not wrong.
    pub remarks: Vec<LedgerRow>,
    /// Rows beyond the most that are kept.
    pub more: u64,
}

impl Ledger {
    /// How many rows there are of each kind, remarks among them; kinds of which there is none are left out.
    #[must_use]
    pub fn kinds(&self) -> Vec<(LedgerKind, u64)> {
        let mut kinds: Vec<(LedgerKind, u64)> = Vec::new();
        for row in self.rows.iter().chain(&self.remarks) {
            match kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((row.kind, 1)),
            }
        }
        kinds.sort_unstable();
        kinds
    }
}

/// A row before its instrument has a name.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) table: Option<Table>,
    pub(super) kind: LedgerKind,
    pub(super) from: Ts,
    pub(super) to: Ts,
    pub(super) count: u64,
    pub(super) evidence: String,
}

/// The findings of one instrument. What follows another of its kind at once becomes one row with it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    pub(super) more: u64,
}

impl Findings {
    /// Adds one. It belongs to the newest of its table and kind if it begins at most `join` nanoseconds after that ends.
    pub(super) fn add(&mut self, finding: Finding, join: i64, rows_max: usize) {
        let is_alike =
            |other: &&mut Finding| other.kind == finding.kind && other.table == finding.table;
        if let Some(before) = self.all.iter_mut().rev().take(JOIN_REACH).find(is_alike)
            && finding.from >= before.from
            && finding.from.0.saturating_sub(before.to.0) <= join
        {
            before.from = before.from.min(finding.from);
            before.to = before.to.max(finding.to);
            before.count += finding.count;
            return;
        }
        self.push(finding, rows_max);
    }

    /// Adds one that stands for itself.
    pub(super) fn push(&mut self, finding: Finding, rows_max: usize) {
        if self.all.len() < rows_max {
            self.all.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// How many of the newest findings are looked at for one to join.
const JOIN_REACH: usize = 16;
