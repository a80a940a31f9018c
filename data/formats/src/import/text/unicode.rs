//! Texts in UTF-16, which other programs write, as UTF-8.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes by which a text in UTF-16 without a byte order mark is known.
const SAMPLE_BYTES: usize = 512;

/// Order of the bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

/// Whether a text that begins with these bytes is in UTF-16.
pub(crate) fn is_utf16(head: &[u8]) -> bool {
    endian(head).is_some()
}

/// By the byte order mark, or because every other byte is zero, as of letters and digits.
fn endian(head: &[u8]) -> Option<(Endian, usize)> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => return None,
        [0xff, 0xfe, ..] => return Some((Endian::Little, 2)),
        [0xfe, 0xff, ..] => return Some((Endian::Big, 2)),
        _ => {}
    }
    let sample = &head[..head.len().min(SAMPLE_BYTES) & !1];
    let zeros = |at: usize| {
        let bytes = sample.chunks_exact(2).map(|pair| pair[at]);
        bytes.filter(|byte| *byte == 0).count()
    };
    match (sample.len() / 2, zeros(0), zeros(1)) {
        (2.., 0, high) if high * 2 == sample.len() => Some((Endian::Little, 0)),
        (2.., high, 0) if high * 2 == sample.len() => Some((Endian::Big, 0)),
        _ => None,
    }
}

/// The same text in UTF-8.
pub(super) fn decoded<'s>(mut source: Box<dyn BufRead + 's>) -> io::Result<Box<dyn BufRead + 's>> {
    let head = source.fill_buf()?;
    let Some((endian, mark)) = endian(head) else {
        let has = |sign| head.contains(&sign);
        return Ok(match has(b'\r') && !has(b'\n') {
            true => Box::new(BufReader::new(Returns(source))),
            false => source,
        });
    };
    source.consume(mark);
    let decoder = Utf16 {
        source,
        endian,
        ready: Vec::new(),
        at: 0,
        offset: mark as u64,
    };
    Ok(Box::new(BufReader::new(decoder)))
}

/// A text whose lines end with a carriage return alone, with line feeds.
struct Returns<'s>(Box<dyn BufRead + 's>);

impl Read for Returns<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.0.read(into)?;
        for byte in into.iter_mut().take(got).filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
        Ok(got)
    }
}

struct Utf16<'s> {
    source: Box<dyn BufRead + 's>,
    endian: Endian,
    /// What is decoded, and how much of it was read.
    ready: Vec<u8>,
    at: usize,
    /// Bytes read from the source.
    offset: u64,
}

impl Utf16<'_> {
    /// The next unit; `None` at the end.
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut pair = [0; 2];
        if self.source.read(&mut pair[..1])? == 0 {
            return Ok(None);
        }
        let rest = self.source.read(&mut pair[1..])?;
        self.offset += 2;
        if rest == 0 {
            return Err(self.wrong("half a unit"));
        }
        Ok(Some(match self.endian {
            Endian::Little => u16::from_le_bytes(pair),
            Endian::Big => u16::from_be_bytes(pair),
        }))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.at = 0;
        while self.ready.len() < 4096 {
            let Some(first) = self.unit()? else {
                break;
            };
            let second = match first {
                0xd800..0xdc00 => self.unit()?,
                _ => None,
            };
            let units = [first].into_iter().chain(second);
            for letter in char::decode_utf16(units) {
                let letter = letter.map_err(|_| self.wrong("half a letter"))?;
                let mut bytes = [0; 4];
                self.ready
                    .extend_from_slice(letter.encode_utf8(&mut bytes).as_bytes());
            }
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> io::Error {
        let text = format!("{what} of UTF-16 before byte {}", self.offset);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.ready.len() {
            self.fill()?;
        }
        let left = &self.ready[self.at..];
        let got = left.len().min(buffer.len());
        buffer[..got].copy_from_slice(&left[..got]);
        self.at += got;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn text(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        decoded(Box::new(Cursor::new(bytes)))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn both_orders_with_and_without_a_mark() {
        let expected = "Date,Close\n2024-01-02,1 €𝄞\n";
        let little: Vec<u8> = expected.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = expected.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(
            text([&[0xff, 0xfe], &little[..]].concat()).unwrap(),
            expected
        );
        assert_eq!(text([&[0xfe, 0xff], &big[..]].concat()).unwrap(), expected);
        let plain: Vec<u8> = "a,b\n1,2\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(text(plain).unwrap(), "a,b\n1,2\n");
        assert_eq!(text(expected.as_bytes().to_vec()).unwrap(), expected);
        let error = text(vec![0xff, 0xfe, b'a', 0, b'b']).unwrap_err();
        assert!(error.to_string().starts_with("half a unit"), "{error}");
        assert!(text(vec![0xff, 0xfe, 0, 0xdc]).is_err());
        assert!(!is_utf16(b"\0\0\0\0") && !is_utf16(b"PAR1"));
    }
}
