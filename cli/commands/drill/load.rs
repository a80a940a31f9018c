//! `tickloom drill load`: a whole live run under load, counted from both ends.
//!
//! The venue on this machine sends as fast as it is asked to, or as it is read, over real sockets; behind them is what
//! `tickloom run --record` has: feed, rings, core with signals, recorder, publisher. In the end the venue's ledger, which is counted
//! from the messages' own text, is held against what is read back from the journal's files (`count`), and those
//! against what the publisher has sent. `found` says what came of it.

mod count;
mod found;
mod memory;

use crate::config::File;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::output::{self, Screen};
use crate::pipeline::{Pipeline, StoppedEarly, clock};
use crate::stop::Stop;
use crate::table::grouped;
use anyhow::{Context, Result, anyhow};
use found::{Delays, Found, Heard};
use memory::{Memory, resident};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tickloom_feeds::FeedMetrics;
use tickloom_feeds::binance::Channel;
use tickloom_feeds::local_venue::{LoadConfig, LoadVenue, Sent};
use tickloom_feeds::samples::samples;
use tickloom_wire::{Subscriber, SubscriberConfig};

/// What is run, as a user would write it; the feed and the directory are added.
const SETTINGS: &str = include_str!("load.toml");
/// Time between two lines of progress, and between two drawings on a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const DRAW_EVERY: Duration = Duration::from_millis(250);
/// Longest wait for a message of the subscriber: Ctrl-C and the end are seen within it.
const WAIT: Duration = Duration::from_millis(20);
/// What has not moved for so long does not move any more: before the end, and after it.
const PATIENCE: Duration = Duration::from_secs(30);
const QUIET_AFTER: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  tickloom drill load
  tickloom drill load --rate 100000 --seconds 60 --json
  tickloom drill load --channel trade --channel book_ticker --seconds 300
  tickloom drill load --lose 3     # has to fail

It works offline, on free ports. Without --record the journal is in a temporary directory, and is removed.
Exit code 1 if anything was lost. docs/drill.md has more.";

/// Load a whole live run, and count from both ends whether anything is lost.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Messages a second; 0 is as fast as they are taken
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u32,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// What is sent: depth, book_ticker, trade; may be given several times [default: all]
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    channel: Vec<Channel>,
    /// Directory to record into, and to keep
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Trades that the venue counts and does not send, to see that it is found out
    #[arg(long, value_name = "N", default_value_t = 0)]
    lose: u64,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

fn channel(text: &str) -> Result<Channel, String> {
    match text {
        "depth" => Ok(Channel::Depth),
        "book_ticker" => Ok(Channel::BookTicker),
        "trade" => Ok(Channel::Trade),
        _ => Err("expected depth, book_ticker or trade".to_owned()),
    }
}

/// A directory that goes away with the drill, unless the user named it.
struct Place {
    path: PathBuf,
    is_kept: bool,
}

impl Place {
    fn new(record: Option<&Path>) -> Result<Place> {
        let is_kept = record.is_some();
        let temporary = || {
            let name = format!("tickloom-drill-{}-{}", std::process::id(), clock::now().0);
            std::env::temp_dir().join(name)
        };
        let path = record.map_or_else(temporary, Path::to_owned);
        if is_kept && path.join("journal").exists() {
            let path = path.display();
            return Err(anyhow!(
                "{path} has a journal already: name another directory"
            ));
        }
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Place { path, is_kept })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // The catalog's thread may still finish a file.
        let began = Instant::now();
        while let Err(error) = fs::remove_dir_all(&self.path) {
            if began.elapsed() > PATIENCE {
                output::note(&format!("{}: {error}", self.path.display()));
                return;
            }
            std::thread::sleep(WAIT);
        }
    }
}

/// Runs the drill.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let stop = Stop::catch()?;
    let place = Place::new(args.record.as_deref()).map_err(Failure::input)?;
    let venue = start_venue(args).map_err(Failure::run)?;
    let mut file: File = toml::from_str(SETTINGS)
        .context("load.toml")
        .map_err(Failure::run)?;
    file.add_feed(&venue.feed_url())?;
    file.record.dir = Some(place.path.clone());
    let settings = file.check()?;
    let pipeline = match Pipeline::start(&settings, &stop) {
        Ok(pipeline) => pipeline,
        Err(error) if error.is::<StoppedEarly>() => return Err(Failure::Stopped(error)),
        Err(error) => return Err(Failure::run(error)),
    };
    let journal = pipeline.facts.journal.clone().unwrap_or_default();
    let feed = pipeline.facts.feeds.first().map(|(_, feed)| feed.clone());
    let feed = feed.ok_or_else(|| Failure::run(anyhow!("there is no feed")))?;
    let metrics = pipeline.metrics();
    let mut load = Load {
        venue,
        feed,
        stop,
        seconds: Duration::from_secs(args.seconds.into()),
        heard: Heard::default(),
        memory: Memory::default(),
        screen: Screen::new(),
        told: Instant::now(),
    };
    let endpoint = pipeline.facts.endpoint.clone();
    let loaded = load.drive(&endpoint, || pipeline.has_failed());
    load.screen.clear();
    if load.stop.is_wanted() && !place.is_kept {
        // The catalog of a journal that is thrown away need not be complete: as if it were said twice.
        load.stop.press();
    }
    // Before what is waited for here, the stop: it tells why a thread has ended.
    let end = pipeline.stop().map_err(Failure::run)?;
    let seconds = loaded.map_err(Failure::run)?;
    if load.stop.is_wanted() {
        return Err(stopped());
    }
    if let Some(undone) = end.undone {
        return Err(Failure::run(anyhow!(undone)));
    }
    let Some(journal) = count::read(&journal, &load.stop).map_err(Failure::run)? else {
        return Err(stopped());
    };
    let found = load.found(seconds, journal, &metrics);
    if args.json {
        output::json(&found.json())?;
    } else {
        found.lines().iter().for_each(|line| output::line(line));
    }
    match found.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Failure::run(anyhow!(faults.join("; ")))),
    }
}

fn stopped() -> Failure {
    Failure::Stopped(anyhow!("stopped before it was counted"))
}

fn start_venue(args: &Args) -> Result<LoadVenue> {
    let [spot, _] = samples();
    let channels = match args.channel.as_slice() {
        [] => vec![Channel::Depth, Channel::BookTicker, Channel::Trade],
        given => given.to_vec(),
    };
    let config = LoadConfig {
        capture: spot.capture,
        channels,
        rate: NonZero::new(args.rate),
        lose: args.lose,
    };
    LoadVenue::start(config).context("local venue")
}

/// A load that is under way.
struct Load {
    venue: LoadVenue,
    feed: std::sync::Arc<FeedMetrics>,
    stop: Stop,
    seconds: Duration,
    heard: Heard,
    memory: Memory,
    screen: Screen,
    told: Instant,
}

impl Load {
    /// Lets the venue send for its time, and waits until all of it has arrived; says how long it took.
    fn drive(&mut self, endpoint: &str, has_failed: impl Fn() -> bool) -> Result<f64> {
        let config = SubscriberConfig::new(endpoint, &["signal/", "bar/"]);
        let mut subscriber = Subscriber::connect(&config).context("subscribe")?;
        let (mut began, mut moved, mut arrived_before) = (None, Instant::now(), 0);
        loop {
            if self.stop.is_wanted() || has_failed() {
                self.venue.end();
                return Ok(0.0);
            }
            if let Some(received) = subscriber.recv(WAIT)? {
                self.heard.take(&received);
            }
            let has_ended = self.venue.has_ended();
            let (sent, arrived) = (self.venue.sent(), self.feed.frames.load(Relaxed));
            if arrived != arrived_before {
                (moved, arrived_before) = (Instant::now(), arrived);
            }
            let patience = if has_ended { QUIET_AFTER } else { PATIENCE };
            if moved.elapsed() > patience {
                if began.is_some() {
                    self.venue.end();
                    break;
                }
                let status = self.feed.status();
                return Err(anyhow!("the load did not begin: the feed is {status}"));
            }
            let Some(began) = began else {
                // The first message waits for the snapshot.
                if sent.messages > 1 {
                    began = Some(Instant::now());
                    self.memory.start = resident();
                }
                continue;
            };
            let elapsed = began.elapsed();
            if self.memory.middle.is_none() && elapsed >= self.seconds / 2 {
                self.memory.middle = resident();
            }
            if elapsed >= self.seconds {
                self.venue.end();
                if has_ended && arrived >= sent.messages {
                    break;
                }
            }
            self.progress(elapsed, &sent, arrived);
        }
        self.memory.end = resident();
        Ok(began.map_or(0.0, |began| began.elapsed().as_secs_f64()))
    }

    fn progress(&mut self, elapsed: Duration, sent: &Sent, arrived: u64) {
        let every = match self.screen.is_terminal() {
            true => DRAW_EVERY,
            false => LINE_EVERY,
        };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let text = line(elapsed, self.seconds, sent.messages, arrived);
        if self.screen.is_terminal() {
            self.screen.draw(&format!("{text}\n"));
        } else {
            output::note(&text);
        }
    }

    fn found(self, seconds: f64, journal: count::Recorded, metrics: &Metrics) -> Found {
        Found {
            seconds,
            sent: self.venue.sent(),
            received: self.feed.frames.load(Relaxed),
            bad_frames: self.feed.bad_frames_total(),
            recorded: journal,
            delays: Delays::of(metrics.view()),
            heard: self.heard,
            memory: self.memory.with_peak(),
        }
    }
}

/// How far it is, and how fast.
fn line(elapsed: Duration, whole: Duration, sent: u64, arrived: u64) -> String {
    let millis = elapsed.as_millis().max(1);
    let rate = u128::from(arrived) * 1_000 / millis;
    let rate = grouped(u64::try_from(rate).unwrap_or(u64::MAX));
    let left = whole.saturating_sub(elapsed).as_secs_f64().ceil();
    let (sent, arrived) = (grouped(sent), grouped(arrived));
    format!("load       {sent} messages sent, {arrived} received, {rate} a second, {left} s left")
}

#[cfg(test)]
mod tests {
    use super::line;
    use std::time::Duration;

    #[test]
    fn progress_has_rate_and_time_left() {
        let (elapsed, whole) = (Duration::from_millis(2_500), Duration::from_secs(10));
        assert_eq!(
            line(elapsed, whole, 1_000_000, 500_000),
            "load       1,000,000 messages sent, 500,000 received, 200,000 a second, 8 s left"
        );
        assert_eq!(
            line(Duration::ZERO, Duration::ZERO, 0, 0),
            "load       0 messages sent, 0 received, 0 a second, 0 s left"
        );
    }
}
