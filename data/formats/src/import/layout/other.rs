//! Files that look like one thing and are another: several instruments side by side, times of which a part is elsewhere.

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

/// Refuses a file in which another column than those of its times says what they are.
pub(super) fn whole_times(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    options: &ImportOptions,
) -> Result<(), Puzzle> {
    no_zones(names, roles, data, options.zone.is_some())?;
    no_parts_of_times(names, roles, data, &options.mapping)
}

/// Refuses a file in which a column says the zones of its times, which no other column does, unless they are all UTC.
fn no_zones(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    is_told: bool,
) -> Result<(), Puzzle> {
    const NAMES: [&str; 6] = ["tz", "timezone", "tzname", "gmtoffset", "utcoffset", "zone"];
    const UTC: [&[u8]; 9] = [
        b"", b"utc", b"gmt", b"z", b"0", b"+0", b"+00:00", b"00:00", b"etc/utc",
    ];
    for (at, name) in names.iter().enumerate() {
        let is_one = NAMES.contains(&plain(name).as_str());
        if is_told || !is_one || roles.get(at).copied().flatten().is_some() {
            continue;
        }
        let is_other = |row: &&Fields| !UTC.contains(&row.get(at).to_ascii_lowercase().as_slice());
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
    let is_told = ["milliseconds", "microseconds", "nanoseconds"]
        .iter()
        .any(|role| mapping.has(role));
    if is_told {
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
