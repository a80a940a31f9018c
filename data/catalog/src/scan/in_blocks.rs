//! Records of a scan, some at a time: what [`Scan`] gives one by one, without handing each through all that marks it.
//!
//! Rows go out where they were decoded if they are of one file and one run, and no moment is open whose end would have to be looked
//! for. All others come one by one, and are collected.

use super::Scan;
use crate::blocks::{RecordBlock, RecordBlocks};
use crate::merge::RunMerge;
use crate::order::RunRows;
use crate::{CatalogError, Result};
use std::ops::Range;
use tickloom_types::Flags;

/// Rows below which it is no gain to hand them out where they are.
const ROWS_MIN: usize = 16;

impl RecordBlocks for Scan {
    type Error = CatalogError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        if let Some(rows) = self.mark_in_hand()? {
            let run = self.merge.alone();
            let Some((coming, ..)) = run.map(RunMerge::in_hand).transpose()?.flatten() else {
                return Ok(None);
            };
            coming.take_to(rows.end);
            let (seqs, records) = coming.some(rows);
            return Ok(Some(RecordBlock { seqs, records }));
        }
        let mut collected = std::mem::take(&mut self.collected);
        let mut count = 0;
        collected.fill(|| {
            // Perhaps what follows can go out where it is.
            if count >= ROWS_MIN && self.has_in_hand() {
                return None;
            }
            count += 1;
            self.next()
        });
        self.collected = collected;
        self.collected.hand_out()
    }
}

impl Scan {
    /// Whether rows enough are in hand that [`Scan::mark_in_hand`] may hand out.
    fn has_in_hand(&mut self) -> bool {
        let run = self.merge.alone();
        run.is_some_and(|run| run.has_in_hand(ROWS_MIN))
    }

    /// Marks rows in hand that come next, all of one file, as they would be marked one by one. `None` if they have to come one by one.
    fn mark_in_hand(&mut self) -> Result<Option<Range<usize>>> {
        let Some(run) = self.merge.alone() else {
            return Ok(None);
        };
        if run.marking().has_next() {
            return Ok(None);
        }
        let waiting = self.joining.waiting();
        if let Some(row) = waiting.as_ref() {
            // A row that was read ahead comes first: it is still in hand, or comes alone.
            let key = row.placed.key;
            if !row.joins || row.has_more() || !run.give_back(key) {
                return Ok(None);
            }
            *waiting = None;
        }
        let Some((coming, marking, rows)) = run.in_hand()? else {
            return Ok(None);
        };
        let mut rows = coming.without_moments(rows);
        if rows.len() < ROWS_MIN {
            return Ok(None);
        }
        if coming.are_bars_apart(rows.clone()) {
            // Whether the moment of the last goes on the row after it says.
            return Ok(Some(rows.start..rows.end - 1));
        }
        let mut before: Option<i64> = None;
        for at in rows.clone() {
            let (own, joins) = coming.release(at);
            let release = marking.release(own);
            if joins && before == Some(release) {
                coming.some(at - 1..at).1[0].header.flags |= Flags::MORE;
            }
            if joins && at + 1 == rows.end {
                // Whether its moment goes on the row after it says.
                rows.end = at;
                break;
            }
            before = joins.then_some(release);
        }
        Ok(Some(rows))
    }
}
