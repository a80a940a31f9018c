//! Best bid and ask of DBN as quotes, and how many decimals prices need.

use super::fields::{Wrong, of_kind, size};
use super::raw::{Level, VenuesLevel};
use dbn::UNDEF_PRICE;
use tickloom_types::{Header, Kind, QuoteBody, Record};

/// A side without a price is empty, and has no size then.
pub(super) fn push_quote(
    level: &Level,
    sequence: u32,
    header: Header,
    records: &mut Vec<Record>,
) -> Result<(), Wrong> {
    let side = |field, price, theirs| {
        let qty = size(theirs)?;
        match (price, qty) {
            (UNDEF_PRICE, 0) => Ok((0, 0)),
            (UNDEF_PRICE, qty) => Err((field, qty.to_string(), "0, as there is no price")),
            (price, qty) => Ok((price, qty)),
        }
    };
    let (bid, bid_qty) = side("bid_sz", level.bid_px, level.bid_sz)?;
    let (ask, ask_qty) = side("ask_sz", level.ask_px, level.ask_sz)?;
    let body = QuoteBody {
        bid,
        bid_qty,
        ask,
        ask_qty,
        update_id: u64::from(sequence),
    };
    records.push(body.record(of_kind(header, Kind::Quote)));
    Ok(())
}

pub(super) fn pair(level: &VenuesLevel) -> Level {
    Level {
        bid_px: level.bid_px,
        ask_px: level.ask_px,
        bid_sz: level.bid_sz,
        ask_sz: level.ask_sz,
        bid_ct: 0,
        ask_ct: 0,
    }
}

/// Decimals that a price needs, which has nine, if they are more than these.
#[inline]
pub(super) fn decimals(price: i64, at_least: u8) -> u8 {
    let mut decimals = at_least;
    while decimals < 9 && !Steps::of(decimals).has(price) {
        decimals += 1;
    }
    decimals
}

/// Ten to the power of the decimals that a scale lacks to nine, in the form in which dividing by it costs a multiplication.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    twos: u32,
    /// What makes one of that power of five, modulo 2^64.
    inverse: u64,
    /// How often that power of five goes into 2^64.
    most: u64,
}

impl Steps {
    const ALL: [Steps; 10] = Steps::all();

    const fn all() -> [Steps; 10] {
        let mut all = [Steps {
            twos: 0,
            inverse: 1,
            most: u64::MAX,
        }; 10];
        let (mut at, mut twos, mut fives) = (1, 1, 1_u64);
        while at < all.len() {
            fives *= 5;
            // Newton's iteration: each round doubles the bits that are right, of which an odd number has three.
            let (mut inverse, mut round) = (fives, 0);
            while round < 5 {
                inverse = inverse.wrapping_mul(2_u64.wrapping_sub(fives.wrapping_mul(inverse)));
                round += 1;
            }
            all[at] = Steps {
                twos,
                inverse,
                most: u64::MAX / fives,
            };
            at += 1;
            twos += 1;
        }
        all
    }

    /// Of a scale.
    #[inline]
    pub(super) fn of(decimals: u8) -> Steps {
        Steps::ALL[usize::from(9 - decimals.min(9))]
    }

    /// Whether a number is so many steps.
    #[inline]
    pub(super) fn has(self, number: i64) -> bool {
        let number = number.unsigned_abs();
        let is_even = number.trailing_zeros() >= self.twos;
        is_even && (number >> self.twos).wrapping_mul(self.inverse) <= self.most
    }

    /// How many steps a number is, which is some.
    #[inline]
    pub(super) fn divide(self, number: i64) -> i64 {
        (number >> self.twos).wrapping_mul(self.inverse.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickloom_types::pow10;

    proptest! {
        #[test]
        fn steps_are_counted_as_division_does(number in any::<i64>(), lacking in 0..10_u8) {
            let steps = Steps::of(9 - lacking);
            let step = pow10(lacking);
            prop_assert_eq!(steps.has(number), number % step == 0);
            let whole = number / step * step;
            prop_assert!(steps.has(whole));
            prop_assert_eq!(steps.divide(whole), whole / step);
            let needed = (0..9).find(|d| whole % pow10(9 - d) == 0).unwrap_or(9);
            prop_assert_eq!(decimals(whole, 0), needed);
            prop_assert_eq!(decimals(whole, 4), needed.max(4));
        }
    }
}
