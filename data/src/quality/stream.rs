//! One stream of an instrument: the records of one table, or bars of one size, with the checks that all of them share.

use super::Thresholds;
use super::chain::{Hole, IdChain, IdFault, TimeOrder};
use super::ledger::{Finding, Findings, LedgerKind};
use super::rows::span;
use super::silence::{Silence, Spacing};
use crate::Calendar;
use std::sync::Arc;
use tickloom_catalog::Table;
use tickloom_types::{BarSpec, DurationNs, Flags, Record, Ts};

/// What the numbers in records count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Records: none comes twice.
    OfRecords,
    /// Messages of a venue, which may have several records, and be of other instruments too: only a step back is wrong.
    OfMessages,
}

impl Numbers {
    /// The ids of a record with this number behind those of a stream; zeros say that it has none.
    pub(super) fn ids(self, number: u64, stream: &Stream) -> (u64, u64) {
        let is_same = self == Numbers::OfMessages && stream.ids.newest() == Some(number);
        if is_same { (0, 0) } else { (number, number) }
    }
}

/// What is known of one stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) table: Table,
    pub(super) order: TimeOrder,
    pub(super) ids: IdChain,
    pub(super) spacing: Spacing,
}

impl Stream {
    pub(super) fn new(table: Table, calendar: Option<Arc<Calendar>>, bar: DurationNs) -> Stream {
        Stream {
            table,
            order: TimeOrder::default(),
            ids: IdChain::new(),
            spacing: Spacing::new(calendar, bar),
        }
    }

    /// A record, or the first one of a message, with its ids. Whether it is new: a repetition or a step back counts no further.
    pub(super) fn push(
        &mut self,
        record: &Record,
        ids: (u64, u64),
        findings: &mut Findings,
        thresholds: &Thresholds,
    ) -> bool {
        let ts = record.ts_event();
        if let Some(fault) = self.ids.push(ts, ids.0, ids.1) {
            findings.add(
                self.id_fault(ts, ids.1, fault),
                thresholds.join,
                thresholds.rows_max,
            );
            return false;
        }
        if !record.has(Flags::BAD_TIME)
            && let Some(newest) = self.order.push(ts)
        {
            let finding = self.back(ts, newest);
            findings.add(finding, thresholds.join, thresholds.rows_max);
        }
        self.spacing.push(ts);
        true
    }

    fn id_fault(&self, ts: Ts, id: u64, fault: IdFault) -> Finding {
        let (kind, evidence) = match fault {
            IdFault::Again => (LedgerKind::Duplicate, format!("id {id} came before")),
            IdFault::Back { after } => (
                LedgerKind::OutOfOrder,
                format!("id {id} came after {after}"),
            ),
        };
        Finding {
            table: Some(self.table),
            kind,
            from: ts,
            to: ts,
            count: 1,
            evidence,
        }
    }

    /// What is known only at the end: ids left out, silences, sessions without anything. `spec` is the size, for bars.
    pub(super) fn finish(&self, spec: BarSpec, findings: &mut Findings, thresholds: &Thresholds) {
        let holes = self.ids.holes();
        for hole in holes {
            let text = format!("ids {} to {} are not there", hole.first, hole.last);
            let count = hole.last - hole.first + 1;
            let finding = self.finding(LedgerKind::Gap, (hole.from, hole.to), count, text);
            findings.push(finding, thresholds.rows_max);
        }
        let (silences, usual) = self.spacing.silences(thresholds);
        for silence in silences {
            let is_hole = |hole: &Hole| (hole.from, hole.to) == (silence.from, silence.to);
            if self.is_told_stale(&silence, findings) || holes.iter().any(is_hole) {
                continue;
            }
            findings.push(self.silent(spec, &silence, usual), thresholds.rows_max);
        }
        for missing in self.spacing.missing() {
            let (first, last) = (missing.first, missing.last);
            let dates = match missing.count {
                1 => format!("the session of {}", first.date),
                count => format!("the {count} sessions from {} to {}", first.date, last.date),
            };
            let finding = self.finding(
                LedgerKind::MissingSession,
                (first.open, last.close),
                missing.count,
                format!("nothing in {dates}"),
            );
            findings.push(finding, thresholds.rows_max);
        }
    }

    /// Whether a silence is part of a time in which trades went on without this stream, which says more.
    fn is_told_stale(&self, silence: &Silence, findings: &Findings) -> bool {
        findings.all.iter().any(|other| {
            other.kind == LedgerKind::Stale
                && other.table == Some(self.table)
                && other.from <= silence.from
                && silence.to <= other.to
        })
    }

    fn silent(&self, spec: BarSpec, silence: &Silence, usual: DurationNs) -> Finding {
        let (to, count, text) = match spec {
            BarSpec::Time(length) if length > 0 => {
                let text = format!("no bar of {spec} for {}", span(silence.length - length));
                let missing = (silence.length - 1) / length;
                (Ts(silence.to.0 - length), missing.unsigned_abs(), text)
            }
            _ => (
                silence.to,
                1,
                format!("nothing for {}", span(silence.length)),
            ),
        };
        let share = self.spacing.usual_share();
        let text = format!("{text}; {share} distances are below {}", span(usual));
        self.finding(LedgerKind::Gap, (silence.from, to), count, text)
    }

    fn finding(
        &self,
        kind: LedgerKind,
        (from, to): (Ts, Ts),
        count: u64,
        evidence: String,
    ) -> Finding {
        let table = Some(self.table);
        Finding {
            table,
            kind,
            from,
            to,
            count,
            evidence,
        }
    }

    /// A time that is below the one before it.
    pub(super) fn back(&self, ts: Ts, newest: Ts) -> Finding {
        Finding {
            table: Some(self.table),
            kind: LedgerKind::OutOfOrder,
            from: ts,
            to: newest,
            count: 1,
            evidence: format!(
                "the time goes back by {}",
                span(newest.0.saturating_sub(ts.0))
            ),
        }
    }
}
