//! The zone of times that name none.

use super::{Layout, Puzzle, plain};
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
use crate::import::time::named_zone;
use jiff::tz::{Offset, TimeZone};

impl Layout {
    /// The zone of times that name none: as given, as the file says, or UTC.
    pub(crate) fn zone(&self, options: &ImportOptions) -> Option<TimeZone> {
        match &options.zone {
            Some(name) => zone(name),
            None => Some(self.known.zone.clone().unwrap_or(TimeZone::UTC)),
        }
    }

    /// Says that times of day are taken as UTC, of a text in which neither they nor anything else says a zone.
    pub(crate) fn note_zone(&mut self, data: &[Fields], options: &ImportOptions) {
        if options.zone.is_some() || self.known.zone.is_some() {
            return;
        }
        let elsewhere = TimeZone::fixed(Offset::constant(5));
        let is_local = |row: &Fields| {
            let text = self.time_text(row);
            let [here, there] =
                [&TimeZone::UTC, &elsewhere].map(|zone| self.time.parse(&text, zone));
            here.zip(there)
                .is_some_and(|(here, there)| !here.is_date && here.ts != there.ts)
        };
        let whole = data.iter().filter(|row| row.len() == self.names.len());
        if whole.take(FIRST_ROWS).any(is_local) {
            let note = "times say no zone: taken as UTC (--zone says another)";
            self.notes.push(note.to_owned());
        }
    }
}

/// Rows that show whether times say a zone.
const FIRST_ROWS: usize = 8;
/// Zones by which columns of times are called, beside those in brackets.
const ABBREVIATIONS: [&str; 32] = [
    "utc", "gmt", "eet", "eest", "cet", "cest", "met", "wet", "est", "edt", "et", "cst", "cdt",
    "ct", "mst", "mdt", "mt", "pst", "pdt", "pt", "bst", "ist", "jst", "kst", "hkt", "sgt", "aest",
    "aedt", "msk", "mez", "mesz", "wib",
];
/// Words beside `time` that say a zone, though not which.
const PLACES: [&str; 12] = [
    "local", "server", "broker", "eastern", "central", "pacific", "new york", "chicago", "london",
    "ny", "berlin", "tokyo",
];

/// Words in brackets that say no zone.
const UNITS: [&str; 22] = [
    "s",
    "sec",
    "secs",
    "second",
    "seconds",
    "ms",
    "millis",
    "milliseconds",
    "us",
    "micros",
    "microseconds",
    "ns",
    "nanos",
    "nanoseconds",
    "unix",
    "epoch",
    "iso",
    "open",
    "close",
    "start",
    "end",
    "bar",
];

/// What the name of a column of times says of their zone: `Time (EET)`, `time_est`, `EET time`, `Time UTC+2`. What it is called without that, and
/// the zone.
pub(super) fn zone_word(name: &str) -> Option<(&str, &str)> {
    let name = name.trim();
    if let Some(inner) = name.strip_suffix([')', ']'])
        && let Some((before, word)) = inner.rsplit_once(['(', '['])
    {
        let word = word.trim();
        let lower = word.to_lowercase();
        let is_format = lower.contains("yy") || lower.bytes().all(|b| b"ymdhs:/-. ".contains(&b));
        let is_word = word.len() > 1
            && word.chars().all(|c| c.is_alphabetic() || " /_".contains(c))
            && !UNITS.contains(&lower.as_str());
        let is_zone = header_zone(word).is_some() || is_word;
        return (is_zone && !is_format).then_some((before, word));
    }
    if let Some(at) = offset_at(name) {
        return Some((name[..at].trim_end_matches(SIGNS), &name[at..]));
    }
    let is_abbreviation = |word: &str| ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str());
    if let Some((before, word)) = name.rsplit_once(SIGNS)
        && !before.is_empty()
        && (is_abbreviation(word) || PLACES.contains(&word.to_ascii_lowercase().as_str()))
    {
        return Some((before, word));
    }
    let (word, rest) = name.rsplit_once(SIGNS)?;
    let is_time =
        ["time", "date", "datetime", "timestamp"].contains(&rest.to_ascii_lowercase().as_str());
    let lower = word.to_ascii_lowercase();
    let is_zone = is_abbreviation(word) && word.len() > 2 || PLACES.contains(&lower.as_str());
    (is_time && is_zone).then_some((rest, word))
}

/// What parts the words of a name.
const SIGNS: [char; 5] = [' ', '_', '.', '-', '/'];

/// Where a name says how far its times are from UTC: `UTC+2`, `gmt-05:00`, or an offset of four digits behind a space.
fn offset_at(name: &str) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let begin = lower.rfind("utc").or(lower.rfind("gmt"));
    if let Some(at) = begin
        && lower[at + 3..]
            .trim_start()
            .starts_with(['+', '-', '\u{2212}'])
        && lower[at + 3..].contains(|c: char| c.is_ascii_digit())
    {
        return Some(at);
    }
    let at = lower.rfind(' ')? + 1;
    let offset = lower[at..].strip_prefix(['+', '-', '\u{2212}'])?;
    let is_offset = offset.len() >= 4 && offset.bytes().all(|b| b.is_ascii_digit() || b == b':');
    is_offset.then_some(at)
}

/// The zone that a word in the name of a column is, if it is one alone.
fn header_zone(word: &str) -> Option<TimeZone> {
    let upper = word.to_ascii_uppercase().replace('\u{2212}', "-");
    let rest = upper.strip_prefix("UTC").or(upper.strip_prefix("GMT"));
    match rest.unwrap_or(&upper).trim() {
        "" | "Z" => Some(TimeZone::UTC),
        offset if offset.starts_with(['+', '-']) => {
            let (sign, digits) = offset.split_at(1);
            let (hours, minutes) = match digits.split_once(':') {
                Some(both) => both,
                None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
                None => (digits, "00"),
            };
            zone(&format!("{sign}{hours:0>2}:{minutes}"))
        }
        _ => named_zone(word),
    }
}

impl Layout {
    /// Takes the zone that the name of the column of times says. One that is not known has to be told, unless the times say their own.
    pub(super) fn set_header_zone(
        &mut self,
        data: &[Fields],
        options: &ImportOptions,
        is_instant: bool,
    ) -> Result<(), Puzzle> {
        if options.zone.is_some() || is_instant {
            return Ok(());
        }
        let (time, time_of_day) = self.time_columns();
        let mut names = [Some(time), time_of_day].into_iter().flatten();
        let Some(word) = names.find_map(|at| zone_word(&self.names[at]).map(|(_, word)| word))
        else {
            return Ok(());
        };
        match header_zone(word) {
            Some(zone) => {
                if zone != TimeZone::UTC {
                    self.notes.push(format!(
                        "times are in the zone {word:?}, as their column says"
                    ));
                }
                self.known.zone = Some(zone);
                Ok(())
            }
            None => {
                let word = word.to_owned();
                let texts: Vec<Vec<u8>> = data
                    .iter()
                    .map(|row| self.time_text(row).into_owned())
                    .collect();
                let of = match word.to_lowercase().as_str() {
                    "local" => "of no zone".to_owned(),
                    _ => format!("in a zone called {word:?}"),
                };
                self.check_zone(&texts, &of)
            }
        }
    }

    /// Local times need a zone, of their own or told.
    pub(super) fn check_local(&self, texts: &[Vec<u8>]) -> Result<(), Puzzle> {
        let name = plain(&self.names[self.time_columns().0]);
        match name == "localtime" {
            true => self.check_zone(texts, "of no zone"),
            false => Ok(()),
        }
    }

    fn check_zone(&self, texts: &[Vec<u8>], of: &str) -> Result<(), Puzzle> {
        let read = |text: &Vec<u8>, hours| {
            let zone = TimeZone::fixed(jiff::tz::offset(hours));
            let format = crate::import::time::TimeFormat::of(text)?;
            format.parse(text, &zone).map(|stamped| stamped.ts)
        };
        match texts.iter().find(|text| read(text, 0) != read(text, 1)) {
            Some(text) => Err((
                format!("a local time {:?} {of}", String::from_utf8_lossy(text)),
                "--zone, as an IANA zone such as Europe/Berlin or America/New_York, or UTC"
                    .to_owned(),
            )),
            None => Ok(()),
        }
    }
}

/// A zone by its IANA name, or a fixed offset such as `-05:00`.
fn zone(name: &str) -> Option<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let (sign, rest) = match name.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [a, b, b':', c, d] => ([a, b], [c, d]),
        _ => return None,
    };
    let number = |digits: [&u8; 2]| {
        let text = digits.map(|digit| char::from(*digit));
        String::from_iter(text).parse::<u8>().ok().map(i32::from)
    };
    let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
    let seconds = sign * (number(hours)? * 3_600 + minutes * 60);
    Some(TimeZone::fixed(
        jiff::tz::Offset::from_seconds(seconds).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a column is called without its zone, and how far that is from UTC in winter; none if the zone is not one.
    #[test]
    fn names_of_columns_say_zones() {
        let winter = "2024-01-01T00:00:00Z".parse().unwrap();
        let check = |name: &str, expected: Option<(&str, Option<i32>)>| {
            let offset = |word| header_zone(word).map(|zone| zone.to_offset(winter).seconds());
            let found = zone_word(name).map(|(before, word)| (before.trim(), offset(word)));
            assert_eq!(found, expected, "{name}");
        };
        check("Time (EET)", Some(("Time", Some(7_200))));
        check("Time (GMT+0530)", Some(("Time", Some(19_800))));
        check("Time (UTC-0500)", Some(("Time", Some(-18_000))));
        check("Time (UTC\u{2212}5)", Some(("Time", Some(-18_000))));
        check("Time (+0200)", Some(("Time", Some(7_200))));
        check("Time UTC+2", Some(("Time", Some(7_200))));
        check("datetime_utc+8", Some(("datetime", Some(28_800))));
        check("Datetime UTC-05:00", Some(("Datetime", Some(-18_000))));
        check("Time +02:00", Some(("Time", Some(7_200))));
        check("cet_time", Some(("time", Some(3_600))));
        check("Time/CET", Some(("Time", Some(3_600))));
        check("utc_time", Some(("time", Some(0))));
        for name in [
            "Date (Berlin)",
            "Time (China)",
            "Server time",
            "time_local",
            "New York Time",
            "time_ny",
            "Eastern Time",
        ] {
            assert!(
                zone_word(name).is_some_and(|(_, word)| header_zone(word).is_none()),
                "{name}"
            );
        }
        for name in [
            "time",
            "Time (HH:MM)",
            "Date (yyyy-mm-dd)",
            "Time (ms)",
            "Time (24h)",
            "open_time",
            "close-time",
            "trade date",
            "timestamp_ms",
            "date-1",
        ] {
            check(name, None);
        }
    }

    #[test]
    fn zones_have_names_or_offsets() {
        let winter = "2024-01-01T00:00:00Z".parse().unwrap();
        let check = |name: &str, seconds: Option<i32>| {
            let found = zone(name).map(|zone| zone.to_offset(winter).seconds());
            assert_eq!(found, seconds, "{name}");
        };
        check("America/New_York", Some(-18_000));
        check("-05:00", Some(-18_000));
        check("+05:30", Some(19_800));
        check("+05:60", None);
        check("-5", None);
        check("Mars/Olympus", None);
    }
}
