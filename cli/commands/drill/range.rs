//! Runs one drill: the local venue, the feed on a thread of its own, and what both say in the end.

use super::faults::{Drill, End, Market};
use crate::stop::Stop;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tickloom_feeds::binance::Channel;
use tickloom_feeds::local_venue::{LevelBook, LocalVenue, LocalVenueConfig};
use tickloom_feeds::samples::samples;
use tickloom_feeds::{Feed, FeedConfig, FeedMetrics, FeedState, run_feed};
use tickloom_types::{
    BookState, Flags, Instruments, Kind, MomentSink, Record, StatusBody, StatusCode,
};
use tokio::sync::watch;

/// Longest time that a drill takes; one that has not come to its end has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(2);
/// Best levels of each side that are compared: deeper ones than a snapshot reaches are not known to who asked for it.
const DEPTH: usize = 100;

/// What one expectation came to.
pub(super) struct Seen {
    pub(super) expected: &'static str,
    pub(super) seen: String,
    pub(super) holds: bool,
}

/// A drill that was run.
pub(super) struct Ran {
    pub(super) seen: Vec<Seen>,
    /// What the feed said that it was at, one after the other.
    pub(super) states: Vec<String>,
    pub(super) seconds: f64,
}

impl Ran {
    /// Whether all came as expected.
    pub(super) fn holds(&self) -> bool {
        self.seen.iter().all(|seen| seen.holds)
    }
}

/// What the records of a feed add up to.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) statuses: BTreeMap<&'static str, u64>,
    /// Times that the book got into each state.
    pub(super) books: BTreeMap<&'static str, u64>,
    pub(super) trades: u64,
    pub(super) bad_times: u64,
    /// The latest time of timers and of trades whose time is good, in nanoseconds.
    pub(super) newest: i64,
    /// The earliest of them.
    pub(super) oldest: Option<i64>,
    pub(super) book: LevelBook,
    pub(super) state: Option<BookState>,
}

/// Everything that expectations look at.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    pub(super) metrics: Arc<FeedMetrics>,
    /// The venue's own book in the end.
    pub(super) venue_book: Option<LevelBook>,
    pub(super) states: Vec<String>,
    pub(super) errors: Vec<String>,
    /// Whether it came to its end in time.
    pub(super) is_finished: bool,
}

impl Outcome {
    /// Whether the feed has said so at some time.
    pub(super) fn said(&self, text: &str) -> Option<&String> {
        let mut said = self.states.iter().chain(&self.errors);
        said.find(|said| said.contains(text))
    }

    /// Whether the feed's book is the venue's and is live.
    pub(super) fn has_the_venues_book(&self) -> bool {
        let Some(theirs) = &self.venue_book else {
            return false;
        };
        self.tally.state == Some(BookState::Live)
            && self.tally.book.last_id == theirs.last_id
            && top(&self.tally.book) == top(theirs)
    }
}

fn top(book: &LevelBook) -> Vec<(i64, i64)> {
    let bids = book.bids.iter().rev().take(DEPTH);
    let asks = book.asks.iter().take(DEPTH);
    bids.chain(asks)
        .map(|(price, qty)| (*price, *qty))
        .collect()
}

/// Adds up what comes.
struct Adder(Arc<Mutex<Tally>>);

impl MomentSink for Adder {
    fn push_moment(&mut self, records: &[Record]) {
        // A panic elsewhere ends the drill anyway.
        if let Ok(mut tally) = self.0.lock() {
            records.iter().for_each(|record| tally.add(record));
        }
    }
}

impl Tally {
    fn add(&mut self, record: &Record) {
        self.book.apply(record);
        let is_bad_time = record.has(Flags::BAD_TIME);
        match record.kind() {
            Some(Kind::Status) => self.add_status(record),
            Some(Kind::Trade) => {
                self.trades += 1;
                self.bad_times += u64::from(is_bad_time);
                if !is_bad_time {
                    self.add_time(record);
                }
            }
            Some(Kind::Timer) => self.add_time(record),
            _ => {}
        }
    }

    fn add_time(&mut self, record: &Record) {
        let time = record.ts_event().0;
        self.newest = self.newest.max(time);
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
    }

    fn add_status(&mut self, record: &Record) {
        let body = StatusBody::of(record);
        let Some(code) = StatusCode::from_raw(body.code) else {
            return;
        };
        *self.statuses.entry(code.name()).or_default() += 1;
        if code == StatusCode::Book
            && let Some(state) = BookState::from_raw(body.state)
        {
            *self.books.entry(state.name()).or_default() += 1;
            self.state = Some(state);
        }
    }

    /// How often a status came.
    pub(super) fn count(&self, code: StatusCode) -> u64 {
        self.statuses.get(code.name()).copied().unwrap_or(0)
    }
}

/// Runs a drill to its end; `None` if it was stopped.
///
/// # Errors
/// The local venue or the feed could not be started.
pub(super) fn run(drill: &Drill, stop: &Stop) -> Result<Option<Ran>> {
    let began = Instant::now();
    let venue = start_venue(drill)?;
    let feed = configure(drill, &venue)?;
    let metrics = Arc::new(FeedMetrics::new());
    let tally = Arc::new(Mutex::new(Tally::default()));
    let (shutdown, stopped) = watch::channel(false);
    let thread = spawn_feed(feed, &metrics, &tally, stopped)?;
    let mut watched = Watched::default();
    let is_finished = loop {
        watched.look(&metrics);
        if stop.is_wanted() {
            shutdown.send_replace(true);
            return Ok(None);
        }
        if is_at_end(drill, &venue, &tally, &watched) {
            break true;
        }
        if began.elapsed() > PATIENCE {
            break false;
        }
        std::thread::sleep(LOOK);
    };
    // The state of the book before the stop makes it stale.
    let tally = tally
        .lock()
        .map(|mut tally| std::mem::take(&mut *tally))
        .map_err(|_| anyhow!("the feed's thread panicked"))?;
    let outcome = Outcome {
        tally,
        venue_book: venue.book(&venue.symbols()[0]),
        metrics,
        states: watched.states,
        errors: watched.errors,
        is_finished,
    };
    shutdown.send_replace(true);
    thread
        .join()
        .map_err(|_| anyhow!("the feed's thread panicked"))??;
    let seen = drill.checks.iter().map(|check| {
        let (holds, seen) = (check.look)(&outcome);
        Seen {
            expected: check.expected,
            seen,
            holds,
        }
    });
    Ok(Some(Ran {
        seen: seen.collect(),
        states: outcome.states.clone(),
        seconds: began.elapsed().as_secs_f64(),
    }))
}

/// What the feed has said.
#[derive(Default)]
struct Watched {
    seen: u64,
    state: FeedState,
    states: Vec<String>,
    errors: Vec<String>,
}

impl Watched {
    fn look(&mut self, metrics: &FeedMetrics) {
        let (seen, statuses) = metrics.statuses_since(self.seen);
        self.seen = seen;
        for status in statuses {
            self.state = status.state;
            self.states.push(status.to_string());
        }
        if let Some(error) = metrics.last_error()
            && self.errors.last() != Some(&error)
        {
            self.errors.push(error);
        }
    }
}

fn start_venue(drill: &Drill) -> Result<LocalVenue> {
    let [spot, usdm] = samples();
    let sample = match drill.market {
        Market::Spot => spot,
        Market::Usdm => usdm,
    };
    let mut config = LocalVenueConfig::new(vec![sample.capture]);
    config.speed = drill.speed;
    config.faults = (drill.faults)();
    LocalVenue::start(config).context("local venue")
}

fn configure(drill: &Drill, venue: &LocalVenue) -> Result<Feed> {
    let mut config = FeedConfig::parse(&venue.feed_url())?;
    config.reconnect_ms = 100;
    config.reconnect_ms_max = 200;
    config.snapshot_retry_ms = 20;
    config.idle_timeout_ms = 2_000;
    config.first_data_ms = 500;
    if drill.market == Market::Usdm {
        config.channels = vec![Channel::Depth, Channel::BookTicker, Channel::AggTrade];
    }
    Ok(config.resolve(&mut Instruments::new())?)
}

fn spawn_feed(
    feed: Feed,
    metrics: &Arc<FeedMetrics>,
    tally: &Arc<Mutex<Tally>>,
    stopped: watch::Receiver<bool>,
) -> Result<std::thread::JoinHandle<Result<()>>> {
    let (metrics, mut sink) = (Arc::clone(metrics), Adder(Arc::clone(tally)));
    let thread = std::thread::Builder::new().name("feed".to_owned());
    Ok(thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run_feed(&feed, &mut sink, stopped, &metrics));
        // A request for a snapshot may still be under way: the end does not wait for its answer.
        runtime.shutdown_background();
        Ok(())
    })?)
}

/// Whether what the drill waits for has come.
fn is_at_end(drill: &Drill, venue: &LocalVenue, tally: &Mutex<Tally>, watched: &Watched) -> bool {
    let wanted = match drill.end {
        End::Said(text) => return watched.states.iter().any(|state| state.contains(text)),
        End::SameBook => FeedState::Live,
        End::SameBookIn(state) => state,
    };
    if watched.state != wanted || !venue.progress().is_finished {
        return false;
    }
    let Some(book) = venue.book(&venue.symbols()[0]) else {
        return false;
    };
    tally.lock().is_ok_and(|tally| {
        tally.book.last_id == book.last_id && tally.state == Some(BookState::Live)
    })
}
