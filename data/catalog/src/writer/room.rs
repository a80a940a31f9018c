//! The memory that a writer may take, and what of it each of its parts may.

use crate::limits::{
    OPEN_FILE_BYTES, OPEN_FILES_MAX, OPEN_FILES_MIN, SPILL_BUFFER_BYTES, SPILL_BUFFER_BYTES_MIN,
    SPILL_BYTES, SPILL_BYTES_MIN, WRITER_BYTES_MAX,
};

/// The memory of one writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Files that are open at a time.
    pub(crate) files_max: usize,
    /// Bytes that they hold back.
    pub(crate) bytes_max: usize,
    /// Bytes of rows that wait for the end in memory.
    pub(crate) spill_bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            files_max: OPEN_FILES_MAX,
            bytes_max: WRITER_BYTES_MAX,
            spill_bytes: SPILL_BYTES,
        }
    }
}

impl Room {
    /// What a writer does with so many bytes: what it does with any number of them if they are many, and as little as it can do with if
    /// they are few.
    pub(crate) fn of(bytes: u64) -> Room {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let files = bytes - bytes / 4;
        Room {
            files_max: (files / OPEN_FILE_BYTES).clamp(OPEN_FILES_MIN, OPEN_FILES_MAX),
            bytes_max: files.clamp(OPEN_FILES_MIN * OPEN_FILE_BYTES, WRITER_BYTES_MAX),
            spill_bytes: (bytes / 4).clamp(SPILL_BYTES_MIN, SPILL_BYTES),
        }
    }

    /// Bytes in which one of so many temporary files is read.
    pub(crate) fn spill_buffer(&self, files: usize) -> usize {
        (self.spill_bytes / files.max(1)).clamp(SPILL_BUFFER_BYTES_MIN, SPILL_BUFFER_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_is_divided_and_much_is_not_used() {
        assert_eq!(Room::of(u64::MAX), Room::default());
        assert_eq!(Room::of(1 << 30), Room::default());
        let little = Room::of(16 << 20);
        assert_eq!(
            little,
            Room {
                files_max: 24,
                bytes_max: 12 << 20,
                spill_bytes: 4 << 20,
            }
        );
        assert_eq!(little.spill_buffer(1), 128 << 10);
        assert_eq!(little.spill_buffer(64), 64 << 10);
        assert_eq!(little.spill_buffer(100_000), 4 << 10);
        let least = Room::of(0);
        assert_eq!((least.files_max, least.bytes_max), (4, 2 << 20));
        assert_eq!(least.spill_bytes, 1 << 20);
    }
}
