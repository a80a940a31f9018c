//! The header of a page, as much of it as says how to decode the page.
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>, in Thrift's compact protocol:
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Structs within structs.
const DEPTH_MAX: usize = 8;

/// What comes before the bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) kind: PageKind,
    /// Bytes of the page as it is in the file, and unpacked.
    pub(super) packed: usize,
    pub(super) unpacked: usize,
    /// Values, those that are missing among them.
    pub(super) values: usize,
    pub(super) encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    /// Different values, which the others name by their place.
    Dictionary,
    /// Levels, if there are any, and values, packed together.
    First,
    /// Levels of so many bytes, never packed, and values, packed or not.
    Second { levels: usize, is_packed: bool },
}

/// The encodings that are decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Dictionary,
    Delta,
}

/// The numbers of a struct by their fields; truths are 1 and 0.
type Fields = [Option<i64>; 9];

impl PageHeader {
    /// Reads a header and says how many bytes it has; `None` if these are too few or none, or of a page that is not decoded here.
    pub(super) fn read(bytes: &[u8]) -> Option<(PageHeader, usize)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let mut inner = [Fields::default(); 9];
        let fields = thrift.fields(1, &mut |field, fields| {
            if let Some(slot) = inner.get_mut(field) {
                *slot = *fields;
            }
        })?;
        let (first, dictionary, second) = (&inner[5], &inner[7], &inner[8]);
        let (about, encoding, kind) = match fields[1]? {
            0 => (first, first[2]?, PageKind::First),
            2 => (dictionary, dictionary[2]?, PageKind::Dictionary),
            3 => {
                let levels = size(second[5])?.checked_add(size(second[6])?)?;
                let is_packed = second[7] != Some(0);
                (second, second[4]?, PageKind::Second { levels, is_packed })
            }
            _ => return None,
        };
        let header = PageHeader {
            kind,
            packed: size(fields[3])?,
            unpacked: size(fields[2])?,
            values: size(about[1])?,
            encoding: match encoding {
                0 => Encoding::Plain,
                2 | 8 => Encoding::Dictionary,
                5 => Encoding::Delta,
                _ => return None,
            },
        };
        Some((header, thrift.at))
    }
}

fn size(value: Option<i64>) -> Option<usize> {
    usize::try_from(i32::try_from(value?).ok()?).ok()
}

struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        let count = usize::try_from(count).ok()?;
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, count) = varint(self.bytes.get(self.at..)?)?;
        self.at += count;
        Some(value)
    }

    /// The numbers of a struct; the structs in it go to `on`.
    fn fields(&mut self, depth: usize, on: &mut dyn FnMut(usize, &Fields)) -> Option<Fields> {
        let mut fields = Fields::default();
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(fields);
            }
            id = match head >> 4 {
                0 => zigzag(self.varint()?),
                more => id.checked_add(i64::from(more))?,
            };
            let slot = usize::try_from(id).unwrap_or(usize::MAX);
            let value = match head & 0xf {
                1 => 1,
                2 => 0,
                4..=6 => zigzag(self.varint()?),
                12 if depth < DEPTH_MAX => {
                    let inner = self.fields(depth + 1, &mut |_, _| {})?;
                    on(slot, &inner);
                    continue;
                }
                kind => {
                    self.pass_over(kind)?;
                    continue;
                }
            };
            if let Some(slot) = fields.get_mut(slot) {
                *slot = Some(value);
            }
        }
    }

    /// A value that tells nothing here; headers of pages have no lists and maps.
    fn pass_over(&mut self, kind: u8) -> Option<()> {
        match kind {
            3 => self.skip(1),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            _ => None,
        }
    }
}

/// A number of seven bits a byte, and how many bytes it has.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// A number whose lowest bit is its sign.
pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
