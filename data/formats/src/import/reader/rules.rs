//! What columns say of a row beside its numbers: whether it counts, and as what.

use super::values::small_text;
use super::{Reader, Wrong};
use crate::import::cells::Cells;
use crate::import::layout::Verdict;
use crate::import::row::Row;

impl Reader<'_> {
    /// What the columns that say what a row is say together.
    ///
    /// # Errors
    /// One of them says that it is none of the rows of the file.
    pub(super) fn verdict(&mut self, cells: &impl Cells) -> Result<Verdict, Wrong> {
        let mut all = Verdict::Counts;
        for rule in &self.layout.rules {
            match rule.of(&small_text(cells.cell(rule.at))) {
                Verdict::Counts => {}
                Verdict::Wrong(expected) => return Err(self.wrong(cells, rule.at, expected)),
                Verdict::Differs => self.words_differ = true,
                verdict => all = verdict,
            }
        }
        Ok(all)
    }

    /// A level that is deleted has the size zero.
    pub(super) fn check_deleted(
        &self,
        cells: &impl Cells,
        verdict: Verdict,
        row: &Row,
    ) -> Result<(), Wrong> {
        if verdict != Verdict::Deletes || row.numbers[1].mantissa == 0 {
            return Ok(());
        }
        let at = self.columns.numbers[1].unwrap_or_default();
        Err(self.wrong(cells, at, "0, of a level that is deleted"))
    }

    /// Whether a row is right and not kept: a bar that is not over, as captures keep none.
    pub(super) fn leaves_out(&mut self, verdict: Verdict) -> bool {
        let is_left_out = verdict == Verdict::NotClosed;
        if is_left_out {
            self.leave_out("bar that is not closed");
        }
        is_left_out
    }

    /// Counts a row that is right and not kept.
    pub(super) fn leave_out(&mut self, what: &str) {
        *self.not_kept.entry(what.to_owned()).or_default() += 1;
    }
}
