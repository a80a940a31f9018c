//! What is worth knowing of the rows of a file.

use super::Reader;

impl Reader<'_> {
    /// What is worth knowing of the rows.
    pub(in crate::import) fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        if self.unknown_volumes > 0 {
            notes.push(format!(
                "{} rows without a volume: it is 0, unknown",
                self.unknown_volumes
            ));
        }
        if self.below_zero > 0 {
            notes.push(format!("{} rows with a price below zero", self.below_zero));
        }
        let [bids, asks] = [0, 1].map(|side: usize| self.one_sided[side] + self.sizeless[side]);
        if bids + asks > 0 {
            notes.push(format!(
                "{bids} quotes with a bid alone, {asks} with an ask alone: the other side is empty"
            ));
        }
        if self.noisy_prices > 0 {
            notes.push(format!(
                "{} prices are binary floats with the noise of a calculation, and are rounded to nine decimals by less than 1.5e-14 of themselves",
                self.noisy_prices
            ));
        }
        if let Some(decimals) = self.options.round {
            notes.push(format!(
                "{} prices and sizes are rounded to {decimals} decimals, as --round says",
                self.rounded_as_told
            ));
        }
        notes
    }

    /// Notes that the last line has no end.
    pub(super) fn note_open(&mut self, line: u64) {
        if self.open_line.replace(line).is_none() {
            let note = format!("the last line ({line}) has no line end: it may be cut");
            self.notes.push(note);
        }
    }
}
