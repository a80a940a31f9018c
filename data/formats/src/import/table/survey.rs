//! What a first reading of a table finds out.

use super::totals::Totals;
use crate::import::layout::{Dialect, Layout};
use crate::import::number::Number;
use crate::import::options::ImportOptions;
use crate::import::reader::{ReadRows, Reader};
use crate::import::role::Role;
use crate::import::row::{Row, Shape, compare};
use std::cmp::Ordering;
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// Zones are quarters of an hour apart, so that no other time is a midnight anywhere.
const QUARTER_NS: i64 = 900 * NANOS_PER_SECOND;

/// What a first reading finds out of the rows that are right.
pub(super) struct Survey {
    pub(super) rows: u64,
    pub(super) first: Ts,
    pub(super) last: Ts,
    pub(super) has_sizes: bool,
    /// Line of the first row.
    pub(super) line: u64,
    /// Whether all times are at midnight where they are.
    are_midnights: bool,
    /// What quotes of one time say of each other, where they may be levels of a book.
    levels: Option<Levels>,
    /// What sizes of trades say of each other, where they may be totals.
    totals: Option<Totals>,
}

impl Survey {
    /// Of no rows yet.
    pub(super) fn new(layout: &Layout, options: &ImportOptions) -> Survey {
        let is_plain = matches!(layout.dialect, Dialect::Plain | Dialect::Tardis);
        let may_be_levels = is_plain && layout.shape == Shape::Quotes;
        Survey {
            rows: 0,
            first: Ts(i64::MAX),
            last: Ts(i64::MIN),
            has_sizes: false,
            line: 1,
            are_midnights: is_plain && !layout.shape.is_bars() && options.time_format.is_none(),
            levels: (may_be_levels && !options.mapping.is_none(Role::Level)).then(Levels::default),
            totals: Totals::of(layout, options),
        }
    }

    /// Takes in rows, which have no sizes beside bars.
    pub(super) fn note_all(&mut self, rows: &ReadRows, reader: &Reader<'_>) {
        if self.rows == 0 {
            self.line = rows.line;
        }
        self.rows += rows.ts.len() as u64;
        for ts in rows.ts.iter().min().into_iter().chain(rows.ts.iter().max()) {
            self.first = self.first.min(Ts(*ts));
            self.last = self.last.max(Ts(*ts));
        }
        self.are_midnights =
            self.are_midnights && rows.ts.iter().all(|ts| is_midnight(Ts(*ts), reader));
        if let Some(levels) = &mut self.levels {
            levels.note_all(rows);
        }
        if let Some(totals) = &mut self.totals {
            let decimals = reader.tickers.get(rows.ticker).map(|of| of.qty_decimals);
            totals.note_all(rows, decimals.unwrap_or_default());
        }
    }

    /// Takes in the current row.
    pub(super) fn note(&mut self, reader: &Reader<'_>) {
        let row = &reader.current;
        let ts = row.stamped.ts;
        if self.rows == 0 {
            self.line = row.line;
        }
        self.rows += 1;
        self.first = self.first.min(ts);
        self.last = self.last.max(ts);
        self.has_sizes |= row.numbers[4].mantissa > 0 || row.numbers[9].mantissa > 0;
        self.are_midnights = self.are_midnights && is_midnight(ts, reader);
        if let Some(levels) = &mut self.levels {
            levels.note(row);
        }
        if let Some(totals) = &mut self.totals {
            totals.note(row);
        }
    }

    /// What is wrong with rows that are something else than they were taken for, all of them together, and what was expected.
    pub(super) fn others(&self) -> Option<(&'static str, &'static str)> {
        if self.are_midnights && self.first < self.last {
            return Some((
                "times that are all at midnight, of days or of what happened then",
                "times of day too, perhaps in a column of their own (--columns time_of_day=…), or --time-format, which says that these are whole",
            ));
        }
        if self.totals.as_ref().is_some_and(Totals::are) {
            return Some((
                "sizes that never fall and grow from row to row: totals of all trades before, or the size of each",
                "--columns size=COLUMN of the sizes of trades, or of this one if it is that",
            ));
        }
        let are_levels = self
            .levels
            .as_ref()
            .is_some_and(|levels| levels.are(self.rows));
        are_levels.then_some((
            "quotes of one time of which each has a lower bid and a higher ask than the one above: levels of a book, or quotes",
            "--columns level=- if they are quotes; a book has a row for each level and side, or all levels in a row",
        ))
    }
}

fn is_midnight(ts: Ts, reader: &Reader<'_>) -> bool {
    ts.0 % QUARTER_NS == 0 && reader.is_midnight(ts)
}

/// Quotes that follow others of their time and instrument.
#[derive(Default)]
struct Levels {
    last: Option<(Ts, usize, Number, Number)>,
    /// How many have both sides further away than the one before, and how many not.
    outward: u64,
    other: u64,
}

impl Levels {
    fn note(&mut self, row: &Row) {
        let [bid, _, ask, ..] = row.numbers;
        let (ts, ticker) = (row.stamped.ts, row.ticker);
        let last = self.last.replace((ts, ticker, bid, ask));
        if let Some((_, _, last_bid, last_ask)) =
            last.filter(|last| (last.0, last.1) == (ts, ticker))
        {
            let is_outward = compare(bid, last_bid) == Ordering::Less
                && compare(ask, last_ask) == Ordering::Greater;
            self.count(is_outward);
        }
    }

    fn note_all(&mut self, rows: &ReadRows) {
        self.last = None;
        let [bids, _, asks, ..] = &rows.numbers;
        let quotes = rows.ts.iter().zip(bids.iter().zip(asks));
        let next = quotes.clone().skip(1);
        for ((ts, (bid, ask)), (next_ts, (next_bid, next_ask))) in quotes.zip(next) {
            if ts == next_ts {
                self.count(next_bid < bid && next_ask > ask);
            }
        }
    }

    fn count(&mut self, is_outward: bool) {
        self.outward += u64::from(is_outward);
        self.other += u64::from(!is_outward);
    }

    /// Whether so many rows are levels: at least one of four is further out than the one before, and next to none is nearer.
    fn are(&self, rows: u64) -> bool {
        self.outward >= 2 && self.other <= self.outward / 10 && self.outward * 4 >= rows
    }
}
