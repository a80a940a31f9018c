//! How much work a file may cause: in proportion to its bytes, however much it says that these unpack to. A file that lists one page many times,
//! or tells of runs of thousands of millions of values, is refused once it has cost what no file of its size costs.

use crate::limits::{WORK_BYTES, WORK_BYTES_EACH, WORK_BYTES_PER_BYTE};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is left of it.
#[derive(Debug)]
pub(super) struct Work {
    file_bytes: u64,
    left: AtomicU64,
}

impl Work {
    /// For a file of so many bytes.
    pub(super) fn of(file_bytes: u64) -> Work {
        let more = file_bytes.saturating_mul(WORK_BYTES_PER_BYTE);
        Work {
            file_bytes,
            left: AtomicU64::new(WORK_BYTES.saturating_add(more)),
        }
    }

    /// Takes what a page or a batch costs that unpacks to so many bytes; in words, that it is too much.
    pub(super) fn take(&self, bytes: u64) -> Result<(), String> {
        let cost = bytes.saturating_add(WORK_BYTES_EACH);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(cost)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "content that unpacks to far more than a file of {} bytes has",
                self.file_bytes
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::{Compression, Encoding, ZstdLevel};
    use ::parquet::file::properties::WriterProperties;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use proptest::prelude::*;
    use std::fs::File;
    use std::sync::Arc;

    /// Bars of which all columns are constant but the time, which goes up by one: some thousand rows a byte.
    fn constant(rows: i64, path: &std::path::Path) -> u64 {
        let times: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (0..rows).map(|row| 1_700_000_000 + row * 60),
        ));
        let ones: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|_| 1)));
        let names = ["open", "high", "low", "close", "volume"];
        let columns = std::iter::once(("time", times));
        let columns = columns.chain(names.map(|name| (name, Arc::clone(&ones))));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BINARY_PACKED)
            .build();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        std::fs::metadata(path).unwrap().len()
    }

    #[test]
    fn a_file_that_says_far_more_than_it_has_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.parquet");
        let options = crate::ImportOptions::default();
        // What a program writes of some thousand bars.
        constant(4_000, &path);
        let read = crate::read_file(&path, &options).unwrap();
        assert_eq!(read.records.len(), 4_000);
        // More for its bytes than tests take; the limit is greater elsewhere.
        let bytes = constant(1_000_000, &path);
        let needed = 1_000_000 * 6 * 8;
        assert!(needed > WORK_BYTES + bytes * WORK_BYTES_PER_BYTE, "{bytes}");
        let error = crate::read_file(&path, &options).err().unwrap().to_string();
        let told = format!("content that unpacks to far more than a file of {bytes} bytes has");
        assert!(error.contains(&told), "{error}");
    }

    /// An Arrow file whose footer lists its first batch in the place of the second, too.
    #[test]
    fn blocks_that_lie_over_each_other_are_refused() {
        let times: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (0..100).map(|row| 1_700_000_000 + row * 60),
        ));
        let columns = ["time", "open", "high", "low", "close", "volume"];
        let columns = columns.map(|name| (name, Arc::clone(&times)));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            arrow_ipc::writer::FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        for _ in 0..2 {
            writer.write(&batch).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.arrow");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let read = crate::read_file(&path, &crate::ImportOptions::default());
            read.err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let over = "blocks that lie over each other";
        assert!(!read(&bytes).contains(over));
        // A block is its place, the length of its metadata and that of its body: 24 bytes, one after the other.
        let footer = arrow_footer(&bytes);
        let blocks = footer.0;
        let (first, second) = (blocks, blocks + 24);
        let copy = bytes[first..second].to_vec();
        bytes[second..second + 24].copy_from_slice(&copy);
        assert!(read(&bytes).contains(over), "{}", read(&bytes));
    }

    /// Where the list of blocks is.
    fn arrow_footer(bytes: &[u8]) -> (usize, usize) {
        let end = bytes.len() - 10;
        let length = i32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
        let start = end - usize::try_from(length).unwrap();
        let footer = arrow_ipc::root_as_footer(&bytes[start..end]).unwrap();
        let blocks = footer.recordBatches().unwrap();
        let at = blocks.get(0).offset().to_le_bytes();
        let place = bytes[start..end].windows(8).position(|eight| eight == at);
        (start + place.unwrap(), blocks.len())
    }

    proptest! {
        /// However a file says what its pages unpack to, so many of them are looked at, and they have so many bytes.
        #[test]
        fn work_is_bounded_by_the_bytes_of_the_file(
            file_bytes in 0_u64..100_000,
            pages in proptest::collection::vec(prop_oneof![0_u64..4_096, any::<u64>()], 1..50)
        ) {
            let work = Work::of(file_bytes);
            let most = WORK_BYTES + file_bytes * WORK_BYTES_PER_BYTE;
            let (mut steps, mut bytes) = (0_u64, 0_u64);
            for page in pages.iter().cycle() {
                if work.take(*page).is_err() {
                    break;
                }
                steps += 1;
                bytes += page;
            }
            prop_assert!(bytes <= most);
            prop_assert!(steps <= most / WORK_BYTES_EACH);
        }
    }
}
