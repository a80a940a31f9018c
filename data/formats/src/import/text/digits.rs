//! Digits in a text, eight at a time.

use std::array::from_fn;

/// Digits that fit into 64 bits whatever they are.
const DIGITS_MAX: usize = 19;
/// Digits that are read at a time.
const STEP: usize = 8;

/// A run of digits: the number that they are, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) value: u64,
    pub(crate) count: usize,
}

/// The digits from a place on, perhaps none; `None` if there are more than [`DIGITS_MAX`].
#[inline(always)]
pub(crate) fn digits_at(text: &[u8], at: usize) -> Option<Digits> {
    let rest = text.get(at..)?;
    let (value, count) = match rest.first_chunk::<STEP>() {
        Some(bytes) => leading(*bytes),
        None => return long(rest),
    };
    if count < STEP {
        return Some(Digits { value, count });
    }
    long(rest)
}

/// The digits from the beginning on: many, or near the end of the text.
fn long(mut rest: &[u8]) -> Option<Digits> {
    let mut digits = Digits::default();
    loop {
        let (value, count) = match rest.first_chunk::<STEP>() {
            Some(bytes) => leading(*bytes),
            // Zeros are no digits as bytes.
            None => leading(from_fn(|at| rest.get(at).copied().unwrap_or(0))),
        };
        digits.value = digits.value.wrapping_mul(POWERS[count]).wrapping_add(value);
        digits.count += count;
        if count < STEP {
            break;
        }
        if digits.count > DIGITS_MAX {
            return None;
        }
        rest = rest.get(STEP..)?;
    }
    (digits.count <= DIGITS_MAX).then_some(digits)
}

const POWERS: [u64; STEP + 1] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The number that the digits at the beginning of eight bytes are, and how many they are.
#[inline(always)]
fn leading(bytes: [u8; STEP]) -> (u64, usize) {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let values = u64::from_le_bytes(bytes) ^ ZEROS;
    // The high bit of each byte of ten and more, up to the first of them: what it carries goes to those behind it.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // Zeros come in front of the digits: pairs, fours and all eight are then put together.
    let shift = 8 * (STEP - count);
    let values = values << shift;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let first = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let second = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    (first.wrapping_add(second) >> 32, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_bytes(text: &[u8]) -> Option<Digits> {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = std::str::from_utf8(&text[..count]).unwrap();
        (count <= DIGITS_MAX).then(|| Digits {
            value: if count == 0 {
                0
            } else {
                value.parse().unwrap()
            },
            count,
        })
    }

    #[test]
    fn digits_up_to_nineteen() {
        for text in [
            "",
            "7",
            "12345678",
            "123456789",
            "123456789012345678",
            "1234567890123456789",
            "9999999999999999999",
            "12345678901234567890",
            "x1",
            "1\u{e9}2",
            "00000000",
            "0012.5",
            "9999999/",
            "9999999:",
            "99999999/",
            "999999999999999999,",
        ] {
            assert_eq!(
                digits_at(text.as_bytes(), 0),
                by_bytes(text.as_bytes()),
                "{text}"
            );
        }
        assert_eq!(
            digits_at(b"a12", 1),
            Some(Digits {
                value: 12,
                count: 2
            })
        );
        assert_eq!(digits_at(b"a", 2), None);
    }

    proptest! {
        #[test]
        fn as_byte_by_byte(text in "[0-9]{0,20}", rest in proptest::collection::vec(any::<u8>(), 0..12)) {
            let text = [text.as_bytes(), &rest].concat();
            prop_assert_eq!(digits_at(&text, 0), by_bytes(&text));
        }
    }
}
