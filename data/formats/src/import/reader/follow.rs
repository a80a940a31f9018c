//! What a row must be beside those above it: of the same header and exchange, and not there already.

use super::repeats::{Again, content_of, content_of_trade};
use super::{LastRow, Reader, Wrong};
use crate::import::cells::Cells;
use crate::import::row::{Row, Shape};
use crate::import::text::Fields;
use crate::{FormatError, Result};

/// Remarks that are said.
const REMARKS_MAX: u32 = 5;

impl Reader<'_> {
    /// Whether a wrong line is the header once more, as of files that were put together.
    ///
    /// # Errors
    /// It is another header, so that what is below it is not as above.
    pub(super) fn is_header(&mut self, number: u64, fields: &Fields) -> Result<bool> {
        let names = &self.layout.names;
        let named = fields.len().min(names.len());
        if (0..named).all(|at| fields.get(at) == names[at].as_bytes()) && named == names.len() {
            let note = "the header comes again, and is passed over".to_owned();
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            return Ok(true);
        }
        if self.open_line != Some(number) && is_remark(fields, names.len()) {
            let remark = String::from_utf8_lossy(fields.get(0)).into_owned();
            let note = format!("line {number} is a remark and passed over: {remark:?}");
            if !self.notes.contains(&note) && self.remarks < REMARKS_MAX {
                self.remarks += 1;
                self.notes.push(note);
            }
            return Ok(true);
        }
        let (time, _) = self.layout.time_columns();
        if self.layout.is_other_header(fields) {
            return Err(FormatError::Import {
                file: self.path.clone(),
                line: number,
                found: "another header".to_owned(),
                expected: format!(
                    "rows as above it, with {} in column {}",
                    names[time],
                    time + 1
                ),
            });
        }
        Ok(false)
    }

    /// Rows of one instrument are of one exchange, contract and the like, unless instruments are named by it.
    pub(super) fn check_apart(&mut self, cells: &impl Cells, ticker: usize) -> Result<(), Wrong> {
        let columns = &self.columns.apart;
        let Some(of) = self.tickers.get_mut(ticker).filter(|_| !columns.is_empty()) else {
            return Ok(());
        };
        if of.apart.is_empty() {
            of.apart = columns
                .iter()
                .map(|at| cells.text(*at).into_owned())
                .collect();
            return Ok(());
        }
        let mut all = columns.iter().zip(&of.apart);
        let Some((at, first)) = all.find(|(at, first)| cells.text(**at).as_ref() != **first) else {
            return Ok(());
        };
        let role = self.layout.role_apart(*at).name();
        let expected = format!(
            "{}, as above (--columns {role}={} names instruments by it, and {role}=- takes all for one)",
            String::from_utf8_lossy(first),
            self.layout.told_as(*at)
        );
        Err(self.wrong(cells, *at, &expected))
    }

    /// Whether the row is there already, with the same content; with other content it is wrong.
    pub(super) fn is_there(&mut self, cells: &impl Cells, row: &Row) -> Result<bool, Wrong> {
        let shape = self.layout.shape;
        let this = LastRow {
            ts: row.stamped.ts,
            numbers: row.numbers,
            side: row.side,
        };
        let ticker = &mut self.tickers[row.ticker];
        let last = ticker.last.replace(this);
        let last_trade = std::mem::replace(&mut ticker.last_trade, row.id);
        let again = match shape {
            Shape::Bars | Shape::BidAskBars => self.bar_again(row, last),
            Shape::Trades if row.id != 0 => self.trade_again(row, last, last_trade),
            _ => Again::New,
        };
        let at = match shape {
            Shape::Trades => self.columns.id.unwrap_or(self.columns.time),
            _ => self.columns.time,
        };
        match again {
            Again::New => Ok(false),
            Again::Same => {
                let place = format!(
                    "{}, {} {}: {} is {:?}, which is there already",
                    self.path.display(),
                    self.layout.row_word(),
                    row.line,
                    self.layout.names[at],
                    String::from_utf8_lossy(&cells.text(at))
                );
                self.problems.repeat(place);
                Ok(true)
            }
            Again::Other => {
                self.tickers[row.ticker].last = last;
                let expected = match shape {
                    Shape::Trades => "another trade: this one is there already".to_owned(),
                    _ => "another time: there is another bar of this one".to_owned(),
                };
                Err(self.wrong(cells, at, &expected))
            }
        }
    }

    fn bar_again(&mut self, row: &Row, last: Option<LastRow>) -> Again {
        let ts = row.stamped.ts;
        match last {
            Some(last) if last.ts == ts => Again::of(last.numbers == row.numbers),
            _ if self.repeats.is_idle() => Again::New,
            _ => {
                let content = content_of(&row.numbers, 0);
                self.repeats.see(row.ticker, 0, ts, content)
            }
        }
    }

    fn trade_again(&mut self, row: &Row, last: Option<LastRow>, last_trade: u64) -> Again {
        let ts = row.stamped.ts;
        if row.id < last_trade {
            self.times.ids_go_back = true;
        }
        match last {
            Some(last) if row.id == last_trade => {
                let is_same = last.numbers[..2] == row.numbers[..2];
                Again::of(last.ts == ts && is_same && last.side == row.side)
            }
            _ if self.repeats.is_idle() => Again::New,
            _ => {
                let content = content_of_trade(row);
                self.repeats.see(row.ticker, row.id, ts, content)
            }
        }
    }
}

/// Whether a line is words alone, such as `Downloaded from …` below a table.
fn is_remark(fields: &Fields, columns: usize) -> bool {
    let text = fields.get(0);
    let words = text.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let is_word = |word: &[u8]| word.iter().all(u8::is_ascii_alphabetic);
    let first: Vec<&[u8]> = words.take(3).collect();
    fields.len() == 1
        && columns > 2
        && first.len() == 3
        && first.iter().take(2).all(|word| is_word(word))
}
