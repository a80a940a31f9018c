//! Some columns and row groups of a file in an object store, as a Parquet file of its own in memory: for readers of whole files, so that
//! nothing else is fetched. Chunks of columns are taken as they are; nothing is decoded here.

use super::Catalog;
use super::cache::{CacheKey, Cached, Piece};
use super::chunks::Chunks;
use super::outline::FileRange;
use super::pages::wanted_rows;
use crate::limits::{BLOCK_BYTES_MIN, EXTRACT_GAP_BYTES, EXTRACTS_AT_ONCE};
use crate::{CatalogError, Result};
use bytes::{Buf, Bytes, buf::Reader};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::thread;

impl Catalog {
    /// Of each file of an object store, in their order, a Parquet file in memory that has only these columns, by their names in the file,
    /// and only the row groups in which these times may be. What is fetched is the end of each file, where it says what it
    /// has, and those columns of those row groups: of a few files at a time, from the cache if it has them.
    ///
    /// # Errors
    /// [`CatalogError::Store`]; [`CatalogError::Parquet`] for a file that is damaged, or that has no such column.
    pub fn extracts(
        &self,
        files: &[FileRange],
        columns: &BTreeSet<&str>,
        times: &RangeInclusive<i64>,
    ) -> Result<Vec<Bytes>> {
        let mut extracts = Vec::with_capacity(files.len());
        for some in files.chunks(EXTRACTS_AT_ONCE) {
            let found: Vec<Result<Bytes>> = thread::scope(|scope| {
                let working = some
                    .iter()
                    .map(|file| scope.spawn(|| self.extract(file, columns, times)));
                let working: Vec<_> = working.collect();
                let found = working.into_iter().map(|worker| match worker.join() {
                    Ok(found) => found,
                    Err(panic) => std::panic::resume_unwind(panic),
                });
                found.collect()
            });
            for extract in found {
                extracts.push(extract?);
            }
        }
        Ok(extracts)
    }

    fn extract(
        &self,
        file: &FileRange,
        columns: &BTreeSet<&str>,
        times: &RangeInclusive<i64>,
    ) -> Result<Bytes> {
        let (store, id) = (self.store(), file.cache_id());
        let url = store.url(&file.path);
        let wrong = CatalogError::parquet(&url);
        let chunks = Chunks::open(store, &file.path, id, self.cache(), BLOCK_BYTES_MIN)?;
        let footer = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        let footer = footer.parse_and_finish(&chunks).map_err(&wrong)?;
        let (places, schema) = taken(&footer, columns).map_err(&wrong)?;
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties);
        let mut writer = writer.map_err(&wrong)?;
        for wanted in wanted_rows(&footer, times) {
            let group = footer.row_group(wanted.group);
            let ranges = ranges(group, &places, Length::len(&chunks)).map_err(&wrong)?;
            let pieces = self.pieces(file, &joined(ranges.clone()))?;
            append(&mut writer, group, &places, &ranges, &pieces).map_err(&wrong)?;
        }
        Ok(writer.into_inner().map_err(&wrong)?.into())
    }

    /// Pieces of a file by where they begin.
    fn pieces(&self, file: &FileRange, ranges: &[Range<u64>]) -> Result<BTreeMap<u64, Bytes>> {
        let key = |range: &Range<u64>| CacheKey {
            file: file.cache_id(),
            piece: Piece::Span {
                from: range.start,
                to: range.end,
            },
        };
        let mut pieces = BTreeMap::new();
        let mut missing = Vec::new();
        for range in ranges {
            match self.cache().get(&key(range)) {
                Some(Cached::Block(bytes)) => {
                    pieces.insert(range.start, bytes);
                }
                _ => missing.push(range.clone()),
            }
        }
        let fetched = self.store().read_ranges(&file.path, &missing)?;
        for (range, bytes) in missing.into_iter().zip(fetched) {
            self.cache().count_fetched(bytes.len());
            self.cache()
                .insert(key(&range), Cached::Block(bytes.clone()));
            pieces.insert(range.start, bytes);
        }
        Ok(pieces)
    }
}

/// The places of columns in a file, and its schema with no others.
fn taken(
    footer: &ParquetMetaData,
    columns: &BTreeSet<&str>,
) -> Result<(Vec<usize>, Type), ParquetError> {
    let all = footer.file_metadata().schema_descr();
    let is_taken = |at: &usize| columns.contains(all.column(*at).name());
    let places: Vec<usize> = (0..all.num_columns()).filter(is_taken).collect();
    let fields = places.iter().map(|at| all.column(*at).self_type_ptr());
    let fields = fields.collect();
    let found: BTreeSet<&str> = places.iter().map(|at| all.columns()[*at].name()).collect();
    if let Some(missing) = columns.difference(&found).next() {
        return Err(ParquetError::General(format!("no column {missing}")));
    }
    let schema = Type::group_type_builder(all.root_schema().name());
    Ok((places, schema.with_fields(fields).build()?))
}

/// Where chunks of columns begin and end, in a file of so many bytes.
fn ranges(
    group: &RowGroupMetaData,
    places: &[usize],
    file_bytes: u64,
) -> Result<Vec<Range<u64>>, ParquetError> {
    let range = |at: &usize| {
        let column = group.column(*at);
        let from = u64::try_from(begin(column)).ok()?;
        let to = from.checked_add(u64::try_from(column.compressed_size()).ok()?)?;
        (to <= file_bytes).then_some(from..to)
    };
    let ranges = places.iter().map(|at| {
        range(at).ok_or_else(|| {
            let column = group.column(*at).column_path();
            ParquetError::EOF(format!("column {column} is not within the file"))
        })
    });
    ranges.collect()
}

fn begin(column: &ColumnChunkMetaData) -> i64 {
    let dictionary = column.dictionary_page_offset();
    dictionary.unwrap_or_else(|| column.data_page_offset())
}

/// Ranges in order, with those made one between which lies little.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(EXTRACT_GAP_BYTES) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Writes the columns of a row group that are wanted, as they are.
fn append(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    group: &RowGroupMetaData,
    places: &[usize],
    ranges: &[Range<u64>],
    pieces: &BTreeMap<u64, Bytes>,
) -> Result<(), ParquetError> {
    let rows = u64::try_from(group.num_rows())
        .map_err(|_| ParquetError::General("a row group has less than no rows".to_owned()))?;
    let mut new = writer.next_row_group()?;
    for (at, range) in places.iter().zip(ranges) {
        let chunk = Chunk::within(pieces, range)?;
        let close = ColumnCloseResult {
            bytes_written: range.end - range.start,
            rows_written: rows,
            metadata: group.column(*at).clone(),
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        new.append_column(&chunk, close)?;
    }
    new.close().map(|_| ())
}

/// The bytes of a column, at the place that they have in the file.
struct Chunk {
    begin: u64,
    bytes: Bytes,
}

impl Chunk {
    fn within(pieces: &BTreeMap<u64, Bytes>, range: &Range<u64>) -> Result<Chunk, ParquetError> {
        let ends = || ParquetError::EOF(format!("the file ends before byte {}", range.end));
        if range.is_empty() {
            return Ok(Chunk {
                begin: range.start,
                bytes: Bytes::new(),
            });
        }
        let (begin, piece) = pieces.range(..=range.start).next_back().ok_or_else(ends)?;
        let place = |at: u64| usize::try_from(at - begin).ok();
        let (from, to) = place(range.start).zip(place(range.end)).ok_or_else(ends)?;
        if to > piece.len() {
            return Err(ends());
        }
        Ok(Chunk {
            begin: range.start,
            bytes: piece.slice(from..to),
        })
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Reader<Bytes>, ParquetError> {
        let bytes = self.get_bytes(start, place(self.len().saturating_sub(start)))?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.begin).map(place);
        let range = from.and_then(|from| Some(from..from.checked_add(length)?));
        match range.filter(|range| range.end <= self.bytes.len()) {
            Some(range) => Ok(self.bytes.slice(range)),
            None => Err(ParquetError::EOF(format!("nothing is at byte {start}"))),
        }
    }
}

/// A distance within what is in memory.
fn place(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_between_which_little_lies_are_asked_for_as_one() {
        let gap = EXTRACT_GAP_BYTES;
        let found = joined(vec![
            gap * 5..gap * 6,
            10..20,
            20..30,
            30 + gap..40 + gap,
            41 + gap * 2..50 + gap * 2,
            7..7,
        ]);
        assert_eq!(
            found,
            [10..40 + gap, 41 + gap * 2..50 + gap * 2, gap * 5..gap * 6]
        );
    }
}
