//! The live path, wired: feeds -> input ring -> core -> output ring -> publisher and recorder, a thread each.
//!
//! What each thread does is in the files of `pipeline/`; here is who reads which ring, and in which order they start
//! and stop. The input ring closes when every feed is gone, the output ring when the core is: so everything that came
//! in is stepped, sent and recorded before [`Pipeline::stop`] returns.

pub(crate) mod clock;
mod core_thread;
mod feed_thread;
mod publisher_thread;
mod questdb_thread;
mod recorder_thread;
mod resume;
mod workers;

use crate::config::Settings;
use crate::metrics::{Metrics, StageView};
use crate::metrics_server::{self, NamedFeed};
use crate::output;
use anyhow::{Context, Result, anyhow};
use core_thread::{CoreEnd, CoreThread, Output};
use feed_thread::FeedThread;
use publisher_thread::PublisherThread;
use questdb_thread::{Gauges, QuestDbThread};
use recorder_thread::RecorderThread;
use resume::Resumed;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tickloom_core::OutputHash;
use tickloom_data::QuestDbAddress;
use tickloom_data::questdb::{FollowOptions, FollowStatus, Follower};
use tickloom_feeds::{Feed, FeedMetrics};
use tickloom_ring::{Consumer, Item, Producer, SoleProducer, pin_current_thread, ring, sole_ring};
use tickloom_types::{
    Header, InstrumentId, Instruments, Kind, Record, Seq, SourceId, StatusBody, StatusCode,
    mark_moment,
};
use tickloom_wire::{Names, Publisher, PublisherConfig, WireError};
use tokio::sync::watch;
use workers::{Engine, Stepper, WorkerLost, WorkerThread};

/// A running pipeline.
pub(crate) struct Pipeline {
    shutdown: watch::Sender<bool>,
    feeds: Vec<JoinHandle<std::io::Result<()>>>,
    workers: Vec<JoinHandle<()>>,
    core: JoinHandle<Result<CoreEnd, WorkerLost>>,
    publisher: JoinHandle<Result<(), WireError>>,
    recorder: Option<JoinHandle<tickloom_data::Result<()>>>,
    questdb: Option<QuestDbLink>,
    metrics: Metrics,
    /// What is known from outside.
    pub(crate) facts: Facts,
}

/// What a pipeline is, for those who show it.
#[derive(Clone)]
pub(crate) struct Facts {
    /// Instruments and sources, also those of the bars that the core makes.
    pub(crate) instruments: Instruments,
    /// Names of the signals by index.
    pub(crate) signals: Vec<String>,
    /// Names of the strategies by index.
    pub(crate) strategies: Vec<String>,
    /// Where it publishes.
    pub(crate) endpoint: String,
    /// Where its Prometheus page is.
    pub(crate) metrics_at: Option<SocketAddr>,
    /// The journal of this run.
    pub(crate) journal: Option<PathBuf>,
    /// The catalog that it records into.
    pub(crate) catalog: Option<PathBuf>,
    /// The server that gets what is recorded.
    pub(crate) questdb: Option<QuestDbAddress>,
    /// Records that were there before, from an earlier session of the same run.
    pub(crate) resumed: Seq,
    /// The feeds and their counters.
    pub(crate) feeds: Vec<NamedFeed>,
}

/// What a pipeline has done in all sessions of its run.
pub(crate) struct End {
    /// Hash of all outputs.
    pub(crate) output_hash: String,
    /// Input records.
    pub(crate) events: Seq,
    /// Output records of this session.
    pub(crate) outputs: u64,
}

impl Facts {
    /// What the settings and the engine say; where things are is added once it is known.
    fn of(settings: &Settings, engine: &Engine, recording: Option<&Resumed>) -> Facts {
        Facts {
            instruments: engine.instruments().clone(),
            signals: signal_names(settings),
            strategies: strategy_names(settings),
            endpoint: String::new(),
            metrics_at: None,
            journal: recording.map(|resumed| resumed.journal.clone()),
            catalog: recording.map(|resumed| resumed.catalog.clone()),
            questdb: settings.questdb.clone(),
            resumed: recording.map_or(0, |resumed| resumed.next_seq),
            feeds: Vec::new(),
        }
    }
}

impl Pipeline {
    /// Starts every thread. Returns once the endpoint is bound and the journal is recovered.
    ///
    /// # Errors
    /// A setting that the core refuses, an endpoint or address that is taken, a journal that cannot be opened.
    pub(crate) fn start(settings: &Settings) -> Result<Pipeline> {
        let mut engine = Engine::new(&settings.core, settings.workers)?;
        let mut hash = OutputHash::new();
        let recording = match &settings.record.dir {
            None => None,
            Some(dir) => Some(resume::open(dir, settings, &mut engine, &mut hash)?),
        };
        let first_seq = recording.as_ref().map_or(0, |resumed| resumed.next_seq);
        let publisher = bind_publisher(settings, engine.instruments())?;
        let metrics = Metrics::default();
        let (shutdown, stop) = watch::channel(false);
        let feed_metrics = name_feeds(settings);
        let metrics_at = match settings.metrics.listen {
            None => None,
            Some(listen) => Some(
                metrics_server::start(listen, metrics.clone(), feed_metrics.clone(), stop.clone())
                    .with_context(|| format!("metrics.listen {listen}"))?,
            ),
        };
        let facts = Facts {
            metrics_at,
            endpoint: publisher.endpoint().to_owned(),
            feeds: feed_metrics,
            ..Facts::of(settings, &engine, recording.as_ref())
        };
        let mut rings = Rings::new(settings, recording.is_some())?;
        begin(settings, &mut rings.input);
        let mut pins = settings.pin.iter().copied();
        let feeds = spawn_feeds(settings, &rings.input, &stop, &facts.feeds, &metrics)?;
        let (stepper, workers) = spawn_workers(engine, &mut rings, first_seq, &mut pins)?;
        let has_core_ended_well = Arc::new(AtomicBool::new(false));
        let core = CoreThread {
            stepper,
            input: take(&mut rings.inputs)?,
            output: rings.output,
            hash: hash.clone(),
            first_seq,
            has_ended_well: Arc::clone(&has_core_ended_well),
            probe: metrics.stage("core"),
        };
        let publisher = PublisherThread {
            publisher,
            output: take(&mut rings.outputs)?,
            probe: metrics.stage("publish"),
        };
        let recorder = match recording {
            None => None,
            Some(resumed) => Some(RecorderThread {
                recorder: resumed.recorder,
                input: take(&mut rings.inputs)?,
                output: take(&mut rings.outputs)?,
                hash,
                first_seq,
                has_core_ended_well,
                probe: metrics.stage("record"),
            }),
        };
        let questdb = follow(&facts, &metrics)?;
        Ok(Pipeline {
            shutdown,
            feeds,
            workers,
            core: spawn("core", pins.next(), move || core.run())?,
            publisher: spawn("publisher", pins.next(), move || publisher.run())?,
            recorder: recorder
                .map(|recorder| spawn("recorder", None, move || recorder.run()))
                .transpose()?,
            questdb,
            metrics,
            facts,
        })
    }

    /// What the stages show now.
    pub(crate) fn stages(&self) -> Vec<StageView> {
        self.metrics.view()
    }

    /// How the QuestDB server is, if there is to be one.
    pub(crate) fn questdb_line(&self) -> Option<String> {
        let link = self.questdb.as_ref()?;
        Some(questdb_thread::line(&link.status))
    }

    /// Whether a thread that should run for ever has ended: time to stop and hear why.
    pub(crate) fn has_failed(&self) -> bool {
        self.core.is_finished()
            || self.publisher.is_finished()
            || self.recorder.as_ref().is_some_and(JoinHandle::is_finished)
            || self.feeds.iter().any(JoinHandle::is_finished)
    }

    /// Stops the feeds and waits until all that came in is stepped, sent and recorded.
    ///
    /// # Errors
    /// The first failure of any thread.
    pub(crate) fn stop(self) -> Result<End> {
        self.shutdown.send_replace(true);
        // All are waited for before the first failure is told: the recorder writes until its rings are read.
        let feeds: Vec<_> = self
            .feeds
            .into_iter()
            .map(|feed| join(feed, "feed"))
            .collect();
        let core = join(self.core, "core");
        let workers: Vec<_> = self
            .workers
            .into_iter()
            .map(|worker| join(worker, "worker"))
            .collect();
        let publisher = join(self.publisher, "publisher");
        let recorder = self.recorder.map(|recorder| join(recorder, "recorder"));
        if let Some(questdb) = self.questdb {
            questdb.is_journal_closed.store(true, Ordering::Release);
            join(questdb.thread, "questdb")?;
        }
        for feed in feeds {
            feed?.context("feed")?;
        }
        for worker in workers {
            worker?;
        }
        let core = core?.map_err(|_| {
            anyhow!("a worker's thread panicked; the journal holds all that was flushed")
        })?;
        publisher?.context("publisher")?;
        if let Some(recorder) = recorder {
            recorder?.context("recorder")?;
        }
        Ok(End {
            output_hash: core.hash.hex(),
            events: core.next_seq,
            outputs: core.outputs,
        })
    }
}

/// The thread that follows the journal for a QuestDB server.
struct QuestDbLink {
    thread: JoinHandle<()>,
    is_journal_closed: Arc<AtomicBool>,
    status: Arc<Mutex<FollowStatus>>,
}

/// Begins to send the journal to the server, if there is to be one.
fn follow(facts: &Facts, metrics: &Metrics) -> Result<Option<QuestDbLink>> {
    let (Some(address), Some(journal)) = (&facts.questdb, &facts.journal) else {
        return Ok(None);
    };
    let follower = Follower::new(journal, address, FollowOptions::default());
    let status = follower.status();
    let is_journal_closed = Arc::new(AtomicBool::new(false));
    let thread = QuestDbThread {
        follower,
        is_journal_closed: Arc::clone(&is_journal_closed),
        probe: metrics.stage("questdb"),
        gauges: Gauges {
            is_up: metrics.gauge("questdb_up", "Whether QuestDB takes rows"),
            suspended: metrics.gauge(
                "questdb_suspended_tables",
                "Tables that QuestDB cannot write into",
            ),
            missing: metrics.gauge(
                "questdb_missing_segments",
                "Journal segments that were removed before QuestDB had them",
            ),
        },
    };
    Ok(Some(QuestDbLink {
        thread: spawn("questdb", None, move || thread.run())?,
        is_journal_closed,
        status,
    }))
}

/// Both rings, and the readers that are still to be given away.
struct Rings {
    input: Producer<Record>,
    inputs: std::vec::IntoIter<Consumer<Record>>,
    output: SoleProducer<Output>,
    outputs: std::vec::IntoIter<Consumer<Output>>,
}

impl Rings {
    /// The input ring is read by the core, its workers and the recorder, the output ring by publisher and recorder.
    fn new(settings: &Settings, is_recorded: bool) -> Result<Rings> {
        let workers = if settings.workers > 1 {
            settings.workers
        } else {
            0
        };
        let readers = 1 + usize::from(is_recorded);
        let (input, inputs) =
            ring(&settings.input_ring, workers + readers).context("engine.input_ring")?;
        let (output, outputs) =
            sole_ring(&settings.output_ring, readers).context("engine.output_ring")?;
        Ok(Rings {
            input,
            inputs: inputs.into_iter(),
            output,
            outputs: outputs.into_iter(),
        })
    }
}

fn bind_publisher(settings: &Settings, instruments: &Instruments) -> Result<Publisher> {
    let names = Names::new(
        instruments.clone(),
        signal_names(settings),
        strategy_names(settings),
    )?;
    let mut config = PublisherConfig::new(&settings.publish.endpoint, epoch());
    config.high_water_mark = settings.publish.high_water_mark;
    Publisher::bind(&config, names).context("publish")
}

/// Every feed with counters of its own.
fn name_feeds(settings: &Settings) -> Vec<NamedFeed> {
    let named = |feed| (source_name(settings, feed), Arc::new(FeedMetrics::new()));
    settings.feeds.iter().map(named).collect()
}

fn signal_names(settings: &Settings) -> Vec<String> {
    let signals = settings.core.signals.iter();
    signals.map(|signal| signal.name.clone()).collect()
}

fn strategy_names(settings: &Settings) -> Vec<String> {
    let strategies = settings.core.strategies.iter();
    strategies
        .map(|strategy| strategy.name().to_owned())
        .collect()
}

/// The name of a feed's own source.
fn source_name(settings: &Settings, feed: &Feed) -> String {
    let source = settings.core.instruments.source(feed.source);
    source
        .map_or(feed.venue.name(), |source| &source.name)
        .to_owned()
}

fn spawn_feeds(
    settings: &Settings,
    input: &Producer<Record>,
    stop: &watch::Receiver<bool>,
    feed_metrics: &[NamedFeed],
    metrics: &Metrics,
) -> Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let mut threads = Vec::with_capacity(settings.feeds.len());
    for (feed, (name, feed_metrics)) in settings.feeds.iter().zip(feed_metrics) {
        let thread = FeedThread {
            feed: feed.clone(),
            input: input.clone(),
            shutdown: stop.clone(),
            metrics: Arc::clone(feed_metrics),
            probe: metrics.stage(&format!("decode/{name}")),
        };
        threads.push(spawn("feed", None, move || thread.run())?);
    }
    Ok(threads)
}

/// Gives the workers their threads, if there are any; returns what the core's thread steps.
fn spawn_workers(
    engine: Engine,
    rings: &mut Rings,
    first_seq: Seq,
    pins: &mut impl Iterator<Item = usize>,
) -> Result<(Stepper, Vec<JoinHandle<()>>)> {
    match engine {
        Engine::Whole(core) => Ok((Stepper::Whole(core), Vec::new())),
        Engine::Split {
            merger, workers, ..
        } => {
            let mut lanes = Vec::with_capacity(workers.len());
            let mut threads = Vec::with_capacity(workers.len());
            for worker in workers {
                let input = take(&mut rings.inputs)?;
                let (thread, lane) = WorkerThread::new(worker, input, first_seq);
                lanes.push(lane);
                threads.push(spawn("worker", pins.next(), move || thread.run())?);
            }
            Ok((Stepper::Merged(merger, lanes), threads))
        }
    }
}

/// The first records of a session, which are one moment.
fn begin(settings: &Settings, input: &mut Producer<Record>) {
    let mut records = vec![status(StatusCode::Started)];
    if settings.reset_loss_stop {
        records.push(status(StatusCode::RiskReset));
    }
    mark_moment(&mut records);
    input.push_all(&records);
}

/// A record of the run itself: that a session began (what went before may have a gap), or what a person did.
fn status(code: StatusCode) -> Record {
    let now = clock::now();
    let body = StatusBody {
        code: code as u16,
        count: 1,
        ..StatusBody::default()
    };
    body.record(Header::new(
        Kind::Status,
        InstrumentId::NONE,
        SourceId(0),
        now,
        now,
    ))
}

/// A number above that of every earlier start of this publisher.
fn epoch() -> u64 {
    u64::try_from(clock::now().0).unwrap_or(0)
}

fn take<T: Item>(consumers: &mut impl Iterator<Item = Consumer<T>>) -> Result<Consumer<T>> {
    consumers
        .next()
        .ok_or_else(|| anyhow!("a ring has too few readers"))
}

fn spawn<T: Send + 'static>(
    name: &str,
    pin: Option<usize>,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            if let Some(core) = pin
                && !pin_current_thread(core)
            {
                let thread = std::thread::current();
                let name = thread.name().unwrap_or_default();
                output::note(&format!(
                    "the {name} thread is not pinned: the system refuses core {core}"
                ));
            }
            run()
        })
        .with_context(|| format!("thread {name}"))
}

fn join<T>(thread: JoinHandle<T>, name: &str) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("the {name} thread panicked; the journal holds all that was flushed"))
}
