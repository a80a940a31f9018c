//! Export: a table of the catalog, or a part of it, as one file that others read and that imports again as it was.
//!
//! `docs/export.md` has the formats, and what coming back the same means. Rows are streamed: a batch of them is in memory, never
//! the table. The file appears whole under its name, or not at all.

pub(crate) mod batch;
mod columnar;
mod dbn;
mod format;
pub(crate) mod header;
pub(crate) mod rows;
mod sheet;
mod target;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use format::ExportFormat;
pub use sheet::{Cell, CellKind, Sheet};

use crate::Result;
use crate::limits::BATCH_ROWS;
use arrow_array::RecordBatch;
use batch::Encoder;
use header::FileHeader;
use rows::{Row, Rows};
use serde::Serialize;
use std::path::{Path, PathBuf};
use target::Target;
use tickloom_catalog::{Catalog, ScanQuery, Table};
use tickloom_catalog::{empty, properties};
use tickloom_types::Ts;

/// What was exported. Serialises to what `export --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// The file.
    pub file: PathBuf,
    /// Its format.
    pub format: ExportFormat,
    /// The table.
    pub table: Table,
    /// Rows in the file.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The least time of a row.
    pub from: Ts,
    /// The greatest time of a row.
    pub to: Ts,
    /// The runs and imports that the rows are of.
    pub runs: Vec<String>,
    /// What the format could not carry, and how often.
    pub notes: Vec<String>,
}

/// What a format makes of rows.
trait Writer {
    /// Takes the next rows.
    fn write(&mut self, rows: &[Row]) -> Result<()>;

    /// Completes the content, and says what it could not carry, and how many rows it has if several records are one.
    fn finish(self: Box<Self>) -> Result<(Vec<String>, Option<u64>)>;
}

/// A format that takes rows as columns.
trait BatchWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    fn finish(self: Box<Self>, rows: u64) -> Result<()>;
}

/// Exports what `query` selects of one table; the tables in the query do not count. `progress` is told how many rows are written
/// and of how many at most, and says whether to go on; if not, nothing is left of the file and the result is `None`.
///
/// # Errors
/// [`crate::FormatError::Option`] for a file name of no format or a table that has no place in it; [`tickloom_catalog::CatalogError::Empty`], with
/// the nearest data, if nothing is selected; [`crate::FormatError::Record`] for a record that the format cannot hold exactly.
pub fn export_file(
    catalog: &Catalog,
    table: Table,
    query: &ScanQuery,
    path: &Path,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Option<ExportReport>> {
    let format = ExportFormat::of(path)?;
    let query = ScanQuery {
        tables: vec![table],
        ..query.clone()
    };
    let mut rows = Rows::select(catalog, &query)?;
    if format == ExportFormat::Dbn && dbn::needs_trades(catalog, table, &rows)? {
        rows = Rows::select(catalog, &with_trades(&query, &rows))?;
    }
    let target = Target::create(path)?;
    let mut writer = writer(catalog, format, &rows, &query, &target)?;
    let mut report = ExportReport {
        file: path.to_owned(),
        format,
        table,
        rows: 0,
        bytes: 0,
        from: Ts(i64::MAX),
        to: Ts(i64::MIN),
        runs: rows.metas().iter().map(|run| run.run.clone()).collect(),
        notes: Vec::new(),
    };
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    while rows.fill(&mut batch, BATCH_ROWS)? {
        writer.write(&batch)?;
        for row in &batch {
            if Table::of(&row.record) != Some(table) {
                continue;
            }
            report.rows += 1;
            report.from = report.from.min(row.record.ts_event());
            report.to = report.to.max(row.record.ts_event());
        }
        if !progress(report.rows, rows.rows_max()) {
            return Ok(None);
        }
    }
    if report.rows == 0 {
        return Err(empty(&query, &catalog.ranges()?).into());
    }
    let (notes, messages) = writer.finish()?;
    report.notes = notes;
    report.rows = messages.unwrap_or(report.rows);
    report.bytes = target.publish()?;
    Ok(Some(report))
}

/// The same rows, and the trades of the same runs.
fn with_trades(query: &ScanQuery, rows: &Rows) -> ScanQuery {
    ScanQuery {
        tables: [query.tables.as_slice(), &[Table::Trades]].concat(),
        runs: rows.metas().iter().map(|run| run.run.clone()).collect(),
        ..query.clone()
    }
}

/// What writes rows of the table that `query` names.
fn writer(
    catalog: &Catalog,
    format: ExportFormat,
    rows: &Rows,
    query: &ScanQuery,
    target: &Target,
) -> Result<Box<dyn Writer>> {
    let table = query.tables[0];
    let header = FileHeader::new(table, rows.said(), query);
    let batches: Box<dyn BatchWriter> = match format {
        ExportFormat::Csv => text::csv(&table.exported(), Some(&header), target, false)?,
        ExportFormat::CsvGz => text::csv(&table.exported(), Some(&header), target, true)?,
        ExportFormat::Jsonl => text::json_lines(Some(&header), target, false)?,
        ExportFormat::JsonlGz => text::json_lines(Some(&header), target, true)?,
        ExportFormat::Arrow => columnar::arrow(&columnar::described(&header), target)?,
        ExportFormat::Parquet => {
            columnar::parquet(table.exported(), properties(table), Some(&header), target)?
        }
        ExportFormat::Dbn => return dbn::dbn(catalog, table, rows, target),
    };
    Ok(Box::new(Batches {
        encoder: Encoder::new(table, rows.metas()),
        batches,
        rows: 0,
    }))
}

/// Rows on their way to a format that takes columns.
struct Batches {
    encoder: Encoder,
    batches: Box<dyn BatchWriter>,
    rows: u64,
}

impl Writer for Batches {
    fn write(&mut self, rows: &[Row]) -> Result<()> {
        self.rows += rows.len() as u64;
        self.batches.write(&self.encoder.encode(rows)?)
    }

    fn finish(self: Box<Self>) -> Result<(Vec<String>, Option<u64>)> {
        self.batches.finish(self.rows)?;
        Ok((Vec::new(), None))
    }
}
