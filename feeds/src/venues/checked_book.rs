//! A book that is kept only to check it against the venue's checksum, and to drop what has left the venue's depth.
//!
//! Levels are kept as the venue wrote them, trailing zeros and all, because the checksums are made of the digits.

use super::batch::{Checksum, Number, WrittenLevel};
use flate2::Crc;
use std::collections::BTreeMap;
use tickloom_types::{Side, format_decimal};

/// Levels that Kraken's checksum is over, a side.
const KRAKEN_LEVELS: usize = 10;
/// Levels that OKX's checksum is over, a side.
const OKX_LEVELS: usize = 25;

impl Checksum {
    /// Whether it says something. Venues that make checksums no more go on sending 0.
    pub(super) fn is_told(self) -> bool {
        !matches!(self, Checksum::Kraken(0) | Checksum::Okx(0))
    }
}

/// How many numbers of these levels end in a zero behind the point.
pub(super) fn zeros(levels: &[WrittenLevel]) -> u64 {
    let numbers = levels.iter().flat_map(|level| [level.price, level.qty]);
    let has_zero = |number: &Number| number.decimals > 0 && number.mantissa % 10 == 0;
    numbers.filter(has_zero).count() as u64
}

/// Both sides by price mantissa, lowest first.
#[derive(Debug, Default)]
pub(super) struct CheckedBook {
    bids: BTreeMap<i64, (Number, Number)>,
    asks: BTreeMap<i64, (Number, Number)>,
}

impl CheckedBook {
    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Sets a level whose price has this mantissa at the instrument's scale.
    pub(super) fn set(&mut self, price: i64, level: &WrittenLevel) {
        let side = match level.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if level.qty.mantissa == 0 {
            side.remove(&price);
        } else {
            side.insert(price, (level.price, level.qty));
        }
    }

    /// Drops the levels beyond this depth, and says which they were.
    pub(super) fn cut(&mut self, depth: usize, mut on: impl FnMut(Side, i64)) {
        while self.bids.len() > depth
            && let Some((price, _)) = self.bids.pop_first()
        {
            on(Side::Buy, price);
        }
        while self.asks.len() > depth
            && let Some((price, _)) = self.asks.pop_last()
        {
            on(Side::Sell, price);
        }
    }

    /// Whether the book is what the venue says that it is.
    pub(super) fn is_right(&self, checksum: Checksum) -> bool {
        match checksum {
            Checksum::Kraken(told) => self.kraken() == told,
            Checksum::Okx(told) => self.okx().cast_signed() == told,
        }
    }

    /// Digits of price and size without point and leading zeros; asks from the lowest, then bids from the highest.
    fn kraken(&self) -> u32 {
        let mut crc = Crc::new();
        let asks = self.asks.values().take(KRAKEN_LEVELS);
        let bids = self.bids.values().rev().take(KRAKEN_LEVELS);
        for (price, qty) in asks.chain(bids) {
            crc.update(price.mantissa.to_string().as_bytes());
            crc.update(qty.mantissa.to_string().as_bytes());
        }
        crc.sum()
    }

    /// `price:size` of bid and ask in turns, with colons between all.
    fn okx(&self) -> u32 {
        let mut crc = Crc::new();
        let mut bids = self.bids.values().rev().take(OKX_LEVELS);
        let mut asks = self.asks.values().take(OKX_LEVELS);
        let mut is_first = true;
        loop {
            let pair = [bids.next(), asks.next()];
            if pair == [None, None] {
                return crc.sum();
            }
            for (price, qty) in pair.into_iter().flatten() {
                if !is_first {
                    crc.update(b":");
                }
                is_first = false;
                crc.update(as_written(*price).as_bytes());
                crc.update(b":");
                crc.update(as_written(*qty).as_bytes());
            }
        }
    }
}

/// The number with all its decimals.
fn as_written(number: Number) -> String {
    let short = format_decimal(i128::from(number.mantissa), number.decimals);
    let decimals = short
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let zeros = usize::from(number.decimals) - decimals;
    match (decimals, zeros) {
        (_, 0) => short,
        (0, zeros) => format!("{short}.{}", "0".repeat(zeros)),
        (_, zeros) => short + &"0".repeat(zeros),
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::number;
    use super::*;

    fn level(side: Side, price: &str, qty: &str) -> WrittenLevel {
        WrittenLevel {
            side,
            price: number::parse("price", price).unwrap(),
            qty: number::parse("size", qty).unwrap(),
        }
    }

    fn book() -> CheckedBook {
        let mut book = CheckedBook::default();
        let levels = [
            (Side::Buy, 336_610, "3366.10", "7.0"),
            (Side::Buy, 336_600, "3366.00", "6"),
            (Side::Sell, 336_680, "3366.80", "9"),
            (Side::Sell, 336_800, "3368.00", "8.50"),
        ];
        for (side, at, price, qty) in levels {
            book.set(at, &level(side, price, qty));
        }
        book
    }

    /// The texts were put together by hand after the venues' documents, their CRC32 by another implementation.
    #[test]
    fn checksums_are_over_the_digits_as_they_were_written() {
        assert_eq!(book().kraken(), 0x9654_aef6);
        assert_eq!(book().okx(), 0xd983_cbcd);
    }

    #[test]
    fn what_is_deeper_than_the_venue_keeps_is_dropped_from_the_far_end() {
        let mut book = book();
        let mut dropped = Vec::new();
        book.cut(1, |side, price| dropped.push((side, price)));
        assert_eq!(dropped, [(Side::Buy, 336_600), (Side::Sell, 336_800)]);
        book.set(336_610, &level(Side::Buy, "3366.10", "0.0"));
        assert!(book.bids.is_empty());
    }
}
