//! Files of columns that have types: Parquet, Arrow IPC and Feather, as people's own programs write them. Here they become rows of
//! [`Cell`]s, so many at a time that the memory for a file of any size is bounded; what a row means is for `reader` to decide, as of a
//! text. Files that `export` wrote are not read here, but by `own`.

mod column;
mod ipc;
mod parquet;
mod partition;
mod rows;
mod work;

use super::cells::{Cell, Cells};
use super::input::Input;
use super::input::Part;
use super::text::{Fields, is_utf16};
use crate::limits::BATCH_ROWS;
use crate::{FormatError, Result};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tickloom_catalog::META_KEY;

pub(crate) use column::{Column, TimesRead, ValueKind};
pub(crate) use partition::{is_part_name, of as partitions};
pub(crate) use rows::{Rows, RowsAhead};

/// Rows that are looked at to find out what a file is.
const HEAD_ROWS: usize = 50;

/// What columns are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Parquet,
    /// An Arrow IPC file, which Feather is too.
    ArrowFile,
    /// An Arrow IPC stream.
    ArrowStream,
    /// The first version of Feather, which is not read.
    Feather1,
    /// Parquet whose footer is encrypted, which is not read.
    Encrypted,
}

impl Container {
    /// What a file is that begins with these bytes.
    pub(crate) fn sniff(bytes: &[u8]) -> Option<Container> {
        match bytes {
            [b'P', b'A', b'R', b'1', ..] => Some(Container::Parquet),
            [b'P', b'A', b'R', b'E', ..] => Some(Container::Encrypted),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(Container::ArrowFile),
            [b'F', b'E', b'A', b'1', ..] => Some(Container::Feather1),
            [0xff, 0xff, 0xff, 0xff, ..] if !is_utf16(bytes) => Some(Container::ArrowStream),
            _ => None,
        }
    }

    /// What the file of an input is.
    pub(crate) fn of(input: &Input) -> Result<Option<Container>> {
        Ok(Container::sniff(&input.head()?))
    }

    /// Whether it has to be read in any order.
    fn is_whole_file(self) -> bool {
        self != Container::ArrowStream
    }

    /// The error for what is in none that is read.
    pub(crate) fn refuse(self, input: &Input) -> Result<()> {
        let (found, expected) = match self {
            Container::Feather1 => (
                "a Feather file of version 1".to_owned(),
                "Feather of version 2, which is Arrow IPC, or Parquet",
            ),
            Container::Encrypted => ("an encrypted Parquet file".to_owned(), "a plain one"),
            _ if self.is_whole_file() && input.is_packed()? => (
                format!("{self} within a packed file"),
                "the file itself, unpacked",
            ),
            _ => return Ok(()),
        };
        Err(FormatError::Columns {
            file: input.path().to_owned(),
            found,
            expected: expected.to_owned(),
        })
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Container::Parquet | Container::Encrypted => "a Parquet file",
            Container::ArrowFile => "an Arrow file",
            Container::ArrowStream => "an Arrow stream",
            Container::Feather1 => "a Feather file",
        })
    }
}

/// A column, as people are told of it.
#[derive(Clone, Debug)]
pub(crate) struct DescribedColumn {
    pub(crate) name: String,
    pub(crate) kind: ValueKind,
    /// What its type is called.
    pub(crate) type_name: String,
    /// Whether it is a part of the file's path, as Hive writes partitions.
    pub(crate) is_partition: bool,
}

impl fmt::Display for DescribedColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.type_name)
    }
}

/// The columns of a file, with its first rows as texts.
pub(crate) struct Described {
    pub(crate) container: Container,
    pub(crate) columns: Vec<DescribedColumn>,
    pub(crate) head: Vec<Fields>,
}

/// Where batches of columns come from, those that are wanted in the order of the file; others are [`Column::unread`].
trait Batches {
    /// Columns of equal length, with their rows.
    fn next(&mut self) -> Result<Option<Batch>>;
}

/// Columns of a file with so many rows each.
struct Batch {
    columns: Vec<Column>,
    rows: usize,
}

/// What a file says of its columns.
struct Schema {
    columns: Vec<DescribedColumn>,
    /// Whether `export` wrote it.
    is_own: bool,
}

/// Reads what a file says of its columns.
fn schema(part: &Part, container: Container) -> Result<Schema> {
    match container {
        Container::Parquet => parquet::schema(part),
        Container::ArrowFile => ipc::schema_of_file(part),
        _ => ipc::schema_of_stream(part),
    }
}

/// Opens a file to read some of its columns.
fn batches(part: &Part, container: Container, wanted: &[bool]) -> Result<Box<dyn Batches>> {
    match container {
        Container::Parquet => parquet::open(part, wanted),
        Container::ArrowFile => ipc::open_file(part, wanted),
        _ => ipc::open_stream(part, wanted),
    }
}

/// Whether `export` wrote a file.
pub(crate) fn is_own(input: &Input, container: Container) -> Result<bool> {
    container.refuse(input)?;
    match input.parts().first() {
        Some(part) => schema(part, container).map(|schema| schema.is_own),
        None => Ok(false),
    }
}

/// Reads the columns of a file, or the first of several, and its first rows.
pub(crate) fn describe(input: &Input, container: Container) -> Result<Described> {
    container.refuse(input)?;
    let parts = input.parts();
    let Some(part) = parts.first() else {
        return Err(damaged(input.path(), "no file", "files"));
    };
    let mut columns = schema(part, container)?.columns;
    columns.extend(partition::columns(part.path()));
    let wanted: Vec<bool> = columns
        .iter()
        .map(|column| column.kind != ValueKind::Unread)
        .collect();
    let mut rows = Rows::open(input, &wanted)?;
    let mut head = Vec::new();
    while head.len() < HEAD_ROWS
        && let Some((_, row)) = rows.next()?
    {
        head.push(Fields::of((0..row.len()).map(|at| head_text(row.cell(at)))));
        rows.give_back(row);
    }
    dates_alone(&columns, &mut head);
    Ok(Described {
        container,
        columns,
        head,
    })
}

fn head_text(cell: Cell<'_>) -> Vec<u8> {
    match cell {
        cell if cell.is_empty() => Vec::new(),
        cell => cell.text().into_owned(),
    }
}

/// Timestamps that are all at midnight are dates, which a time of day may stand beside.
fn dates_alone(columns: &[DescribedColumn], head: &mut [Fields]) {
    const MIDNIGHT: &[u8] = b" 00:00:00";
    for (at, column) in columns.iter().enumerate() {
        let is_date = |row: &Fields| row.get(at).is_empty() || row.get(at).ends_with(MIDNIGHT);
        if matches!(column.kind, ValueKind::Local(_)) && head.iter().all(is_date) {
            for row in head.iter_mut() {
                let texts: Vec<Vec<u8>> = (0..row.len())
                    .map(|other| match row.get(other).strip_suffix(MIDNIGHT) {
                        Some(date) if other == at => date.to_vec(),
                        _ => row.get(other).to_vec(),
                    })
                    .collect();
                *row = Fields::of(texts);
            }
        }
    }
}

fn container_of(part: &Part) -> Result<Container> {
    let container = Container::sniff(&part.head()?);
    container.ok_or_else(|| damaged(part.path(), "neither Parquet nor Arrow", "Parquet or Arrow"))
}

/// The columns of a file, and those of its path.
fn part_columns(part: &Part) -> Result<Vec<DescribedColumn>> {
    let schema = schema(part, container_of(part)?)?;
    if schema.is_own {
        let found = format!("what tickloom wrote (metadata {META_KEY:?})");
        return Err(damaged(
            part.path(),
            &found,
            "files of others; import this one",
        ));
    }
    let mut columns = schema.columns;
    columns.extend(partition::columns(part.path()));
    Ok(columns)
}

/// The error for a file that is not whole, or is no other file's like.
fn damaged(path: &Path, found: &str, expected: &str) -> FormatError {
    FormatError::Schema {
        file: path.to_owned(),
        field: "content".to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

/// What a library says, or that it gave up: a damaged file can make it panic, which must not end the import of others.
fn contained<T, E: fmt::Display>(
    path: &Path,
    expected: &str,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| damaged(path, &error.to_string(), expected)),
        Err(_) => Err(damaged(path, "damaged", expected)),
    }
}

/// Rows in a batch.
const fn batch_rows() -> usize {
    BATCH_ROWS
}
