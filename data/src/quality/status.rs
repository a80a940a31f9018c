//! What feeds said of themselves while they ran: status records become rows.

use super::Thresholds;
use super::ledger::{Finding, Findings, LedgerKind};
use super::rows::span;
use std::collections::BTreeMap;
use tickloom_catalog::Table;
use tickloom_types::{BookState, Record, SourceId, StatusBody, StatusCode, Ts};

/// Connections that are down, by source.
#[derive(Debug, Default)]
pub(super) struct Connections {
    down: BTreeMap<SourceId, Ts>,
}

impl Connections {
    /// A status of a source as a whole.
    pub(super) fn status(
        &mut self,
        record: &Record,
        findings: &mut Findings,
        thresholds: &Thresholds,
    ) {
        let ts = record.ts_event();
        match StatusCode::from_raw(StatusBody::of(record).code) {
            Some(StatusCode::Disconnected) => {
                self.down.entry(record.source()).or_insert(ts);
            }
            Some(StatusCode::Connected) => {
                if let Some(from) = self.down.remove(&record.source()) {
                    findings.add(down(from, ts), thresholds.join, thresholds.rows_max);
                }
            }
            _ => {
                if let Some(finding) = told(record, None) {
                    findings.add(finding, thresholds.join, thresholds.rows_max);
                }
            }
        }
    }

    /// Those that are still down at the end.
    pub(super) fn rest(&mut self, end: Ts, findings: &mut Findings, thresholds: &Thresholds) {
        for from in std::mem::take(&mut self.down).into_values() {
            findings.add(
                down(from, end.max(from)),
                thresholds.join,
                thresholds.rows_max,
            );
        }
    }
}

fn down(from: Ts, to: Ts) -> Finding {
    Finding {
        table: None,
        kind: LedgerKind::Gap,
        from,
        to,
        count: 1,
        evidence: format!(
            "the connection was down for {}",
            span(to.0.saturating_sub(from.0))
        ),
    }
}

/// What a status says at once. States of a book last, and are followed by [`BookWatch`]; clocks are measured, not believed.
fn told(record: &Record, table: Option<Table>) -> Option<Finding> {
    let status = StatusBody::of(record);
    let ids = format!("{} to {}", status.from, status.to);
    let (kind, evidence) = match StatusCode::from_raw(status.code)? {
        StatusCode::Gap => (LedgerKind::Gap, format!("the feed missed updates {ids}")),
        StatusCode::Duplicate => (
            LedgerKind::Duplicate,
            format!("the feed dropped updates {ids}, which came before"),
        ),
        StatusCode::OutOfOrder => (
            LedgerKind::OutOfOrder,
            format!("the feed dropped updates {ids}, which came too late"),
        ),
        StatusCode::BadFrame => (
            LedgerKind::BadFrame,
            format!("frame {} could not be decoded", status.from),
        ),
        _ => return None,
    };
    let count = match kind {
        LedgerKind::Gap => status.to.saturating_sub(status.from).saturating_add(1),
        _ => status.count.max(1),
    };
    let (from, to) = (record.ts_event(), record.ts_event());
    Some(Finding {
        table,
        kind,
        from,
        to,
        count,
        evidence,
    })
}

/// The states of one book as its feed tells them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BookWatch {
    was_live: bool,
    /// Since when it is in another state.
    since: Option<(BookState, Ts)>,
}

impl BookWatch {
    /// A status of one instrument.
    pub(super) fn status(
        &mut self,
        record: &Record,
        findings: &mut Findings,
        thresholds: &Thresholds,
    ) {
        let status = StatusBody::of(record);
        let state = BookState::from_raw(status.state);
        match (StatusCode::from_raw(status.code), state) {
            (Some(StatusCode::Book), Some(BookState::Live)) => {
                self.end(record.ts_event(), findings, thresholds);
                self.was_live = true;
            }
            (Some(StatusCode::Book), Some(state)) => {
                // A book that was never there is not lost.
                if self.was_live && self.since.is_none_or(|(known, _)| known != state) {
                    self.end(record.ts_event(), findings, thresholds);
                    self.since = Some((state, record.ts_event()));
                }
            }
            _ => {
                if let Some(finding) = told(record, Some(Table::BookUpdates)) {
                    findings.add(finding, thresholds.join, thresholds.rows_max);
                }
            }
        }
    }

    /// The state ends.
    pub(super) fn end(&mut self, ts: Ts, findings: &mut Findings, thresholds: &Thresholds) {
        let Some((state, from)) = self.since.take() else {
            return;
        };
        let to = ts.max(from);
        let (kind, what) = match state {
            BookState::Resync => (
                LedgerKind::Resync,
                "the feed lost the book and waited for a snapshot",
            ),
            BookState::Stale | BookState::Live => {
                (LedgerKind::Stale, "the feed could not follow the book")
            }
        };
        let finding = Finding {
            table: Some(Table::BookUpdates),
            kind,
            from,
            to,
            count: 1,
            evidence: format!("{what} for {}", span(to.0.saturating_sub(from.0))),
        };
        findings.add(finding, thresholds.join, thresholds.rows_max);
    }
}
