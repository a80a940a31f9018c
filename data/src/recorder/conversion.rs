//! The thread that turns sealed segments into Parquet while the journal is written, and tries again when that fails.
//!
//! It is woken, not fed: it looks for sealed segments itself, so nothing queues up in memory however slow it is. A catalog that
//! cannot be written is a state that [`CatalogStatus`] names; the segments wait in the journal, and nothing else does.

use crate::{DataError, Result};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tickloom_catalog::{Catalog, Comparison, SyncReport, compare, sync_journal, sync_sealed};

/// Pause after the first failure in a row; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(32);
/// Longest wait for the segment at hand when the others are left to the next start.
const LEAVE_AFTER: Duration = Duration::from_millis(500);

/// How the catalog keeps up with the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogStatus {
    /// Sealed segments of the journal that are in the catalog.
    pub converted: u32,
    /// Sealed segments that are not in it yet.
    pub behind: u32,
    /// Why the last try failed, while it is not made good.
    pub failure: Option<String>,
    /// Time from the last failure to the next try.
    pub pause: Duration,
}

impl fmt::Display for CatalogStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failure, self.behind) {
            (Some(reason), behind) => write!(
                f,
                "cannot be written: {reason}; again in {} s, {behind} segments wait in the journal",
                self.pause.as_secs()
            ),
            (None, 0) => write!(f, "has all {} sealed segments", self.converted),
            (None, behind) => write!(f, "{behind} segments behind"),
        }
    }
}

/// The thread at work, from outside.
pub struct Conversion {
    /// Number of the last sealed segment.
    sealed: Arc<AtomicU32>,
    /// Whether no further segment is to be begun.
    is_left: Arc<AtomicBool>,
    wake: SyncSender<()>,
    status: Arc<Mutex<CatalogStatus>>,
    journal: PathBuf,
    catalog: Catalog,
    thread: JoinHandle<Result<SyncReport>>,
}

/// What is to be converted before segments are sealed.
pub(super) struct Behind {
    /// How many segments of the run are in the catalog.
    pub(super) known: u32,
    /// Those that are not.
    pub(super) lacking: Vec<u32>,
    /// Journals of other runs of which the catalog lacks some.
    pub(super) earlier: Vec<PathBuf>,
}

impl Conversion {
    pub(super) fn start(
        journal: PathBuf,
        catalog: Catalog,
        sealed: u32,
        behind: Behind,
    ) -> Result<Conversion> {
        let taken = sealed;
        let sealed = Arc::new(AtomicU32::new(sealed));
        let is_left = Arc::new(AtomicBool::new(false));
        // One wake-up waiting is enough: the thread looks at `sealed` after it.
        let (wake, woken) = sync_channel(1);
        let status = Arc::new(Mutex::new(CatalogStatus::default()));
        let converter = Converter {
            catalog: catalog.clone(),
            sealed: Arc::clone(&sealed),
            is_left: Arc::clone(&is_left),
            status: Arc::clone(&status),
            taken,
            lacking: behind.lacking.into(),
            earlier: behind.earlier.into(),
            failures: 0,
            total: SyncReport {
                known: behind.known,
                ..SyncReport::default()
            },
            journal: journal.clone(),
        };
        let failed = DataError::io("start the thread for", &journal);
        let thread = std::thread::Builder::new().name("parquet".to_owned());
        let thread = thread
            .spawn(move || converter.run(&woken))
            .map_err(failed)?;
        Ok(Conversion {
            sealed,
            is_left,
            wake,
            status,
            journal,
            catalog,
            thread,
        })
    }

    /// What compares the journal with the catalog, to be asked when all is converted.
    pub fn comparing(&self) -> impl Fn() -> Result<Comparison> + use<> {
        let (journal, catalog) = (self.journal.clone(), self.catalog.clone());
        move || Ok(compare(&journal, &catalog)?)
    }

    /// How the catalog keeps up.
    #[must_use]
    pub fn status(&self) -> Arc<Mutex<CatalogStatus>> {
        Arc::clone(&self.status)
    }

    /// Tells how many segments are sealed; never waits.
    pub(super) fn wake(&self, sealed: u32) {
        if self.sealed.swap(sealed, Ordering::AcqRel) != sealed {
            // A full channel means that a wake-up is on its way already.
            self.wake.try_send(()).ok();
        }
    }

    /// Waits until all sealed segments are in the catalog. What cannot be converted now is tried once and no more.
    ///
    /// # Errors
    /// As [`crate::sync_journal`].
    pub fn finish(self) -> Result<SyncReport> {
        drop(self.wake);
        self.thread.join().expect("the converter catches panics")
    }

    /// As [`Conversion::finish`], but leaves the rest to the next start of the run when `give_up` says so, which is asked
    /// every few milliseconds; `None` then. The segment at hand is finished if that takes no longer than half a second;
    /// otherwise the thread ends with the process: files get their names when they are whole.
    ///
    /// # Errors
    /// As [`crate::sync_journal`].
    pub fn finish_unless(self, mut give_up: impl FnMut() -> bool) -> Result<Option<SyncReport>> {
        drop(self.wake);
        while !self.thread.is_finished() {
            if give_up() {
                self.is_left.store(true, Ordering::Release);
                let until = Instant::now() + LEAVE_AFTER;
                while !self.thread.is_finished() && Instant::now() < until {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                // The thread says so only between two segments.
                let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
                let sealed = self.sealed.load(Ordering::Acquire);
                status.behind = sealed.saturating_sub(status.converted);
                return Ok(None);
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let done = self.thread.join();
        done.expect("the converter catches panics").map(Some)
    }
}

/// Everything the thread owns.
struct Converter {
    journal: PathBuf,
    catalog: Catalog,
    sealed: Arc<AtomicU32>,
    is_left: Arc<AtomicBool>,
    status: Arc<Mutex<CatalogStatus>>,
    /// Number of the last sealed segment that is converted, or among those that are lacking.
    taken: u32,
    /// Segments to convert, in their order.
    lacking: VecDeque<u32>,
    /// Journals of other runs, whose turn comes after that.
    earlier: VecDeque<PathBuf>,
    /// Tries that failed in a row.
    failures: u32,
    total: SyncReport,
}

impl Converter {
    /// Converts what is sealed at each wake-up, again after a pause when that failed, and once more when there will be no more.
    fn run(mut self, woken: &Receiver<()>) -> Result<SyncReport> {
        loop {
            // Looked at first: a segment that is sealed while we convert comes with a wake-up of its own.
            let last = self.sealed.load(Ordering::Acquire);
            let done = self.catch_up(last);
            let pause = self.tell(last, done.as_ref().err());
            let woken = match pause {
                None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(pause) => woken.recv_timeout(pause),
            };
            if woken == Err(RecvTimeoutError::Disconnected) {
                let last = self.sealed.load(Ordering::Acquire);
                let done = self.catch_up(last);
                self.tell(last, done.as_ref().err());
                return done.map(|()| self.total);
            }
        }
    }

    /// Converts up to the segment `last`, one after the other, so that what could be done is not done again.
    fn catch_up(&mut self, last: u32) -> Result<()> {
        self.lacking.extend(self.taken + 1..=last);
        self.taken = self.taken.max(last);
        while let Some(next) = self.lacking.front().copied()
            && !self.is_left.load(Ordering::Acquire)
        {
            let what = format!("segment {next}");
            let report = caught(&what, || {
                Ok(sync_sealed(&self.journal, &self.catalog, next..=next)?)
            })?;
            self.lacking.pop_front();
            self.add(report, last);
        }
        while let Some(journal) = self.earlier.front()
            && !self.is_left.load(Ordering::Acquire)
        {
            let what = journal.display().to_string();
            let report = caught(&what, || Ok(sync_journal(journal, &self.catalog)?))?;
            self.earlier.pop_front();
            self.add(report, last);
        }
        Ok(())
    }

    fn add(&mut self, report: SyncReport, last: u32) {
        self.total.known += report.known;
        self.total.written += report.written;
        for (table, rows) in report.rows {
            *self.total.rows.entry(table).or_default() += rows;
        }
        self.failures = 0;
        self.tell(last, None);
    }

    /// Writes the status; returns how long to wait before the next try, if one failed.
    fn tell(&mut self, last: u32, failure: Option<&DataError>) -> Option<Duration> {
        let pause = failure.map(|_| {
            let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.min(16));
            doubled.min(PAUSE_MAX)
        });
        self.failures += u32::from(failure.is_some());
        let lacking = u32::try_from(self.lacking.len()).unwrap_or(u32::MAX);
        let converted = self.taken.saturating_sub(lacking);
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *status = CatalogStatus {
            converted,
            behind: last.saturating_sub(converted),
            failure: failure.map(ToString::to_string),
            pause: pause.unwrap_or_default(),
        };
        pause
    }
}

/// A panic of whatever writes it is an error like others, after which it is tried again.
fn caught(what: &str, convert: impl FnOnce() -> Result<SyncReport>) -> Result<SyncReport> {
    catch_unwind(AssertUnwindSafe(convert)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(DataError::Panicked {
            what: what.to_owned(),
            message: text.unwrap_or("without a message").to_owned(),
        })
    })
}

#[cfg(test)]
mod tests;
