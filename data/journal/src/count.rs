//! Counts what a journal has without reading it.

use crate::format::BlockKind;
use crate::headers::Headers;
use crate::segments::{list_segments, segment_name};
use crate::{JournalError, JournalPlace, Result};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Counts the records that a journal has from a place on, by the headers of its blocks alone.
pub struct JournalCount {
    dir: PathBuf,
    segment: u32,
    offset: u64,
    records: u64,
}

impl JournalCount {
    /// Counts from `place` on, where `records` are already.
    pub fn new(dir: &Path, place: &JournalPlace, records: u64) -> JournalCount {
        JournalCount {
            dir: dir.to_owned(),
            segment: place.segment,
            offset: place.offset,
            records,
        }
    }

    /// Records up to what is on the disk now.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn advance(&mut self) -> Result<u64> {
        let numbers = list_segments(&self.dir)?;
        for number in &numbers {
            if *number < self.segment {
                continue;
            }
            if *number > self.segment {
                self.segment = *number;
                self.offset = 0;
            }
            let is_last = numbers.last() == Some(number);
            let path = self.dir.join(segment_name(*number));
            match File::open(&path) {
                Ok(file) => self
                    .count(file, is_last)
                    .map_err(JournalError::io("read", &path))?,
                // Removed since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(JournalError::io("open", &path)(error)),
            }
        }
        Ok(self.records)
    }

    fn count(&mut self, mut file: File, is_last: bool) -> std::io::Result<()> {
        let mut headers = Headers::new(&mut file, self.offset)?;
        let is_sure = !is_last || headers.version < 2;
        let mut records = 0;
        while let Some((header, end)) = headers.next()? {
            if header.kind == BlockKind::Inputs as u8 || header.kind == BlockKind::Outputs as u8 {
                records += u64::from(header.count);
            }
            if is_sure || header.kind == BlockKind::Durable as u8 {
                self.records += std::mem::take(&mut records);
                self.offset = end;
            }
        }
        Ok(())
    }
}
