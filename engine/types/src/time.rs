//! Event time: nanoseconds since the Unix epoch, UTC. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Characters of a date without signs, such as `20240809`.
const COMPACT_DATE_LEN: usize = 8;

/// A length of time in nanoseconds.
pub type DurationNs = i64;

/// A text that is not a length of time.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text:?} is no length of time: expected a number with ns, us, ms, s or m, such as 250ms")]
pub struct DurationError {
    /// The text as given.
    pub text: String,
}

/// Parses a length of time from zero on, such as `250ms`: a whole number with `ns`, `us`, `ms`, `s` or `m`.
///
/// # Errors
/// [`DurationError`] with the text if it is none, or beyond 292 years.
pub fn parse_duration(text: &str) -> Result<DurationNs, DurationError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let nanos = match unit {
        "ns" => Some(1),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(NANOS_PER_SECOND),
        "m" => Some(60 * NANOS_PER_SECOND),
        _ => None,
    };
    let number = number.parse::<i64>().ok();
    number
        .zip(nanos)
        .and_then(|(number, nanos)| number.checked_mul(nanos))
        .ok_or_else(|| DurationError {
            text: text.to_owned(),
        })
}

/// An instant: `i64` nanoseconds since 1970-01-01T00:00:00Z (1677 to 2262).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ts(pub i64);

/// A text that is not a time.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{text:?} is not a time: expected e.g. 2024-08-09, 2024-08-09T00:00:01.5Z or nanoseconds since the epoch"
)]
pub struct TimeError {
    /// The text as given.
    pub text: String,
}

/// A text that is not a time, where people say one; see [`Ts::parse_by_digits`].
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SaidTimeError {
    /// Neither a date nor a time.
    #[error(
        "{0:?} is not a time: expected a date or a time of the years 1677 to 2262, such as 2024-08-09 or 2024-08-09T00:00:01.5Z, or a number since the epoch"
    )]
    Text(String),
    /// A number that does not say its unit.
    #[error(
        "{0:?} is not a time: a number since the epoch has 10 digits (seconds), 13 (milliseconds), 16 (microseconds) or 19 (nanoseconds)"
    )]
    Digits(String),
}

impl Ts {
    /// From milliseconds since the epoch; `None` if out of range.
    #[must_use]
    pub fn from_millis(ms: i64) -> Option<Ts> {
        ms.checked_mul(1_000_000).map(Ts)
    }

    /// From microseconds since the epoch; `None` if out of range.
    #[must_use]
    pub fn from_micros(us: i64) -> Option<Ts> {
        us.checked_mul(1_000).map(Ts)
    }

    /// From seconds since the epoch; `None` if out of range.
    #[must_use]
    pub fn from_secs(s: i64) -> Option<Ts> {
        s.checked_mul(NANOS_PER_SECOND).map(Ts)
    }

    /// Parses a date, an RFC 3339 time (UTC where no offset is given) or an integer of nanoseconds.
    ///
    /// # Errors
    /// [`TimeError`] with the text if it is none of these.
    pub fn parse(text: &str) -> Result<Ts, TimeError> {
        let fail = || TimeError {
            text: text.to_owned(),
        };
        if text.len() > 8
            && let Ok(nanos) = text.parse::<i64>()
        {
            return Ok(Ts(nanos));
        }
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return i64::try_from(stamp.as_nanosecond())
                .map(Ts)
                .map_err(|_| fail());
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| fail())?;
        let zoned = civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| fail())?;
        i64::try_from(zoned.timestamp().as_nanosecond())
            .map(Ts)
            .map_err(|_| fail())
    }

    /// Parses what people say: as [`Ts::parse`], but a number is of seconds, milliseconds, microseconds or nanoseconds by its digits.
    /// Eight digits are a date, and 0 is the epoch.
    ///
    /// # Errors
    /// [`SaidTimeError`] with the text if it is none of these.
    pub fn parse_by_digits(text: &str) -> Result<Ts, SaidTimeError> {
        let fail = || SaidTimeError::Text(text.to_owned());
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || text.len() == COMPACT_DATE_LEN {
            return Ts::parse(text).map_err(|_| fail());
        }
        let unit = match (digits, digits.len()) {
            ("0", _) | (_, 19) => 1,
            (_, 10) => NANOS_PER_SECOND,
            (_, 13) => 1_000_000,
            (_, 16) => 1_000,
            _ => return Err(SaidTimeError::Digits(text.to_owned())),
        };
        let number = text.parse::<i64>().ok();
        let nanos = number.and_then(|number| number.checked_mul(unit));
        nanos.map(Ts).ok_or_else(fail)
    }

    /// The UTC calendar date, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(self) -> String {
        let stamp = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        stamp.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    }
}

/// RFC 3339 in UTC with as many fraction digits as needed.
impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_people_write() {
        assert_eq!(
            Ts::parse("1970-01-02").unwrap(),
            Ts(86_400 * NANOS_PER_SECOND)
        );
        assert_eq!(
            Ts::parse("1970-01-01T00:00:01.5Z").unwrap(),
            Ts(1_500_000_000)
        );
        assert_eq!(Ts::parse("1970-01-01 00:00:02").unwrap(), Ts(2_000_000_000));
        assert_eq!(Ts::parse("1970-01-01T01:00:00+01:00").unwrap(), Ts(0));
        assert_eq!(
            Ts::parse("1723161255030314667").unwrap(),
            Ts(1_723_161_255_030_314_667)
        );
        assert!(Ts::parse("yesterday").is_err());
        assert!(Ts::parse("2024-13-01").is_err());
    }

    #[test]
    fn numbers_that_people_say_go_by_their_digits() {
        let day = Ts(1_704_412_800 * NANOS_PER_SECOND);
        for text in [
            "2024-01-05",
            "20240105",
            "2024-01-05T00:00:00Z",
            "1704412800",
            "1704412800000",
            "1704412800000000",
            "1704412800000000000",
            "+1704412800",
        ] {
            assert_eq!(Ts::parse_by_digits(text), Ok(day), "{text}");
        }
        assert_eq!(Ts::parse_by_digits("0"), Ok(Ts(0)));
        assert_eq!(
            Ts::parse_by_digits("-1704412800"),
            Ok(Ts(-1_704_412_800 * NANOS_PER_SECOND))
        );
        let digits = ["5", "2024", "170441280", "17044128000", "-86400000000"];
        for text in digits.into_iter().chain(["20240105093000"]) {
            let expected = SaidTimeError::Digits(text.to_owned());
            assert_eq!(Ts::parse_by_digits(text), Err(expected), "{text}");
        }
        // No text, no day, and seconds beyond 2262.
        for text in ["", "-", "soon", "20241301", "9999999999"] {
            let expected = SaidTimeError::Text(text.to_owned());
            assert_eq!(Ts::parse_by_digits(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        let check = |text, expected| assert_eq!(parse_duration(text).ok(), expected, "{text}");
        check("250ms", Some(250_000_000));
        check("0s", Some(0));
        check("3m", Some(180_000_000_000));
        check("7us", Some(7_000));
        check("1ns", Some(1));
        for wrong in ["", "5", "ms", "-1s", "1.5s", "1 s", "9223372036854775807s"] {
            check(wrong, None);
        }
    }

    #[test]
    fn prints_what_it_parses() {
        let ts = Ts(1_723_161_255_030_314_667);
        assert_eq!(ts.to_string(), "2024-08-08T23:54:15.030314667Z");
        assert_eq!(Ts::parse(&ts.to_string()).unwrap(), ts);
        assert_eq!(ts.date(), "2024-08-08");
    }
}
