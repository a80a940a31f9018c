//! Times as files write them: ISO dates and times with or without a zone, and integers since the epoch in four units.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use std::fmt;
use tickloom_types::{NANOS_PER_SECOND, Ts, parse_decimal, pow10};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// How a file writes times, found out from its first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// A number since the epoch; the decimals that make a nanosecond of the unit (9 for seconds).
    Epoch(u8),
    /// A date and, perhaps, a time of day.
    Text,
    /// Milliseconds since the midnight of this date.
    DayMillis(Date),
}

/// A time as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) ts: Ts,
    /// Whether it is a date alone, which names a session and not an instant.
    pub(crate) is_date: bool,
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeFormat::Text => "dates and times",
            TimeFormat::DayMillis(date) => {
                return write!(f, "milliseconds since the midnight of {date}");
            }
            TimeFormat::Epoch(9) => "seconds since the epoch",
            TimeFormat::Epoch(6) => "milliseconds since the epoch",
            TimeFormat::Epoch(3) => "microseconds since the epoch",
            TimeFormat::Epoch(_) => "nanoseconds since the epoch",
        })
    }
}

impl TimeFormat {
    /// The format of this text; `None` if it is no time.
    pub(crate) fn of(text: &[u8]) -> Option<TimeFormat> {
        if parse_text(text, &TimeZone::UTC).is_some() {
            return Some(TimeFormat::Text);
        }
        let digits = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
        let number = text[..digits].iter().all(u8::is_ascii_digit);
        // Years 1973 to 2286, in which no two units meet.
        let decimals = match digits {
            9 | 10 => 9,
            12 | 13 => 6,
            15 | 16 => 3,
            18 | 19 => 0,
            _ => return None,
        };
        (number && parse_decimal(text, decimals).is_ok()).then_some(TimeFormat::Epoch(decimals))
    }

    /// Nanoseconds of the last digit that is written.
    pub(crate) fn unit(&self) -> i64 {
        match self {
            TimeFormat::Epoch(decimals) => pow10(*decimals),
            TimeFormat::Text => NANOS_PER_SECOND,
            TimeFormat::DayMillis(_) => 1_000_000,
        }
    }

    /// Reads a time of this format; texts without a zone are in `zone`.
    pub(crate) fn parse(&self, text: &[u8], zone: &TimeZone) -> Option<Stamped> {
        match self {
            TimeFormat::Text => parse_text(text, zone),
            TimeFormat::DayMillis(date) => day_millis(text, *date, zone),
            TimeFormat::Epoch(decimals) => {
                let ts = parse_decimal(text, *decimals).ok().map(Ts)?;
                Some(Stamped { ts, is_date: false })
            }
        }
    }
}

/// Milliseconds of the clock on the wall, perhaps with decimals, since the midnight of `date`.
fn day_millis(text: &[u8], date: Date, zone: &TimeZone) -> Option<Stamped> {
    let nanos = parse_decimal(text, 6).ok()?;
    if !(0..DAY_NS).contains(&nanos) {
        return None;
    }
    let local = date.to_datetime(Time::midnight());
    let local = local.checked_add(SignedDuration::from_nanos(nanos)).ok()?;
    Some(Stamped {
        ts: instant(local, zone)?,
        is_date: false,
    })
}

/// The instant of a local time. One that the clocks skip or show twice is refused, not guessed.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Ts> {
    let stamp = zone.to_ambiguous_timestamp(local).unambiguous().ok()?;
    i64::try_from(stamp.as_nanosecond()).map(Ts).ok()
}

/// A date of eight digits.
pub(crate) fn plain_date(text: &str) -> Option<Date> {
    match date(text.as_bytes())? {
        (date, []) if text.len() == 8 => Some(date),
        _ => None,
    }
}

/// Whether this is a time of day such as `09:30`.
pub(crate) fn is_time_of_day(text: &[u8]) -> bool {
    text.contains(&b':') && matches!(time_of_day(text), Some((_, [])))
}

fn parse_text(text: &[u8], zone: &TimeZone) -> Option<Stamped> {
    let (date, rest) = date(text)?;
    let is_date = rest.is_empty();
    let (time, rest) = match rest {
        [] => (Time::midnight(), rest),
        [b' ' | b'T' | b't', rest @ ..] => time_of_day(rest)?,
        _ => return None,
    };
    let zone = match offset(rest)? {
        Some(offset) => &TimeZone::fixed(offset),
        // A session's date is a day of its own, wherever it was.
        None if is_date => &TimeZone::UTC,
        None => zone,
    };
    let ts = instant(date.to_datetime(time), zone)?;
    Some(Stamped { ts, is_date })
}

/// `2024-08-09`, `2024/08/09`, `2024.08.09` or `20240809`.
fn date(text: &[u8]) -> Option<(Date, &[u8])> {
    let (year, rest) = digits(text, 4)?;
    let (separator, rest) = match rest {
        [s @ (b'-' | b'/' | b'.'), rest @ ..] => (Some(s), rest),
        _ => (None, rest),
    };
    let (month, rest) = digits(rest, 2)?;
    let rest = match (separator, rest) {
        (Some(s), [first, rest @ ..]) if s == first => rest,
        (Some(_), _) => return None,
        (None, rest) => rest,
    };
    let (day, rest) = digits(rest, 2)?;
    let date = Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    Some((date.ok()?, rest))
}

/// `09:30`, `09:30:00`, `09:30:00.123456789` or `093000`.
fn time_of_day(text: &[u8]) -> Option<(Time, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let colon = rest.first() == Some(&b':');
    let (minute, rest) = digits(&rest[usize::from(colon)..], 2)?;
    let (second, rest) = match rest {
        [b':', rest @ ..] if colon => digits(rest, 2)?,
        [b'0'..=b'9', ..] if !colon => digits(rest, 2)?,
        _ => (0, rest),
    };
    let (nanos, rest) = match rest {
        [b'.', fraction @ ..] => {
            let len = fraction
                .iter()
                .position(|b| !b.is_ascii_digit())
                .unwrap_or(fraction.len());
            let (fraction, rest) = fraction.split_at(len);
            let text = [b".", fraction].concat();
            (parse_decimal(&text, 9).ok()?, rest)
        }
        _ => (0, rest),
    };
    debug_assert!(nanos < NANOS_PER_SECOND);
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nanos).ok()?,
    );
    Some((time.ok()?, rest))
}

/// What follows a time: nothing, `Z`, ` UTC` or an offset such as `+01:00`. The outer `None` is none of these.
fn offset(text: &[u8]) -> Option<Option<Offset>> {
    let text = text.trim_ascii_start();
    match text {
        [] => Some(None),
        b"Z" | b"z" | b"UTC" => Some(Some(Offset::UTC)),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = digits(rest, 2)?;
            let rest = rest.strip_prefix(b":").unwrap_or(rest);
            let (minutes, rest) = if rest.is_empty() {
                (0, rest)
            } else {
                digits(rest, 2)?
            };
            if !rest.is_empty() || minutes > 59 {
                return None;
            }
            let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
            let signed = if *sign == b'-' { -seconds } else { seconds };
            Offset::from_seconds(signed).ok().map(Some)
        }
        _ => None,
    }
}

/// Exactly `count` digits.
fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_files_write() {
        let check = |text: &str, expected: &str| {
            let format = TimeFormat::of(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            let found = format.parse(text.as_bytes(), &TimeZone::UTC).unwrap();
            assert_eq!(found.ts, Ts::parse(expected).unwrap(), "{text}");
            assert_eq!(
                found.is_date,
                text.len() <= 10 && expected.len() == 10,
                "{text}"
            );
        };
        check("2004-08-19", "2004-08-19");
        check("2004/08/19", "2004-08-19");
        check("20040819", "2004-08-19");
        check("2017-04-19 09:00:00", "2017-04-19T09:00:00Z");
        check("2017-04-19T09:00", "2017-04-19T09:00:00Z");
        check("20170419 090001", "2017-04-19T09:00:01Z");
        check("2021-12-31 23:01:00.000000", "2021-12-31T23:01:00Z");
        check(
            "2021-12-31 23:01:00.123456789Z",
            "2021-12-31T23:01:00.123456789Z",
        );
        check("2012-02-01 00:00:00+00:00", "2012-02-01T00:00:00Z");
        check("2012-02-01T00:00:00-0530", "2012-02-01T05:30:00Z");
        check("2012-02-01 00:00:00 UTC", "2012-02-01T00:00:00Z");
        check("1723161255", "2024-08-08T23:54:15Z");
        check("1723161255.25", "2024-08-08T23:54:15.25Z");
        check("1723161255030", "2024-08-08T23:54:15.03Z");
        check("1723161255030314", "2024-08-08T23:54:15.030314Z");
        check("1723161255030314667", "2024-08-08T23:54:15.030314667Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "Open",
            "100",
            "104.06",
            "2004-13-01",
            "2004-08-19x",
            "2004-08/19",
            "1-2-3",
            "24:00",
            "2004-08-19 25:00",
            "2004-08-19 09:00:00+1",
            "17231612550303146670",
            "9999-01-01",
            "2004-08-19 09:00:00.1234567891",
            "NaN",
        ] {
            assert_eq!(TimeFormat::of(text.as_bytes()), None, "{text}");
        }
        assert!(is_time_of_day(b"09:01:00"));
        assert!(!is_time_of_day(b"0901"));
    }

    #[test]
    fn milliseconds_of_a_day() {
        let day = plain_date("20140501").unwrap();
        let parse = |text: &str, zone: &TimeZone| {
            let found = TimeFormat::DayMillis(day).parse(text.as_bytes(), zone);
            found.map(|stamped| stamped.ts)
        };
        let at = |text: &str| Some(Ts::parse(text).unwrap());
        let utc = &TimeZone::UTC;
        assert_eq!(parse("0", utc), at("2014-05-01"));
        assert_eq!(parse("43.142", utc), at("2014-05-01T00:00:00.043142Z"));
        assert_eq!(parse("86399999", utc), at("2014-05-01T23:59:59.999Z"));
        assert_eq!(parse("86400000", utc), None);
        assert_eq!(parse("-1", utc), None);
        assert_eq!(parse("0.0000001", utc), None);
        let new_york = TimeZone::get("America/New_York").unwrap();
        assert_eq!(parse("0", &new_york), at("2014-05-01T04:00:00Z"));
        assert_eq!(plain_date("2014-05-01"), None);
        assert_eq!(plain_date("20141301"), None);
    }

    #[test]
    fn a_zone_applies_to_times_but_not_to_dates() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let parse = |text: &str| TimeFormat::Text.parse(text.as_bytes(), &zone).map(|s| s.ts);
        assert_eq!(
            parse("2024-01-02 09:30"),
            Some(Ts::parse("2024-01-02T14:30:00Z").unwrap())
        );
        assert_eq!(
            parse("2024-07-02 09:30"),
            Some(Ts::parse("2024-07-02T13:30:00Z").unwrap())
        );
        assert_eq!(parse("2024-01-02"), Some(Ts::parse("2024-01-02").unwrap()));
        // Skipped in spring, twice in autumn.
        assert_eq!(parse("2024-03-10 02:30"), None);
        assert_eq!(parse("2024-11-03 01:30"), None);
    }
}
