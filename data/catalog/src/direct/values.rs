//! The values of a page, by its encoding: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>. `None` from any of
//! them: the bytes are not what they should be, or something that is not decoded here.

use super::Reads;

/// Zeros behind the bytes of values, so that a number may be read as a whole wherever it begins.
pub(super) const PADDING: usize = 16;

/// Bytes with [`PADDING`] behind them.
#[derive(Clone, Copy)]
pub(super) struct Padded<'a> {
    bytes: &'a [u8],
    /// How many of them are values.
    len: usize,
}

impl<'a> Padded<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Padded<'a>> {
        let len = bytes.len().checked_sub(PADDING)?;
        Some(Padded { bytes, len })
    }

    pub(super) fn values(self) -> &'a [u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn from(self, at: usize) -> Option<Padded<'a>> {
        let len = self.len.checked_sub(at)?;
        let bytes = self.bytes.get(at..)?;
        Some(Padded { bytes, len })
    }

    /// Eight bytes at a place.
    #[inline]
    fn word(self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// As many numbers of `width` bits as there are places, one after another, each of which `of` makes what goes there.
    #[inline(always)]
    fn unpack(self, width: u32, to: &mut [i64], mut of: impl FnMut(u64) -> i64) -> Option<()> {
        let bits = to.len().checked_mul(width as usize)?;
        if bits.div_ceil(8) > self.len || width > 64 {
            return None;
        }
        if width == 0 {
            to.iter_mut().for_each(|place| *place = of(0));
            return Some(());
        }
        // By width, so that it is known where in its bytes each number is.
        macro_rules! by_width {
            ($($width:literal)*) => {
                match width {
                    $($width => return self.unpack_groups::<$width>(to, of),)*
                    _ => {}
                }
            };
        }
        by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
        let (width, mask) = (width as usize, u64::MAX >> (64 - width));
        if width <= 56 {
            // Eight numbers are so many bytes.
            for (at, places) in to.chunks_mut(8).enumerate() {
                let group = Padded {
                    bytes: self.bytes.get(at * width..)?,
                    len: 0,
                };
                for (number, place) in places.iter_mut().enumerate() {
                    let bit = number * width;
                    *place = of(group.word(bit / 8)? >> (bit % 8) & mask);
                }
            }
            return Some(());
        }
        for (at, place) in to.iter_mut().enumerate() {
            let bit = at * width;
            let (low, high) = (self.word(bit / 8)?, self.word(bit / 8 + 8)?);
            let both = u128::from(low) | u128::from(high) << 64;
            let bytes = (both >> (bit % 8)).to_le_bytes();
            *place = of(u64::from_le_bytes(*bytes.first_chunk()?) & mask);
        }
        Some(())
    }

    /// As [`Padded::unpack`] for numbers of at most 32 bits, of which there are bytes enough.
    #[inline(always)]
    fn unpack_groups<const WIDTH: usize>(
        self,
        to: &mut [i64],
        mut of: impl FnMut(u64) -> i64,
    ) -> Option<()> {
        let mask = (1 << WIDTH) - 1;
        let (groups, rest) = to.as_chunks_mut::<8>();
        let mut bit = 0;
        for places in groups {
            // Eight numbers are so many bytes.
            let group = self.bytes.get(bit / 8..bit / 8 + WIDTH + 8)?;
            for (nth, place) in places.iter_mut().enumerate() {
                let (byte, bit) = (nth * WIDTH / 8, nth * WIDTH % 8);
                let word = u64::from_le_bytes(*group.get(byte..)?.first_chunk()?);
                *place = of(word >> bit & mask);
            }
            bit += 8 * WIDTH;
        }
        for place in rest {
            *place = of(self.word(bit / 8)? >> (bit % 8) & mask);
            bit += WIDTH;
        }
        Some(())
    }
}

/// The number of a page of places, the first byte of which is their width, if it is one run of so many or more.
pub(super) fn one_run(page: Padded<'_>, count: usize) -> Option<usize> {
    let (width, rest) = page.values().split_first()?;
    let (head, bytes) = varint(rest)?;
    let is_run = head & 1 == 0 && *width <= 32 && head >> 1 >= count as u64;
    let value = rest.get(bytes..bytes + usize::from(width.div_ceil(8)))?;
    (is_run && count > 0).then(|| little(value))
}

/// Runs and packed groups of numbers of `width` bits: `each` maps a number to a value, of which `count` go to `out`.
pub(super) fn hybrid(
    page: Padded<'_>,
    width: u32,
    count: usize,
    out: &mut Vec<i64>,
    each: impl Fn(usize) -> Option<i64>,
) -> Option<()> {
    let end = out.len().checked_add(count)?;
    if width > 32 {
        return None;
    }
    let mut at = 0;
    while out.len() < end {
        let (head, bytes) = varint(page.values().get(at..)?)?;
        at += bytes;
        let left = end - out.len();
        if head & 1 == 0 {
            let bytes = width.div_ceil(8) as usize;
            let value = page.values().get(at..at.checked_add(bytes)?)?;
            at += bytes;
            let number = little(value);
            let run = usize::try_from(head >> 1).ok()?.min(left);
            if run == 0 {
                return None;
            }
            out.resize(out.len() + run, each(number)?);
            continue;
        }
        let groups = usize::try_from(head >> 1).ok()?;
        let packed = groups.checked_mul(8)?.min(left);
        if packed == 0 {
            return None;
        }
        let mut is_known = true;
        let begin = out.len();
        out.resize(begin + packed, 0);
        page.from(at)?.unpack(width, &mut out[begin..], |number| {
            let value = usize::try_from(number).ok().and_then(&each);
            is_known &= value.is_some();
            value.unwrap_or_default()
        })?;
        if !is_known {
            return None;
        }
        at = at.checked_add(groups.checked_mul(width as usize)?)?;
    }
    Some(())
}

/// `DELTA_BINARY_PACKED`; of 32 bits too, which are sums modulo 2^32.
pub(super) fn delta(page: Padded<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    let mut at = 0;
    let mut number = || {
        let (value, bytes) = varint(page.values().get(at..)?)?;
        at += bytes;
        Some(value)
    };
    let (block, parts, total) = (number()?, number()?, number()?);
    let mut value = zigzag(number()?);
    let (block, parts) = (usize::try_from(block).ok()?, usize::try_from(parts).ok()?);
    let is_sound = parts > 0 && parts <= 1 << 10 && block <= 1 << 20 && block % parts == 0;
    if !is_sound || total != count as u64 || (block / parts) % 8 != 0 {
        return None;
    }
    if count == 0 {
        return Some(());
    }
    out.push(value);
    let part = block / parts;
    let mut left = count - 1;
    while left > 0 {
        let (least, bytes) = varint(page.values().get(at..)?)?;
        let least = zigzag(least);
        at += bytes;
        let widths = page.values().get(at..at.checked_add(parts)?)?;
        at += parts;
        for width in widths {
            if left == 0 {
                break;
            }
            let some = part.min(left);
            left -= some;
            let begin = out.len();
            out.resize(begin + some, 0);
            page.from(at)?
                .unpack(u32::from(*width), &mut out[begin..], |more| {
                    value = value.wrapping_add(least).wrapping_add(more.cast_signed());
                    value
                })?;
            at = at.checked_add(part / 8 * usize::from(*width))?;
        }
    }
    Some(())
}

/// Values as they are.
pub(super) fn plain(
    reads: &Reads,
    page: Padded<'_>,
    count: usize,
    out: &mut Vec<i64>,
) -> Option<()> {
    let bytes = |width: usize| page.values().get(..count.checked_mul(width)?);
    match reads {
        Reads::Long => {
            let values = bytes(8)?.as_chunks::<8>().0.iter();
            out.extend(values.map(|value| i64::from_le_bytes(*value)));
            Some(())
        }
        Reads::Int => {
            let values = bytes(4)?.as_chunks::<4>().0.iter();
            out.extend(values.map(|value| i64::from(i32::from_le_bytes(*value))));
            Some(())
        }
        Reads::Decimal(factor) => decimals(bytes(16)?, *factor, out),
        Reads::Bool => {
            let bits = page.values().get(..count.div_ceil(8))?;
            let bit = |at: usize| i64::from(bits[at / 8] >> (at % 8) & 1);
            out.extend((0..count).map(bit));
            Some(())
        }
        Reads::Words(_) => None,
    }
}

/// Decimals of 16 bytes, the highest first, as multiples of `factor`.
pub(super) fn decimals(bytes: &[u8], factor: i64, out: &mut Vec<i64>) -> Option<()> {
    for value in bytes.chunks_exact(16) {
        let value = i128::from_be_bytes(*value.first_chunk()?);
        let mantissa = match i64::try_from(value) {
            Ok(value) if value % factor == 0 => value / factor,
            Ok(_) => return None,
            Err(_) if value % i128::from(factor) == 0 => {
                i64::try_from(value / i128::from(factor)).ok()?
            }
            Err(_) => return None,
        };
        out.push(mantissa);
    }
    Some(())
}

/// A number of at most eight bytes, the lowest first.
fn little(bytes: &[u8]) -> usize {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |all, byte| all << 8 | usize::from(*byte))
}

/// A number of seven bits a byte, and how many bytes it has.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
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
fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
