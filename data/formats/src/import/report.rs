//! What an import came to: rows read, written and refused, by kind, and what is worth knowing.

use super::format::Format;
use super::role::plain;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use tickloom_catalog::Refusals;
use tickloom_catalog::Table;
use tickloom_types::{BarSpec, Flags, Record, Ts};

/// What an import did. Serialises to what `import --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The file.
    pub file: PathBuf,
    /// Its name within the file, if that is a zip.
    pub member: Option<String>,
    /// The format that it was read as.
    pub format: Format,
    /// Rows and records by kind.
    pub kinds: BTreeMap<Table, KindCount>,
    /// Rows that are no records of a market, by what they are; they are not kept.
    pub not_kept: BTreeMap<String, u64>,
    /// The instruments in it, by name.
    pub instruments: Vec<String>,
    /// Rows in the file, without its header.
    pub read: u64,
    /// Records that were made of them.
    pub written: u64,
    /// Wrong rows, left out.
    pub refused: u64,
    /// Rows that are there already, in this file or in an earlier import, and count once.
    pub repeated: u64,
    /// The first of them.
    pub repeats: Vec<String>,
    /// Trades without numbers at times and prices of trades of other imports or of pages above in the file, and quotes at times of the same
    /// quotes: they were taken, and may count twice.
    pub maybe_repeated: u64,
    /// Rows with a size whose digits beyond the ninth decimal were the noise of a binary float, and were rounded away. A price that
    /// is a text is never rounded: such a row is refused.
    pub rounded: u64,
    /// Prices of columns of binary floats of which the noise of a calculation was left out.
    pub rounded_prices: u64,
    /// The same by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first of the wrong rows.
    pub errors: Vec<LineError>,
    /// What was found out or assumed and is worth knowing.
    pub notes: Vec<String>,
    /// What was taken for what, of a text.
    pub taken: Option<Taken>,
    /// Size of the bars.
    pub bar: Option<BarSpec>,
    /// What their times were taken as.
    pub stamp: Option<String>,
    /// Time of the first record.
    pub from: Option<Ts>,
    /// Time of the last record.
    pub to: Option<Ts>,
    /// Name of the run under which the catalog keeps it.
    pub run: Option<String>,
    /// Whether the catalog had it already.
    pub unchanged: bool,
}

/// What the columns of a text were taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The table that its rows belong to.
    pub rows: Table,
    /// How its times are written.
    pub times: String,
    /// The name of each column that is read, by what it was taken for.
    pub columns: BTreeMap<String, String>,
    /// Prices of columns of binary floats of which the noise of a calculation was left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub rounded_prices: u64,
    /// Prices and sizes that were rounded to the decimals that were told.
    #[serde(skip_serializing_if = "is_zero")]
    pub rounded_values: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Taken {
    /// Whether all columns are called what they were taken for, and no price was changed.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let times = ["date", "time", "datetime", "timestamp"];
        let is_exact = self.rounded_prices + self.rounded_values == 0;
        is_exact
            && self.columns.iter().all(|(role, name)| {
                let name = plain(name);
                name == plain(role) || role == "time" && times.contains(&name.as_str())
            })
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rows)?;
        for (at, (role, name)) in self.columns.iter().enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            write!(f, "{before}{role} from {name:?}")?;
        }
        write!(f, "; times are {}", self.times)?;
        match self.rounded_values {
            0 => {}
            count => write!(f, "; {count} prices and sizes are rounded as told")?,
        }
        match self.rounded_prices {
            0 => Ok(()),
            count => write!(
                f,
                "; {count} prices are binary floats with the noise of a calculation, which was left out"
            ),
        }
    }
}

/// What became of the rows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// Rows from which records of this kind are made; a row may be of several kinds.
    pub read: u64,
    /// Records.
    pub written: u64,
    /// Wrong rows, left out.
    pub refused: u64,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// The file.
    pub file: PathBuf,
    /// The line, or the row of columns, from one.
    pub line: u64,
    /// Whether it is a row of columns.
    #[serde(skip)]
    pub is_row: bool,
    /// The field that is wrong.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What was expected.
    pub expected: String,
}

impl LineError {
    /// What its number counts.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.is_row { "row" } else { "line" }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} {}: {} is {:?}, expected {}",
            self.file.display(),
            self.unit(),
            self.line,
            self.field,
            self.value,
            self.expected
        )
    }
}

/// Why a row was left out, whatever its value.
pub(crate) fn reason(field: &str, expected: &str) -> String {
    format!("{field}: expected {expected}")
}

/// What a format says of a file's rows, beside the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Rows read and refused, by kind; records are counted as they are made.
    pub(crate) rows: BTreeMap<Table, KindCount>,
    pub(crate) not_kept: BTreeMap<String, u64>,
    pub(crate) read: u64,
    pub(crate) refused: u64,
    pub(crate) reasons: Refusals,
    pub(crate) repeated: u64,
    pub(crate) repeats: Vec<String>,
    /// Rows that may be there again within the file, and what is to be said of them.
    pub(crate) maybe_repeated: (u64, Option<String>),
    pub(crate) rounded: u64,
    pub(crate) rounded_prices: u64,
    pub(crate) taken: Option<Taken>,
    pub(crate) errors: Vec<LineError>,
    pub(crate) notes: Vec<String>,
    pub(crate) bar: Option<BarSpec>,
    pub(crate) stamp: Option<String>,
}

// Tables are counted by their place.
const _: () = {
    let mut at = 0;
    while at < Table::ALL.len() {
        assert!(Table::ALL[at] as usize == at);
        at += 1;
    }
};

/// The records that were made, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By the place of the table among all.
    written: [u64; Table::ALL.len()],
    times: Option<(Ts, Ts)>,
}

impl Tally {
    /// So many records of a table, from the first to the last time.
    pub(crate) fn of(table: Table, count: u64, times: Option<(Ts, Ts)>) -> Tally {
        let mut tally = Tally {
            times,
            ..Tally::default()
        };
        if let Some(written) = tally.written.get_mut(table as usize) {
            *written = count;
        }
        tally
    }

    pub(crate) fn count(&mut self, records: &[Record]) {
        let Some(first) = records.first() else { return };
        let (mut from, mut to) = self.times.unwrap_or((first.ts_event(), first.ts_event()));
        // Records of one table follow each other.
        let (mut like, mut begun) = (first, 0);
        for (at, record) in records.iter().enumerate() {
            from = from.min(record.ts_event());
            to = to.max(record.ts_event());
            if !is_of_one_table(like, record) {
                self.add(like, at - begun);
                (like, begun) = (record, at);
            }
        }
        self.add(like, records.len() - begun);
        self.times = Some((from, to));
    }

    fn add(&mut self, like: &Record, count: usize) {
        let table = Table::of(like);
        if let Some(written) = table.and_then(|table| self.written.get_mut(table as usize)) {
            *written += count as u64;
        }
    }
}

/// Whether what [`Table::of`] looks at is the same.
#[inline]
fn is_of_one_table(one: &Record, other: &Record) -> bool {
    let (one, other) = (&one.header, &other.header);
    one.kind == other.kind && (one.flags ^ other.flags) & Flags::SNAPSHOT == 0
}

impl ImportReport {
    /// Of a file of which nothing was read yet.
    pub(crate) fn new(file: &Path, member: Option<&str>, format: Format) -> ImportReport {
        ImportReport {
            file: file.to_owned(),
            member: member.map(str::to_owned),
            format,
            kinds: BTreeMap::new(),
            not_kept: BTreeMap::new(),
            instruments: Vec::new(),
            read: 0,
            written: 0,
            refused: 0,
            repeated: 0,
            repeats: Vec::new(),
            maybe_repeated: 0,
            rounded: 0,
            rounded_prices: 0,
            reasons: BTreeMap::new(),
            errors: Vec::new(),
            notes: Vec::new(),
            taken: None,
            bar: None,
            stamp: None,
            from: None,
            to: None,
            run: None,
            unchanged: false,
        }
    }

    pub(crate) fn fill(&mut self, found: Found, tally: &Tally, errors_max: usize) {
        self.kinds = found.rows;
        for (table, written) in Table::ALL.iter().zip(tally.written) {
            if written > 0 {
                self.kinds.entry(*table).or_default().written = written;
                self.written += written;
            }
        }
        self.not_kept = found.not_kept;
        self.read = found.read;
        self.refused = found.refused;
        self.reasons = found.reasons.reasons;
        self.repeated = found.repeated;
        self.repeats = found.repeats;
        self.repeats.truncate(errors_max);
        self.maybe_repeated = found.maybe_repeated.0;
        self.repeats.extend(found.maybe_repeated.1);
        self.rounded = found.rounded;
        self.rounded_prices = found.rounded_prices;
        self.taken = found.taken;
        self.errors = found.errors;
        self.errors.truncate(errors_max);
        self.notes = found.notes;
        self.bar = found.bar;
        self.stamp = found.stamp;
        self.from = tally.times.map(|(from, _)| from);
        self.to = tally.times.map(|(_, to)| to);
    }

    /// Whether these are the rows that were written, by table.
    pub(crate) fn has_written(&self, rows: &BTreeMap<Table, u64>) -> bool {
        let written = self
            .kinds
            .iter()
            .map(|(table, count)| (*table, count.written));
        let written: BTreeMap<Table, u64> = written.filter(|(_, count)| *count > 0).collect();
        written == *rows
    }

    /// The catalog has these rows of it already.
    pub(crate) fn has_already(&mut self, rows: &BTreeMap<Table, u64>) {
        self.unchanged = true;
        self.written = 0;
        self.kinds.values_mut().for_each(|kind| kind.written = 0);
        for (table, written) in rows {
            self.kinds.entry(*table).or_default().written = *written;
            self.written += written;
        }
    }

    /// The rows that were left out, by reason, and the first of them.
    #[must_use]
    pub fn left_out(&self) -> Refusals {
        let mut left_out = Refusals::new(self.read);
        for (reason, rows) in &self.reasons {
            left_out.add(reason, *rows);
        }
        for error in &self.errors {
            left_out.at(&error.to_string());
        }
        left_out
    }

    /// Whether its rows are those of columns, and not lines of a text.
    #[must_use]
    pub fn is_columnar(&self) -> bool {
        let is_row = self.errors.first().is_some_and(|error| error.is_row);
        is_row || matches!(self.format, Format::Parquet | Format::Arrow)
    }

    /// What it is called in messages: the file, and of a zip the member behind it.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.member {
            Some(member) => format!("{} ({member})", self.file.display()),
            None => self.file.display().to_string(),
        }
    }

    /// The kinds in it, as a text.
    #[must_use]
    pub fn tables(&self) -> String {
        let names: Vec<String> = self.kinds.keys().map(ToString::to_string).collect();
        names.join(", ")
    }
}
