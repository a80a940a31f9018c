//! `tickloom run`: the live path against any venue until it is stopped.

use crate::config::{FEED_DEFAULT, File};
use crate::failure::Failure;
use crate::live::Live;
use crate::output;
use crate::pipeline::{End, Facts, Pipeline, StoppedEarly, contracts};
use crate::stop::Stop;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tickloom_data::{CatalogError, DataError};
use tickloom_feeds::FeedMetrics;
use tickloom_journal::JournalError;
use tickloom_types::BarSpec;

const EXAMPLES: &str = "\
Examples:
  tickloom run --feed binance:BTCUSDT --signal 'trend=ema(mid, 50) - ema(mid, 200)'
  tickloom run --feed binance-usdm:BTCUSDT,ETHUSDT --bar 1s --signal 'rsi=rsi(close, 14)' --record recorded
  tickloom run --feed 'ws://127.0.0.1:9000/stream?streams=btcusdt@trade/btcusdt@depth@100ms&venue=binance'
  tickloom run --feed binance:BTCUSDT --record recorded --questdb 127.0.0.1:9000
  tickloom run --config live.toml

It runs until Ctrl-C, reconnects by itself, and with --record goes on where it was, also after a crash.
Subscribe with `tickloom subscribe ENDPOINT` or any ZeroMQ client (docs/subscribe.md).";

/// Run live: feeds in, signals out.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A configuration file (TOML); what follows adds to it or replaces it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A feed: VENUE:SYMBOL,SYMBOL or the address of a stream; may be given several times [default: binance:BTCUSDT]
    #[arg(long, value_name = "URL_OR_NAME")]
    feed: Vec<String>,
    /// A signal; may be given several times
    #[arg(long, value_name = "NAME=EXPR")]
    signal: Vec<String>,
    /// ZeroMQ endpoint to publish on [default: tcp://127.0.0.1:5556]
    #[arg(long, value_name = "ENDPOINT")]
    publish: Option<String>,
    /// Directory to record into: a journal and a Parquet catalog
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// QuestDB server that gets what is recorded: HOST:PORT, http::addr=…;username=…;password=…; or env:NAME
    #[arg(long, value_name = "ADDRESS")]
    questdb: Option<String>,
    /// Size of bars for close, open, … without `@`
    #[arg(long, value_name = "SPEC")]
    bar: Option<BarSpec>,
    /// Threads that evaluate signals [default: 1]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Address of the Prometheus page, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Reset the daily loss stop, if it has latched in an earlier session of the run
    #[arg(long)]
    reset_loss_stop: bool,
    /// Begin a new run in the record directory, and leave the last one as it is
    #[arg(long)]
    new_run: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

/// Runs the command until Ctrl-C or a failure.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let as_json = args.json;
    let (reset_loss_stop, is_new_run) = (args.reset_loss_stop, args.new_run);
    let config = args.config.clone();
    let named = |failure| in_file(config.as_deref(), failure);
    let mut settings = settings(args)?.check().map_err(named)?;
    settings.reset_loss_stop = reset_loss_stop;
    settings.is_new_run = is_new_run;
    contracts::keep(&mut settings);
    let stop = Stop::catch()?;
    let mut pipeline = match Pipeline::start(&settings, &stop) {
        Ok(pipeline) => pipeline,
        Err(error) if error.is::<StoppedEarly>() => {
            output::note(&error.to_string());
            return Ok(());
        }
        Err(error) => return Err(named(refused(error))),
    };
    let facts = pipeline.facts.clone();
    announce(&facts);
    let watched = Live::start("tickloom run", &facts).and_then(|mut live| {
        live.watch(&mut pipeline, &stop, || false)?;
        Ok(live.picture(&pipeline, "stopped"))
    });
    let end = pipeline.stop().map_err(Failure::run)?;
    let picture = watched.map_err(Failure::run)?;
    for warning in &end.warnings {
        output::note(&format!("warning    {warning}"));
    }
    if as_json {
        output::json(&summary(&facts, &end))?;
    } else {
        output::line(picture.trim_end());
        output::line(&format!(
            "\noutput hash {}  ({} events)",
            end.output_hash, end.events
        ));
    }
    match end.undone {
        Some(undone) => Err(Failure::run(anyhow::anyhow!(undone))),
        None => Ok(()),
    }
}

/// Says which file the settings came from, if any did.
fn in_file(config: Option<&Path>, failure: Failure) -> Failure {
    match (config, failure) {
        (Some(path), Failure::Input(error)) => {
            Failure::Input(error.context(path.display().to_string()))
        }
        (_, failure) => failure,
    }
}

/// The disk is not the user's words: it may be better at the next try.
fn refused(error: anyhow::Error) -> Failure {
    let is_of_disk = error.chain().any(|cause| {
        let of_data = cause.downcast_ref().is_some_and(DataError::is_of_system);
        let of_catalog = cause.downcast_ref().is_some_and(CatalogError::is_of_system);
        of_data || of_catalog || matches!(cause.downcast_ref(), Some(JournalError::Io { .. }))
    });
    if is_of_disk {
        Failure::run(error)
    } else {
        Failure::input(error)
    }
}

fn settings(args: Args) -> Result<File, Failure> {
    let mut file = match &args.config {
        Some(path) => File::read(path)?,
        None => File::default(),
    };
    for feed in &args.feed {
        file.add_feed(feed)?;
    }
    if file.feed.is_empty() {
        file.add_feed(FEED_DEFAULT)?;
    }
    for signal in &args.signal {
        file.add_signal(signal)?;
    }
    if let Some(endpoint) = args.publish {
        file.publish.endpoint = endpoint;
    }
    if args.record.is_some() {
        file.record.dir = args.record;
    }
    if args.questdb.is_some() {
        file.questdb.address = args.questdb;
    }
    if args.bar.is_some() {
        file.default_bar = args.bar;
    }
    if let Some(workers) = args.workers {
        file.engine.workers = workers;
    }
    if args.metrics.is_some() {
        file.metrics.listen = args.metrics;
    }
    Ok(file)
}

/// Says where everything is.
pub(crate) fn announce(facts: &Facts) {
    for (name, _) in &facts.feeds {
        output::note(&format!("feed       {name}"));
    }
    output::note(&format!("publishing {}", facts.endpoint));
    if let Some(address) = facts.metrics_at {
        output::note(&format!("metrics    http://{address}/metrics"));
    }
    if let Some(journal) = &facts.journal {
        output::note(&format!("journal    {}", journal.display()));
    }
    if let Some(address) = &facts.questdb {
        output::note(&format!("questdb    {address}"));
    }
    if facts.resumed > 0 {
        output::note(&format!(
            "resumed    after {} events of an earlier session",
            facts.resumed
        ));
    }
}

fn summary(facts: &Facts, end: &End) -> serde_json::Value {
    json!({
        "events": end.events,
        "outputs": end.outputs,
        "output_hash": end.output_hash,
        "endpoint": facts.endpoint,
        "journal": facts.journal,
        "catalog": facts.catalog,
        "undone": end.undone,
        "warnings": end.warnings,
        "waiting": end.waiting,
        "unquoted": end.waiting.iter().filter(|order| order.is_unquoted).collect::<Vec<_>>(),
        "feeds": facts.feeds.iter().map(|(name, feed)| feed_end(name, feed)).collect::<Vec<_>>(),
    })
}

fn feed_end(name: &str, feed: &FeedMetrics) -> serde_json::Value {
    use std::sync::atomic::Ordering::Relaxed;
    json!({
        "feed": name,
        "frames": feed.frames.load(Relaxed),
        "connects": feed.connects.load(Relaxed),
        "gaps": feed.gaps.load(Relaxed),
        "last_error": feed.last_error(),
    })
}
