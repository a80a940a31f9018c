//! Arrow IPC files, which Feather is too, and streams. The library trusts lengths and offsets: all of them are held against what there
//! is before it sees any. A batch is in memory as a whole, since it cannot be read otherwise, and given on so many rows at a time.

mod check;
mod file;

use super::column::{Column, ValueKind, type_name};
use super::work::Work;
use super::{Batch, Batches, DescribedColumn, Schema, batch_rows, contained, damaged};
use crate::import::input::Part;
use crate::limits::HEADER_BYTES_MAX;
use crate::{FormatError, Result};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Message, MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::SchemaRef;
use check::check_batch;
use file::FileMessages;
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_catalog::META_KEY;

const EXPECTED: &str = "a whole Arrow IPC file";
/// What stands before the metadata of a message, with its length after it.
const CONTINUATION: [u8; 4] = [0xff; 4];

pub(super) fn schema_of_file(part: &Part) -> Result<Schema> {
    let (schema, ..) = FileMessages::open(part)?;
    Ok(described(&schema))
}

pub(super) fn schema_of_stream(part: &Part) -> Result<Schema> {
    let (schema, _) = StreamMessages::open(part)?;
    Ok(described(&schema))
}

pub(super) fn open_file(part: &Part, wanted: &[bool]) -> Result<Box<dyn Batches>> {
    let (schema, messages) = FileMessages::open(part)?;
    Ok(Box::new(IpcBatches::new(
        part,
        schema,
        wanted,
        Box::new(messages),
    )?))
}

pub(super) fn open_stream(part: &Part, wanted: &[bool]) -> Result<Box<dyn Batches>> {
    let (schema, messages) = StreamMessages::open(part)?;
    Ok(Box::new(IpcBatches::new(
        part,
        schema,
        wanted,
        Box::new(messages),
    )?))
}

fn described(schema: &SchemaRef) -> Schema {
    let columns = schema.fields().iter().map(|field| DescribedColumn {
        name: field.name().clone(),
        kind: ValueKind::of(field.data_type()),
        type_name: type_name(field.data_type()),
        is_partition: false,
    });
    Schema {
        columns: columns.collect(),
        is_own: schema.metadata().contains_key(META_KEY),
    }
}

fn read_schema(path: &Path, schema: Option<arrow_ipc::Schema<'_>>) -> Result<SchemaRef> {
    let schema = schema.ok_or_else(|| damaged(path, "no schema", EXPECTED))?;
    if schema.endianness() == arrow_ipc::Endianness::Big {
        return Err(damaged(
            path,
            "numbers with their most significant byte first",
            "least",
        ));
    }
    contained(path, EXPECTED, || try_fb_to_schema(schema)).map(Arc::new)
}

/// Where messages come from: the metadata of one, and the bytes that it is about.
trait Messages {
    fn next(&mut self, path: &Path) -> Result<Option<(Vec<u8>, Vec<u8>)>>;
}

/// The rows of a file or a stream.
struct IpcBatches {
    path: PathBuf,
    schema: SchemaRef,
    messages: Box<dyn Messages>,
    dictionaries: HashMap<i64, ArrayRef>,
    dictionary_bytes: u64,
    /// Bytes that a batch, and all dictionaries, may have.
    most: u64,
    work: Work,
    /// Columns that are read, and all.
    wanted: Vec<usize>,
    columns: usize,
    /// The batch that is given on, from this row.
    batch: Option<RecordBatch>,
    at: usize,
}

impl IpcBatches {
    fn new(
        part: &Part,
        schema: SchemaRef,
        wanted: &[bool],
        messages: Box<dyn Messages>,
    ) -> Result<IpcBatches> {
        Ok(IpcBatches {
            path: part.path().to_owned(),
            most: part.room().batch,
            schema,
            messages,
            dictionaries: HashMap::new(),
            dictionary_bytes: 0,
            work: Work::of(part.length()?),
            wanted: (0..wanted.len()).filter(|at| wanted[*at]).collect(),
            columns: wanted.len(),
            batch: None,
            at: 0,
        })
    }

    /// Reads messages up to the next batch of rows.
    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        while let Some((metadata, body)) = self.messages.next(&self.path)? {
            let message = message(&self.path, &metadata)?;
            let version = message.version();
            match message.header_type() {
                MessageHeader::DictionaryBatch => self.take_dictionary(&message, body, version)?,
                MessageHeader::RecordBatch => {
                    return self.take_rows(&message, body, version).map(Some);
                }
                MessageHeader::Schema => {
                    return Err(damaged(
                        &self.path,
                        "another schema within the file",
                        EXPECTED,
                    ));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn take_dictionary(
        &mut self,
        message: &Message<'_>,
        body: Vec<u8>,
        version: MetadataVersion,
    ) -> Result<()> {
        let batch = message.header_as_dictionary_batch();
        let Some((batch, data)) = batch.and_then(|batch| Some((batch, batch.data()?))) else {
            return Err(damaged(
                &self.path,
                "a dictionary without content",
                EXPECTED,
            ));
        };
        let bytes = check_batch(&data, &body, self.most)
            .map_err(|found| damaged(&self.path, &found, EXPECTED))?;
        self.take_work(bytes)?;
        self.dictionary_bytes += bytes;
        if self.dictionary_bytes > self.most {
            let found = format!("dictionaries of {} MiB", self.dictionary_bytes >> 20);
            return Err(damaged(&self.path, &found, "smaller ones"));
        }
        let body = Buffer::from_vec(body);
        let (schema, dictionaries) = (&self.schema, &mut self.dictionaries);
        contained(&self.path, EXPECTED, || {
            read_dictionary(&body, batch, schema, dictionaries, &version)
        })
    }

    fn take_work(&self, bytes: u64) -> Result<()> {
        let taken = self.work.take(bytes);
        taken.map_err(|found| damaged(&self.path, &found, EXPECTED))
    }

    fn take_rows(
        &self,
        message: &Message<'_>,
        body: Vec<u8>,
        version: MetadataVersion,
    ) -> Result<RecordBatch> {
        let Some(batch) = message.header_as_record_batch() else {
            return Err(damaged(&self.path, "a batch without content", EXPECTED));
        };
        let bytes = check_batch(&batch, &body, self.most)
            .map_err(|found| damaged(&self.path, &found, EXPECTED))?;
        self.take_work(bytes)?;
        let body = Buffer::from_vec(body);
        let rows = contained(&self.path, EXPECTED, || {
            read_record_batch(
                &body,
                batch,
                Arc::clone(&self.schema),
                &self.dictionaries,
                Some(&self.wanted),
                &version,
            )
        })?;
        let is_even = rows
            .columns()
            .iter()
            .all(|column| column.len() == rows.num_rows());
        if rows.num_columns() == self.wanted.len() && is_even && !self.wanted.is_empty() {
            return Ok(rows);
        }
        Err(damaged(
            &self.path,
            "columns of different lengths",
            EXPECTED,
        ))
    }
}

impl Batches for IpcBatches {
    fn next(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(batch) = &self.batch
                && self.at < batch.num_rows()
            {
                let rows = batch_rows().min(batch.num_rows() - self.at);
                let part = batch.slice(self.at, rows);
                self.at += rows;
                let mut columns = vec![Column::unread(); self.columns];
                contained(&self.path, EXPECTED, || {
                    for (at, array) in self.wanted.iter().zip(part.columns()) {
                        columns[*at] = Column::of(array.as_ref());
                    }
                    Ok::<_, FormatError>(())
                })?;
                return Ok(Some(Batch { columns, rows }));
            }
            self.batch = None;
            let Some(batch) = self.read_batch()? else {
                return Ok(None);
            };
            self.batch = Some(batch);
            self.at = 0;
        }
    }
}

fn message<'m>(path: &Path, metadata: &'m [u8]) -> Result<Message<'m>> {
    root_as_message(metadata).map_err(|error| damaged(path, &error.to_string(), EXPECTED))
}

/// The messages of a stream, one after another.
struct StreamMessages {
    source: Box<dyn BufRead>,
    /// Bytes that a batch may have.
    most: u64,
}

impl StreamMessages {
    fn open(part: &Part) -> Result<(SchemaRef, StreamMessages)> {
        let path = part.path();
        let mut messages = StreamMessages {
            source: part.open_unpacked()?,
            most: part.room().batch,
        };
        let Some((metadata, _)) = messages.next(path)? else {
            return Err(damaged(path, "nothing", EXPECTED));
        };
        let first = message(path, &metadata)?;
        Ok((read_schema(path, first.header_as_schema())?, messages))
    }

    /// So many bytes, of which memory is taken only for those that there are.
    fn read(&mut self, path: &Path, bytes: u64) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        (&mut self.source)
            .take(bytes)
            .read_to_end(&mut buffer)
            .map_err(FormatError::io("read", path))?;
        match buffer.len() as u64 == bytes {
            true => Ok(buffer),
            false => Err(damaged(
                path,
                "a stream that ends within a message",
                "a whole Arrow IPC stream",
            )),
        }
    }
}

impl Messages for StreamMessages {
    fn next(&mut self, path: &Path) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let is_over = self
            .source
            .fill_buf()
            .map_err(FormatError::io("read", path))?
            .is_empty();
        if is_over {
            // A stream may end without a mark.
            return Ok(None);
        }
        let mark = self.read(path, 4)?;
        if mark != CONTINUATION {
            return Err(damaged(
                path,
                "a message without its mark",
                "a whole Arrow IPC stream",
            ));
        }
        let length = self.read(path, 4)?;
        let length = length
            .first_chunk()
            .map_or(-1, |length| i32::from_le_bytes(*length));
        let length = u64::try_from(length)
            .ok()
            .filter(|length| *length <= HEADER_BYTES_MAX as u64);
        let length = length.ok_or_else(|| damaged(path, "a message of no length", EXPECTED))?;
        if length == 0 {
            return Ok(None);
        }
        let metadata = self.read(path, length)?;
        let body = u64::try_from(message(path, &metadata)?.bodyLength());
        let body = body.map_err(|_| damaged(path, "a batch of no length", EXPECTED))?;
        check::check_body(body, self.most).map_err(|found| damaged(path, &found, EXPECTED))?;
        let body = self.read(path, body)?;
        Ok(Some((metadata, body)))
    }
}
