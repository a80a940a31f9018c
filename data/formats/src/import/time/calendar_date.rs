//! Dates: in numbers with the year first, the day first or the month first, and with names of months.

use jiff::civil::Date;
use std::fmt;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Years of dates that are digits alone: nobody has prices of others.
const YEARS: std::ops::Range<u32> = 1900..2200;
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Which comes first in dates that end with the year. All other dates are read the same in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::enum_variant_names,
    reason = "that is what these orders are called"
)]
pub(crate) enum DateOrder {
    /// No date ends with the year, or its month has a name.
    YearFirst,
    DayFirst,
    MonthFirst,
}

impl fmt::Display for DateOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DateOrder::YearFirst => "year-first",
            DateOrder::DayFirst => "day-first",
            DateOrder::MonthFirst => "month-first",
        })
    }
}

/// A date of two numbers and a year at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parted {
    pub(crate) first: u32,
    pub(crate) second: u32,
    pub(crate) year: u32,
    pub(crate) separator: u8,
}

impl Parted {
    /// The date if it is read in this order.
    pub(crate) fn date(self, order: DateOrder) -> Option<Date> {
        match order {
            DateOrder::YearFirst => None,
            DateOrder::DayFirst => new(self.year, self.second, self.first),
            DateOrder::MonthFirst => new(self.year, self.first, self.second),
        }
    }
}

/// The parts of a date whose year is at its end.
pub(crate) fn parted(text: &[u8]) -> Option<(Parted, &[u8])> {
    if text.get(..3)?.iter().all(u8::is_ascii_digit) {
        return parted_digits(text);
    }
    let (first, rest) = one_or_two(text)?;
    let (separator, rest) = separator(rest)?;
    let (second, rest) = one_or_two(rest)?;
    let rest = rest.strip_prefix(&[separator])?;
    let (year, rest) = year(rest)?;
    let parts = Parted {
        first,
        second,
        year,
        separator,
    };
    Some((parts, rest))
}

/// The same of digits without any sign between, `13012024` or `130120240930`, of a number perhaps without the zero before them.
fn parted_digits(text: &[u8]) -> Option<(Parted, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let first_len = match count {
        7 | 11 => 1,
        8 | 12 | 14 | 17 => 2,
        _ => return None,
    };
    let (first, rest) = digits(text, first_len)?;
    let (second, rest) = digits(rest, 2)?;
    let (year, rest) = digits(rest, 4)?;
    let parts = Parted {
        first,
        second,
        year,
        separator: b' ',
    };
    let mut dates = [DateOrder::DayFirst, DateOrder::MonthFirst].into_iter();
    let is_date = YEARS.contains(&year) && dates.any(|order| parts.date(order).is_some());
    is_date.then_some((parts, rest))
}

/// Whether a text is nothing but digits that are a date with its year at its end, and perhaps a time of day.
pub(crate) fn is_date_in_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit) && parted(text).is_some()
}

/// A date, and what follows it.
pub(super) fn date(text: &[u8], order: DateOrder) -> Option<(Date, &[u8])> {
    let parts = || parted(text).filter(|_| order != DateOrder::YearFirst);
    if let Some((year, rest)) = digits(text, 4) {
        return after_year(year, rest)
            .or_else(|| parts().and_then(|(parts, rest)| Some((parts.date(order)?, rest))));
    }
    if let Some((parts, rest)) = parts() {
        return Some((parts.date(order)?, rest));
    }
    named(text)
}

/// `2024-08-09`, `2024/8/9`, `2024.08.09`, `2024-Aug-09` or `20240809`.
fn after_year(year: u32, rest: &[u8]) -> Option<(Date, &[u8])> {
    let Some((separator, rest)) = separator(rest) else {
        let (month, rest) = digits(rest, 2)?;
        let (day, rest) = digits(rest, 2)?;
        return Some((new(year, month, day)?, rest));
    };
    let (month, rest) = one_or_two(rest).or_else(|| month(rest))?;
    let rest = rest.strip_prefix(&[separator])?;
    let (day, rest) = one_or_two(rest)?;
    Some((new(year, month, day)?, rest))
}

/// `2 Jan 2024`, `02-January-2024`, `Jan 2, 2024`, perhaps after a day of the week.
fn named(text: &[u8]) -> Option<(Date, &[u8])> {
    let text = weekday(text);
    if let Some((day, rest)) = one_or_two(text) {
        let (month, rest) = month(between(rest))?;
        let (year, rest) = year(between(rest))?;
        return Some((new(year, month, day)?, rest));
    }
    let (month, rest) = month(text)?;
    let (day, rest) = one_or_two(between(rest))?;
    let (year, rest) = year(between(rest))?;
    Some((new(year, month, day)?, rest))
}

/// What follows the name of a day of the week, if one is there.
fn weekday(text: &[u8]) -> &[u8] {
    let letters = letters(text);
    if is_short_for(letters, &WEEKDAYS).is_some() {
        between(&text[letters.len()..])
    } else {
        text
    }
}

/// Whether letters are the name of a month, or begin one.
pub(crate) fn is_month(letters: &[u8]) -> bool {
    is_short_for(letters, &MONTHS).is_some()
}

fn month(text: &[u8]) -> Option<(u32, &[u8])> {
    let letters = letters(text);
    let at = is_short_for(letters, &MONTHS)?;
    let rest = &text[letters.len()..];
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    Some((u32::try_from(at + 1).ok()?, rest))
}

/// Which of the names begins with these letters, of which there are three or more.
fn is_short_for(letters: &[u8], names: &[&str]) -> Option<usize> {
    let is_this = |name: &&str| {
        let start = name.as_bytes().get(..letters.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(letters))
    };
    (letters.len() >= 3).then_some(())?;
    names.iter().position(is_this)
}

fn letters(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    &text[..len]
}

/// What follows the signs between two parts of a date.
fn between(text: &[u8]) -> &[u8] {
    let signs = text.iter().take_while(|b| b" -/,.".contains(b)).count();
    &text[signs..]
}

fn separator(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [sign @ (b'-' | b'/' | b'.'), rest @ ..] => Some((*sign, rest)),
        _ => None,
    }
}

/// Four digits, and no more of them.
fn year(text: &[u8]) -> Option<(u32, &[u8])> {
    let (year, rest) = digits(text, 4)?;
    (!rest.first().is_some_and(u8::is_ascii_digit)).then_some((year, rest))
}

fn one_or_two(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    match count {
        1 | 2 => digits(text, count),
        _ => None,
    }
}

/// Exactly `count` digits.
pub(super) fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for digit in number {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(digit - b'0');
    }
    Some((value, rest))
}

fn new(year: u32, month: u32, day: u32) -> Option<Date> {
    let date = Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    date.ok()
}

/// A date of eight digits.
pub(crate) fn plain_date(text: &str) -> Option<Date> {
    match date(text.as_bytes(), DateOrder::YearFirst)? {
        (date, []) if text.len() == 8 => Some(date),
        _ => None,
    }
}
