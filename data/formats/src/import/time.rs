//! Times as files write them: dates and times in many forms with or without a zone, digits without signs, and numbers since the
//! epoch in four units.

mod calendar_date;
mod epoch;
mod quick;
mod readings;
mod ticks;
mod typed;
mod zones;

pub(crate) use calendar_date::{
    DateOrder, Parted, is_date_in_digits, is_month, parted, plain_date,
};
use calendar_date::{date, digits};
pub(crate) use epoch::epoch_decimals;
use epoch::since_epoch;
pub(crate) use quick::QuickTimes;
pub(crate) use readings::{early, other_epoch, short_year};
use ticks::Ticks;
pub(crate) use typed::{has_lost_nanos, time_text};
pub(crate) use zones::named_zone;
use zones::zone_behind;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};
use std::fmt;
use tickloom_types::{NANOS_PER_SECOND, Ts, parse_decimal};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// Units since the epoch: their name, what they are called, and the decimals that make a nanosecond of them.
const UNITS: [(&str, &str, u8); 4] = [
    ("s", "seconds", 9),
    ("ms", "milliseconds", 6),
    ("us", "microseconds", 3),
    ("ns", "nanoseconds", 0),
];

/// How a file writes times, found out from its rows or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// A number since the epoch, the unit of which is told by its digits; the decimals that make a nanosecond of that of the first
    /// row (9 for seconds).
    Epoch(u8),
    /// A number since the epoch in this unit, as was told.
    Unit(u8),
    /// A date and, perhaps, a time of day.
    Text(DateOrder),
    /// A date and a time of day without any sign between: `202408090930`.
    Compact,
    /// Milliseconds since the midnight of this date.
    DayMillis(Date),
    /// As was told, in the notation of strptime.
    Pattern(String),
    /// Hundreds of nanoseconds since another epoch, as was told.
    Ticks(Ticks),
    /// As the type of the column says.
    Typed {
        /// What that is, for people.
        what: String,
        /// Whether they are those of a clock on a wall.
        is_local: bool,
        /// Whether all of them are at midnight where they are, so that they are dates alone.
        are_days: bool,
        /// Nanoseconds of the unit that the column says its numbers are in, of timestamps.
        unit: Option<i64>,
        /// The same as was told, which goes before it.
        told: Option<i64>,
    },
}

/// A time as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) ts: Ts,
    /// Whether it is a date alone, which names a session and not an instant.
    pub(crate) is_date: bool,
    /// Nanoseconds of the last digit that is written, or may be.
    pub(crate) unit: i64,
}

impl Stamped {
    fn at(ts: Ts, unit: i64) -> Stamped {
        Stamped {
            ts,
            is_date: false,
            unit,
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeFormat::Text(DateOrder::YearFirst) => f.write_str("dates and times"),
            TimeFormat::Text(order) => write!(f, "dates and times, {order}"),
            TimeFormat::Compact => f.write_str("dates and times without signs"),
            TimeFormat::DayMillis(date) => {
                write!(f, "milliseconds since the midnight of {date}")
            }
            TimeFormat::Pattern(pattern) => write!(f, "{pattern}"),
            TimeFormat::Ticks(ticks) => f.write_str(ticks.words()),
            TimeFormat::Typed { what, .. } => f.write_str(what),
            TimeFormat::Epoch(decimals) | TimeFormat::Unit(decimals) => {
                write!(f, "{} since the epoch", unit_name(*decimals))
            }
        }
    }
}

/// The name of the unit with these decimals to a nanosecond.
pub(crate) fn unit_name(decimals: u8) -> &'static str {
    let known = UNITS.iter().find(|(.., known)| *known == decimals);
    known.map_or("units", |(_, name, _)| name)
}

/// What it is called where it is told.
fn unit_told(decimals: u8) -> &'static str {
    let known = UNITS.iter().find(|(.., known)| *known == decimals);
    known.map_or("", |(told, ..)| told)
}

impl TimeFormat {
    /// The format of this text; `None` if it is no time. Dates of which day and month are in doubt are day-first here.
    pub(crate) fn of(text: &[u8]) -> Option<TimeFormat> {
        if text.iter().all(u8::is_ascii_digit) && compact(text, &TimeZone::UTC).is_some() {
            return Some(match text.len() {
                8 => TimeFormat::Text(DateOrder::YearFirst),
                _ => TimeFormat::Compact,
            });
        }
        // Without the zero before it a number may be anything.
        let is_number = matches!(text.len(), 7 | 11) && text.iter().all(u8::is_ascii_digit);
        let orders = [
            DateOrder::YearFirst,
            DateOrder::DayFirst,
            DateOrder::MonthFirst,
        ];
        for order in orders.into_iter().filter(|_| !is_number) {
            if parse_text(text, order, &TimeZone::UTC).is_some() {
                return Some(TimeFormat::Text(order));
            }
        }
        let decimals = epoch_decimals(text)?;
        parse_decimal(text, decimals).ok()?;
        Some(TimeFormat::Epoch(decimals))
    }

    /// The format that a user names: a unit, which of day and month comes first, or a pattern of strptime.
    pub(crate) fn told(text: &str) -> Option<TimeFormat> {
        if let Some((.., decimals)) = UNITS.iter().find(|(unit, ..)| *unit == text) {
            return Some(TimeFormat::Unit(*decimals));
        }
        if let Some(ticks) = Ticks::told(text) {
            return Some(TimeFormat::Ticks(ticks));
        }
        Some(match text {
            "day-first" => TimeFormat::Text(DateOrder::DayFirst),
            "month-first" => TimeFormat::Text(DateOrder::MonthFirst),
            "compact" => TimeFormat::Compact,
            pattern if pattern.contains('%') => TimeFormat::Pattern(pattern.to_owned()),
            _ => return None,
        })
    }

    /// Reads a time of this format; texts without a zone are in `zone`.
    pub(crate) fn parse(&self, text: &[u8], zone: &TimeZone) -> Option<Stamped> {
        match self {
            TimeFormat::Text(order) => parse_text(text, *order, zone),
            TimeFormat::DayMillis(date) => day_millis(text, *date, zone),
            TimeFormat::Compact => compact(text, zone),
            TimeFormat::Pattern(pattern) => by_pattern(text, pattern, zone),
            TimeFormat::Ticks(ticks) => ticks.parse(text),
            TimeFormat::Epoch(_) => since_epoch(text, epoch_decimals(text)?),
            TimeFormat::Unit(decimals) => since_epoch(text, *decimals),
            TimeFormat::Typed { .. } => None,
        }
    }
}

/// A date, or a date and hours, minutes, seconds, milliseconds of two (of three) digits each.
fn compact(text: &[u8], zone: &TimeZone) -> Option<Stamped> {
    if !text.iter().all(u8::is_ascii_digit) || !matches!(text.len(), 8 | 10 | 12 | 14 | 17) {
        return None;
    }
    let (day, rest) = date(text, DateOrder::YearFirst)?;
    // Nobody has prices of years before; a number since the epoch looks like them.
    if !(1900..2200).contains(&day.year()) {
        return None;
    }
    let part = |from: usize, len: usize| match rest.get(from..from + len) {
        Some(text) => digits(text, len).map(|(number, _)| number),
        None => Some(0),
    };
    let time = Time::new(
        i8::try_from(part(0, 2)?).ok()?,
        i8::try_from(part(2, 2)?).ok()?,
        i8::try_from(part(4, 2)?).ok()?,
        i32::try_from(part(6, 3)? * 1_000_000).ok()?,
    );
    let is_date = rest.is_empty();
    let zone = if is_date { &TimeZone::UTC } else { zone };
    let unit = if text.len() == 17 {
        1_000_000
    } else {
        NANOS_PER_SECOND
    };
    Some(Stamped {
        ts: instant(day.to_datetime(time.ok()?), zone)?,
        is_date,
        unit,
    })
}

fn by_pattern(text: &[u8], pattern: &str, zone: &TimeZone) -> Option<Stamped> {
    let text = std::str::from_utf8(text).ok()?;
    let read = BrokenDownTime::parse(pattern, text).ok()?;
    if let Ok(instant) = read.to_timestamp() {
        let ts = i64::try_from(instant.as_nanosecond()).map(Ts).ok()?;
        return Some(Stamped::at(ts, 1));
    }
    let date = read.to_date().ok()?;
    let is_date = read.hour().is_none();
    let time = match is_date {
        true => Time::midnight(),
        false => read.to_time().ok()?,
    };
    let zone = if is_date { &TimeZone::UTC } else { zone };
    Some(Stamped {
        ts: instant(date.to_datetime(time), zone)?,
        is_date,
        unit: NANOS_PER_SECOND,
    })
}

/// Milliseconds of the clock on the wall, perhaps with decimals, since the midnight of `date`.
fn day_millis(text: &[u8], date: Date, zone: &TimeZone) -> Option<Stamped> {
    let nanos = parse_decimal(text, 6).ok()?;
    if !(0..DAY_NS).contains(&nanos) {
        return None;
    }
    let local = date.to_datetime(Time::midnight());
    let local = local.checked_add(SignedDuration::from_nanos(nanos)).ok()?;
    Some(Stamped::at(instant(local, zone)?, 1_000_000))
}

/// The instant of a local time. One that the clocks skip or show twice is refused, not guessed.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Ts> {
    let stamp = zone.to_ambiguous_timestamp(local).unambiguous().ok()?;
    i64::try_from(stamp.as_nanosecond()).map(Ts).ok()
}

/// Whether this is a time of day such as `09:30`.
pub(crate) fn is_time_of_day(text: &[u8]) -> bool {
    text.contains(&b':') && matches!(time_of_day(text), Some((_, rest)) if offset(rest).is_some())
}

fn parse_text(text: &[u8], order: DateOrder, zone: &TimeZone) -> Option<Stamped> {
    let (date, rest) = date(text, order)?;
    let is_date = rest.is_empty();
    let (time, rest) = match rest {
        [] => (Time::midnight(), rest),
        [sign, rest @ ..] if b" TtD,_".contains(sign) => time_of_day(rest.trim_ascii_start())?,
        [b'0'..=b'9', ..] if parted(text).is_some() => time_of_day(rest)?,
        // As messages of FIX have it.
        [b'-', rest @ ..] if !text[..text.len() - rest.len() - 1].contains(&b'-') => {
            time_of_day(rest)?
        }
        _ => return None,
    };
    let zone = match offset(rest) {
        Some(Some(offset)) => &TimeZone::fixed(offset),
        // A session's date is a day of its own, wherever it was.
        Some(None) if is_date => &TimeZone::UTC,
        Some(None) => zone,
        None => &zone_behind(rest)?,
    };
    Some(Stamped {
        ts: instant(date.to_datetime(time), zone)?,
        is_date,
        unit: NANOS_PER_SECOND,
    })
}

/// `09:30`, `9:30 PM`, `09:30:00`, `09:30:00.123456789`, `093000` or `093000123`.
fn time_of_day(text: &[u8]) -> Option<(Time, &[u8])> {
    let (hour, rest) = match text {
        [hour @ b'0'..=b'9', b':', ..] => (u32::from(hour - b'0'), &text[1..]),
        _ => digits(text, 2)?,
    };
    let colon = rest.first() == Some(&b':');
    let (minute, rest) = digits(&rest[usize::from(colon)..], 2)?;
    let (second, rest) = match rest {
        [b':', rest @ ..] if colon => digits(rest, 2)?,
        [b'0'..=b'9', ..] if !colon => digits(rest, 2)?,
        _ => (0, rest),
    };
    let (nanos, rest) = match rest {
        [b'.' | b',', fraction @ ..] => {
            let len = fraction
                .iter()
                .position(|b| !b.is_ascii_digit())
                .unwrap_or(fraction.len());
            let (fraction, rest) = fraction.split_at(len);
            let text = [b".", fraction].concat();
            (parse_decimal(&text, 9).ok()?, rest)
        }
        // As `NinjaTrader` writes ticks.
        [b' ', fraction @ ..] if !colon && fraction.len() == 7 => {
            let (ticks, rest) = digits(fraction, 7)?;
            (i64::from(ticks) * 100, rest)
        }
        [b'0'..=b'9', ..] if !colon => {
            let (millis, rest) = digits(rest, 3)?;
            (i64::from(millis) * 1_000_000, rest)
        }
        _ => (0, rest),
    };
    debug_assert!(nanos < NANOS_PER_SECOND);
    let (hour, rest) = half_of_day(hour, rest)?;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nanos).ok()?,
    );
    Some((time.ok()?, rest))
}

/// The hour of the day by `AM` or `PM`, if one of them follows.
fn half_of_day(hour: u32, rest: &[u8]) -> Option<(u32, &[u8])> {
    let text = rest.trim_ascii_start();
    // `America` is the zone of a time.
    let is_alone = !text.get(2).is_some_and(u8::is_ascii_alphabetic);
    let half = text.get(..2).filter(|_| is_alone);
    let half = half.map(|half| half.to_ascii_uppercase());
    let after = match half.as_deref() {
        Some(b"AM") => 0,
        Some(b"PM") => 12,
        _ => return Some((hour, rest)),
    };
    (1..=12)
        .contains(&hour)
        .then(|| (hour % 12 + after, &text[2..]))
}

/// What follows a time: nothing, `Z`, ` UTC` or an offset such as `+01:00` or `GMT+0100`. The outer `None` is none of these.
fn offset(text: &[u8]) -> Option<Option<Offset>> {
    let text = text.trim_ascii_start();
    let (text, is_named) = match text {
        [b'U', b'T', b'C', rest @ ..] | [b'G', b'M', b'T', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    match text {
        [] if is_named => Some(Some(Offset::UTC)),
        [] => Some(None),
        b"Z" | b"z" if !is_named => Some(Some(Offset::UTC)),
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
        assert!(is_time_of_day(b"9:01 pm"));
        assert!(!is_time_of_day(b"0901"));
        let of_hours = TimeFormat::Text(DateOrder::YearFirst);
        assert_eq!(of_hours.parse(b"2004-08-19 13:00 PM", &TimeZone::UTC), None);
        assert_eq!(
            TimeFormat::Unit(9).parse(b"1.72316E+09", &TimeZone::UTC),
            None
        );
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
        let parse = |text: &str| {
            TimeFormat::Text(DateOrder::YearFirst)
                .parse(text.as_bytes(), &zone)
                .map(|s| s.ts)
        };
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

    #[test]
    fn dates_of_many_countries() {
        let check = |text: &str, format: TimeFormat, expected: &str| {
            let found = TimeFormat::of(text.as_bytes());
            assert_eq!(found, Some(format.clone()), "{text}");
            let found = format.parse(text.as_bytes(), &TimeZone::UTC).unwrap();
            assert_eq!(found.ts, Ts::parse(expected).unwrap(), "{text}");
        };
        let year_first = || TimeFormat::Text(DateOrder::YearFirst);
        let day_first = || TimeFormat::Text(DateOrder::DayFirst);
        let month_first = || TimeFormat::Text(DateOrder::MonthFirst);
        check(
            "01.02.2017 22:00:00.000",
            day_first(),
            "2017-02-01T22:00:00Z",
        );
        check("13/02/2024", day_first(), "2024-02-13");
        check("02/13/2024 9:30 PM", month_first(), "2024-02-13T21:30:00Z");
        check(
            "02/13/2024 12:05:01 am",
            month_first(),
            "2024-02-13T00:05:01Z",
        );
        check("2024-1-2 9:30", year_first(), "2024-01-02T09:30:00Z");
        check("2-Jan-2024", year_first(), "2024-01-02");
        check("Jan 2, 2024", year_first(), "2024-01-02");
        check(
            "02 January 2024 22:00 GMT+0100",
            year_first(),
            "2024-01-02T21:00:00Z",
        );
        check(
            "Tue, 02 Jan 2024 22:00:00 GMT",
            year_first(),
            "2024-01-02T22:00:00Z",
        );
        check("2024-Sept-02", year_first(), "2024-09-02");
        check(
            "20240809 093000123",
            year_first(),
            "2024-08-09T09:30:00.123Z",
        );
        check(
            "20240809-09:30:00.5",
            year_first(),
            "2024-08-09T09:30:00.5Z",
        );
        check(
            "2024-08-09 09:30:00,5",
            year_first(),
            "2024-08-09T09:30:00.5Z",
        );
        check("202408090930", TimeFormat::Compact, "2024-08-09T09:30:00Z");
        check(
            "20240809093001",
            TimeFormat::Compact,
            "2024-08-09T09:30:01Z",
        );
        check(
            "20240809093001250",
            TimeFormat::Compact,
            "2024-08-09T09:30:01.25Z",
        );
        // Nobody knows the century, or what is first.
        assert_eq!(TimeFormat::of(b"02/13/24"), None);
        assert_eq!(TimeFormat::of(b"13 Foo 2024"), None);
        assert_eq!(TimeFormat::of(b"202413090930"), Some(TimeFormat::Epoch(6)));
    }

    #[test]
    fn a_format_can_be_told() {
        let check = |told: &str, text: &str, expected: Option<&str>| {
            let format = TimeFormat::told(told).unwrap();
            let found = format.parse(text.as_bytes(), &TimeZone::UTC);
            let expected = expected.map(|text| Ts::parse(text).unwrap());
            assert_eq!(found.map(|stamped| stamped.ts), expected, "{told} {text}");
        };
        check("s", "100", Some("1970-01-01T00:01:40Z"));
        check("ms", "1723161255030", Some("2024-08-08T23:54:15.03Z"));
        check("day-first", "02/03/2024", Some("2024-03-02"));
        check("month-first", "02/03/2024", Some("2024-02-03"));
        check(
            "%m/%d/%y %H:%M",
            "02/03/24 09:30",
            Some("2024-02-03T09:30:00Z"),
        );
        check("%d %b %Y", "2 Mar 2024", Some("2024-03-02"));
        check(
            "%Y-%m-%d %H:%M %z",
            "2024-03-02 09:30 +0100",
            Some("2024-03-02T08:30:00Z"),
        );
        check("%Y-%m-%d", "02/03/2024", None);
        assert_eq!(TimeFormat::told("iso"), None);
    }

    #[test]
    fn the_unit_is_each_rows_own() {
        let parse = |text: &str| TimeFormat::Epoch(6).parse(text.as_bytes(), &TimeZone::UTC);
        let micros = parse("1735689600000000").unwrap();
        assert_eq!(
            (micros.ts, micros.unit),
            (Ts::parse("2025-01-01").unwrap(), 1_000)
        );
        let millis = parse("1735689600000").unwrap();
        assert_eq!((millis.ts, millis.unit), (micros.ts, 1_000_000));
        assert_eq!(parse("17356896000000"), None);
    }
}
