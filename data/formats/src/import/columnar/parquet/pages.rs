//! The pages of a Parquet file, one after another: read, held against what the file says of its columns, and unpacked. The library
//! that decodes them is told no size that was not checked, so that a damaged file costs no memory.

use super::super::work::Work;
use super::codec::Codec;
use crate::import::input::{Part, ReadAnywhere};
use crate::import::room::Room;
use crate::{FormatError, Result};
use ::parquet::basic::{Encoding, Type};
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ColumnChunkMetaData;
use bytes::Bytes;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_catalog::page_header::{DataPage, PageHeader, PageKind};

/// Bytes that the header of a page may have, and those in which it is looked for first.
const HEADER_BYTES: [u64; 3] = [256, 16 << 10, 8 << 20];
/// Values of a page of lengths for each of its bytes: 128 take five bytes or more.
const VALUES_PER_BYTE_MAX: usize = 64;

/// Where the bytes are, and how many of unpacked pages are in memory.
pub(super) struct PageSource {
    file: Mutex<Box<dyn ReadAnywhere>>,
    held: AtomicU64,
    room: Room,
    work: Work,
}

impl PageSource {
    pub(super) fn new(part: &Part) -> Result<PageSource> {
        let mut file = part.open()?;
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(FormatError::io("read", part.path()))?;
        Ok(PageSource {
            file: Mutex::new(file),
            room: part.room(),
            work: Work::of(length),
            held: AtomicU64::new(0),
        })
    }

    /// So many bytes, or fewer at the end of the file.
    fn read(&self, at: u64, count: u64) -> Result<Vec<u8>, String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(at))
            .and_then(|_| (&mut *file).take(count).read_to_end(&mut bytes))
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

fn general(found: &str) -> ParquetError {
    ParquetError::General(found.to_owned())
}

/// Pages as they come.
pub(super) struct Pages {
    source: Arc<PageSource>,
    /// What the column is called.
    name: String,
    codec: Codec,
    /// Bytes that a value has at least, in a page of different values.
    width: usize,
    /// Whether values may be missing.
    has_levels: bool,
    at: u64,
    end: u64,
    /// Values that are left.
    values: u64,
    /// The header of the next page, if it was looked at.
    next: Option<PageHeader>,
    /// Bytes of the page of different values, and of the last page.
    held: [u64; 2],
}

impl Pages {
    /// Those of a column in one row group.
    pub(super) fn new(
        source: &Arc<PageSource>,
        chunk: &ColumnChunkMetaData,
    ) -> Result<Pages, String> {
        let name = chunk.column_descr().name().to_owned();
        if chunk.file_path().is_some_and(|path| !path.is_empty()) {
            return Err(format!("column {name:?} is in another file"));
        }
        let start = chunk.dictionary_page_offset();
        // Some programs say 0 where there is none.
        let start = start
            .filter(|start| *start > 0)
            .unwrap_or(chunk.data_page_offset());
        let start = start.min(chunk.data_page_offset());
        let place = u64::try_from(start)
            .ok()
            .zip(u64::try_from(chunk.compressed_size()).ok());
        let (start, end) = place
            .and_then(|(start, length)| Some((start, start.checked_add(length)?)))
            .ok_or_else(|| format!("column {name:?} is nowhere in the file"))?;
        let width = match chunk.column_type() {
            Type::BOOLEAN => 1,
            Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => {
                let width = usize::try_from(chunk.column_descr().type_length()).unwrap_or(0);
                if !(1..=64).contains(&width) {
                    return Err(format!("column {name:?} of values of {width} bytes"));
                }
                width
            }
        };
        Ok(Pages {
            source: Arc::clone(source),
            codec: Codec::of(chunk.compression())
                .map_err(|found| format!("column {name:?}: {found}"))?,
            width,
            has_levels: chunk.column_descr().max_def_level() > 0,
            at: start,
            end,
            values: u64::try_from(chunk.num_values()).unwrap_or(0),
            next: None,
            held: [0; 2],
            name,
        })
    }

    /// The header of the next page, at which it then stands.
    fn header(&mut self) -> Result<Option<PageHeader>, String> {
        if let Some(header) = self.next.take() {
            return Ok(Some(header));
        }
        while self.at < self.end {
            let (header, bytes) = self.read_header()?;
            self.at += bytes;
            if header.packed > self.end - self.at {
                return Err(format!(
                    "a page of {} bytes beyond the end of its column",
                    header.packed
                ));
            }
            if header.unpacked > self.source.room.page {
                return Err(format!(
                    "a page of {} MiB, and {} MiB may be: smaller pages, or more memory (--mem)",
                    header.unpacked >> 20,
                    self.source.room.page >> 20
                ));
            }
            if let PageKind::Other = header.kind {
                self.source.work.take(0)?;
                self.at += header.packed;
                continue;
            }
            return Ok(Some(header));
        }
        Ok(None)
    }

    fn read_header(&self) -> Result<(PageHeader, u64), String> {
        for most in HEADER_BYTES {
            let bytes = self.source.read(self.at, most.min(self.end - self.at))?;
            if let Some(found) = PageHeader::read(&bytes) {
                return Ok(found);
            }
            if (bytes.len() as u64) < most {
                break;
            }
        }
        Err("a page without a header".to_owned())
    }

    fn page(&mut self) -> Result<Option<Page>, String> {
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        let packed = self.source.read(self.at, header.packed)?;
        if packed.len() as u64 != header.packed {
            return Err("a file that ends within a page".to_owned());
        }
        self.at += header.packed;
        let values = match &header.kind {
            PageKind::Data(data) => u64::from(data.values),
            PageKind::Dictionary { .. } | PageKind::Other => 0,
        };
        // A run of values is told in a few bytes, and is as much work as its values.
        let width = self.width as u64;
        self.source.work.take(header.unpacked + values * width)?;
        let is_dictionary = matches!(header.kind, PageKind::Dictionary { .. });
        self.hold(usize::from(!is_dictionary), header.unpacked)?;
        let unpacked = self.unpacked(&header, packed)?;
        match header.kind {
            PageKind::Dictionary { values, .. }
                if values as usize > unpacked.len() / self.width =>
            {
                Err(format!(
                    "{values} different values in {} bytes",
                    unpacked.len()
                ))
            }
            PageKind::Dictionary { values, encoding } => Ok(Some(Page::DictionaryPage {
                buf: unpacked,
                num_values: values,
                encoding,
                is_sorted: false,
            })),
            PageKind::Data(data) => {
                let left = self.values.checked_sub(u64::from(data.values));
                self.values = left.ok_or("more values than the column says it has")?;
                self.check_encoding(&data, &unpacked)?;
                Ok(Some(data.page(unpacked)))
            }
            PageKind::Other => Ok(None),
        }
    }

    fn unpacked(&self, header: &PageHeader, packed: Vec<u8>) -> Result<Bytes, String> {
        let levels = match &header.kind {
            PageKind::Data(data) => data.levels_in_front(),
            _ => Some(0),
        };
        let levels = levels.filter(|levels| *levels <= packed.len());
        let levels = levels.ok_or("a page shorter than it says")?;
        let is_packed = !matches!(&header.kind, PageKind::Data(data) if !data.is_packed());
        if self.codec.is_plain() || !is_packed {
            if packed.len() as u64 != header.unpacked {
                return Err("a page of another size than it says".to_owned());
            }
            return Ok(packed.into());
        }
        let size = usize::try_from(header.unpacked).unwrap_or(usize::MAX);
        let size = size
            .checked_sub(levels)
            .ok_or("a page shorter than it says")?;
        let mut unpacked = Vec::with_capacity(levels + size);
        unpacked.extend_from_slice(&packed[..levels]);
        // A page of which all values are missing has none.
        if size > 0 {
            self.codec.unpack(&packed[levels..], size, &mut unpacked)?;
        }
        Ok(unpacked.into())
    }

    /// How a page is encoded must not cost more memory than it has.
    fn check_encoding(&self, data: &DataPage, page: &[u8]) -> Result<(), String> {
        if data.encoding == Encoding::DELTA_BYTE_ARRAY {
            return Err(
                "texts that are written as differences (DELTA_BYTE_ARRAY), which are not read"
                    .to_owned(),
            );
        }
        let are_differences = matches!(
            data.encoding,
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BINARY_PACKED
        );
        if !are_differences {
            return Ok(());
        }
        let values = data
            .values_begin(page, self.has_levels)
            .and_then(|at| page.get(at..));
        let most = (page.len() * VALUES_PER_BYTE_MAX) as u64 + 1_024;
        let is_whole = values.is_some_and(|values| {
            let count = delta_count(values);
            values.is_empty()
                || count.is_some_and(|count| count <= most.min(u64::from(data.values)))
        });
        is_whole
            .then_some(())
            .ok_or_else(|| "a page of differences that is damaged".to_owned())
    }

    /// Counts the bytes of a page as held, instead of those of the page before.
    fn hold(&mut self, which: usize, bytes: u64) -> Result<(), String> {
        let before = std::mem::replace(&mut self.held[which], bytes);
        self.source.held.fetch_sub(before, Ordering::Relaxed);
        let all = self.source.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > self.source.room.pages {
            return Err(format!(
                "pages of all columns of {} MiB together, and {} MiB may be: smaller pages or row groups, or more memory (--mem)",
                all >> 20,
                self.source.room.pages >> 20
            ));
        }
        Ok(())
    }

    fn told<T>(&self, read: Result<T, String>) -> Result<T, ParquetError> {
        read.map_err(|found| general(&format!("column {:?}: {found}", self.name)))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let held = self.held.iter().sum();
        self.source.held.fetch_sub(held, Ordering::Relaxed);
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.page();
        self.told(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        let header = self.header();
        let header = self.told(header)?;
        let about = header.as_ref().map(|header| match &header.kind {
            PageKind::Data(data) => PageMetadata {
                num_rows: data.rows().map(|rows| rows as usize),
                num_levels: Some(data.values as usize),
                is_dict: false,
            },
            _ => PageMetadata {
                num_rows: None,
                num_levels: None,
                is_dict: true,
            },
        });
        self.next = header;
        Ok(about)
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        // All rows are read.
        self.get_next_page().map(|_| ())
    }
}

/// Values of a page of differences by its own header: after the size of its blocks and how many parts they have.
fn delta_count(values: &[u8]) -> Option<u64> {
    let mut numbers = [0_u64; 3];
    let mut rest = values.iter();
    for number in &mut numbers {
        for shift in (0..63).step_by(7) {
            let byte = rest.next()?;
            *number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    let [block, parts, count] = numbers;
    let is_usual = (1..=1 << 16).contains(&block) && (1..=1 << 10).contains(&parts);
    is_usual.then_some(count)
}
