//! `tickloom questdb`: brings a QuestDB server up to date with what was recorded or imported, and says how it is.

use crate::config::questdb_address;
use crate::failure::Failure;
use crate::output::{self, Style};
use crate::stop::Stop;
use anyhow::anyhow;
use clap::Subcommand;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tickloom_backtest::text::grouped;
use tickloom_data::questdb::{
    CopyReport, FollowOptions, FollowState, FollowStatus, Follower, Turn, copy_catalog,
};
use tickloom_data::{Catalog, DataError, QuestDb, QuestDbAddress, QuestDbSink};

const EXAMPLES: &str = "\
Examples:
  tickloom questdb sync recorded --questdb 127.0.0.1:9000
  tickloom questdb sync recorded/journal/20240808T235413Z --questdb 127.0.0.1:9000
  tickloom questdb sync catalog --questdb 127.0.0.1:9000
  tickloom questdb status --questdb 127.0.0.1:9000

What is there already is not sent twice, so that a sync that was cut off (Ctrl-C, kill -9, a server that went away) is done again
by the same command. docs/questdb.md has the tables and what is guaranteed.

Exit codes: 0 the server has all of it, 1 it is away, refuses or cannot write, 2 the command line or the source is wrong,
130 stopped by Ctrl-C.";

/// How long a sync goes on asking a server that is away or cannot write.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest pause between two turns: Ctrl-C is seen within it.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Send what was recorded or imported to a QuestDB server, or ask how the server is.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send journals and catalogs until the server has all of them
    Sync(SyncArgs),
    /// Say what the server has, and which tables it cannot write into
    Status(StatusArgs),
}

#[derive(clap::Args)]
struct SyncArgs {
    /// The directory of one run's journal, of a catalog, or of `tickloom run --record` for all of its journals
    #[arg(required = true, value_name = "DIR")]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Server {
    /// The server: HOST:PORT, http::addr=…;username=…;password=…; or env:NAME
    #[arg(long, value_name = "ADDRESS", value_parser = questdb_address)]
    questdb: QuestDbAddress,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Sync(args) => sync(&args),
        Command::Status(args) => status(&args.server),
    }
}

fn sync(args: &SyncArgs) -> Result<(), Failure> {
    let stop = Stop::catch()?;
    let spinner = output::progress(None, "questdb");
    let address = &args.server.questdb;
    let sources = expand(&args.sources)?;
    let mut synced = Vec::new();
    for source in &sources {
        let done = if Catalog::is_at(source) {
            copy(source, address, &stop, &spinner)
        } else {
            follow(source, address, &stop, &spinner)
        };
        synced.push((source, done?));
    }
    wait_until_visible(address, &stop)?;
    spinner.finish_and_clear();
    if args.server.json {
        let sources = synced.iter().map(|(source, done)| done.json(source));
        return output::json(&json!({
            "questdb": address.to_string(),
            "sources": sources.collect::<Vec<Value>>(),
        }));
    }
    for (source, done) in &synced {
        done.print(source);
    }
    Ok(())
}

/// Waits until queries see what was confirmed.
fn wait_until_visible(address: &QuestDbAddress, stop: &Stop) -> Result<(), Failure> {
    let db = QuestDb::connect(address).map_err(failure)?;
    let began = Instant::now();
    loop {
        let waiting = db.unapplied().map_err(failure)?;
        if waiting.is_empty() || stop.is_wanted() {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::run(anyhow!(
                "QuestDB at {address} has confirmed all rows, and has not put those of {} into their tables yet: \
                 `tickloom questdb status` says whether they are suspended",
                waiting.join(", ")
            )));
        }
        std::thread::park_timeout(PAUSE_MAX);
    }
}

/// What `tickloom run --record` writes into has a journal for each run.
fn expand(sources: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for source in sources {
        let journals = source.join("journal");
        if !journals.is_dir() {
            all.push(source.clone());
            continue;
        }
        let entries = std::fs::read_dir(&journals).map_err(Failure::run)?;
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| has_segment(path));
        found.sort();
        all.extend(found);
    }
    Ok(all)
}

/// What was done with one source.
enum Done {
    Journal(FollowStatus),
    Catalog(CopyReport),
}

impl Done {
    fn json(&self, source: &Path) -> Value {
        match self {
            Done::Journal(status) => json!({ "journal": source, "status": status }),
            Done::Catalog(report) => json!({ "catalog": source, "report": report }),
        }
    }

    fn print(&self, source: &Path) {
        let source = source.display();
        let (text, refused) = match self {
            Done::Journal(status) => {
                let rows = grouped(status.confirmed.into());
                let mut text = format!("{source}: all {rows} records are confirmed");
                for (first, last) in &status.missing {
                    text.push_str(&format!(
                        "; segments {first} to {last} were not there: the catalog has them"
                    ));
                }
                (text, (status.refused, &status.refusal))
            }
            Done::Catalog(report) => {
                let (rows, sent) = (grouped(report.rows.into()), report.sent);
                let known = report.known;
                let text = format!(
                    "{source}: {rows} rows of {sent} runs and imports were sent, {known} were there"
                );
                (text, (report.refused, &report.refusal))
            }
        };
        output::line(&text);
        if let (count, Some(refusal)) = refused {
            let text = format!(
                "  {} records were left out, the first: {refusal}",
                grouped(count.into())
            );
            output::line(&output::styled(&text, Style::Bad));
        }
    }
}

fn copy(
    source: &Path,
    address: &QuestDbAddress,
    stop: &Stop,
    spinner: &ProgressBar,
) -> Result<Done, Failure> {
    let catalog = Catalog::open(source).map_err(Failure::input)?;
    let report = copy_catalog(&catalog, address, |rows| {
        spinner.set_position(rows);
        if stop.is_wanted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let report = report.map_err(failure)?;
    if stop.is_wanted() {
        return Err(stopped(report.rows));
    }
    Ok(Done::Catalog(report))
}

fn follow(
    source: &Path,
    address: &QuestDbAddress,
    stop: &Stop,
    spinner: &ProgressBar,
) -> Result<Done, Failure> {
    if !has_segment(source) {
        return Err(Failure::input(anyhow!(
            "{} is neither a journal nor a catalog: expected a directory with segment-….tlj, or one that `tickloom import` made",
            source.display()
        )));
    }
    let mut follower = Follower::new(source, address, FollowOptions::default());
    let shared = follower.status();
    let mut held_since = None;
    loop {
        let now = Instant::now();
        let turn = follower.turn(now).map_err(failure)?;
        let status = shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        spinner.set_position(status.confirmed);
        if stop.is_wanted() {
            return Err(stopped(status.confirmed));
        }
        match turn {
            Turn::CaughtUp => return Ok(Done::Journal(status)),
            Turn::Worked => held_since = None,
            Turn::Held(pause) => {
                let since = *held_since.get_or_insert(now);
                let is_well = status.state == FollowState::Connected;
                if !is_well && now.duration_since(since) > PATIENCE {
                    return Err(Failure::run(anyhow!(
                        "QuestDB at {address}: {status}; the same command goes on from there"
                    )));
                }
                std::thread::park_timeout(pause.min(PAUSE_MAX));
            }
        }
    }
}

/// Whether there is a segment, though perhaps not the first any more.
fn has_segment(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("segment-"))
}

fn status(server: &Server) -> Result<(), Failure> {
    let address = &server.questdb;
    let db = QuestDb::connect(address).map_err(failure)?;
    let suspended = QuestDbSink::connect(address)
        .and_then(|sink| sink.suspended())
        .map_err(failure)?;
    let (runs, ranges) = (db.runs().map_err(failure)?, db.ranges().map_err(failure)?);
    if server.json {
        let names: Vec<&str> = runs.iter().map(|run| run.run.as_str()).collect();
        output::json(&json!({
            "questdb": address.to_string(),
            "runs": names,
            "ranges": ranges,
            "suspended": suspended,
        }))?;
    } else {
        output::line(&format!("{address}: {} runs and imports", runs.len()));
        for range in &ranges {
            let instrument = range.instrument.as_deref().unwrap_or("-");
            let bar = range.bar.map_or(String::new(), |bar| format!(" {bar}"));
            output::line(&format!(
                "  {:<16} {instrument:<28} {:>14}  {} to {}",
                format!("{}{bar}", range.table),
                grouped(range.rows.into()),
                range.from,
                range.to
            ));
        }
    }
    if suspended.is_empty() {
        return Ok(());
    }
    let tables: Vec<String> = suspended
        .iter()
        .map(|table| {
            format!(
                "{} ({}): ALTER TABLE {} RESUME WAL",
                table.table, table.message, table.table
            )
        })
        .collect();
    Err(Failure::run(anyhow!(
        "tables are suspended: {}",
        tables.join("; ")
    )))
}

fn stopped(records: u64) -> Failure {
    Failure::Stopped(anyhow!(
        "stopped; {} records were confirmed, the same command goes on from there",
        grouped(records.into())
    ))
}

/// A server may be better at the next try; a journal, a catalog and a name are as they are.
fn failure(error: DataError) -> Failure {
    if error.is_of_system() || matches!(error, DataError::QuestDb { .. }) {
        return Failure::run(error);
    }
    Failure::input(error)
}
