//! The header of a page, by the definition of Parquet.
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>

use super::thrift::{Compact, FieldType};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::Page;

/// What comes before the bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// What the page is.
    pub kind: PageKind,
    /// Bytes of the page as it is in the file.
    pub packed: u64,
    /// Bytes of it unpacked.
    pub unpacked: u64,
}

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Different values, which the others name by their place.
    Dictionary {
        /// How many.
        values: u32,
        /// How they are written.
        encoding: Encoding,
    },
    /// Values.
    Data(DataPage),
    /// An index, which is not read.
    Other,
}

/// A page of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPage {
    /// How many, those that are missing among them.
    pub values: u32,
    /// How they are written.
    pub encoding: Encoding,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One {
        def_level_encoding: Encoding,
        rep_level_encoding: Encoding,
    },
    Two {
        nulls: u32,
        rows: u32,
        def_levels: u32,
        rep_levels: u32,
        is_packed: bool,
    },
}

/// Whole numbers and truths of a struct, by the numbers of their fields, up to the eighth.
#[derive(Default)]
struct Numbers([Option<i64>; 9]);

impl Numbers {
    fn read(compact: &mut Compact<'_>) -> Option<Numbers> {
        let mut numbers = Numbers::default();
        compact.fields(|compact, id, kind| {
            let slot = usize::try_from(id)
                .ok()
                .and_then(|id| numbers.0.get_mut(id));
            let Some(slot) = slot else {
                return Some(false);
            };
            *slot = match kind {
                FieldType::Whole => Some(compact.whole()?),
                FieldType::True => Some(1),
                FieldType::False => Some(0),
                _ => return Some(false),
            };
            Some(true)
        })?;
        Some(numbers)
    }

    fn at<T: TryFrom<i64>>(&self, id: usize) -> Option<T> {
        T::try_from((*self.0.get(id)?)?).ok()
    }

    fn encoding(&self, id: usize) -> Option<Encoding> {
        encoding(self.at(id)?)
    }
}

fn encoding(number: i64) -> Option<Encoding> {
    Some(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        #[expect(deprecated, reason = "old files have it")]
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return None,
    })
}

impl PageHeader {
    /// Reads a header and says how many bytes it has; `None` if these are not enough, or none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(PageHeader, u64)> {
        let mut compact = Compact::new(bytes);
        let (mut numbers, mut structs) = (Numbers::default(), [None, None, None]);
        compact.fields(|compact, id, kind| {
            match (id, kind) {
                (1..=3, FieldType::Whole) => {
                    let id = usize::try_from(id).ok()?;
                    numbers.0[id] = Some(compact.whole()?);
                }
                (5, FieldType::Struct) => structs[0] = Some(Numbers::read(compact)?),
                (7, FieldType::Struct) => structs[1] = Some(Numbers::read(compact)?),
                (8, FieldType::Struct) => structs[2] = Some(Numbers::read(compact)?),
                _ => return Some(false),
            }
            Some(true)
        })?;
        let [first, dictionary, second] = structs;
        let kind = match numbers.at::<u8>(1)? {
            0 => PageKind::Data(DataPage::first(&first?)?),
            2 => {
                let about = dictionary?;
                PageKind::Dictionary {
                    values: about.at(1)?,
                    encoding: about.encoding(2)?,
                }
            }
            3 => PageKind::Data(DataPage::second(&second?)?),
            _ => PageKind::Other,
        };
        let header = PageHeader {
            kind,
            unpacked: numbers.at(2)?,
            packed: numbers.at(3)?,
        };
        Some((header, compact.position() as u64))
    }
}

impl DataPage {
    fn first(about: &Numbers) -> Option<DataPage> {
        Some(DataPage {
            values: about.at(1)?,
            encoding: about.encoding(2)?,
            version: Version::One {
                def_level_encoding: about.encoding(3)?,
                rep_level_encoding: about.encoding(4)?,
            },
        })
    }

    fn second(about: &Numbers) -> Option<DataPage> {
        Some(DataPage {
            values: about.at(1)?,
            encoding: about.encoding(4)?,
            version: Version::Two {
                nulls: about.at(2)?,
                rows: about.at(3)?,
                def_levels: about.at(5)?,
                rep_levels: about.at(6)?,
                is_packed: about.at::<i64>(7) != Some(0),
            },
        })
    }

    /// Bytes of levels that are never packed.
    #[must_use]
    pub fn levels_in_front(&self) -> Option<usize> {
        match self.version {
            Version::One { .. } => Some(0),
            Version::Two {
                def_levels,
                rep_levels,
                ..
            } => usize::try_from(def_levels.checked_add(rep_levels)?).ok(),
        }
    }

    /// Whether its values are, in a column that is.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        !matches!(
            self.version,
            Version::Two {
                is_packed: false,
                ..
            }
        )
    }

    /// Rows, of a page that says it.
    #[must_use]
    pub fn rows(&self) -> Option<u32> {
        match self.version {
            Version::One { .. } => None,
            Version::Two { rows, .. } => Some(rows),
        }
    }

    /// Where in the page of a column that is not nested, and has them, the levels that say which values are missing begin.
    #[must_use]
    pub fn levels_begin(&self) -> usize {
        match self.version {
            Version::One { .. } => 4,
            Version::Two { .. } => 0,
        }
    }

    /// Where in the page of a column that is not nested its values begin.
    #[must_use]
    pub fn values_begin(&self, page: &[u8], has_levels: bool) -> Option<usize> {
        match self.version {
            Version::Two { .. } => self.levels_in_front(),
            Version::One { .. } if !has_levels => Some(0),
            Version::One { .. } => {
                let length = u32::from_le_bytes(*page.first_chunk()?);
                usize::try_from(length).ok()?.checked_add(4)
            }
        }
    }

    /// The page as the library takes it, of its bytes unpacked.
    #[must_use]
    pub fn page(self, unpacked: Bytes) -> Page {
        let num_values = self.values;
        let encoding = self.encoding;
        match self.version {
            Version::One {
                def_level_encoding,
                rep_level_encoding,
            } => Page::DataPage {
                buf: unpacked,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics: None,
            },
            Version::Two {
                nulls,
                rows,
                def_levels,
                rep_levels,
                is_packed,
            } => Page::DataPageV2 {
                buf: unpacked,
                num_values,
                encoding,
                num_nulls: nulls,
                num_rows: rows,
                def_levels_byte_len: def_levels,
                rep_levels_byte_len: rep_levels,
                is_compressed: is_packed,
                statistics: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type 0, 100 bytes unpacked, 50 packed, a data page of 7 values by differences; the levels' encodings follow.
    #[test]
    fn a_header_by_hand() {
        let bytes = [
            0x15, 0, 0x15, 200, 1, 0x15, 100, 0x2c, 0x15, 14, 0x15, 10, 0x15, 6, 0x15, 6, 0, 0,
        ];
        let (header, length) = PageHeader::read(&bytes).unwrap();
        assert_eq!(length, bytes.len() as u64);
        let page = DataPage {
            values: 7,
            encoding: Encoding::DELTA_BINARY_PACKED,
            version: Version::One {
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
            },
        };
        let expected = PageHeader {
            kind: PageKind::Data(page),
            packed: 50,
            unpacked: 100,
        };
        assert_eq!(header, expected);
        for end in 0..bytes.len() {
            assert_eq!(PageHeader::read(&bytes[..end]), None, "{end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn of_any_bytes_no_more_than_there_are_is_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let read = PageHeader::read(&bytes);
            proptest::prop_assert!(read.is_none_or(|(_, length)| length <= bytes.len() as u64));
        }
    }
}
