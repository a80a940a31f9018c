//! From catalog to server: imported files have no journal, and a journal may be gone. Runs of which the server has as many rows
//! as the catalog are left alone, under their own names or those of the imports that a compaction wrote together.

use super::sql::{Sql, quote, text};
use super::{QuestDbAddress, QuestDbSink};
use crate::{DataError, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tickloom_catalog::{Catalog, ScanQuery, Table};
use tickloom_journal::RunMeta;

/// Rows that are sent together.
const BATCH_ROWS: usize = 20_000;

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CopyReport {
    /// Runs and imports that the server had already.
    pub known: u32,
    /// Those that were sent.
    pub sent: u32,
    /// Rows that were sent and confirmed.
    pub rows: u64,
    /// Rows that the server has no place for.
    pub refused: u64,
    /// Why the first of them was.
    pub refusal: Option<String>,
}

/// Sends what the catalog has and the server has not. `watch` is told the rows sent so far, and may end it; then, as after any
/// failure, doing it again does the rest.
///
/// # Errors
/// [`DataError::QuestDb`]; [`DataError::Journal`] if the server has another run of the same name; and as [`Catalog::scan`].
pub fn copy_catalog(
    catalog: &Catalog,
    address: &QuestDbAddress,
    mut watch: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<CopyReport> {
    let mut sink = QuestDbSink::connect(address)?;
    let sql = Sql::new(address);
    let counts = catalog.rows_by_run()?;
    let mut report = CopyReport::default();
    for run in catalog.runs()? {
        let Some(expected) = counts.get(&run.run) else {
            continue;
        };
        if sink.knows(&run)? && counted(&sql, &run.run, expected)? == *expected {
            report.known += 1;
            continue;
        }
        match sent_in_parts(catalog, &sql, &run.run, expected)? {
            InParts::None => {}
            InParts::All => {
                report.known += 1;
                continue;
            }
            InParts::Some => {
                report.refused += expected.values().sum::<u64>();
                report
                    .refusal
                    .get_or_insert_with(|| some_are_there(&run.run));
                continue;
            }
        }
        sink.begin(&run)?;
        if copy_run(catalog, &run, &mut sink, (&mut report, &mut watch))?.is_break() {
            return Ok(report);
        }
        report.sent += 1;
    }
    Ok(report)
}

fn copy_run(
    catalog: &Catalog,
    run: &RunMeta,
    sink: &mut QuestDbSink,
    (report, watch): (&mut CopyReport, &mut impl FnMut(u64) -> ControlFlow<()>),
) -> Result<ControlFlow<()>> {
    let query = ScanQuery {
        tables: Table::ALL.to_vec(),
        runs: vec![run.run.clone()],
        ..ScanQuery::default()
    };
    let mut scan = catalog.scan(&query)?;
    while let Some((key, record)) = scan.next_keyed()? {
        let pushed = match key.output.checked_sub(1) {
            None => sink.push(key.seq, &record),
            Some(output) => sink.push_output(output, key.seq, &record),
        };
        match pushed {
            Ok(()) => report.rows += 1,
            Err(error @ DataError::Record { .. }) => {
                report.refused += 1;
                report.refusal.get_or_insert_with(|| error.to_string());
            }
            Err(error) => return Err(error),
        }
        if sink.pending() >= BATCH_ROWS {
            sink.flush()?;
            if watch(report.rows).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    sink.settle()?;
    sink.flush()?;
    Ok(watch(report.rows))
}

/// Which of the imports that were written together as a run the server has under their own names.
enum InParts {
    None,
    Some,
    All,
}

/// A bundle has the rows of imports that may have been sent before it was made.
fn sent_in_parts(
    catalog: &Catalog,
    sql: &Sql,
    run: &str,
    expected: &BTreeMap<Table, u64>,
) -> Result<InParts> {
    let members = catalog.members_of(run)?;
    if members.is_empty() {
        return Ok(InParts::None);
    }
    let mut there: BTreeMap<Table, u64> = BTreeMap::new();
    for table in expected.keys() {
        let rows = sql.exec(&format!("SELECT run, count() FROM \"{table}\""))?;
        let of_members = rows
            .iter()
            .filter(|row| members.contains_key(text(row.first())));
        let counts = of_members.filter_map(|row| row.get(1).and_then(Value::as_u64));
        there.insert(*table, counts.sum());
    }
    Ok(match there.values().all(|rows| *rows == 0) {
        true => InParts::None,
        false if there == *expected => InParts::All,
        false => InParts::Some,
    })
}

fn some_are_there(run: &str) -> String {
    format!(
        "the server has some of the imports that are in {run} since a compaction, and not all: their rows would be there twice. Sync before \
         a compaction, or compact with --no-bundle"
    )
}

/// Rows that the server has of a run, in the tables that are expected to have some.
fn counted(sql: &Sql, run: &str, expected: &BTreeMap<Table, u64>) -> Result<BTreeMap<Table, u64>> {
    let mut counts = BTreeMap::new();
    for table in expected.keys() {
        let rows = sql.exec(&format!(
            "SELECT count() FROM \"{table}\" WHERE run = {}",
            quote(run)
        ))?;
        let count = rows.first().and_then(|row| row.first());
        counts.insert(*table, count.and_then(Value::as_u64).unwrap_or(0));
    }
    Ok(counts)
}
