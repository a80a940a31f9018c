//! What the first rows of a file leave in doubt is for all its rows to decide. If they cannot, the file is refused, with both readings.

use crate::Result;
use crate::import::cells::Cells;
use crate::import::columnar::Rows;
use crate::import::input::Input;
use crate::import::layout::{Agreed, Beside, ClockDigits, Layout};
use crate::import::number::{self, Decimal};
use crate::import::options::ImportOptions;
use crate::import::reader::{is_none, single_of};
use crate::import::text::Cutter;
use crate::import::time::{DateOrder, Parted, TimeFormat, epoch_decimals, parted, short_year};
use jiff::tz::TimeZone;
use tickloom_types::{BarSpec, NANOS_PER_SECOND};

/// A text with its line.
pub(super) type Place = (u64, String);

/// Whether all times that a clock on a wall shows are at midnight: then they are dates alone, in any zone.
pub(super) fn settle_days(input: &Input, layout: &mut Layout) -> Result<()> {
    let (time, _) = layout.time_columns();
    let mut are_days = true;
    each(input, layout, |_, cells| {
        let cell = cells.cell(time);
        are_days &= cell.is_midnight() || cell.is_empty();
    })?;
    layout.set_days(are_days);
    Ok(())
}

/// Whether columns with numbers of more than nine decimals hold nothing but floats of 32 bits: then these decimals are none of the numbers,
/// but what the floats look like in 64 bits.
pub(super) fn settle_singles(input: &Input, layout: &mut Layout) -> Result<()> {
    let columns = layout.number_columns().into_iter();
    // Whether all are such floats, and whether one has more than nine decimals.
    let mut found: Vec<(usize, bool, bool)> = columns.map(|at| (at, true, false)).collect();
    each(input, layout, |_, cells| {
        for (at, are_all, has_fine) in &mut found {
            let cell = cells.cell(*at);
            if !*are_all || is_none(cell) {
                continue;
            }
            *are_all = single_of(cell).is_some();
            *has_fine |= number::parse_as(&cell.text(), Decimal::Point) == Err(number::TOO_FINE);
        }
    })?;
    for (at, are_all, has_fine) in found {
        if are_all && has_fine {
            let name = &layout.names[at];
            layout.notes.push(format!(
                "{name} holds floats of 32 bits in 64, and each is taken as the shortest decimal of those 32"
            ));
            layout.singles.push(at);
        }
    }
    Ok(())
}

/// How many digits times of day have whose first ones lack zeros before them.
pub(super) fn settle_clock(
    input: &Input,
    options: &ImportOptions,
    layout: &mut Layout,
) -> Result<()> {
    const HOUR_NS: i64 = 3_600 * NANOS_PER_SECOND;
    let (date, Some(at)) = layout.time_columns() else {
        return Ok(());
    };
    let mut digits = ClockDigits::default();
    let (mut first, mut is_one_day) = (None, true);
    each_until(input, layout, |line, cells| {
        if cells.len() != layout.names.len() {
            return true;
        }
        let (_, day) = first.get_or_insert_with(|| (line, cells.text(date).into_owned()));
        is_one_day &= *day == cells.text(date).as_ref();
        digits.note(&cells.text(at))
    })?;
    layout.clock = digits.digits();
    if is_one_day && digits.may_be_minutes() {
        layout.clock = match options.bar {
            Some(BarSpec::Time(length)) if length < HOUR_NS => Some(6),
            Some(BarSpec::Time(_)) => Some(4),
            _ => {
                let name = &layout.names[at];
                let found = format!(
                    "times of day in {name:?} that are hours from midnight on, or minutes, without the zeros before them"
                );
                let expected = "--bar, which says how far they are apart, or times of day with all their digits";
                let line = first.map_or(1, |(line, _)| line);
                return Err(layout.fault(&input.shown(), line, found, expected));
            }
        };
    }
    if let Some(digits) = layout.clock {
        layout.notes.push(format!(
            "times of day are numbers of {digits} digits, without the zeros before them"
        ));
    }
    Ok(())
}

/// Settles what times are whose first ones can be read in two ways.
pub(super) fn settle_times(input: &Input, layout: &mut Layout) -> Result<()> {
    layout.is_time_in_doubt = false;
    match layout.time {
        TimeFormat::Compact => settle_compact(input, layout),
        TimeFormat::Epoch(_) => settle_epoch(input, layout),
        TimeFormat::Text(_) => settle_dates(input, layout),
        _ => Ok(()),
    }
}

/// Refuses a file in which another column of times contradicts the one that is taken, in any row. Rows of which a time cannot be read are for
/// the reader to refuse.
pub(super) fn times_agree(input: &Input, layout: &Layout) -> Result<()> {
    if layout.times_beside.is_empty() {
        return Ok(());
    }
    let mut read = layout.clone();
    let columns = layout.times_beside.iter().flat_map(Beside::columns);
    read.apart.extend(columns);
    let mut all: Vec<(&Beside, Agreed)> = (layout.times_beside.iter())
        .map(|beside| (beside, Agreed::default()))
        .collect();
    let mut found = None;
    each_until(input, &read, |line, cells| {
        if cells.len() == layout.names.len() {
            let puzzle = all
                .iter_mut()
                .find_map(|(beside, agreed)| beside.disagrees(&layout.names, cells, agreed));
            found = puzzle.map(|puzzle| (line, puzzle));
        }
        found.is_none()
    })?;
    match found {
        Some((line, (found, expected))) => {
            Err(layout.fault(&input.shown(), line, found, &expected))
        }
        None => Ok(()),
    }
}

/// Refuses a file whose sides go on as those of a book, where its first rows leave it in doubt.
pub(super) fn settle_sides(input: &Input, layout: &Layout) -> Result<()> {
    let Some(at) = layout.side_in_doubt else {
        return Ok(());
    };
    let mut found = None;
    each_until(input, layout, |line, cells| {
        let said = layout.side_of_doubt(&cells.text(at));
        let is_known = said.is_some();
        found = said.and_then(Result::err).map(|puzzle| (line, puzzle));
        !is_known
    })?;
    match found {
        Some((line, (found, expected))) => {
            Err(layout.fault(&input.shown(), line, found, &expected))
        }
        None => Ok(()),
    }
}

/// Calls `look` with each row below the header.
pub(super) fn each(
    input: &Input,
    layout: &Layout,
    mut look: impl FnMut(u64, &dyn Cells),
) -> Result<()> {
    each_until(input, layout, |line, cells| {
        look(line, cells);
        true
    })
}

/// As [`each`], as long as it returns true.
pub(super) fn each_until(
    input: &Input,
    layout: &Layout,
    mut look: impl FnMut(u64, &dyn Cells) -> bool,
) -> Result<()> {
    if layout.is_columnar {
        let mut rows = Rows::open(input, &layout.read_columns())?;
        while let Some((row, lent)) = rows.next()? {
            let goes_on = look(row, &lent);
            rows.give_back(lent);
            if !goes_on {
                break;
            }
        }
        return Ok(());
    }
    let mut cutter = Cutter::new(input.path(), input.open()?, layout.delimiter);
    for _ in 0..layout.skip {
        cutter.next()?;
    }
    while let Some(line) = cutter.next()?
        && look(line, &cutter.fields)
    {}
    Ok(())
}

/// Digits that all are a date and a time of day are that, unless one of them is only a number since the epoch.
fn settle_compact(input: &Input, layout: &mut Layout) -> Result<()> {
    let mut epoch: Option<(u64, u8)> = None;
    each(input, layout, |line, cells| {
        let text = layout.time_text(cells);
        let is_compact = TimeFormat::Compact.parse(&text, &TimeZone::UTC).is_some();
        if let Some(decimals) = epoch_decimals(&text).filter(|_| !is_compact) {
            epoch.get_or_insert((line, decimals));
        }
    })?;
    match epoch {
        Some((_, decimals)) => layout.time = TimeFormat::Epoch(decimals),
        None => layout.notes.push(
            "times without signs are dates and times of day, as all of them can be".to_owned(),
        ),
    }
    Ok(())
}

/// Numbers since the epoch that all are dates with a year of two digits too refuse the file.
fn settle_epoch(input: &Input, layout: &Layout) -> Result<()> {
    let mut first = None;
    let mut are_dates = true;
    each_until(input, layout, |line, cells| {
        if cells.len() == layout.names.len() {
            let reading = short_year(&layout.time_text(cells));
            are_dates = reading.is_some();
            first = first.take().or(reading.map(|reading| (line, reading)));
        }
        are_dates
    })?;
    match first.filter(|_| are_dates) {
        Some((line, reading)) => {
            Err(layout.fault(&input.shown(), line, reading.found, &reading.expected))
        }
        None => Ok(()),
    }
}

/// Which of day and month comes first.
#[derive(Default)]
struct Dates {
    day_first: Option<Place>,
    month_first: Option<Place>,
    either: Option<(Place, Parted)>,
    is_dotted: bool,
}

impl Dates {
    fn note(&mut self, line: u64, text: &[u8]) {
        let Some((parts, _)) = parted(text) else {
            return;
        };
        let place = || (line, String::from_utf8_lossy(text).into_owned());
        match (
            parts.date(DateOrder::DayFirst),
            parts.date(DateOrder::MonthFirst),
        ) {
            (Some(day), Some(month)) if day != month && self.either.is_none() => {
                self.is_dotted = parts.separator == b'.';
                self.either = Some((place(), parts));
            }
            (Some(_), None) => {
                self.day_first.get_or_insert_with(place);
            }
            (None, Some(_)) => {
                self.month_first.get_or_insert_with(place);
            }
            _ => {}
        }
    }
}

fn settle_dates(input: &Input, layout: &mut Layout) -> Result<()> {
    let mut dates = Dates::default();
    let word = layout.row_word();
    each(input, layout, |line, cells| {
        dates.note(line, &layout.time_text(cells));
    })?;
    let (order, why) = match dates {
        Dates {
            day_first: Some((day_line, day)),
            month_first: Some((line, month)),
            ..
        } => {
            let found = format!(
                "{month:?}, which is month-first, and {day:?} in {word} {day_line}, which is day-first"
            );
            return Err(layout.fault(&input.shown(), line, found, "one of them in all rows"));
        }
        Dates {
            day_first: Some((line, text)),
            ..
        } => (
            DateOrder::DayFirst,
            format!("{text:?} in {word} {line} can only be that"),
        ),
        Dates {
            month_first: Some((line, text)),
            ..
        } => (
            DateOrder::MonthFirst,
            format!("{text:?} in {word} {line} can only be that"),
        ),
        Dates { either: None, .. } => (
            DateOrder::DayFirst,
            "which is the same as month-first for all of them".to_owned(),
        ),
        Dates {
            is_dotted: true, ..
        } => (DateOrder::DayFirst, "as dates with points are".to_owned()),
        Dates {
            either: Some(((line, text), parts)),
            ..
        } => {
            let date = |order| {
                parts
                    .date(order)
                    .map(|date| date.to_string())
                    .unwrap_or_default()
            };
            let found = format!(
                "{text:?}, which is {} day-first or {} month-first, and no row of the file says which",
                date(DateOrder::DayFirst),
                date(DateOrder::MonthFirst)
            );
            return Err(layout.fault(
                &input.shown(),
                line,
                found,
                "--time-format day-first or month-first",
            ));
        }
    };
    layout.time = TimeFormat::Text(order);
    layout.notes.push(format!("dates are {order}: {why}"));
    Ok(())
}
