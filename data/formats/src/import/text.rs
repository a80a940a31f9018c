//! Cuts a text into lines of bounded length, and lines into fields.

mod digits;
mod fields;
mod unicode;

pub(crate) use digits::{Digits, digits_at};
pub(crate) use fields::{Cutter, Fields, split};
pub(crate) use unicode::is_utf16;

use crate::limits::{FILE_BYTES_MAX, LINE_BYTES_MAX};
use crate::{FormatError, Result};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use unicode::decoded;

/// The lines of a text with their numbers from one, without line ends and byte order mark. Lines without anything but white space
/// are passed over.
pub(crate) struct Lines<'s> {
    path: PathBuf,
    source: Option<Box<dyn BufRead + 's>>,
    is_decoded: bool,
    number: u64,
    bytes: u64,
    line: Vec<u8>,
    /// Whether the last line has no end, and those above it have.
    is_open: bool,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(path: &Path, source: Box<dyn BufRead + 's>) -> Lines<'s> {
        Lines {
            path: path.to_owned(),
            source: Some(source),
            is_decoded: false,
            number: 0,
            bytes: 0,
            line: Vec::new(),
            is_open: false,
        }
    }

    /// Whether the line that was read last is the last of the text and has no end, while those above it have.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The next line, which the caller may keep or give back.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &mut Vec<u8>)>> {
        loop {
            self.line.clear();
            let got = self.read_line()?;
            self.number += 1;
            self.bytes += got as u64;
            if got > LINE_BYTES_MAX {
                return Err(self.too_long("a line of more than 1 MiB", "lines of text"));
            }
            if self.bytes > FILE_BYTES_MAX {
                return Err(self.too_long("more than 16 GiB of text", "less"));
            }
            if got == 0 {
                return Ok(None);
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            self.is_open = self.number > 1 && self.line.last() != Some(&b'\n');
            while self.line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, &mut self.line)))
    }

    /// What is in memory already of the lines that come next, for who reads them there; nothing of the first line, and near the size
    /// that a file may have.
    #[inline]
    pub(crate) fn ahead(&mut self) -> Result<&[u8]> {
        const MARGIN: u64 = 2 * LINE_BYTES_MAX as u64;
        match self.source.as_mut() {
            Some(source) if self.number > 0 && self.bytes < FILE_BYTES_MAX - MARGIN => source
                .fill_buf()
                .map_err(FormatError::io("read", &self.path)),
            _ => Ok(&[]),
        }
    }

    /// So many bytes of what is ahead were a line with its end: its number.
    #[inline]
    pub(crate) fn pass(&mut self, bytes: usize) -> u64 {
        if let Some(source) = self.source.as_mut() {
            source.consume(bytes);
        }
        self.number += 1;
        self.bytes += bytes as u64;
        self.number
    }

    fn read_line(&mut self) -> Result<usize> {
        if !self.is_decoded {
            self.is_decoded = true;
            if let Some(source) = self.source.take() {
                let decoded = decoded(source).map_err(FormatError::io("read", &self.path))?;
                self.source = Some(decoded);
            }
        }
        let Some(source) = self.source.as_mut() else {
            return Ok(0);
        };
        source
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(FormatError::io("read", &self.path))
    }

    fn too_long(&self, found: &str, expected: &str) -> FormatError {
        FormatError::Import {
            file: self.path.clone(),
            line: self.number,
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// What files are packed in, and what texts end with.
const PACKED: [&str; 5] = ["gz", "zst", "zstd", "zip", "bz2"];
const EXTENSIONS: [&str; 19] = [
    "csv", "txt", "tsv", "tab", "psv", "dat", "data", "prn", "asc", "json", "jsonl", "ndjson",
    "parquet", "pq", "parq", "arrow", "arrows", "feather", "ipc",
];
/// Bytes that the name of an instrument may have.
const NAME_BYTES_MAX: usize = 64;

/// The file's name without what it ends with as a text and as what it is packed in: of `BRK.A.csv.gz`, `BRK.A`.
pub(crate) fn stem(file_name: &str) -> String {
    let mut stem = file_name;
    for endings in [&PACKED[..], &EXTENSIONS[..]] {
        if let Some((before, ending)) = stem.rsplit_once('.')
            && !before.is_empty()
            && endings
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        {
            stem = before;
        }
    }
    let mut name: String = stem
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    let name = name.trim();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn lines_know_their_numbers() {
        let text = b"\xef\xbb\xbfa\r\n\n b\nc\n \t \n\n".to_vec();
        let mut lines = Lines::new(Path::new("x"), Box::new(Cursor::new(text)));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, String::from_utf8(line.to_vec()).unwrap()));
        }
        assert_eq!(found, [(1, "a".into()), (3, " b".into()), (4, "c".into())]);
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let error = Lines::new(Path::new("x"), Box::new(Cursor::new(long)))
            .next()
            .err();
        assert!(
            error
                .unwrap()
                .to_string()
                .starts_with("x, line 1: a line of more")
        );
    }

    #[test]
    fn a_name_ends_at_its_last_ending() {
        for (file, name) in [
            ("GOOG.csv.gz", "GOOG"),
            ("BRK.A.csv", "BRK.A"),
            ("BRK.B.CSV", "BRK.B"),
            ("BRK.A", "BRK.A"),
            ("^GSPC.txt", "^GSPC"),
            ("Gold €.csv", "Gold €"),
            (".csv", ".csv"),
            ("a\nb.csv", "a_b"),
            (" .csv", "file"),
        ] {
            assert_eq!(stem(file), name, "{file}");
        }
        assert_eq!(stem(&"€".repeat(40)).len(), 63);
    }
}
