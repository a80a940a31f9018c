//! Cuts a text into lines of bounded length, and a line into fields.

use crate::limits::{FILE_BYTES_MAX, LINE_BYTES_MAX};
use crate::{DataError, Result};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// The lines of a text with their numbers from one, without line ends and byte order mark. Empty lines are passed over.
pub(crate) struct Lines<'s> {
    path: PathBuf,
    source: Box<dyn BufRead + 's>,
    number: u64,
    bytes: u64,
    line: Vec<u8>,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(path: &Path, source: Box<dyn BufRead + 's>) -> Lines<'s> {
        Lines {
            path: path.to_owned(),
            source,
            number: 0,
            bytes: 0,
            line: Vec::new(),
        }
    }

    /// The next line, which the caller may keep or give back.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &mut Vec<u8>)>> {
        loop {
            self.line.clear();
            let got = (&mut self.source)
                .take(LINE_BYTES_MAX as u64 + 1)
                .read_until(b'\n', &mut self.line)
                .map_err(DataError::io("read", &self.path))?;
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
            while self.line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.is_empty() {
                break;
            }
        }
        Ok(Some((self.number, &mut self.line)))
    }

    /// Takes back the buffer of a line, to be used again.
    pub(crate) fn give_back(&mut self, line: Vec<u8>) {
        self.line = line;
    }

    fn too_long(&self, found: &str, expected: &str) -> DataError {
        DataError::Import {
            file: self.path.clone(),
            line: self.number,
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// Cuts a line into fields: without spaces around them, and without quotes, within which the delimiter is text.
pub(crate) fn split<'a>(line: &'a [u8], delimiter: u8, fields: &mut Vec<&'a [u8]>) {
    fields.clear();
    let mut rest = line;
    loop {
        let quoted = rest.first() == Some(&b'"');
        let closing = quoted
            .then(|| rest[1..].iter().position(|b| *b == b'"'))
            .flatten();
        let from = closing.map_or(0, |at| at + 2);
        let end = rest[from..].iter().position(|b| *b == delimiter);
        let field = &rest[..end.map_or(rest.len(), |at| from + at)];
        let field = field.trim_ascii();
        fields.push(match closing {
            Some(_) if field.len() >= 2 && field.ends_with(b"\"") => &field[1..field.len() - 1],
            _ => field,
        });
        match end {
            Some(at) => rest = &rest[from + at + 1..],
            None => return,
        }
    }
}

/// The file's name up to its first dot, with `_` for what an instrument's name may not have.
pub(crate) fn stem(file_name: &str) -> String {
    let stem = file_name.split('.').next().unwrap_or_default();
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = stem.chars().take(64).map(allowed).collect();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn fields_lose_spaces_and_quotes() {
        let check = |line: &str, expected: &[&str]| {
            let mut fields = Vec::new();
            split(line.as_bytes(), b',', &mut fields);
            let fields: Vec<&str> = fields
                .iter()
                .map(|f| std::str::from_utf8(f).unwrap())
                .collect();
            assert_eq!(fields, expected, "{line}");
        };
        check("a,b", &["a", "b"]);
        check(" a , b ", &["a", "b"]);
        check(",a,", &["", "a", ""]);
        check("", &[""]);
        check(r#""a,b",c"#, &["a,b", "c"]);
        check(r#""a,b"#, &["\"a", "b"]);
        check(r#""a"x,b"#, &["\"a\"x", "b"]);
    }

    #[test]
    fn lines_know_their_numbers() {
        let text = b"\xef\xbb\xbfa\r\n\n b\nc".to_vec();
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
}
