//! The live path, wired: feeds -> input ring -> core -> output ring -> publisher and recorder, a thread each.
//!
//! What each thread does is in the files of `pipeline/`; here is who reads which ring, and in which order they start
//! and stop. The input ring closes when every feed is gone, the output ring when the core is: so everything that came
//! in is stepped, sent and recorded before [`Pipeline::stop`] returns.

pub(crate) mod clock;
mod core_thread;
mod feed_thread;
mod publisher_thread;
mod recorder_thread;
mod resume;

use crate::config::Settings;
use crate::metrics::{Metrics, StageView};
use crate::metrics_server;
use anyhow::{Context, Result, anyhow};
use core_thread::{CoreEnd, CoreThread, Output};
use feed_thread::FeedThread;
use publisher_thread::PublisherThread;
use recorder_thread::RecorderThread;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tickloom_core::{Core, OutputHash};
use tickloom_feeds::FeedMetrics;
use tickloom_ring::{Consumer, Producer, pin_current_thread, ring, sole_ring};
use tickloom_types::{
    Header, InstrumentId, Instruments, Kind, Record, Seq, SourceId, StatusBody, StatusCode,
};
use tickloom_wire::{Names, Publisher, PublisherConfig};
use tokio::sync::watch;

/// A running pipeline.
pub(crate) struct Pipeline {
    shutdown: watch::Sender<bool>,
    feeds: Vec<JoinHandle<std::io::Result<()>>>,
    core: JoinHandle<CoreEnd>,
    publisher: JoinHandle<Result<(), tickloom_wire::WireError>>,
    recorder: Option<JoinHandle<tickloom_data::Result<()>>>,
    /// The core's hash, handed over to the recorder when the core has ended.
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
    /// Records that were there before, from an earlier session of the same run.
    pub(crate) resumed: Seq,
    /// The feeds and their counters.
    pub(crate) feeds: Vec<(String, Arc<FeedMetrics>)>,
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

impl Pipeline {
    /// Starts every thread. Returns once the endpoint is bound and the journal is recovered.
    ///
    /// # Errors
    /// A setting that the core refuses, an endpoint or address that is taken, a journal that cannot be opened.
    pub(crate) fn start(settings: Settings) -> Result<Pipeline> {
        let mut core = Core::new(&settings.core)?;
        let signals: Vec<String> = settings
            .core
            .signals
            .iter()
            .map(|s| s.name.clone())
            .collect();
        let strategies: Vec<String> = settings
            .core
            .strategies
            .iter()
            .map(|s| s.name().to_owned())
            .collect();
        let instruments = core.market().instruments().clone();
        let mut hash = OutputHash::new();
        let recorder = match &settings.record.dir {
            None => None,
            Some(dir) => Some(resume::open(
                dir,
                &settings,
                &instruments,
                &mut core,
                &mut hash,
            )?),
        };
        let first_seq = recorder.as_ref().map_or(0, |resumed| resumed.next_seq);
        let names = Names::new(instruments.clone(), signals.clone(), strategies.clone())?;
        let mut wire = PublisherConfig::new(&settings.publish.endpoint, epoch());
        wire.high_water_mark = settings.publish.high_water_mark;
        let publisher = Publisher::bind(&wire, names).context("publish")?;

        let metrics = Metrics::default();
        let (shutdown, stop) = watch::channel(false);
        let readers = 1 + usize::from(recorder.is_some());
        let (mut input, inputs) =
            ring::<Record>(&settings.input_ring, readers).context("engine.input_ring")?;
        let (output, outputs) =
            sole_ring::<Output>(&settings.output_ring, readers).context("engine.output_ring")?;
        let (mut inputs, mut outputs) = (inputs.into_iter(), outputs.into_iter());
        input.push(started(core.market().instruments()));

        let feed_metrics: Vec<_> = settings
            .feeds
            .iter()
            .map(|feed| (feed.venue.name().to_owned(), Arc::new(FeedMetrics::new())))
            .collect();
        let facts = Facts {
            instruments,
            signals,
            strategies,
            endpoint: publisher.endpoint().to_owned(),
            metrics_at: match settings.metrics.listen {
                None => None,
                Some(listen) => Some(
                    metrics_server::start(
                        listen,
                        metrics.clone(),
                        feed_metrics.clone(),
                        stop.clone(),
                    )
                    .with_context(|| format!("metrics.listen {listen}"))?,
                ),
            },
            journal: recorder.as_ref().map(|resumed| resumed.journal.clone()),
            catalog: recorder.as_ref().map(|resumed| resumed.catalog.clone()),
            resumed: first_seq,
            feeds: feed_metrics.clone(),
        };
        let decode = |_: usize| metrics.stage("decode");
        let feeds = spawn_feeds(&settings, &input, &stop, &feed_metrics, decode)?;
        drop(input);

        let pins = settings.pin.clone();
        let core = CoreThread {
            core,
            input: take(&mut inputs)?,
            output,
            hash,
            first_seq,
            probe: metrics.stage("core"),
        };
        let publisher = PublisherThread {
            publisher,
            output: take(&mut outputs)?,
            probe: metrics.stage("publish"),
        };
        let recorder = match recorder {
            None => None,
            Some(resumed) => {
                let thread = RecorderThread {
                    recorder: resumed.recorder,
                    input: take(&mut inputs)?,
                    output: take(&mut outputs)?,
                    hash: resumed.hash,
                    first_seq,
                    probe: metrics.stage("record"),
                };
                Some(spawn("recorder", pins.get(2).copied(), move || {
                    thread.run()
                })?)
            }
        };
        Ok(Pipeline {
            shutdown,
            feeds,
            core: spawn("core", pins.first().copied(), move || core.run())?,
            publisher: spawn("publisher", pins.get(1).copied(), move || publisher.run())?,
            recorder,
            metrics,
            facts,
        })
    }

    /// What the stages show now.
    pub(crate) fn stages(&self) -> Vec<StageView> {
        self.metrics.view()
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
        for feed in self.feeds {
            join(feed, "feed")?.context("feed")?;
        }
        let core = join(self.core, "core")?;
        join(self.publisher, "publisher")?.context("publisher")?;
        if let Some(recorder) = self.recorder {
            join(recorder, "recorder")?.context("recorder")?;
        }
        Ok(End {
            output_hash: core.hash.hex(),
            events: core.next_seq,
            outputs: core.outputs,
        })
    }
}

fn spawn_feeds(
    settings: &Settings,
    input: &Producer<Record>,
    stop: &watch::Receiver<bool>,
    metrics: &[(String, Arc<FeedMetrics>)],
    probe: impl Fn(usize) -> crate::metrics::Probe,
) -> Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let mut threads = Vec::with_capacity(settings.feeds.len());
    for (index, feed) in settings.feeds.iter().enumerate() {
        let thread = FeedThread {
            feed: feed.clone(),
            input: input.clone(),
            shutdown: stop.clone(),
            metrics: Arc::clone(&metrics[index].1),
            probe: probe(index),
        };
        threads.push(spawn("feed", None, move || thread.run())?);
    }
    Ok(threads)
}

/// The first record of a session: what went before may have a gap.
fn started(instruments: &Instruments) -> Record {
    let now = clock::now();
    debug_assert!(!instruments.sources().is_empty() || instruments.is_empty());
    let body = StatusBody {
        code: StatusCode::Started as u16,
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

fn take<T: tickloom_ring::Item>(
    consumers: &mut impl Iterator<Item = Consumer<T>>,
) -> Result<Consumer<T>> {
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
            if let Some(core) = pin {
                // A core that does not exist leaves the thread where the system puts it.
                pin_current_thread(core);
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
