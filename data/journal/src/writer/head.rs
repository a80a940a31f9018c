//! Beginning a segment: its head is on the disk before it has its name.

use super::JournalWriter;
use crate::disk::put_whole;
use crate::format::{BlockKind, SegmentHeader};
use crate::segments::segment_name;
use crate::{JournalError, Result};
use zerocopy::IntoBytes;

impl JournalWriter {
    /// Begins the next segment. It gets its name only once header, meta block and place are on the disk. If it cannot be begun, the
    /// writer is as it was, unless it is `failed` then.
    pub(super) fn begin_segment(&mut self) -> Result<()> {
        let number = self.segment.checked_add(1).ok_or(JournalError::Exhausted {
            run: self.meta.run.clone(),
            what: "segments",
            used: self.segment.into(),
            most: u32::MAX.into(),
        })?;
        let path = self.dir.join(segment_name(number));
        let temporary = path.with_extension("tmp");
        let chain = self.position.chain;
        let header = SegmentHeader::new(number, &self.meta.run);
        let meta = serde_json::to_vec(&self.meta).expect("plain fields are JSON");
        self.buffer.extend_from_slice(header.as_bytes());
        self.put_block(BlockKind::Meta, 0, 0, &meta);
        let place = serde_json::to_vec(&self.position.place).expect("plain fields are JSON");
        self.put_block(BlockKind::Place, 0, 0, &place);
        let head = std::mem::take(&mut self.buffer);
        let file = put_whole(&*self.disk, &head, &temporary, &path).inspect_err(|_| {
            self.position.chain = chain;
            // What is left of it would be overwritten by the next try.
            drop(self.disk.remove(&temporary));
        })?;
        // From here on it is in the journal: what is written next has to continue it.
        self.failed = true;
        self.directory
            .sync_all()
            .map_err(JournalError::io("sync", &self.dir))?;
        self.failed = false;
        self.segment = number;
        self.before = chain;
        self.len = head.len() as u64;
        self.is_unsynced = false;
        self.position.durable = self.position.place.next;
        self.seal_at = self.options.segment_bytes_max;
        self.file = file;
        Ok(())
    }
}
