//! Columns that are parts of a file's path, as Hive writes partitions: `symbol=AAPL/date=2024-01-02/part-0.parquet`.

use super::DescribedColumn;
use super::column::{Column, ValueKind};
use jiff::civil::Date;
use std::path::Path;

/// What Hive writes for a value that is not there.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The names and values of the folders that a file is in.
pub(crate) fn of(path: &Path) -> Vec<(String, String)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    let pairs = folders.filter_map(|folder| {
        let folder = folder.as_os_str().to_str()?;
        let (name, value) = folder.split_once('=')?;
        let value = if value == NULL {
            String::new()
        } else {
            decoded(value)
        };
        (!name.is_empty()).then(|| (decoded(name), value))
    });
    with_date(pairs.collect())
}

/// Folders of a year, a month and a day as one of a date; a day or an hour that is none of that is no column of days.
fn with_date(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let number = |wanted: &str| {
        let mut pairs = pairs.iter();
        let value = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.1.parse::<i16>().ok()
    };
    let (year, month, day) = (number("year"), number("month"), number("day"));
    if day.is_none() {
        return pairs;
    }
    let month = month.and_then(|month| i8::try_from(month).ok());
    let day = day.and_then(|day| i8::try_from(day).ok());
    let date = year
        .zip(month)
        .zip(day)
        .and_then(|((year, month), day)| Date::new(year, month, day).ok());
    let is_part = |name: &str| {
        let parts = ["year", "month", "day"];
        parts.iter().any(|part| name.eq_ignore_ascii_case(part))
    };
    pairs.retain(|(name, _)| !is_part(name));
    pairs.extend(date.map(|date| ("date".to_owned(), date.to_string())));
    pairs
}

pub(super) fn columns(path: &Path) -> Vec<DescribedColumn> {
    let column = |(name, _): (String, String)| DescribedColumn {
        name,
        kind: ValueKind::Text,
        type_name: "folder".to_owned(),
        is_partition: true,
    };
    of(path).into_iter().map(column).collect()
}

pub(super) fn values(path: &Path) -> Vec<Column> {
    let values = of(path).into_iter();
    values
        .map(|(_, value)| Column::constant(value.trim().as_bytes()))
        .collect()
}

/// `%20` and the like as the signs that they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let sign = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match sign.filter(|_| *first == b'%') {
            Some(sign) => {
                bytes.push(sign);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Whether a file is called as programs call one of many, so that its name is none of an instrument. A number alone is one where the
/// folders have the values.
pub(crate) fn is_part_name(stem: &str, path: &Path) -> bool {
    let rest = ["part", "data", "chunk"]
        .iter()
        .find_map(|word| stem.strip_prefix(word));
    match rest.and_then(|rest| rest.strip_prefix(['-', '.', '_'])) {
        Some(rest) => rest.starts_with(|c: char| c.is_ascii_digit()),
        None => stem.bytes().all(|b| b.is_ascii_digit()) && !of(path).is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_columns() {
        let found = of(Path::new(
            "data/symbol=BTC%2FUSD/date=2024-01-02/x=__HIVE_DEFAULT_PARTITION__/=1/a=b.parquet",
        ));
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(
            found,
            [("symbol", "BTC/USD"), ("date", "2024-01-02"), ("x", "")]
        );
        assert_eq!(decoded("50%"), "50%");
        assert_eq!(decoded("%ff"), "%ff");
    }

    #[test]
    fn folders_of_years_months_and_days_are_a_date() {
        for (path, expected) in [
            (
                "symbol=A/year=2024/month=01/day=2/x",
                "symbol=A date=2024-01-02",
            ),
            ("year=2024/month=2/day=30/x", ""),
            ("year=2024/month=2/x", "year=2024 month=2"),
            ("day=2/x", ""),
            ("day=2024-01-02/x", "day=2024-01-02"),
        ] {
            let found = of(Path::new(path));
            let found: Vec<String> = found.iter().map(|(a, b)| format!("{a}={b}")).collect();
            assert_eq!(found.join(" "), expected, "{path}");
        }
    }

    #[test]
    fn a_part_is_no_instrument() {
        let (plain, parted) = (Path::new("a/x"), Path::new("symbol=A/x"));
        for part in ["part-0", "part.12", "part-00000-c97d-c000.snappy", "data_0"] {
            assert!(
                is_part_name(part, plain) && is_part_name(part, parted),
                "{part}"
            );
        }
        for name in [
            "AAPL",
            "party",
            "part-time",
            "BRK.B",
            "600519.SH",
            "data-set",
            "data",
            "600519",
        ] {
            assert!(!is_part_name(name, plain), "{name}");
        }
        assert!(is_part_name("00000000", parted));
    }
}
