//! What the fields of a row say.

use super::columns::{hash_of_text, letter, side_of};
use super::{Level, Reader, Wrong};
use crate::databento::flags_from_dbn;
use crate::import::Years;
use crate::import::layout::{Dialect, join_time};
use crate::import::number::{Decimal, Number, is_in_doubt, is_missing};
use crate::import::row::{NUMBERS_MAX, Row, Shape};
use crate::import::text::Fields;
use crate::import::time::{Stamped, TimeFormat, unit_name};
use tickloom_types::{Flags, Ts, pow10};

/// Databento's price where there is none.
const UNDEFINED_PRICE: &[u8] = b"9223372036854775807";
/// Changes of the unit of times that are said.
const CHANGES_MAX: usize = 10;

impl Reader<'_> {
    /// Reads the row's numbers, and says whether one of its sizes was rounded.
    pub(super) fn numbers(&mut self, fields: &Fields, row: &mut Row) -> Result<bool, Wrong> {
        let mut any_rounded = false;
        let shape = self.layout.shape;
        self.levels.clear();
        for at in 0..NUMBERS_MAX {
            let Some(column) = self.columns.numbers[at] else {
                continue;
            };
            let text = fields.get(column);
            // Where there was no bid, or no ask, all five of its fields are empty.
            if shape == Shape::BidAskBars && self.is_empty_half(fields, at / 5) {
                continue;
            }
            if shape == Shape::Bars && at == 4 && is_missing(text) {
                self.unknown_volumes += 1;
                continue;
            }
            let (number, rounded) = self.number(fields, column, shape.is_qty(at))?;
            row.numbers[at] = number;
            any_rounded |= rounded;
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
                let (price, _) = self.number_or_none(fields, price, false)?;
                let (qty, rounded) = self.number_or_none(fields, qty, true)?;
                any_rounded |= rounded;
                if qty.mantissa < 0 {
                    return Err(self.wrong(fields, level.bid_qty, "zero or above"));
                }
                if qty.mantissa > 0 {
                    self.levels.push(Level { is_bid, price, qty });
                }
            }
        }
        Ok(any_rounded)
    }

    /// A number, or 0 where a level is not there.
    pub(super) fn number_or_none(
        &mut self,
        fields: &Fields,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        match is_missing(fields.get(column)) {
            true => Ok((Number::default(), false)),
            false => self.number(fields, column, is_qty),
        }
    }

    pub(super) fn number(
        &mut self,
        fields: &Fields,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        let text = fields.get(column);
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
                let number = Number::of_nanos(text);
                return number
                    .map(|number| (number, false))
                    .map_err(|e| self.wrong(fields, column, e));
            }
        }
        if self.layout.is_decimal_open && !self.is_in_doubt {
            self.is_in_doubt = is_in_doubt(text);
        }
        let parsed = if is_qty {
            Number::parse_denoised(text, decimal)
        } else {
            Number::parse_as(text, decimal).map(|number| (number, false))
        };
        parsed.map_err(|e| self.wrong(fields, column, e))
    }

    pub(super) fn is_empty_half(&self, fields: &Fields, half: usize) -> bool {
        let columns = self.columns.numbers.chunks(5).nth(half);
        let mut columns = columns.unwrap_or_default().iter().flatten();
        columns.all(|column| fields.get(*column).is_empty())
    }

    /// When a bar closes, of one that says so: just after the last instant that it names.
    pub(super) fn close(&self, fields: &Fields, open: Ts) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.close_time else {
            return Ok(None);
        };
        let last = self.layout.time.parse(fields.get(at), &self.zone);
        let close = last.and_then(|last| {
            let unit = match &self.layout.time {
                TimeFormat::Pattern(_) => 0,
                _ => last.unit,
            };
            last.ts.0.checked_add(unit)
        });
        let close = close.filter(|close| *close > open.0).map(Ts);
        let expected = "a time after the bar's open";
        close
            .map(Some)
            .ok_or_else(|| self.wrong(fields, at, expected))
    }

    pub(super) fn time(&mut self, line: u64, fields: &Fields) -> Result<Stamped, Wrong> {
        let mut joined = std::mem::take(&mut self.joined);
        let (time, time_of_day) = (self.columns.time, self.columns.time_of_day);
        let text = join_time(fields, time, time_of_day, &mut joined);
        let format = &self.layout.time;
        let stamped = format.parse(text, &self.zone);
        let wrong = |expected: String| {
            let value = String::from_utf8_lossy(text).into_owned();
            let name = self.layout.names[self.columns.time].clone();
            (name, value, expected)
        };
        let stamped = stamped.ok_or_else(|| wrong(format!("a time, as {format}")));
        let (from, to) = self.years;
        let stamped = stamped.and_then(|stamped| {
            let is_plausible = (from..to).contains(&stamped.ts);
            is_plausible.then_some(stamped).ok_or_else(|| {
                let Years(first, last) = self.years_given;
                wrong(format!(
                    "a time in the years {first} to {last} (--years says others)"
                ))
            })
        });
        self.joined = joined;
        let stamped = stamped?;
        if matches!(self.layout.time, TimeFormat::Epoch(_)) {
            self.unit_of(line, stamped.unit);
        }
        Ok(stamped)
    }

    /// Notes where the unit of times changes.
    pub(super) fn unit_of(&mut self, line: u64, unit: i64) {
        let before = self.unit.replace(unit);
        if before.is_some_and(|before| before != unit) && self.notes.len() < CHANGES_MAX {
            let name = |unit: i64| {
                let decimals = [0, 3, 6, 9].into_iter().find(|d| pow10(*d) == unit);
                unit_name(decimals.unwrap_or_default())
            };
            self.notes.push(format!(
                "the unit of times changes at line {line}: {}, then {}",
                name(before.unwrap_or(unit)),
                name(unit)
            ));
        }
    }

    pub(super) fn arrival(&self, fields: &Fields) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.arrival else {
            return Ok(None);
        };
        let stamped = match &self.layout.time {
            // Times of two clocks may be written in two ways.
            TimeFormat::Pattern(_) | TimeFormat::DayMillis(_) => None,
            format => format.parse(fields.get(at), &self.zone),
        };
        let other = || {
            let format = TimeFormat::of(fields.get(at))?;
            format.parse(fields.get(at), &self.zone)
        };
        let (from, to) = self.years;
        let stamped = stamped.or_else(other).map(|stamped| stamped.ts);
        stamped
            .filter(|ts| (from..to).contains(ts))
            .map(Some)
            .ok_or_else(|| self.wrong(fields, at, "a time"))
    }

    pub(super) fn side(&self, fields: &Fields) -> Result<u8, Wrong> {
        let Some((at, is_of_maker)) = self.columns.side else {
            return Ok(0);
        };
        let shape = self.layout.shape;
        side_of(fields.get(at), is_of_maker)
            .filter(|side| shape != Shape::Levels || *side != 0)
            .ok_or_else(|| {
                let expected = match (is_of_maker, shape) {
                    (true, _) => "true or false",
                    (false, Shape::Levels) => "bid or ask",
                    (false, _) => "buy or sell",
                };
                self.wrong(fields, at, expected)
            })
    }

    /// The number of a trade or an order; a text that is none as its hash.
    pub(super) fn id(&self, fields: &Fields) -> Result<u64, Wrong> {
        let Some(at) = self.columns.id else {
            return Ok(0);
        };
        let text = fields.get(at);
        let digits = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        match digits {
            Some(id) => Ok(id),
            None if is_missing(text) => Ok(0),
            None if text.len() <= 128 && text.iter().any(u8::is_ascii_alphabetic) => {
                Ok(hash_of_text(text))
            }
            None => Err(self.wrong(fields, at, "a whole number, or a name")),
        }
    }

    pub(super) fn number_of(&self, fields: &Fields, column: Option<usize>) -> Result<u64, Wrong> {
        let Some(at) = column else {
            return Ok(0);
        };
        let text = std::str::from_utf8(fields.get(at)).unwrap_or("x");
        if text.is_empty() {
            return Ok(0);
        }
        text.parse()
            .map_err(|_| self.wrong(fields, at, "a whole number"))
    }

    pub(super) fn action(&self, fields: &Fields) -> Result<u8, Wrong> {
        let Some(at) = self.columns.action.filter(|_| self.layout.is_databento()) else {
            return Ok(0);
        };
        letter(fields.get(at), b"AMCRTFN")
            .ok_or_else(|| self.wrong(fields, at, "one of A, M, C, R, T, F, N"))
    }

    /// A trade of Databento's has a price and a size.
    pub(super) fn check_action(&self, fields: &Fields, row: &Row) -> Result<(), Wrong> {
        let price = match self.layout.shape {
            Shape::Quotes => 4,
            Shape::Depth | Shape::Orders => 0,
            _ => return Ok(()),
        };
        if row.action == b'T' && self.layout.is_databento() {
            let has_none = |at: &usize| row.numbers[*at].mantissa == 0;
            if let Some(at) = [price, price + 1].into_iter().find(has_none) {
                let at = self.columns.numbers[at].unwrap_or_default();
                return Err(self.wrong(fields, at, "that of a trade"));
            }
        }
        Ok(())
    }

    pub(super) fn flags(&self, fields: &Fields) -> Result<u8, Wrong> {
        if let Some(at) = self.columns.snapshot {
            return match fields.get(at).to_ascii_lowercase().as_slice() {
                b"true" | b"1" | b"t" => Ok(Flags::SNAPSHOT),
                b"false" | b"0" | b"f" => Ok(0),
                _ => Err(self.wrong(fields, at, "true or false")),
            };
        }
        let raw = self.number_of(fields, self.columns.flags)?;
        match (u8::try_from(raw), self.columns.flags) {
            (Ok(raw), _) => Ok(flags_from_dbn(raw)),
            (Err(_), at) => Err(self.wrong(fields, at.unwrap_or_default(), "0 to 255")),
        }
    }
}
