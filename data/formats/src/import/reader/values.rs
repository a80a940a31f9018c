//! What the fields of a row say.

use super::columns::{hash_of_text, letter, side_of};
use super::numbers::is_none;
use super::{Reader, Wrong};
use crate::databento::flags_from_dbn;
use crate::import::cells::{Cell, Cells, DAY_NS};
use crate::import::mapping::Years;
use crate::import::number::{Number, is_missing};
use crate::import::role::Role;
use crate::import::row::{Row, Shape};
use crate::import::time::{Stamped, TimeFormat, time_text, unit_name};
use std::borrow::Cow;
use tickloom_types::{Flags, NANOS_PER_SECOND, Ts, pow10};

/// Changes of the unit of times that are said.
const CHANGES_MAX: usize = 10;

/// A level of a book.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Level {
    pub(in crate::import) is_bid: bool,
    pub(in crate::import) price: Number,
    pub(in crate::import) qty: Number,
}

impl Reader<'_> {
    pub(super) fn wrong(&self, cells: &impl Cells, at: usize, expected: &str) -> Wrong {
        let value = String::from_utf8_lossy(&cells.text(at)).into_owned();
        let name = self.layout.names.get(at).cloned().unwrap_or_default();
        (name, value, expected.to_owned())
    }

    /// When a bar closes, of one that says so: just after the last instant that it names.
    pub(super) fn close(&self, cells: &impl Cells, open: Ts) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.close_time else {
            return Ok(None);
        };
        let last = self.read_time(cells.cell(at));
        let close = last.and_then(|last| self.close_after(open, last));
        close.map(Some).ok_or_else(|| {
            let found = self.not_once(cells.cell(at), None);
            let expected = found.filter(|_| last.is_none());
            let expected = expected.as_deref().unwrap_or("a time after the bar's open");
            self.wrong(cells, at, expected)
        })
    }

    /// The close of a bar by the last instant that it names; none that is not after its open.
    pub(super) fn close_after(&self, open: Ts, last: Stamped) -> Option<Ts> {
        let unit = match &self.layout.time {
            // A date is a day, which is over when the next begins.
            _ if last.is_date => DAY_NS,
            TimeFormat::Pattern(_) => 0,
            _ => last_unit(last),
        };
        let after = last.ts.0.checked_add(unit)?;
        let length = last.ts.0.checked_sub(open.0)?;
        let is_close = match unit {
            // The last second of a bar is one before a whole five of them, unless bars are shorter than that.
            NANOS_PER_SECOND => {
                let is_whole = |ts: i64| ts % (5 * NANOS_PER_SECOND) == 0;
                length > 0
                    && (is_whole(last.ts.0) || !is_whole(after) || length == NANOS_PER_SECOND)
            }
            // A bar is no second longer than a minute: such a time is the close itself.
            _ => is_size(length) && !is_size(after - open.0),
        };
        let close = if is_close { last.ts.0 } else { after };
        (close > open.0).then_some(Ts(close))
    }

    pub(super) fn time(&mut self, line: u64, cells: &impl Cells) -> Result<Stamped, Wrong> {
        let time = cells.cell(self.columns.time);
        let time_of_day = self.columns.time_of_day.map(|at| cells.cell(at));
        let padded = time_of_day.and_then(|cell| self.layout.clock_text(cell));
        let time_of_day = padded.as_deref().map(Cell::Text).or(time_of_day);
        let format = &self.layout.time;
        let stamped = format.read_joined(time, time_of_day, &self.zone, &mut self.joined);
        let wrong = |expected: String| {
            let value = String::from_utf8_lossy(&time_text(time, time_of_day)).into_owned();
            let name = self.layout.names[self.columns.time].clone();
            (name, value, expected)
        };
        let stamped = stamped.ok_or_else(|| {
            let found = self.not_once(time, time_of_day);
            wrong(found.unwrap_or_else(|| format!("a time, as {format}")))
        });
        let stamped = match self.columns.fractions.as_slice() {
            [] => stamped,
            fractions => stamped.and_then(|stamped| self.beyond(stamped, fractions, cells)),
        };
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
                "the unit of times changes at {} {line}: {}, then {}",
                self.layout.row_word(),
                name(before.unwrap_or(unit)),
                name(unit)
            ));
        }
    }

    pub(super) fn arrival(&self, cells: &impl Cells) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.arrival else {
            return Ok(None);
        };
        let stamped = self.read_time(cells.cell(at));
        let (from, to) = self.years;
        let stamped = stamped.map(|stamped| stamped.ts);
        stamped
            .filter(|ts| (from..to).contains(ts))
            .map(Some)
            .ok_or_else(|| {
                let found = self.not_once(cells.cell(at), None);
                self.wrong(cells, at, found.as_deref().unwrap_or("a time"))
            })
    }

    /// Reads a time of another column than that of the times: it may be written in another way.
    fn read_time(&self, cell: Cell<'_>) -> Option<Stamped> {
        let is_number_or_text =
            !matches!(cell, Cell::Instant(..) | Cell::Local(..) | Cell::Date(_));
        let stamped = match &self.layout.time {
            TimeFormat::Pattern(_) | TimeFormat::DayMillis(_) if is_number_or_text => None,
            format => format.read(cell, &self.zone),
        };
        stamped.or_else(|| TimeFormat::of(&cell.text())?.read(cell, &self.zone))
    }

    pub(super) fn side(&self, cells: &impl Cells) -> Result<u8, Wrong> {
        if let Some(carry) = &self.carry {
            return Ok(carry.side);
        }
        let Some((at, by)) = self.columns.side else {
            return Ok(0);
        };
        let shape = self.layout.shape;
        let side = side_of(&small_text(cells.cell(at)), by)
            .filter(|side| shape != Shape::Levels || *side != 0)
            .ok_or_else(|| {
                let expected = match (by, shape) {
                    (Role::BuyerMaker | Role::IsBuy | Role::IsSell, _) => "true or false",
                    (_, Shape::Levels) => "bid or ask",
                    _ => "buy or sell (--columns side=- leaves sides out)",
                };
                self.wrong(cells, at, expected)
            })?;
        match self.layout.sides.as_slice() {
            [] => Ok(side),
            beside => self.side_of_all(side, beside, at, cells),
        }
    }

    /// The side that several columns of a row say.
    fn side_of_all(
        &self,
        mut side: u8,
        beside: &[(usize, Role)],
        at: usize,
        cells: &impl Cells,
    ) -> Result<u8, Wrong> {
        for (other, by) in beside {
            let said = side_of(&small_text(cells.cell(*other)), *by).unwrap_or(0);
            if side == 0 {
                side = said;
            }
            if said != 0 && said != side {
                let name = |at: usize| self.layout.names[at].as_str();
                let expected = format!(
                    "the side that {:?} says (--columns {}={} takes this one alone)",
                    name(*other),
                    self.layout.roles[at].map_or("side", Role::name),
                    name(at)
                );
                return Err(self.wrong(cells, at, &expected));
            }
        }
        Ok(side)
    }

    /// The number of a trade or an order; a text that is none as its hash.
    pub(super) fn id(&self, cells: &impl Cells) -> Result<u64, Wrong> {
        let Some(at) = self.columns.id else {
            return Ok(0);
        };
        let cell = cells.cell(at);
        let text = match (whole(cell), cell) {
            (Some(id), _) => return Ok(id),
            (None, Cell::Text(text)) => text,
            (None, _) if is_none(cell) => return Ok(0),
            (None, _) => b"",
        };
        match text {
            _ if is_missing(text) && matches!(cell, Cell::Text(_)) => Ok(0),
            _ if is_rounded(text) => Err(self.wrong(cells, at, "all digits of a number")),
            _ if text.len() <= 128 && text.iter().any(u8::is_ascii_alphabetic) => {
                Ok(hash_of_text(text))
            }
            _ => Err(self.wrong(cells, at, "a whole number, or a name")),
        }
    }

    pub(super) fn number_of(
        &self,
        cells: &impl Cells,
        column: Option<usize>,
    ) -> Result<u64, Wrong> {
        let Some(at) = column else {
            return Ok(0);
        };
        let cell = cells.cell(at);
        if cell.is_empty() {
            return Ok(0);
        }
        whole(cell).ok_or_else(|| self.wrong(cells, at, "a whole number"))
    }

    pub(super) fn action(&self, cells: &impl Cells) -> Result<u8, Wrong> {
        if let Some(carry) = &self.carry {
            // What its flags say is known; that they say something is not.
            self.number_of(cells, self.columns.flags)?;
            return Ok(carry.action);
        }
        let Some(at) = self.columns.action.filter(|_| self.layout.is_databento()) else {
            return Ok(0);
        };
        letter(&cells.text(at), b"AMCRTFN")
            .ok_or_else(|| self.wrong(cells, at, "one of A, M, C, R, T, F, N"))
    }

    /// A trade of Databento's has a price and a size.
    pub(super) fn check_action(&self, cells: &impl Cells, row: &Row) -> Result<(), Wrong> {
        let price = match self.layout.shape {
            Shape::Quotes => 4,
            Shape::Depth | Shape::Orders => 0,
            _ => return Ok(()),
        };
        if row.action == b'T' && self.layout.is_databento() {
            let has_none = |at: &usize| row.numbers[*at].mantissa == 0;
            if let Some(at) = [price, price + 1].into_iter().find(has_none) {
                let at = self.columns.numbers[at].unwrap_or_default();
                return Err(self.wrong(cells, at, "that of a trade"));
            }
        }
        Ok(())
    }

    pub(super) fn flags(&self, cells: &impl Cells) -> Result<u8, Wrong> {
        if let Some(at) = self.columns.snapshot {
            return match small_text(cells.cell(at)).to_ascii_lowercase().as_slice() {
                b"true" | b"1" | b"t" => Ok(Flags::SNAPSHOT),
                b"false" | b"0" | b"f" => Ok(0),
                _ => Err(self.wrong(cells, at, "true or false")),
            };
        }
        if self.carry.is_some() {
            return Ok(0);
        }
        let raw = self.number_of(cells, self.columns.flags)?;
        match (u8::try_from(raw), self.columns.flags) {
            (Ok(raw), _) => Ok(flags_from_dbn(raw)),
            (Err(_), at) => Err(self.wrong(cells, at.unwrap_or_default(), "0 to 255")),
        }
    }
}

/// A whole number, not below zero. Numbers of which some are missing are floats in many files.
fn whole(cell: Cell<'_>) -> Option<u64> {
    match cell {
        Cell::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Cell::Whole(value) => u64::try_from(value).ok(),
        Cell::Decimal(value, 0) => u64::try_from(value).ok(),
        Cell::Float(_) | Cell::Single(_) => std::str::from_utf8(without_zero(&cell.text()))
            .ok()?
            .parse()
            .ok(),
        _ => None,
    }
}

/// The text of a cell that says one of few things; `1.0` is 1.
pub(super) fn small_text(cell: Cell<'_>) -> Cow<'_, [u8]> {
    match cell {
        cell if cell.is_empty() => Cow::Borrowed(b""),
        Cell::Float(_) | Cell::Single(_) => Cow::Owned(without_zero(&cell.text()).to_vec()),
        cell => cell.text(),
    }
}

fn without_zero(text: &[u8]) -> &[u8] {
    text.strip_suffix(b".0").unwrap_or(text)
}

/// Whether a text is a number as spreadsheets shorten it, `1.23457E+12`: what it was is lost.
fn is_rounded(text: &[u8]) -> bool {
    let is_digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let parts = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let Some((number, exponent)) = parts.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let digits = number.iter().filter(|byte| **byte != b'.').copied();
    matches!(exponent, [_, b'+', rest @ ..] if is_digits(rest))
        && is_digits(&digits.collect::<Vec<u8>>())
}

/// The unit in which a time is told: that of its digits, of one that is told in seconds and has a fraction.
fn last_unit(last: Stamped) -> i64 {
    if last.unit != NANOS_PER_SECOND {
        return last.unit;
    }
    let units = [NANOS_PER_SECOND, 1_000_000, 1_000];
    let fits = units.into_iter().find(|unit| last.ts.0 % unit == 0);
    fits.unwrap_or(1)
}

/// Whether bars have this length: days, or a part of a day.
fn is_size(length: i64) -> bool {
    length > 0 && (length % DAY_NS == 0 || DAY_NS % length == 0)
}
