//! How large a bar is: by time, by number of trades or by volume.

use crate::time::{DurationNs, NANOS_PER_SECOND, Ts};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The size of a bar, written `250us 500ms 1s 5m 1h 1d 1w` (time), `100t` (trades) or `25v` (units of volume). Each size is written as it is
/// read again: time in the longest unit that it is whole numbers of, down to `ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BarSpec {
    /// Time bars, aligned to the epoch in UTC (weeks to Monday); the length in nanoseconds, above zero.
    Time(DurationNs),
    /// Bars of so many trades, above zero.
    Ticks(u32),
    /// Bars that close once so many whole units have traded, above zero.
    Volume(u64),
}

/// A text that is not a bar size.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{text:?} is not a bar size: expected a number and one of ns us ms s m h d w (time), t (trades), v (volume), e.g. 5m"
)]
pub struct BarSpecError {
    /// The text as given.
    pub text: String,
}

const DAY: DurationNs = 86_400 * NANOS_PER_SECOND;
/// 1970-01-01 was a Thursday: weeks start on the Monday before it.
const WEEK_OFFSET: DurationNs = -3 * DAY;
const UNITS: [(&str, DurationNs); 8] = [
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl BarSpec {
    /// For a bar that closed at `ts`, the time after which it surely began: of a time bar its length before; of the others the close, as
    /// they have no length.
    #[must_use]
    pub fn begin(self, ts: Ts) -> Ts {
        match self {
            BarSpec::Time(length) => Ts(ts.0.saturating_sub(length)),
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        }
    }

    /// For time bars, the close of the bar that `ts` belongs to: the smallest boundary above `ts`. `None` for the others, or out of range.
    #[must_use]
    pub fn close_after(self, ts: Ts) -> Option<Ts> {
        let BarSpec::Time(length) = self else {
            return None;
        };
        let offset = if length % (7 * DAY) == 0 {
            WEEK_OFFSET
        } else {
            0
        };
        let start = ts.0.checked_sub(offset)?.div_euclid(length);
        start
            .checked_add(1)?
            .checked_mul(length)?
            .checked_add(offset)
            .map(Ts)
    }
}

impl FromStr for BarSpec {
    type Err = BarSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || BarSpecError {
            text: text.to_owned(),
        };
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
        let (count, unit) = text.split_at(at);
        let count: u64 = count.parse().map_err(|_| fail())?;
        if count == 0 {
            return Err(fail());
        }
        match unit {
            "t" => return u32::try_from(count).map(BarSpec::Ticks).map_err(|_| fail()),
            "v" => return Ok(BarSpec::Volume(count)),
            _ => {}
        }
        let (_, length) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(fail)?;
        let count = i64::try_from(count).map_err(|_| fail())?;
        count
            .checked_mul(*length)
            .map(BarSpec::Time)
            .ok_or_else(fail)
    }
}

impl fmt::Display for BarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarSpec::Ticks(count) => write!(f, "{count}t"),
            BarSpec::Volume(units) => write!(f, "{units}v"),
            BarSpec::Time(length) => {
                let whole = UNITS.iter().find(|(_, unit)| length % unit == 0);
                let (name, unit) = whole.unwrap_or(&("ns", 1));
                write!(f, "{}{name}", length / unit)
            }
        }
    }
}

impl TryFrom<String> for BarSpec {
    type Error = BarSpecError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BarSpec> for String {
    fn from(spec: BarSpec) -> String {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "1ns", "60us", "500ms", "1s", "5m", "1h", "1d", "1w", "100t", "25v",
        ] {
            assert_eq!(text.parse::<BarSpec>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "m",
            "0m",
            "5",
            "5y",
            "-1m",
            "1 m",
            "99999999999s",
            "4294967296t",
        ] {
            assert!(text.parse::<BarSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_written_in_its_longest_unit() {
        for (spec, text) in [
            (BarSpec::Time(60_000), "60us"),
            (BarSpec::Time(60_001), "60001ns"),
            (BarSpec::Time(5_000_000_001_000_000), "5000000001ms"),
            (BarSpec::Time(i64::MAX), "9223372036854775807ns"),
            (BarSpec::Time(14 * DAY), "2w"),
            (BarSpec::Ticks(u32::MAX), "4294967295t"),
            (BarSpec::Volume(u64::MAX), "18446744073709551615v"),
        ] {
            assert_eq!(spec.to_string(), text);
            assert_eq!(text.parse(), Ok(spec));
        }
    }

    /// Lengths that are whole numbers of any unit, and all others.
    fn specs() -> impl Strategy<Value = BarSpec> {
        let in_units = (0..UNITS.len(), 1..=i64::MAX).prop_map(|(unit, count)| {
            let unit = UNITS[unit].1;
            BarSpec::Time(count % (i64::MAX / unit) * unit + unit)
        });
        prop_oneof![
            (1..=i64::MAX).prop_map(BarSpec::Time),
            in_units,
            (1..=u32::MAX).prop_map(BarSpec::Ticks),
            (1..=u64::MAX).prop_map(BarSpec::Volume),
        ]
    }

    proptest! {
        #[test]
        fn any_size_is_read_as_it_was_written(spec in specs()) {
            prop_assert_eq!(spec.to_string().parse(), Ok(spec));
            let json = serde_json::to_string(&spec).unwrap();
            prop_assert_eq!(serde_json::from_str::<BarSpec>(&json).unwrap(), spec);
        }
    }

    #[test]
    fn time_bars_close_on_the_boundary_above() {
        let minute: BarSpec = "1m".parse().unwrap();
        assert_eq!(minute.close_after(Ts(0)), Some(Ts(60_000_000_000)));
        assert_eq!(
            minute.close_after(Ts(59_999_999_999)),
            Some(Ts(60_000_000_000))
        );
        assert_eq!(
            minute.close_after(Ts(60_000_000_000)),
            Some(Ts(120_000_000_000))
        );
        assert_eq!(minute.close_after(Ts(-1)), Some(Ts(0)));
        let week: BarSpec = "1w".parse().unwrap();
        let close = week.close_after(Ts::parse("2024-08-09").unwrap()).unwrap();
        assert_eq!(close, Ts::parse("2024-08-12").unwrap());
        assert_eq!(BarSpec::Ticks(5).close_after(Ts(0)), None);
    }
}
