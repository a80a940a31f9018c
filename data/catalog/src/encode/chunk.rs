//! One column of a row group.

use super::dictionary::Places;
use super::hybrid;
use super::pack::{ZSTD_LEVEL, pack};
use crate::limits::{DICTIONARY_BYTES, PARQUET_PAGE_ROWS};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, LevelHistogram, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::cmp::Ordering;

/// Bytes of a word that may be in statistics.
const STATISTICS_BYTES: usize = 64;

/// What the numbers of a column are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int32,
    Int64,
    /// Sixteen bytes, the most significant one first.
    Decimal,
    /// Places in a list of words; below zero for null.
    Words,
}

/// A page that waits for the dictionary before it.
struct PageDone {
    packed: Vec<u8>,
    unpacked: usize,
    values: u32,
    encoding: Encoding,
    nulls: u32,
    /// The least and the greatest value; none if all are null.
    range: Option<(i128, i128)>,
}

/// Takes the values of a column.
pub(super) struct Chunk {
    about: ColumnDescPtr,
    kind: Kind,
    words: Vec<String>,
    places: Places,
    is_plain: bool,
    /// Values of the page that is being filled: those that are there, as places or as they are.
    page: Vec<u32>,
    plain: Vec<i128>,
    /// One where there is a value, of a column that may have none.
    levels: Vec<u32>,
    has_levels: bool,
    range: Option<(i128, i128)>,
    rows: usize,
    pages: Vec<PageDone>,
    buffer: Vec<u8>,
    bytes: usize,
}

impl Chunk {
    pub(super) fn new(about: ColumnDescPtr, kind: Kind) -> Chunk {
        Chunk {
            has_levels: about.max_def_level() > 0,
            about,
            kind,
            words: Vec::new(),
            places: Places::new(),
            is_plain: false,
            page: Vec::new(),
            plain: Vec::new(),
            levels: Vec::new(),
            range: None,
            rows: 0,
            pages: Vec::new(),
            buffer: Vec::new(),
            bytes: 0,
        }
    }

    /// Bytes that it holds, about.
    pub(super) fn memory(&self) -> usize {
        let plain = self.plain.capacity() * size_of::<i128>();
        let levels = self.levels.capacity() * size_of::<u32>();
        let page = self.page.capacity() * size_of::<u32>();
        self.bytes + self.places.memory() + page + plain + levels + self.buffer.capacity()
    }

    /// The place of a word in the list of this column.
    pub(super) fn word(&mut self, word: &str) -> Result<i128> {
        let known = self.words.iter().position(|known| known == word);
        let at = known.unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        });
        i128::try_from(at).map_err(external)
    }

    /// Takes values; `None` is null.
    pub(super) fn push(&mut self, values: impl Iterator<Item = Option<i128>>) -> Result<()> {
        for value in values {
            if let Some(value) = value {
                if self.kind != Kind::Words {
                    let (least, most) = self.range.unwrap_or((value, value));
                    self.range = Some((least.min(value), most.max(value)));
                }
                if self.is_plain {
                    self.plain.push(value);
                } else {
                    let place = self.places.of(value);
                    self.page.push(place);
                }
            }
            if self.has_levels {
                self.levels.push(u32::from(value.is_some()));
            } else if value.is_none() {
                return Err(ParquetError::General("a null where none may be".to_owned()));
            }
            self.rows += 1;
            if self.rows == PARQUET_PAGE_ROWS {
                self.end_page()?;
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let there = self.page.len() + self.plain.len();
        if self.has_levels {
            buffer.extend_from_slice(&[0; 4]);
            hybrid::append(&self.levels, 1, &mut buffer);
            let length = u32::try_from(buffer.len() - 4).map_err(external)?;
            buffer[..4].copy_from_slice(&length.to_le_bytes());
        }
        let encoding = if self.is_plain {
            for value in &self.plain {
                self.plain_value(*value, &mut buffer);
            }
            Encoding::PLAIN
        } else {
            let most = self.places.numbers().len().saturating_sub(1);
            let width = usize::BITS - most.leading_zeros();
            buffer.push(u8::try_from(width).map_err(external)?);
            hybrid::append(&self.page, width, &mut buffer);
            Encoding::RLE_DICTIONARY
        };
        if self.kind == Kind::Words {
            self.range = self.range_of_words();
        }
        let packed = pack(&buffer)?;
        self.bytes += packed.len();
        self.pages.push(PageDone {
            packed,
            unpacked: buffer.len(),
            values: u32::try_from(self.rows).map_err(external)?,
            encoding,
            nulls: u32::try_from(self.rows - there).map_err(external)?,
            range: self.range.take(),
        });
        self.buffer = buffer;
        self.page.clear();
        self.plain.clear();
        self.levels.clear();
        self.rows = 0;
        let width = match self.kind {
            Kind::Int32 => 4,
            Kind::Int64 | Kind::Words => 8,
            Kind::Decimal => 16,
        };
        let is_large = (self.places.numbers().len() * width) as u64 >= DICTIONARY_BYTES;
        self.is_plain |= is_large && self.kind != Kind::Words;
        Ok(())
    }

    /// Appends a value as it is in plain pages and in the dictionary.
    fn plain_value(&self, value: i128, into: &mut Vec<u8>) {
        let low = value.to_le_bytes();
        match self.kind {
            Kind::Int32 => into.extend_from_slice(&low[..4]),
            Kind::Int64 => into.extend_from_slice(&low[..8]),
            Kind::Decimal => into.extend_from_slice(&value.to_be_bytes()),
            Kind::Words => {
                let word = self.word_at(value).as_bytes();
                let length = u32::try_from(word.len()).unwrap_or(u32::MAX);
                into.extend_from_slice(&length.to_le_bytes());
                into.extend_from_slice(word);
            }
        }
    }

    fn word_at(&self, value: i128) -> &str {
        let at = usize::try_from(value).unwrap_or(usize::MAX);
        self.words.get(at).map_or("", String::as_str)
    }

    /// The words of the page that come first and last among words.
    fn range_of_words(&self) -> Option<(i128, i128)> {
        let mut is_there = vec![false; self.places.numbers().len()];
        for place in &self.page {
            if let Some(is_there) = is_there.get_mut(*place as usize) {
                *is_there = true;
            }
        }
        let all = self.places.numbers().iter().zip(is_there);
        let words = all.filter(|(_, is_there)| *is_there).map(|(word, _)| *word);
        let by_word = |a: &i128, b: &i128| self.word_at(*a).cmp(self.word_at(*b));
        words.clone().min_by(by_word).zip(words.max_by(by_word))
    }

    /// Which of two values comes first.
    fn compare(&self, a: i128, b: i128) -> Ordering {
        match self.kind {
            Kind::Words => self.word_at(a).cmp(self.word_at(b)),
            _ => a.cmp(&b),
        }
    }

    /// The bytes of the column, the first of which begins its first page, and what is said of them.
    pub(super) fn close(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page()?;
        let mut sink = TrackedWrite::new(Vec::with_capacity(self.bytes + (64 << 10)));
        let mut written = Written::default();
        let mut writer = SerializedPageWriter::new(&mut sink);
        // Also where no value is there: pages of places have a dictionary before them.
        let mut values = Vec::new();
        for value in self.places.numbers() {
            self.plain_value(*value, &mut values);
        }
        let packed = pack(&values)?;
        let page = Page::DictionaryPage {
            buf: packed.into(),
            num_values: u32::try_from(self.places.numbers().len()).map_err(external)?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        written.write(&mut writer, CompressedPage::new(page, values.len()))?;
        let mut ranges = Ranges::new(self.about.physical_type());
        for page in std::mem::take(&mut self.pages) {
            ranges.add(&self, &page);
            written.rows += u64::from(page.values);
            written.offsets.append_row_count(page.values.into());
            let data = Page::DataPage {
                buf: page.packed.into(),
                num_values: page.values,
                encoding: page.encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            written.write(&mut writer, CompressedPage::new(data, page.unpacked))?;
        }
        writer.close()?;
        let bytes = sink.into_inner()?;
        Ok((bytes.into(), written.closed(&self, ranges)?))
    }

    /// A value as statistics have it; none of one that is too long for them.
    fn bytes_of(&self, value: i128) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.kind {
            Kind::Words => bytes.extend_from_slice(self.word_at(value).as_bytes()),
            _ => self.plain_value(value, &mut bytes),
        }
        (bytes.len() <= STATISTICS_BYTES).then_some(bytes)
    }

    /// What is said of all values of the column.
    fn statistics(&self, range: Option<(i128, i128)>, nulls: u64) -> Option<Statistics> {
        macro_rules! statistics {
            ($make:expr) => {{
                let (least, most) = match range {
                    Some((least, most)) => (Some($make(least)?), Some($make(most)?)),
                    None => (None, None),
                };
                let statistics = ValueStatistics::new(least, most, None, Some(nulls), false);
                // Old readers compare as signed numbers whatever the type says.
                let is_signed = self.about.sort_order().is_signed();
                Some(
                    statistics
                        .with_backwards_compatible_min_max(is_signed)
                        .into(),
                )
            }};
        }
        match self.kind {
            Kind::Int32 => statistics!(|value| {
                let bytes = self.bytes_of(value)?;
                Some(i32::from_le_bytes(bytes.try_into().ok()?))
            }),
            Kind::Int64 => statistics!(|value| {
                let bytes = self.bytes_of(value)?;
                Some(i64::from_le_bytes(bytes.try_into().ok()?))
            }),
            Kind::Decimal => {
                statistics!(|value| Some(FixedLenByteArray::from(self.bytes_of(value)?)))
            }
            Kind::Words => statistics!(|value| Some(ByteArray::from(self.bytes_of(value)?))),
        }
    }
}

/// What was written of a column.
#[derive(Default)]
struct Written {
    bytes: u64,
    packed: usize,
    unpacked: usize,
    rows: u64,
    dictionary_at: Option<u64>,
    data_at: Option<u64>,
    encodings: Vec<PageEncodingStats>,
    offsets: OffsetIndexBuilder,
}

impl Written {
    fn write(
        &mut self,
        writer: &mut SerializedPageWriter<'_, Vec<u8>>,
        page: CompressedPage,
    ) -> Result<()> {
        let (page_type, encoding) = (page.page_type(), page.encoding());
        let spec = writer.write_page(page)?;
        self.bytes += spec.bytes_written;
        self.packed += spec.compressed_size;
        self.unpacked += spec.uncompressed_size;
        match page_type {
            PageType::DICTIONARY_PAGE => self.dictionary_at = Some(spec.offset),
            _ => {
                self.data_at.get_or_insert(spec.offset);
                let at = i64::try_from(spec.offset).map_err(external)?;
                let bytes = i32::try_from(spec.compressed_size).map_err(external)?;
                self.offsets.append_offset_and_size(at, bytes);
            }
        }
        match self.encodings.last_mut() {
            Some(last) if last.page_type == page_type && last.encoding == encoding => {
                last.count += 1;
            }
            _ => self.encodings.push(PageEncodingStats {
                page_type,
                encoding,
                count: 1,
            }),
        }
        Ok(())
    }

    fn closed(self, chunk: &Chunk, ranges: Ranges) -> Result<ColumnCloseResult> {
        let number = |number: u64| i64::try_from(number).map_err(external);
        let size = |size: usize| i64::try_from(size).map_err(external);
        let mut encodings: Vec<Encoding> = self.encodings.iter().map(|of| of.encoding).collect();
        encodings.push(Encoding::RLE);
        let level = ZstdLevel::try_new(ZSTD_LEVEL)?;
        let mut about = ColumnChunkMetaData::builder(chunk.about.clone())
            .set_compression(Compression::ZSTD(level))
            .set_encodings(encodings)
            .set_page_encoding_stats(self.encodings)
            .set_total_compressed_size(size(self.packed)?)
            .set_total_uncompressed_size(size(self.unpacked)?)
            .set_num_values(number(self.rows)?)
            .set_data_page_offset(number(self.data_at.unwrap_or(0))?)
            .set_dictionary_page_offset(self.dictionary_at.map(number).transpose()?);
        if chunk.has_levels {
            let nulls = number(ranges.nulls)?;
            let levels = LevelHistogram::from(vec![nulls, number(self.rows)? - nulls]);
            about = about.set_definition_level_histogram(Some(levels));
        }
        if let Some(statistics) = chunk.statistics(ranges.all, ranges.nulls) {
            about = about.set_statistics(statistics);
        }
        Ok(ColumnCloseResult {
            bytes_written: self.bytes,
            rows_written: self.rows,
            metadata: about.build()?,
            bloom_filter: None,
            column_index: ranges.index()?,
            offset_index: Some(self.offsets.build()),
        })
    }
}

/// The least and the greatest values of pages.
struct Ranges {
    index: ColumnIndexBuilder,
    all: Option<(i128, i128)>,
    nulls: u64,
    last: Option<(i128, i128)>,
    is_ascending: bool,
    is_descending: bool,
}

impl Ranges {
    fn new(of: Type) -> Ranges {
        Ranges {
            index: ColumnIndexBuilder::new(of),
            all: None,
            nulls: 0,
            last: None,
            is_ascending: true,
            is_descending: true,
        }
    }

    fn add(&mut self, chunk: &Chunk, page: &PageDone) {
        self.nulls += u64::from(page.nulls);
        let nulls = page.nulls.into();
        let levels = chunk
            .has_levels
            .then(|| LevelHistogram::from(vec![nulls, i64::from(page.values) - nulls]));
        let Some((least, most)) = page.range else {
            self.index.append(true, Vec::new(), Vec::new(), nulls, None);
            self.index.append_histograms(&None, &levels);
            return;
        };
        match (chunk.bytes_of(least), chunk.bytes_of(most)) {
            (Some(least), Some(most)) => self.index.append(false, least, most, nulls, None),
            _ => self.index.to_invalid(),
        }
        self.index.append_histograms(&None, &levels);
        if let Some((before, before_most)) = self.last.replace((least, most)) {
            let orders = [
                chunk.compare(before, least),
                chunk.compare(before_most, most),
            ];
            self.is_ascending &= !orders.contains(&Ordering::Greater);
            self.is_descending &= !orders.contains(&Ordering::Less);
        }
        let (all_least, all_most) = self.all.unwrap_or((least, most));
        let first = chunk.compare(least, all_least) == Ordering::Less;
        let last = chunk.compare(most, all_most) == Ordering::Greater;
        self.all = Some((
            if first { least } else { all_least },
            if last { most } else { all_most },
        ));
    }

    fn index(mut self) -> Result<Option<ColumnIndexMetaData>> {
        if !self.index.valid() {
            return Ok(None);
        }
        self.index
            .set_boundary_order(match (self.is_ascending, self.is_descending) {
                (true, _) => BoundaryOrder::ASCENDING,
                (false, true) => BoundaryOrder::DESCENDING,
                (false, false) => BoundaryOrder::UNORDERED,
            });
        self.index.build().map(Some)
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}
