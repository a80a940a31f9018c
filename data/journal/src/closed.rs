//! Where the run was closed last, in a file of its own: the journal by itself cannot tell that its end was cut off behind a whole
//! block.

use crate::disk::Disk;
use crate::segments::segment_name;
use crate::{JournalError, Result, beside};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const NAME: &str = "closed.json";

/// The end of the journal when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClosedMark {
    /// The segment with the close.
    pub(crate) segment: u32,
    /// Its length.
    pub(crate) bytes: u64,
}

impl ClosedMark {
    /// What the file in `dir` says; `None` if there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<ClosedMark>> {
        beside::read(&dir.join(NAME), "where the run was closed, as JSON")
    }

    /// Where the file of the journal in `dir` is.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<()> {
        beside::write(disk, &dir.join(NAME), self)
    }

    /// Checks that a journal whose whole blocks end in `segment` at `offset` has all that it had when it was closed.
    pub(crate) fn check(&self, dir: &Path, segment: u32, offset: u64) -> Result<()> {
        if (segment, offset) >= (self.segment, self.bytes) {
            return Ok(());
        }
        let file = dir.join(segment_name(self.segment));
        if segment < self.segment {
            return Err(JournalError::Missing {
                what: "segment in which the run was closed",
                path: file,
            });
        }
        Err(JournalError::Damaged {
            file,
            offset,
            found: "the end of what is whole".to_owned(),
            expected: format!("{} bytes, as when the run was closed", self.bytes),
        })
    }
}
