//! Rows of a book that are one moment: those of one message of the venue.

use crate::Result;
use crate::import::layout::Layout;
use crate::import::prepared::Push;
use crate::import::row::{Row, Shape};
use tickloom_catalog::MOMENT_ROWS_MAX;
use tickloom_types::{Flags, Record, Ts, mark_moment};

/// What rows of one message have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Of {
    ticker: usize,
    times: Option<(Ts, Option<Ts>)>,
    is_snapshot: bool,
}

/// The rows of a message that is not over.
pub(super) struct Moment {
    shape: Shape,
    /// Whether rows say which of them are the last of a message.
    has_last: bool,
    of: Option<Of>,
    is_over: bool,
    records: Vec<Record>,
}

impl Moment {
    pub(super) fn of(layout: &Layout) -> Moment {
        Moment {
            shape: layout.shape,
            has_last: layout.is_databento() && layout.uses(crate::import::role::Role::Flags),
            of: None,
            is_over: true,
            records: Vec::new(),
        }
    }

    /// Takes the records of a row.
    pub(super) fn take(
        &mut self,
        row: &Row,
        records: &mut Vec<Record>,
        push: Push<'_>,
    ) -> Result<()> {
        // Only changes of orders have all rows of a message; where some are left out its last may be, and time has to tell.
        let has_all = self.has_last && self.shape == Shape::Orders;
        let of = Of {
            ticker: row.ticker,
            times: (!has_all).then_some((row.stamped.ts, row.arrival)),
            is_snapshot: self.shape == Shape::Levels && row.flags & Flags::SNAPSHOT != 0,
        };
        let goes_on = match (self.shape, self.has_last) {
            (_, true) => !self.is_over,
            (Shape::Levels | Shape::Orders, false) => true,
            // Each row has the whole book.
            _ => false,
        };
        if !goes_on || self.of != Some(of) || self.records.len() >= MOMENT_ROWS_MAX {
            self.end(push)?;
        }
        self.records.append(records);
        self.of = Some(of);
        self.is_over = row.flags & Flags::LAST != 0;
        Ok(())
    }

    /// No more of the message follow.
    pub(super) fn end(&mut self, push: Push<'_>) -> Result<()> {
        if let Some(last) = self.records.last_mut().filter(|_| !self.has_last) {
            last.header.flags |= Flags::LAST;
        }
        mark_moment(&mut self.records);
        push(&self.records)?;
        self.records.clear();
        Ok(())
    }
}
