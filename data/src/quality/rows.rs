//! From findings to rows: names, order, and numbers as people read them.

use super::ledger::{Finding, Findings, LedgerKind, LedgerRow};
use super::skew::Skew;
use super::spike::Spike;
use super::split::Split;
use super::top::Crossing;
use tickloom_catalog::Table;
use tickloom_types::{DurationNs, InstrumentDef, Ts, format_decimal};

/// Adds the findings of an instrument, or of a source as a whole, to the rows.
pub(super) fn name(rows: &mut Vec<LedgerRow>, def: Option<&InstrumentDef>, findings: Findings) {
    rows.extend(findings.all.into_iter().map(|finding| LedgerRow {
        instrument: def.map(|def| def.name.clone()),
        table: finding.table,
        kind: finding.kind,
        from: finding.from,
        to: finding.to,
        count: finding.count,
        evidence: finding.evidence,
    }));
}

/// What rows are sorted by.
pub(super) fn order(row: &LedgerRow) -> (Ts, Option<&str>, LedgerKind, Option<Table>, Ts) {
    (
        row.from,
        row.instrument.as_deref(),
        row.kind,
        row.table,
        row.to,
    )
}

/// A length of time in seconds, to the millisecond; shorter ones in microseconds.
pub(super) fn span(length: DurationNs) -> String {
    let text = |value: i64, decimals: u8| format_decimal(i128::from(value), decimals);
    if length.abs() < 1_000_000 {
        format!("{} us", text(length, 3))
    } else {
        format!("{} s", text(length / 1_000_000, 3))
    }
}

/// A price mantissa as a decimal.
fn price(def: &InstrumentDef, mantissa: i64) -> String {
    format_decimal(i128::from(mantissa), def.price_decimals)
}

/// Bid and ask that were crossed, or locked.
pub(super) fn crossed(def: &InstrumentDef, table: Table, found: &Crossing) -> Finding {
    let (bid, ask) = (price(def, found.bid), price(def, found.ask));
    let (kind, how) = match found.is_locked() {
        true => (LedgerKind::Locked, "at"),
        false => (LedgerKind::Crossed, "above"),
    };
    Finding {
        table: Some(table),
        kind,
        from: found.from,
        to: found.to,
        count: found.count,
        evidence: format!("bid {bid} {how} ask {ask}"),
    }
}

/// A jump of the price that looks like a split.
pub(super) fn split(def: &InstrumentDef, found: &Split) -> Finding {
    let (before, after) = (price(def, found.before), price(def, found.after));
    let (new, old) = found.ratio;
    Finding {
        table: Some(Table::Bars),
        kind: LedgerKind::Split,
        from: found.from,
        to: found.to,
        count: 1,
        evidence: format!(
            "from {before} to {after}, which is {new} for {old}, with the volume the other way: prices before are not adjusted"
        ),
    }
}

/// A price that did not stay.
pub(super) fn outlier(def: &InstrumentDef, table: Table, what: &str, found: &Spike) -> Finding {
    let (far, base) = (price(def, found.price), price(def, found.base));
    Finding {
        table: Some(table),
        kind: LedgerKind::Outlier,
        from: found.from,
        to: found.to,
        count: found.count,
        evidence: format!("{what} {far} after {base}, and back"),
    }
}

/// Clocks that were apart.
pub(super) fn skewed(found: &Skew) -> Finding {
    let (level, least, most) = (span(found.level), span(found.least), span(found.most));
    Finding {
        table: None,
        kind: LedgerKind::ClockSkew,
        from: found.from,
        to: found.to,
        count: found.count,
        evidence: format!("arrival less event is {level} in the median, {least} to {most}"),
    }
}
