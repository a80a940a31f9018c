//! The cells of a row of columns whose types say what they are.

use super::{Kind, Quick, Words};
use crate::import::cells::{Cell, Cells};
use crate::import::number::{self, Number};
use crate::import::reader::Reader;
use crate::import::reader::columns::side_of;
use crate::import::reader::values::small_text;
use crate::import::row::Shape;
use crate::import::time::{Stamped, TimeFormat};
use tickloom_types::Flags;

impl Reader<'_> {
    /// As [`Reader::quick`], of a row of columns.
    #[inline]
    pub(in crate::import::reader) fn quick_cells(
        &mut self,
        quick: &mut Quick,
        line: u64,
        cells: &impl Cells,
    ) -> Option<()> {
        if self.has_to_look() {
            return None;
        }
        let mut close = None;
        let mut words = Words::default();
        for (column, kind) in &quick.columns {
            let cell = cells.cell(*column);
            match kind {
                Kind::Number(at) => {
                    let digits = &mut self.digits[usize::from(quick.shape.is_qty(*at))];
                    *self.current.numbers.get_mut(*at)? = number_of(cell, digits)?;
                }
                Kind::Time | Kind::Date => self.current.stamped = self.typed_time(cell)?,
                Kind::Arrival => self.current.arrival = Some(self.typed_time(cell)?.ts),
                Kind::Close => close = Some(self.typed_time(cell)?),
                Kind::Id | Kind::Sequence => {
                    let Cell::Whole(value) = cell else {
                        return None;
                    };
                    let place = match kind {
                        Kind::Id => &mut self.current.id,
                        _ => &mut self.current.sequence,
                    };
                    *place = u64::try_from(value).ok()?;
                }
                Kind::Ticker => words.ticker = Some(word_of(cell)?),
                Kind::Venue => words.venue = Some(word_of(cell)?),
                Kind::Apart => words.apart = Some(word_of(cell)?),
                Kind::Side(by) => {
                    let side = match cell {
                        Cell::Truth(true) => side_of(b"true", *by),
                        Cell::Truth(false) => side_of(b"false", *by),
                        cell => side_of(word_of(cell)?, *by),
                    };
                    self.current.side =
                        side.filter(|side| quick.shape != Shape::Levels || *side != 0)?;
                }
                Kind::Snapshot => {
                    self.current.flags = match cell {
                        Cell::Truth(true) => Flags::SNAPSHOT,
                        Cell::Truth(false) => 0,
                        _ => return None,
                    }
                }
                Kind::Rule(at) => {
                    let rule = quick.rules.get(*at)?;
                    rule.counts(&small_text(cell)).then_some(())?;
                }
                Kind::Other | Kind::TimeOfDay => return None,
            }
        }
        self.accept(quick, close, &words)?;
        self.current.line = line;
        if matches!(self.layout.time, TimeFormat::Epoch(_)) {
            self.unit_of(line, self.current.stamped.unit);
        }
        Some(())
    }

    /// The time of a cell whose column has a type that says it.
    #[inline]
    pub(super) fn typed_time(&self, cell: Cell<'_>) -> Option<Stamped> {
        let is_quick = match cell {
            Cell::Instant(..) | Cell::Local(..) | Cell::Date(_) => true,
            Cell::Whole(_) => {
                matches!(self.layout.time, TimeFormat::Epoch(_) | TimeFormat::Unit(_))
            }
            _ => false,
        };
        is_quick
            .then(|| self.layout.time.read(cell, &self.zone))
            .flatten()
    }
}

/// The number of a cell whose column has a type, without the noise that a float may have.
#[inline]
fn number_of(cell: Cell<'_>, digits: &mut u8) -> Option<Number> {
    match cell {
        Cell::Whole(mantissa) => {
            let decimals = 0;
            Some(Number { mantissa, decimals })
        }
        Cell::Float(value) => match number::of_float_like(value, digits) {
            Ok((number, false)) => Some(number),
            _ => None,
        },
        Cell::Decimal(mantissa, scale) => number::of_decimal(mantissa, scale).ok(),
        _ => None,
    }
}

/// The word that a cell is.
#[inline]
fn word_of(cell: Cell<'_>) -> Option<&[u8]> {
    match cell {
        Cell::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}
