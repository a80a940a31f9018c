//! Reads a file of DBN, DBZ or a fragment record after record, with a limit on what the file says of its own lengths, and knows
//! whether it ended where a record ends.

use super::symbols::Symbols;
use crate::import::input::Input;
use crate::limits::DBN_METADATA_BYTES_MAX;
use crate::{FormatError, Result};
use dbn::decode::DynReader;
use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::{Compression, Metadata, RecordRef, Schema, VersionUpgradePolicy, rtype};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;

/// Bytes before the metadata: its mark, the version and the length.
const PRELUDE_BYTES: usize = 8;
/// Bytes of a DBZ file before its metadata, and the metadata's fixed part.
const DBZ_PRELUDE_BYTES: usize = 8;
const DBZ_FIXED_BYTES: usize = 96;
/// Bytes of a record's header.
const HEADER_BYTES: usize = 16;

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
    source: Box<dyn Read>,
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
    /// Bytes taken from the source.
    taken: u64,
}

impl Decoder {
    pub(super) fn open(input: &Input) -> Result<Decoder> {
        let mut source = input.open()?;
        let mut decoder = Decoder {
            path: input.path().to_owned(),
            source: Box::new(std::io::empty()),
            fsm: DbnFsm::default(),
            dataset: String::new(),
            schema: None,
            symbols: Symbols::default(),
            has_metadata: false,
            span: (0, u64::MAX),
            taken: 0,
        };
        let head = source
            .fill_buf()
            .map_err(FormatError::io("read", &decoder.path))?;
        if is_dbz(head) {
            return decoder.open_dbz(source);
        }
        if !head.starts_with(b"DBN") {
            return decoder.open_fragment(source);
        }
        let prelude: [u8; PRELUDE_BYTES] = decoder.read_array(&mut source)?;
        let length = u32::from_le_bytes([prelude[4], prelude[5], prelude[6], prelude[7]]);
        if u64::from(length) > DBN_METADATA_BYTES_MAX {
            let found = format!("metadata of {length} bytes");
            let expected = format!("at most {DBN_METADATA_BYTES_MAX}");
            return Err(decoder.damaged(4, found, &expected));
        }
        decoder.fsm = decoder.machine(None)?;
        decoder.source = Box::new(Cursor::new(prelude).chain(source));
        decoder.taken = 0;
        decoder.read_metadata()?;
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

    fn read_array<const N: usize>(&mut self, source: &mut dyn Read) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        source.read_exact(&mut bytes).map_err(|_| {
            self.damaged(
                self.taken,
                "the end of the file".to_owned(),
                "a whole header",
            )
        })?;
        self.taken += N as u64;
        Ok(bytes)
    }

    fn read_metadata(&mut self) -> Result<()> {
        loop {
            match self.fsm.process() {
                ProcessResult::Metadata(metadata) => return self.learn(metadata),
                ProcessResult::ReadMore(_) => {
                    if !self.read_more()? {
                        let found = "the end of the file".to_owned();
                        return Err(self.damaged(self.taken, found, "its metadata"));
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
    fn open_dbz(mut self, mut source: Box<dyn BufRead>) -> Result<Decoder> {
        let prelude: [u8; DBZ_PRELUDE_BYTES] = self.read_array(&mut source)?;
        let length = u32::from_le_bytes([prelude[4], prelude[5], prelude[6], prelude[7]]);
        let rest = u64::from(length).checked_sub(DBZ_FIXED_BYTES as u64);
        let Some(rest) = rest.filter(|rest| *rest <= DBN_METADATA_BYTES_MAX) else {
            let found = format!("metadata of {length} bytes");
            return Err(self.damaged(4, found, "at least 96, and at most 16 MiB more"));
        };
        let fixed: [u8; DBZ_FIXED_BYTES] = self.read_array(&mut source)?;
        let dataset = fixed[4..20].split(|byte| *byte == 0).next();
        self.dataset = String::from_utf8_lossy(dataset.unwrap_or_default()).into_owned();
        let schema = u16::from_le_bytes([fixed[20], fixed[21]]);
        self.schema = Schema::try_from(schema).ok();
        self.has_metadata = true;
        let passed = std::io::copy(&mut (&mut source).take(rest), &mut std::io::sink());
        if passed.map_err(FormatError::io("read", &self.path))? < rest {
            let found = "the end of the file".to_owned();
            return Err(self.damaged(self.taken, found, "its metadata"));
        }
        self.fsm = self.machine(Some(1))?;
        self.taken = 0;
        let rest = source
            .fill_buf()
            .map_err(FormatError::io("read", &self.path))?;
        if rest.is_empty() {
            return Ok(self);
        }
        let records = DynReader::with_buffer(source, Compression::Zstd);
        let records = records.map_err(|e| self.damaged(0, e.to_string(), "records in zstd"))?;
        self.source = Box::new(records);
        Ok(self)
    }

    /// Records without metadata: the length of the first says which version they are of.
    fn open_fragment(mut self, mut source: Box<dyn BufRead>) -> Result<Decoder> {
        let head: [u8; HEADER_BYTES] = self.read_array(&mut source)?;
        let version = match (head[1], head[0]) {
            (rtype::INSTRUMENT_DEF, 90) => 1,
            (rtype::INSTRUMENT_DEF, 100) => 2,
            _ => 3,
        };
        self.fsm = self.machine(Some(version))?;
        self.source = Box::new(BufReader::new(Cursor::new(head).chain(source)));
        self.taken = 0;
        Ok(self)
    }

    /// Takes more bytes; false at the end.
    fn read_more(&mut self) -> Result<bool> {
        let got = self
            .source
            .read(self.fsm.space())
            .map_err(FormatError::io("read", &self.path))?;
        self.fsm.fill(got);
        self.taken += got as u64;
        Ok(got > 0)
    }

    pub(super) fn next(&mut self) -> Result<Option<RecordRef<'_>>> {
        loop {
            // The library takes for granted that records lie at multiples of eight bytes.
            let words = self.fsm.data().first().copied();
            if let Some(words) = words.filter(|words| words % 2 != 0 || *words < 4) {
                let found = format!("a record of {words} times four bytes");
                let expected = "a multiple of eight, and a header at least";
                return Err(self.damaged(self.offset(), found, expected));
            }
            match self.fsm.process() {
                ProcessResult::Record(()) => break,
                ProcessResult::ReadMore(_) => {
                    if self.read_more()? {
                        continue;
                    }
                    let left = self.fsm.data().len();
                    if left == 0 {
                        return Ok(None);
                    }
                    let found = format!("{left} bytes and the end of the file");
                    return Err(self.damaged(self.offset(), found, "a whole record"));
                }
                ProcessResult::Metadata(_) => {}
                ProcessResult::Err(error) => {
                    return Err(self.damaged(self.offset(), error.to_string(), "a record of DBN"));
                }
            }
        }
        Ok(self.fsm.last_record())
    }

    /// Where the next record begins, unpacked.
    pub(super) fn offset(&self) -> u64 {
        self.taken.saturating_sub(self.fsm.data().len() as u64)
    }

    /// The error for a file of records that are no events of a market, by what they are.
    pub(super) fn no_market(&self, others: &BTreeMap<String, u64>) -> FormatError {
        let counts: Vec<String> = others
            .iter()
            .map(|(what, count)| format!("{count} of {what}"))
            .collect();
        FormatError::Unrecognised {
            file: self.path.clone(),
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
