//! What is whole in a damaged segment and what is not: whole blocks are looked for behind damage, wherever they begin.

use crate::format::{
    BLOCK_MAGIC, Block, BlockHeader, HEADER_LEN, Numbers, SEGMENT_MAGIC, SegmentHeader,
    decode_payload,
};
use crate::limits::BLOCK_BYTES_MAX;
use crate::segment::ChainedBlock;
use crate::segments::segment_name;
use crate::{JournalError, Result, RunMeta};
use std::fs;
use std::ops::Range;
use std::path::Path;
use zerocopy::FromBytes;

/// A part of a segment.
pub(super) enum Piece {
    Block(ChainedBlock),
    Lost { bytes: Range<u64>, why: String },
}

/// The parts of a segment, in order.
pub(super) fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let has_header = bytes
        .first_chunk::<HEADER_LEN>()
        .and_then(|header| SegmentHeader::read_from_bytes(header).ok())
        .is_some_and(|header| header.magic == SEGMENT_MAGIC && header.is_whole());
    let mut offset = HEADER_LEN;
    if !has_header {
        offset = next_block(bytes, 0);
        let why = "the segment's header is not whole";
        pieces.push(lost(0, offset, why));
    }
    while offset < bytes.len() {
        if let Some(chained) = block_at(bytes, offset) {
            offset = chained.1;
            pieces.push(Piece::Block(chained.0));
            continue;
        }
        let end = next_block(bytes, offset + 1);
        pieces.push(lost(offset, end, "no whole block"));
        offset = end;
    }
    pieces
}

fn lost(from: usize, to: usize, why: &str) -> Piece {
    Piece::Lost {
        bytes: from as u64..to as u64,
        why: why.to_owned(),
    }
}

/// Where the next whole block begins, or the end.
fn next_block(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = bytes.get(at..) {
        let magic = rest
            .windows(BLOCK_MAGIC.len())
            .position(|window| window == BLOCK_MAGIC);
        let Some(found) = magic else { break };
        if block_at(bytes, at + found).is_some() {
            return at + found;
        }
        at += found + 1;
    }
    bytes.len()
}

/// The whole block at `offset`, if there is one, and where it ends.
fn block_at(bytes: &[u8], offset: usize) -> Option<(ChainedBlock, usize)> {
    let rest = bytes.get(offset..)?;
    let header = BlockHeader::read_from_bytes(rest.get(..HEADER_LEN)?).ok()?;
    let length = usize::try_from(header.length).ok()?;
    if !header.is_whole() || length > BLOCK_BYTES_MAX {
        return None;
    }
    let payload = rest.get(HEADER_LEN..HEADER_LEN + length)?;
    if crc32fast::hash(payload) != header.payload_crc {
        return None;
    }
    let chained = ChainedBlock {
        block: decode_payload(&header, payload).ok()?,
        offset: offset as u64,
        previous: header.previous,
        hash: header.chain(payload),
    };
    Some((chained, offset + HEADER_LEN + length))
}

fn read(dir: &Path, number: u32) -> Result<Vec<Piece>> {
    let path = dir.join(segment_name(number));
    let bytes = fs::read(&path).map_err(JournalError::io("read", &path))?;
    Ok(pieces(&bytes))
}

/// What the first whole meta block says; all segments have the same.
pub(super) fn first_meta(dir: &Path, segments: &[u32]) -> Result<Option<RunMeta>> {
    for number in segments {
        for piece in read(dir, *number)? {
            if let Piece::Block(ChainedBlock {
                block: Block::Meta(meta),
                ..
            }) = piece
            {
                return Ok(Some(*meta));
            }
        }
    }
    Ok(None)
}

/// The numbers with which the run goes on after `from`, as the blocks of `rest` and of the segments `later` say.
pub(super) fn resume(
    dir: &Path,
    rest: &[Piece],
    later: impl Iterator<Item = u32>,
    from: Numbers,
) -> Result<Numbers> {
    let mut found = Found::default();
    found.look_at(rest);
    for number in later {
        if found.inputs.is_some() && found.outputs.is_some() {
            break;
        }
        found.look_at(&read(dir, number)?);
    }
    let numbers = Numbers {
        inputs: found.inputs.unwrap_or(found.after_cause),
        outputs: found.outputs.unwrap_or(0),
    };
    Ok(numbers.max(from))
}

#[derive(Default)]
struct Found {
    inputs: Option<u64>,
    outputs: Option<u64>,
    /// Behind the last cause of an output.
    after_cause: u64,
}

impl Found {
    fn look_at(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let Piece::Block(chained) = piece else {
                continue;
            };
            match &chained.block {
                Block::Inputs { first_seq, .. } => self.take(Some(*first_seq), None),
                Block::Outputs {
                    first_output,
                    records,
                } => {
                    self.take(None, Some(*first_output));
                    if let Some((cause, _)) = records.last() {
                        self.after_cause = self.after_cause.max(cause.saturating_add(1));
                    }
                }
                Block::Place(place) => self.take_both(place.next),
                Block::Session(session) => self.take_both(session.kept),
                Block::Durable(durable) => self.take_both(durable.numbers),
                Block::Close(close) => self.take(Some(close.next_seq), Some(close.outputs)),
                Block::Meta(_) | Block::Reserve(_) => {}
            }
            if self.inputs.is_some() && self.outputs.is_some() {
                return;
            }
        }
    }

    fn take_both(&mut self, numbers: Numbers) {
        self.take(Some(numbers.inputs), Some(numbers.outputs));
    }

    fn take(&mut self, inputs: Option<u64>, outputs: Option<u64>) {
        self.inputs = self.inputs.or(inputs);
        self.outputs = self.outputs.or(outputs);
    }
}
