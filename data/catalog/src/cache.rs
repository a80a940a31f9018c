//! What scans of one catalog share in memory: blocks of objects, what files say of themselves, and decoded columns, all within one
//! bound. A key names one writing of a file, so what was replaced or compacted is never found under its old content.

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use quick_cache::sync::Cache as Entries;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that an entry costs beside its content.
const ENTRY_BYTES: u64 = 128;
/// Bytes that an entry has on average, more or less: how many places are made from the start.
const ENTRY_BYTES_USUAL: usize = 256 << 10;

/// What a cache has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Looked for and found.
    pub hits: u64,
    /// Looked for in vain.
    pub misses: u64,
    /// Bytes that it holds.
    pub bytes: u64,
    /// Bytes that it holds at most.
    pub bytes_max: u64,
    /// Bytes that an object store was asked for.
    pub fetched: u64,
}

/// Which piece of which writing of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// Hash of path and content's origin.
    pub(crate) file: u64,
    pub(crate) piece: Piece,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Piece {
    /// Its last bytes.
    End,
    /// What it says of itself.
    Footer,
    /// Bytes from a place to another.
    Span { from: u64, to: u64 },
    /// So many bytes, at a multiple of that.
    Block { bytes: u64, number: u64 },
    /// Columns of so many rows from a row of a row group on.
    Rows {
        group: usize,
        row: usize,
        rows: usize,
    },
}

#[derive(Clone)]
pub(crate) enum Cached {
    /// The last bytes, and how long the file is.
    End(Bytes, u64),
    Footer(ArrowReaderMetadata),
    Block(Bytes),
    Rows(RecordBatch),
}

#[derive(Clone)]
struct Weigh;

impl Weighter<CacheKey, Cached> for Weigh {
    fn weight(&self, _: &CacheKey, value: &Cached) -> u64 {
        let bytes = match value {
            Cached::End(bytes, _) | Cached::Block(bytes) => bytes.len(),
            // Its Arrow schema is about as large as what a file with one row group says.
            Cached::Footer(meta) => meta.metadata().memory_size() + (8 << 10),
            Cached::Rows(batch) => batch.get_array_memory_size(),
        };
        bytes as u64 + ENTRY_BYTES
    }
}

/// The cache. Without a bound above zero it keeps nothing and only counts.
pub(crate) struct Cache {
    entries: Option<Entries<CacheKey, Cached, Weigh>>,
    bytes_max: u64,
    hits: AtomicU64,
    misses: AtomicU64,
    fetched: AtomicU64,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Cache {
        let items = usize::try_from(bytes_max).unwrap_or(usize::MAX) / ENTRY_BYTES_USUAL;
        // One shard: a large entry must fit wherever it falls, and scans do not look often.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(items.max(1))
            .weight_capacity(bytes_max)
            .build()
            .expect("all that it needs is set");
        let entries = (bytes_max > 0).then(|| {
            Entries::with_options(
                options,
                Weigh,
                DefaultHashBuilder::default(),
                Default::default(),
            )
        });
        Cache {
            entries,
            bytes_max,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
        }
    }

    /// Whether it keeps anything at all.
    pub(crate) fn is_on(&self) -> bool {
        self.entries.is_some()
    }

    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<Cached> {
        let found = self.entries.as_ref()?.get(key);
        let counter = match found {
            Some(_) => &self.hits,
            None => &self.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps a value, as long as it is worth more than others. One that is larger than the whole bound is not kept.
    pub(crate) fn insert(&self, key: CacheKey, value: Cached) {
        if let Some(entries) = &self.entries {
            entries.insert(key, value);
        }
    }

    /// Counts bytes that came from an object store.
    pub(crate) fn count_fetched(&self, bytes: usize) {
        self.fetched.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: self.entries.as_ref().map_or(0, Entries::weight),
            bytes_max: self.bytes_max,
            fetched: self.fetched.load(Ordering::Relaxed),
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64) -> CacheKey {
        CacheKey {
            file: 1,
            piece: Piece::Block { bytes: 1, number },
        }
    }

    #[test]
    fn its_bound_holds_whatever_comes() {
        let cache = Cache::new(100_000);
        for number in 0..5_000 {
            let bytes = usize::try_from(number * 7_919 % 3_000).unwrap();
            cache.insert(block(number), Cached::Block(vec![0; bytes].into()));
            assert!(cache.stats().bytes <= 100_000, "{:?}", cache.stats());
        }
        assert!(cache.stats().bytes > 50_000, "{:?}", cache.stats());
        cache.insert(block(1), Cached::Block(vec![0; 200_000].into()));
        assert!(cache.stats().bytes <= 100_000);
        assert!(cache.get(&block(1)).is_none());
    }

    #[test]
    fn hits_and_misses_are_counted() {
        let cache = Cache::new(10_000);
        assert!(cache.get(&block(0)).is_none());
        cache.insert(block(0), Cached::Block(Bytes::from_static(b"abc")));
        assert!(matches!(cache.get(&block(0)), Some(Cached::Block(b)) if b == "abc"));
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (1, 1));
        assert_eq!((stats.bytes, stats.bytes_max), (3 + ENTRY_BYTES, 10_000));

        let off = Cache::new(0);
        off.insert(block(0), Cached::Block(Bytes::from_static(b"abc")));
        assert!(off.get(&block(0)).is_none() && !off.is_on());
        assert_eq!(off.stats(), CacheStats::default());
    }
}
