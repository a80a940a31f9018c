//! As much of Thrift's compact protocol as tells how large things are that a Parquet file says of itself, before its library is given
//! them. <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Structs within structs.
const DEPTH_MAX: usize = 32;

/// Bytes that are read from their begin on. `None` from any method: they end too early, or are none of this protocol.
pub struct Compact<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// What a field of a struct is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A truth, which has no bytes of its own.
    True,
    /// The same.
    False,
    /// A whole number of 8 bits.
    Byte,
    /// One of 16, 32 or 64 bits.
    Whole,
    /// A float of 64 bits.
    Double,
    /// Bytes or a text, after their length.
    Binary,
    /// A list or a set.
    List,
    /// Keys with values.
    Map,
    /// Fields, up to an end.
    Struct,
    /// 16 bytes.
    Uuid,
}

impl FieldType {
    fn of(code: u8) -> Option<FieldType> {
        Some(match code {
            1 => FieldType::True,
            2 => FieldType::False,
            3 => FieldType::Byte,
            4..=6 => FieldType::Whole,
            7 => FieldType::Double,
            8 => FieldType::Binary,
            9 | 10 => FieldType::List,
            11 => FieldType::Map,
            12 => FieldType::Struct,
            13 => FieldType::Uuid,
            _ => return None,
        })
    }
}

impl<'b> Compact<'b> {
    /// From their begin.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Compact<'b> {
        Compact { bytes, at: 0 }
    }

    /// Bytes that were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A whole number with a sign.
    pub fn whole(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let half = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 0 { half } else { -1 - half })
    }

    /// The next field of a struct, `before` being the one before it; the outer `None` is an error, the inner one its end.
    #[expect(
        clippy::option_option,
        reason = "an error and an end are different things"
    )]
    fn field(&mut self, before: i64) -> Option<Option<(i64, FieldType)>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        let kind = FieldType::of(head & 0x0f)?;
        let id = match head >> 4 {
            0 => self.whole()?,
            more => before.checked_add(i64::from(more))?,
        };
        Some(Some((id, kind)))
    }

    /// The elements of a list that comes next: how many, and what they are.
    pub fn list(&mut self) -> Option<(u64, FieldType)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        let kind = match head & 0x0f {
            0 if count == 0 => FieldType::Byte,
            code => FieldType::of(code)?,
        };
        Some((count, kind))
    }

    /// Calls `take` with each field of a struct; it reads the field and says so, or leaves it to be passed over.
    pub fn fields(
        &mut self,
        mut take: impl FnMut(&mut Compact<'b>, i64, FieldType) -> Option<bool>,
    ) -> Option<()> {
        let mut before = 0;
        while let Some((id, kind)) = self.field(before)? {
            if !take(self, id, kind)? {
                self.skip(kind, 0)?;
            }
            before = id;
        }
        Some(())
    }

    /// Passes over a value.
    pub fn skip(&mut self, kind: FieldType, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match kind {
            FieldType::True | FieldType::False => {}
            FieldType::Byte => self.pass(1)?,
            FieldType::Whole => {
                self.varint()?;
            }
            FieldType::Double => self.pass(8)?,
            FieldType::Uuid => self.pass(16)?,
            FieldType::Binary => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.pass(length)?;
            }
            FieldType::List => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    self.skip_element(kind, depth)?;
                }
            }
            FieldType::Map => {
                let count = self.varint()?;
                if count > 0 {
                    let kinds = self.byte()?;
                    let (key, value) = (FieldType::of(kinds >> 4)?, FieldType::of(kinds & 0x0f)?);
                    for _ in 0..count {
                        self.skip_element(key, depth)?;
                        self.skip_element(value, depth)?;
                    }
                }
            }
            FieldType::Struct => {
                let mut before = 0;
                while let Some((id, kind)) = self.field(before)? {
                    self.skip(kind, depth + 1)?;
                    before = id;
                }
            }
        }
        Some(())
    }

    /// Passes over an element of a list, of which a truth has a byte of its own.
    fn skip_element(&mut self, kind: FieldType, depth: usize) -> Option<()> {
        match kind {
            FieldType::True | FieldType::False => self.pass(1),
            kind => self.skip(kind, depth + 1),
        }
    }

    fn pass(&mut self, count: usize) -> Option<()> {
        let at = self.at.checked_add(count)?;
        (at <= self.bytes.len()).then(|| self.at = at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_or_passed_over() {
        // Field 1: 150, field 2: a list of two structs with a truth each, field 17: a text, field 18: true.
        let bytes = [
            0x15, 0xac, 0x02, 0x19, 0x2c, 0x11, 0x00, 0x12, 0x00, 0xf8, 0x02, b'h', b'i', 0x11,
            0x00, 0x99,
        ];
        let mut found = Vec::new();
        let mut compact = Compact::new(&bytes);
        compact
            .fields(|compact, id, kind| {
                found.push((id, kind));
                if id == 1 {
                    assert_eq!(compact.whole(), Some(150));
                }
                Some(id == 1)
            })
            .unwrap();
        assert_eq!(
            found,
            [
                (1, FieldType::Whole),
                (2, FieldType::List),
                (17, FieldType::Binary),
                (18, FieldType::True)
            ]
        );
        assert_eq!(compact.position(), bytes.len() - 1);
        for cut in 0..bytes.len() - 1 {
            let whole = Compact::new(&bytes[..cut]).skip(FieldType::Struct, 0);
            assert_eq!(whole, None, "{cut}");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_an_error() {
        let deep = [0x1c; 100];
        assert_eq!(Compact::new(&deep).skip(FieldType::Struct, 0), None);
        assert_eq!(Compact::new(&[0xff; 11]).whole(), None);
        let many = [0xf3, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(Compact::new(&many).skip(FieldType::List, 0), None);
        assert_eq!(Compact::new(&[0x01]).whole(), Some(-1));
    }
}
