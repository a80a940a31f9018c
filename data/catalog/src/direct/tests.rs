//! Encodings by the bytes that their definitions give as examples, and what is damaged.

use super::values::{PADDING, Padded, decimals, delta, hybrid, one_run};

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len() + PADDING, 0);
    bytes
}

fn numbers(bytes: &[u8], width: u32, count: usize) -> Option<Vec<i64>> {
    let (bytes, mut out) = (padded(bytes), Vec::new());
    let page = Padded::new(&bytes)?;
    hybrid(page, width, count, &mut out, |at| i64::try_from(at).ok())?;
    Some(out)
}

fn differences(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let (bytes, mut out) = (padded(bytes), Vec::new());
    delta(Padded::new(&bytes)?, count, &mut out)?;
    Some(out)
}

/// The definition packs 0 to 7 in three bits each into 10001000 11000110 11111010.
#[test]
fn runs_and_packed_groups() {
    let packed = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
    assert_eq!(numbers(&packed, 3, 8), Some((0..8).collect()));
    assert_eq!(numbers(&packed, 3, 5), Some((0..5).collect()));
    assert_eq!(numbers(&[6, 5, 4, 1], 3, 5), Some(vec![5, 5, 5, 1, 1]));
    assert_eq!(numbers(&[8], 0, 4), Some(vec![0; 4]));
    // Too few values, a group that is cut, a run of none.
    assert_eq!(numbers(&[6, 5], 3, 4), None);
    assert_eq!(numbers(&packed[..3], 3, 8), None);
    assert_eq!(numbers(&[0, 5, 8, 5], 3, 4), None);
    assert_eq!(numbers(&packed, 33, 8), None);
}

/// A width, a run, its number.
#[test]
fn a_page_of_one_run_is_known() {
    let one = |bytes: &[u8], count| one_run(Padded::new(&padded(bytes))?, count);
    assert_eq!(one(&[3, 8, 5], 4), Some(5));
    assert_eq!(one(&[12, 0xd0, 0x0f, 5, 1], 1_000), Some(261));
    assert_eq!(one(&[0, 8], 4), Some(0));
    // More rows than the run has, packed groups, none of it, a width that no place has.
    assert_eq!(one(&[3, 8, 5], 5), None);
    assert_eq!(one(&[3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 8), None);
    assert_eq!(one(&[12, 0xd0, 0x0f, 5], 1_000), None);
    assert_eq!(one(&[], 4), None);
    assert_eq!(one(&[33, 8, 5, 0, 0, 0, 0], 4), None);
}

/// Each width against numbers taken bit by bit, over whole groups and a part of one.
#[test]
fn packed_numbers_of_any_width() {
    let bytes: Vec<u8> = (0..32 * 5_u8).map(|n| n.wrapping_mul(151) ^ 43).collect();
    for width in 1..=32_usize {
        let page = [&[4 << 1 | 1], &bytes[..width * 4]].concat();
        let bit = |at: usize| i64::from(bytes[at / 8] >> (at % 8) & 1);
        let number = |nth: usize| {
            (0..width)
                .map(|at| bit(nth * width + at) << at)
                .sum::<i64>()
        };
        let expected: Vec<i64> = (0..29).map(number).collect();
        let width = u32::try_from(width).unwrap();
        assert_eq!(numbers(&page, width, 29), Some(expected), "{width} bits");
    }
}

/// The examples of the definition: 1 to 5, all of whose differences are 1; and 7, 5, 3, 1, 2, 3, 4, 5 of differences -2 and 1.
#[test]
fn differences_of_the_definition() {
    let head = [0x80, 0x01, 0x04];
    let even = [&head[..], &[5, 2, 2, 0, 0, 0, 0]].concat();
    assert_eq!(differences(&even, 5), Some(vec![1, 2, 3, 4, 5]));
    let packed = [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0];
    let other = [&head[..], &[8, 14, 3, 2, 0, 0, 0], &packed].concat();
    assert_eq!(differences(&other, 8), Some(vec![7, 5, 3, 1, 2, 3, 4, 5]));
    // Another count than the page says, a width that no number has, an end within.
    assert_eq!(differences(&even, 4), None);
    assert_eq!(differences(&other[..other.len() - 8], 8), None);
    let wide = [&head[..], &[5, 2, 2, 65, 0, 0, 0], &[0; 64]].concat();
    assert_eq!(differences(&wide, 5), None);
    assert_eq!(differences(&[], 1), None);
}

#[test]
fn decimals_are_multiples_or_nothing() {
    let read = |value: i128, factor| {
        let mut out = Vec::new();
        decimals(&value.to_be_bytes(), factor, &mut out)?;
        out.first().copied()
    };
    assert_eq!(read(-1_500, 100), Some(-15));
    assert_eq!(read(i128::from(i64::MIN) * 1_000, 1_000), Some(i64::MIN));
    assert_eq!(read(1_501, 100), None);
    assert_eq!(read(i128::from(i64::MAX) + 1, 1), None);
}

proptest::proptest! {
    /// Nothing that is damaged does more than not be decoded.
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), width in 0_u32..66, count in 0_usize..500) {
        let _ = (numbers(&bytes, width, count), differences(&bytes, count));
    }
}
