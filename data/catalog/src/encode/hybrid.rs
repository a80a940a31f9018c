//! The hybrid of runs and packed groups in which Parquet keeps small numbers:
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/#run-length-encoding--bit-packing-hybrid-rle--3>.

/// Numbers of a packed group; as many that are the same are a run.
const GROUP: usize = 8;

/// Appends these numbers, of at most `width` bits each.
pub(super) fn append(numbers: &[u32], width: u32, into: &mut Vec<u8>) {
    let (mut packed_from, mut at) = (0, 0);
    while let Some(number) = numbers.get(at) {
        let same = numbers[at..].iter().take_while(|other| *other == number);
        let same = same.count();
        if same < GROUP {
            at = numbers.len().min(at + GROUP);
            continue;
        }
        append_packed(&numbers[packed_from..at], width, into);
        append_varint((same as u64) << 1, into);
        let bytes = width.div_ceil(8) as usize;
        into.extend_from_slice(&number.to_le_bytes()[..bytes]);
        at += same;
        packed_from = at;
    }
    append_packed(&numbers[packed_from..], width, into);
}

/// Appends groups, of which the last is filled up with zeros.
fn append_packed(numbers: &[u32], width: u32, into: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
    append_varint((groups as u64) << 1 | 1, into);
    let end = into.len() + groups * width as usize;
    let (mut word, mut bits) = (0_u64, 0);
    for number in numbers {
        word |= u64::from(*number) << bits;
        bits += width;
        if bits >= 32 {
            into.extend_from_slice(&word.to_le_bytes()[..4]);
            word >>= 32;
            bits -= 32;
        }
    }
    into.extend_from_slice(&word.to_le_bytes()[..bits.div_ceil(8) as usize]);
    into.resize(end, 0);
}

/// Appends a number of seven bits a byte.
fn append_varint(mut number: u64, into: &mut Vec<u8>) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numbers: &[u32], width: u32, expected: &[u8]) {
        let mut bytes = Vec::new();
        append(numbers, width, &mut bytes);
        assert_eq!(bytes, expected, "{numbers:?}");
    }

    /// The packed one is that of the specification: the numbers 0 to 7 in three bits each.
    #[test]
    fn runs_and_groups() {
        check(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &[0b11, 0x88, 0xc6, 0xfa]);
        check(&[5; 9], 3, &[18, 5]);
        check(&[300; 100], 9, &[200, 1, 44, 1]);
        check(&[0; 4_096], 0, &[128, 64]);
        check(&[1, 0, 1], 1, &[0b11, 0b101]);
        check(&[], 7, &[]);
        // A run within a group begins at its end.
        let mut mixed = vec![1, 0];
        mixed.extend([1; 16]);
        check(&mixed, 1, &[0b11, 0b1111_1101, 20, 1]);
    }
}
