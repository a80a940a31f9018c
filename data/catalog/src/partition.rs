//! Where a row belongs: the table, the instrument and the period that a file's rows have in common, and the path that says so. Pure.

use super::file_meta::SCHEMA_VERSION;
use super::part::PartFile;
use super::table::Table;
use std::path::PathBuf;
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, NANOS_PER_SECOND, Record, Ts};

/// Partition of records without an instrument: Hive's name for null.
const NO_INSTRUMENT: &str = "__HIVE_DEFAULT_PARTITION__";
pub(crate) const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// Bars of a day or more are kept by decade, of an hour or more by year, and of a minute or more by month: by day they would be heaps of
/// tiny files.
const DAY_BAR_NS: i64 = DAY_NS;
const LONG_BAR_NS: i64 = 3_600 * NANOS_PER_SECOND;
const MINUTE_BAR_NS: i64 = 60 * NANOS_PER_SECOND;
/// Schema version from which on bars of a minute are kept by month; before it they were kept by day.
const MONTHS_VERSION: u32 = 5;
/// Schema version from which on bars of a day are kept by decade; before it they were kept by year.
const DECADES_VERSION: u32 = 6;

/// How long the periods are by which rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Day,
    Month,
    Year,
    Decade,
}

impl Period {
    /// In files of this schema version.
    fn of(schema: u32, table: Table, bar: Option<BarSpec>) -> Period {
        let Some(BarSpec::Time(length)) = bar.filter(|_| table.is_bars()) else {
            return Period::Day;
        };
        match length {
            DAY_BAR_NS.. if schema >= DECADES_VERSION => Period::Decade,
            LONG_BAR_NS.. => Period::Year,
            MINUTE_BAR_NS.. if schema >= MONTHS_VERSION => Period::Month,
            _ => Period::Day,
        }
    }

    /// The first day of the period that a day is in, in days since the epoch.
    fn first_day(self, day: i64) -> i64 {
        if self == Period::Day {
            return day;
        }
        let date = Ts(day.saturating_mul(DAY_NS)).date();
        let first = match self {
            Period::Day => return day,
            Period::Month => format!("{}-01", &date[..date.len() - "-DD".len()]),
            Period::Year => format!("{}-01-01", &date[..date.len() - "-MM-DD".len()]),
            Period::Decade => format!("{}0-01-01", &date[..date.len() - "Y-MM-DD".len()]),
        };
        Ts::parse(&first).map_or(day, |ts| ts.0.div_euclid(DAY_NS))
    }

    /// When the period ends that begins at this time; `None` if that is beyond what a time holds.
    fn end(self, first: Ts) -> Option<Ts> {
        let date = first.date();
        let year: i32 = date.get(..4)?.parse().ok()?;
        let next = match self {
            Period::Day => return Some(Ts(first.0.saturating_add(DAY_NS))),
            Period::Month => match date.get(5..7)?.parse::<u32>().ok()? {
                12 => format!("{:04}-01-01", year + 1),
                month => format!("{year:04}-{:02}-01", month + 1),
            },
            Period::Year => format!("{:04}-01-01", year + 1),
            Period::Decade => format!("{:04}-01-01", year + 10),
        };
        Ts::parse(&next).ok()
    }
}

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
            day: first_day(SCHEMA_VERSION, table, bar, record.ts_event()),
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
fn first_day(schema: u32, table: Table, bar: Option<BarSpec>, ts: Ts) -> i64 {
    let inside = ts.0.saturating_sub(i64::from(table.is_bars()));
    let day = inside.div_euclid(DAY_NS);
    Period::of(schema, table, bar).first_day(day)
}

/// The partition, by the current schema version, of the rows of a file.
pub(crate) fn target(file: &PartFile, instrument: InstrumentId) -> Partition {
    let meta = &file.meta;
    Partition {
        table: meta.table,
        instrument,
        day: first_day(SCHEMA_VERSION, meta.table, meta.bar, meta.ts_min),
        bar: meta.bar,
    }
}

/// Where a file with its rows belongs by the current schema version.
pub(crate) fn target_dir(file: &PartFile) -> PathBuf {
    target(file, InstrumentId::NONE).dir(file.meta.instrument.as_ref())
}

/// When the period ends whose rows a file holds; `None` if its directory names no day.
pub(crate) fn period_end(file: &PartFile) -> Option<Ts> {
    let first = Ts::parse(file.date()).ok()?;
    let meta = &file.meta;
    Period::of(meta.schema, meta.table, meta.bar).end(first)
}

/// Which rows belong into a file by its directory.
pub(crate) struct RowsOf {
    table: Table,
    bar: Option<BarSpec>,
    schema: u32,
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
            schema: meta.schema,
            day,
        })
    }

    /// Whether a row of this time is one of them.
    pub(crate) fn hold(&self, ts: Ts) -> bool {
        first_day(self.schema, self.table, self.bar, ts) == self.day
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
    fn periods_are_as_long_as_a_kind_needs() {
        let day = |schema, table, bar: &str, ts: &str| {
            let bar = Some(bar.parse().unwrap()).filter(|_| table == Table::Bars);
            let day = first_day(schema, table, bar, Ts::parse(ts).unwrap());
            Ts(day * DAY_NS).date()
        };
        let bars = |bar, ts| day(6, Table::Bars, bar, ts);
        assert_eq!(bars("1m", "2024-02-29T12:00:00Z"), "2024-02-01");
        // A bar lies before its stamp.
        assert_eq!(bars("1m", "2024-03-01T00:00:00Z"), "2024-02-01");
        assert_eq!(bars("1m", "2024-03-01T00:01:00Z"), "2024-03-01");
        assert_eq!(bars("59s", "2024-02-29T12:00:00Z"), "2024-02-29");
        assert_eq!(bars("1h", "2024-02-29T12:00:00Z"), "2024-01-01");
        assert_eq!(bars("23h", "2024-02-29T12:00:00Z"), "2024-01-01");
        assert_eq!(bars("1d", "2024-02-29T12:00:00Z"), "2020-01-01");
        assert_eq!(bars("1d", "2030-01-01T00:00:00Z"), "2020-01-01");
        assert_eq!(bars("1w", "2030-01-01T00:00:01Z"), "2030-01-01");
        assert_eq!(bars("1d", "1969-12-31T00:00:00Z"), "1960-01-01");
        assert_eq!(
            day(5, Table::Bars, "1d", "2024-02-29T12:00:00Z"),
            "2024-01-01"
        );
        assert_eq!(bars("100t", "2024-02-29T12:00:00Z"), "2024-02-29");
        assert_eq!(
            day(4, Table::Bars, "1m", "2024-02-29T12:00:00Z"),
            "2024-02-29"
        );
        assert_eq!(
            day(5, Table::Trades, "1m", "2024-02-29T12:00:00Z"),
            "2024-02-29"
        );
        let end = |period: Period, first| period.end(Ts::parse(first).unwrap()).unwrap().date();
        assert_eq!(end(Period::Month, "2024-12-01"), "2025-01-01");
        assert_eq!(end(Period::Month, "2024-02-01"), "2024-03-01");
        assert_eq!(end(Period::Year, "2024-01-01"), "2025-01-01");
        assert_eq!(end(Period::Decade, "1990-01-01"), "2000-01-01");
        assert_eq!(end(Period::Day, "2024-02-28"), "2024-02-29");
    }

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(escape("kraken.XBT/USD"), "kraken.XBT%2FUSD");
        assert_eq!(escape("^GSPC"), "%5EGSPC");
        assert_eq!(escape("币.USDT"), "%E5%B8%81.USDT");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("a%2F"), "a%252F");
    }
}
