//! The one order of records from several runs, and the moments in it: what a row has to carry so that any part of a run can be
//! read in it.
//!
//! A run is released in its sequence. A row's release is the greatest of its own (`Instruments::release`) and of all before it,
//! and the same for all of its moment. Writers see all rows of a run and store with each for how long others held it back, and
//! how many of its moment follow. Readers see some rows, and need neither the others nor to look at them.

mod release;

pub use release::{ReleaseMerge, RunRows};

use crate::Key;
use crate::limits::MOMENT_ROWS_MAX;
use tickloom_types::{Clock, Flags, Instruments, Kind, Record, SourceDef, StatusBody, StatusCode};

/// A row with its place in the one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its place in its run.
    pub key: Key,
    /// The record, marked as in its run.
    pub record: Record,
    /// Nanoseconds between its own release and that which the rows before it, and its moment, leave it; modulo 2^64.
    pub held: u64,
    /// How far its moment's last sequence is above its own; as a negative number if the moment was cut, where that is the
    /// sequence after its last.
    pub more: i32,
}

impl Placed {
    /// A row of a file that does not say its place: released by itself, its moment as its mark says.
    pub fn unplaced(key: Key, record: Record) -> Placed {
        Placed {
            key,
            record,
            held: 0,
            more: i32::from(key.output == 0 && record.has(Flags::MORE)),
        }
    }

    /// When it is released, by what its own release is.
    pub fn release(&self, own: i64) -> i64 {
        own.wrapping_add(self.held.cast_signed())
    }

    /// Whether a row that follows it in its run, with this sequence, is of its moment.
    pub fn goes_on_at(&self, seq: u64) -> bool {
        self.more != 0
            && seq
                <= self
                    .key
                    .seq
                    .saturating_add(u64::from(self.more.unsigned_abs()))
    }

    /// Whether the end of its moment never came.
    pub fn is_cut(&self) -> bool {
        self.more < 0
    }
}

/// Gives the rows of a run their places. They come in the order of the run; those of a moment leave once its end is known.
#[derive(Debug)]
pub struct Placing {
    /// The greatest release so far.
    released: i64,
    /// Rows of the moment that is not over.
    waiting: Vec<(Key, Record)>,
    rows_max: usize,
}

impl Placing {
    /// A run, or its rest, of which nothing was released after this.
    pub fn new(released: i64) -> Placing {
        Placing {
            released,
            waiting: Vec::new(),
            rows_max: MOMENT_ROWS_MAX,
        }
    }

    /// Whether rows wait for the end of their moment.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The greatest release of an input so far.
    pub fn released(&self) -> i64 {
        self.released
    }

    /// Takes the next row; rows whose place is known by now go to `ready`.
    pub fn push(
        &mut self,
        key: Key,
        record: &Record,
        instruments: &Instruments,
        ready: &mut Vec<Placed>,
    ) {
        let is_input = key.output == 0;
        if is_input && self.waiting.is_empty() && !record.has(Flags::MORE) {
            // A moment of one row, as most are.
            let own = instruments.release(record).0;
            self.released = self.released.max(own);
            ready.push(Placed {
                key,
                record: *record,
                held: self.released.wrapping_sub(own).cast_unsigned(),
                more: 0,
            });
            return;
        }
        if is_input && !self.waiting.is_empty() && is_start(record) {
            // A session ended within a moment: no end of it will come.
            self.place(End::Cut(key.seq), instruments, ready);
        }
        self.waiting.push((key, *record));
        let goes_on = match is_input {
            true => record.has(Flags::MORE),
            false => self.waiting.len() > 1,
        };
        if !goes_on {
            self.place(End::Whole, instruments, ready);
        } else if self.waiting.len() >= self.rows_max {
            self.place(End::Later, instruments, ready);
        }
    }

    /// No more rows come. A moment without its end was cut.
    pub fn finish(&mut self, instruments: &Instruments, ready: &mut Vec<Placed>) {
        if let Some((last, _)) = self.waiting.last() {
            let after = last.seq.saturating_add(1);
            self.place(End::Cut(after), instruments, ready);
        }
    }

    fn place(&mut self, end: End, instruments: &Instruments, ready: &mut Vec<Placed>) {
        let last_input = self.waiting.iter().rev().find(|(key, _)| key.output == 0);
        let last = last_input.map_or(0, |(key, _)| key.seq);
        let (last, sign) = match end {
            End::Whole => (last, 1),
            End::Later => (last.saturating_add(1), 1),
            End::Cut(seq) => (seq, -1),
        };
        for (key, record) in &self.waiting {
            if key.output == 0 {
                self.released = self.released.max(instruments.release(record).0);
            }
        }
        for (key, record) in self.waiting.drain(..) {
            let own = instruments.release(&record).0;
            let (release, more) = match key.output {
                0 => (self.released, last.saturating_sub(key.seq)),
                // An output is there once its cause is; a bar that the core closed not before its close.
                _ => (self.released.max(own), 0),
            };
            ready.push(Placed {
                key,
                record,
                held: release.wrapping_sub(own).cast_unsigned(),
                more: sign * i32::try_from(more).unwrap_or(i32::MAX),
            });
        }
    }
}

/// How the rows that wait come to their places.
#[derive(Clone, Copy)]
enum End {
    /// The last of them ends the moment.
    Whole,
    /// More of the moment follow: it is longer than what may wait.
    Later,
    /// Its end never came; the run goes on with this sequence.
    Cut(u64),
}

/// Whether a record says that a session began: it ends whatever moment was cut before.
pub fn is_start(record: &Record) -> bool {
    record.kind() == Some(Kind::Status) && StatusBody::of(record).code == StatusCode::Started as u16
}

/// Rows of a run, some of them left out, on their way to a reader: the mark of a moment moves to the last that is handed out.
#[derive(Debug)]
pub struct Marking {
    next: Option<Row>,
    /// Whether another run may follow the end of this one, so that a moment that was cut must not stay open.
    closes: bool,
    released: i64,
}

/// A row that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row.
    pub placed: Placed,
    /// When it is released.
    pub release: i64,
    /// Whether it is one moment with others of equal release; see [`joins`].
    pub joins: bool,
}

impl Row {
    /// Whether more of its moment follow.
    pub fn has_more(&self) -> bool {
        self.placed.key.output == 0 && self.placed.record.has(Flags::MORE)
    }
}

impl Default for Marking {
    fn default() -> Marking {
        Marking::new()
    }
}

impl Marking {
    /// Of a run whose first row is next.
    #[must_use]
    pub fn new() -> Marking {
        Marking {
            next: None,
            closes: false,
            released: i64::MIN,
        }
    }

    /// The same for a run beside others.
    pub fn close_at_end(&mut self) {
        self.closes = true;
    }

    /// The row that was read ahead, if one was.
    pub fn take_next(&mut self) -> Option<Row> {
        self.next.take()
    }

    /// Whether a row was read ahead.
    pub(crate) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The release of a row that is handed out without a mark to look for, by its own.
    #[inline]
    pub(crate) fn release(&mut self, own: i64) -> i64 {
        self.released = self.released.max(own);
        self.released
    }

    /// Whether the row after this one has to be read before this one can be handed out.
    pub fn asks(row: &Row) -> bool {
        row.placed.more != 0 && row.placed.key.output == 0
    }

    /// The row as it is handed out; with the one after it, if [`Marking::asks`] said so and there is one.
    pub fn mark(&mut self, mut row: Row, next: Option<Row>) -> Row {
        self.released = self.released.max(row.release);
        row.release = self.released;
        if Marking::asks(&row) {
            self.next = next;
            row.placed.record.header.flags &= !Flags::MORE;
            if self.goes_on(&row.placed) {
                row.placed.record.header.flags |= Flags::MORE;
            }
        }
        row
    }

    /// Whether a moment is open behind this row.
    fn goes_on(&self, placed: &Placed) -> bool {
        match &self.next {
            Some(next) if placed.is_cut() && is_start(&next.placed.record) => true,
            Some(next) => placed.goes_on_at(next.placed.key.seq),
            None => placed.is_cut() && !self.closes,
        }
    }
}

/// Whether a record is a bar that is one moment with others of equal release: one of a source whose moments nobody recorded.
pub fn joins(record: &Record, source: &SourceDef) -> bool {
    record.header.kind == Kind::Bar as u8 && source.clock == Clock::Venue
}

/// Makes bars of equal release one moment, whatever instruments and runs they are of.
#[derive(Debug, Default)]
pub struct Joining {
    next: Option<Row>,
}

impl Joining {
    /// The row that was read ahead.
    pub(crate) fn waiting(&mut self) -> &mut Option<Row> {
        &mut self.next
    }

    /// The next row; `read` gives them in the order of their release.
    ///
    /// # Errors
    /// What `read` fails with.
    pub fn next<E>(
        &mut self,
        mut read: impl FnMut() -> Result<Option<Row>, E>,
    ) -> Result<Option<Row>, E> {
        let row = match self.next.take() {
            Some(row) => Some(row),
            None => read()?,
        };
        let Some(mut row) = row.filter(|row| row.joins && !row.has_more()) else {
            return Ok(row);
        };
        self.next = read()?;
        if let Some(next) = &self.next
            && next.joins
            && next.release == row.release
        {
            row.placed.record.header.flags |= Flags::MORE;
        }
        Ok(Some(row))
    }
}

/// Marks the records of one file, in their order: bars of equal release are one moment where nobody recorded moments.
pub fn mark_bars(records: &mut [Record], instruments: &Instruments) {
    let mut marks = BarMarks::default();
    for at in 0..records.len() {
        if let Some(before) = marks.push(&records[at], instruments) {
            records[at - 1] = before;
        }
    }
}

/// Marks records one after the other, as [`mark_bars`] does.
#[derive(Debug, Default)]
pub struct BarMarks {
    /// The last record, and whether it is a bar.
    last: Option<(Record, bool)>,
    released: Option<i64>,
}

impl BarMarks {
    /// Takes the next record; the one before it is known by then.
    #[inline]
    #[must_use]
    pub fn push(&mut self, record: &Record, instruments: &Instruments) -> Option<Record> {
        let source = instruments.source(record.source());
        let is_bar = source.is_some_and(|source| joins(record, source));
        let own = instruments.release(record).0;
        let before = self.last.replace((*record, is_bar));
        let is_together = is_bar && self.released.is_some_and(|released| own <= released);
        self.released = Some(self.released.map_or(own, |released| released.max(own)));
        let (mut before, was_bar) = before?;
        if was_bar && is_together {
            before.header.flags |= Flags::MORE;
        }
        Some(before)
    }

    /// The last record.
    #[must_use]
    pub fn finish(self) -> Option<Record> {
        self.last.map(|(record, _)| record)
    }
}

/// Keeps the records of a run that are wanted; the mark of a moment moves to the last of it that is kept.
pub fn retain_records(records: &mut Vec<Record>, mut wanted: impl FnMut(&Record) -> bool) {
    let mut kept: Option<usize> = None;
    let (mut write, mut is_open) = (0, false);
    for read in 0..records.len() {
        let record = records[read];
        let is_wanted = wanted(&record);
        if is_start(&record) || !is_open {
            // Another moment: what was kept of the one before keeps its mark only before a session that began within it.
            if let Some(last) = kept.take()
                && !(is_open && is_wanted)
            {
                records[last].header.flags &= !Flags::MORE;
            }
        }
        is_open = record.has(Flags::MORE);
        if is_wanted {
            kept = Some(write);
            records[write] = record;
            write += 1;
        }
    }
    if let Some(last) = kept.filter(|_| !is_open) {
        records[last].header.flags &= !Flags::MORE;
    }
    records.truncate(write);
}

#[cfg(test)]
mod tests;
