//! Writing blocks of another journal, for salvage: each is checked as a reader would.

use super::{JournalOptions, JournalWriter};
use crate::disk::{RealDisk, create_dirs};
use crate::format::{Block, BlockHeader, BlockKind, put_outputs};
use crate::position::Position;
use crate::recover::lock;
use crate::segment::ChainedBlock;
use crate::{JournalError, Result, RunMeta};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use zerocopy::IntoBytes;

impl JournalWriter {
    /// Begins a journal in a new directory, with a segment of this number at this position.
    pub(crate) fn begin_at(
        dir: &Path,
        meta: &RunMeta,
        segment: u32,
        position: Position,
    ) -> Result<JournalWriter> {
        create_dirs(&RealDisk, dir)?;
        let lock = lock(dir)?.ok_or_else(|| JournalError::Locked(dir.to_owned()))?;
        let options = JournalOptions::default();
        let before = segment.saturating_sub(1);
        let mut writer = JournalWriter::new(Arc::new(RealDisk), dir, meta, options, lock)?;
        writer.segment = before;
        writer.position = position;
        writer.in_session = true;
        writer.begin_segment()?;
        Ok(writer)
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Writes a block; false if it does not follow, and then nothing is written.
    pub(crate) fn copy(&mut self, block: &Block) -> Result<bool> {
        let mut payload = Vec::new();
        let (kind, count, first) = match block {
            Block::Inputs { first_seq, records } => {
                payload.extend_from_slice(records.as_bytes());
                (BlockKind::Inputs, records.len(), *first_seq)
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                put_outputs(records, &mut payload);
                (BlockKind::Outputs, records.len(), *first_output)
            }
            Block::Session(session) => json(BlockKind::Session, session, &mut payload),
            Block::Reserve(reserved) => json(BlockKind::Reserve, reserved, &mut payload),
            Block::Close(close) => json(BlockKind::Close, close, &mut payload),
            // What belongs to the file that it was in.
            Block::Meta(_) | Block::Place(_) | Block::Durable(_) => return Ok(true),
        };
        let previous = self.position.chain;
        let header = BlockHeader::new(kind, count, first, previous, &payload);
        let chained = ChainedBlock {
            block: block.clone(),
            offset: self.len,
            previous,
            hash: header.chain(&payload),
        };
        if self.position.advance(&chained).is_err() {
            return Ok(false);
        }
        self.buffer.extend_from_slice(header.as_bytes());
        self.buffer.extend_from_slice(&payload);
        self.write_buffer()?;
        Ok(true)
    }

    /// Forces all that was copied to the disk, and says so.
    pub(crate) fn seal(&mut self) -> Result<()> {
        self.sync()?;
        self.put_durable()?;
        self.sync()
    }

    /// Seals the segment and begins the next.
    pub(crate) fn next_segment(&mut self) -> Result<()> {
        self.seal()?;
        self.begin_segment()
    }
}

fn json(kind: BlockKind, value: &impl Serialize, payload: &mut Vec<u8>) -> (BlockKind, usize, u64) {
    *payload = serde_json::to_vec(value).expect("plain fields are JSON");
    (kind, 0, 0)
}
