//! Keeps a server up to date with a journal: reads what is flushed, sends it in batches, notes what was confirmed.
//!
//! One call is one turn, and time is its argument: whoever calls decides when. Nothing piles up here: at most one batch waits in
//! memory, all the rest stays in the journal. After any failure the batch is thrown away, and what was not confirmed is read again.

mod options;

use super::cursor::Cursor;
use super::status::{FollowState, FollowStatus};
use super::{QuestDbAddress, QuestDbSink};
use crate::{DataError, Result};
pub use options::FollowOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_journal::{Block, JournalCount, JournalError, JournalTail, Tailed, read_journal_meta};
use tickloom_types::{Record, Seq};
use xxhash_rust::xxh3::xxh3_64;

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There may be more to do at once.
    Worked,
    /// All that is flushed to the journal is confirmed.
    CaughtUp,
    /// A batch waits to fill, or the server is not as it should be: nothing can be done for so long.
    Held(Duration),
}

/// A journal on its way to a server.
pub struct Follower {
    journal: PathBuf,
    address: QuestDbAddress,
    options: FollowOptions,
    status: Arc<Mutex<FollowStatus>>,
    link: Option<Link>,
    count: Option<JournalCount>,
    counted: Option<Instant>,
    hold: Option<Hold>,
}

/// A server that can take rows, and the place up to which it has some.
struct Link {
    sink: QuestDbSink,
    tail: JournalTail,
    run: String,
    cursor: Cursor,
    /// Up to where everything that was read is sent or in the batch: rows after it wait for their moment to end.
    settled: Cursor,
    /// Whether rows of a moment were sent as cut, as its end had not come: they are read again once there is more.
    is_cut: bool,
    /// Records that were read since the cursor.
    pending: u64,
    /// When the first of them was read.
    oldest: Option<Instant>,
    checked: Instant,
}

/// Waiting for a server to be as it should.
#[derive(Clone, Copy)]
struct Hold {
    since: Instant,
    until: Instant,
    failures: u32,
}

impl Link {
    /// Notes how far everything that was read is taken, if no row waits for the end of its moment.
    fn note_settled(&mut self) {
        if let Some(released) = self.sink.released().filter(|_| !self.is_cut) {
            self.settled = Cursor {
                place: self.tail.place().clone(),
                records: self.cursor.records + self.pending,
                released,
            };
        }
    }

    /// Goes back to where no moment was open. The tables take each row in its place.
    fn read_again(&mut self, journal: &Path) {
        self.tail = JournalTail::new(journal, self.cursor.place.clone());
        self.sink.go_on_after(self.cursor.released);
        self.settled = self.cursor.clone();
        self.is_cut = false;
        self.pending = 0;
        self.oldest = None;
    }
}

impl Follower {
    /// Follows the journal in `journal`, which may be about to begin. Nothing is asked of the server yet.
    #[must_use]
    pub fn new(journal: &Path, address: &QuestDbAddress, options: FollowOptions) -> Follower {
        Follower {
            journal: journal.to_owned(),
            address: address.clone(),
            options,
            status: Arc::default(),
            link: None,
            count: None,
            counted: None,
            hold: None,
        }
    }

    /// What it shows, now and later.
    #[must_use]
    pub fn status(&self) -> Arc<Mutex<FollowStatus>> {
        Arc::clone(&self.status)
    }

    /// Does one piece of work. A server that is away, slow or suspended is no error: it shows in the status, and is asked again
    /// after a pause that grows.
    ///
    /// # Errors
    /// [`DataError::Journal`] and [`DataError::Io`] for the journal; [`DataError::Journal`] if the server has another run of this
    /// name. Nothing can be done about them here.
    pub fn turn(&mut self, now: Instant) -> Result<Turn> {
        self.look_at_journal(now)?;
        if let Some(hold) = self.hold
            && now < hold.until
        {
            self.change(|status| status.state.waits(now - hold.since));
            return Ok(Turn::Held(hold.until - now));
        }
        match self.work(now) {
            Ok(turn) => Ok(turn),
            Err(DataError::QuestDb { message, .. }) => {
                let away = FollowState::Down {
                    seconds: 0,
                    reason: message,
                };
                Ok(self.hold(now, away))
            }
            Err(error) => {
                let reason = error.to_string();
                self.change(|status| status.state = FollowState::Stopped { reason });
                Err(error)
            }
        }
    }

    fn work(&mut self, now: Instant) -> Result<Turn> {
        if self.link.is_none() && !self.connect(now)? {
            return Ok(Turn::CaughtUp);
        }
        let link = self.link.as_mut().expect("connected above");
        if now.duration_since(link.checked) >= self.options.check_every {
            link.checked = now;
            let suspended = link.sink.suspended()?;
            if !suspended.is_empty() {
                // An error may have gone away since; what a person stopped is theirs to go on with.
                for table in suspended.iter().filter(|table| !table.is_by_hand()) {
                    link.sink.resume(&table.table)?;
                }
                let state = FollowState::Suspended {
                    seconds: 0,
                    tables: suspended,
                };
                return Ok(self.hold(now, state));
            }
            if self.hold.is_none() {
                self.change(|status| status.state = FollowState::Connected);
            }
        }
        self.advance(now)
    }

    /// The server has shown that it is as it should be.
    fn is_well(&mut self) {
        self.hold = None;
        self.change(|status| status.state = FollowState::Connected);
    }

    /// Reads a block, or sends the batch if it is due.
    fn advance(&mut self, now: Instant) -> Result<Turn> {
        let link = self.link.as_mut().expect("the caller has it");
        let age = link.oldest.map(|oldest| now.duration_since(oldest));
        let is_due = link.sink.pending() >= self.options.batch_rows
            || age.is_some_and(|age| age >= self.options.batch_wait);
        if is_due {
            self.send()?;
            return Ok(Turn::Worked);
        }
        let tailed = match link.tail.poll() {
            // What a power loss took is not there any more: all is sent again, and the tables take each row in its place.
            Err(JournalError::CutBack { .. }) => {
                link.cursor = Cursor::START;
                link.read_again(&self.journal);
                return Ok(Turn::Worked);
            }
            tailed => tailed?,
        };
        if link.is_cut && matches!(tailed, Tailed::Block(_)) {
            link.read_again(&self.journal);
            return Ok(Turn::Worked);
        }
        match tailed {
            Tailed::Block(Block::Inputs { first_seq, records }) => {
                let rows = (first_seq..).zip(&records);
                self.take(now, rows.map(|(seq, record)| (seq, None, record)));
            }
            Tailed::Block(Block::Outputs {
                first_output,
                records,
            }) => {
                let rows = (first_output..).zip(&records);
                self.take(
                    now,
                    rows.map(|(output, (cause, record))| (*cause, Some(output), record)),
                );
            }
            // Nothing follows in this session, so nothing is worth waiting for.
            Tailed::Block(Block::Close(_)) => self.send()?,
            Tailed::Block(_) => {}
            Tailed::Missing { first, next } => {
                self.change(|status| status.missing.push((first, next - 1)));
            }
            Tailed::End => {
                let Some(age) = age else {
                    if link.sink.released().is_none() {
                        // Nothing follows for now, and it may be that nothing ever will.
                        link.sink.settle()?;
                        link.is_cut = true;
                        self.send()?;
                        return Ok(Turn::Worked);
                    }
                    self.is_well();
                    return Ok(Turn::CaughtUp);
                };
                return Ok(Turn::Held(self.options.batch_wait.saturating_sub(age)));
            }
        }
        Ok(Turn::Worked)
    }

    /// Takes records into the batch. One that the server has no place for is counted and told.
    fn take<'a>(
        &mut self,
        now: Instant,
        rows: impl Iterator<Item = (Seq, Option<u64>, &'a Record)>,
    ) {
        let link = self.link.as_mut().expect("the caller has it");
        let mut refused = 0;
        let mut refusal = None;
        for (seq, output, record) in rows {
            let pushed = match output {
                None => link.sink.push(seq, record),
                Some(output) => link.sink.push_output(output, seq, record),
            };
            link.pending += 1;
            if let Err(error) = pushed {
                refused += 1;
                refusal.get_or_insert_with(|| error.to_string());
            }
        }
        link.oldest.get_or_insert(now);
        link.note_settled();
        if refused > 0 {
            self.change(|status| {
                status.refused += refused;
                status.refusal = status.refusal.take().or(refusal);
            });
        }
    }

    /// Sends the batch and, once it is confirmed, moves the cursor behind it.
    fn send(&mut self) -> Result<()> {
        let link = self.link.as_mut().expect("the caller has it");
        link.sink.flush()?;
        let read = link.cursor.records + link.pending;
        link.note_settled();
        link.cursor = link.settled.clone();
        link.pending = read - link.cursor.records;
        link.oldest = None;
        link.cursor.write(&self.journal, &self.address, &link.run)?;
        let confirmed = link.cursor.records.max(if link.is_cut { read } else { 0 });
        self.is_well();
        self.change(|status| {
            // Rows of a moment that was cut short are sent a second time.
            let more = confirmed.saturating_sub(status.confirmed);
            status.behind = status.behind.saturating_sub(more);
            status.confirmed += more;
        });
        Ok(())
    }

    /// Connects, and finds out how far the server is; false if the journal has not begun.
    fn connect(&mut self, now: Instant) -> Result<bool> {
        let Some(run) = read_journal_meta(&self.journal)? else {
            return Ok(false);
        };
        let mut sink = QuestDbSink::connect(&self.address)?;
        let mut cursor = Cursor::read(&self.journal, &self.address, &run.run)?;
        if !sink.knows(&run)? {
            cursor = Cursor::START;
        }
        sink.begin(&run)?;
        sink.go_on_after(cursor.released);
        cursor.write(&self.journal, &self.address, &run.run)?;
        self.count = Some(JournalCount::new(
            &self.journal,
            &cursor.place,
            cursor.records,
        ));
        self.counted = None;
        self.change(|status| status.confirmed = cursor.records);
        self.link = Some(Link {
            sink,
            tail: JournalTail::new(&self.journal, cursor.place.clone()),
            run: run.run,
            settled: cursor.clone(),
            is_cut: false,
            cursor,
            pending: 0,
            oldest: None,
            // At the first turn suspended tables are looked for.
            checked: now.checked_sub(self.options.check_every).unwrap_or(now),
        });
        Ok(true)
    }

    /// Counts what the journal has, which needs no server.
    fn look_at_journal(&mut self, now: Instant) -> Result<()> {
        let is_due = self
            .counted
            .is_none_or(|counted| now.duration_since(counted) >= self.options.check_every);
        if !is_due {
            return Ok(());
        }
        if self.count.is_none() {
            let Some(run) = read_journal_meta(&self.journal)? else {
                return Ok(());
            };
            let cursor = Cursor::read(&self.journal, &self.address, &run.run)?;
            // So that nobody removes segments that no server has had yet.
            cursor.write(&self.journal, &self.address, &run.run)?;
            let count = JournalCount::new(&self.journal, &cursor.place, cursor.records);
            self.count = Some(count);
            self.change(|status| status.confirmed = cursor.records);
        }
        self.counted = Some(now);
        if let Some(count) = &mut self.count {
            let records = count.advance()?;
            self.change(|status| status.behind = records.saturating_sub(status.confirmed));
        }
        Ok(())
    }

    /// Lets go of the server for a while; what was not confirmed will be read again.
    fn hold(&mut self, now: Instant, mut state: FollowState) -> Turn {
        self.link = None;
        let failures = self.hold.map_or(0, |hold| hold.failures);
        let since = self.hold.map_or(now, |hold| hold.since);
        let pause = self.backoff(failures);
        self.hold = Some(Hold {
            since,
            until: now + pause,
            failures: failures.saturating_add(1),
        });
        state.waits(now - since);
        self.change(|status| status.state = state);
        Turn::Held(pause)
    }

    /// Twice as long each time, and by up to a quarter less, so that many followers do not come back together.
    fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let longest = self.options.backoff_max;
        let pause = self.options.backoff_min.saturating_mul(factor).min(longest);
        let seed = format!("{}{failures}", self.journal.display());
        let part = u32::try_from(xxh3_64(seed.as_bytes()) % 256).unwrap_or(0);
        pause - pause / 4 * part / 256
    }

    fn change(&self, change: impl FnOnce(&mut FollowStatus)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
    }
}
