//! What the columns of a file mean that have types, as those of Parquet and Arrow: by the same names and the same first rows as those of
//! a text, which are looked at as a person would write them.

use super::columns::{has_time, is_market, roles, shape};
use super::other::whole_values;
use super::{Dialect, Layout, Puzzle, Role, Unread, depth, plain};
use crate::FormatError;
use crate::import::columnar::{Described, DescribedColumn, ValueKind};
use crate::import::number::Decimal;
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
use crate::import::time::TimeFormat;
use jiff::tz::TimeZone;
use std::path::Path;

impl Layout {
    /// Finds out what a file is from its columns and first rows, and what the options say of it.
    pub(crate) fn of_columns(table: &Described, options: &ImportOptions) -> Result<Layout, Unread> {
        let mut has_prices = false;
        let found = Layout::of_described(table, options, &mut has_prices);
        found.map_err(|(found, expected)| {
            let all: Vec<String> = table.columns.iter().map(ToString::to_string).collect();
            let all = all.join(", ");
            let found = match found.strip_prefix("columns ") {
                Some(_) => format!("columns {all}"),
                None => format!("{found} (columns {all})"),
            };
            let puzzle = (found, expected);
            let is_market = has_prices;
            Unread {
                puzzle,
                is_market,
                place: None,
            }
        })
    }

    fn of_described(
        table: &Described,
        options: &ImportOptions,
        has_prices: &mut bool,
    ) -> Result<Layout, Puzzle> {
        if options.delimiter.is_some() {
            let found = format!("--delimiter for {}", table.container);
            return Err((found, "no delimiter: it has columns".to_owned()));
        }
        let data = &table.head;
        let Some(first) = data.first() else {
            return Err(("no rows".to_owned(), "rows".to_owned()));
        };
        let names = names(table, options)?;
        // What is not read has no meaning, whatever it is called.
        let readable: Vec<String> = (1..)
            .zip(table.columns.iter().zip(&names))
            .map(|(at, (column, name))| match column.kind {
                ValueKind::Unread => format!("unread column {at}"),
                _ => name.clone(),
            })
            .collect();
        let mut notes = Vec::new();
        let mut roles = roles(&readable, data, &options.mapping)?;
        only_times(table, &names, &mut roles, &mut notes);
        *has_prices = is_market(&roles);
        folders_agree(table, &roles)?;
        let depth = depth::columns(&readable);
        whole_values(&readable, &roles, data, options)?;
        let (shape, dialect) = shape(
            &readable,
            &roles,
            &depth,
            data,
            (options.format, &options.mapping),
        )?;
        if dialect == Dialect::Metatrader {
            return Err(changes_in_columns());
        }
        notes.extend(note_of_unread(table));
        let is_by_venue = dialect.names_by_venue() || options.mapping.has(Role::Venue);
        let mut layout = Layout {
            is_columnar: true,
            has_header: true,
            depth,
            dialect,
            is_by_venue,
            decimal: options.decimal.unwrap_or(Decimal::Point),
            is_decimal_open: options.decimal.is_none(),
            notes,
            ..Layout::plain(names, roles, shape)
        };
        let is_instant = are_instants(table, layout.time_columns().0);
        layout.set_header_zone(data, options, is_instant)?;
        match layout.typed_time(table, options)? {
            Some(time) => layout.time = time,
            None => layout.set_time(data, options)?,
        }
        layout.known.bar = layout.databento_bar(first);
        let is_readable = |at: usize| {
            let column = table.columns.get(at);
            column.is_some_and(|column| column.kind != ValueKind::Unread)
        };
        layout.set_apart(data, &options.mapping, is_readable);
        layout.set_rules(data, options, is_readable)?;
        layout.set_known(data, options, is_readable);
        layout.tell();
        Ok(layout)
    }

    /// Times whose columns say what they are.
    fn typed_time(
        &self,
        table: &Described,
        options: &ImportOptions,
    ) -> Result<Option<TimeFormat>, Puzzle> {
        self.no_floats(table)?;
        let (time, time_of_day) = self.time_columns();
        let kind = |at: usize| {
            table
                .columns
                .get(at)
                .map_or(ValueKind::Unread, |column| column.kind)
        };
        let zone = options.zone.as_deref();
        let unit = match (kind(time), time_of_day) {
            (ValueKind::Instant(unit) | ValueKind::Local(unit), None) => Some(unit),
            _ => None,
        };
        let told = options.time_format.as_deref().filter(|_| unit.is_some());
        let told = told.and_then(TimeFormat::told_unit);
        let what = match (kind(time), time_of_day.map(kind)) {
            (ValueKind::Instant(unit), None) => format!("timestamps with a zone, in {unit}"),
            (ValueKind::Local(unit), None) => {
                if plain(&self.names[time]) == "localtime" && zone.is_none() {
                    let found = "local times of no zone".to_owned();
                    let expected = "--zone, as an IANA zone such as Europe/Berlin, or UTC";
                    return Err((found, expected.to_owned()));
                }
                let known = self.known.zone.as_ref().and_then(TimeZone::iana_name);
                let zone = zone.or(known).unwrap_or("UTC");
                format!("timestamps without a zone, in {unit}, taken as those of {zone}")
            }
            (ValueKind::Date, None) => "dates".to_owned(),
            (ValueKind::Date | ValueKind::Local(_), Some(ValueKind::TimeOfDay)) => {
                "dates and times of day".to_owned()
            }
            (ValueKind::TimeOfDay, None) => {
                let found = format!("times of day in {:?} without a date", self.names[time]);
                return Err((
                    found,
                    "a column of dates beside it, or of timestamps".to_owned(),
                ));
            }
            _ => return Ok(None),
        };
        let what = match (told, &options.time_format) {
            (Some((name, _)), _) if Some(name) == unit => what,
            (Some((name, _)), _) => format!("{what}, whose numbers are read as {name}"),
            (None, None) => what,
            (None, Some(told)) => {
                let found = format!("--time-format {told} for a column of {what}");
                return Err((found, "none: the column says it".to_owned()));
            }
        };
        Ok(Some(TimeFormat::Typed {
            what,
            is_local: matches!(kind(time), ValueKind::Local(_)) && time_of_day.is_none(),
            are_days: false,
            unit: unit.and_then(TimeFormat::told_unit).map(|(_, nanos)| nanos),
            told: told.map(|(_, nanos)| nanos),
        }))
    }

    /// Whether its times have to be read to know if they are dates alone, which are the same in any zone.
    pub(crate) fn may_be_days(&self, options: &ImportOptions) -> bool {
        let is_local = matches!(
            self.time,
            TimeFormat::Typed {
                is_local: true,
                told: None,
                ..
            }
        );
        is_local && self.shape.is_bars() && options.zone.is_some()
    }

    /// Whether all its times are dates alone.
    pub(crate) fn set_days(&mut self, are: bool) {
        if let TimeFormat::Typed { what, are_days, .. } = &mut self.time
            && are
        {
            *are_days = true;
            "timestamps at midnight, which are dates".clone_into(what);
        }
    }

    /// What its rows are called.
    pub(crate) fn row_word(&self) -> &'static str {
        if self.is_columnar { "row" } else { "line" }
    }

    /// The error for what is in a row, which refuses the file.
    pub(crate) fn fault(
        &self,
        file: &Path,
        row: u64,
        found: String,
        expected: &str,
    ) -> FormatError {
        let (file, expected) = (file.to_owned(), expected.to_owned());
        match self.is_columnar {
            true => FormatError::ImportRow {
                file,
                row,
                found,
                expected,
            },
            false => FormatError::Import {
                file,
                line: row,
                found,
                expected,
            },
        }
    }

    /// Columns of prices and sizes, those of levels among them.
    pub(crate) fn number_columns(&self) -> Vec<usize> {
        let of_levels = (self.depth.iter())
            .flat_map(|level| [level.bid, level.bid_qty, level.ask, level.ask_qty]);
        self.numbers()
            .into_iter()
            .flatten()
            .chain(of_levels)
            .collect()
    }

    /// Whether something is taken from a column.
    pub(crate) fn is_read(&self, at: usize) -> bool {
        let role = self.roles.get(at).copied().flatten();
        role.is_some_and(|role| self.uses(role)) || self.depth.iter().any(|level| level.has(at))
    }

    /// Which columns are read.
    pub(crate) fn read_columns(&self) -> Vec<bool> {
        let is_read = |(at, role): (usize, &Option<Role>)| {
            role.is_some()
                || self.apart.contains(&at)
                || self.sides.iter().any(|(side, _)| *side == at)
                || self.rules.iter().any(|rule| rule.at == at)
                || self.instrument_number() == Some(at)
                || self.depth.iter().any(|level| level.has(at))
        };
        self.roles.iter().enumerate().map(is_read).collect()
    }
}

/// Why ticks of MetaTrader are not read from columns with types: in them nothing says whether a field was filled.
fn changes_in_columns() -> Puzzle {
    let expected = "the text that MetaTrader exports, in which a field that is empty is as it was; --format parquet or arrow reads rows with both bid and ask as quotes alone";
    ("ticks of MetaTrader 5".to_owned(), expected.to_owned())
}

/// Which columns are of types that are not read.
fn note_of_unread(table: &Described) -> Option<String> {
    let columns = table.columns.iter();
    let unread: Vec<String> = columns
        .filter(|column| column.kind == ValueKind::Unread)
        .map(ToString::to_string)
        .collect();
    (!unread.is_empty())
        .then(|| format!("columns of types that are not read: {}", unread.join(", ")))
}

/// Whether a column says the instants of its times.
fn are_instants(table: &Described, at: usize) -> bool {
    let column = table.columns.get(at);
    column.is_some_and(|column| matches!(column.kind, ValueKind::Instant(_)))
}

/// What the columns are called: by themselves, or as was told.
fn names(table: &Described, options: &ImportOptions) -> Result<Vec<String>, Puzzle> {
    let mut names: Vec<String> = table
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    if options.columns.is_empty() {
        return Ok(names);
    }
    let own = table
        .columns
        .iter()
        .filter(|column| !column.is_partition)
        .count();
    if own != options.columns.len() {
        let found = format!("{own} columns for {} names", options.columns.len());
        return Err((found, "as many columns as names".to_owned()));
    }
    names[..own].clone_from_slice(&options.columns);
    Ok(names)
}

/// Refuses a folder that says another symbol than the column of that name does.
fn folders_agree(table: &Described, roles: &[Option<Role>]) -> Result<(), Puzzle> {
    let all = || table.columns.iter().enumerate();
    for (at, column) in all().filter(|(_, column)| !column.is_partition) {
        let role = roles.get(at).copied().flatten();
        if role != Some(Role::Ticker) {
            continue;
        }
        let is_it =
            |of: &DescribedColumn| of.is_partition && plain(&of.name) == plain(&column.name);
        for (folder, of) in all().filter(|(_, of)| is_it(of)) {
            let differs = |row: &&Fields| {
                let [own, said] = [row.get(at), row.get(folder)];
                !own.is_empty() && !said.is_empty() && own != said
            };
            if let Some(row) = table.head.iter().find(differs) {
                let [own, said] = [at, folder].map(|at| String::from_utf8_lossy(row.get(at)));
                return Err((
                    format!(
                        "{:?} in column {:?} of the folder {}={said}",
                        own, column.name, of.name
                    ),
                    "the same in both".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

/// Where no name says what the time is, and there is one column of timestamps or dates, it is that, as the index of a frame of pandas.
fn only_times(
    table: &Described,
    names: &[String],
    roles: &mut [Option<Role>],
    notes: &mut Vec<String>,
) {
    let is_time = |column: &DescribedColumn| {
        let kinds = matches!(
            column.kind,
            ValueKind::Instant(_) | ValueKind::Local(_) | ValueKind::Date
        );
        kinds && !column.is_partition
    };
    if has_time(roles) {
        return;
    }
    let free = (0..roles.len()).filter(|at| roles[*at].is_none() && is_time(&table.columns[*at]));
    if let [only] = free.collect::<Vec<usize>>().as_slice() {
        roles[*only] = Some(Role::Time);
        notes.push(format!("{:?} is the only column of times", names[*only]));
    }
}
