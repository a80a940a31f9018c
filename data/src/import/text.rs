//! Opens what is imported as plain text, whether it is plain, gzip or zip, and cuts it into lines of bounded length.

use crate::limits::{FILE_BYTES_MAX, LINE_BYTES_MAX, ZIP_BYTES_MAX};
use crate::{DataError, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Opens a file as text: gzip and zip are known by their first bytes and unpacked.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read; [`DataError::Import`] for a zip that does not hold exactly one file.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead>> {
    match open(path)? {
        Opened::Text(text) => Ok(text),
        Opened::Zip(file) => {
            let bytes = with_member(path, file, |name, member| unzip(path, name, member))?;
            Ok(Box::new(Cursor::new(bytes)))
        }
    }
}

/// The first line of a file, unpacked so far, without its line end: enough to tell what it is.
///
/// # Errors
/// As [`open_text`], and for a first line longer than a mebibyte.
pub fn peek_line(path: &Path) -> Result<Vec<u8>> {
    match open(path)? {
        Opened::Text(text) => first_line(path, text),
        Opened::Zip(file) => with_member(path, file, |_, member| {
            first_line(path, Box::new(BufReader::new(member)))
        }),
    }
}

fn first_line(path: &Path, text: Box<dyn BufRead + '_>) -> Result<Vec<u8>> {
    let mut lines = Lines::new(path, text);
    let line = lines.next()?;
    Ok(line.map(|(_, line)| line.to_vec()).unwrap_or_default())
}

/// A file by what its first bytes say.
enum Opened {
    /// Plain, or in gzip.
    Text(Box<dyn BufRead>),
    Zip(File),
}

fn open(path: &Path) -> Result<Opened> {
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    let mut magic = Vec::new();
    (&mut file)
        .take(4)
        .read_to_end(&mut magic)
        .and_then(|_| file.rewind())
        .map_err(DataError::io("read", path))?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        let unpacked = MultiGzDecoder::new(BufReader::new(file));
        let text = BufReader::with_capacity(1 << 18, unpacked);
        return Ok(Opened::Text(Box::new(text)));
    }
    if magic.starts_with(b"PK\x03\x04") {
        return Ok(Opened::Zip(file));
    }
    let text = BufReader::with_capacity(1 << 18, file);
    Ok(Opened::Text(Box::new(text)))
}

/// The name of the run that an import of these files is kept as: the same content has the same name, whatever the files are
/// called. `salt` is what else makes it another import.
///
/// # Errors
/// [`DataError::Io`].
pub fn content_run(paths: &[PathBuf], salt: &str) -> Result<String> {
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 18];
    for path in paths {
        let mut file = File::open(path).map_err(DataError::io("open", path))?;
        loop {
            let got = file
                .read(&mut buffer)
                .map_err(DataError::io("read", path))?;
            if got == 0 {
                break;
            }
            hash.update(&buffer[..got]);
        }
    }
    hash.update(salt.as_bytes());
    Ok(format!("import-{:032x}", hash.digest128()))
}

/// Reads the one file in a zip, given its name, with `read`.
fn with_member<T>(
    path: &Path,
    zip: File,
    read: impl FnOnce(&str, &mut dyn Read) -> Result<T>,
) -> Result<T> {
    let failed =
        |error: zip::result::ZipError| DataError::io("unzip", path)(io::Error::other(error));
    let mut archive = zip::ZipArchive::new(BufReader::new(zip)).map_err(failed)?;
    let names: Vec<String> = archive
        .file_names()
        .filter(|name| !name.ends_with('/'))
        .map(str::to_owned)
        .collect();
    let [name] = names.as_slice() else {
        let found = format!("a zip of {} files ({})", names.len(), names.join(", "));
        return Err(wrong_zip(path, found, "a zip of one"));
    };
    let mut member = archive.by_name(name).map_err(failed)?;
    read(name, &mut member)
}

fn unzip(path: &Path, name: &str, member: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    member
        .take(ZIP_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(DataError::io("unzip", path))?;
    if bytes.len() as u64 > ZIP_BYTES_MAX {
        let found = format!("more than {ZIP_BYTES_MAX} bytes in {name}");
        let expected = "less in a zip; gzip has no such limit";
        return Err(wrong_zip(path, found, expected));
    }
    Ok(bytes)
}

fn wrong_zip(path: &Path, found: String, expected: &str) -> DataError {
    DataError::Import {
        file: path.to_owned(),
        line: 1,
        found,
        expected: expected.to_owned(),
    }
}

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

    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
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
        Ok(Some((self.number, &self.line)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

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
    fn one_line_of_a_zip_does_not_unpack_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file("a.csv", stored).unwrap();
        zip.write_all(b"date,close\n").unwrap();
        zip.write_all(&[b'1'; 100_000]).unwrap();
        zip.finish().unwrap();
        // A wrong byte in the rest is an error for whoever reads so far.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[50_000] = b'2';
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(peek_line(&path).unwrap(), b"date,close");
        assert!(open_text(&path).is_err());
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
