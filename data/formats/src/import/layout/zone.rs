//! The zone of times that name none.

use super::Layout;
use crate::import::options::ImportOptions;
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
