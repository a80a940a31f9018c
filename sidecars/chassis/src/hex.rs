//! Hashes as text: two lower-case hexadecimal digits a byte.

use ring::digest::{SHA256, digest};
use std::fmt::Write as _;

/// Bytes of a SHA-256 hash.
pub(crate) const HASH_BYTES: usize = 32;

/// SHA-256 of some bytes (FIPS 180-4).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes all");
    }
    text
}

/// The bytes of a hash, from 64 lower-case digits and nothing else.
pub(crate) fn hash_of(text: &str) -> Option<[u8; HASH_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != HASH_BYTES * 2 {
        return None;
    }
    let mut hash = [0; HASH_BYTES];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4, the example `abc`.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_hash_is_its_text_and_back() {
        assert_eq!(hex(&sha256(b"abc")), ABC);
        assert_eq!(hash_of(ABC), Some(sha256(b"abc")));
        for wrong in [&ABC[1..], &ABC.to_uppercase(), &ABC.replace('b', "g"), ""] {
            assert_eq!(hash_of(wrong), None, "{wrong}");
        }
    }
}
