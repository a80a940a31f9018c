//! One column of a row group, page by page: numbers, whatever they are in the file.

use super::super::chunks::Chunks;
use super::super::page_header::{DataPage, PageHeader, PageKind};
use super::Values;
use super::spare::{list_of_values, spare};
use super::values::{PADDING, Padded, delta, hybrid, one_run, plain};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader;
use std::cell::RefCell;
use std::sync::Arc;

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;
/// Bytes in which a header is looked for first.
const HEADER_BYTES: usize = 512;
/// Values and bytes of a page that are decoded here.
const VALUES_MAX: usize = 1 << 20;
const PAGE_BYTES_MAX: usize = 32 << 20;

const DELTA: Encoding = Encoding::DELTA_BINARY_PACKED;

/// What the values of a column become.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    /// 64 bits as they are: whole numbers, with or without a sign, and floats.
    Long,
    /// 32 bits with a sign; those without come with the sign that the highest bit would be.
    Int,
    /// Multiples of a factor.
    Decimal(i64),
    /// 1 and 0.
    Bool,
    /// The numbers of these words; 0 for none.
    Words(Arc<Vec<(String, i64)>>),
}

/// What pages are unpacked with: one a thread, as each takes a hundred thousand bytes.
struct Unpacking {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    page: Vec<u8>,
    values: Vec<i64>,
}

thread_local! {
    static UNPACKING: RefCell<Unpacking> = const {
        RefCell::new(Unpacking { zstd: None, page: Vec::new(), values: Vec::new() })
    };
}

/// A column of a row group on its way.
pub(super) struct Chunk {
    chunks: Chunks,
    reads: Reads,
    is_packed: bool,
    is_nullable: bool,
    /// Bytes that were read, and the place of the first.
    ahead: Bytes,
    ahead_at: u64,
    at: u64,
    end: u64,
    dictionary: Vec<i64>,
    /// Values of the last page, from which those before `taken` are gone.
    values: Vec<i64>,
    taken: usize,
    /// Instead of those: the value of all rows of the last page that are not taken, and how many these are.
    same: Option<(i64, usize)>,
    /// Rows to pass over before the next one that is wanted.
    skip: usize,
    /// Rows of the group that no page was read of.
    left: usize,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        spare(std::mem::take(&mut self.dictionary));
        spare(std::mem::take(&mut self.values));
    }
}

impl Chunk {
    /// From a row of the group on; pages before it are left out if it is known where they are. `None` if it is not decoded here.
    pub(super) fn new(
        chunks: &Chunks,
        meta: &ColumnChunkMetaData,
        reads: Reads,
        (first, rows): (usize, usize),
        pages: Option<&[PageLocation]>,
    ) -> Option<Chunk> {
        let is_packed = match meta.compression() {
            Compression::ZSTD(_) => true,
            Compression::UNCOMPRESSED => false,
            _ => return None,
        };
        let is_of_type = match (&reads, meta.column_type()) {
            (Reads::Long, Type::INT64 | Type::DOUBLE)
            | (Reads::Int, Type::INT32)
            | (Reads::Bool, Type::BOOLEAN)
            | (Reads::Words(_), Type::BYTE_ARRAY) => true,
            (Reads::Decimal(factor), Type::FIXED_LEN_BYTE_ARRAY) => {
                *factor > 0 && meta.column_descr().type_length() == 16
            }
            _ => false,
        };
        let levels = (
            meta.column_descr().max_def_level(),
            meta.column_descr().max_rep_level(),
        );
        let has_file = meta.file_path().is_some_and(|path| !path.is_empty());
        if !is_of_type || levels.0 > 1 || levels.1 > 0 || has_file {
            return None;
        }
        let begin = u64::try_from(meta.data_page_offset()).ok()?;
        let dictionary = meta.dictionary_page_offset();
        let dictionary = dictionary.and_then(|at| u64::try_from(at).ok());
        let begin = dictionary.filter(|at| *at > 0).unwrap_or(begin).min(begin);
        let end = begin.checked_add(u64::try_from(meta.compressed_size()).ok()?)?;
        let mut chunk = Chunk {
            chunks: chunks.clone(),
            reads,
            is_packed,
            is_nullable: levels.0 == 1,
            ahead: Bytes::new(),
            ahead_at: 0,
            at: begin,
            end,
            dictionary: list_of_values(),
            values: list_of_values(),
            taken: 0,
            same: None,
            skip: first,
            left: rows,
        };
        chunk.seek(first, pages)?;
        Some(chunk)
    }

    /// Goes to the page of a row; the dictionary is read first.
    fn seek(&mut self, first: usize, pages: Option<&[PageLocation]>) -> Option<()> {
        let Some(pages) = pages.filter(|_| first > 0) else {
            return Some(());
        };
        let row = |page: &PageLocation| usize::try_from(page.first_row_index).ok();
        let after = pages.partition_point(|page| row(page).is_some_and(|row| row <= first));
        let page = pages.get(after.checked_sub(1)?)?;
        let (row, at) = (row(page)?, u64::try_from(page.offset).ok()?);
        let begin = u64::try_from(pages.first()?.offset).ok()?;
        if begin > self.at {
            self.page()?;
        }
        if at < begin || at > self.end {
            return None;
        }
        self.at = at;
        self.skip = first.checked_sub(row)?;
        self.left = self.left.checked_sub(row)?;
        Some(())
    }

    /// How many values are in hand; pages are read until there are some. `None` if something is not as it should be.
    pub(super) fn fill(&mut self) -> Option<usize> {
        loop {
            let left = match self.same {
                Some((_, left)) => left,
                None => self.values.len() - self.taken,
            };
            if left > 0 {
                return Some(left);
            }
            if self.at >= self.end || self.left == 0 {
                return None;
            }
            self.values.clear();
            self.taken = 0;
            self.same = None;
            self.page()?;
            match &mut self.same {
                Some((_, left)) => {
                    let skip = self.skip.min(*left);
                    *left -= skip;
                    self.skip -= skip;
                }
                None => {
                    self.taken = self.skip.min(self.values.len());
                    self.skip -= self.taken;
                }
            }
        }
    }

    /// The next values, which are in hand.
    pub(super) fn take(&mut self, count: usize, into: &mut Values) -> Option<()> {
        into.same = None;
        if let Some((value, left)) = &mut self.same {
            *left = left.checked_sub(count)?;
            into.same = Some(*value);
            return Some(());
        }
        let into = &mut into.each;
        into.clear();
        if self.taken == 0 && count == self.values.len() {
            std::mem::swap(into, &mut self.values);
            return Some(());
        }
        let end = self.taken.checked_add(count)?;
        into.extend_from_slice(self.values.get(self.taken..end)?);
        self.taken = end;
        Some(())
    }

    /// So many bytes from here, or as many as there are.
    fn ahead(&mut self, count: usize) -> Option<Bytes> {
        let rest = usize::try_from(self.end.checked_sub(self.at)?).ok()?;
        let count = count.min(rest);
        let from = self.at.checked_sub(self.ahead_at);
        let from = from.and_then(|from| usize::try_from(from).ok());
        if let Some(from) = from
            && let Some(end) = from.checked_add(count)
            && end <= self.ahead.len()
        {
            return Some(self.ahead.slice(from..end));
        }
        let more = count.max(READ_BYTES.min(rest));
        self.ahead = self.chunks.get_bytes(self.at, more).ok()?;
        self.ahead_at = self.at;
        Some(self.ahead.slice(..count))
    }

    /// Reads a page: its values, or the dictionary.
    fn page(&mut self) -> Option<()> {
        let found = PageHeader::read(&self.ahead(HEADER_BYTES)?);
        let (header, bytes) = match found {
            Some(found) => found,
            None => PageHeader::read(&self.ahead(READ_BYTES)?)?,
        };
        self.at = self.at.checked_add(bytes)?;
        let size = usize::try_from(header.packed).ok()?;
        let packed = self.ahead(size)?;
        if packed.len() != size {
            return None;
        }
        self.at += header.packed;
        UNPACKING.with_borrow_mut(|unpacking| {
            self.unpack(&header, &packed, unpacking)?;
            match header.kind {
                PageKind::Dictionary {
                    values,
                    encoding:
                        Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY,
                } => self.list(count_of(values)?, &unpacking.page),
                PageKind::Data(page) => self.decode(&page, unpacking),
                _ => None,
            }
        })
    }

    /// Unpacks a page, with zeros behind it.
    fn unpack(&self, header: &PageHeader, packed: &[u8], unpacking: &mut Unpacking) -> Option<()> {
        let unpacked = usize::try_from(header.unpacked).ok()?;
        if unpacked > PAGE_BYTES_MAX {
            return None;
        }
        let (levels, is_packed) = match &header.kind {
            PageKind::Data(page) => (page.levels_in_front()?, page.is_packed() && self.is_packed),
            _ => (0, self.is_packed),
        };
        let (levels, values) = packed.split_at_checked(levels)?;
        let page = &mut unpacking.page;
        page.clear();
        page.extend_from_slice(levels);
        if !is_packed || values.is_empty() {
            page.extend_from_slice(values);
        } else {
            let size = unpacked.checked_sub(levels.len())?;
            let zstd = match &mut unpacking.zstd {
                Some(zstd) => zstd,
                none => none.insert(zstd::bulk::Decompressor::new().ok()?),
            };
            page.resize(levels.len() + size, 0);
            let done = zstd.decompress_to_buffer(values, &mut page[levels.len()..]);
            if done.ok()? != size {
                return None;
            }
        }
        if page.len() != unpacked {
            return None;
        }
        page.resize(unpacked + PADDING, 0);
        Some(())
    }

    /// The different values of a column.
    fn list(&mut self, count: usize, page: &[u8]) -> Option<()> {
        let values = Padded::new(page)?;
        self.dictionary.clear();
        self.dictionary.reserve(count.min(page.len()));
        let Reads::Words(words) = &self.reads else {
            return plain(&self.reads, values, count, &mut self.dictionary);
        };
        let mut rest = values.values();
        for _ in 0..count {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (word, after) = after.split_at_checked(length)?;
            rest = after;
            let known = words.iter().find(|(known, _)| known.as_bytes() == word);
            self.dictionary.push(known?.1);
        }
        Some(())
    }

    fn decode(&mut self, about: &DataPage, unpacking: &mut Unpacking) -> Option<()> {
        let count = count_of(about.values)?;
        self.left = self.left.checked_sub(count)?;
        let page = Padded::new(&unpacking.page)?;
        let values = page.from(about.values_begin(page.values(), self.is_nullable)?)?;
        if !self.is_nullable {
            let is_of_places = matches!(
                about.encoding,
                Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY
            );
            if is_of_places && let Some(place) = one_run(values, count) {
                self.same = Some((*self.dictionary.get(place)?, count));
                return Some(());
            }
            return self.decode_values(about, values, count);
        }
        let levels = page.from(about.levels_begin())?;
        let is_there = &mut unpacking.values;
        is_there.clear();
        hybrid(levels, 1, count, is_there, |level| {
            i64::try_from(level).ok()
        })?;
        let present = is_there.iter().filter(|level| **level != 0).count();
        self.decode_values(about, values, present)?;
        if present == count {
            return Some(());
        }
        // From the back, so that each value is moved before its place is taken.
        let mut from = self.values.len();
        let begin = from.checked_sub(present)?;
        self.values.resize(begin + count, 0);
        for (row, level) in is_there.iter().enumerate().rev() {
            let value = match *level {
                0 => 0,
                _ => {
                    from -= 1;
                    self.values[from]
                }
            };
            self.values[begin + row] = value;
        }
        Some(())
    }

    fn decode_values(&mut self, about: &DataPage, page: Padded<'_>, count: usize) -> Option<()> {
        let values = &mut self.values;
        values.reserve(count);
        if count == 0 {
            return Some(());
        }
        match (about.encoding, &self.reads) {
            (Encoding::PLAIN, Reads::Words(_)) => None,
            (Encoding::PLAIN, reads) => plain(reads, page, count, values),
            (Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY, _) => {
                let width = u32::from(*page.values().first()?);
                let dictionary = &self.dictionary;
                hybrid(page.from(1)?, width, count, values, |at| {
                    dictionary.get(at).copied()
                })
            }
            (DELTA, Reads::Long) => delta(page, count, values),
            _ => None,
        }
    }
}

/// How many values a page has, if it has no more than are decoded here.
fn count_of(values: u32) -> Option<usize> {
    usize::try_from(values).ok().filter(|n| *n <= VALUES_MAX)
}
