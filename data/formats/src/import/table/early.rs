//! Times that all lie in the first weeks of 1970, as those do that were taken to be in a smaller unit than they are: nobody has prices of
//! then but by days.

use super::survey::Survey;
use crate::import::cells::DAY_NS;
use crate::import::layout::Layout;
use crate::import::options::ImportOptions;
use crate::import::time::TimeFormat;
use tickloom_types::Ts;

/// The end of the days in which the times of 1980 to 2100 lie if they are in a unit a thousand times too small.
const EARLY_NS: i64 = 50 * DAY_NS;
/// How many times a unit may be too small, with what that makes of one.
const FACTORS: [i64; 3] = [1_000, 1_000_000, 1_000_000_000];
/// The units that times are in, in nanoseconds.
const UNITS: [(&str, i64); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// What is wrong with times that all lie in the first weeks of 1970, with what settles it, unless it was said that they do.
pub(super) fn in_early_1970(
    layout: &Layout,
    options: &ImportOptions,
    survey: &Survey,
    are_dates: bool,
) -> Option<(String, String)> {
    let (first, last) = (survey.first, survey.last);
    let is_told = options.time_format.is_some() || options.years.is_some();
    let are_early = first.0 >= 0 && last.0 < EARLY_NS;
    if is_told || are_dates || !are_early {
        return None;
    }
    let factor = FACTORS.into_iter().find(|factor| {
        let years = Ts::parse("1980-01-01")
            .ok()
            .zip(Ts::parse("2100-01-01").ok());
        let is_in = |ts: Ts| {
            let larger = ts.0.checked_mul(*factor).map(Ts);
            larger
                .zip(years)
                .is_some_and(|(ts, (from, to))| (from..to).contains(&ts))
        };
        is_in(first) && is_in(last)
    });
    let own = match &layout.time {
        TimeFormat::Typed { unit, .. } => *unit,
        _ => None,
    };
    let named = |nanos: i64| UNITS.iter().find(|(_, known)| *known == nanos);
    let found = format!("times that all are of the first weeks of 1970, from {first} to {last}");
    let years = "--years 1970..1970 says that they are of 1970";
    let Some(factor) = factor else {
        let expected = format!("the dates of these times, or the unit that they are in; {years}");
        return Some((found, expected));
    };
    let (from, to) = (Ts(first.0 * factor), Ts(last.0 * factor));
    let of_own = own.and_then(|own| Some((named(own)?, named(own.checked_mul(factor)?)?)));
    Some(match of_own {
        Some(((own, _), (unit, _))) => (
            format!("{found} in {own}, or from {from} to {to} in {unit}"),
            format!("--time-format {unit} or --time-format {own}"),
        ),
        None => (
            format!("{found}, or from {from} to {to} in a unit {factor} times as long"),
            format!("times in the unit that they are in; {years}"),
        ),
    })
}
