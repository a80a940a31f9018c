//! Recording: begins a new run, or continues the last one where its journal ends.
//!
//! A run goes on if it was configured the same. The core is brought to where it was by the journal's own inputs, which
//! is the same code as live: outputs that a crash kept from the journal are made again and appended.

use crate::config::Settings;
use crate::output;
use crate::pipeline::clock;
use crate::pipeline::earlier::{compare, look_back};
use crate::pipeline::monitor::Monitor;
use crate::pipeline::orders::ToldOrders;
use crate::pipeline::progress::Progress;
use crate::pipeline::promise::Promise;
use crate::pipeline::workers::Engine;
use crate::stop::Stop;
use anyhow::{Context, Error, Result, anyhow};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use tickloom_core::{OutputHash, Outputs, SEMANTICS_VERSION, Snapshot};
use tickloom_data::{Comparison, Recorder, RecorderOptions, catalog_dir, journal_dir};
use tickloom_journal::{
    Block, JournalError, JournalReader, ReadSoFar, RunMeta, Session, SnapshotFile, SnapshotHead,
    read_snapshot, snapshot_files,
};
use tickloom_types::{Instruments, Kind, Record, Seq, StatusBody, StatusCode, Ts};

/// Records that are stepped between two looks at whether the user wants no more.
const STEPS_PER_LOOK: u64 = 1_024;

/// A recorder that stands where the run goes on.
pub(crate) struct Resumed {
    pub(crate) recorder: Recorder,
    /// Inputs of the sessions before.
    pub(crate) inputs: u64,
    /// The session that begins.
    pub(crate) session: Session,
    /// Number of the last order that sessions before may have submitted.
    pub(crate) last_order: u32,
    /// Sessions that took numbers back, the oldest first.
    pub(crate) retracted: Vec<Session>,
    /// What may be published.
    pub(crate) promise: Promise,
    /// Name of the run.
    pub(crate) run: String,
    pub(crate) journal: PathBuf,
    pub(crate) catalog: PathBuf,
}

/// The user stopped the start before it was done: nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("stopped while the journal was read, which is as it was")]
pub(crate) struct StoppedEarly;

/// What a journal is stepped through.
pub(crate) struct Steps<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) hash: &'a mut OutputHash,
    pub(crate) monitor: &'a mut Monitor,
}

/// Opens the recorder below `dir`, and brings engine, hash and monitor to where the journal ends.
///
/// # Errors
/// The journal is damaged, in use, or cannot be written; [`StoppedEarly`] if the user wants no more of it.
pub(crate) fn open(
    dir: &Path,
    settings: &Settings,
    steps: Steps<'_>,
    stop: &Stop,
) -> Result<Resumed> {
    let compared = compare(dir)?;
    let meta = choose_run(dir, settings, steps.engine.instruments(), &compared)?;
    let journal = journal_dir(dir, &meta.run);
    let head = restore(
        &journal,
        &meta,
        settings,
        &mut *steps.engine,
        &mut *steps.hash,
    )?;
    if head.is_some() {
        steps.monitor.know(&steps.engine.state());
    }
    let mut replay = Replay {
        from: head.as_ref().map_or(0, |head| head.next_seq),
        inputs: head.as_ref().map_or(0, |head| head.inputs),
        retracted: head
            .as_ref()
            .map_or_else(Vec::new, |head| head.retracted.clone()),
        steps,
        stop,
        progress: Progress::new(),
        outputs: Outputs::new(),
        made: VecDeque::new(),
        told_orders: ToldOrders::default(),
        failure: None,
    };
    let segment = head.as_ref().map_or(1, |head| head.segment);
    let opened = Recorder::open_compared(
        dir,
        &meta,
        options(settings),
        segment,
        &compared,
        |block, so_far| replay.block(&journal, block, so_far),
    );
    if let Some(failure) = replay.failure.take() {
        return Err(failure);
    }
    let (mut recorder, recovered) = opened.context("record")?;
    check_end(&journal, recovered.next_seq, replay.from)?;
    if let Some(cut) = &recovered.cut {
        output::note(&format!(
            "the journal had a torn tail, which was cut: {cut:?}"
        ));
    }
    // Those that a crash kept from the journal.
    recorder.outputs(&Vec::from(replay.made))?;
    let session = recorder.begin_session()?;
    let mut retracted = replay.retracted;
    retracted.extend(Some(session).filter(Session::has_retracted));
    let mut told_orders = replay.told_orders;
    told_orders.begin(&session);
    let last_order = told_orders.last(replay.steps.engine.last_order(), &meta.run)?;
    let promise = Promise::begin(&mut recorder, last_order)?;
    Ok(Resumed {
        recorder,
        inputs: replay.inputs,
        session,
        last_order,
        retracted,
        promise,
        run: meta.run,
        journal,
        catalog: catalog_dir(dir),
    })
}

/// The last run, if it goes on, or a new one.
fn choose_run(
    dir: &Path,
    settings: &Settings,
    instruments: &Instruments,
    compared: &[Comparison],
) -> Result<RunMeta> {
    let fresh = meta(settings, instruments)?;
    Ok(match last_run(compared, settings.is_new_run)? {
        Some(last) if is_same(&last, &fresh) && !settings.is_new_run => last,
        Some(last) => {
            let journal = journal_dir(dir, &last.run);
            look_back(&journal, &last, settings.is_new_run)?;
            fresh
        }
        None => fresh,
    })
}

/// A snapshot is taken of what is on the disk.
fn check_end(journal: &Path, end: Seq, snapshot: Seq) -> Result<()> {
    if end >= snapshot {
        return Ok(());
    }
    Err(anyhow!(
        "{}: the journal ends before input {end}, and a snapshot was taken before input {snapshot}: segments are missing",
        journal.display(),
    ))
}

fn options(settings: &Settings) -> RecorderOptions {
    let mut options = RecorderOptions::default();
    options.journal.sync = settings.record.sync.policy();
    if let Some(mb) = settings.record.segment_mb {
        options.journal.segment_bytes_max = mb << 20;
    }
    options
}

/// A journal being stepped, block by block.
struct Replay<'a> {
    steps: Steps<'a>,
    stop: &'a Stop,
    progress: Progress,
    outputs: Outputs,
    /// Outputs that were made and not yet found in the journal.
    made: VecDeque<(Seq, Record)>,
    /// Sequence of the first input that is not in the snapshot from which the run goes on.
    from: Seq,
    /// Inputs of the run so far.
    inputs: u64,
    /// Sessions that took numbers back.
    retracted: Vec<Session>,
    told_orders: ToldOrders,
    /// Why it was broken off.
    failure: Option<Error>,
}

impl Replay<'_> {
    /// Steps the inputs of a block, and holds what was made so far to the outputs that were recorded.
    fn block(
        &mut self,
        journal: &Path,
        block: Block,
        so_far: ReadSoFar,
    ) -> Result<(), JournalError> {
        self.progress.show(so_far);
        match block {
            Block::Inputs { first_seq, records } => {
                for (seq, record) in (first_seq..).zip(&records) {
                    if is_start(record) {
                        self.told_orders.has_started();
                    }
                    if seq < self.from {
                        continue;
                    }
                    self.inputs += 1;
                    if seq % STEPS_PER_LOOK == 0 && self.stop.is_wanted() {
                        return self.break_off(StoppedEarly.into());
                    }
                    self.step(seq, record);
                }
            }
            Block::Outputs { records, .. } => {
                for recorded in records {
                    if recorded.0 < self.from {
                        continue;
                    }
                    if self.made.pop_front() != Some(recorded) {
                        return self.break_off(other_outputs(journal, recorded.0));
                    }
                }
            }
            Block::Session(session) => {
                let is_new = self
                    .retracted
                    .last()
                    .is_none_or(|last| last.session < session.session);
                if is_new && session.has_retracted() {
                    self.retracted.push(session);
                }
                self.told_orders.begin(&session);
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, seq: Seq, record: &Record) {
        let Steps {
            engine,
            hash,
            monitor,
        } = &mut self.steps;
        engine.step(seq, record, &mut self.outputs);
        monitor.record(record);
        for output in self.outputs.records() {
            hash.update(output);
            monitor.record(output);
            self.made.push_back((seq, *output));
        }
    }

    fn break_off(&mut self, failure: Error) -> Result<(), JournalError> {
        self.failure = Some(failure);
        Err(JournalError::Stopped)
    }
}

/// Brings engine and hash to the newest snapshot that is whole and of this run, and says what it belongs to. One that is not is
/// named, and the one before it is taken; without any, the whole journal is stepped.
fn restore(
    journal: &Path,
    meta: &RunMeta,
    settings: &Settings,
    engine: &mut Engine,
    hash: &mut OutputHash,
) -> Result<Option<SnapshotHead>> {
    for path in snapshot_files(journal)? {
        match load(&path, journal, meta, settings) {
            Ok((head, loaded, outputs)) => {
                *engine = loaded;
                *hash = outputs;
                return Ok(Some(head));
            }
            Err(error) => output::note(&format!(
                "snapshot   {} is not used: {error:#}",
                path.display()
            )),
        }
    }
    Ok(None)
}

fn load(
    path: &Path,
    journal: &Path,
    meta: &RunMeta,
    settings: &Settings,
) -> Result<(SnapshotHead, Engine, OutputHash)> {
    let SnapshotFile { head, state } = read_snapshot(path)?;
    let snapshot = Snapshot::open(&state)?;
    if head.run != meta.run || head.next_seq != snapshot.next_seq() {
        return Err(anyhow!("it is of another run"));
    }
    let reader = JournalReader::open_from(journal, head.segment)?;
    if !head.follows(reader.before()) {
        return Err(anyhow!("segment {} is of another journal", head.segment));
    }
    if reader.begins().next.inputs > head.next_seq {
        return Err(anyhow!(
            "segment {} begins behind input {}, where it ends",
            head.segment,
            head.next_seq
        ));
    }
    let engine = Engine::resume(&settings.core, settings.workers, &snapshot)?;
    let outputs = snapshot.outputs().clone();
    Ok((head, engine, outputs))
}

fn is_start(record: &Record) -> bool {
    record.kind() == Some(Kind::Status) && StatusBody::of(record).code == StatusCode::Started as u16
}

fn meta(settings: &Settings, instruments: &Instruments) -> Result<RunMeta> {
    let started = clock::now();
    let mut meta = RunMeta::new(&run_name(started), started, instruments.clone())?;
    meta.signals = settings
        .core
        .signals
        .iter()
        .map(|s| s.name.clone())
        .collect();
    meta.strategies = settings
        .core
        .strategies
        .iter()
        .map(|s| s.name().to_owned())
        .collect();
    meta.config = serde_json::to_string(&settings.core)?;
    meta.semantics = SEMANTICS_VERSION;
    Ok(meta)
}

/// `2024-08-08T23:54:15.03Z` without what a file name should not have.
fn run_name(started: Ts) -> String {
    started
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect()
}

/// The run with the last name, which is the last that began. One that was killed before its first segment is none.
///
/// # Errors
/// If no segment of it says what it is: it may have held something.
fn last_run(compared: &[Comparison], is_new_wanted: bool) -> Result<Option<RunMeta>> {
    match compared.last() {
        Some(last) if last.meta.is_none() && !is_new_wanted => Err(anyhow!(
            "{}: no whole segment, so there is nothing to go on with: put the journal back from a copy, or give --new-run to leave it as it is",
            last.journal.display()
        )),
        last => Ok(last.and_then(|last| last.meta.clone())),
    }
}

fn is_same(last: &RunMeta, fresh: &RunMeta) -> bool {
    last.instruments == fresh.instruments
        && last.signals == fresh.signals
        && last.strategies == fresh.strategies
        && last.config == fresh.config
        && last.semantics == fresh.semantics
}

fn other_outputs(journal: &Path, seq: Seq) -> Error {
    anyhow!(
        "{}: this version makes other outputs of the journal's inputs, first at sequence {seq}: \
         go on with the version that wrote it, or record into another directory",
        journal.display()
    )
}
