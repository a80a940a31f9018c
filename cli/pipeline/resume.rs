//! Recording: begins a new run, or continues the last one where its journal ends.
//!
//! A run goes on if it was configured the same. The core is brought to where it was by the journal's own inputs, which
//! is the same code as live: outputs that a crash kept from the journal are made again and appended.

use crate::config::Settings;
use crate::output;
use crate::pipeline::clock;
use crate::pipeline::workers::Engine;
use anyhow::{Context, Error, Result, anyhow};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_core::{OutputHash, Outputs};
use tickloom_data::{
    Block, JournalReader, Recorder, RecorderOptions, RunMeta, catalog_dir, journal_dir,
};
use tickloom_types::{Instruments, Record, Seq, Ts};

/// A recorder that stands where the run goes on.
pub(crate) struct Resumed {
    pub(crate) recorder: Recorder,
    /// Sequence of the next input.
    pub(crate) next_seq: Seq,
    pub(crate) journal: PathBuf,
    pub(crate) catalog: PathBuf,
}

/// Opens the recorder below `dir`, and brings `engine` and `hash` to where the journal ends.
///
/// # Errors
/// The journal is damaged, in use, or cannot be written.
pub(crate) fn open(
    dir: &Path,
    settings: &Settings,
    engine: &mut Engine,
    hash: &mut OutputHash,
) -> Result<Resumed> {
    let fresh = meta(settings, engine.instruments())?;
    let meta = last_run(dir)?
        .filter(|last| is_same(last, &fresh))
        .unwrap_or(fresh);
    let mut options = RecorderOptions::default();
    options.journal.sync = settings.record.sync.policy();
    if let Some(mb) = settings.record.segment_mb {
        options.journal.segment_bytes_max = mb << 20;
    }
    let (mut recorder, recovered) = Recorder::open(dir, &meta, options).context("record")?;
    let journal = journal_dir(dir, &meta.run);
    if let Some(cut) = &recovered.cut {
        output::note(&format!(
            "the journal had a torn tail, which was cut: {cut:?}"
        ));
    }
    if recovered.next_seq > 0 {
        let missing = replay(&journal, engine, hash)?;
        recorder.outputs(&Vec::from(missing))?;
        recorder.flush()?;
    }
    Ok(Resumed {
        recorder,
        next_seq: recovered.next_seq,
        journal,
        catalog: catalog_dir(dir),
    })
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
fn last_run(dir: &Path) -> Result<Option<RunMeta>> {
    let journals = dir.join("journal");
    if !journals.exists() {
        return Ok(None);
    }
    let mut begun = Vec::new();
    for run in list(&journals)? {
        if run.is_dir() && list(&run)?.iter().any(|file| is_segment(file)) {
            begun.push(run);
        }
    }
    match begun.into_iter().max() {
        None => Ok(None),
        Some(last) => Ok(Some(JournalReader::open(&last)?.meta().clone())),
    }
}

fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    entries.with_context(|| dir.display().to_string())
}

fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "tlj")
}

fn is_same(last: &RunMeta, fresh: &RunMeta) -> bool {
    last.instruments == fresh.instruments
        && last.signals == fresh.signals
        && last.strategies == fresh.strategies
        && last.config == fresh.config
}

/// Steps the journal's inputs, holds what comes out to the outputs that were recorded, and returns those that a crash kept
/// from the journal.
fn replay(
    journal: &Path,
    engine: &mut Engine,
    hash: &mut OutputHash,
) -> Result<VecDeque<(Seq, Record)>> {
    let mut outputs = Outputs::new();
    let mut made: VecDeque<(Seq, Record)> = VecDeque::new();
    let mut reader = JournalReader::open(journal)?;
    while let Some(block) = reader.next_block()? {
        match block {
            Block::Inputs { first_seq, records } => {
                for (seq, record) in (first_seq..).zip(&records) {
                    engine.step(seq, record, &mut outputs);
                    for output in outputs.records() {
                        hash.update(output);
                        made.push_back((seq, *output));
                    }
                }
            }
            Block::Outputs { records, .. } => {
                for recorded in records {
                    if made.pop_front() != Some(recorded) {
                        return Err(other_outputs(journal, recorded.0));
                    }
                }
            }
            Block::Meta(_) | Block::Close(_) => {}
        }
    }
    Ok(made)
}

fn other_outputs(journal: &Path, seq: Seq) -> Error {
    anyhow!(
        "{}: this version makes other outputs of the journal's inputs, first at sequence {seq}: \
         go on with the version that wrote it, or record into another directory",
        journal.display()
    )
}
