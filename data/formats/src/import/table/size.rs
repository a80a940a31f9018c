//! The size of the bars of a file: as told, as the file says, or as its rows are apart. Rows that cannot be bars of that size refuse the
//! file: one that overlaps those beside it says what was before it was, or counts twice.

use crate::Result;
use crate::import::cells::DAY_NS;
use crate::import::layout::Layout;
use crate::import::options::{ImportOptions, Stamp};
use crate::import::reader::{Days, Distances, Reader, Ticker};
use crate::import::role::{Role, plain};
use tickloom_types::{BarSpec, NANOS_PER_SECOND};

/// Names of columns that say how long bars are.
const SIZES: [&str; 6] = [
    "barspec",
    "interval",
    "timeframe",
    "barsize",
    "resolution",
    "granularity",
];

const HOUR_NS: i64 = DAY_NS / 24;

/// One of so many bars at least is of the most common length, where rows say when bars open and close: months and quarters are not all as long.
const SAME_PART: u64 = 4;
/// The longest bars whose size is found out: a leap year.
const SIZE_NS_MAX: i64 = 366 * DAY_NS;
/// What bars are of which nobody says how long they are.
const PLAUSIBLE: &str = "bars of whole seconds or of parts of one, from 1ms to 366d: --bar says of which size they are, --time-format (s, ms, us, ns) in which unit their times are";

/// Distances of rows from which on they are no chance.
const SURE_MIN: u64 = 8;

/// What the size of bars is to be found in: the rows, their instruments, and the line of the first.
type Rows<'a> = (&'a Reader<'a>, &'a [Ticker], u64);

/// The size of the bars of a file of bars. Rows of anything else have times of day.
pub(super) fn bar_of(
    options: &ImportOptions,
    layout: &Layout,
    rows: Rows<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<BarSpec>> {
    let (reader, _, line) = rows;
    let are_dates = reader.times.all_dates;
    if !layout.shape.is_bars() {
        let found = "times that are dates alone".to_owned();
        let expected =
            "times of day too, perhaps in a column of their own (--columns time_of_day=…)";
        return match are_dates {
            true => Err(layout.fault(reader.path(), line, found, expected)),
            false => Ok(None),
        };
    }
    let bar = match told(options, layout, rows)? {
        Some((bar, by)) => {
            check(layout, rows, bar, Some(&by), notes)?;
            if options.bar.is_none() && reader.times.lengths().is_none() {
                check_holes(layout, rows, bar, &by, notes)?;
            }
            match bar {
                BarSpec::Time(length) => BarSpec::Time(calendar_length(reader.times.days, length)),
                bar => bar,
            }
        }
        None => {
            let bar = inferred(layout, rows, notes)?;
            check(layout, rows, bar, None, notes)?;
            bar
        }
    };
    notes.extend(long_bars(options, bar, reader.times.days, are_dates));
    if let Some(found) = doubt_of_stamp(options, layout, reader, bar) {
        let expected = "--stamp close if the time of a bar is when it closes, or --stamp open if it is when it opens";
        return Err(layout.fault(reader.path(), line, found, expected));
    }
    Ok(Some(bar))
}

/// Why the times of bars may be their closes as well as their opens, if nothing says which.
fn doubt_of_stamp(
    options: &ImportOptions,
    layout: &Layout,
    reader: &Reader<'_>,
    bar: BarSpec,
) -> Option<String> {
    let known = &layout.known;
    let says_close = layout.column(Role::CloseTime).is_some();
    if options.stamp != Stamp::Auto || known.are_closes || says_close {
        return None;
    }
    if known.may_be_closes {
        return Some(
            "times as 20240102 093000 beside open, high, low, close and volume, parted by semicolons: bars of NinjaTrader, which are stamped at \
             their close, or of a program that stamps them at their open"
                .to_owned(),
        );
    }
    // Sessions open before, and those that open in the evening have Sundays.
    const SESSIONS_END: std::ops::RangeInclusive<i8> = 15..=22;
    let days = reader.times.days;
    let is_day = bar == BarSpec::Time(DAY_NS) && !reader.times.all_dates;
    let last = Some(reader.times.last()).filter(|_| is_day && days.are_of_workdays())?;
    let local = reader.clock(last)?;
    SESSIONS_END.contains(&local.hour()).then(|| {
        format!(
            "bars of 1d from Monday to Friday that are all stamped about {local}, when sessions end"
        )
    })
}

/// What is to be said of bars longer than a day that have a date each, or are of months.
fn long_bars(options: &ImportOptions, bar: BarSpec, days: Days, are_dates: bool) -> Option<String> {
    let BarSpec::Time(length) = bar else {
        return None;
    };
    let months = days.months(length);
    let is_said = length > DAY_NS && (are_dates || months.is_some());
    if !is_said || options.stamp != Stamp::Auto {
        return None;
    }
    let (what, other) = match days.are_last(length) {
        Some(true) => ("last days", "open if they are the first"),
        _ => ("first days", "close if they are the last"),
    };
    let of = match months {
        None => bar.to_string(),
        Some(1) => format!("a month each, called {bar}"),
        Some(12) => format!("a year each, called {bar}"),
        Some(months) => format!("{months} months each, called {bar}"),
    };
    Some(format!(
        "dates are taken as the {what} of bars of {of}; --stamp {other}"
    ))
}

/// The size that is told, and by what: the options, the name or the folders of the file, or a column.
fn told(
    options: &ImportOptions,
    layout: &Layout,
    (reader, tickers, line): Rows<'_>,
) -> Result<Option<(BarSpec, String)>> {
    let by_option = options.bar.map(|bar| (bar, "--bar says".to_owned()));
    let by_file = layout
        .known
        .bar
        .map(|bar| (bar, "the name or the folders of the file say".to_owned()));
    let mut told = by_option.or(by_file);
    let is_size = |at: &usize| SIZES.contains(&plain(&layout.names[*at]).as_str());
    let Some(place) = layout.apart.iter().position(is_size) else {
        return Ok(told);
    };
    let name = layout.apart.get(place).map_or("", |at| &layout.names[*at]);
    for ticker in tickers {
        let Some(said) = ticker.apart(place).and_then(size) else {
            continue;
        };
        match &told {
            None => told = Some((said, format!("{name} of {} says", ticker.name))),
            Some((bar, by)) if *bar != said => {
                let found = format!(
                    "{name} of {} that says {said}, where {by} {bar}",
                    ticker.name
                );
                return Err(layout.fault(reader.path(), line, found, ONE_SIZE));
            }
            Some(_) => {}
        }
    }
    Ok(told)
}

/// The size that a text says, such as `1h`, `5min` or `1day`.
fn size(text: &[u8]) -> Option<BarSpec> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let shorter = || {
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = text.split_at(end);
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "sec" | "second" | "seconds" => "s",
            "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            _ => return None,
        };
        format!("{count}{unit}").parse().ok()
    };
    let bar = text.parse().ok().or_else(shorter)?;
    matches!(bar, BarSpec::Time(_)).then_some(bar)
}

/// The most common length of a bar, or distance between two of an instrument.
fn inferred(
    layout: &Layout,
    (reader, _, line): Rows<'_>,
    notes: &mut Vec<String>,
) -> Result<BarSpec> {
    let Some((distance, count, all, by)) = reader.times.size() else {
        let refused = match reader.problems.first.first() {
            Some(first) => format!(
                " beside {} wrong rows, the first in {} {}, where {} is {:?}",
                reader.problems.count,
                first.unit(),
                first.line,
                first.field,
                first.value
            ),
            None => String::new(),
        };
        let found = format!("a single bar{refused}");
        let expected = "two bars whose distance is their size, or the size given";
        return Err(layout.fault(reader.path(), line, found, expected));
    };
    let is_of_lengths = reader.times.lengths().is_some();
    if is_of_lengths && SAME_PART.saturating_mul(count) < all {
        let found = format!(
            "closes that are not as long after their opens in all rows (by {} in {count} of {all}): of the first and the last trade, perhaps",
            BarSpec::Time(distance)
        );
        let expected = "when bars open and close, or --columns close_time=- and --bar";
        return Err(layout.fault(reader.path(), line, found, expected));
    }
    if !is_plausible(distance) {
        let found = format!(
            "rows that are apart by {}, or last so long, which is no size of bars",
            BarSpec::Time(distance)
        );
        return Err(layout.fault(reader.path(), line, found, PLAUSIBLE));
    }
    let days = reader.times.days;
    let clocks_change = reader.zone().to_fixed_offset().is_err() && days.midnight().is_some();
    let length = days.week(distance);
    let size = match length.unwrap_or_else(|| calendar_length(days, distance)) {
        size if clocks_change => whole_days(size),
        size => size,
    };
    if reader.times.lengths().is_none() && whole_days(size) != size {
        let found = format!(
            "rows that are apart by {}, as days are at which clocks are put back or forward",
            BarSpec::Time(size)
        );
        let expected = "the size of the bars, such as --bar 1d";
        return Err(layout.fault(reader.path(), line, found, expected));
    }
    let bar = BarSpec::Time(size);
    let apart = match size == distance {
        true => String::new(),
        false => format!(", {}", BarSpec::Time(distance)),
    };
    notes.push(format!("bar size {bar}, {by}{apart} ({count} of {all})"));
    Ok(bar)
}

/// Whether bars that nobody has said the size of may be so long: of a time in another unit, or of rows that are no bars of one size, they
/// are not.
fn is_plausible(size: i64) -> bool {
    const SIZE_NS_MIN: i64 = NANOS_PER_SECOND / 1_000;
    let is_whole = size % NANOS_PER_SECOND == 0 || NANOS_PER_SECOND % size.max(1) == 0;
    (SIZE_NS_MIN..=SIZE_NS_MAX).contains(&size) && is_whole
}

/// What bars of months are called that are told to be so long; any others as they are.
fn calendar_length(days: Days, length: i64) -> i64 {
    let months = days.months(length);
    months.and_then(Days::length_of).unwrap_or(length)
}

/// A distance that is an hour more or less than a day as a day; any other as it is.
fn whole_days(distance: i64) -> i64 {
    match (distance - DAY_NS).abs() {
        HOUR_NS => DAY_NS,
        _ => distance,
    }
}

/// What settles of which size the bars are.
const ONE_SIZE: &str = "bars of one size: --instrument NAME reads those of one instrument, and --bar SIZE says what size all have";
/// What settles a size that the rows contradict.
const AS_THEY_ARE: &str = "the size that the rows have, or rows of that size";
/// The same of rows that are too far apart, of which those between may be missing.
const OR_TOLD: &str =
    "the size that the rows have, or --bar, which says that those between are not there";

/// Whether the rows can be bars of that size.
fn check(
    layout: &Layout,
    (reader, tickers, line): Rows<'_>,
    bar: BarSpec,
    by: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let BarSpec::Time(size) = bar else {
        return Ok(());
    };
    let fault = |name: &str, what: &str, (distance, count, all): (i64, u64, u64)| {
        let other = BarSpec::Time(distance);
        let (found, expected) = match by {
            Some(by) => (
                format!(
                    "{name} {what} {other} ({count} of {all}), which cannot be bars of {bar}, as {by}"
                ),
                AS_THEY_ARE,
            ),
            None => (
                format!(
                    "bars of several sizes: most are of {bar}, and {name} {what} {other} ({count} of {all})"
                ),
                ONE_SIZE,
            ),
        };
        layout.fault(reader.path(), line, found, expected)
    };
    let lengths = reader.times.lengths();
    if let Some(lengths) = &lengths {
        let is_said = by.is_some();
        let other = lengths.too_long(size);
        // What is told is a session's name for bars that its hours cut off.
        let other = other.or_else(|| lengths.too_short(size).filter(|_| !is_said));
        if let Some(other) = other {
            return Err(fault("rows", "that close after", other));
        }
    }
    let mut shorter = 0;
    for (ticker, of) in tickers.iter().zip(reader.times.distances()) {
        let name = format!("rows of {}", ticker.name);
        if let Some(other) = other_size(&of, size, lengths.is_none() && by.is_none()) {
            return Err(fault(&name, "that are apart by", other));
        }
        shorter += of.shorter(size);
    }
    if shorter > 0 {
        notes.push(format!(
            "{shorter} rows are closer to the one before them than their size {bar}: bars that were cut off, or that overlap"
        ));
    }
    Ok(())
}

/// Whether some rows are as close as bars of a size are that a column, a name or a folder says. Who says --bar says that those between are
/// not there.
fn check_holes(
    layout: &Layout,
    (reader, _, line): Rows<'_>,
    bar: BarSpec,
    by: &str,
    notes: &mut Vec<String>,
) -> Result<()> {
    let BarSpec::Time(size) = bar else {
        return Ok(());
    };
    let mut all = Distances::default();
    for of in reader.times.distances() {
        all.add(&of);
    }
    let Some((distance, count, of)) = all.longer_part(size) else {
        return Ok(());
    };
    let distance = BarSpec::Time(distance);
    let found = format!(
        "rows that are all apart by multiples of {distance} ({count} of {of} by {distance}), where {by} {bar}"
    );
    if count >= SURE_MIN && count.saturating_mul(2) > of {
        return Err(layout.fault(reader.path(), line, found, OR_TOLD));
    }
    notes.push(found);
    Ok(())
}

/// The distance of rows of another size, if they can be told from those that lack some.
fn other_size(of: &Distances, size: i64, is_inferred: bool) -> Option<(i64, u64, u64)> {
    let longer = || of.too_long(size).filter(|_| is_inferred);
    of.too_short(size).or_else(longer)
}

#[cfg(test)]
mod tests;
