//! Numbers as people read them, for the report and for the terminal. Exact values go to JSON as they are.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tickloom_data::Refusals;
use tickloom_types::{MONEY_DECIMALS, Money, Ts};

/// What stands where a figure is undefined.
pub const UNDEFINED: &str = "–";

/// Money rounded to cents, half away from zero, with thousands apart: `1,743,008.41`.
#[must_use]
pub fn money(value: Money) -> String {
    let cent = 10_i128.pow(u32::from(MONEY_DECIMALS) - 2);
    let magnitude = value.0.unsigned_abs();
    let cents = magnitude / cent.unsigned_abs()
        + u128::from(magnitude % cent.unsigned_abs() * 2 >= cent.unsigned_abs());
    let sign = if value.0 < 0 && cents > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", grouped(cents / 100), cents % 100)
}

/// How many lines of an input were left out, and why, in a sentence.
#[must_use]
pub fn left_out(left_out: &Refusals) -> String {
    let reasons = left_out.reasons.iter();
    let reasons: Vec<String> = reasons
        .map(|(reason, lines)| format!("{} {reason}", grouped(u128::from(*lines))))
        .collect();
    format!(
        "{} of {} lines were left out ({})",
        grouped(u128::from(left_out.refused)),
        grouped(u128::from(left_out.lines)),
        reasons.join("; ")
    )
}

/// A whole number with thousands apart: `2,000,000`.
#[must_use]
pub fn grouped(value: u128) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A fraction as a percentage with two decimals: `0.2512` is `25.12%`.
#[must_use]
pub fn percent(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| UNDEFINED.to_owned(), |f| format!("{:.2}%", f * 100.0))
}

/// A ratio with two decimals.
#[must_use]
pub fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), |v| format!("{v:.2}"))
}

/// A length of time in its largest unit that it fills: `3 days`, `4 hours`, `250 ms`.
#[must_use]
pub fn duration(nanos: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000_000_000, "day"),
        (3_600_000_000_000, "hour"),
        (60_000_000_000, "minute"),
        (1_000_000_000, "second"),
        (1_000_000, "ms"),
    ];
    for (unit, name) in UNITS {
        let count = nanos / unit;
        if count > 0 {
            let plural = if count == 1 || name == "ms" { "" } else { "s" };
            return format!("{count} {name}{plural}");
        }
    }
    format!("{nanos} ns")
}

/// A time in UTC as short as it can be said. A bar bears the time of its close, so midnight is the end of the day before, and is
/// told as that day alone.
#[must_use]
pub fn time(ts: Ts) -> String {
    let (ts, pattern) = if ts.0.rem_euclid(86_400_000_000_000) == 0 {
        (ts.0.saturating_sub(1), "%Y-%m-%d")
    } else if ts.0.rem_euclid(1_000_000_000) == 0 {
        (ts.0, "%Y-%m-%d %H:%M:%S")
    } else {
        (ts.0, "%Y-%m-%d %H:%M:%S%.3f")
    };
    let stamp = Timestamp::from_nanosecond(i128::from(ts)).unwrap_or_default();
    let zoned = stamp.to_zoned(TimeZone::UTC);
    zoned.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_short_as_they_can_be() {
        let check =
            |text: &str, expected: &str| assert_eq!(time(Ts::parse(text).unwrap()), expected);
        check("2024-08-09", "2024-08-08");
        check("2024-08-09T00:01:00Z", "2024-08-09 00:01:00");
        check("2024-08-09T00:01:00.25Z", "2024-08-09 00:01:00.250");
    }
    use tickloom_types::parse_money;

    #[test]
    fn money_is_rounded_half_away_from_zero() {
        let check = |text: &str, expected: &str| {
            assert_eq!(money(parse_money(text).unwrap()), expected, "{text}");
        };
        check("1743008.4149", "1,743,008.41");
        check("0.005", "0.01");
        check("-0.005", "-0.01");
        check("-0.004", "0.00");
        check("999.995", "1,000.00");
        check("-1234567", "-1,234,567.00");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(2_000_000), "2,000,000");
        assert_eq!(percent(Some(0.25118)), "25.12%");
        assert_eq!(percent(None), UNDEFINED);
        assert_eq!(ratio(Some(1.005)), "1.00");
        assert_eq!(duration(86_400_000_000_000), "1 day");
        assert_eq!(duration(7_300_000_000_000), "2 hours");
        assert_eq!(duration(250_000_000), "250 ms");
    }
}
