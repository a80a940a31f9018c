//! What the recorder's thread drives: journal now, Parquet soon after. The caller decides when to flush; nothing here reads a clock.
//!
//! Sealed segments are turned into Parquet on a thread of its own ([`Conversion`]), so that the recorder never stops reading its
//! rings for it, and goes on whatever becomes of the catalog.

mod conversion;
mod recorded;

pub use conversion::{CatalogStatus, Conversion};
pub use recorded::{compare_journal, compare_recorded, record_dir_of};

use crate::Result;
use conversion::Behind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tickloom_catalog::{Catalog, CatalogError, Comparison, SyncReport, compare};
use tickloom_journal::{
    Block, ChainHash, Close, JournalError, JournalOptions, JournalWriter, Numbers, OrdersAhead,
    ReadSoFar, Recovered, Reserved, RunMeta, Session, SnapshotHead, write_snapshot,
};
use tickloom_types::{Record, Seq};

/// How a run is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderOptions {
    /// How the journal is written.
    pub journal: JournalOptions,
    /// Records taken after which [`Recorder::tick`] flushes.
    pub flush_records: usize,
}

impl Default for RecorderOptions {
    /// A flush from 1,024 records on.
    fn default() -> Self {
        RecorderOptions {
            journal: JournalOptions::default(),
            flush_records: 1024,
        }
    }
}

/// Records one run below a directory: `<dir>/journal/<run>` and the catalog `<dir>/catalog`.
pub struct Recorder {
    writer: JournalWriter,
    options: RecorderOptions,
    conversion: Conversion,
}

/// The journal's directory of a run below the record directory.
#[must_use]
pub fn journal_dir(dir: &Path, run: &str) -> PathBuf {
    dir.join("journal").join(run)
}

/// The catalog's directory below the record directory.
#[must_use]
pub fn catalog_dir(dir: &Path) -> PathBuf {
    dir.join("catalog")
}

impl Recorder {
    /// Opens the run's journal, new or to continue it, and begins to convert segments that a crash left behind.
    ///
    /// # Errors
    /// As [`JournalWriter::open_with`] and [`Catalog::create`]; [`CatalogError::Contradicts`] if the catalog has another history of the
    /// run than the journal, and then nothing is written.
    pub fn open(
        dir: &Path,
        meta: &RunMeta,
        options: RecorderOptions,
    ) -> Result<(Recorder, Recovered)> {
        Self::open_from(dir, meta, options, 1, |_, _| Ok(()))
    }

    /// As [`Recorder::open`], showing each block of the journal that is continued from this segment on, as
    /// [`JournalWriter::open_from`] does.
    ///
    /// # Errors
    /// As [`Recorder::open`], and whatever `on_block` returns.
    pub fn open_from(
        dir: &Path,
        meta: &RunMeta,
        options: RecorderOptions,
        segment: u32,
        on_block: impl FnMut(Block, ReadSoFar) -> Result<(), JournalError>,
    ) -> Result<(Recorder, Recovered)> {
        let catalog = Catalog::create(&catalog_dir(dir))?;
        let compared = compare_recorded(dir, &catalog)?;
        Self::open_compared(dir, meta, options, segment, &compared, on_block)
    }

    /// As [`Recorder::open_from`], for a caller who has compared the journals of the directory with its catalog already.
    ///
    /// # Errors
    /// As [`Recorder::open_from`].
    pub fn open_compared(
        dir: &Path,
        meta: &RunMeta,
        options: RecorderOptions,
        segment: u32,
        compared: &[Comparison],
        on_block: impl FnMut(Block, ReadSoFar) -> Result<(), JournalError>,
    ) -> Result<(Recorder, Recovered)> {
        let journal = journal_dir(dir, &meta.run);
        let catalog = Catalog::create(&catalog_dir(dir))?;
        let mut own = recorded::own(dir, &meta.run, &catalog, compared)?;
        let of_run = compared.iter().filter(|one| one.run == meta.run);
        let contradiction = of_run.chain([&own]).find_map(Comparison::contradiction);
        if let Some(contradiction) = contradiction {
            let difference = Box::new(contradiction.clone());
            return Err(CatalogError::Contradicts(difference).into());
        }
        let (writer, recovered) =
            JournalWriter::open_from(&journal, meta, options.journal, segment, on_block)?;
        if own.segments.map_or(0, |(_, last)| last) != recovered.segments {
            // Another process wrote until the lock was ours.
            own = compare(&journal, &catalog)?;
        }
        let sealed = writer.sealed();
        own.lacking.retain(|number| *number <= sealed);
        let others = compared.iter().filter(|one| {
            one.run != meta.run && !one.lacking.is_empty() && one.contradiction().is_none()
        });
        let behind = Behind {
            known: own.known(),
            lacking: own.lacking,
            earlier: others.map(|one| one.journal.clone()).collect(),
        };
        let conversion = Conversion::start(journal, catalog, sealed, behind)?;
        let recorder = Recorder {
            writer,
            options,
            conversion,
        };
        Ok((recorder, recovered))
    }

    /// How the catalog keeps up.
    #[must_use]
    pub fn catalog_status(&self) -> Arc<Mutex<CatalogStatus>> {
        self.conversion.status()
    }

    /// Why the journal's next segment could not be begun, as [`JournalWriter::segment_failure`].
    #[must_use]
    pub fn segment_failure(&self) -> Option<&JournalError> {
        self.writer.segment_failure()
    }

    /// Takes inputs in order.
    ///
    /// # Errors
    /// As [`JournalWriter::append_inputs`].
    pub fn inputs(&mut self, first_seq: Seq, records: &[Record]) -> Result<()> {
        Ok(self.writer.append_inputs(first_seq, records)?)
    }

    /// Takes outputs in order, each with the sequence of the input that caused it. They may come before their inputs.
    ///
    /// # Errors
    /// As [`JournalWriter::append_outputs`].
    pub fn outputs(&mut self, records: &[(Seq, Record)]) -> Result<()> {
        Ok(self.writer.append_outputs(records)?)
    }

    /// Begins the session, as [`JournalWriter::begin_session`].
    ///
    /// # Errors
    /// As [`JournalWriter::begin_session`].
    pub fn begin_session(&mut self) -> Result<Session> {
        self.writer.begin_session()?;
        Ok(self.writer.session())
    }

    /// Sees to it that so many numbers ahead are reserved, as [`JournalWriter::reserve`], and says up to where.
    ///
    /// # Errors
    /// As [`JournalWriter::reserve`].
    pub fn reserve(&mut self, ahead: Numbers, orders: OrdersAhead) -> Result<Reserved> {
        Ok(self.writer.reserve(ahead, orders)?)
    }

    /// The journal's segment that is written, and the hash of the block before its first.
    #[must_use]
    pub fn segment(&self) -> (u32, ChainHash) {
        self.writer.segment()
    }

    /// Writes a snapshot of what was made of all inputs and outputs that were taken, which are forced to the disk first.
    ///
    /// # Errors
    /// As [`JournalWriter::force`] and [`write_snapshot`].
    pub fn snapshot(&mut self, head: &SnapshotHead, state: &[u8]) -> Result<()> {
        self.writer.force()?;
        write_snapshot(self.writer.dir(), head, state)?;
        Ok(())
    }

    /// How much of the run is on the disk.
    #[must_use]
    pub fn durable(&self) -> Numbers {
        self.writer.durable()
    }

    /// Flushes if enough was taken. To be called in each turn of the recorder's loop.
    ///
    /// # Errors
    /// As [`Recorder::flush`].
    pub fn tick(&mut self) -> Result<()> {
        if self.writer.pending() >= self.options.flush_records {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes all that was taken: after this a kill loses none of it. To be called when the rings are empty or time is up.
    ///
    /// # Errors
    /// As [`JournalWriter::flush`].
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush()?;
        self.conversion.wake(self.writer.sealed());
        Ok(())
    }

    /// Stops in good order: writes the close block, waits until all segments are in the catalog, and says what was converted.
    ///
    /// # Errors
    /// As [`JournalWriter::close`] and [`crate::sync_journal`].
    pub fn close(self, output_hash: &str) -> Result<(Close, SyncReport)> {
        let (close, conversion) = self.close_journal(output_hash)?;
        Ok((close, conversion.finish()?))
    }

    /// Writes the close block, after which the journal is whole whatever becomes of the catalog. The conversion of what is not in
    /// the catalog yet goes on.
    ///
    /// # Errors
    /// As [`JournalWriter::close`].
    pub fn close_journal(self, output_hash: &str) -> Result<(Close, Conversion)> {
        let last = self.writer.sealed() + 1;
        let close = self.writer.close(output_hash)?;
        self.conversion.wake(last);
        Ok((close, self.conversion))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScanQuery, sync_journal};
    use tickloom_journal::SyncPolicy;
    use tickloom_types::{
        Header, InstrumentDef, InstrumentId, Instruments, Kind, SourceDef, SourceId, SourceKind,
        TradeBody, Ts,
    };

    fn meta() -> RunMeta {
        let mut instruments = Instruments::new();
        let def = InstrumentDef::new("test.A", 2, 0, "USD");
        instruments.add(def).unwrap();
        let source = SourceDef::new("feed", SourceKind::Feed);
        instruments.add_source(source).unwrap();
        RunMeta::new("run", Ts(0), instruments).unwrap()
    }

    fn trades(range: std::ops::Range<i64>) -> Vec<Record> {
        let trade = |n| {
            let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n));
            let body = TradeBody {
                price: n,
                qty: 1,
                ..TradeBody::default()
            };
            body.record(header)
        };
        range.map(trade).collect()
    }

    /// What the catalog holds of the run.
    fn recorded(dir: &Path) -> Vec<(Seq, Record)> {
        let catalog = Catalog::open(&catalog_dir(dir)).unwrap();
        let scan = catalog.scan(&ScanQuery::default()).unwrap();
        scan.collect::<tickloom_catalog::Result<_>>().unwrap()
    }

    #[test]
    fn a_run_that_was_dropped_goes_on_without_loss_or_doubles() {
        let dir = tempfile::tempdir().unwrap();
        let options = RecorderOptions {
            journal: JournalOptions {
                segment_bytes_max: 2_000,
                sync: SyncPolicy::OnSeal,
            },
            flush_records: 10,
        };
        let mut next = 0_i64;
        for _ in 0..5 {
            let (mut recorder, recovered) =
                Recorder::open(dir.path(), &meta(), options.clone()).unwrap();
            // What was not flushed is gone; what was is there.
            assert_eq!(recovered.next_seq, next.unsigned_abs());
            for _ in 0..7 {
                let seq = next.unsigned_abs();
                recorder.inputs(seq, &trades(next..next + 10)).unwrap();
                recorder.tick().unwrap();
                next += 10;
            }
            let seq = next.unsigned_abs();
            recorder.inputs(seq, &trades(next..next + 9)).unwrap();
            recorder.tick().unwrap();
        }
        let (recorder, _) = Recorder::open(dir.path(), &meta(), options).unwrap();
        let (close, report) = recorder.close("00").unwrap();
        assert_eq!((close.next_seq, close.outputs), (350, 0));
        let expected: Vec<_> = (0..).zip(trades(0..350)).collect();
        assert_eq!(recorded(dir.path()), expected);
        let catalog = Catalog::open(&catalog_dir(dir.path())).unwrap();
        let again = sync_journal(&journal_dir(dir.path(), "run"), &catalog).unwrap();
        assert_eq!(
            (again.written, again.known),
            (0, report.written + report.known)
        );
    }
}
