//! Opens a file of DBN, DBZ or a fragment, with a limit on what the file says of its own lengths, and hands out record after record,
//! where it lies; it knows whether the file ended where a record ends.

use super::raw::{Begins, HEADER_BYTES, Raw};
use super::source::Source;
use super::symbols::Symbols;
use crate::import::input::Input;
use crate::limits::DBN_METADATA_BYTES_MAX;
use crate::{FormatError, Result};
use bytes::Bytes;
use dbn::decode::DynReader;
use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::{Compression, Metadata, RecordRef, Schema, VersionUpgradePolicy, rtype};
use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Read};
use std::path::PathBuf;

/// Bytes before the metadata: its mark, the version and the length.
const PRELUDE_BYTES: usize = 8;
/// Bytes of a DBZ file before its metadata, and the metadata's fixed part.
const DBZ_PRELUDE_BYTES: usize = 8;
const DBZ_FIXED_BYTES: usize = 96;

/// Whether a file of this name that begins so, unpacked, is one. A fragment has no mark and is known by its name.
pub(in crate::import) fn is_dbn(file_name: &str, head: &[u8]) -> bool {
    head.starts_with(b"DBN") || is_dbz(head) || is_fragment(file_name)
}

fn is_fragment(file_name: &str) -> bool {
    let name = file_name.strip_suffix(".zst").unwrap_or(file_name);
    name.ends_with(".dbn.frag")
}

/// DBZ begins with a frame that zstd passes over, with a mark of its own in it.
fn is_dbz(head: &[u8]) -> bool {
    let magic = head.first_chunk().map(|magic| u32::from_le_bytes(*magic));
    magic.is_some_and(|magic| (0x184D_2A50..=0x184D_2A5F).contains(&magic))
        && head.get(8..11) == Some(b"DBZ")
}

/// The records of a file, one after the other.
pub(super) struct Decoder {
    path: PathBuf,
    source: Source,
    /// Where the records begin, of what is counted as the file's bytes.
    start: u64,
    fsm: DbnFsm,
    /// The dataset; empty if the file has no metadata.
    pub(super) dataset: String,
    /// What all records are of; none if the metadata do not say it.
    pub(super) schema: Option<Schema>,
    /// Symbols by number and time, as the metadata map them.
    pub(super) symbols: Symbols,
    pub(super) has_metadata: bool,
    /// The times that the metadata name, nanoseconds since the epoch.
    span: (u64, u64),
}

impl Decoder {
    pub(super) fn open(input: &Input) -> Result<Decoder> {
        let mut source = input.open()?;
        let mut decoder = Decoder {
            path: input.path().to_owned(),
            source: Source::held(Vec::new(), 0),
            start: 0,
            fsm: DbnFsm::default(),
            dataset: String::new(),
            schema: None,
            symbols: Symbols::default(),
            has_metadata: false,
            span: (0, u64::MAX),
        };
        let head = source
            .fill_buf()
            .map_err(FormatError::io("read", &decoder.path))?;
        if is_dbz(head) {
            return decoder.open_dbz(source, input);
        }
        if !head.starts_with(b"DBN") {
            return decoder.open_fragment(source, input);
        }
        let prelude: [u8; PRELUDE_BYTES] = decoder.read_array(&mut source, 0)?;
        let length = u32::from_le_bytes([prelude[4], prelude[5], prelude[6], prelude[7]]);
        if u64::from(length) > DBN_METADATA_BYTES_MAX {
            let found = format!("metadata of {length} bytes");
            let expected = format!("at most {DBN_METADATA_BYTES_MAX}");
            return Err(decoder.damaged(4, found, &expected));
        }
        decoder.fsm = decoder.machine(None)?;
        decoder.fsm.write_all(&prelude);
        decoder.read_metadata(&mut (&mut source).take(u64::from(length)))?;
        decoder.start = PRELUDE_BYTES as u64 + u64::from(length);
        let in_memory = input.in_memory();
        decoder.source = match in_memory.filter(|bytes| bytes.starts_with(b"DBN")) {
            Some(bytes) => {
                let records = usize::try_from(decoder.start).unwrap_or(usize::MAX);
                let bytes = Bytes::from_owner(bytes);
                let records = bytes.slice(records.min(bytes.len())..);
                Source::held(vec![records], decoder.start)
            }
            None => Source::read(source, decoder.start, input.size()?, input.room().held),
        };
        Ok(decoder)
    }

    fn machine(&self, version: Option<u8>) -> Result<DbnFsm> {
        // Records stay as they are: all that are read are the same in each version, and definitions are read in each.
        let builder = DbnFsm::builder()
            .upgrade_policy(VersionUpgradePolicy::AsIs)
            .skip_metadata(version.is_some())
            .input_dbn_version(version);
        let machine = builder.and_then(|builder| builder.build());
        machine.map_err(|error| self.damaged(0, error.to_string(), "DBN of version 1, 2 or 3"))
    }

    /// Bytes that lie so far behind the beginning of the file.
    fn read_array<const N: usize>(&self, source: &mut dyn Read, at: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        source.read_exact(&mut bytes).map_err(|_| {
            let found = "the end of the file".to_owned();
            self.damaged(at, found, "a whole header")
        })?;
        Ok(bytes)
    }

    fn read_metadata(&mut self, source: &mut dyn Read) -> Result<()> {
        let mut taken = PRELUDE_BYTES as u64;
        loop {
            match self.fsm.process() {
                ProcessResult::Metadata(metadata) => return self.learn(metadata),
                ProcessResult::ReadMore(_) => {
                    let got = source.read(self.fsm.space());
                    let got = got.map_err(FormatError::io("read", &self.path))?;
                    self.fsm.fill(got);
                    taken += got as u64;
                    if got == 0 {
                        let found = "the end of the file".to_owned();
                        return Err(self.damaged(taken, found, "its metadata"));
                    }
                }
                ProcessResult::Record(()) => {}
                ProcessResult::Err(error) => {
                    return Err(self.damaged(0, error.to_string(), "metadata of DBN"));
                }
            }
        }
    }

    fn learn(&mut self, metadata: Metadata) -> Result<()> {
        self.symbols = Symbols::of(&metadata).map_err(|error| {
            let expected = "symbols that are mapped to numbers";
            self.damaged(0, error, expected)
        })?;
        self.has_metadata = true;
        self.schema = metadata.schema;
        let end = metadata.end.map_or(u64::MAX, |end| end.get() - 1);
        self.span = (metadata.start, end.max(metadata.start));
        self.dataset = metadata.dataset;
        Ok(())
    }

    /// The first and the last time of what the file is of, as its metadata say; all times if they do not.
    pub(super) fn span(&self) -> (u64, u64) {
        self.span
    }

    /// The metadata of DBZ has the dataset in its fixed part; its mappings are not read. The records are those of version 1.
    fn open_dbz(mut self, mut source: Box<dyn BufRead>, input: &Input) -> Result<Decoder> {
        let prelude: [u8; DBZ_PRELUDE_BYTES] = self.read_array(&mut source, 0)?;
        let length = u32::from_le_bytes([prelude[4], prelude[5], prelude[6], prelude[7]]);
        let rest = u64::from(length).checked_sub(DBZ_FIXED_BYTES as u64);
        let Some(rest) = rest.filter(|rest| *rest <= DBN_METADATA_BYTES_MAX) else {
            let found = format!("metadata of {length} bytes");
            return Err(self.damaged(4, found, "at least 96, and at most 16 MiB more"));
        };
        let before = DBZ_PRELUDE_BYTES as u64;
        let fixed: [u8; DBZ_FIXED_BYTES] = self.read_array(&mut source, before)?;
        let before = before + DBZ_FIXED_BYTES as u64;
        let dataset = fixed[4..20].split(|byte| *byte == 0).next();
        self.dataset = String::from_utf8_lossy(dataset.unwrap_or_default()).into_owned();
        let schema = u16::from_le_bytes([fixed[20], fixed[21]]);
        self.schema = Schema::try_from(schema).ok();
        self.has_metadata = true;
        let passed = std::io::copy(&mut (&mut source).take(rest), &mut std::io::sink());
        if passed.map_err(FormatError::io("read", &self.path))? < rest {
            let found = "the end of the file".to_owned();
            return Err(self.damaged(before, found, "its metadata"));
        }
        self.fsm = self.machine(Some(1))?;
        let rest = source
            .fill_buf()
            .map_err(FormatError::io("read", &self.path))?;
        if rest.is_empty() {
            return Ok(self);
        }
        let records = DynReader::with_buffer(source, Compression::Zstd);
        let records = records.map_err(|e| self.damaged(0, e.to_string(), "records in zstd"))?;
        self.source = Source::read(Box::new(records), 0, input.size()?, input.room().held);
        Ok(self)
    }

    /// Records without metadata: the length of the first says which version they are of.
    fn open_fragment(mut self, mut source: Box<dyn BufRead>, input: &Input) -> Result<Decoder> {
        let head: [u8; HEADER_BYTES] = self.read_array(&mut source, 0)?;
        let version = match (head[1], head[0]) {
            (rtype::INSTRUMENT_DEF, 90) => 1,
            (rtype::INSTRUMENT_DEF, 100) => 2,
            _ => 3,
        };
        self.fsm = self.machine(Some(version))?;
        let source = Box::new(Cursor::new(head).chain(source));
        self.source = Source::read(source, 0, input.size()?, input.room().held);
        Ok(self)
    }

    /// The next record, where it lies; it stays the next one until it was passed.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<Raw<'_>>> {
        while let Begins::Part = Raw::first(self.source.data()) {
            if !self.more()? {
                return Ok(None);
            }
        }
        match Raw::first(self.source.data()) {
            Begins::Record(record) => Ok(Some(record)),
            Begins::Part => Ok(None),
            Begins::Wrong(words) => {
                let found = format!("a record of {words} times four bytes");
                let expected = "a multiple of eight, and a header at least";
                Err(self.damaged(self.offset(), found, expected))
            }
        }
    }

    /// Gets more bytes at hand; false if the file ended, where a record does.
    #[cold]
    fn more(&mut self) -> Result<bool> {
        let more = self.source.more();
        if more.map_err(FormatError::io("read", &self.path))? {
            return Ok(true);
        }
        let left = self.source.data().len();
        if left == 0 {
            return Ok(false);
        }
        let found = format!("{left} bytes and the end of the file");
        Err(self.damaged(self.offset(), found, "a whole record"))
    }

    /// The bytes at hand: those of the next record and of some that follow it.
    pub(super) fn data(&self) -> &[u8] {
        self.source.data()
    }

    /// Leaves bytes behind, those of whole records.
    #[inline]
    pub(super) fn pass(&mut self, bytes: usize) {
        self.source.pass(bytes);
    }

    /// The next record as the library has it, which can be of any type.
    pub(super) fn next(&mut self) -> Result<Option<RecordRef<'_>>> {
        let Some(record) = self.peek()? else {
            return Ok(None);
        };
        let length = record.bytes().len();
        let bytes = self.source.data().get(..length).unwrap_or_default();
        self.fsm.write_all(bytes);
        match self.fsm.process() {
            ProcessResult::Record(()) => {}
            ProcessResult::Err(error) => {
                return Err(self.damaged(self.offset(), error.to_string(), "a record of DBN"));
            }
            ProcessResult::ReadMore(_) | ProcessResult::Metadata(_) => {
                let found = format!("{length} bytes of a record");
                return Err(self.damaged(self.offset(), found, "a whole record"));
            }
        }
        self.source.pass(length);
        Ok(self.fsm.last_record())
    }

    /// The same records from the beginning; none if they have to be read once more.
    pub(super) fn again(self) -> Option<Decoder> {
        let source = self.source.again(self.start)?;
        Some(Decoder { source, ..self })
    }

    /// Where the next record begins, unpacked.
    pub(super) fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// The error for a file of records that are no events of a market, by what they are.
    pub(super) fn no_market(&self, others: &BTreeMap<String, u64>) -> FormatError {
        let counts: Vec<String> = others
            .iter()
            .map(|(what, count)| format!("{count} of {what}"))
            .collect();
        FormatError::Unrecognised {
            file: self.path.clone(),
            place: String::new(),
            found: format!("DBN with nothing but records that are not used: {}", counts.join(", ")),
            expected: "order updates, trades, quotes, books or bars; definitions are read beside a file of these".to_owned(),
        }
    }

    pub(super) fn damaged(&self, offset: u64, found: String, expected: &str) -> FormatError {
        FormatError::Damaged {
            file: self.path.clone(),
            offset,
            found,
            expected: expected.to_owned(),
        }
    }
}
