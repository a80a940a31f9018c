//! Exact arithmetic of one trade: its money, its fee, and how much a given cash pays for.
//!
//! Everything is `i128` at 18 decimals and checked: `None` is "does not fit", never a wrap and never a rounding in between.

use crate::trade_config::FeeRate;
use tickloom_types::{InstrumentDef, pow10};

/// 1e-9 of money at 18 decimals.
pub(crate) const NANO: i128 = 1_000_000_000;

/// The numbers of an instrument that turn price and size mantissas into money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Scale {
    /// Money at 18 decimals of one price mantissa times one size mantissa.
    pub(crate) unit: i128,
    /// Money per unit of price times size, as a mantissa.
    multiplier: u64,
    /// One unit of price times one unit of size times a multiplier of one, in mantissas.
    one: u64,
    /// Smallest price step.
    pub(crate) tick: i64,
    /// Smallest size step.
    pub(crate) lot: i64,
    /// Smallest size step in whole units: a multiple of the lot and of one.
    pub(crate) whole_lot: Option<i64>,
}

impl Scale {
    pub(crate) fn new(def: &InstrumentDef) -> Scale {
        let whole = pow10(def.qty_decimals);
        let common = gcd(whole, def.lot_size);
        Scale {
            unit: def.money_unit(),
            multiplier: def.multiplier.unsigned_abs(),
            one: pow10(def.price_decimals + def.qty_decimals + def.multiplier_decimals)
                .unsigned_abs(),
            tick: def.tick_size,
            lot: def.lot_size,
            whole_lot: (whole / common).checked_mul(def.lot_size),
        }
    }

    /// Price times size as money; of the price's sign for a positive size.
    #[inline]
    pub(crate) fn notional(&self, price: i64, qty: i64) -> Option<i128> {
        (i128::from(price) * i128::from(qty)).checked_mul(self.unit)
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The fee on a trade in units of 1e-9, rounded half away from zero.
#[inline]
pub(crate) fn fee(price: i64, qty: i64, scale: &Scale, rate: FeeRate) -> Option<i64> {
    let mantissas = (i128::from(price) * i128::from(qty)).unsigned_abs();
    let scaled = mantissas
        .checked_mul(scale.multiplier.into())?
        .checked_mul(rate.nano().unsigned_abs().into())?;
    // Nearly always the numbers fit in 64 bits, where a division costs a tenth.
    if let Ok(scaled) = u64::try_from(scaled) {
        let (fee, rest) = (scaled / scale.one, scaled % scale.one);
        return i64::try_from(fee + u64::from(rest >= scale.one.div_ceil(2))).ok();
    }
    let one = u128::from(scale.one);
    let (fee, rest) = (scaled / one, scaled % one);
    i64::try_from(fee + u128::from(rest >= one.div_ceil(2))).ok()
}

/// The largest size, a multiple of `step`, whose money and fee at this price are within `cash`; 0 if not even one step
/// is, or if the price is not above zero.
pub(crate) fn affordable(
    cash: i128,
    price: i64,
    scale: &Scale,
    step: i64,
    rate: FeeRate,
) -> Option<i64> {
    if cash <= 0 || price <= 0 {
        return Some(0);
    }
    let step_cost = i128::from(step)
        .checked_mul(i128::from(price))?
        .checked_mul(scale.unit)?;
    // Flooring twice is at most one step below flooring once, and rounding a fee moves it by at most what half of 1e-9 buys.
    let without_fee = cash / step_cost;
    let estimate = without_fee.checked_mul(NANO)? / (NANO + i128::from(rate.nano()));
    let off = NANO / (2 * step_cost) + 3;
    let fits = |steps: i128| {
        let qty = i64::try_from(steps).ok()?.checked_mul(step)?;
        let fee = i128::from(fee(price, qty, scale, rate)?) * NANO;
        Some(scale.notional(price, qty)?.checked_add(fee)? <= cash)
    };
    // Money and fee grow with the size: halving finds the last that fits in some thirty rounds at most, nearly always in three.
    let (mut most, mut beyond) = ((estimate - off).max(0), estimate + off);
    while most + 1 < beyond {
        let middle = i128::midpoint(most, beyond);
        if fits(middle)? {
            most = middle;
        } else {
            beyond = middle;
        }
    }
    i64::try_from(most).ok()?.checked_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickloom_types::parse_money;

    fn rate(text: &str) -> FeeRate {
        text.parse().unwrap()
    }

    fn money(text: &str) -> i128 {
        parse_money(text).unwrap().0
    }

    #[test]
    fn a_fee_rounds_half_away_from_zero_at_nine_decimals() {
        let scale = Scale::new(&InstrumentDef::new("X", 9, 0, "USD"));
        let check = |price, fee_rate, expected| {
            assert_eq!(fee(price, 1, &scale, rate(fee_rate)), expected);
        };
        check(100_000_000_000_000, "0.001", Some(100_000_000_000));
        check(1_000, "0.0005", Some(1));
        check(999, "0.0005", Some(0));
        check(1_499, "0.001", Some(1));
        check(-1_500, "0.001", Some(2));
        check(i64::MAX, "1", Some(i64::MAX));
        assert_eq!(fee(i64::MAX, 2, &scale, rate("1")), None);
        let coarse = Scale::new(&InstrumentDef::new("X", 0, 0, "USD"));
        assert_eq!(
            fee(3, 1, &coarse, rate("0.000000001")),
            Some(3),
            "nothing to round"
        );
    }

    #[test]
    fn all_cash_pays_for_price_and_fee() {
        let whole = Scale::new(&InstrumentDef::new("X", 2, 0, "USD"));
        let check = |cash, price, fee_rate, expected| {
            assert_eq!(
                affordable(money(cash), price, &whole, 1, rate(fee_rate)),
                Some(expected)
            );
        };
        check("1000000", 19_327, "0.001", 5_168);
        check("100.1", 10_000, "0.001", 1);
        check("100.0999", 10_000, "0.001", 0);
        check("0", 10_000, "0.001", 0);
        check("-5", 10_000, "0.001", 0);
        check("5", -1, "0", 0);
        let fine = Scale::new(&InstrumentDef::new("X", 2, 8, "USD"));
        assert_eq!(
            affordable(money("1000000"), 19_327, &fine, 1, rate("0.001")),
            Some(516_893_981_994)
        );
    }

    #[test]
    fn steps_that_cost_less_than_the_fee_is_rounded_to_are_found_at_once() {
        // One step costs 1e-18: half of 1e-9, where a fee begins, is 500 million of them.
        let scale = Scale::new(&InstrumentDef::new("X", 9, 9, "USD"));
        let check = |cash, fee_rate, expected| {
            let found = affordable(money(cash), 1, &scale, 1, rate(fee_rate));
            assert_eq!(found, Some(expected));
        };
        check("0.000000001", "0", 1_000_000_000);
        // 1e9 steps would cost 1e-9 and a fee of 1e-9 (half of it, rounded); one less has no fee.
        check("0.000000001", "0.5", 999_999_999);
        // 2e9 steps cost 2e-9 and a fee of 1e-9, all there is.
        check("0.000000003", "0.5", 2_000_000_000);
        check("0.0000000005", "1", 499_999_999);
    }

    #[test]
    fn whole_units_respect_the_lot() {
        let mut def = InstrumentDef::new("X", 2, 2, "USD");
        def.lot_size = 250;
        assert_eq!(Scale::new(&def).whole_lot, Some(500));
        def.lot_size = 10;
        assert_eq!(Scale::new(&def).whole_lot, Some(100));
    }

    proptest! {
        #[test]
        fn affordable_is_the_largest_that_fits(
            cash in 0_i128..10_i128.pow(26), price in 1_i64..1_000_000, step in 1_i64..1_000, nano in 0_i64..50_000_000,
        ) {
            let scale = Scale::new(&InstrumentDef::new("X", 2, 6, "USD"));
            let rate: FeeRate = format!("0.{nano:09}").parse().unwrap();
            let cost = |qty: i64| {
                let fee = i128::from(fee(price, qty, &scale, rate).unwrap());
                scale.notional(price, qty).unwrap() + fee * NANO
            };
            let qty = affordable(cash, price, &scale, step, rate).unwrap();
            prop_assert_eq!(qty % step, 0);
            prop_assert!(qty == 0 || cost(qty) <= cash);
            prop_assert!(cost(qty + step) > cash);
        }
    }
}
