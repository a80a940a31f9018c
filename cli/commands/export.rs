//! `tickloom export`: a table of the catalog, or a part of it, as one file.

use crate::failure::Failure;
use crate::memory::{self, Memory};
use crate::output::{self, Style};
use crate::stop::Stop;
use anyhow::anyhow;
use std::path::PathBuf;
use tickloom_backtest::text::grouped;
use tickloom_data::{
    CacheStats, CatalogError, ExportReport, FormatError, ScanQuery, Table, export_file,
};
use tickloom_types::{BarSpec, Ts};

const EXAMPLES: &str = "\
Examples:
  tickloom export --catalog catalog --kind trades --out trades.parquet
  tickloom export --catalog catalog --kind bars --instrument GOOG --from 2004-08-19 --to 2005-01-01 --out goog.csv

The file's name says the format: .csv and .jsonl (each also with .gz), .arrow, .parquet, .dbn. Numbers are exact and times
have nanoseconds in all of them. Of all but DBN, which has no place for some of it, `tickloom import` makes the same records
again. The file appears whole, or, if the command fails or is stopped, not at all. docs/export.md has what each format holds.

Exit codes: 0 written, 1 the catalog could not be read or the file not written, 2 there is nothing to export, DBN
cannot hold it exactly, or the command line is wrong.";

/// Export a table of the catalog as one file.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The catalog: its directory or an url such as s3://bucket/prefix
    #[arg(long, value_name = "DIR|URL")]
    catalog: PathBuf,
    /// The table: trades, quotes, book_updates, book_snapshots, order_updates, bars, timers, status, signals, orders, verdicts,
    /// fills, positions, equity, bars_closed, book_status, risk_status
    #[arg(long, value_name = "KIND", value_parser = table, hide_possible_values = true)]
    kind: Table,
    /// Only this instrument; may be given several times
    #[arg(long, value_name = "ID")]
    instrument: Vec<String>,
    /// Only this run or import; may be given several times
    #[arg(long, value_name = "RUN")]
    run: Vec<String>,
    /// Only bars of this size, such as 5m
    #[arg(long, value_name = "SIZE")]
    bar: Vec<BarSpec>,
    /// Only from this time on: a date, a time in UTC, or a number since the epoch in s, ms, us or ns by its digits
    #[arg(long, value_name = "TIME", value_parser = Ts::parse_by_digits)]
    from: Option<Ts>,
    /// Only before this time; of bars, those that close at it or before
    #[arg(long, value_name = "TIME", value_parser = Ts::parse_by_digits)]
    to: Option<Ts>,
    /// The file to write; one that is there is replaced
    #[arg(long, value_name = "FILE", visible_alias = "to-file")]
    out: PathBuf,
    #[command(flatten)]
    memory: Memory,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn table(name: &str) -> Result<Table, String> {
    let names = || {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        format!("expected one of {}", names.join(", "))
    };
    Table::from_name(name).ok_or_else(names)
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let stop = Stop::catch()?;
    let catalog = args.memory.open(&args.catalog).map_err(Failure::input)?;
    let query = ScanQuery {
        instruments: args.instrument,
        runs: args.run,
        bars: args.bar,
        from: args.from,
        to: args.to,
        memory_max: Some(args.memory.for_reading()),
        ..ScanQuery::default()
    };
    let bar = output::progress(Some(0), "export");
    let mut progress = |rows: u64, rows_max: u64| {
        bar.set_length(rows_max);
        bar.set_position(rows);
        !stop.is_wanted()
    };
    let exported = export_file(&catalog, args.kind, &query, &args.out, &mut progress);
    bar.finish_and_clear();
    match exported.map_err(failure)? {
        None => Err(Failure::Stopped(anyhow!("stopped; no file was written"))),
        Some(report) if args.json => output::json(&Exported {
            report: &report,
            cache: memory::cache(&catalog),
        }),
        Some(report) => {
            print(&report);
            Ok(())
        }
    }
}

/// The object that `--json` prints.
#[derive(serde::Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    report: &'a ExportReport,
    cache: Option<CacheStats>,
}

/// What was asked for may be wrong, or what is there.
fn failure(error: FormatError) -> Failure {
    match error {
        FormatError::Option { .. }
        | FormatError::Record { .. }
        | FormatError::Catalog(
            CatalogError::Empty { .. } | CatalogError::Option { .. } | CatalogError::Record { .. },
        ) => Failure::input(error),
        error => Failure::run(error),
    }
}

fn print(report: &ExportReport) {
    let file = report.file.display().to_string();
    output::line(&output::styled(&file, Style::Bold));
    let row = |name: &str, value: &str| output::line(&format!("  {name:<12} {value}"));
    let (rows, bytes) = (
        grouped(u128::from(report.rows)),
        grouped(u128::from(report.bytes)),
    );
    row(
        "Rows",
        &format!("{rows} of {}, {bytes} bytes", report.table),
    );
    row("Time", &format!("{} to {}", report.from, report.to));
    for note in &report.notes {
        output::note(note);
    }
}
