//! Files that look like one thing and are another: several instruments side by side, times of which a part is elsewhere, numbers in
//! thousands.

use super::agree::one_time;
use super::{Puzzle, Role, plain};
use crate::import::mapping::Mapping;
use crate::import::options::ImportOptions;
use crate::import::text::Fields;

/// Refuses a file in which two columns of prices or sizes are called the same: they are of two instruments, side by side.
pub(super) fn no_twins(names: &[String], roles: &[Option<Role>]) -> Result<(), Puzzle> {
    for (at, role) in roles.iter().enumerate() {
        let is_twin = |other: usize| other != at && plain(&names[other]) == plain(&names[at]);
        if role.is_some_and(Role::is_number) && (0..names.len()).any(is_twin) {
            return Err((
                format!("two columns called {:?}", names[at]),
                "a column each: one instrument, or a row for each of several".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Refuses a file whose times, prices or sizes are not what their own columns say alone.
pub(super) fn whole_values(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    options: &ImportOptions,
) -> Result<(), Puzzle> {
    no_zones(names, roles, data, options.zone.is_some())?;
    no_units(names, roles, &options.mapping)?;
    no_fixed_points(names, &options.mapping)?;
    one_time(names, roles, data, options)?;
    no_parts_of_times(names, roles, data, &options.mapping)
}

/// Refuses volumes and sizes in thousands and the like by the name of their column.
fn no_units(names: &[String], roles: &[Option<Role>], mapping: &Mapping) -> Result<(), Puzzle> {
    const UNITS: [&str; 18] = [
        "k",
        "'000",
        "000",
        "000s",
        "'000s",
        "thousand",
        "thousands",
        "in thousands",
        "x1000",
        "m",
        "mn",
        "mil",
        "mio",
        "million",
        "millions",
        "in millions",
        "lots of 100",
        "hundreds",
    ];
    for (name, role) in names.iter().zip(roles) {
        let is_size = matches!(role, Some(Role::Qty | Role::BidQty | Role::AskQty));
        let is_told = role.is_some_and(|role| mapping.has(role));
        let lower = name.trim().to_lowercase();
        let unit = lower
            .strip_suffix([')', ']'])
            .and_then(|name| name.rsplit_once(['(', '[']));
        let Some((_, unit)) = unit.filter(|_| is_size && !is_told) else {
            continue;
        };
        if UNITS.contains(&unit.trim()) {
            let found = format!("a column {name:?}, whose numbers are in {unit}, or as they are");
            let what = role.map_or("volume", Role::name);
            let expected = format!(
                "numbers of one each; --columns {what}={name} takes them as they are, {what}=- leaves them out"
            );
            return Err((found, expected));
        }
    }
    Ok(())
}

/// Refuses tables of `NautilusTrader`, whose prices and sizes are whole numbers of 1e-9 and whose bars are stamped at their close: its
/// columns `ts_event` and `ts_init` say that they are its.
fn no_fixed_points(names: &[String], mapping: &Mapping) -> Result<(), Puzzle> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if !has("ts_event") || !has("ts_init") || !mapping.is_empty() {
        return Ok(());
    }
    let found = "columns ts_event and ts_init, of NautilusTrader, whose numbers may be of 1e-9 and whose bars are stamped at their close";
    let expected = "prices and sizes as they are; if they are, --columns time=ts_event and, of bars, --stamp close";
    Err((found.to_owned(), expected.to_owned()))
}

/// Whether a column of this name says the zones of times.
pub(super) fn is_zone_name(plain: &str) -> bool {
    const NAMES: [&str; 6] = ["tz", "timezone", "tzname", "gmtoffset", "utcoffset", "zone"];
    NAMES.contains(&plain)
}

/// Whether a zone is UTC, or none is said.
pub(super) fn is_utc(text: &[u8]) -> bool {
    const UTC: [&[u8]; 9] = [
        b"", b"utc", b"gmt", b"z", b"0", b"+0", b"+00:00", b"00:00", b"etc/utc",
    ];
    UTC.iter().any(|zone| text.eq_ignore_ascii_case(zone))
}

/// Refuses a file in which a column says the zones of its times, which no other column does, unless they are all UTC.
fn no_zones(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    is_told: bool,
) -> Result<(), Puzzle> {
    for (at, name) in names.iter().enumerate() {
        let is_one = is_zone_name(&plain(name));
        if is_told || !is_one || roles.get(at).copied().flatten().is_some() {
            continue;
        }
        let is_other = |row: &&Fields| !is_utc(row.get(at));
        if let Some(row) = data.iter().find(is_other) {
            let value = String::from_utf8_lossy(row.get(at)).into_owned();
            return Err((
                format!("{value:?} in column {name:?} of zones, which is not read"),
                "times that say their zone themselves, or --zone if all are of one".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Refuses a file in which a column holds a part of each time that is not read: fractions of a second of no unit, or seconds beside times
/// in minutes.
fn no_parts_of_times(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    mapping: &Mapping,
) -> Result<(), Puzzle> {
    const FRACTIONS: [&str; 10] = [
        "fraction",
        "frac",
        "fracsec",
        "fracseconds",
        "fractionofsecond",
        "fractionalsecond",
        "fractionalseconds",
        "subsec",
        "subsecond",
        "subseconds",
    ];
    const SECONDS: [&str; 4] = ["s", "sec", "second", "seconds"];
    let parts = [Role::Millis, Role::Micros, Role::Nanos];
    if parts.iter().any(|role| mapping.has(*role)) {
        return Ok(());
    }
    let times = [Role::Time, Role::TimeOfDay];
    let time = times
        .iter()
        .find_map(|role| roles.iter().rposition(|known| *known == Some(*role)));
    let is_in_minutes = |row: &Fields| {
        let text = time.map(|at| row.get(at)).unwrap_or_default();
        text.iter().filter(|b| **b == b':').count() == 1
    };
    for (at, name) in names.iter().enumerate() {
        if roles.get(at).copied().flatten().is_some() {
            continue;
        }
        let name_alone = plain(name);
        let is_second =
            |row: &Fields| matches!(row.get(at), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        let differ = || {
            data.windows(2)
                .any(|pair| pair[0].get(at) != pair[1].get(at))
        };
        let are_seconds =
            || data.iter().all(is_second) && data.iter().all(is_in_minutes) && differ();
        if FRACTIONS.contains(&name_alone.as_str())
            || SECONDS.contains(&name_alone.as_str()) && are_seconds()
        {
            return Err((
                format!("a column {name:?}, which holds a part of each time"),
                format!(
                    "times with all their digits in one column, or --columns milliseconds={name} (microseconds, nanoseconds), or milliseconds=- if it is none"
                ),
            ));
        }
    }
    Ok(())
}
