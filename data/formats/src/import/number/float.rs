//! Numbers of columns that hold no text: binary floats, and decimals of 32 to 256 bits.
//!
//! A float is taken as the shortest decimal that reads back as the same float: of 64 bits, or of 32 where the column has those.

use super::{NO_NUMBER, Number, TOO_BIG, TOO_FINE, denoise_value, parse};
use tickloom_types::PRICE_DECIMALS_MAX;

/// Powers of ten, exact as floats.
const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const POWERS_SINGLE: [f32; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Below this a float times a power of ten is less than a half away from the exact product, and no two decimals of as many digits
/// are the same float.
const WHOLE_MAX: f64 = (1_u64 << 51) as f64;
/// What a float below [`WHOLE_MAX`] loses its fraction by, if it is added and taken away again.
const ROUNDING: f64 = ((1_u64 << 52) + (1_u64 << 51)) as f64;
/// Below this no two decimals of as many digits are the same float of 32 bits.
const WHOLE_MAX_SINGLE: f32 = (1_u32 << 23) as f32;

/// Whether a float was only taken as a decimal by leaving out noise.
pub(crate) type IsRounded = bool;

/// The shortest decimal that reads back as this float. One that has more than nine decimals is rounded to nine, if that changes
/// it no more than the noise of a calculation with floats does.
pub(crate) fn of_float(value: f64) -> Result<(Number, IsRounded), &'static str> {
    for (decimals, power) in (0..).zip(POWERS) {
        let scaled = value * power;
        if scaled.is_nan() || scaled.abs() >= WHOLE_MAX {
            break;
        }
        let whole = (scaled + ROUNDING) - ROUNDING;
        if (whole / power).to_bits() == value.to_bits()
            || whole.abs().to_bits() == 0 && value.abs().to_bits() == 0
        {
            let mantissa = as_whole(whole);
            return Ok((Number { mantissa, decimals }, false));
        }
    }
    if !value.is_finite() {
        return Err(NO_NUMBER);
    }
    match parse(value.to_string().as_bytes()) {
        Err(TOO_FINE) => denoise_value(value)
            .map(|number| (number, true))
            .ok_or(TOO_FINE),
        exact => exact.map(|number| (number, false)),
    }
}

/// As [`of_float`], of one that most likely has so many decimals as those before it, or fewer.
#[inline]
pub(crate) fn of_float_like(
    value: f64,
    decimals: &mut u8,
) -> Result<(Number, IsRounded), &'static str> {
    // No two decimals of as many digits are the same float, so that this one without its zeros is the shortest.
    let power = POWERS[usize::from(*decimals).min(POWERS.len() - 1)];
    let scaled = value * power;
    if scaled.abs() < WHOLE_MAX {
        let whole = (scaled + ROUNDING) - ROUNDING;
        if (whole / power).to_bits() == value.to_bits() {
            let number = Number {
                mantissa: as_whole(whole),
                decimals: *decimals,
            };
            return Ok((number.shortest(), false));
        }
    }
    let found = of_float(value)?;
    *decimals = found.0.decimals.max(*decimals);
    Ok(found)
}

/// Makes floats mantissas of so many decimals, and says of each whether it is exactly that: whether the mantissa is the shortest decimal
/// that reads back as the float, with zeros behind. Of some that are, large ones, it is not said.
#[inline]
pub(crate) fn float_as_mantissa(decimals: u8) -> impl Fn(f64) -> (i64, bool) {
    let power = POWERS[usize::from(decimals).min(POWERS.len() - 1)];
    let is_known = usize::from(decimals) < POWERS.len();
    move |value| {
        let scaled = value * power;
        let moved = scaled + ROUNDING;
        let whole = moved - ROUNDING;
        // Between the two powers of two around `ROUNDING` floats are as far apart as whole numbers.
        let mantissa = moved.to_bits().wrapping_sub(ROUNDING.to_bits());
        let is_small = scaled.abs() < WHOLE_MAX;
        let is_exact = (whole / power).to_bits() == value.to_bits();
        (mantissa.cast_signed(), is_small & is_exact & is_known)
    }
}

/// As [`float_as_mantissa`], of floats of 32 bits.
#[inline]
pub(crate) fn single_as_mantissa(decimals: u8) -> impl Fn(f32) -> (i64, bool) {
    let at = usize::from(decimals).min(POWERS.len() - 1);
    let (power, single) = (POWERS[at], POWERS_SINGLE[at]);
    let is_known = usize::from(decimals) < POWERS.len();
    move |value| {
        let scaled = f64::from(value) * power;
        let moved = scaled + ROUNDING;
        let whole = moved - ROUNDING;
        let mantissa = moved.to_bits().wrapping_sub(ROUNDING.to_bits());
        let is_small = scaled.abs() < f64::from(WHOLE_MAX_SINGLE);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float of 32 bits holds it"
        )]
        let read_back = whole as f32 / single;
        let is_exact = read_back.to_bits() == value.to_bits();
        (mantissa.cast_signed(), is_small & is_exact & is_known)
    }
}

/// The shortest decimal that reads back as this float of 32 bits.
pub(crate) fn of_single(value: f32) -> Result<Number, &'static str> {
    for (decimals, power) in (0..).zip(POWERS_SINGLE) {
        let scaled = f64::from(value) * f64::from(power);
        if scaled.is_nan() || scaled.abs() >= f64::from(WHOLE_MAX_SINGLE) {
            break;
        }
        let whole = (scaled + ROUNDING) - ROUNDING;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float of 32 bits holds it"
        )]
        let read_back = whole as f32 / power;
        if read_back.to_bits() == value.to_bits()
            || whole.abs().to_bits() == 0 && value.abs().to_bits() == 0
        {
            let mantissa = as_whole(whole);
            return Ok(Number { mantissa, decimals });
        }
    }
    if !value.is_finite() {
        return Err(NO_NUMBER);
    }
    parse(value.to_string().as_bytes())
}

/// A decimal with so many digits after the point, or, below zero, zeros before it.
pub(crate) fn of_decimal(mut mantissa: i128, scale: i8) -> Result<Number, &'static str> {
    let mut scale = scale;
    // Division of 64 bits is several times faster, and nearly always enough.
    if let Ok(mantissa) = i64::try_from(mantissa)
        && let Ok(decimals) = u8::try_from(scale)
        && decimals <= PRICE_DECIMALS_MAX
    {
        return Ok(Number { mantissa, decimals }.shortest());
    }
    while scale < 0 {
        mantissa = mantissa.checked_mul(10).ok_or(TOO_BIG)?;
        scale += 1;
    }
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let decimals = u8::try_from(scale).unwrap_or_default();
    if decimals > PRICE_DECIMALS_MAX {
        return Err(TOO_FINE);
    }
    let mantissa = i64::try_from(mantissa).map_err(|_| TOO_BIG)?;
    Ok(Number { mantissa, decimals })
}

/// A float without a fraction, of less than 52 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller has checked its size"
)]
fn as_whole(whole: f64) -> i64 {
    whole as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(mantissa: i64, decimals: u8) -> Number {
        Number { mantissa, decimals }
    }

    #[test]
    fn a_float_is_the_shortest_decimal_that_reads_back() {
        let check = |value: f64, mantissa, decimals| {
            let found = of_float(value);
            assert_eq!(found, Ok((number(mantissa, decimals), false)), "{value}");
        };
        check(0.0, 0, 0);
        check(-0.0, 0, 0);
        check(185.0, 185, 0);
        check(187.15, 18_715, 2);
        check(0.1, 1, 1);
        check(0.000_000_001, 1, 9);
        check(-37.63, -3_763, 2);
        check(64_123.456_789, 64_123_456_789, 6);
        check(123_456_789.123_456_7, 1_234_567_891_234_567, 7);
        check(9_007_199_254_740_993.0, 9_007_199_254_740_992, 0);
        check(2_251_799_813_685_249.5, 22_517_998_136_852_495, 1);
        check(1e15, 1_000_000_000_000_000, 0);
        check(0.3, 3, 1);
    }

    #[test]
    fn noise_of_a_calculation_is_told() {
        let rounded = |value: f64, mantissa, decimals| {
            let found = of_float(value);
            assert_eq!(found, Ok((number(mantissa, decimals), true)), "{value}");
        };
        rounded(0.1 + 0.2, 3, 1);
        rounded(101.100_000_000_000_01, 1_011, 1);
        rounded(380_591.001_799_999_97, 3_805_910_018, 4);
        for fine in [100.0 / 3.0, 1.0 / 1024.0, 1e-10, 187.149_993_896_484_38] {
            assert_eq!(of_float(fine), Err(TOO_FINE), "{fine}");
        }
        for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(of_float(none), Err(NO_NUMBER));
        }
        assert_eq!(of_float(1e300), Err(TOO_BIG));
    }

    #[test]
    fn a_float_of_32_bits_is_shortest_among_those() {
        let check = |value: f32, mantissa, decimals| {
            assert_eq!(of_single(value), Ok(number(mantissa, decimals)), "{value}");
        };
        check(187.15, 18_715, 2);
        check(0.1, 1, 1);
        check(-0.0, 0, 0);
        check(16_777_217.0, 16_777_216, 0);
        check(12_345.678, 12_345_678, 3);
        check(0.123_456_79, 12_345_679, 8);
        check(3e9, 3_000_000_000, 0);
        assert_eq!(of_single(f32::NAN), Err(NO_NUMBER));
        assert_eq!(of_single(1e-12), Err(TOO_FINE));
    }

    #[test]
    fn decimals_of_other_scales() {
        let check = |mantissa, scale, expected: Result<(i64, u8), &str>| {
            let found = of_decimal(mantissa, scale);
            assert_eq!(found.map(|n| (n.mantissa, n.decimals)), expected);
        };
        check(1_234_500, 4, Ok((12_345, 2)));
        check(12, -2, Ok((1_200, 0)));
        check(1_500_000_000_000_000_000, 18, Ok((15, 1)));
        check(1, 18, Err(TOO_FINE));
        check(i128::MAX, 0, Err(TOO_BIG));
        check(i128::MAX, -1, Err(TOO_BIG));
        check(-5, 1, Ok((-5, 1)));
        check(0, 38, Ok((0, 0)));
    }

    proptest! {
        #[test]
        fn as_the_text_of_the_float_says(bits in any::<u64>(), mantissa in -1_000_000_000_000_000_i64..1_000_000_000_000_000, decimals in 0_usize..10) {
            let written: f64 = format!("{mantissa}e-{decimals}").parse().unwrap();
            for value in [f64::from_bits(bits), written] {
                let by_text = parse(value.to_string().as_bytes());
                for mut like in 0..10 {
                    prop_assert_eq!(of_float_like(value, &mut like), of_float(value));
                }
                match of_float(value) {
                    Ok((number, false)) => prop_assert_eq!(Ok(number), by_text, "{}", value),
                    Ok((_, true)) => prop_assert_eq!(by_text, Err(TOO_FINE)),
                    Err(error) => prop_assert_eq!(by_text, Err(error)),
                }
            }
        }

        #[test]
        fn as_the_text_of_the_float_of_32_bits_says(bits in any::<u32>(), mantissa in -20_000_000_i32..20_000_000, decimals in 0_usize..10) {
            let written: f32 = format!("{mantissa}e-{decimals}").parse().unwrap();
            for value in [f32::from_bits(bits), written] {
                prop_assert_eq!(of_single(value), parse(value.to_string().as_bytes()), "{}", value);
            }
        }
    }
}
