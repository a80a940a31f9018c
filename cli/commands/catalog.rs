//! `tickloom catalog`: looks at a catalog and looks after it.

mod at;
mod beside;
mod listed;
mod print;

use crate::failure::Failure;
use crate::output;
use crate::stop::Stop;
use anyhow::anyhow;
use at::At;
use clap::Subcommand;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_data::{
    Catalog, CatalogError, CompactOptions, DataError, RetainOptions, RewriteReport, Selection,
    Table, record_dir_of,
};
use tickloom_types::Ts;

const LS: &str = "\
Examples:
  tickloom catalog ls catalog
  tickloom catalog ls catalog --kind trades --json

Exit codes: 0 listed, 1 it could not be read, 2 there is no catalog.";

const SHOW: &str = "\
Examples:
  tickloom catalog show catalog --instrument binance.BTCUSDT
  tickloom catalog show catalog --kind bars --instrument GOOG --json

Definitions, periods with their rows, what retention has dropped, and the first and last row as exact decimals.

Exit codes: 0 shown, 1 it could not be read, 2 there is no catalog, or nothing of that in it.";

const VERIFY: &str = "\
Examples:
  tickloom catalog verify catalog
  tickloom catalog verify catalog --fix

Reads every row. Every file that the index lists must be there, with the hash that it was written with, a footer as the
index says, its rows in order, in range and in the right partition; no row may be in a run twice, and the rows of all
parts must be in files or dropped by retention. Files that no index lists are named and are no fault; --fix removes them.
Beside journals (of `tickloom run --record`) it also compares every row with the record that it was made from, and names
segments that are not in the catalog though nobody writes the journal.
In an object store nobody may be writing while --fix runs.

Exit codes: 0 all is true, 1 something is wrong (a line for each), 2 there is no catalog.";

const COMPACT: &str = "\
Examples:
  tickloom catalog compact recorded/catalog --dry-run
  tickloom catalog compact recorded/catalog

The files of each run in each partition become one (of up to --rows rows), row for row the same. Runs may be recorded
and read meanwhile. Done again, it changes nothing.

Exit codes: 0 done, 1 a file is damaged or could not be written, 2 there is no catalog, 130 stopped (what was done stays).";

const RETAIN: &str = "\
Examples:
  tickloom catalog retain recorded/catalog --before 2024-07-01 --dry-run
  tickloom catalog retain recorded/catalog --keep 30d --kind book_updates --kind book_snapshots

Whole partitions go: days, or of bars months, years and decades, that ended before the date. The index remembers what was
dropped: no sync or import brings it back, and queries say why they find nothing.

Exit codes: 0 done, 1 a file could not be removed, 2 there is no catalog or the command line is wrong.";

const MIGRATE: &str = "\
Examples:
  tickloom catalog migrate catalog --dry-run
  tickloom catalog migrate catalog

Files of earlier schema versions are read as they are; migrate writes them as the current version, with the same rows.

Exit codes: 0 done, 1 a file is damaged or could not be written, 2 there is no catalog, 130 stopped (what was done stays).";

/// Look at a catalog, check it, compact it, drop old days.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List tables and runs: instruments, times, rows, files, bytes
    #[command(after_help = LS)]
    Ls(Look),
    /// Show a table, an instrument or a run in detail
    #[command(after_help = SHOW)]
    Show(Look),
    /// Check that everything the index promises is there and true
    #[command(after_help = VERIFY)]
    Verify(Verify),
    /// Make few large files of many small ones
    #[command(after_help = COMPACT)]
    Compact(Compact),
    /// Drop partitions that ended before a date
    #[command(after_help = RETAIN)]
    Retain(Retain),
    /// Bring files of earlier schema versions to the current one
    #[command(after_help = MIGRATE)]
    Migrate(Migrate),
}

#[derive(clap::Args)]
struct Look {
    #[command(flatten)]
    at: At,
    /// Only this table; may be given several times
    #[arg(long, value_name = "KIND", value_parser = table)]
    kind: Vec<Table>,
    /// Only this instrument; may be given several times
    #[arg(long, value_name = "ID")]
    instrument: Vec<String>,
    /// Only this run or import; may be given several times
    #[arg(long, value_name = "RUN")]
    run: Vec<String>,
}

#[derive(clap::Args)]
struct Verify {
    #[command(flatten)]
    at: At,
    /// Remove files that no index lists
    #[arg(long)]
    fix: bool,
}

#[derive(clap::Args)]
struct Compact {
    #[command(flatten)]
    at: At,
    /// Only this run or import
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Leave each import a run of its own, which can be replaced and read by itself
    #[arg(long)]
    no_bundle: bool,
    /// Rows that a file may have
    #[arg(long, value_name = "ROWS", default_value_t = CompactOptions::default().rows_max)]
    rows: u64,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
struct Retain {
    #[command(flatten)]
    at: At,
    /// Drop partitions that ended at or before this date or time
    #[arg(long, value_name = "DATE", value_parser = Ts::parse_by_digits, required_unless_present = "keep")]
    before: Option<Ts>,
    /// Keep so many days, such as 30d, before today (UTC)
    #[arg(long, value_name = "DAYS", value_parser = days, conflicts_with = "before")]
    keep: Option<i64>,
    /// Only this table; may be given several times
    #[arg(long, value_name = "KIND", value_parser = table)]
    kind: Vec<Table>,
    /// Only this instrument; may be given several times
    #[arg(long, value_name = "ID")]
    instrument: Vec<String>,
    /// Only tell what would be dropped
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
struct Migrate {
    #[command(flatten)]
    at: At,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

fn table(name: &str) -> Result<Table, String> {
    Table::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// `30d` as 30.
fn days(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    days.filter(|days| (0..=36_500).contains(days))
        .ok_or_else(|| "expected a number of days such as 30d".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Ls(args) => ls(&args),
        Command::Show(args) => show(&args),
        Command::Verify(args) => verify(&args),
        Command::Compact(args) => compact(args),
        Command::Retain(args) => retain(args),
        Command::Migrate(args) => migrate(&args),
    }
}

fn open(dir: &Path) -> Result<Catalog, Failure> {
    Catalog::open(dir).map_err(Failure::input)
}

/// A wrong option is the command line's fault.
fn failure(error: impl Into<DataError>) -> Failure {
    match error.into() {
        error @ DataError::Catalog(CatalogError::Option { .. }) => Failure::input(error),
        error => Failure::run(error),
    }
}

fn selection(args: &Look) -> Selection {
    Selection {
        tables: args.kind.clone(),
        instruments: args.instrument.clone(),
        runs: args.run.clone(),
    }
}

fn ls(args: &Look) -> Result<(), Failure> {
    let found = open(args.at.dir())?
        .list(&selection(args))
        .map_err(failure)?;
    if args.at.json {
        return args.at.answer(&found);
    }
    listed::listing(&found);
    Ok(())
}

fn show(args: &Look) -> Result<(), Failure> {
    let found = open(args.at.dir())?
        .show(&selection(args))
        .map_err(failure)?;
    if found.listing.tables.is_empty() && found.dropped.is_empty() {
        return Err(Failure::input(anyhow!(
            "{} has nothing of that; see tickloom catalog ls",
            args.at.dir().display()
        )));
    }
    if args.at.json {
        return args.at.answer(&print::as_json(&found)?);
    }
    print::shown(&found);
    Ok(())
}

/// Counts rows on stderr until Ctrl-C.
fn with_progress<T>(
    what: &'static str,
    work: impl FnOnce(&mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<T, DataError>,
) -> Result<T, Failure> {
    let stop = Stop::catch()?;
    let bar = output::progress(None, what);
    let done = work(&mut |rows| {
        bar.inc(rows);
        if stop.is_wanted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    bar.finish_and_clear();
    done.map_err(failure)
}

fn stopped(what: &str) -> Failure {
    Failure::Stopped(anyhow!("{what} was stopped before its end"))
}

fn verify(args: &Verify) -> Result<(), Failure> {
    let catalog = open(args.at.dir())?;
    let mut found = with_progress("verify", |progress| {
        let mut found = catalog.verify(progress)?;
        if let Some(dir) = record_dir_of(args.at.dir()) {
            beside::compare(&dir, &catalog, &mut found, progress)?;
        }
        Ok(found)
    })?;
    if args.fix && found.faults.is_empty() && !found.stopped {
        found.leftovers_removed = catalog.remove_leftovers().map_err(failure)?;
    }
    if args.at.json {
        args.at.answer(&found)?;
    } else {
        print::verified(&found);
    }
    if found.stopped {
        return Err(stopped("the check"));
    }
    match found.faults.len() {
        0 => Ok(()),
        1 => Err(Failure::run(anyhow!("the catalog has a fault"))),
        faults => Err(Failure::run(anyhow!("the catalog has {faults} faults"))),
    }
}

fn compact(args: Compact) -> Result<(), Failure> {
    let catalog = open(args.at.dir())?;
    let options = CompactOptions {
        run: args.run,
        rows_max: args.rows,
        bundle: !args.no_bundle,
        dry_run: args.dry_run,
    };
    let found = with_progress("compact", |progress| {
        Ok(catalog.compact(&options, progress)?)
    })?;
    if args.at.json {
        args.at.answer(&found)?;
    } else {
        print::rewritten(&found, args.dry_run);
    }
    end_of("the compaction", &found)
}

fn migrate(args: &Migrate) -> Result<(), Failure> {
    let catalog = open(args.at.dir())?;
    let found = with_progress("migrate", |progress| {
        Ok(catalog.migrate(args.dry_run, progress)?)
    })?;
    if args.at.json {
        args.at.answer(&found)?;
    } else {
        print::migrated(&found, args.dry_run);
    }
    end_of("the migration", &found.rewritten)
}

fn end_of(what: &str, found: &RewriteReport) -> Result<(), Failure> {
    match found.stopped {
        true => Err(stopped(what)),
        false => Ok(()),
    }
}

fn retain(args: Retain) -> Result<(), Failure> {
    let catalog = open(args.at.dir())?;
    let before = match (args.before, args.keep) {
        (Some(before), _) => before,
        (None, keep) => days_ago(keep.unwrap_or(0))?,
    };
    let options = RetainOptions {
        before,
        tables: args.kind,
        instruments: args.instrument,
        dry_run: args.dry_run,
    };
    let found = catalog.retain(&options).map_err(failure)?;
    if args.at.json {
        return args.at.answer(&found);
    }
    print::retained(&found, before, args.dry_run);
    Ok(())
}

/// The start of the day that many days ago.
fn days_ago(days: i64) -> Result<Ts, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(Failure::run)?.as_secs();
    let today = i64::try_from(now / 86_400).map_err(Failure::run)?;
    Ts::from_secs((today - days) * 86_400)
        .ok_or_else(|| Failure::input(anyhow!("--keep reaches back before the first date")))
}
