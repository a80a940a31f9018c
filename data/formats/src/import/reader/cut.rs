//! A last line without an end may have been cut in the middle of its last field: `12.3` of `12.34` is a number too.

use super::{Reader, Wrong};
use crate::Result;
use crate::import::cells::Cells;
use crate::import::number::{Decimal, is_missing};
use crate::import::role::Role;
use crate::import::text::{Cutter, Fields};

/// Other rows that have to be alike for one to be unlike them.
const ALIKE_MIN: u64 = 5;

/// What of a field would be less if it was cut.
#[derive(Clone, Copy)]
enum Measure {
    /// Digits behind the decimal sign, and whether there is anything.
    Decimals(u8),
    /// Letters and digits.
    Length,
    /// Others that it is the beginning of.
    Word,
}

impl Measure {
    fn of(self, field: &[u8]) -> usize {
        match self {
            _ if is_missing(field) => 0,
            Measure::Decimals(sign) => {
                let at = field.iter().position(|b| *b == sign);
                1 + at.map_or(0, |at| field.len() - at - 1)
            }
            Measure::Length | Measure::Word => field.len(),
        }
    }

    /// What a cut field is refused for.
    fn expected(self, measure: usize) -> String {
        let what = match self {
            Measure::Decimals(_) if measure == 1 => "a value, as in all rows above".to_owned(),
            Measure::Decimals(_) => format!("{} decimals, as in all rows above", measure - 1),
            Measure::Length => format!("{measure} letters, as in all rows above"),
            Measure::Word => "a name of the rows above, of which it is the beginning".to_owned(),
        };
        format!("{what}: the last line may be cut (one that is whole has a line end)")
    }
}

impl Reader<'_> {
    /// Whether a row has all its fields, as far as it says.
    pub(super) fn check_whole(&self, line: u64, cells: &impl Cells) -> Result<(), Wrong> {
        let columns = self.layout.names.len();
        if cells.len() != columns {
            let value = cells.len().to_string();
            return Err(("number of fields".to_owned(), value, columns.to_string()));
        }
        match self.open_line == Some(line) {
            true => self.check_cut(line, cells),
            false => Ok(()),
        }
    }

    /// Refuses the last row if its last field is less than all others in that column are.
    fn check_cut(&self, line: u64, cells: &impl Cells) -> Result<(), Wrong> {
        let Some(at) = self.layout.names.len().checked_sub(1) else {
            return Ok(());
        };
        let role = self.layout.roles.get(at).copied().flatten();
        let measure = match role.filter(|_| self.layout.is_read(at)) {
            None => return Ok(()),
            Some(role) if role.is_number() => Measure::Decimals(match self.layout.decimal {
                Decimal::Point => b'.',
                Decimal::Comma => b',',
            }),
            Some(Role::Time | Role::Date | Role::TimeOfDay | Role::CloseTime | Role::Arrival) => {
                Measure::Length
            }
            Some(Role::Ticker | Role::Venue) => Measure::Word,
            Some(_) => return Ok(()),
        };
        let field = cells.text(at);
        // A word such as null is whole.
        if field.len() > 1 && is_missing(&field) {
            return Ok(());
        }
        match self.others(line, at, measure, &field) {
            Ok(None) => Ok(()),
            Ok(Some(usual)) => Err(self.wrong(cells, at, &measure.expected(usual))),
            Err(error) => {
                let expected = format!("the rows above it once more, but: {error}");
                Err(self.wrong(cells, at, &expected))
            }
        }
    }

    /// How much all other rows have in this column, if it is the same and more than this field has; looked at no further than needed.
    fn others(
        &self,
        line: u64,
        at: usize,
        measure: Measure,
        field: &[u8],
    ) -> Result<Option<usize>> {
        let own = measure.of(field);
        let mut cutter = Cutter::new(self.input.path(), self.input.open()?, self.layout.delimiter);
        for _ in 0..self.layout.skip {
            cutter.next()?;
        }
        let (mut alike, mut usual) = (0, None);
        while let Some(number) = cutter.next()? {
            let is_other = |fields: &Fields| fields.len() != self.layout.names.len();
            if number == line || is_other(&cutter.fields) {
                continue;
            }
            let other = cutter.fields.get(at);
            let of_other = measure.of(other);
            match measure {
                Measure::Word if other == field => return Ok(None),
                Measure::Word if !other.starts_with(field) => continue,
                Measure::Word => alike = ALIKE_MIN,
                // Where nothing is, any value is more.
                _ if own == 0 && of_other > 0 => alike += 1,
                _ if of_other <= own || usual.is_some_and(|usual| usual != of_other) => {
                    return Ok(None);
                }
                _ => alike += 1,
            }
            usual = Some(if own == 0 { 1 } else { of_other });
        }
        Ok(usual.filter(|_| alike >= ALIKE_MIN))
    }
}
