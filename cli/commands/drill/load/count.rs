//! What is in the journal, read back from its files.

use crate::output;
use crate::stop::Stop;
use anyhow::{Context, Result};
use std::path::Path;
use tickloom_feeds::local_venue::Tally;
use tickloom_journal::{Block, JournalReader};
use tickloom_types::{
    Flags, Kind, LevelBody, QuoteBody, Record, StatusBody, StatusCode, TradeBody,
};

/// What the records of a journal add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recorded {
    pub(super) trades: Tally,
    pub(super) quotes: Tally,
    /// Changes of levels; those of snapshots are not among them.
    pub(super) levels: Tally,
    pub(super) snapshot_levels: u64,
    /// Gaps that the feed has told.
    pub(super) gaps: u64,
    /// Inputs that go on to subscribers.
    pub(super) inputs_for_subscribers: u64,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    /// Bytes of its files.
    pub(super) bytes: u64,
}

impl Recorded {
    /// Everything that a message of the venue made a record of.
    pub(super) fn events(&self) -> u64 {
        self.trades.count + self.quotes.count + self.levels.count
    }

    /// What has to be published.
    pub(super) fn for_subscribers(&self) -> u64 {
        self.inputs_for_subscribers + self.outputs
    }

    fn add(&mut self, record: &Record) {
        self.inputs += 1;
        let kind = record.kind();
        if !matches!(
            kind,
            None | Some(Kind::Level | Kind::OrderUpdate | Kind::Timer)
        ) {
            self.inputs_for_subscribers += 1;
        }
        match kind {
            Some(Kind::Trade) => self.trades.add(1, TradeBody::of(record).trade_id),
            Some(Kind::Quote) => self.quotes.add(1, QuoteBody::of(record).update_id),
            Some(Kind::Level) if record.has(Flags::SNAPSHOT) => self.snapshot_levels += 1,
            Some(Kind::Level) => self.levels.add(1, LevelBody::of(record).last_id),
            Some(Kind::Status) if StatusBody::of(record).code == StatusCode::Gap as u16 => {
                self.gaps += 1;
            }
            _ => {}
        }
    }
}

/// Reads a journal to its end; `None` if it was stopped.
///
/// # Errors
/// It is damaged, or cannot be read.
pub(super) fn read(journal: &Path, stop: &Stop) -> Result<Option<Recorded>> {
    let mut reader = JournalReader::open(journal).context("journal")?;
    let progress = output::progress(None, "counting");
    let mut recorded = Recorded::default();
    while let Some(block) = reader.next_block().context("journal")? {
        if stop.is_wanted() {
            return Ok(None);
        }
        if let Block::Inputs { records, .. } = block {
            records.iter().for_each(|record| recorded.add(record));
            progress.inc(records.len() as u64);
        }
    }
    progress.finish_and_clear();
    recorded.outputs = reader.outputs();
    for file in std::fs::read_dir(journal).context("journal")? {
        recorded.bytes += file?.metadata()?.len();
    }
    Ok(Some(recorded))
}
