//! The live path, wired: feeds -> input ring -> core -> output ring -> publisher and recorder, a thread each.
//!
//! What each thread does is in the files of `pipeline/`; here is in which order they start and stop, and what ends a run. The
//! input ring closes when every feed is gone, the output ring when the core is: so everything that came in is stepped, sent and
//! recorded before [`Pipeline::stop`] returns. A run that is recorded goes on while its feeds and its recorder do: what else
//! fails is a state of it ([`troubles`]).

pub(crate) mod clock;
pub(crate) mod contracts;
mod core_thread;
mod earlier;
mod feed_thread;
mod link;
pub(crate) mod monitor;
mod orders;
mod progress;
mod promise;
mod publisher_thread;
mod questdb_thread;
mod ready;
mod recorder_thread;
mod resume;
mod snapshots;
mod states;
#[cfg(test)]
mod tests;
mod troubles;
mod unquoted;
mod watch;
mod wiring;
mod workers;

use crate::config::Settings;
use crate::descriptors::{self, Needs};
use crate::metrics::{Metrics, NamedFeed, Probe, StageView};
use crate::metrics_server;
use crate::output;
use crate::stop::Stop;
use anyhow::{Context, Result, anyhow};
use core_thread::{CoreEnd, CoreThread, Output};
use link::QuestDbLink;
use publisher_thread::{Audience, PublisherThread};
use ready::Ready;
use recorder_thread::{RecordHealth, RecorderThread};
use resume::Resumed;
use snapshots::Snapshots;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use tickloom_backtest::warnings_of_waiting;
use tickloom_core::{OutputHash, Waiting};
use tickloom_data::QuestDbAddress;
use tickloom_ring::Consumer;
use tickloom_types::{Instruments, Record};
use tickloom_wire::WireError;
use tokio::sync::watch::{Receiver, channel};
use troubles::Troubles;
use unquoted::{LastWaiting, UnquotedGauge};
use watch::{Watch, feed_part};
use wiring::{
    bind_publisher, join, name_feeds, session, signal_names, spawn, spawn_feeds, spawn_workers,
    strategy_names, take,
};
use workers::WorkerLost;

pub(crate) use core_thread::is_for_subscribers;
pub(crate) use resume::StoppedEarly;

/// What is said of a core that has stopped.
const CORE_STOPPED: &str = "the core has stopped, as one of its threads panicked: there are no more signals; what comes in goes on into the journal, from which the next start makes what is missing";

/// A running pipeline.
pub(crate) struct Pipeline {
    shutdown: tokio::sync::watch::Sender<bool>,
    feeds: Vec<JoinHandle<std::io::Result<()>>>,
    workers: Vec<JoinHandle<()>>,
    core: JoinHandle<Result<CoreEnd, WorkerLost>>,
    publisher: JoinHandle<Result<(), WireError>>,
    recorder: Option<JoinHandle<tickloom_data::Result<Option<String>>>>,
    questdb: Option<QuestDbLink>,
    waiting: LastWaiting,
    metrics: Metrics,
    watch: Watch,
    stop: Stop,
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
    pub(crate) resumed: u64,
    /// The feeds and their counters.
    pub(crate) feeds: Vec<NamedFeed>,
}

/// What a pipeline has done in all sessions of its run.
pub(crate) struct End {
    /// Hash of all outputs.
    pub(crate) output_hash: String,
    /// Input records.
    pub(crate) events: u64,
    /// Output records of this session.
    pub(crate) outputs: u64,
    /// What is left undone, in words, though the journal is whole.
    pub(crate) undone: Option<String>,
    /// What never came of the run: expressions that were never ready, bars that never closed, what orders wait for; and
    /// instruments that went on after their ends.
    pub(crate) warnings: Vec<String>,
    /// Orders that wait at the end, and for what.
    pub(crate) waiting: Vec<Waiting>,
}

impl Facts {
    /// What the settings and the engine say; where things are is added once it is known.
    fn of(settings: &Settings, ready: &Ready) -> Facts {
        let recording = ready.recording.as_ref();
        Facts {
            instruments: ready.engine.instruments().clone(),
            signals: signal_names(settings),
            strategies: strategy_names(settings),
            endpoint: String::new(),
            metrics_at: None,
            journal: recording.map(|resumed| resumed.journal.clone()),
            catalog: recording.map(|resumed| resumed.catalog.clone()),
            questdb: settings.questdb.clone(),
            resumed: recording.map_or(0, |resumed| resumed.inputs),
            feeds: Vec::new(),
        }
    }

    /// With where things are.
    fn at(mut self, metrics_at: Option<SocketAddr>, endpoint: &str, metrics: &Metrics) -> Facts {
        self.metrics_at = metrics_at;
        endpoint.clone_into(&mut self.endpoint);
        self.feeds = metrics.feeds().to_vec();
        self
    }
}

impl Pipeline {
    /// Starts every thread. Returns once the endpoint is bound and the journal is recovered.
    ///
    /// # Errors
    /// A setting that the core refuses, an endpoint or address that is taken, a journal that cannot be opened, too few
    /// descriptors; [`StoppedEarly`].
    pub(crate) fn start(settings: &Settings, stop: &Stop) -> Result<Pipeline> {
        let subscribers = descriptors::set_aside(needs(settings), settings.publish.connections)?;
        let ready = Ready::new(settings, stop)?;
        let first_seq = ready.first_seq();
        let session = session(ready.recording.as_ref());
        let publisher = bind_publisher(settings, ready.engine.instruments(), session, subscribers)?;
        let metrics = Metrics::new(ready.monitor.view(), name_feeds(settings));
        let (shutdown, stopped) = channel(false);
        let metrics_at = serve_metrics(settings, &metrics, &stopped)?;
        let facts = Facts::of(settings, &ready).at(metrics_at, publisher.endpoint(), &metrics);
        let troubles = Troubles::default();
        let mut rings = ready.rings(settings)?;
        let gate = ready.gate(settings);
        let mut pins = settings.pin.iter().copied();
        let (snapshots, taken, wish) = ready.snapshots();
        let (asked, states) = ready.states(publisher.session().first);
        let feeds = spawn_feeds(settings, &rings.input, &stopped, &metrics, &wish)?;
        let (stepper, workers) = spawn_workers(ready.engine, &mut rings, first_seq, &mut pins)?;
        let has_core_ended_well = Arc::new(AtomicBool::new(false));
        let (unquoted, last_waiting) = UnquotedGauge::new(&metrics);
        let core = CoreThread {
            stepper,
            config: settings.core.clone(),
            input: take(&mut rings.inputs)?,
            output: rings.output,
            hash: ready.hash.clone(),
            first_seq,
            has_ended_well: Arc::clone(&has_core_ended_well),
            probe: metrics.stage("core"),
            snapshots: taken,
            asked,
            unquoted,
        };
        let publisher = PublisherThread {
            next_output: publisher.session().first.outputs,
            publisher,
            gate,
            states,
            output: take(&mut rings.outputs)?,
            monitor: ready.monitor,
            probe: metrics.stage("publish"),
            audience: Audience::new(&metrics),
            troubles: troubles.clone(),
        };
        let recorder = match ready.recording.zip(snapshots) {
            None => None,
            Some(recording) => {
                let health = RecordHealth::new(&recording.0.recorder, &troubles, &metrics);
                let ended = (ready.hash, has_core_ended_well);
                let probe = metrics.stage("record");
                let rings = (take(&mut rings.inputs)?, take(&mut rings.outputs)?);
                Some(recorder(recording, rings, ended, (health, probe), stop))
            }
        };
        Ok(Pipeline {
            shutdown,
            workers,
            core: spawn("core", pins.next(), move || core.run())?,
            publisher: spawn("publisher", pins.next(), move || publisher.run())?,
            recorder: recorder
                .map(|recorder| spawn("recorder", None, move || recorder.run()))
                .transpose()?,
            questdb: QuestDbLink::follow(&facts, &metrics, stop)?,
            waiting: last_waiting,
            watch: Watch::new(troubles, &metrics, feeds.len()),
            feeds,
            metrics,
            stop: stop.clone(),
            facts,
        })
    }

    /// What the stages show now.
    pub(crate) fn stages(&self) -> Vec<StageView> {
        self.metrics.view()
    }

    /// The counters, which outlive the pipeline.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// How the QuestDB server is, if there is to be one.
    pub(crate) fn questdb_line(&self) -> Option<String> {
        self.questdb.as_ref().map(QuestDbLink::line)
    }

    /// What is not as it should be now, a line each.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.watch.troubles.lines()
    }

    /// Looks at feeds and threads, and returns what has changed since the last look, a line each.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let watch = &mut self.watch;
        for (index, (name, feed)) in self.facts.feeds.iter().enumerate() {
            watch.look_at_feed(index, name, feed);
            if self.feeds.get(index).is_some_and(JoinHandle::is_finished) {
                let text = "its thread has ended: nothing more comes from it";
                watch.troubles.set(&feed_part(name), text);
            }
        }
        if self.core.is_finished() {
            watch.core_has_stopped(CORE_STOPPED);
        }
        watch.troubles.news()
    }

    /// Whether the run cannot go on: time to stop and hear why.
    pub(crate) fn has_failed(&self) -> bool {
        let is_recorder_gone = self.recorder.as_ref().is_some_and(JoinHandle::is_finished);
        let is_any_use = match self.recorder {
            Some(_) => true,
            None => !self.core.is_finished() && !self.publisher.is_finished(),
        };
        is_recorder_gone || !is_any_use || self.feeds.iter().all(JoinHandle::is_finished)
    }

    /// Stops the feeds and waits until all that came in is stepped, sent and recorded.
    ///
    /// # Errors
    /// The first failure of any thread.
    pub(crate) fn stop(self) -> Result<End> {
        let waiting = self.waiting.ask().unwrap_or_default();
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
            questdb.finish(&self.stop)?;
        }
        self.watch
            .troubles
            .news()
            .iter()
            .for_each(|news| output::note(news));
        let undone = match recorder {
            None => None,
            Some(recorder) => recorder?.context("recorder")?,
        };
        let core = core?.map_err(|_| anyhow!(CORE_STOPPED))?;
        for worker in workers {
            worker?;
        }
        for feed in feeds {
            feed?.context("feed")?;
        }
        publisher?.context("publisher")?;
        let mut warnings = core.warnings;
        warnings.extend(warnings_of_waiting(&waiting));
        Ok(End {
            output_hash: core.hash.hex(),
            events: self.facts.resumed + core.inputs,
            outputs: core.outputs,
            undone,
            warnings,
            waiting,
        })
    }
}

/// The recorder's thread before it is one. It is told the hash from which its core goes on.
fn recorder(
    (resumed, snapshots): (Resumed, Snapshots),
    (input, output): (Consumer<Record>, Consumer<Output>),
    (hash, has_core_ended_well): (OutputHash, Arc<AtomicBool>),
    (health, probe): (RecordHealth, Probe),
    stop: &Stop,
) -> RecorderThread {
    RecorderThread {
        snapshots,
        first_seq: resumed.session.start.inputs,
        recorder: resumed.recorder,
        promise: resumed.promise,
        last_order: resumed.last_order,
        input,
        output,
        hash,
        has_core_ended_well,
        health,
        probe,
        stop: stop.clone(),
    }
}

fn needs(settings: &Settings) -> Needs {
    Needs {
        feeds: settings.feeds.len(),
        is_recorded: settings.record.dir.is_some(),
        has_questdb: settings.questdb.is_some(),
        has_metrics: settings.metrics.listen.is_some(),
    }
}

/// Starts the Prometheus page, if there is to be one.
fn serve_metrics(
    settings: &Settings,
    metrics: &Metrics,
    stopped: &Receiver<bool>,
) -> Result<Option<SocketAddr>> {
    let Some(listen) = settings.metrics.listen else {
        return Ok(None);
    };
    metrics_server::start(listen, metrics.clone(), stopped.clone())
        .with_context(|| format!("metrics.listen {listen}"))
        .map(Some)
}
