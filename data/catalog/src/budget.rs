//! How much memory a scan takes, and how it reads so that a ceiling holds: how many rows of each file are in memory, and whether
//! a file's decoders stay between two batches or are made anew.
//!
//! All is worked out from the index before a file is opened. Files of which the next begins after the last has ended do not add
//! up; only those do whose ranges overlap, as they are open at the same time.

use super::Table;
use super::column::Codec;
use super::file_meta::SCHEMA_VERSION;
use super::key::Key;
use super::part::Wanted;
use crate::limits::{
    BATCH_ROWS, BLOCK_BYTES, BLOCK_BYTES_MIN, DICTIONARY_BYTES, PARQUET_PAGE_ROWS, ROW_GROUP_ROWS,
};
use crate::{CatalogError, Result};
use std::collections::BTreeMap;
use tickloom_types::{RECORD_LEN, Ts};

/// Bytes of an entry of the index in memory.
const ENTRY_BYTES: u64 = 1 << 10;
/// What a file says of itself, its schema, its reader.
const FOOTER_BYTES: u64 = 48 << 10;
/// What it says of one column of one row group.
const CHUNK_META_BYTES: u64 = 1 << 10;
/// What it says of one page of one column.
const PAGE_META_BYTES: u64 = 48;
/// A decompressor of zstd, and the reader around it.
const DECODER_BYTES: u64 = 128 << 10;
/// A key beside each record.
const KEY_BYTES: u64 = 16;
/// A row's place in the one order.
const PLACE_BYTES: u64 = 12;

/// How files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadPlan {
    /// Rows decoded at a time from one file.
    pub(crate) batch_rows: usize,
    /// Whether decoders stay between two batches: faster, and most of what an open file takes.
    pub(crate) keeps_decoders: bool,
    /// Bytes that an object store is asked for at a time.
    pub(crate) block_bytes: u64,
    /// Whether the library's decoders are left out where they can be; its arrays are what the cache keeps.
    pub(crate) is_direct: bool,
}

impl ReadPlan {
    /// As fast as it goes, for one file at a time.
    pub(crate) fn whole() -> ReadPlan {
        ReadPlan {
            batch_rows: BATCH_ROWS,
            keeps_decoders: true,
            block_bytes: BLOCK_BYTES,
            is_direct: true,
        }
    }
}

impl ReadPlan {
    /// Whether a file of so many rows is decoded without the library: that keeps decoders for all rows, unless it is done at once.
    pub(crate) fn is_direct(&self, rows: u64) -> bool {
        self.is_direct && (self.keeps_decoders || rows <= self.batch_rows as u64)
    }

    /// With as little memory as it goes.
    pub(crate) fn least() -> ReadPlan {
        ReadPlan {
            batch_rows: PARQUET_PAGE_ROWS / 16,
            keeps_decoders: false,
            block_bytes: BLOCK_BYTES_MIN,
            is_direct: true,
        }
    }
}

/// From fast to frugal.
const WAYS: &[(usize, bool)] = &[
    (BATCH_ROWS, true),
    (BATCH_ROWS / 4, true),
    (PARQUET_PAGE_ROWS, false),
    (PARQUET_PAGE_ROWS / 4, false),
    (PARQUET_PAGE_ROWS / 16, false),
];

/// Bytes that one file takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Need {
    /// While it is open.
    open: u64,
    /// Its decoders, with the pages in them.
    decoders: u64,
    /// Its columns and one batch of them on the way to records.
    columns: u64,
}

/// What a row of a table takes: worked out once, as there may be many files.
#[derive(Clone, Copy, Debug)]
struct Widths {
    /// Bytes in the columns that are read.
    row: u64,
    /// Columns that are read, and decimals among them.
    columns: u64,
    decimals: u64,
    /// All columns.
    all: u64,
}

impl Widths {
    fn of(table: Table) -> Widths {
        let widths = widths(table);
        Widths {
            row: widths.iter().sum(),
            columns: widths.len() as u64,
            decimals: widths.iter().filter(|width| **width == 16).count() as u64,
            all: table.stored(SCHEMA_VERSION).fields().len() as u64,
        }
    }
}

impl Need {
    fn of(widths: Widths, rows: u64, batch_rows: usize) -> Need {
        let Widths {
            row,
            columns,
            decimals,
            all,
        } = widths;
        let groups = rows.div_ceil(ROW_GROUP_ROWS as u64);
        let pages = rows.div_ceil(PARQUET_PAGE_ROWS as u64);
        let batch = rows.min(batch_rows as u64);
        Need {
            open: FOOTER_BYTES
                + groups * all * CHUNK_META_BYTES
                + pages * columns * PAGE_META_BYTES
                + batch * (RECORD_LEN as u64 + KEY_BYTES + PLACE_BYTES),
            // Each page once as it is in the file, once decompressed.
            decoders: columns * DECODER_BYTES
                + rows.min(PARQUET_PAGE_ROWS as u64) * row * 2
                + decimals * DICTIONARY_BYTES.min(rows.saturating_mul(16)),
            columns: batch * (row * 2 + 8),
        }
    }
}

/// Bytes of a row in each column that is read.
fn widths(table: Table) -> Vec<u64> {
    let mut widths = vec![8, 8, 8, 4, 1, 8, 4];
    if table.is_output() {
        widths.push(8);
    }
    let own = table.columns().iter().filter(|column| column.is_read());
    widths.extend(own.map(|column| match column.codec {
        Codec::Price | Codec::Qty | Codec::Money9 | Codec::Money18 => 16,
        Codec::U64 | Codec::I64 | Codec::F64 => 8,
        Codec::U32 | Codec::Word(_) => 4,
        Codec::U8 | Codec::Bool | Codec::Name(_) => 1,
    }));
    widths
}

/// Something that takes memory from a place to another, both included.
struct Span<T> {
    from: T,
    to: T,
    bytes: u64,
    files: u64,
}

/// The most bytes, and the most files, of spans that are there at the same time.
fn peak<T: Ord + Copy>(spans: &[Span<T>]) -> (u64, u64) {
    let begins = spans.iter().map(|span| (span.from, false, span));
    let ends = spans.iter().map(|span| (span.to, true, span));
    let mut edges: Vec<(T, bool, &Span<T>)> = begins.chain(ends).collect();
    // At the same place all begin before any ends.
    edges.sort_by_key(|(at, is_end, _)| (*at, *is_end));
    let (mut bytes, mut files) = (0_u64, 0_u64);
    let (mut bytes_max, mut files_max) = (0, 0);
    for (_, is_end, span) in edges {
        if is_end {
            bytes -= span.bytes;
            files -= span.files;
        } else {
            bytes += span.bytes;
            files += span.files;
            bytes_max = bytes_max.max(bytes);
            files_max = files_max.max(files);
        }
    }
    (bytes_max, files_max)
}

/// Bytes that reading these runs takes in one way, and files that are open at a time.
fn needs<'a>(
    runs: impl Iterator<Item = &'a Vec<Wanted>>,
    way: (usize, bool),
    feed_latency: i64,
) -> (u64, u64) {
    let (batch_rows, keeps_decoders) = way;
    let (mut listed, mut busiest) = (0, 0);
    let mut known: BTreeMap<Table, Widths> = BTreeMap::new();
    let mut runs_open = Vec::new();
    for files in runs {
        let mut open: Vec<Span<Key>> = Vec::new();
        for wanted in files {
            let meta = &wanted.file.meta;
            let widths = known.entry(meta.table);
            let widths = *widths.or_insert_with(|| Widths::of(meta.table));
            let need = Need::of(widths, meta.rows, batch_rows);
            listed += ENTRY_BYTES;
            // One file at a time is being decoded.
            let (mut bytes, mut once) = (need.open, need.columns);
            if keeps_decoders {
                bytes += need.decoders + need.columns;
            } else {
                once += need.decoders;
            }
            busiest = busiest.max(once);
            open.push(Span {
                from: meta.first,
                to: meta.last,
                bytes,
                files: 1,
            });
        }
        let (bytes, files_open) = peak(&open);
        let times = files.iter().map(|f| {
            let meta = &f.file.meta;
            meta.released.unwrap_or((meta.ts_min, meta.ts_max))
        });
        let (from, to) = times
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or_default();
        runs_open.push(Span {
            // What a query declares of latency moves the runs against each other.
            from: Ts(from.0.saturating_sub(feed_latency)),
            to: Ts(to.0.saturating_add(feed_latency)),
            bytes,
            files: files_open,
        });
    }
    let (bytes, files) = peak(&runs_open);
    (listed + busiest + bytes, files)
}

impl ReadPlan {
    /// The fastest way to read these files, by run, within `memory_max` bytes, of which the cache has its share.
    pub(crate) fn new<'a>(
        runs: impl Iterator<Item = &'a Vec<Wanted>> + Clone,
        memory_max: Option<u64>,
        cache_bytes: u64,
        feed_latency: i64,
    ) -> Result<ReadPlan> {
        let mut least = (u64::MAX, 0);
        for way in WAYS {
            let (bytes, files) = needs(runs.clone(), *way, feed_latency);
            let bytes = bytes.saturating_add(cache_bytes);
            if memory_max.is_none_or(|max| bytes <= max) {
                return Ok(ReadPlan {
                    batch_rows: way.0,
                    keeps_decoders: way.1,
                    block_bytes: block_bytes(cache_bytes, files),
                    is_direct: cache_bytes == 0,
                });
            }
            least = least.min((bytes, files));
        }
        Err(CatalogError::Memory {
            needed: least.0,
            given: memory_max.unwrap_or(u64::MAX),
            files: least.1,
        })
    }
}

/// Blocks so small that each open file has some dozen in the cache: its columns lie apart.
fn block_bytes(cache_bytes: u64, files_open: u64) -> u64 {
    let share = cache_bytes / files_open.max(1) / 16;
    let block = 1 << share.max(1).ilog2();
    block.clamp(BLOCK_BYTES_MIN, BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_meta::FileMeta;
    use crate::part::PartFile;
    use std::path::PathBuf;

    /// A file of trades with these sequences, and times of a thousand times as much.
    fn file(first: u64, last: u64) -> Wanted {
        let key = |seq| Key { seq, output: 0 };
        let ts = |seq: u64| Ts(i64::try_from(seq).unwrap() * 1_000);
        let file = PartFile {
            bytes: None,
            hash: None,
            path: PathBuf::from("x.parquet"),
            meta: FileMeta {
                schema: SCHEMA_VERSION,
                table: Table::Trades,
                run: "run".to_owned(),
                instrument: None,
                bar: None,
                rows: 1_000_000,
                first: key(first),
                last: key(last),
                ts_min: ts(first),
                ts_max: ts(last),
                released: Some((ts(first), ts(last))),
            },
        };
        Wanted::new(file, "test")
    }

    fn files_open(runs: &[Vec<Wanted>]) -> u64 {
        needs(runs.iter(), WAYS[0], 0).1
    }

    #[test]
    fn only_files_that_overlap_are_open_at_a_time() {
        let in_turn: Vec<Wanted> = (0..50).map(|n| file(n * 10, n * 10 + 9)).collect();
        let beside: Vec<Wanted> = (0..50).map(|n| file(n, n + 100)).collect();
        assert_eq!(files_open(std::slice::from_ref(&in_turn)), 1);
        assert_eq!(files_open(std::slice::from_ref(&beside)), 50);
        assert_eq!(files_open(&[in_turn.clone(), beside.clone()]), 51);
        // Runs one after another, each with files side by side.
        let later = (0..50).map(|n| file(1_000 + n, 1_100 + n)).collect();
        assert_eq!(files_open(&[in_turn, beside, later]), 51);
        // Two that touch are both open for a moment.
        assert_eq!(files_open(&[vec![file(0, 9)], vec![file(9, 20)]]), 2);
    }

    #[test]
    fn less_memory_is_a_slower_way_and_too_little_an_error() {
        let runs = [(0..200).map(|n| file(n, n + 1_000)).collect::<Vec<_>>()];
        let plan = |memory| ReadPlan::new(runs.iter(), memory, 0, 0);
        let mut before = u64::MAX;
        for (batch_rows, keeps_decoders) in WAYS {
            let (bytes, files) = needs(runs.iter(), (*batch_rows, *keeps_decoders), 0);
            assert!(bytes < before, "each way takes less than the one before");
            before = bytes;
            assert_eq!(files, 200);
            let way = plan(Some(bytes)).unwrap();
            assert_eq!(
                (way.batch_rows, way.keeps_decoders),
                (*batch_rows, *keeps_decoders)
            );
        }
        assert_eq!(plan(None).unwrap().batch_rows, BATCH_ROWS);
        let error = plan(Some(before - 1)).unwrap_err();
        assert!(
            matches!(error, CatalogError::Memory { needed, files: 200, .. } if needed == before),
            "{error}"
        );
    }

    #[test]
    fn blocks_are_as_large_as_the_cache_allows() {
        assert_eq!(block_bytes(1 << 30, 1), BLOCK_BYTES);
        assert_eq!(block_bytes(64 << 20, 32), 128 << 10);
        assert_eq!(block_bytes(0, 1_000), BLOCK_BYTES_MIN);
    }
}
