//! The zone of times that name none.

use super::{Layout, Puzzle, plain};
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
use crate::import::time::named_zone;
use jiff::tz::TimeZone;

impl Layout {
    /// The zone of times that name none: as given, as the file says, or UTC.
    pub(crate) fn zone(&self, options: &ImportOptions) -> Option<TimeZone> {
        match &options.zone {
            Some(name) => zone(name),
            None => Some(self.known.zone.clone().unwrap_or(TimeZone::UTC)),
        }
    }
}

/// Zones by which columns of times are called, beside those in brackets.
const ABBREVIATIONS: [&str; 32] = [
    "utc", "gmt", "eet", "eest", "cet", "cest", "met", "wet", "est", "edt", "et", "cst", "cdt",
    "ct", "mst", "mdt", "mt", "pst", "pdt", "pt", "bst", "ist", "jst", "kst", "hkt", "sgt", "aest",
    "aedt", "msk", "mez", "mesz", "wib",
];
/// Words in brackets that say a zone, though not which.
const PLACES: [&str; 8] = [
    "local", "exchange", "eastern", "central", "pacific", "new york", "chicago", "london",
];

/// What the name of a column of times says of their zone: `Time (EET)`, `time_est`. What it is called without that, and the zone.
pub(super) fn zone_word(name: &str) -> Option<(&str, &str)> {
    let name = name.trim();
    if let Some(inner) = name.strip_suffix([')', ']'])
        && let Some((before, word)) = inner.rsplit_once(['(', '['])
    {
        let word = word.trim();
        let lower = word.to_lowercase();
        let is_short =
            (2..=5).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
        let is_format = lower.contains("yy") || lower.bytes().all(|b| b"ymdhs:/-. ".contains(&b));
        let is_zone = is_short
            || header_zone(word).is_some()
            || PLACES.iter().any(|place| lower.contains(place));
        return (is_zone && !is_format).then_some((before, word));
    }
    let (before, word) = name.rsplit_once([' ', '_', '.', '-'])?;
    let is_zone = ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str());
    (is_zone && !before.is_empty()).then_some((before, word))
}

/// The zone that a word in the name of a column is, if it is one alone.
fn header_zone(word: &str) -> Option<TimeZone> {
    let upper = word.to_ascii_uppercase();
    let rest = upper.strip_prefix("UTC").or(upper.strip_prefix("GMT"));
    match rest.unwrap_or(&upper).trim() {
        "" | "Z" => Some(TimeZone::UTC),
        offset if offset.starts_with(['+', '-']) => {
            let (hours, minutes) = offset[1..].split_once(':').unwrap_or((&offset[1..], "00"));
            zone(&format!("{}{hours:0>2}:{minutes}", &offset[..1]))
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
                self.check_zone(&texts, &format!("in a zone called {word:?}"))
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
