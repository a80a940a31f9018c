//! Numbers that are times in two ways: since the epoch, and in a way in which other programs write them.

use super::ticks::Ticks;
use super::{Stamped, TimeFormat, epoch_decimals, unit_name, unit_told};
use crate::import::cells::DAY_NS;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// What a number is in two ways.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The number with both readings.
    pub(crate) found: String,
    /// What settles it.
    pub(crate) expected: String,
}

impl Reading {
    fn of(text: &[u8], ways: [(Ts, &str); 2], told: [&str; 2]) -> Reading {
        let text = String::from_utf8_lossy(text);
        let [(first, first_is), (second, second_is)] = ways;
        Reading {
            found: format!("{text:?}, which is {first} as {first_is} or {second} as {second_is}"),
            expected: format!("--time-format {} or --time-format {}", told[0], told[1]),
        }
    }
}

/// The readings of numbers of 18 digits that all are ticks of .NET, or of Windows, of the years 1990 to 2100: as nanoseconds since the epoch
/// they are of some months about 1974 or 1990.
pub(crate) fn other_epoch(texts: &[Vec<u8>]) -> Option<Reading> {
    const DIGITS: usize = 18;
    let first = texts.first()?;
    if let Some(reading) = not_yet(texts) {
        return Some(reading);
    }
    let years = Ts::parse("1990-01-01").ok()?..Ts::parse("2100-01-01").ok()?;
    [Ticks::Net, Ticks::File].into_iter().find_map(|ticks| {
        let is_one = |text: &Vec<u8>| {
            let stamped = ticks.parse(text).filter(|_| text.len() == DIGITS);
            stamped.is_some_and(|stamped| years.contains(&stamped.ts))
        };
        let other = ticks.parse(first).filter(|_| texts.iter().all(is_one))?;
        let as_nanos = TimeFormat::Unit(0).parse(first, &TimeZone::UTC)?;
        let ways = [
            (as_nanos.ts, "nanoseconds since the epoch"),
            (other.ts, ticks.words()),
        ];
        Some(Reading::of(first, ways, ["ns", ticks.name()]))
    })
}

/// The readings of seconds that since 1970 lie in the future, and since 1960, as SAS counts them, or 1904, as macOS did, do not.
fn not_yet(texts: &[Vec<u8>]) -> Option<Reading> {
    const DIGITS: usize = 10;
    /// Seconds from the begin of 1960, and of 1904, to that of 1970.
    const OTHERS: [(i64, &str); 2] = [
        (315_619_200, "seconds since 1960, as SAS counts them"),
        (2_082_844_800, "seconds since 1904"),
    ];
    // A clock that is behind does not make times of these years doubtful.
    let known = Ts::parse("2027-01-01").ok()?.0;
    let now = i64::try_from(Timestamp::now().as_nanosecond()).ok()?;
    let latest = now.max(known).checked_add(2 * DAY_NS)?;
    let seconds = |text: &Vec<u8>| -> Option<i64> {
        let whole = text.split(|b| *b == b'.').next()?;
        let whole = std::str::from_utf8(whole).ok()?;
        whole.parse().ok().filter(|_| whole.len() == DIGITS)
    };
    let ts = |text: &Vec<u8>, less: i64| {
        let seconds = seconds(text)?.checked_sub(less)?;
        seconds.checked_mul(NANOS_PER_SECOND).map(Ts)
    };
    let is_late = |text: &Vec<u8>| ts(text, 0).is_some_and(|ts| ts.0 > latest);
    let are_dates = texts.iter().all(|text| short_year(text).is_some());
    if are_dates || !texts.iter().all(is_late) {
        return None;
    }
    let first = texts.first()?;
    let (less, words) = OTHERS.into_iter().find(|(less, _)| {
        let is_one =
            |text: &Vec<u8>| ts(text, *less).is_some_and(|ts| (0..=latest).contains(&ts.0));
        texts.iter().all(is_one)
    })?;
    let ways = [
        (ts(first, 0)?, "seconds since the epoch, in the future,"),
        (ts(first, less)?, words),
    ];
    let mut reading = Reading::of(first, ways, ["s", "s"]);
    "--time-format s, or times since 1970 or written as dates".clone_into(&mut reading.expected);
    Some(reading)
}

/// The time that digits are with a year of two digits, and the pattern of that: `2401020930` is 2024-01-02 09:30.
fn with_short_year(text: &[u8]) -> Option<(Stamped, &'static str)> {
    let pattern = match text.len() {
        10 => "%y%m%d%H%M",
        12 | 15 | 18 => "%y%m%d%H%M%S",
        _ => return None,
    };
    let whole = [b"20", text].concat();
    let whole = whole.get(..whole.len().min(14))?;
    let stamped = TimeFormat::Compact.parse(whole, &TimeZone::UTC)?;
    text.iter()
        .all(u8::is_ascii_digit)
        .then_some((stamped, pattern))
}

/// The readings of a number since the epoch that is a date with a year of two digits and a time of day too.
pub(crate) fn short_year(text: &[u8]) -> Option<Reading> {
    let (short, pattern) = with_short_year(text)?;
    let decimals = epoch_decimals(text)?;
    let since = TimeFormat::Unit(decimals).parse(text, &TimeZone::UTC)?;
    let unit = format!("{} since the epoch", unit_name(decimals));
    let told = unit_told(decimals);
    let ways = [
        (since.ts, unit.as_str()),
        (short.ts, "a date with a year of two digits"),
    ];
    Some(Reading::of(text, ways, [told, pattern]))
}

/// The readings of numbers of few digits that are seconds of the years from 1970 on, or milliseconds of its first days: they begin at
/// zero, or are whole minutes of milliseconds apart.
pub(crate) fn early(texts: &[Vec<u8>]) -> Option<Reading> {
    const MINUTE_MS: i64 = 60_000;
    let number = |text: &Vec<u8>| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let numbers: Vec<i64> = texts.iter().map(number).collect::<Option<_>>()?;
    let least = numbers.iter().min()?;
    let are_minutes = numbers
        .iter()
        .all(|number| (number - least) % MINUTE_MS == 0);
    if *least < 0 || *least > 0 && !are_minutes || numbers.len() < 2 {
        return None;
    }
    let last = texts.last()?;
    let of = |decimals: u8| TimeFormat::Unit(decimals).parse(last, &TimeZone::UTC);
    let ways = [
        (of(9)?.ts, "seconds since the epoch"),
        (of(6)?.ts, "milliseconds since the epoch"),
    ];
    Some(Reading::of(last, ways, ["s", "ms"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn ticks_of_other_epochs() {
        // 2024-01-02 09:30 UTC is 1704187800 s since 1970, 63839784600 since the year 1, and 13348661400 since 1601.
        let net = other_epoch(&texts(&["638397846000000000", "638397846600000000"])).unwrap();
        assert_eq!(
            net.found,
            "\"638397846000000000\", which is 1990-03-25T20:44:06Z as nanoseconds since the epoch or 2024-01-02T09:30:00Z as ticks of .NET"
        );
        assert_eq!(net.expected, "--time-format ns or --time-format dotnet");
        let file = other_epoch(&texts(&["133486614000000000"])).unwrap();
        assert!(
            file.found
                .ends_with("or 2024-01-02T09:30:00Z as FILETIME of Windows"),
            "{file:?}"
        );
        for other in [
            "1704187800000000000",
            "999999999000000000",
            "63839784600000000",
        ] {
            assert_eq!(other_epoch(&texts(&[other])), None, "{other}");
        }
    }

    #[test]
    fn years_of_two_digits() {
        let found = short_year(b"2401020930").unwrap();
        assert_eq!(
            found.found,
            "\"2401020930\", which is 2046-01-31T14:15:30Z as seconds since the epoch or 2024-01-02T09:30:00Z as a date with a year of two digits"
        );
        assert_eq!(
            found.expected,
            "--time-format s or --time-format %y%m%d%H%M"
        );
        let seconds = short_year(b"240102093000").unwrap();
        assert!(
            seconds.found.contains("2024-01-02T09:30:00Z"),
            "{seconds:?}"
        );
        for other in ["1704187800", "1704187800000", "202401020930", "20240102"] {
            assert_eq!(short_year(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn numbers_from_zero_on() {
        let found = early(&texts(&["0", "86400000", "172800000"])).unwrap();
        assert_eq!(
            found.found,
            "\"172800000\", which is 1975-06-24T00:00:00Z as seconds since the epoch or 1970-01-03T00:00:00Z as milliseconds since the epoch"
        );
        assert_eq!(found.expected, "--time-format s or --time-format ms");
        assert!(early(&texts(&["90000000", "90060000"])).is_some());
        // Days of 1972 in seconds, and days before and after 1970.
        assert_eq!(early(&texts(&["63158400", "63244800", "63331200"])), None);
        assert_eq!(early(&texts(&["-86400", "0", "86400"])), None);
    }
}
