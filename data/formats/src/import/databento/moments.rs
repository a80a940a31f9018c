//! The records of a venue's event, which are one moment: those of one instrument until the row that is its last.

use super::super::Push;
use crate::Result;
use tickloom_catalog::MOMENT_ROWS_MAX;
use tickloom_types::{Flags, Header, Kind, Record};

/// Records that are handed on at a time: few enough to stay near.
const BLOCK_RECORDS: usize = 1 << 8;

/// Records on their way out. Which of them are one moment is known of all but the last, which waits for the row that follows it.
pub(super) struct Moments {
    records: Vec<Record>,
    /// Records so far of the event that goes on; the last record is one of them. None if there is no such event.
    open: usize,
}

impl Moments {
    pub(super) fn new() -> Moments {
        Moments {
            records: Vec::with_capacity(2 * BLOCK_RECORDS),
            open: 0,
        }
    }

    /// Takes the records of a row; more of its event follow if `goes_on`. A row without records was refused: it may have been the last, so
    /// that what follows is of no event before it.
    pub(super) fn take(&mut self, row: &[Record], goes_on: bool) {
        let (Some(first), Some((last, before))) = (row.first(), row.split_last()) else {
            return self.end();
        };
        self.go_on(&first.header);
        let before = before.iter().map(|record| marked(*record, true));
        self.records.extend(before);
        self.records.push(marked(*last, goes_on));
        self.open = if goes_on { self.open + row.len() } else { 0 };
        if self.open >= MOMENT_ROWS_MAX {
            self.end();
        }
    }

    /// Takes the record that is all of a row.
    #[inline]
    pub(super) fn take_one(&mut self, record: Record, goes_on: bool) {
        self.go_on(&record.header);
        self.records.push(marked(record, goes_on));
        self.open = if goes_on { self.open + 1 } else { 0 };
        if self.open >= MOMENT_ROWS_MAX {
            self.end();
        }
    }

    /// Ends the event if a row that begins with this is not of it.
    #[inline]
    fn go_on(&mut self, first: &Header) {
        if self.open == 0 {
            return;
        }
        // Only changes of orders have all rows of an event: where some are left out its last may be, and time has to tell.
        let has_all = first.kind == Kind::OrderUpdate as u8;
        let is_one = |last: &Record| {
            let stamps = |of: &Header| (of.ts_event, of.ts_recv);
            last.header.instrument == first.instrument
                && (has_all || stamps(&last.header) == stamps(first))
        };
        if !self.records.last().is_some_and(is_one) {
            self.end();
        }
    }

    /// No more of the event follow.
    #[inline]
    fn end(&mut self) {
        if self.open > 0
            && let Some(last) = self.records.last_mut()
        {
            *last = marked(*last, false);
        }
        self.open = 0;
    }

    /// How many records more there is room for before they are handed on.
    pub(super) fn room(&self) -> usize {
        BLOCK_RECORDS.saturating_sub(self.records.len())
    }

    /// Hands on what is certain, once there is enough of it.
    #[inline]
    pub(super) fn hand_on(&mut self, push: Push<'_>) -> Result<()> {
        if self.records.len() < BLOCK_RECORDS {
            return Ok(());
        }
        let certain = self.records.len() - usize::from(self.open > 0);
        push(self.records.get(..certain).unwrap_or_default())?;
        self.records.drain(..certain);
        Ok(())
    }

    /// Hands on all that is left.
    pub(super) fn finish(mut self, push: Push<'_>) -> Result<()> {
        self.end();
        push(&self.records)
    }
}

#[inline]
fn marked(mut record: Record, has_more: bool) -> Record {
    let more = if has_more { Flags::MORE } else { 0 };
    record.header.flags = record.header.flags & !Flags::MORE | more;
    record
}
