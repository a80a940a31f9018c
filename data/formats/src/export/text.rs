//! Rows as text: CSV and JSON lines, of tables with a comment, or an object, in front that says what the rows are of. Numbers are exact:
//! decimals are written out, floating-point numbers with as many digits as make them come back bit for bit.

use super::BatchWriter;
use super::header::FileHeader;
use super::target::{Target, TextFile};
use crate::{FormatError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt8Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, BooleanArray, DictionaryArray, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Schema};
use jiff::fmt::temporal::DateTimePrinter;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tickloom_types::format_decimal;

/// What a CSV file begins with, before the header as JSON.
pub(crate) const CSV_MARK: &str = "# tickloom ";
/// What a file of JSON lines begins with, before the header as JSON.
pub(crate) const JSON_MARK: &str = "{\"tickloom\":";
/// Digits of the number of rows, which is known at the end and written in front: the least is a space.
const ROWS_WIDTH: usize = 20;

/// The cells of one column.
enum Cells<'a> {
    Time(&'a [i64]),
    Decimal(&'a [i128], u8),
    U64(&'a [u64]),
    I64(&'a [i64]),
    U32(&'a [u32]),
    U8(&'a [u8]),
    F64(&'a [f64]),
    Bool(&'a BooleanArray),
    Word(&'a DictionaryArray<Int32Type>, &'a StringArray),
    Text(&'a StringArray),
}

/// A column, and where it has no value.
struct Column<'a> {
    cells: Cells<'a>,
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Column<'a> {
    fn of(array: &'a dyn Array) -> Column<'a> {
        Column {
            cells: Cells::of(array),
            nulls: array.nulls(),
        }
    }

    /// Puts the text of a row's cell in place of what is in `text`.
    fn write(&self, row: usize, text: &mut String) -> Form {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            text.clear();
            return Form::Null;
        }
        self.cells.write(row, text)
    }
}

/// What a cell is beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A number or a truth value, as JSON writes it too.
    Plain,
    /// Text that needs no escapes.
    Text,
    /// Text of any characters.
    Word,
    Null,
}

impl<'a> Cells<'a> {
    fn of(array: &'a dyn Array) -> Cells<'a> {
        match array.data_type() {
            DataType::Timestamp(..) => {
                Cells::Time(array.as_primitive::<TimestampNanosecondType>().values())
            }
            DataType::Decimal128(_, scale) => Cells::Decimal(
                array.as_primitive::<Decimal128Type>().values(),
                u8::try_from(*scale).expect("scales are not below zero"),
            ),
            DataType::UInt64 => Cells::U64(array.as_primitive::<UInt64Type>().values()),
            DataType::Int64 => Cells::I64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt32 => Cells::U32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt8 => Cells::U8(array.as_primitive::<UInt8Type>().values()),
            DataType::Float64 => Cells::F64(array.as_primitive::<Float64Type>().values()),
            DataType::Boolean => Cells::Bool(array.as_boolean()),
            DataType::Utf8 => Cells::Text(array.as_string()),
            _ => {
                let words = array.as_dictionary::<Int32Type>();
                Cells::Word(words, words.values().as_string::<i32>())
            }
        }
    }

    /// Puts the text of a row's cell in place of what is in `text`.
    fn write(&self, row: usize, text: &mut String) -> Form {
        text.clear();
        let written = match self {
            Cells::Time(values) => {
                write_time(values[row], text);
                return Form::Text;
            }
            Cells::Decimal(values, scale) => {
                text.push_str(&format_decimal(values[row], *scale));
                return Form::Text;
            }
            Cells::F64(values) => return write_float(values[row], text),
            Cells::Word(words, names) => match words.key(row) {
                None => return Form::Null,
                Some(key) => {
                    text.push_str(names.value(key));
                    return Form::Word;
                }
            },
            Cells::Text(words) => {
                text.push_str(words.value(row));
                return Form::Word;
            }
            Cells::U64(values) => write!(text, "{}", values[row]),
            Cells::I64(values) => write!(text, "{}", values[row]),
            Cells::U32(values) => write!(text, "{}", values[row]),
            Cells::U8(values) => write!(text, "{}", values[row]),
            Cells::Bool(values) => write!(text, "{}", values.value(row)),
        };
        written.expect("a text takes all");
        Form::Plain
    }
}

/// RFC 3339 in UTC, always with nine digits of a second: some readers take the format of a column from its first row.
fn write_time(ns: i64, text: &mut String) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(ns));
    let stamp = stamp.expect("years 1677 to 2262 are dates");
    PRINTER
        .print_timestamp(&stamp, text)
        .expect("a text takes all");
}

/// The shortest decimal that comes back the same; NaN with its bits where they are not the usual ones.
fn write_float(value: f64, text: &mut String) -> Form {
    let written = if value.is_finite() {
        write!(text, "{value:?}")
    } else if value.to_bits() == f64::NAN.to_bits() {
        write!(text, "NaN")
    } else if value.to_bits() == (-f64::NAN).to_bits() {
        write!(text, "-NaN")
    } else if value.is_nan() {
        write!(text, "NaN({:016x})", value.to_bits())
    } else {
        write!(text, "{value}")
    };
    written.expect("a text takes all");
    if value.is_finite() {
        Form::Plain
    } else {
        Form::Text
    }
}

/// The header with room for the number of rows, if that can be filled in, and where the room is.
fn header_with_room(header: &FileHeader, has_room: bool) -> (String, usize) {
    let json = header.to_json();
    if !has_room {
        return (json, 0);
    }
    let open = &json[..json.len() - 1];
    let at = open.len() + ",\"rows\":".len();
    (format!("{open},\"rows\":{:>ROWS_WIDTH$}}}", 0), at)
}

/// Completes a file, with the number of its rows where there is room for it.
fn finish(file: TextFile, rows_at: Option<u64>, rows: u64) -> Result<()> {
    match rows_at {
        Some(at) => file.finish(at, format!("{rows:>ROWS_WIDTH$}").as_bytes()),
        None => file.finish(0, &[]),
    }
}

/// Begins a CSV file with these columns; a header says what its rows are of.
pub(super) fn csv(
    schema: &Schema,
    header: Option<&FileHeader>,
    target: &Target,
    is_packed: bool,
) -> Result<Box<dyn BatchWriter>> {
    let mut file = target.text(is_packed)?;
    let mut rows_at = None;
    if let Some(header) = header {
        let (json, room) = header_with_room(header, file.can_go_back());
        file.append(format!("{CSV_MARK}{json}\n").as_bytes())?;
        rows_at = Some((CSV_MARK.len() + room) as u64);
    }
    let mut csv = Csv {
        path: target.temporary().to_owned(),
        file,
        rows_at,
        lines: csv::Writer::from_writer(Vec::new()),
        text: String::new(),
    };
    let names = schema.fields().iter().map(|field| field.name());
    let written = csv.lines.write_record(names);
    written.map_err(csv_failed(&csv.path))?;
    Ok(Box::new(csv))
}

struct Csv {
    path: PathBuf,
    file: TextFile,
    /// Where the number of rows is written at the end.
    rows_at: Option<u64>,
    lines: csv::Writer<Vec<u8>>,
    text: String,
}

fn csv_failed(path: &Path) -> impl Fn(csv::Error) -> FormatError + use<> {
    let path = path.to_owned();
    move |error| FormatError::io("write", &path)(std::io::Error::other(error))
}

impl Csv {
    /// Hands what is written so far to the file.
    fn flush(&mut self) -> Result<()> {
        let empty = csv::Writer::from_writer(Vec::new());
        let lines = std::mem::replace(&mut self.lines, empty).into_inner();
        let lines = lines.map_err(|error| FormatError::io("write", &self.path)(error.into_error()));
        self.file.append(&lines?)
    }
}

impl BatchWriter for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns: Vec<Column<'_>> = batch.columns().iter().map(|c| Column::of(c)).collect();
        let failed = csv_failed(&self.path);
        for row in 0..batch.num_rows() {
            for cells in &columns {
                cells.write(row, &mut self.text);
                self.lines.write_field(&self.text).map_err(&failed)?;
            }
            self.lines.write_record(None::<&[u8]>).map_err(&failed)?;
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>, rows: u64) -> Result<()> {
        self.flush()?;
        finish(self.file, self.rows_at, rows)
    }
}

/// Begins a file of JSON lines; a header says what its rows are of.
pub(super) fn json_lines(
    header: Option<&FileHeader>,
    target: &Target,
    is_packed: bool,
) -> Result<Box<dyn BatchWriter>> {
    let mut file = target.text(is_packed)?;
    let mut rows_at = None;
    if let Some(header) = header {
        let (json, room) = header_with_room(header, file.can_go_back());
        file.append(format!("{JSON_MARK}{json}}}\n").as_bytes())?;
        rows_at = Some((JSON_MARK.len() + room) as u64);
    }
    Ok(Box::new(JsonLines {
        file,
        rows_at,
        lines: Vec::new(),
        text: String::new(),
    }))
}

struct JsonLines {
    file: TextFile,
    /// Where the number of rows is written at the end.
    rows_at: Option<u64>,
    lines: Vec<u8>,
    text: String,
}

impl BatchWriter for JsonLines {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let keys = schema
            .fields()
            .iter()
            .map(|field| format!("\"{}\":", field.name()));
        let arrays = batch.columns().iter().map(|c| Column::of(c));
        let columns: Vec<(String, Column<'_>)> = keys.zip(arrays).collect();
        self.lines.clear();
        for row in 0..batch.num_rows() {
            for (at, (key, cells)) in columns.iter().enumerate() {
                self.lines.push(if at == 0 { b'{' } else { b',' });
                self.lines.extend_from_slice(key.as_bytes());
                let form = cells.write(row, &mut self.text);
                append_json(form, &self.text, &mut self.lines);
            }
            self.lines.extend_from_slice(b"}\n");
        }
        self.file.append(&self.lines)
    }

    fn finish(self: Box<Self>, rows: u64) -> Result<()> {
        finish(self.file, self.rows_at, rows)
    }
}

fn append_json(form: Form, text: &str, line: &mut Vec<u8>) {
    match form {
        Form::Plain => line.extend_from_slice(text.as_bytes()),
        Form::Text => {
            line.push(b'"');
            line.extend_from_slice(text.as_bytes());
            line.push(b'"');
        }
        Form::Word => serde_json::to_writer(&mut *line, text).expect("a text is JSON"),
        Form::Null => line.extend_from_slice(b"null"),
    }
}
