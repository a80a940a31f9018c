//! Rows that are in a file again, as pages of a download that overlap have them: where times go back, and what follows is what was there.
//!
//! Of rows without numbers nobody knows whether they are the same trades: they are counted, and stay. A number of trades within one time, as
//! Databento's, is no more than a part of what a row is known by: rows that come again with it count once.

use crate::import::layout::Layout;
use crate::import::reader::{Reader, content_of};
use crate::import::row::Row;
use std::collections::{HashMap, VecDeque};
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_128;

/// Rows that are remembered at most; pages that overlap are beside each other.
const ROWS_MAX: usize = 1 << 19;

/// How often a row was there.
struct Seen {
    /// In which stretch, of an instrument, it was last.
    stretch: u32,
    /// How often it is in that.
    now: u32,
    /// How often it was in one of those before, at most.
    before: u32,
}

/// The last row of an instrument, and how often times went back before it.
#[derive(Clone, Copy, Default)]
struct OfTicker {
    last: Option<i64>,
    stretch: u32,
}

/// Rows of a file whose times go back.
#[derive(Default)]
pub(super) struct Overlaps {
    /// Whether the newest row is first: times go back where they go forward.
    is_newest_first: bool,
    rows_max: usize,
    of: Vec<OfTicker>,
    seen: HashMap<u128, Seen>,
    /// Those that are remembered, the oldest first.
    keys: VecDeque<u128>,
    /// Rows that may be there again.
    pub(super) count: u64,
    /// Line and time of the first.
    first: Option<(u64, Ts)>,
}

impl Overlaps {
    /// Of a file in this order; of about so many rows, or fewer, it is remembered what they say.
    pub(super) fn new(is_newest_first: bool, rows_max: usize) -> Overlaps {
        Overlaps {
            is_newest_first,
            rows_max: rows_max.min(ROWS_MAX),
            of: Vec::new(),
            seen: HashMap::new(),
            keys: VecDeque::new(),
            count: 0,
            first: None,
        }
    }

    /// Whether the current row is there already, which counts once; one that may be is counted and stays.
    pub(super) fn leave_out(&mut self, reader: &mut Reader<'_>, layout: &Layout) -> bool {
        let row = &reader.current;
        if row.id != 0 || !self.is_again(row) {
            return false;
        }
        // Several rows of one message have one number there.
        if row.sequence == 0 || !layout.is_databento() {
            self.count += 1;
            self.first.get_or_insert((row.line, row.stamped.ts));
            return false;
        }
        let place = format!(
            "{}, {} {}: row {} of {} is there already",
            reader.path().display(),
            layout.row_word(),
            row.line,
            row.sequence,
            row.stamped.ts
        );
        reader.problems.repeat(place);
        true
    }

    /// Whether a row says what one of an earlier stretch of its instrument says, which was not matched by another yet.
    fn is_again(&mut self, row: &Row) -> bool {
        let ts = row.stamped.ts;
        let place = match self.is_newest_first {
            true => ts.0.saturating_neg(),
            false => ts.0,
        };
        if self.of.len() <= row.ticker {
            self.of.resize(row.ticker + 1, OfTicker::default());
        }
        let Some(of) = self.of.get_mut(row.ticker) else {
            return false;
        };
        if of.last.replace(place).is_some_and(|last| last > place) {
            of.stretch = of.stretch.saturating_add(1);
        }
        let stretch = of.stretch;
        let key = key(row);
        if let Some(seen) = self.seen.get_mut(&key) {
            if seen.stretch != stretch {
                seen.before = seen.before.max(seen.now);
                (seen.stretch, seen.now) = (stretch, 0);
            }
            seen.now = seen.now.saturating_add(1);
            return seen.now <= seen.before;
        }
        self.keys.push_back(key);
        let seen = Seen {
            stretch,
            now: 1,
            before: 0,
        };
        self.seen.insert(key, seen);
        if self.keys.len() > self.rows_max
            && let Some(oldest) = self.keys.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
    }

    /// What is to be said of them.
    pub(super) fn text(&self, row_word: &str) -> Option<String> {
        let (line, ts) = self.first?;
        Some(format!(
            "{} rows without numbers that go back in time say what rows above them say at the same times, the first one in {row_word} {line} at {ts}: such \
             as pages of a download that overlap; they count twice if they are the same",
            self.count
        ))
    }
}

/// What a row is known by: all that it says.
fn key(row: &Row) -> u128 {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&(row.ticker as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&row.id.to_le_bytes());
    bytes[16..24].copy_from_slice(&row.sequence.to_le_bytes());
    bytes[24..32].copy_from_slice(&row.stamped.ts.0.to_le_bytes());
    bytes[32..].copy_from_slice(&content_of(&row.numbers, row.side).to_le_bytes());
    xxh3_128(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of rows of these times and prices are there again, as far as so many are remembered.
    fn again(rows: &[(i64, i64)], is_newest_first: bool, rows_max: usize) -> Vec<usize> {
        let mut overlaps = Overlaps::new(is_newest_first, rows_max);
        let is_again = |(ts, price): &(i64, i64)| {
            let mut row = Row::default();
            row.stamped.ts = Ts(*ts);
            row.numbers[0].mantissa = *price;
            overlaps.is_again(&row)
        };
        let all: Vec<bool> = rows.iter().map(is_again).collect();
        (0..all.len()).filter(|at| all[*at]).collect()
    }

    #[test]
    fn rows_of_a_page_that_goes_back_are_there_again() {
        let rows = [(1, 5), (2, 5), (3, 6), (2, 5), (3, 6), (4, 6)];
        assert_eq!(again(&rows, false, 9), [3, 4]);
        // What is the same twice within a page is so in the next one too.
        let rows = [
            (1, 5),
            (2, 5),
            (2, 5),
            (3, 1),
            (2, 5),
            (2, 5),
            (2, 5),
            (3, 1),
        ];
        assert_eq!(again(&rows, false, 9), [4, 5, 7]);
        let newest_first = [(4, 6), (3, 6), (2, 5), (3, 6), (2, 5), (1, 5)];
        assert_eq!(again(&newest_first, true, 9), [3, 4]);
        // Three pages of one row.
        assert_eq!(
            again(&[(2, 1), (1, 1), (2, 1), (1, 1), (2, 1)], false, 9),
            [2, 3, 4]
        );
    }

    #[test]
    fn other_rows_and_rows_in_order_are_not() {
        assert_eq!(
            again(&[(1, 5), (1, 5), (2, 5), (1, 6), (2, 7)], false, 9),
            [0_usize; 0]
        );
        assert_eq!(
            again(&[(1, 5), (2, 5), (3, 5), (1, 5), (3, 5)], false, 2),
            [4]
        );
    }
}
