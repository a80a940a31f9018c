//! The records of a venue's event, which are one moment: those of one instrument until the row that is its last.

use super::super::Push;
use crate::Result;
use tickloom_catalog::MOMENT_ROWS_MAX;
use tickloom_types::{Header, Kind, Record, mark_moment};

/// The records of an event of one instrument until its last row: one moment.
#[derive(Default)]
pub(super) struct Event {
    records: Vec<Record>,
    goes_on: bool,
}

impl Event {
    /// Takes the records of a row; more of its event follow if `goes_on`. A row without records was refused: it may have been the last, so
    /// that what follows is of no event before it.
    pub(super) fn take(
        &mut self,
        row: &mut Vec<Record>,
        goes_on: bool,
        push: Push<'_>,
    ) -> Result<()> {
        let Some(first) = row.first() else {
            return self.end(push);
        };
        // Only changes of orders have all rows of an event: where some are left out its last may be, and time has to tell.
        let has_all = first.kind() == Some(Kind::OrderUpdate);
        let is_one = |last: &Record| {
            let (last, first) = (last.header, first.header);
            let stamps = |of: Header| (of.ts_event, of.ts_recv);
            last.instrument == first.instrument && (has_all || stamps(last) == stamps(first))
        };
        if !(self.goes_on && self.records.last().is_some_and(is_one)) {
            self.end(push)?;
        }
        self.records.append(row);
        self.goes_on = goes_on;
        if !goes_on || self.records.len() >= MOMENT_ROWS_MAX {
            self.end(push)?;
        }
        Ok(())
    }

    /// No more of the event follow.
    pub(super) fn end(&mut self, push: Push<'_>) -> Result<()> {
        self.goes_on = false;
        mark_moment(&mut self.records);
        self.records.drain(..).try_for_each(|record| push(&record))
    }
}
