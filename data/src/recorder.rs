//! What the recorder's thread drives: journal now, Parquet soon after. The caller decides when to flush; nothing here reads a clock.
//!
//! Sealed segments are turned into Parquet on a thread of its own, so that the recorder never stops reading its rings for it. The
//! thread is woken, not fed: it looks for sealed segments itself, so nothing queues up in memory however slow it is.

use crate::catalog::{Catalog, SyncReport, sync_sealed};
use crate::journal::{Close, JournalOptions, JournalWriter, Recovered};
use crate::{DataError, Result, RunMeta};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
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
    converter: Converter,
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
    /// As [`JournalWriter::open_with`] and [`Catalog::create`].
    pub fn open(
        dir: &Path,
        meta: &RunMeta,
        options: RecorderOptions,
    ) -> Result<(Recorder, Recovered)> {
        let journal = journal_dir(dir, &meta.run);
        let catalog = Catalog::create(&catalog_dir(dir))?;
        let (writer, recovered) = JournalWriter::open_with(&journal, meta, options.journal)?;
        let converter = Converter::start(journal, catalog, writer.sealed())?;
        let recorder = Recorder {
            writer,
            options,
            converter,
        };
        Ok((recorder, recovered))
    }

    /// Takes inputs in order.
    ///
    /// # Errors
    /// As [`JournalWriter::append_inputs`].
    pub fn inputs(&mut self, first_seq: Seq, records: &[Record]) -> Result<()> {
        self.writer.append_inputs(first_seq, records)
    }

    /// Takes outputs in order, each with the sequence of the input that caused it. They may come before their inputs.
    ///
    /// # Errors
    /// As [`JournalWriter::append_outputs`].
    pub fn outputs(&mut self, records: &[(Seq, Record)]) -> Result<()> {
        self.writer.append_outputs(records)
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
    /// As [`JournalWriter::flush`]; or the converter's error, if it has stopped on one.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush()?;
        self.converter.wake(self.writer.sealed())
    }

    /// Stops in good order: writes the close block, waits until all segments are in the catalog, and says what was converted.
    ///
    /// # Errors
    /// As [`JournalWriter::close`] and [`crate::sync_journal`].
    pub fn close(self, output_hash: &str) -> Result<(Close, SyncReport)> {
        let last = self.writer.sealed() + 1;
        let close = self.writer.close(output_hash)?;
        Ok((close, self.converter.finish(last)?))
    }
}

/// The thread that turns sealed segments into Parquet.
struct Converter {
    journal: PathBuf,
    catalog: Catalog,
    /// Number of the last sealed segment.
    sealed: Arc<AtomicU32>,
    wake: SyncSender<()>,
    /// `None` once it stopped on an error, which was reported.
    thread: Option<JoinHandle<Result<SyncReport>>>,
}

impl Converter {
    fn start(journal: PathBuf, catalog: Catalog, sealed: u32) -> Result<Converter> {
        let sealed = Arc::new(AtomicU32::new(sealed));
        // One wake-up waiting is enough: the thread looks at `sealed` after it.
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("parquet".to_owned());
        let (seen, path, into) = (Arc::clone(&sealed), journal.clone(), catalog.clone());
        let thread = thread
            .spawn(move || convert(&path, &into, &seen, &woken))
            .map_err(DataError::io("start the thread for", &journal))?;
        Ok(Converter {
            journal,
            catalog,
            sealed,
            wake,
            thread: Some(thread),
        })
    }

    /// Tells how many segments are sealed; never waits. An error that stopped the thread is returned once.
    fn wake(&mut self, sealed: u32) -> Result<()> {
        if self.sealed.swap(sealed, Ordering::AcqRel) == sealed {
            return Ok(());
        }
        // A full channel means that a wake-up is on its way already.
        if let Err(TrySendError::Disconnected(())) = self.wake.try_send(())
            && let Some(thread) = self.thread.take()
        {
            join(thread)?;
        }
        Ok(())
    }

    /// Converts all `sealed` segments that are left.
    fn finish(self, sealed: u32) -> Result<SyncReport> {
        self.sealed.store(sealed, Ordering::Release);
        drop(self.wake);
        match self.thread {
            Some(thread) => join(thread),
            // The reason may be gone by now, such as a full disk.
            None => sync_sealed(&self.journal, &self.catalog, 1..=sealed),
        }
    }
}

fn join(thread: JoinHandle<Result<SyncReport>>) -> Result<SyncReport> {
    thread.join().expect("the converter does not panic")
}

/// Converts what is sealed at each wake-up, and once more when there will be no more.
fn convert(
    journal: &Path,
    catalog: &Catalog,
    sealed: &AtomicU32,
    woken: &Receiver<()>,
) -> Result<SyncReport> {
    let mut total = SyncReport::default();
    let mut is_open = true;
    let mut converted = 0;
    loop {
        let last = sealed.load(Ordering::Acquire);
        let report = sync_sealed(journal, catalog, converted + 1..=last)?;
        converted = last;
        total.known += report.known;
        total.written += report.written;
        for (table, rows) in report.rows {
            *total.rows.entry(table).or_default() += rows;
        }
        if !is_open {
            return Ok(total);
        }
        is_open = woken.recv().is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScanQuery, SyncPolicy, sync_journal};
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
        scan.collect::<Result<_>>().unwrap()
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
