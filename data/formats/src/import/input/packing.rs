//! Packings that are known by their first bytes and not read: who has such a file is told what to do with it.

use crate::FormatError;
use std::path::Path;

const BY_FIRST_BYTES: [(&str, &[u8]); 5] = [
    ("xz", b"\xfd7zXZ\0"),
    ("7z", b"7z\xbc\xaf\x27\x1c"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("rar", b"Rar!\x1a\x07"),
    ("compress", b"\x1f\x9d"),
];

/// What the blocks of bzip2 begin with, behind `BZh` and a digit; of an empty file, its end.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

/// The packing of a file that begins like this, if it is one that is not read.
fn packing(head: &[u8]) -> Option<&'static str> {
    let is_block = |rest: &[u8]| BZIP2_BLOCKS.iter().any(|block| rest.starts_with(block));
    if let Some([b'1'..=b'9', rest @ ..]) = head.strip_prefix(b"BZh")
        && is_block(rest)
    {
        return Some("bzip2");
    }
    let mut known = BY_FIRST_BYTES.into_iter();
    let (name, _) = known.find(|(_, magic)| head.starts_with(magic))?;
    Some(name)
}

/// Refuses a file that is packed in a way that is not read, by its name.
pub(super) fn refuse(head: &[u8], path: &Path) -> Result<(), FormatError> {
    let Some(name) = packing(head) else {
        return Ok(());
    };
    Err(FormatError::Unrecognised {
        file: path.to_owned(),
        place: String::new(),
        found: format!("bytes that are packed with {name}"),
        expected: "a file as it is, or packed with gzip, zstd or zip".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_are_known_by_their_first_bytes() {
        // The first bytes of what the programs make of a line, and of nothing.
        let line = b"BZh91AY&SY\xac\xfd\x3a\x88\0\0";
        assert_eq!(packing(line), Some("bzip2"));
        assert_eq!(
            packing(b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0"),
            Some("bzip2")
        );
        assert_eq!(packing(b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46"), Some("xz"));
        assert_eq!(packing(b"\x04\x22\x4d\x18\x64\x40"), Some("lz4"));
        for text in [
            &b"BZh,date\n"[..],
            b"BZh9",
            b"7z,close\n",
            b"",
            b"\x1f\x8b\x08",
        ] {
            assert_eq!(packing(text), None, "{text:?}");
        }
    }
}
