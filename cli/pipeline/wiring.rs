//! The parts of a pipeline before they are threads: rings, publisher, feeds, workers, and the first records.

use crate::config::Settings;
use crate::metrics::{Metrics, NamedFeed};
use crate::output;
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use crate::pipeline::feed_thread::FeedThread;
use crate::pipeline::resume::Resumed;
use crate::pipeline::snapshots::Wish;
use crate::pipeline::workers::{Engine, Stepper, WorkerThread};
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use std::thread::JoinHandle;
use tickloom_feeds::{Feed, FeedMetrics};
use tickloom_ring::{Consumer, Item, Producer, SoleProducer, pin_current_thread, ring, sole_ring};
use tickloom_types::{
    Header, InstrumentId, Instruments, Kind, Record, Seq, SourceId, StatusBody, StatusCode,
    mark_moment,
};
use tickloom_wire::{Names, Publisher, PublisherConfig, Retracted, RunPosition, Session};
use tokio::sync::watch;

/// Both rings, and the readers that are still to be given away.
pub(super) struct Rings {
    pub(super) input: Producer<Record>,
    pub(super) inputs: std::vec::IntoIter<Consumer<Record>>,
    pub(super) output: SoleProducer<Output>,
    pub(super) outputs: std::vec::IntoIter<Consumer<Output>>,
}

impl Rings {
    /// The input ring is read by the core, its workers and the recorder, the output ring by publisher and recorder.
    pub(super) fn new(settings: &Settings, is_recorded: bool) -> Result<Rings> {
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

/// Binds the endpoint, for at most so many connections at a time.
pub(super) fn bind_publisher(
    settings: &Settings,
    instruments: &Instruments,
    session: Session,
    connections_max: u32,
) -> Result<Publisher> {
    let names = Names::new(
        instruments.clone(),
        signal_names(settings),
        strategy_names(settings),
    )?;
    let mut config = PublisherConfig::new(&settings.publish.endpoint, epoch());
    config.session = session;
    config.high_water_mark = settings.publish.high_water_mark;
    config.connections_max = connections_max;
    Publisher::bind(&config, names).context("publish")
}

/// Which part of which run is published. All that went before in it is on disk when a session begins.
pub(super) fn session(recording: Option<&Resumed>) -> Session {
    let Some(resumed) = recording else {
        return Session::unrecorded();
    };
    let first = RunPosition {
        inputs: resumed.session.start.inputs,
        outputs: resumed.session.start.outputs,
    };
    Session {
        run: Some(resumed.run.clone()),
        topic_base: first.inputs + first.outputs,
        first,
        watermark: first,
        retracted: resumed.retracted.iter().map(taken_back).collect(),
    }
}

/// What a session took back of those before.
fn taken_back(session: &tickloom_journal::Session) -> Retracted {
    let tickloom_journal::Session { kept, start, .. } = session;
    Retracted {
        inputs: kept.inputs..start.inputs,
        outputs: kept.outputs..start.outputs,
    }
}

/// Every feed with counters of its own.
pub(super) fn name_feeds(settings: &Settings) -> Vec<NamedFeed> {
    let named = |feed| (source_name(settings, feed), Arc::new(FeedMetrics::new()));
    settings.feeds.iter().map(named).collect()
}

pub(super) fn signal_names(settings: &Settings) -> Vec<String> {
    let signals = settings.core.signals.iter();
    signals.map(|signal| signal.name.clone()).collect()
}

pub(super) fn strategy_names(settings: &Settings) -> Vec<String> {
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

pub(super) fn spawn_feeds(
    settings: &Settings,
    input: &Producer<Record>,
    stop: &watch::Receiver<bool>,
    metrics: &Metrics,
    wish: &Wish,
) -> Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let mut threads = Vec::with_capacity(settings.feeds.len());
    for (feed, (name, feed_metrics)) in settings.feeds.iter().zip(metrics.feeds()) {
        let thread = FeedThread {
            feed: feed.clone(),
            input: input.clone(),
            shutdown: stop.clone(),
            metrics: Arc::clone(feed_metrics),
            probe: metrics.stage(&format!("decode/{name}")),
            wish: wish.clone(),
        };
        threads.push(spawn("feed", None, move || thread.run())?);
    }
    Ok(threads)
}

/// Gives the workers their threads, if there are any; returns what the core's thread steps.
pub(super) fn spawn_workers(
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

/// The first records of a session, which are one moment. Orders up to this number may have been submitted before.
pub(super) fn begin(settings: &Settings, input: &mut Producer<Record>, last_order: u64) {
    let mut records = vec![status(StatusCode::Started, last_order)];
    if settings.reset_loss_stop {
        records.push(status(StatusCode::RiskReset, 0));
    }
    mark_moment(&mut records);
    input.push_all(&records);
}

/// A record of the run itself: that a session began (what went before may have a gap), or what a person did.
pub(super) fn status(code: StatusCode, from: u64) -> Record {
    let now = clock::now();
    let body = StatusBody {
        code: code as u16,
        count: 1,
        from,
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

pub(super) fn take<T: Item>(
    consumers: &mut impl Iterator<Item = Consumer<T>>,
) -> Result<Consumer<T>> {
    consumers
        .next()
        .ok_or_else(|| anyhow!("a ring has too few readers"))
}

pub(super) fn spawn<T: Send + 'static>(
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

/// Waits for a thread's end.
pub(super) fn join<T>(thread: JoinHandle<T>, name: &str) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("the {name} thread panicked; the journal holds all that was flushed"))
}
