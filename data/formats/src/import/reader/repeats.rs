//! Rows that come more than once, as pages of a download that overlap do: known by what they are, and the same in all their numbers.

use crate::import::number::Number;
use crate::import::row::{NUMBERS_MAX, Row};
use std::collections::HashMap;
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_128;

/// Whether a row was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    New,
    Same,
    /// What is the same row by its time and number has other content.
    Other,
}

impl Again {
    pub(super) fn of(is_same: bool) -> Again {
        if is_same { Again::Same } else { Again::Other }
    }
}

/// The rows that were seen, where those of a file do not come in an order that tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats {
    is_on: bool,
    /// The last time, of a file in which times never go back: what comes again has the same time.
    now: Option<Ts>,
    seen: HashMap<u128, u128>,
}

impl Repeats {
    /// Remembers each row from here on, of a file that is in order those of one time.
    pub(in crate::import) fn remember(&mut self, is_in_order: bool) {
        self.is_on = true;
        self.now = is_in_order.then_some(Ts(i64::MIN));
    }

    /// Whether no row can be known from earlier.
    pub(in crate::import) fn is_idle(&self) -> bool {
        !self.is_on
    }

    pub(super) fn see(&mut self, ticker: usize, id: u64, ts: Ts, content: u128) -> Again {
        if !self.is_on {
            return Again::New;
        }
        if self.now.is_some_and(|now| now < ts) {
            self.now = Some(ts);
            self.seen.clear();
        }
        match self.seen.insert(key(ticker, id, ts), content) {
            None => Again::New,
            Some(there) => Again::of(there == content),
        }
    }
}

fn key(ticker: usize, id: u64, ts: Ts) -> u128 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&(ticker as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&id.to_le_bytes());
    bytes[16..].copy_from_slice(&ts.0.to_le_bytes());
    xxh3_128(&bytes)
}

/// What a row says beside its time and number.
pub(in crate::import) fn content_of(numbers: &[Number], side: u8) -> u128 {
    let mut bytes = [0; NUMBERS_MAX * 9 + 1];
    for (at, number) in numbers.iter().take(NUMBERS_MAX).enumerate() {
        bytes[at * 9..at * 9 + 8].copy_from_slice(&number.mantissa.to_le_bytes());
        bytes[at * 9 + 8] = number.decimals;
    }
    let end = numbers.len().min(NUMBERS_MAX) * 9;
    bytes[end] = side;
    xxh3_128(&bytes[..=end])
}

/// What a trade says beside its time and number.
pub(super) fn content_of_trade(row: &Row) -> u128 {
    content_of(&row.numbers[..2], row.side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_by_time_number_and_content() {
        let mut repeats = Repeats::default();
        let at = |repeats: &mut Repeats, ts, content| repeats.see(0, 7, Ts(ts), content);
        assert_eq!(at(&mut repeats, 1, 5), Again::New);
        assert_eq!(at(&mut repeats, 1, 5), Again::New);
        repeats.remember(false);
        assert_eq!(at(&mut repeats, 1, 5), Again::New);
        assert_eq!(at(&mut repeats, 2, 5), Again::New);
        assert_eq!(at(&mut repeats, 1, 5), Again::Same);
        assert_eq!(at(&mut repeats, 1, 6), Again::Other);
    }
}
