//! Where in the first lines of a file its rows begin, what parts their fields, and what its header and its times are.

use super::columns::{self, known, roles, shape};
use super::{Puzzle, depth, is_value, plain, texts};
use crate::import::mapping::Mapping;
use crate::import::options::ImportOptions;
use crate::import::role::Role;
use crate::import::text::{Cutter, Fields, split};
use crate::import::time::{
    DateOrder, TimeFormat, early, is_date_in_digits, is_time_of_day, other_epoch, parted,
    short_year,
};
use std::io::Cursor;
use std::path::Path;

/// Where in the first rows of a file its own begin.
pub(super) struct Start {
    /// The row with the names, if one has.
    pub(super) header: Option<usize>,
    pub(super) first: usize,
}

/// The rows of the first lines; a field with a line end in it goes over several.
pub(crate) fn rows(head: &[Vec<u8>], delimiter: u8) -> Vec<Fields> {
    let text = head.join(&b'\n');
    let mut cutter = Cutter::new(Path::new(""), Box::new(Cursor::new(text)), delimiter);
    let mut rows = Vec::new();
    // A text in memory has no end before its end.
    while let Ok(Some(_)) = cutter.next() {
        rows.push(cutter.fields.clone());
    }
    rows
}

/// The delimiter that cuts all lines (but perhaps the first, a header) into the same number of fields, two or more. The comma
/// comes last, as it may be a decimal comma.
pub(super) fn delimiter(head: &[Vec<u8>]) -> u8 {
    if let Some([b's', b'e', b'p', b'=', told]) = head.first().map(|line| line.trim_ascii_end())
        && b"\t;|,:".contains(told)
    {
        return *told;
    }
    let rows = if head.len() > 1 { &head[1..] } else { head };
    let cuts_all = |delimiter: &u8| {
        let mut counts = rows.iter().map(|line| split(line, *delimiter).len());
        let first = counts.next().unwrap_or(0);
        first > 1 && counts.all(|count| count == first)
    };
    // Lines above and below a table are cut in their own way: most lines decide, and then most fields.
    let cuts_most = |delimiter: &u8| {
        let counts: Vec<usize> = head.iter().map(|l| split(l, *delimiter).len()).collect();
        let usual = usual(counts.iter().copied().filter(|count| *count > 1));
        (
            counts.iter().filter(|count| **count == usual).count(),
            usual,
        )
    };
    let all = [b'\t', b';', b'|', b','];
    all.into_iter()
        .find(cuts_all)
        .or_else(|| {
            let several = all
                .into_iter()
                .filter(|delimiter| cuts_most(delimiter).1 > 1);
            several.max_by_key(cuts_most)
        })
        .or_else(|| are_parted_by_blanks(head).then_some(b' '))
        .unwrap_or(b',')
}

/// Whether blanks part the fields of all lines, as R's `write.table` writes them: below names of columns of a market, with labels of rows
/// before them or without.
fn are_parted_by_blanks(head: &[Vec<u8>]) -> bool {
    let rows: Vec<Fields> = head.iter().map(|line| split(line, b' ')).collect();
    let Some((header, [first, rest @ ..])) = rows.split_first() else {
        return false;
    };
    let is_row =
        |row: &Fields| row.len() == first.len() && row.iter().all(|field| !field.is_empty());
    let is_header = header.len() == first.len() || header.len() + 1 == first.len();
    is_header
        && !header.iter().any(is_value)
        && is_row(first)
        && rest.iter().all(is_row)
        && columns::plain_shape(&known(&texts(header))).is_some()
}

/// The most common of these numbers, of equally common ones the largest; 0 of none.
fn usual(counts: impl Iterator<Item = usize> + Clone) -> usize {
    let often = |count: usize| counts.clone().filter(|other| *other == count).count();
    counts
        .clone()
        .max_by_key(|count| (often(*count), *count))
        .unwrap_or(0)
}

/// Finds the first row that counts, and the header above it.
pub(super) fn start(rows: &[Fields], options: &ImportOptions) -> Result<Start, Puzzle> {
    let usual = usual(rows.iter().map(Fields::len));
    let has_value = |row: &Fields| row.iter().any(is_value);
    let is_first = |row: &Fields| row.len() == usual && has_value(row);
    let first = rows.iter().position(is_first);
    let Some(first) = first else {
        // Nothing below a header, rows of all lengths, or no table at all.
        let header = rows.iter().position(|row| row.len() == usual);
        let first = header.map(|at| at + 1);
        let has_rows = |at: &usize| rows[*at..].iter().any(has_value);
        return Ok(Start {
            header,
            first: first.filter(has_rows).unwrap_or(rows.len()),
        });
    };
    let is_near = |row: &Fields| (usual - 1..=usual + 1).contains(&row.len());
    let above: Vec<usize> = (0..first)
        .rev()
        .filter(|at| is_near(&rows[*at]) && !has_value(&rows[*at]))
        .collect();
    let names = |at: usize| -> Vec<String> { texts(&rows[at]) };
    let fits = |at: &&usize| {
        let names = names(**at);
        let roles = roles(&names, &rows[first..], &options.mapping);
        roles.is_ok_and(|roles| {
            let depth = depth::columns(&names);
            shape(
                &names,
                &roles,
                &depth,
                &rows[first..],
                (options.format, &options.mapping),
            )
            .is_ok()
        })
    };
    let header = above.iter().find(fits).or(above.first()).copied();
    Ok(Start { header, first })
}

impl Start {
    /// What a line between header and rows calls the instrument of all columns, as yfinance writes it: `Ticker,AAPL,AAPL,AAPL`.
    pub(super) fn called(&self, rows: &[Fields], mapping: &Mapping) -> Option<String> {
        let is_told = mapping.has(Role::Ticker) || mapping.is_none(Role::Venue);
        let below = self.header.filter(|_| !is_told)? + 1;
        rows.get(below..self.first)?.iter().find_map(|row| {
            let label = plain(&String::from_utf8_lossy(row.get(0)));
            let is_label = ["ticker", "tickers", "symbol", "symbols"].contains(&label.as_str());
            let first = row.get(1);
            let are_same = (1..row.len()).all(|at| row.get(at) == first);
            let is_name = row.len() > 4 && !first.is_empty() && are_same;
            let name = std::str::from_utf8(first).ok()?.trim().to_owned();
            (is_label && is_name).then_some(name)
        })
    }

    /// What was passed over.
    pub(super) fn notes(&self, rows: &[Fields]) -> Vec<String> {
        let mut notes = Vec::new();
        let mut tell = |from: usize, to: usize, place: &str| {
            if from < to {
                let first = String::from_utf8_lossy(rows[from].get(0)).into_owned();
                let lines = if to - from == 1 { "line" } else { "lines" };
                notes.push(format!(
                    "{} {lines} {place} passed over, beginning with {first:?}",
                    to - from
                ));
            }
        };
        match self.header {
            Some(at) => {
                tell(0, at, "above the header");
                tell(at + 1, self.first, "below the header");
            }
            None => tell(0, self.first, "above the first row"),
        }
        notes
    }
}

/// The names of the header. One that lacks the name of the times of day is understood, and the report says so; rows that end with a
/// delimiter have a column without a name.
pub(super) fn header(row: &Fields, data: &[Fields], notes: &mut Vec<String>) -> Vec<String> {
    let mut names = texts(row);
    let roles = known(&names);
    let date = roles.iter().position(|r| *r == Some(Role::Time));
    let has_one_more = |row: &Fields| row.len() == names.len() + 1;
    if let Some(at) = date
        && data
            .iter()
            .all(|row| has_one_more(row) && is_time_of_day(row.get(at + 1)))
    {
        notes.push(format!(
            "the header has {} names for {} columns: it lacks one for column {}, which holds times of day",
            names.len(),
            names.len() + 1,
            at + 2
        ));
        names.insert(at + 1, "Time".to_owned());
        // What is called a time is the whole time, and holds dates alone here.
        if known(&names).get(at) != Some(&Some(Role::Date)) {
            "Date".clone_into(&mut names[at]);
        }
    } else if data
        .iter()
        .all(|row| has_one_more(row) && row.get(row.len() - 1).is_empty())
    {
        names.push(String::new());
    } else if data.iter().all(has_one_more) && are_labels(data, columns::has_time(&roles)) {
        notes.push(
            "the header lacks a name for the first column, which holds labels of rows".to_owned(),
        );
        names.insert(0, String::new());
    }
    names
}

/// Whether the first column holds labels of rows, as R writes them: numbers one after another, or the times that no other column has.
fn are_labels(data: &[Fields], has_time: bool) -> bool {
    if !has_time {
        let is_text =
            |row: &Fields| matches!(TimeFormat::of(row.get(0)), Some(TimeFormat::Text(_)));
        return data.iter().all(is_text);
    }
    let number = |row: &Fields| std::str::from_utf8(row.get(0)).ok()?.parse::<u64>().ok();
    let first = data.first().and_then(number);
    let are_next = (0..).zip(data).all(|(at, row)| {
        number(row)
            .is_some_and(|number| first.and_then(|first| first.checked_add(at)) == Some(number))
    });
    data.len() > 1 && are_next
}

/// Whether all that may be times are digits of a date with its year at its end: none of them is a number since the epoch alone.
fn are_dates_in_digits(texts: &[Vec<u8>]) -> bool {
    let is_date = |text: &Vec<u8>| is_date_in_digits(text);
    let is_number = |text: &Vec<u8>| text.iter().all(u8::is_ascii_digit);
    let is_none = |text: &Vec<u8>| !is_number(text) && TimeFormat::of(text).is_none();
    let is_one = |text: &Vec<u8>| is_date(text) || text.is_empty() || is_none(text);
    texts.iter().any(is_date) && texts.iter().all(is_one)
}

/// Whether numbers can only be seconds since the epoch, some of them before March 1973: they have at most ten digits, some eight or nine,
/// and not all of eight are dates.
fn are_early_seconds(texts: &[Vec<u8>]) -> bool {
    let digits = |text: &Vec<u8>| {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        is_number.then_some(digits.len())
    };
    let is_early = |text: &Vec<u8>| {
        let is_date = matches!(TimeFormat::of(text), Some(TimeFormat::Text(_)));
        !is_date && (digits(text) == Some(8) || text.starts_with(b"-"))
    };
    let are_numbers = texts
        .iter()
        .all(|text| digits(text).is_some_and(|count| count <= 10));
    let is_far = |text: &Vec<u8>| digits(text).is_some_and(|count| count >= 5);
    are_numbers && texts.iter().any(is_early) && texts.iter().any(is_far)
}

/// Whether a text is a month, a quarter or a year as pandas writes them: `2024-01`, `2024Q1`, `2024`.
fn is_period(text: &str) -> bool {
    let are =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once(['-', 'Q', 'q']) {
        Some((year, part)) => are(year.trim_end_matches('-'), 4) && (are(part, 2) || are(part, 1)),
        None => are(text, 4),
    }
}

/// The format of times, and whether the file's other rows have to decide between two.
pub(super) fn time_format(texts: &[Vec<u8>]) -> Result<(TimeFormat, bool), Puzzle> {
    let format = if are_dates_in_digits(texts) {
        Some(TimeFormat::Text(DateOrder::DayFirst))
    } else if are_early_seconds(texts) {
        Some(TimeFormat::Unit(9))
    } else {
        let others = texts.iter().filter(|text| !is_date_in_digits(text));
        others.clone().find_map(|text| TimeFormat::of(text))
    };
    let Some(format) = format else {
        let first = texts.first().map(|text| String::from_utf8_lossy(text));
        if let Some(period) = first.as_ref().filter(|text| is_period(text)) {
            let expected = "a date or a time: a month, quarter or year is written as its first day, such as 2024-01-01";
            return Err((
                format!("{period:?}, which is a period"),
                expected.to_owned(),
            ));
        }
        let expected = "e.g. 2024-08-09, 2024-08-09 09:30:00+00:00 or seconds, ms, us or ns since the epoch; --time-format says another";
        return Err((
            format!("{:?} where a time should be", first.unwrap_or_default()),
            expected.to_owned(),
        ));
    };
    let reading = match &format {
        TimeFormat::Unit(_) => early(texts),
        TimeFormat::Epoch(_) => other_epoch(texts),
        _ => None,
    };
    if let Some(reading) = reading {
        return Err((reading.found, reading.expected));
    }
    let is_in_doubt = match &format {
        TimeFormat::Text(_) => texts.iter().any(|text| parted(text).is_some()),
        TimeFormat::Compact => texts.iter().any(|text| matches!(text.len(), 10 | 12)),
        TimeFormat::Epoch(_) => texts.iter().all(|text| short_year(text).is_some()),
        _ => false,
    };
    let format = match format {
        TimeFormat::Text(_) if !is_in_doubt => TimeFormat::Text(DateOrder::YearFirst),
        format => format,
    };
    Ok((format, is_in_doubt))
}
