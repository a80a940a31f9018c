//! What a user says of a file: which column holds what, how its times and numbers are written, and what of it may be refused. On the
//! command line, or in a profile.

use super::role::Role;
use crate::{FormatError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Which column holds what: by what it holds, its name or its number from one; `-` for what no column holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping(BTreeMap<String, String>);

impl Mapping {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &String)> {
        self.0.iter().map(|(role, column)| (role.as_str(), column))
    }

    /// What is said of it, by any of its names.
    fn told(&self, role: Role) -> Option<&str> {
        let mut all = self.iter();
        let told = all.find(|(name, _)| Role::named(name) == Some(role));
        told.map(|(_, column)| column.as_str())
    }

    /// Whether it is said which column holds it, or that none does.
    pub(super) fn has(&self, role: Role) -> bool {
        self.told(role).is_some()
    }

    /// Whether it is said that no column holds it.
    pub(super) fn is_none(&self, role: Role) -> bool {
        self.told(role) == Some("-")
    }

    /// What is said here, and for the rest there.
    pub(super) fn or(mut self, other: &Mapping) -> Mapping {
        for (name, column) in &other.0 {
            if !Role::named(name).is_some_and(|role| self.has(role)) {
                self.0.insert(name.clone(), column.clone());
            }
        }
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut told = Vec::new();
        for name in self.0.keys() {
            let role = Role::named(name).ok_or_else(|| wrong("columns", name, COLUMNS))?;
            if told.contains(&role) {
                return Err(wrong("columns", name, EACH_ONCE));
            }
            told.push(role);
        }
        Ok(())
    }
}

const EACH_ONCE: &str = "each once, by one of its names";
const COLUMNS: &str = "WHAT=COLUMN, WHAT being time, date, time_of_day, milliseconds, microseconds, nanoseconds, close_time, arrival, exchange, symbol, open, high, low, close, volume, bid, ask, bid_size, ask_size, bid_open, ..., ask_close, price, size, side, buyer_maker, id, snapshot, level, void, closed, action, order_id, sequence or flags";

impl FromStr for Mapping {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        for pair in text.split(',') {
            let (role, column) = pair
                .split_once('=')
                .ok_or_else(|| wrong("columns", pair, COLUMNS))?;
            let (role, column) = (role.trim().to_owned(), column.trim().to_owned());
            if mapping.0.insert(role.clone(), column).is_some() {
                return Err(wrong("columns", &role, EACH_ONCE));
            }
        }
        mapping.check()?;
        Ok(mapping)
    }
}

/// Rows of a file that may be refused; of more, the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedMax {
    /// Every row but one: whatever is right is kept.
    Any,
    /// So many.
    Rows(u64),
    /// So many of a million.
    Millionths(u64),
    /// The lesser of both.
    Lesser {
        /// So many rows.
        rows: u64,
        /// So many of a million.
        millionths: u64,
    },
    /// The greater of both, and never more than half of all.
    Greater {
        /// So many rows.
        rows: u64,
        /// So many of a million.
        millionths: u64,
    },
}

impl Default for RefusedMax {
    fn default() -> Self {
        RefusedMax::Lesser {
            rows: 100,
            millionths: 10_000,
        }
    }
}

impl RefusedMax {
    /// What holds for wrong lines of a recording of messages where nothing else is said: a line that was cut off is told in it by a status
    /// and makes books wait, and each connection may end with one, so that a hundred of them are none too many.
    pub const OF_CAPTURES: RefusedMax = RefusedMax::Greater {
        rows: 100,
        millionths: 10_000,
    };

    /// How many rows of so many may be refused.
    #[must_use]
    pub fn of(self, lines: u64) -> u64 {
        let part = |millionths: u64| {
            let rows = u128::from(lines) * u128::from(millionths) / 1_000_000;
            u64::try_from(rows).unwrap_or(u64::MAX)
        };
        match self {
            RefusedMax::Any => u64::MAX,
            RefusedMax::Rows(rows) => rows,
            RefusedMax::Millionths(millionths) => part(millionths),
            RefusedMax::Lesser { rows, millionths } => rows.min(part(millionths)),
            RefusedMax::Greater { rows, millionths } => rows.max(part(millionths)).min(lines / 2),
        }
    }
}

impl fmt::Display for RefusedMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |millionths: u64| {
            let text = tickloom_types::format_decimal(i128::from(millionths), 4);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        match self {
            RefusedMax::Any => f.write_str("100%"),
            RefusedMax::Rows(rows) => write!(f, "{rows}"),
            RefusedMax::Millionths(millionths) => write!(f, "{}%", percent(*millionths)),
            RefusedMax::Lesser { rows, millionths } | RefusedMax::Greater { rows, millionths } => {
                write!(f, "{rows} or {}%", percent(*millionths))
            }
        }
    }
}

impl FromStr for RefusedMax {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<RefusedMax> {
        let expected = "a number of rows, or a part of them such as 5%";
        let error = || wrong("refused-max", text, expected);
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(RefusedMax::Rows).map_err(|_| error());
        };
        let percent = tickloom_types::parse_decimal(percent.as_bytes(), 4).map_err(|_| error())?;
        match u64::try_from(percent) {
            Ok(1_000_000) => Ok(RefusedMax::Any),
            Ok(millionths @ 0..1_000_000) => Ok(RefusedMax::Millionths(millionths)),
            _ => Err(error()),
        }
    }
}

/// Years in which a time is plausible, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Years(pub u16, pub u16);

impl Default for Years {
    fn default() -> Self {
        Years(1900, 2200)
    }
}

impl Years {
    /// Whether these are the usual ones.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Years::default()
    }
}

impl fmt::Display for Years {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, self.1)
    }
}

impl FromStr for Years {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Years> {
        let years = text
            .split_once("..")
            .and_then(|(first, last)| Some(Years(first.parse().ok()?, last.parse().ok()?)));
        years
            .filter(|Years(first, last)| {
                (1678..=2261).contains(first) && first <= last && *last <= 2261
            })
            .ok_or_else(|| {
                wrong(
                    "years",
                    text,
                    "FIRST..LAST from 1678 to 2261, such as 1900..2200",
                )
            })
    }
}

pub(super) fn wrong(field: &'static str, value: &str, expected: &'static str) -> FormatError {
    FormatError::Option {
        field,
        value: value.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_told_by_any_of_its_names_once() {
        let of = |text: &str| text.parse::<Mapping>();
        let told = of("ticker=-,amount=x").unwrap();
        assert!(told.is_none(Role::Ticker) && told.has(Role::Ticker));
        assert!(told.has(Role::Qty) && !told.is_none(Role::Qty));
        assert!(!told.has(Role::Venue) && !told.is_none(Role::Venue));
        for twice in ["size=a,volume=b", "ts_event=a,time=b", "bid=a,bid=b"] {
            let error = of(twice).unwrap_err().to_string();
            assert!(error.contains("each once, by one of its names"), "{error}");
        }
        // What is said last goes before what a profile says, also by another name.
        let both = of("amount=x").unwrap().or(&of("volume=y,bid=z").unwrap());
        assert_eq!(both, of("amount=x,bid=z").unwrap());
    }

    #[test]
    fn so_many_rows_may_be_refused() {
        let check = |text: &str, lines: u64, expected: u64| {
            let most: RefusedMax = text.parse().unwrap();
            assert_eq!(
                (most.of(lines), most.to_string()),
                (expected, text.to_owned())
            );
        };
        check("0", 10, 0);
        check("5", 10, 5);
        check("2.5%", 1_000, 25);
        check("100%", 10, u64::MAX);
        let usual = RefusedMax::default();
        assert_eq!(
            [99, 100, 5_000, 10_000_000].map(|lines| usual.of(lines)),
            [0, 1, 50, 100]
        );
        assert_eq!(usual.to_string(), "100 or 1%");
        for wrong in ["", "-1", "x", "101%", "1.00001%"] {
            assert!(wrong.parse::<RefusedMax>().is_err(), "{wrong}");
        }
    }
}
