//! `tickloom demo`: the whole path on recorded traffic, from a venue's bytes to the same hash in a backtest.
//!
//! Nothing in it is special: a local venue speaks the exchange's protocol, and everything after the socket is what
//! `tickloom run` and `tickloom backtest` do.

use crate::commands::run::announce;
use crate::config::{File, Settings};
use crate::failure::Failure;
use crate::live::Live;
use crate::output::{self, Style};
use crate::pipeline::{End, Facts, Pipeline};
use crate::stop::Stop;
use crate::table::duration;
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tickloom_backtest::{Manifest, Outcome};
use tickloom_core::CoreConfig;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;

/// What the demo runs, as a user would write it; feeds and directories are added.
const SETTINGS: &str = include_str!("demo.toml");
/// Length of the recorded samples, in seconds.
const SAMPLE_SECONDS: f64 = 85.0;
/// Longest wait for frames that are still on their way when the recordings have ended.
const QUIET_AFTER: Duration = Duration::from_secs(5);
/// Marks a directory as one that a demo made and may replace.
const MARK: &str = ".tickloom-demo";

const EXAMPLES: &str = "\
Examples:
  tickloom demo
  tickloom demo --seconds 10 --json
  tickloom demo --lockstep

It works offline, on free ports. What it records stays in tickloom-demo/, until the next demo.";

/// Watch recorded exchange traffic become signals, and backtest it to the same hash.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Time in which the recorded 85 seconds are played
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Play both recordings in lockstep of their stamps: each message once the one before was taken in, as fast as that goes
    #[arg(long, conflicts_with = "seconds")]
    lockstep: bool,
    /// Directory for the journal, the catalog and the report; one of an earlier demo is replaced
    #[arg(
        long = "out",
        visible_alias = "dir",
        value_name = "DIR",
        default_value = "tickloom-demo"
    )]
    dir: PathBuf,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

/// What a demo leaves behind.
struct Done {
    facts: Facts,
    end: End,
    signals: u64,
    live: Live,
    picture: String,
    stages: Vec<crate::metrics::StageView>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let stop = Stop::catch()?;
    prepare(&args.dir).map_err(Failure::input)?;
    let venues = start_venues(&args).map_err(Failure::run)?;
    let settings = settings(&venues, &args.dir)?;
    let mut config = settings.core.clone();
    let done = play(settings, &venues, &stop).map_err(Failure::run)?;
    config.instruments = done.facts.instruments.clone();
    if stop.is_wanted() {
        output::note("stopped; what was recorded is whole");
        return Ok(());
    }
    let catalog = done.facts.catalog.clone().unwrap_or_default();
    let (outcome, report) = backtest(&config, &catalog, &args.dir).map_err(Failure::run)?;
    show(&args, &done, &outcome, &report)?;
    if outcome.output_hash == done.end.output_hash {
        return Ok(());
    }
    Err(Failure::run(anyhow!(
        "the backtest's outputs differ from the live ones"
    )))
}

/// Makes the directory empty, unless something else than a demo filled it.
fn prepare(dir: &Path) -> Result<()> {
    let name = || dir.display().to_string();
    if dir.exists() {
        let is_ours =
            dir.join(MARK).exists() || fs::read_dir(dir).with_context(name)?.next().is_none();
        if !is_ours {
            return Err(anyhow!(
                "{}: not a directory of an earlier demo; name another with --out",
                name()
            ));
        }
        fs::remove_dir_all(dir).with_context(name)?;
    }
    fs::create_dir_all(dir).with_context(name)?;
    fs::write(dir.join(MARK), "").with_context(name)
}

fn start_venues(args: &Args) -> Result<Vec<LocalVenue>> {
    let configs = samples().map(|sample| LocalVenueConfig {
        speed: Speed::Times(SAMPLE_SECONDS / f64::from(args.seconds)),
        ..LocalVenueConfig::new(vec![sample.capture])
    });
    let venues = if args.lockstep {
        LocalVenue::start_in_lockstep(configs.to_vec())
    } else {
        configs.into_iter().map(LocalVenue::start).collect()
    };
    venues.context("local venue")
}

fn settings(venues: &[LocalVenue], dir: &Path) -> Result<Settings, Failure> {
    let mut file: File = toml::from_str(SETTINGS)
        .context("demo.toml")
        .map_err(Failure::run)?;
    for venue in venues {
        file.add_feed(&venue.feed_url())?;
    }
    file.record.dir = Some(dir.to_owned());
    file.check()
}

/// Plays the recording to its end, or until Ctrl-C.
fn play(settings: Settings, venues: &[LocalVenue], stop: &Stop) -> Result<Done> {
    let mut pipeline = Pipeline::start(&settings, stop)?;
    let facts = pipeline.facts.clone();
    announce(&facts);
    let mut finished_at = None;
    let is_over = || is_played(&facts, venues, &mut finished_at);
    let watched = Live::start("tickloom demo", &facts).and_then(|mut live| {
        live.watch(&mut pipeline, stop, is_over)?;
        live.drain()?;
        let picture = live.picture(&pipeline, "done");
        Ok((live, picture, pipeline.stages()))
    });
    let end = pipeline.stop()?;
    if let Some(undone) = end.undone {
        return Err(anyhow!(undone));
    }
    let (live, picture, stages) = watched?;
    if let Some(error) = venues.iter().find_map(LocalVenue::error) {
        return Err(anyhow!(
            "the local venue could not play its recording: {error}"
        ));
    }
    Ok(Done {
        signals: live.table().signals(),
        facts,
        end,
        live,
        picture,
        stages,
    })
}

/// Whether the recordings are at their ends and the feeds have read them. A feed that lost its connection never has: it is
/// not waited for for ever.
fn is_played(facts: &Facts, venues: &[LocalVenue], finished_at: &mut Option<Instant>) -> bool {
    if !venues.iter().all(|venue| venue.progress().is_finished) {
        return false;
    }
    let finished_at = finished_at.get_or_insert_with(Instant::now);
    live_is_quiet(facts, venues) || finished_at.elapsed() > QUIET_AFTER
}

/// Whether the feeds have read every frame that the venues have sent.
fn live_is_quiet(facts: &Facts, venues: &[LocalVenue]) -> bool {
    let read: u64 = facts
        .feeds
        .iter()
        .map(|(_, feed)| feed.frames.load(std::sync::atomic::Ordering::Relaxed))
        .sum();
    let sent: u64 = venues.iter().map(|venue| venue.progress().sent).sum();
    read >= sent
}

/// The same configuration over what the demo has recorded, read back from Parquet.
fn backtest(config: &CoreConfig, catalog: &Path, dir: &Path) -> Result<(Outcome, PathBuf)> {
    let scan = Catalog::open(catalog)?.scan(&ScanQuery::default())?;
    let records = scan.map(|row| Ok(row?));
    let outcome = tickloom_backtest::run(config, records, &mut |_: u64| ControlFlow::Continue(()))?;
    let manifest = Manifest::new(config, "what the demo recorded, from its catalog", &outcome);
    let html = tickloom_backtest::report(&outcome, &manifest)?;
    let path = dir.join("report.html");
    output::write_file(&path, html.as_bytes()).map_err(|failure| anyhow!(failure.text()))?;
    Ok((outcome, path))
}

fn show(args: &Args, done: &Done, outcome: &Outcome, report: &Path) -> Result<(), Failure> {
    let report = fs::canonicalize(report).unwrap_or_else(|_| report.to_owned());
    let table = done.live.table();
    if args.json {
        return output::json(&json!({
            "events": done.end.events,
            "outputs": done.end.outputs,
            "signals": done.signals,
            "messages": table.messages(),
            "missed": table.missed(),
            "latency_ns": table.latency(),
            "stages": done.stages,
            "fills": outcome.fills.len(),
            "final_equity": outcome.final_equity.to_string(),
            "live_hash": done.end.output_hash,
            "backtest_hash": outcome.output_hash,
            "journal": done.facts.journal,
            "catalog": done.facts.catalog,
            "report": report,
        }));
    }
    output::line(done.picture.trim_end());
    let equal = outcome.output_hash == done.end.output_hash;
    let (word, style) = if equal {
        ("equal", Style::Good)
    } else {
        ("DIFFERENT", Style::Bad)
    };
    output::line("");
    output::line(&format!("live hash      {}", done.end.output_hash));
    output::line(&format!(
        "backtest hash  {}  {}",
        outcome.output_hash,
        output::styled(word, style)
    ));
    output::line(&format!(
        "latency        bytes to subscriber, median {}",
        duration(table.latency().p50)
    ));
    for (name, path) in [
        ("journal", &done.facts.journal),
        ("catalog", &done.facts.catalog),
    ] {
        if let Some(path) = path {
            output::line(&format!("{name:<14} {}", path.display()));
        }
    }
    output::line(&format!("report         {}", report.display()));
    Ok(())
}
