//! The rows that a statement gave, and how they are written: as an aligned table, CSV, JSON or Parquet. Decimals keep all their
//! digits, times are UTC to the nanosecond.

use crate::error::SqlError;
use crate::limits::CELL_CHARS_MAX;
use crate::reading::Reads;
use crate::tables::engine;
use polars::prelude::*;
use std::io::Write;
use tickloom_types::Ts;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people, with at most so many rows.
    Table {
        /// Rows that are shown.
        rows_max: usize,
    },
    /// Comma-separated with a header; null is nothing, an empty text is `""`.
    Csv,
    /// One array of objects, one a line. Decimals are numbers with all their digits.
    Json,
    /// A Parquet file.
    Parquet,
}

/// The rows that a statement gave.
pub struct Answer {
    frame: DataFrame,
    reads: Reads,
    notes: Vec<String>,
}

/// One value, as text.
struct Cell {
    text: String,
    kind: CellKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellKind {
    Null,
    /// Digits, as JSON takes them.
    Number,
    /// Not a finite number.
    NotFinite,
    Bool,
    Text,
}

impl Answer {
    pub(crate) fn new(frame: DataFrame, reads: Reads, notes: Vec<String>) -> Answer {
        Answer {
            frame,
            reads,
            notes,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// Names of the columns.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let names = self.frame.columns().iter();
        names.map(|column| column.name().as_str()).collect()
    }

    /// What was read for it.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What the user should know beside the rows.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Writes the rows.
    ///
    /// # Errors
    /// [`SqlError::Write`]; [`SqlError::Engine`].
    pub fn write(&self, format: Format, mut to: impl Write) -> Result<(), SqlError> {
        match format {
            Format::Table { rows_max } => self.write_table(rows_max, &mut to),
            Format::Csv => self.write_csv(&mut to),
            Format::Json => self.write_json(&mut to),
            Format::Parquet => self.write_parquet(&mut to),
        }
    }

    fn cell(&self, column: &Column, row: usize) -> Result<Cell, SqlError> {
        column.get(row).map(|value| cell(&value)).map_err(engine)
    }

    fn write_table(&self, rows_max: usize, to: &mut impl Write) -> Result<(), SqlError> {
        let rows = self.rows().min(rows_max);
        let mut columns = Vec::new();
        for column in self.frame.columns() {
            let right = column.dtype().is_numeric();
            let name = shortened(column.name());
            let mut width = name.chars().count();
            let mut texts = Vec::with_capacity(rows);
            for row in 0..rows {
                let text = shortened(&self.cell(column, row)?.text);
                width = width.max(text.chars().count());
                texts.push(text);
            }
            columns.push((name, texts, width, right));
        }
        for row in 0..=rows {
            let mut line = String::new();
            for (nth, (name, texts, width, right)) in columns.iter().enumerate() {
                let text = row.checked_sub(1).map_or(name, |row| &texts[row]);
                let pad = " ".repeat(width - text.chars().count());
                let gap = if nth == 0 { "" } else { "  " };
                line.push_str(gap);
                if *right {
                    line.push_str(&pad);
                    line.push_str(text);
                } else {
                    line.push_str(text);
                    line.push_str(&pad);
                }
            }
            writeln!(to, "{}", line.trim_end())?;
        }
        if rows < self.rows() {
            let more = self.rows() - rows;
            writeln!(
                to,
                "({more} more rows; LIMIT, --rows or --format csv show others)"
            )?;
        }
        Ok(())
    }

    fn write_csv(&self, to: &mut impl Write) -> Result<(), SqlError> {
        let names: Vec<String> = self.columns().iter().map(|name| csv_text(name)).collect();
        writeln!(to, "{}", names.join(","))?;
        for row in 0..self.rows() {
            for (nth, column) in self.frame.columns().iter().enumerate() {
                if nth > 0 {
                    to.write_all(b",")?;
                }
                let cell = self.cell(column, row)?;
                match cell.kind {
                    CellKind::Text => to.write_all(csv_text(&cell.text).as_bytes())?,
                    CellKind::Null => {}
                    _ => to.write_all(cell.text.as_bytes())?,
                }
            }
            to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn write_json(&self, to: &mut impl Write) -> Result<(), SqlError> {
        let names: Vec<String> = self.columns().iter().map(|name| json_text(name)).collect();
        to.write_all(b"[")?;
        for row in 0..self.rows() {
            to.write_all(if row == 0 { b"\n{" } else { b",\n{" })?;
            for (nth, column) in self.frame.columns().iter().enumerate() {
                let gap = if nth == 0 { "" } else { "," };
                let cell = self.cell(column, row)?;
                let value = match cell.kind {
                    CellKind::Null | CellKind::NotFinite => "null".to_owned(),
                    CellKind::Text => json_text(&cell.text),
                    CellKind::Number | CellKind::Bool => cell.text,
                };
                write!(to, "{gap}{}:{value}", names[nth])?;
            }
            to.write_all(b"}")?;
        }
        to.write_all(if self.rows() == 0 { b"]\n" } else { b"\n]\n" })?;
        Ok(())
    }

    fn write_parquet(&self, to: &mut impl Write) -> Result<(), SqlError> {
        let utc = |column: &Column| match column.dtype() {
            DataType::Datetime(unit, None) => {
                let name = column.name().clone();
                Some(col(name).cast(DataType::Datetime(*unit, Some(TimeZone::UTC))))
            }
            _ => None,
        };
        let times: Vec<Expr> = self.frame.columns().iter().filter_map(utc).collect();
        let mut frame = self.frame.clone();
        if !times.is_empty() {
            frame = frame.lazy().with_columns(times).collect().map_err(engine)?;
        }
        let writer = ParquetWriter::new(to).with_compression(ParquetCompression::Zstd(None));
        writer.finish(&mut frame).map_err(engine)?;
        Ok(())
    }
}

fn cell(value: &AnyValue<'_>) -> Cell {
    let of = |kind, text: String| Cell { text, kind };
    match value {
        AnyValue::Null => of(CellKind::Null, String::new()),
        AnyValue::Boolean(value) => of(CellKind::Bool, value.to_string()),
        AnyValue::String(text) => of(CellKind::Text, (*text).to_owned()),
        AnyValue::StringOwned(text) => of(CellKind::Text, text.to_string()),
        AnyValue::Decimal(mantissa, _, scale) => {
            of(CellKind::Number, decimal_text(*mantissa, *scale))
        }
        AnyValue::Float32(value) => float(f64::from(*value)),
        AnyValue::Float64(value) => float(*value),
        AnyValue::Datetime(at, unit, _) => of(CellKind::Text, instant(*at, *unit)),
        AnyValue::DatetimeOwned(at, unit, _) => of(CellKind::Text, instant(*at, *unit)),
        AnyValue::Duration(length, unit) => {
            let nanos = length.saturating_mul(nanos_of(*unit));
            of(CellKind::Number, nanos.to_string())
        }
        number if number.is_primitive_numeric() => of(CellKind::Number, number.to_string()),
        other => of(CellKind::Text, other.to_string()),
    }
}

fn float(value: f64) -> Cell {
    if value.is_finite() {
        let text = serde_json::to_string(&value).unwrap_or_default();
        let kind = CellKind::Number;
        Cell { text, kind }
    } else {
        Cell {
            text: value.to_string(),
            kind: CellKind::NotFinite,
        }
    }
}

fn nanos_of(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Nanoseconds => 1,
        TimeUnit::Microseconds => 1_000,
        TimeUnit::Milliseconds => 1_000_000,
    }
}

fn instant(at: i64, unit: TimeUnit) -> String {
    Ts(at.saturating_mul(nanos_of(unit))).to_string()
}

/// A decimal without the zeros at its end.
pub(crate) fn decimal_text(mantissa: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if mantissa < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A text that fits into a cell of the table, on one line.
fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= CELL_CHARS_MAX {
        return text.chars().map(plain).collect();
    }
    let start: String = text.chars().take(CELL_CHARS_MAX - 1).map(plain).collect();
    format!("{start}…")
}

fn csv_text(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    if is_plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (mantissa, scale, expected) in [
            (0, 9, "0"),
            (1, 9, "0.000000001"),
            (-1_500_000_000, 9, "-1.5"),
            (60_000_000_000_000, 9, "60000"),
            (i128::MIN, 18, "-170141183460469231731.687303715884105728"),
            (7, 0, "7"),
        ] {
            assert_eq!(decimal_text(mantissa, scale), expected);
        }
    }

    fn answer() -> Answer {
        let frame = DataFrame::new_infer_height(vec![
            Column::new("name".into(), [Some("a\"b"), None, Some("")]),
            Column::new("value".into(), [1.5, f64::NAN, -0.25]),
        ]);
        Answer::new(frame.unwrap(), Reads::default(), Vec::new())
    }

    fn written(format: Format) -> String {
        let mut bytes = Vec::new();
        answer().write(format, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn rows_are_written_in_each_format() {
        assert_eq!(
            written(Format::Csv),
            "name,value\n\"a\"\"b\",1.5\n,NaN\n\"\",-0.25\n"
        );
        assert_eq!(
            written(Format::Json),
            "[\n{\"name\":\"a\\\"b\",\"value\":1.5},\n{\"name\":null,\"value\":null},\n{\"name\":\"\",\"value\":-0.25}\n]\n"
        );
        assert_eq!(
            written(Format::Table { rows_max: 2 }),
            "name  value\na\"b     1.5\n        NaN\n(1 more rows; LIMIT, --rows or --format csv show others)\n"
        );
    }
}
