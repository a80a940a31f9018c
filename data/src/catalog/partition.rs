//! Where a row belongs: the table, the instrument and the period that a file's rows have in common, and the path that says so. Pure.

use super::part::PartFile;
use super::table::Table;
use std::path::PathBuf;
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, NANOS_PER_SECOND, Record, Ts};

/// Partition of records without an instrument: Hive's name for null.
const NO_INSTRUMENT: &str = "__HIVE_DEFAULT_PARTITION__";
pub(crate) const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// Bars of an hour or more are kept by year: a daily bar a file would be a heap of tiny files.
const LONG_BAR_NS: i64 = 3_600 * NANOS_PER_SECOND;

/// What the rows of one file have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Partition {
    pub(crate) table: Table,
    pub(crate) instrument: InstrumentId,
    /// First day of the period, in days since the epoch.
    pub(crate) day: i64,
    pub(crate) bar: Option<BarSpec>,
}

impl Partition {
    /// Where a record belongs.
    pub(crate) fn of(table: Table, record: &Record, meta: &RunMeta) -> Partition {
        let bar = if table.is_bars() {
            meta.instruments.bar_spec(record.source())
        } else {
            None
        };
        Partition {
            table,
            instrument: record.instrument(),
            day: first_day(table, bar, record.ts_event()),
            bar,
        }
    }

    /// Its directory below the catalog's root.
    pub(crate) fn dir(&self, instrument: Option<&InstrumentDef>) -> PathBuf {
        let name = instrument.map_or(NO_INSTRUMENT.to_owned(), |def| escape(&def.name));
        PathBuf::from(format!("kind={}", self.table))
            .join(format!("instrument={name}"))
            .join(format!("date={}", self.date()))
    }

    /// Its first day, as in its directory.
    pub(crate) fn date(&self) -> String {
        Ts(self.day.saturating_mul(DAY_NS)).date()
    }

    /// Its file's name: the part's stem, for bars their size, and which of the partition's files it is.
    pub(crate) fn file_name(&self, stem: &str, nth: u32) -> String {
        let bar = self.bar.map_or(String::new(), |spec| format!("-{spec}"));
        let nth = match nth {
            0 => String::new(),
            nth => format!("-{nth}"),
        };
        format!("{stem}{bar}{nth}.parquet")
    }
}

/// A bar lies before its stamp: the daily bar that closes at midnight belongs to the day that ends then.
fn first_day(table: Table, bar: Option<BarSpec>, ts: Ts) -> i64 {
    if !table.is_bars() {
        return ts.0.div_euclid(DAY_NS);
    }
    let day = ts.0.saturating_sub(1).div_euclid(DAY_NS);
    match bar {
        Some(BarSpec::Time(length)) if length >= LONG_BAR_NS => first_day_of_year(day),
        _ => day,
    }
}

fn first_day_of_year(day: i64) -> i64 {
    let date = Ts(day.saturating_mul(DAY_NS)).date();
    let year = &date[..date.len() - "-MM-DD".len()];
    Ts::parse(&format!("{year}-01-01")).map_or(day, |ts| ts.0.div_euclid(DAY_NS))
}

/// When the period ends that a partition covers, which begins on this day; `None` if that is no day.
pub(crate) fn period_end(table: Table, bar: Option<BarSpec>, first: &str) -> Option<Ts> {
    let first = Ts::parse(first).ok()?;
    let is_long = matches!(bar, Some(BarSpec::Time(length)) if length >= LONG_BAR_NS);
    if !(table.is_bars() && is_long) {
        return Some(Ts(first.0.saturating_add(DAY_NS)));
    }
    let year: i32 = first.date().get(..4)?.parse().ok()?;
    Ts::parse(&format!("{:04}-01-01", year + 1)).ok()
}

/// Which rows belong into a file by its directory.
pub(crate) struct RowsOf {
    table: Table,
    bar: Option<BarSpec>,
    day: i64,
}

impl RowsOf {
    /// The rows of a file, or the directory in which it should be.
    pub(crate) fn of(file: &PartFile) -> Result<RowsOf, PathBuf> {
        let meta = &file.meta;
        let day = Ts::parse(file.date()).map_or(i64::MIN, |ts| ts.0.div_euclid(DAY_NS));
        let partition = Partition {
            table: meta.table,
            instrument: InstrumentId::NONE,
            day,
            bar: meta.bar,
        };
        let dir = partition.dir(meta.instrument.as_ref());
        if file.path.parent() != Some(&dir) {
            return Err(dir);
        }
        Ok(RowsOf {
            table: meta.table,
            bar: meta.bar,
            day,
        })
    }

    /// Whether a row of this time is one of them.
    pub(crate) fn hold(&self, ts: Ts) -> bool {
        first_day(self.table, self.bar, ts) == self.day
    }
}

/// A name as part of a path: of all but letters, digits and `. - _` the bytes in hexadecimal, as Hive readers expect. A name that
/// would be a path of its own is escaped too.
pub(crate) fn escape(name: &str) -> String {
    let is_dots = name.bytes().all(|byte| byte == b'.');
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || byte == b'.' && !is_dots {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(escape("kraken.XBT/USD"), "kraken.XBT%2FUSD");
        assert_eq!(escape("^GSPC"), "%5EGSPC");
        assert_eq!(escape("币.USDT"), "%E5%B8%81.USDT");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("a%2F"), "a%252F");
    }
}
