//! Whether a file writes its numbers with a decimal point or a decimal comma: what all its rows say. If they say nothing, it is refused, with
//! both readings.

use super::doubt::{Place, each, each_until};
use crate::Result;
use crate::import::cells::{Cell, Cells};
use crate::import::input::Input;
use crate::import::layout::Layout;
use crate::import::number::{self, Decimal, Reading, reading};

/// The first number of each kind.
#[derive(Default)]
struct Seen {
    point: Option<Place>,
    comma: Option<Place>,
    /// `1,234`.
    either: Option<Place>,
    /// `1.234`.
    points: Option<Place>,
    /// `1'234`.
    grouped: Option<Place>,
}

impl Seen {
    fn note(&mut self, line: u64, text: &[u8]) {
        let slot = match reading(text) {
            Reading::Plain => return,
            Reading::Grouped => &mut self.grouped,
            Reading::Point => &mut self.point,
            Reading::Comma => &mut self.comma,
            Reading::Either => &mut self.either,
            Reading::Points => &mut self.points,
        };
        slot.get_or_insert_with(|| (line, String::from_utf8_lossy(text).into_owned()));
    }
}

/// Settles what points are of a text whose fields are parted by semicolons, as they are where commas are decimal signs: `18.234` may be
/// a whole number there.
pub(super) fn settle_points(input: &Input, layout: &mut Layout) -> Result<()> {
    if layout.is_columnar || layout.delimiter != b';' || !layout.is_decimal_open {
        return Ok(());
    }
    let columns = layout.number_columns();
    let (mut has_points, mut is_decided) = (false, false);
    each_until(input, layout, |_, cells| {
        is_decided |= is_of_programs(layout, cells);
        for column in &columns {
            let Cell::Text(text) = cells.cell(*column) else {
                continue;
            };
            match reading(text) {
                Reading::Plain | Reading::Grouped => {}
                Reading::Points => has_points = true,
                // A comma is settled where it is read.
                Reading::Point | Reading::Comma | Reading::Either => is_decided = true,
            }
        }
        !is_decided
    })?;
    match has_points && !is_decided {
        true => settle_numbers(input, layout),
        false => Ok(()),
    }
}

/// Whether a row is written as `NinjaTrader` and `HistData` do, whose numbers have points: `20240102 093000;141.020;…` below no header.
fn is_of_programs(layout: &Layout, cells: &dyn Cells) -> bool {
    let time = layout.time_text(cells);
    let is_digits = |part: Option<&[u8]>| part.is_some_and(|p| p.iter().all(u8::is_ascii_digit));
    !layout.has_header
        && is_digits(time.get(..8))
        && time.get(8) == Some(&b' ')
        && is_digits(time.get(9..15))
}

/// Settles what points and commas in numbers are: what the numbers that are read say, or else those of columns that are not read.
pub(super) fn settle_numbers(input: &Input, layout: &mut Layout) -> Result<()> {
    let columns = layout.number_columns();
    let others: Vec<usize> = (0..layout.names.len())
        .filter(|at| !layout.is_read(*at))
        .collect();
    let (mut seen, mut beside) = (Seen::default(), Seen::default());
    each(input, layout, |line, cells| {
        for (columns, seen) in [(&columns, &mut seen), (&others, &mut beside)] {
            for column in columns {
                if let Cell::Text(text) = cells.cell(*column) {
                    // A change in percent has a decimal sign too.
                    seen.note(line, text.strip_suffix(b"%").unwrap_or(text).trim_ascii());
                }
            }
        }
    })?;
    layout.is_decimal_open = false;
    let word = layout.row_word();
    let comma = |layout: &mut Layout, (line, text): Place| {
        layout.decimal = Decimal::Comma;
        layout.notes.push(format!(
            "numbers have a decimal comma: {text:?} in {word} {line}"
        ));
    };
    if let (Some((line, point)), Some((comma_line, comma))) = (&seen.point, &seen.comma) {
        let found = format!(
            "{point:?}, which has a decimal point, and {comma:?} in {word} {comma_line}, which has a decimal comma"
        );
        return Err(layout.fault(&input.shown(), *line, found, "one of them in all rows"));
    }
    if let Some(place) = seen.comma.take() {
        comma(layout, place);
        return Ok(());
    }
    if seen.point.is_some() || beside.point.is_some() && beside.comma.is_none() {
        return Ok(());
    }
    if let (None, Some(place)) = (&beside.point, beside.comma.take()) {
        comma(layout, place);
        return Ok(());
    }
    let grouped = seen.grouped.or(beside.grouped);
    let open = match (seen.either, seen.points, grouped) {
        // What is not between thousands is before a fraction.
        (None, Some(_), Some(_)) => None,
        (Some(_), None, Some(place)) => {
            comma(layout, place);
            None
        }
        (Some(place), ..) => Some(place),
        (None, points, None) => points.filter(|_| layout.delimiter == b';'),
        (None, None, _) => None,
    };
    match open {
        Some((line, text)) => Err(undecided(input, layout, line, &text)),
        None => Ok(()),
    }
}

/// The error for a number that can be read in two ways.
fn undecided(input: &Input, layout: &Layout, line: u64, text: &str) -> crate::FormatError {
    let read = |decimal| {
        let number = number::parse_as(text.as_bytes(), decimal).unwrap_or_default();
        tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals)
    };
    let found = format!(
        "{text:?}, which is {} with a decimal point or {} with a decimal comma, and no row of the file says which",
        read(Decimal::Point),
        read(Decimal::Comma)
    );
    layout.fault(&input.shown(), line, found, "--decimal point or comma")
}
