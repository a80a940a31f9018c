//! CSV and JSON lines with the header that export writes before them. Lines are of bounded length, and a file whose end is missing
//! is known by its last line or by the number of its rows.

use super::cells::Cells;
use super::{Batches, wrong};
use crate::export::header::FileHeader;
use crate::export::text::{CSV_MARK, JSON_MARK};
use crate::limits::{BATCH_ROWS, HEADER_BYTES_MAX, LINE_BYTES_MAX};
use crate::{FormatError, Result};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use csv::{ErrorKind, StringRecord};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The columns of a text, being filled.
struct Table {
    path: PathBuf,
    schema: Arc<Schema>,
    cells: Vec<Cells>,
    /// Rows in the columns, and in all.
    held: usize,
    rows: u64,
    rows_expected: Option<u64>,
}

impl Table {
    fn new(path: &Path, header: &FileHeader) -> Table {
        let schema = header.table.exported();
        let fields = schema.fields().iter();
        Table {
            path: path.to_owned(),
            cells: fields.map(|field| Cells::new(field)).collect(),
            schema,
            held: 0,
            rows: 0,
            rows_expected: header.rows,
        }
    }

    fn push(&mut self, line: u64, at: usize, text: Option<&str>) -> Result<()> {
        self.cells[at].push(text).map_err(|expected| {
            let name = self.schema.field(at).name();
            let found = format!("{name} is {:?}", text.unwrap_or("null"));
            line_error(&self.path, line, found, expected)
        })
    }

    fn end_row(&mut self) {
        self.held += 1;
        self.rows += 1;
    }

    /// What was read since the last batch; `None` if there is nothing.
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.held == 0 {
            return match self.rows_expected {
                Some(rows) if rows != self.rows => Err(wrong(
                    &self.path,
                    "number of rows",
                    self.rows.to_string(),
                    &format!("{rows}, as the first line says"),
                )),
                _ => Ok(None),
            };
        }
        self.held = 0;
        let columns = self.cells.iter_mut().map(Cells::take).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        // A null where none may be is found by push().
        Ok(Some(batch.expect("cells are made by the schema")))
    }
}

fn line_error(path: &Path, line: u64, found: impl Into<String>, expected: &str) -> FormatError {
    FormatError::Import {
        file: path.to_owned(),
        line,
        found: found.into(),
        expected: expected.to_owned(),
    }
}

/// Reads a line of at most `bytes_max`, without its end; `None` at the end of the text.
fn read_line(
    path: &Path,
    text: &mut dyn BufRead,
    number: u64,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    text.take(bytes_max as u64 + 1)
        .read_until(b'\n', &mut line)
        .map_err(FormatError::io("read", path))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
        return Ok(Some(line));
    }
    let found = if line.len() > bytes_max {
        format!("a line of more than {bytes_max} bytes")
    } else {
        "a line without an end".to_owned()
    };
    Err(line_error(
        path,
        number,
        found,
        "whole lines to the end of the file",
    ))
}

/// Reads the first line of a file that begins with `mark` and ends with `tail` around the header.
fn read_header(path: &Path, text: &mut dyn BufRead, mark: &str, tail: &str) -> Result<FileHeader> {
    let line = read_line(path, text, 1, HEADER_BYTES_MAX)?.unwrap_or_default();
    let json = line
        .strip_prefix(mark.as_bytes())
        .and_then(|rest| rest.strip_suffix(tail.as_bytes()));
    let expected = format!("{mark}, a header and {tail}");
    let json = json.ok_or_else(|| line_error(path, 1, "another beginning", &expected))?;
    FileHeader::from_json(path, json)
}

/// A text of which no more than a line's bytes are read without [`Bounded::renew`].
struct Bounded {
    text: Box<dyn BufRead>,
    left: usize,
    last: u8,
}

/// Besides a line, what the CSV reader takes ahead.
const AHEAD_BYTES: usize = LINE_BYTES_MAX + (1 << 16);

impl Bounded {
    fn renew(&mut self) {
        self.left = AHEAD_BYTES;
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left);
        if most == 0 {
            return Err(io::Error::other("a line of more than 1 MiB"));
        }
        let got = self.text.read(&mut buffer[..most])?;
        self.left -= got;
        if got > 0 {
            self.last = buffer[got - 1];
        }
        Ok(got)
    }
}

/// A CSV file.
pub(super) struct Csv {
    table: Table,
    lines: csv::Reader<Bounded>,
    record: StringRecord,
}

/// Opens a CSV file.
pub(super) fn csv(path: &Path, mut text: Box<dyn BufRead>) -> Result<(FileHeader, Csv)> {
    let header = read_header(path, &mut text, CSV_MARK, "")?;
    let table = Table::new(path, &header);
    let bounded = Bounded {
        text,
        left: AHEAD_BYTES,
        last: b'\n',
    };
    let mut lines = csv::ReaderBuilder::new().from_reader(bounded);
    let found = lines.headers().map_err(|error| csv_error(path, error))?;
    let names = table.schema.fields().iter().map(|field| field.name());
    if !names.clone().eq(found) {
        let found: Vec<&str> = found.iter().collect();
        let expected: Vec<&str> = names.map(String::as_str).collect();
        let found = format!("the columns {}", found.join(","));
        return Err(line_error(path, 2, found, &expected.join(",")));
    }
    let csv = Csv {
        table,
        lines,
        record: StringRecord::new(),
    };
    Ok((header, csv))
}

/// An error of the CSV reader, which has not seen the first line.
fn csv_error(path: &Path, error: csv::Error) -> FormatError {
    let line = error.position().map_or(1, |position| position.line()) + 1;
    match error.into_kind() {
        ErrorKind::Io(error) => FormatError::io("read", path)(error),
        ErrorKind::Utf8 { .. } => line_error(path, line, "bytes that are no text", "UTF-8"),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => line_error(
            path,
            line,
            format!("{len} fields"),
            &expected_len.to_string(),
        ),
        _ => line_error(path, line, "no CSV", "CSV"),
    }
}

impl Batches for Csv {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.table.held < BATCH_ROWS {
            self.lines.get_mut().renew();
            let found = self.lines.read_record(&mut self.record);
            if !found.map_err(|error| csv_error(&self.table.path, error))? {
                if self.lines.get_ref().last != b'\n' {
                    let line = self.lines.position().line() + 1;
                    let expected = "whole lines to the end of the file";
                    return Err(line_error(&self.table.path, line, "no line end", expected));
                }
                break;
            }
            let line = self.record.position().map_or(1, |p| p.line()) + 1;
            for (at, text) in self.record.iter().enumerate() {
                let is_null = text.is_empty() && self.table.schema.field(at).is_nullable();
                self.table.push(line, at, (!is_null).then_some(text))?;
            }
            self.table.end_row();
        }
        self.table.batch()
    }
}

/// A file of JSON lines.
pub(super) struct JsonLines {
    table: Table,
    text: Box<dyn BufRead>,
}

/// Opens a file of JSON lines.
pub(super) fn json_lines(
    path: &Path,
    mut text: Box<dyn BufRead>,
) -> Result<(FileHeader, JsonLines)> {
    let header = read_header(path, &mut text, JSON_MARK, "}")?;
    let table = Table::new(path, &header);
    Ok((header, JsonLines { table, text }))
}

impl Batches for JsonLines {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.table.held < BATCH_ROWS {
            let number = self.table.rows + 2;
            let path = &self.table.path;
            let Some(line) = read_line(path, &mut self.text, number, LINE_BYTES_MAX)? else {
                break;
            };
            let Pairs(pairs) = serde_json::from_slice(&line).map_err(|error| {
                line_error(path, number, error.to_string(), "an object of JSON")
            })?;
            self.push(number, &pairs)?;
        }
        self.table.batch()
    }
}

impl JsonLines {
    fn push(&mut self, line: u64, pairs: &[(Cow<'_, str>, &RawValue)]) -> Result<()> {
        let columns = self.table.schema.fields().len();
        for at in 0..columns {
            let name = self.table.schema.field(at).name();
            // Export writes them in the order of the columns; another order is as good.
            let is_here = |pair: &&(Cow<'_, str>, &RawValue)| pair.0 == *name;
            let pair = pairs.get(at).filter(is_here);
            let Some((_, value)) = pair.or_else(|| pairs.iter().find(is_here)) else {
                let found = format!("no {name}");
                return Err(line_error(&self.table.path, line, found, "all columns"));
            };
            match cell(value.get()) {
                Some(text) => self.table.push(line, at, text.as_deref())?,
                None => {
                    let found = format!("{name} is {}", value.get());
                    let expected = "a text, a number, true, false or null";
                    return Err(line_error(&self.table.path, line, found, expected));
                }
            }
        }
        if pairs.len() != columns {
            let found = format!("{} keys", pairs.len());
            let expected = format!("{columns}, each once");
            return Err(line_error(&self.table.path, line, found, &expected));
        }
        self.table.end_row();
        Ok(())
    }
}

/// The text of a cell, `Some(None)` for null; `None` if it is no cell.
fn cell(json: &str) -> Option<Option<Cow<'_, str>>> {
    match json.as_bytes().first()? {
        b'"' if !json.contains('\\') => Some(Some(Cow::Borrowed(json.trim_matches('"')))),
        b'"' => serde_json::from_str(json)
            .ok()
            .map(|text| Some(Cow::Owned(text))),
        b'n' => Some(None),
        b'{' | b'[' => None,
        _ => Some(Some(Cow::Borrowed(json))),
    }
}

/// The keys and values of an object as they stand there.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Pairs(pairs))
    }
}

/// A key, which is copied only if it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
