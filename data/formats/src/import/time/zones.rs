//! Zones by the names of places.

use jiff::tz::TimeZone;

/// The zone whose name follows a time after a space: `US/Eastern`.
pub(super) fn zone_behind(text: &[u8]) -> Option<TimeZone> {
    let name = text.strip_prefix(b" ")?.trim_ascii_start();
    named_zone(std::str::from_utf8(name).ok()?)
}

/// A zone by its IANA name. `EST` and the like are none: they are five hours behind UTC all year, and people write them for the clocks of
/// New York, too.
pub(crate) fn named_zone(name: &str) -> Option<TimeZone> {
    const TWOFOLD: [&str; 2] = ["EST", "MST"];
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && (name.bytes()).all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    if !is_name || TWOFOLD.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    TimeZone::get(name).ok()
}
