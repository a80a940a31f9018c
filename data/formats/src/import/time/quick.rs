//! Times in the forms that most files have, read with little work. What it reads is what [`TimeFormat::parse`] reads; where a text is in
//! another form, or wrong, it reads nothing, and who asks goes the other way.

use super::{DateOrder, NANOS_PER_SECOND, Stamped, TimeFormat, date, instant};
use crate::import::text::{Digits, digits_at};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use tickloom_types::{Ts, pow10};

/// Bytes of a date that is remembered.
const DATE_BYTES_MAX: usize = 12;
/// Years in which every instant in any zone is one of a timestamp.
const YEARS: std::ops::RangeInclusive<i16> = 1700..=2250;

/// Reads times of one format.
pub(crate) struct QuickTimes {
    way: Way,
    /// The zone of times that name none, unless it is UTC.
    zone: Option<TimeZone>,
    day: Option<Day>,
}

#[derive(Clone, Copy)]
enum Way {
    /// A number since the epoch, in the unit that its digits say.
    Epoch,
    /// A number since the epoch in a unit of so many decimals.
    Unit(u8),
    Text(DateOrder),
}

/// A date that was read: rows of one day follow each other.
struct Day {
    text: [u8; DATE_BYTES_MAX],
    len: usize,
    date: Date,
    /// Its midnight in UTC.
    start: i64,
}

/// A time of day in digits of two.
#[derive(Clone, Copy)]
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    nanos: i32,
    is_utc: bool,
}

impl QuickTimes {
    /// For times of this format; `None` for one whose times are not read here.
    pub(crate) fn of(format: &TimeFormat, zone: &TimeZone) -> Option<QuickTimes> {
        let way = match format {
            TimeFormat::Epoch(_) => Way::Epoch,
            TimeFormat::Unit(decimals) => Way::Unit(*decimals),
            TimeFormat::Text(order) => Way::Text(*order),
            _ => return None,
        };
        Some(QuickTimes {
            way,
            zone: (*zone != TimeZone::UTC).then(|| zone.clone()),
            day: None,
        })
    }

    /// Whether its times are digits alone.
    #[inline]
    pub(crate) fn are_digits(&self) -> bool {
        !matches!(self.way, Way::Text(_))
    }

    /// The time that so many digits are, of a field that has nothing else.
    #[inline]
    pub(crate) fn of_digits(&self, digits: Digits) -> Option<Stamped> {
        let decimals = match (self.way, digits.count) {
            (Way::Epoch, 9 | 10) => 9,
            (Way::Epoch, 12 | 13) => 6,
            (Way::Epoch, 15 | 16) => 3,
            (Way::Epoch, 18 | 19) => 0,
            (Way::Unit(decimals), 1..=18) if digits.count + usize::from(decimals) <= 19 => decimals,
            _ => return None,
        };
        let unit = pow10(decimals);
        let ts = i64::try_from(digits.value).ok()?.checked_mul(unit)?;
        Some(Stamped::at(Ts(ts), unit))
    }

    /// The time that a field says, which has no spaces around it.
    #[inline]
    pub(crate) fn of_field(&mut self, field: &[u8]) -> Option<Stamped> {
        let Way::Text(order) = self.way else {
            let digits = digits_at(field, 0)?;
            let is_whole = digits.count == field.len();
            return is_whole.then(|| self.of_digits(digits)).flatten();
        };
        let at = match self.day.as_ref().map(|day| day.len) {
            Some(len) if matches!(field.get(len), None | Some(b' ' | b'T')) => len.min(field.len()),
            _ => {
                let end = field.iter().position(|b| matches!(b, b' ' | b'T'));
                end.unwrap_or(field.len())
            }
        };
        let (date, rest) = field.split_at(at);
        self.find_day(date, order)?;
        match rest {
            [] => {
                let day = self.day.as_ref()?;
                Some(Stamped {
                    ts: Ts(day.start),
                    is_date: true,
                    unit: NANOS_PER_SECOND,
                })
            }
            [_, clock @ ..] => self.at(Clock::read(clock)?),
        }
    }

    /// The time that a date and a time of day in a field of its own say.
    #[inline]
    pub(crate) fn of_fields(&mut self, date: &[u8], time_of_day: &[u8]) -> Option<Stamped> {
        let Way::Text(order) = self.way else {
            return None;
        };
        self.find_day(date, order)?;
        self.at(Clock::read(time_of_day)?)
    }

    /// Has `day` be this date, which ends with a digit.
    #[inline]
    fn find_day(&mut self, text: &[u8], order: DateOrder) -> Option<()> {
        if let Some(day) = &self.day
            && day.text.get(..day.len) == Some(text)
        {
            return Some(());
        }
        if text.len() > DATE_BYTES_MAX || !text.last()?.is_ascii_digit() {
            return None;
        }
        let (date, []) = date(text, order)? else {
            return None;
        };
        if !YEARS.contains(&date.year()) {
            return None;
        }
        let start = instant(date.to_datetime(Time::midnight()), &TimeZone::UTC)?.0;
        let mut kept = [0; DATE_BYTES_MAX];
        kept[..text.len()].copy_from_slice(text);
        self.day = Some(Day {
            text: kept,
            len: text.len(),
            date,
            start,
        });
        Some(())
    }

    /// The time of a clock on the day that was found.
    #[inline]
    fn at(&self, clock: Clock) -> Option<Stamped> {
        let day = self.day.as_ref()?;
        let ts = match &self.zone {
            Some(zone) if !clock.is_utc => instant(day.date.to_datetime(clock.time()?), zone)?,
            _ => Ts(day.start + clock.nanos()),
        };
        Some(Stamped {
            ts,
            is_date: false,
            unit: NANOS_PER_SECOND,
        })
    }
}

impl Clock {
    /// `09:30`, `09:30:00` or `09:30:00.123456789`, and perhaps a `Z`.
    #[inline]
    fn read(text: &[u8]) -> Option<Clock> {
        let (text, is_utc) = match text {
            [text @ .., b'Z'] => (text, true),
            _ => (text, false),
        };
        let (hour, minute, second, fraction) = match text {
            [a, b, b':', c, d] => (two(*a, *b)?, two(*c, *d)?, 0, &[][..]),
            [a, b, b':', c, d, b':', e, f, rest @ ..] => {
                (two(*a, *b)?, two(*c, *d)?, two(*e, *f)?, rest)
            }
            _ => return None,
        };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nanos = match fraction {
            [] => 0,
            [b'.', fraction @ ..] => {
                let digits = digits_at(fraction, 0)?;
                let decimals = u8::try_from(digits.count)
                    .ok()
                    .filter(|count| (1..=9).contains(count))?;
                if digits.count != fraction.len() {
                    return None;
                }
                i32::try_from(digits.value.cast_signed() * pow10(9 - decimals)).ok()?
            }
            _ => return None,
        };
        Some(Clock {
            hour,
            minute,
            second,
            nanos,
            is_utc,
        })
    }

    /// Nanoseconds since midnight.
    #[inline]
    fn nanos(self) -> i64 {
        let seconds =
            i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second);
        seconds * NANOS_PER_SECOND + i64::from(self.nanos)
    }

    fn time(self) -> Option<Time> {
        let part = |part: u8| i8::try_from(part).ok();
        let (hour, minute, second) = (part(self.hour)?, part(self.minute)?, part(self.second)?);
        Time::new(hour, minute, second, self.nanos).ok()
    }
}

/// Two digits.
#[inline]
fn two(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then_some(tens.wrapping_mul(10).wrapping_add(ones))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMATS: [TimeFormat; 8] = [
        TimeFormat::Epoch(9),
        TimeFormat::Epoch(0),
        TimeFormat::Unit(0),
        TimeFormat::Unit(6),
        TimeFormat::Unit(9),
        TimeFormat::Text(DateOrder::YearFirst),
        TimeFormat::Text(DateOrder::DayFirst),
        TimeFormat::Text(DateOrder::MonthFirst),
    ];

    /// What is read quickly of these texts, one after the other, is what is read of each alone. How many were.
    fn agree(texts: &[&str]) -> usize {
        let mut read = 0;
        for zone in ["UTC", "America/New_York", "Asia/Kolkata"] {
            let zone = TimeZone::get(zone).unwrap();
            for format in FORMATS {
                let mut quick = QuickTimes::of(&format, &zone).unwrap();
                for text in texts {
                    let Some(found) = quick.of_field(text.as_bytes()) else {
                        continue;
                    };
                    read += 1;
                    let slow = format.parse(text.as_bytes(), &zone);
                    assert_eq!(Some(found), slow, "{format:?} {text:?} {zone:?}");
                    if let Some((date, time)) = text.split_once(' ')
                        && let Some(found) = quick.of_fields(date.as_bytes(), time.as_bytes())
                    {
                        assert_eq!(Some(found), slow, "{format:?} {text:?} {zone:?}");
                    }
                }
            }
        }
        read
    }

    #[test]
    fn common_times_are_read_and_the_same() {
        let texts = [
            "2024-01-02 09:30:00",
            "2024-01-02 09:31",
            "2024-01-02T09:32:59.123456789Z",
            "2024-01-03",
            "20240103",
            "2024/1/3 09:30:00",
            "13/02/2024 09:30",
            "02/13/2024 09:30",
            "2-Jan-2024 09:30",
            "2024-03-10 02:30:00",
            "2024-11-03 01:30:00",
            "1723161255",
            "1723161255030",
            "1723161255030314",
        ];
        assert!(agree(&texts) > 100);
        let utc = TimeZone::UTC;
        let mut quick = QuickTimes::of(&TimeFormat::Text(DateOrder::YearFirst), &utc).unwrap();
        let read = |quick: &mut QuickTimes, text: &str| {
            quick.of_field(text.as_bytes()).map(|stamped| stamped.ts)
        };
        let at = |text: &str| Some(Ts::parse(text).unwrap());
        assert_eq!(
            read(&mut quick, "2024-01-02 09:30:00"),
            at("2024-01-02T09:30:00Z")
        );
        assert_eq!(
            read(&mut quick, "2024-01-02 23:59:59.5"),
            at("2024-01-02T23:59:59.5Z")
        );
        for other in [
            "2024-01-02 24:00:00",
            "2024-01-02 09:30:60",
            "2024-01-02 09:30:00+01:00",
            "2024-01-0209:30:00",
            "2024-01-02 ",
            "2024-01-02 09:30:00.",
            "2024-01-021",
            "",
        ] {
            assert_eq!(read(&mut quick, other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn as_the_format_reads_it(
            texts in proptest::collection::vec("[0-9]{1,4}[-/. ]?[0-9JanFeb]{1,4}[-/. ]?[0-9]{1,4}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{0,10})?)?(Z|\\+01:00| UTC)?)?", 1..8),
            digits in proptest::collection::vec("[0-9]{1,20}(\\.[0-9]{1,3})?", 1..4),
            any in proptest::collection::vec("[ -~]{0,24}", 1..4),
            written in proptest::collection::vec((0_i64..4_102_444_800, 0_u32..1_000_000_000, 0_usize..10), 1..6),
        ) {
            let written: Vec<String> = written
                .into_iter()
                .map(|(seconds, nanos, decimals)| {
                    let at = jiff::Timestamp::new(seconds, i32::try_from(nanos).unwrap()).unwrap();
                    let local = jiff::tz::Offset::UTC.to_datetime(at);
                    format!("{} {:02}:{:02}:{:02}.{:.*}", local.date(), local.hour(), local.minute(), local.second(), decimals, format!("{nanos:09}"))
                })
                .collect();
            let texts: Vec<&str> = texts.iter().chain(&digits).chain(&any).chain(&written).map(String::as_str).collect();
            agree(&texts);
        }
    }
}
