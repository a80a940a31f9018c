//! The journal's bytes: headers of segments and blocks, and payloads. No files here; `docs/journal.md` is the same as tables.

use crate::RunMeta;
use crate::limits::{BLOCK_BYTES_MAX, RUN_NAME_LEN_MAX};
pub use crate::numbers::{Numbers, Reserved};
use serde::{Deserialize, Serialize};
use tickloom_types::{RECORD_LEN, Record, Seq};
use xxhash_rust::xxh3::Xxh3;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version that is written; [`VERSION_MIN`] and those between are read.
pub(crate) const VERSION: u16 = 2;
pub(crate) const VERSION_MIN: u16 = 1;
/// First bytes of a segment; the line end shows a transfer that rewrote line ends.
pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"TLJRNL\r\n";
/// First bytes of a block.
pub(crate) const BLOCK_MAGIC: [u8; 4] = *b"TLB\n";
/// Bytes of either header.
pub(crate) const HEADER_LEN: usize = 64;
/// Bytes of the payload of a durable block.
pub(crate) const DURABLE_LEN: usize = 16;
/// Bytes of one output: the sequence of its cause and its record.
pub(crate) const OUTPUT_LEN: usize = 8 + RECORD_LEN;

/// Hash of a block, which the next block repeats.
pub type ChainHash = [u8; 16];

/// First bytes of a segment.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SegmentHeader {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u16,
    pub(crate) record_len: u16,
    /// Number of the segment, from one.
    pub(crate) segment: u32,
    /// Name of the run, filled up with zeros.
    pub(crate) run: [u8; RUN_NAME_LEN_MAX],
    pub(crate) reserved: u32,
    /// CRC-32 of the bytes before it.
    pub(crate) crc: u32,
}

/// What precedes the payload of a block.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct BlockHeader {
    pub(crate) magic: [u8; 4],
    pub(crate) kind: u8,
    pub(crate) pad: [u8; 3],
    /// Bytes of the payload.
    pub(crate) length: u32,
    /// Records in the payload.
    pub(crate) count: u32,
    /// Sequence of the first input, or number of the first output.
    pub(crate) first: u64,
    /// Hash of the block before this one, zero for the very first.
    pub(crate) previous: ChainHash,
    pub(crate) payload_crc: u32,
    pub(crate) reserved: [u8; 16],
    /// CRC-32 of the bytes before it.
    pub(crate) crc: u32,
}

const _: () = assert!(size_of::<SegmentHeader>() == HEADER_LEN);
const _: () = assert!(size_of::<BlockHeader>() == HEADER_LEN);
const CRC_AT: usize = HEADER_LEN - 4;

/// What a block holds, as its number in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BlockKind {
    Meta = 1,
    Inputs = 2,
    Outputs = 3,
    Close = 4,
    Place = 5,
    Session = 6,
    Reserve = 7,
    Durable = 8,
}

impl BlockKind {
    pub(crate) fn from_raw(raw: u8) -> Option<BlockKind> {
        match raw {
            1 => Some(BlockKind::Meta),
            2 => Some(BlockKind::Inputs),
            3 => Some(BlockKind::Outputs),
            4 => Some(BlockKind::Close),
            5 => Some(BlockKind::Place),
            6 => Some(BlockKind::Session),
            7 => Some(BlockKind::Reserve),
            8 => Some(BlockKind::Durable),
            _ => None,
        }
    }
}

/// A block's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// What the run is; the first block of every segment.
    Meta(Box<RunMeta>),
    /// Input records in order, without a gap from `first_seq`.
    Inputs {
        /// Sequence of the first.
        first_seq: Seq,
        /// The records.
        records: Vec<Record>,
    },
    /// Output records in order, each with the sequence of the input that caused it.
    Outputs {
        /// Number of the first among all outputs of the run, from zero.
        first_output: u64,
        /// The records.
        records: Vec<(Seq, Record)>,
    },
    /// The run was stopped in good order here.
    Close(Close),
    /// Where in the run a segment begins; the second block of every segment of version 2.
    Place(Place),
    /// A session begins here: the only place at which numbers may leave a gap.
    Session(Session),
    /// Numbers that may have been told to others.
    Reserve(Reserved),
    /// What is on the disk.
    Durable(Durable),
}

/// Where in the run a segment begins, so that it can be read without those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Numbers of the next input and output.
    pub next: Numbers,
    /// Cause of the last output.
    pub last_cause: Seq,
    /// Sessions that have begun.
    pub sessions: u32,
    /// Numbers that may have been told to others; zero after a close. Those of orders stay when a session begins.
    pub reserved: Reserved,
}

/// A start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The first is 1.
    pub session: u32,
    /// What the journal has of the sessions before.
    pub kept: Numbers,
    /// Where the numbers of this one begin. What lies between was reserved, and is retracted: no record has or will have such a
    /// number, though a session before may have told others of some.
    pub start: Numbers,
    /// Orders up to this number may have been told of, in all sessions before. `None` if that was not reserved: no more of them
    /// than outputs between `kept` and `start` are then not in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<u32>,
    /// What lies between is not retracted but lost: it was in a journal that was damaged, of which this one was salvaged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl Session {
    /// Whether numbers were given up between the sessions before and this one.
    #[must_use]
    pub fn has_retracted(&self) -> bool {
        !self.lost && self.kept != self.start
    }
}

/// How much is on the disk, as a block says that is written after it was forced there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// Bytes of the segment that holds the block, counted from its beginning.
    pub bytes: u64,
    /// Inputs and outputs of the run.
    pub numbers: Numbers,
}

/// Where a run stood when it was stopped in good order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Inputs of the run: the sequence that the next one would have.
    pub next_seq: Seq,
    /// Outputs of the run.
    pub outputs: u64,
    /// Hash of all outputs, as the core gives it.
    pub output_hash: String,
}

impl SegmentHeader {
    /// The header of segment `segment` of `run`, whose name was checked.
    pub(crate) fn new(segment: u32, run: &str) -> SegmentHeader {
        let mut header = SegmentHeader {
            magic: SEGMENT_MAGIC,
            version: VERSION,
            record_len: u16::try_from(RECORD_LEN).expect("64 fits"),
            segment,
            run: [0; RUN_NAME_LEN_MAX],
            reserved: 0,
            crc: 0,
        };
        header.run[..run.len()].copy_from_slice(run.as_bytes());
        header.crc = crc32fast::hash(&header.as_bytes()[..CRC_AT]);
        header
    }

    /// Whether the checksum holds.
    pub(crate) fn is_whole(&self) -> bool {
        self.crc == crc32fast::hash(&self.as_bytes()[..CRC_AT])
    }

    /// Name of the run, without the zeros.
    pub(crate) fn run_name(&self) -> String {
        let len = self.run.iter().position(|b| *b == 0);
        String::from_utf8_lossy(&self.run[..len.unwrap_or(RUN_NAME_LEN_MAX)]).into_owned()
    }
}

impl BlockHeader {
    /// The header for this payload.
    pub(crate) fn new(
        kind: BlockKind,
        count: usize,
        first: u64,
        previous: ChainHash,
        payload: &[u8],
    ) -> BlockHeader {
        assert!(payload.len() <= BLOCK_BYTES_MAX, "a block is too large");
        let mut header = BlockHeader {
            magic: BLOCK_MAGIC,
            kind: kind as u8,
            pad: [0; 3],
            length: u32::try_from(payload.len()).expect("at most BLOCK_BYTES_MAX"),
            count: u32::try_from(count).expect("no more than bytes"),
            first,
            previous,
            payload_crc: crc32fast::hash(payload),
            reserved: [0; 16],
            crc: 0,
        };
        header.crc = crc32fast::hash(&header.as_bytes()[..CRC_AT]);
        header
    }

    /// Whether magic and checksum hold.
    pub(crate) fn is_whole(&self) -> bool {
        self.magic == BLOCK_MAGIC && self.crc == crc32fast::hash(&self.as_bytes()[..CRC_AT])
    }

    /// The hash that the next block repeats: over header and payload.
    pub(crate) fn chain(&self, payload: &[u8]) -> ChainHash {
        let mut hash = Xxh3::new();
        hash.update(self.as_bytes());
        hash.update(payload);
        hash.digest128().to_le_bytes()
    }
}

/// Whether a whole block header that `is_wanted` lies anywhere in `bytes`.
pub(crate) fn has_block_header(bytes: &[u8], is_wanted: impl Fn(&BlockHeader) -> bool) -> bool {
    bytes.windows(HEADER_LEN).any(|window| {
        window.starts_with(&BLOCK_MAGIC)
            && BlockHeader::read_from_bytes(window)
                .is_ok_and(|header| header.is_whole() && is_wanted(&header))
    })
}

/// The payload of a durable block.
pub(crate) fn durable_payload(numbers: Numbers) -> [u8; DURABLE_LEN] {
    let mut payload = [0; DURABLE_LEN];
    payload[..8].copy_from_slice(&numbers.inputs.to_le_bytes());
    payload[8..].copy_from_slice(&numbers.outputs.to_le_bytes());
    payload
}

/// Writes outputs as `cause u64 | record` after each other.
pub(crate) fn put_outputs(outputs: &[(Seq, Record)], payload: &mut Vec<u8>) {
    for (cause, record) in outputs {
        payload.extend_from_slice(&cause.to_le_bytes());
        payload.extend_from_slice(record.as_bytes());
    }
}

/// Decodes a payload whose checksum holds; the error says what was expected.
pub(crate) fn decode_payload(header: &BlockHeader, payload: &[u8]) -> Result<Block, String> {
    let kind = BlockKind::from_raw(header.kind).ok_or("a block kind of 1 to 8")?;
    let count = usize::try_from(header.count).map_err(|_| "a count that fits")?;
    let expect_len = |len: usize| {
        if count.checked_mul(len) == Some(payload.len()) {
            Ok(())
        } else {
            Err(format!("{count} entries of {len} bytes"))
        }
    };
    match kind {
        BlockKind::Meta => serde_json::from_slice(payload)
            .map(|meta| Block::Meta(Box::new(meta)))
            .map_err(|error| format!("JSON of a run ({error})")),
        BlockKind::Close => serde_json::from_slice(payload)
            .map(Block::Close)
            .map_err(|error| format!("JSON of a close ({error})")),
        BlockKind::Place => serde_json::from_slice(payload)
            .map(Block::Place)
            .map_err(|error| format!("JSON of a place ({error})")),
        BlockKind::Session => serde_json::from_slice(payload)
            .map(Block::Session)
            .map_err(|error| format!("JSON of a session ({error})")),
        BlockKind::Reserve => serde_json::from_slice(payload)
            .map(Block::Reserve)
            .map_err(|error| format!("JSON of a reservation ({error})")),
        BlockKind::Durable => {
            let payload: &[u8; DURABLE_LEN] = payload
                .try_into()
                .map_err(|_| "16 bytes of a durable block")?;
            let [inputs, outputs] = [0, 8].map(|at| {
                let mut number = [0; 8];
                number.copy_from_slice(&payload[at..at + 8]);
                u64::from_le_bytes(number)
            });
            Ok(Block::Durable(Durable {
                bytes: header.first,
                numbers: Numbers { inputs, outputs },
            }))
        }
        BlockKind::Inputs => {
            expect_len(RECORD_LEN)?;
            let mut records = vec![Record::default(); count];
            records.as_mut_bytes().copy_from_slice(payload);
            Ok(Block::Inputs {
                first_seq: header.first,
                records,
            })
        }
        BlockKind::Outputs => {
            expect_len(OUTPUT_LEN)?;
            Ok(Block::Outputs {
                first_output: header.first,
                records: payload.chunks_exact(OUTPUT_LEN).map(get_output).collect(),
            })
        }
    }
}

fn get_output(bytes: &[u8]) -> (Seq, Record) {
    let (cause, record) = bytes
        .split_first_chunk::<8>()
        .expect("the chunk has OUTPUT_LEN bytes");
    let record = record.try_into().expect("the chunk has OUTPUT_LEN bytes");
    (Seq::from_le_bytes(*cause), Record::from_bytes(record))
}
