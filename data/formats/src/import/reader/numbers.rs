//! What the numbers of a row are.

use super::{Level, Reader, Wrong};
use crate::import::cells::{Cell, Cells};
use crate::import::layout::Dialect;
use crate::import::number::{self, Decimal, IsRounded, Number, is_in_doubt, is_missing};
use crate::import::row::{NUMBERS_MAX, Row, Shape};
use tickloom_types::PRICE_DECIMALS_MAX;

/// Databento's price where there is none.
const UNDEFINED_PRICE: &[u8] = b"9223372036854775807";

/// Numbers of a row of which the noise of a binary float was left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounded {
    pub(super) sizes: u64,
    pub(super) prices: u64,
}

impl Rounded {
    fn note(&mut self, is_qty: bool, is_rounded: IsRounded) {
        let count = if is_qty {
            &mut self.sizes
        } else {
            &mut self.prices
        };
        *count += u64::from(is_rounded);
    }
}

impl Reader<'_> {
    /// Reads the row's numbers, and says which of them were rounded.
    pub(super) fn numbers(&mut self, cells: &impl Cells, row: &mut Row) -> Result<Rounded, Wrong> {
        let mut all_rounded = Rounded::default();
        let shape = self.layout.shape;
        self.levels.clear();
        self.rounded_of_row = 0;
        for at in 0..shape.count() {
            let Some(column) = self.columns.numbers[at] else {
                continue;
            };
            if self.is_untold(at) {
                continue;
            }
            // Where there was no bid, or no ask, all five of its fields are empty.
            if shape == Shape::BidAskBars && self.is_empty_half(cells, at / 5) {
                continue;
            }
            if shape == Shape::Bars && at == 4 && is_none(cells.cell(column)) {
                self.unknown_volumes += 1;
                continue;
            }
            let is_qty = shape.is_qty(at);
            if is_none(cells.cell(column)) && self.is_side_away(cells, at) {
                continue;
            }
            let (mut number, rounded) = self.number(cells, column, is_qty)?;
            if is_qty && self.layout.is_signed {
                number.mantissa = number.mantissa.saturating_abs();
            }
            row.numbers[at] = number;
            all_rounded.note(is_qty, rounded);
        }
        for at in 0..self.layout.depth.len() {
            if shape != Shape::Depth {
                break;
            }
            let level = self.layout.depth[at];
            for (is_bid, price, qty) in [
                (true, level.bid, level.bid_qty),
                (false, level.ask, level.ask_qty),
            ] {
                let (price, rounded) = self.number_or_none(cells, price, false)?;
                all_rounded.note(false, rounded);
                let at = qty;
                let (qty, rounded) = self.number_or_none(cells, qty, true)?;
                all_rounded.note(true, rounded);
                if qty.mantissa < 0 {
                    return Err(self.wrong(cells, at, "zero or above"));
                }
                if qty.mantissa > 0 {
                    self.levels.push(Level { is_bid, price, qty });
                }
            }
        }
        Ok(all_rounded)
    }

    /// A number, or 0 where a level is not there.
    pub(super) fn number_or_none(
        &mut self,
        cells: &impl Cells,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        match is_none(cells.cell(column)) {
            true => Ok((Number::default(), false)),
            false => self.number(cells, column, is_qty),
        }
    }

    pub(super) fn number(
        &mut self,
        cells: &impl Cells,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        if self.layout.singles.contains(&column)
            && let Some(single) = single_of(cells.cell(column))
        {
            let number = number::of_single(single).map(|number| (number, false));
            return number.map_err(|e| self.wrong(cells, column, e));
        }
        if let Some(decimals) = self.options.round {
            return self.number_rounded(cells, column, is_qty, decimals);
        }
        let found = self.number_as_it_is(cells, column, is_qty);
        self.has_fine |= found
            .as_ref()
            .is_err_and(|(_, _, expected)| expected == number::TOO_FINE);
        found.map_err(
            |(field, value, expected)| match expected == number::TOO_FINE {
                true => (field, value, format!("{expected} (--round N rounds to N)")),
                false => (field, value, expected),
            },
        )
    }

    /// A number of at most so many decimals, as was told.
    fn number_rounded(
        &mut self,
        cells: &impl Cells,
        column: usize,
        is_qty: bool,
        decimals: u8,
    ) -> Result<(Number, bool), Wrong> {
        // Once: sizes are not rounded to nine decimals before.
        let is_denoised = is_qty && self.layout.is_databento();
        let mut was_zero = false;
        let found = match self.number_as_it_is(cells, column, is_denoised) {
            Ok((number, is_rounded)) => {
                was_zero = number.mantissa == 0;
                let (number, is_other) = number::round(number, decimals);
                (number, is_rounded || is_other)
            }
            Err((field, value, expected)) if expected == number::TOO_FINE => {
                let cell = cells.cell(column);
                let decimal = match cell {
                    Cell::Text(_) => self.layout.decimal,
                    _ => Decimal::Point,
                };
                let number = number::round_text(&cell.text(), decimal, decimals);
                (number.map_err(|e| (field, value, e.to_owned()))?, true)
            }
            Err(wrong) => return Err(wrong),
        };
        if is_qty && found.0.mantissa == 0 && !was_zero {
            let expected = format!("a size that is more than zero with {decimals} decimals");
            return Err(self.wrong(cells, column, &expected));
        }
        self.rounded_of_row += u64::from(found.1);
        Ok((found.0, false))
    }

    fn number_as_it_is(
        &mut self,
        cells: &impl Cells,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        let text = match cells.cell(column) {
            Cell::Text(text) => text,
            cell => {
                let number = self.typed_number(cell, is_qty);
                return number.map_err(|e| self.wrong(cells, column, e));
            }
        };
        let decimal = self.layout.decimal;
        if decimal == Decimal::Point
            && self.layout.dialect == Dialect::Plain
            && let Some(number) = Number::plain(text)
        {
            return Ok((number, false));
        }
        if let Dialect::Databento { is_nano } = self.layout.dialect {
            let is_none = text.is_empty() || is_nano && text == UNDEFINED_PRICE;
            if !self.layout.shape.is_bars() && is_none {
                return Ok((Number::default(), false));
            }
            if is_nano && !is_qty {
                let number = number::of_nanos(text);
                return number
                    .map(|number| (number, false))
                    .map_err(|e| self.wrong(cells, column, e));
            }
        }
        if self.layout.is_decimal_open && !self.is_in_doubt {
            self.is_in_doubt = is_in_doubt(text);
        }
        let parsed = if is_qty {
            number::parse_denoised(text, decimal)
        } else {
            number::parse_as(text, decimal).map(|number| (number, false))
        };
        parsed.map_err(|e| self.wrong(cells, column, e))
    }

    /// The number of a column that has a type.
    fn typed_number(
        &mut self,
        cell: Cell<'_>,
        is_qty: bool,
    ) -> Result<(Number, IsRounded), &'static str> {
        if let Dialect::Databento { is_nano } = self.layout.dialect {
            let is_undefined = is_nano && matches!(cell, Cell::Whole(i64::MAX));
            if !self.layout.shape.is_bars() && (cell.is_empty() || is_undefined) {
                return Ok((Number::default(), false));
            }
            if let Cell::Whole(mantissa) = cell
                && is_nano
                && !is_qty
            {
                let decimals = PRICE_DECIMALS_MAX;
                return Ok((Number { mantissa, decimals }.shortest(), false));
            }
        }
        match cell {
            Cell::Whole(mantissa) => Ok((
                Number {
                    mantissa,
                    decimals: 0,
                },
                false,
            )),
            Cell::Float(value) => {
                let digits = &mut self.digits[usize::from(is_qty)];
                number::of_float_like(value, digits)
            }
            Cell::Single(value) => number::of_single(value).map(|number| (number, false)),
            Cell::Decimal(mantissa, scale) => match number::of_decimal(mantissa, scale) {
                // As of a text: what is only noise of a size is left out.
                Err(_) if is_qty => number::parse_denoised(&cell.text(), Decimal::Point),
                exact => exact.map(|number| (number, false)),
            },
            _ => Err("a decimal number"),
        }
    }

    /// Whether a quote's number is of a side that is not there: without a price, and with a size that is not there or zero. Without a column of
    /// sizes a price that is missing may as well be as it was.
    fn is_side_away(&self, cells: &impl Cells, at: usize) -> bool {
        if self.layout.shape != Shape::Quotes || self.layout.is_databento() {
            return false;
        }
        let of = |at: usize| self.columns.numbers.get(at).copied().flatten();
        let (price, size) = (of(at / 2 * 2), of(at / 2 * 2 + 1));
        let has_price = price.is_some_and(|price| !is_none(cells.cell(price)));
        !has_price && size.is_some_and(|size| is_nothing(cells.cell(size)))
    }

    /// The numbers of a row as they are checked: a side of a quote that is not there is as the other. It has a size where its price is zero.
    pub(super) fn with_both_sides(&self, row: &Row) -> [Number; NUMBERS_MAX] {
        let mut numbers = row.numbers;
        if self.layout.shape != Shape::Quotes || self.layout.is_databento() {
            return numbers;
        }
        let is_away = |at: usize| {
            let has_size = self
                .columns
                .numbers
                .get(at + 1)
                .is_some_and(Option::is_some);
            let is_zero = row.numbers[at].mantissa == 0 && row.numbers[at + 1].mantissa == 0;
            is_zero && has_size
        };
        match [is_away(0), is_away(2)] {
            [true, false] => numbers[0] = numbers[2],
            [false, true] => numbers[2] = numbers[0],
            _ => {}
        }
        numbers
    }

    /// Counts the current row if it is a quote of which one side is not there.
    #[inline]
    pub(super) fn note_sides(&mut self) {
        if self.layout.shape == Shape::Quotes && self.current.has_quote() {
            let numbers = &self.current.numbers;
            let quote = [0, 1, 2, 3].map(|at: usize| numbers[at].mantissa);
            self.note_quote(quote);
        }
    }

    /// The same of rows, of which mostly none lacks a size.
    pub(super) fn note_quotes(&mut self, numbers: &[Vec<i64>], count: usize) {
        let sizes = numbers.iter().skip(1).step_by(2).take(2);
        let mut sizes = sizes.filter(|sizes| sizes.is_empty() || sizes.contains(&0));
        if sizes.next().is_none() {
            return;
        }
        let of = |at: usize, row: usize| numbers.get(at)?.get(row).copied();
        for row in 0..count {
            self.note_quote([0, 1, 2, 3].map(|at| of(at, row).unwrap_or_default()));
        }
    }

    /// Bid, its size, ask and its size: a side is not there without a size where the other has one, or with neither size nor price.
    #[inline]
    pub(super) fn note_quote(&mut self, [bid, bid_qty, ask, ask_qty]: [i64; 4]) {
        if bid_qty != 0 && ask_qty != 0 {
            return;
        }
        let sides = [(ask, ask_qty, bid_qty), (bid, bid_qty, ask_qty)];
        for (alone, (price, qty, other)) in sides.into_iter().enumerate() {
            self.one_sided[alone] += u64::from(qty == 0 && price == 0);
            self.sizeless[alone] += u64::from(qty == 0 && price != 0 && other != 0);
        }
    }

    /// Quotes that say only what is new, one side or the other, if most of these are: how many have a bid alone, and an ask alone.
    pub(in crate::import) fn changes_alone(&self, rows: u64) -> Option<String> {
        let [bids, asks] = self.one_sided;
        let is_most =
            (bids + asks).saturating_mul(2) > rows && bids.min(asks).saturating_mul(8) > rows;
        is_most.then(|| format!("{bids} quotes with a bid alone and {asks} with an ask alone: rows that say only what changed"))
    }

    pub(super) fn is_empty_half(&self, cells: &impl Cells, half: usize) -> bool {
        let columns = self.columns.numbers.chunks(5).nth(half);
        let mut columns = columns.unwrap_or_default().iter().flatten();
        columns.all(|column| cells.cell(*column).is_empty())
    }
}

/// Whether a cell says that there is nothing.
pub(in crate::import) fn is_none(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) => is_missing(text),
        cell => cell.is_empty(),
    }
}

/// Whether a cell says that there is nothing, or zero.
fn is_nothing(cell: Cell<'_>) -> bool {
    let is_zero = |text: &[u8]| {
        text.contains(&b'0') && text.iter().all(|byte| matches!(byte, b'0' | b'.' | b','))
    };
    is_none(cell) || is_zero(&cell.text())
}

/// The float of 32 bits that a cell is exactly, be it held in 64 or written out.
pub(in crate::import) fn single_of(cell: Cell<'_>) -> Option<f32> {
    let value = match cell {
        Cell::Float(value) => value,
        Cell::Whole(value) => value.to_string().parse().ok()?,
        Cell::Text(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is found out")]
    let single = value as f32;
    (value.is_finite() && f64::from(single).to_bits() == value.to_bits()).then_some(single)
}
