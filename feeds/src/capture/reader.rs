//! Reads the lines of a capture in order, plain, gzip or zstd; holds one line at a time.

use super::object::{of_object, unquoted};
use super::{BadLine, CaptureError, LineError};
use crate::limits;
use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;
use tickloom_types::Ts;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Where a capture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureSource {
    /// A file, plain, gzip or zstd.
    File(PathBuf),
    /// Bytes that are part of the program, plain, gzip or zstd, with a name for messages.
    Bytes(&'static str, &'static [u8]),
    /// What somebody else unpacks from a file, such as the member of a zip.
    Unpacked(PathBuf, Unpacked),
}

/// What is unpacked while it is read, as often as it is asked for.
#[derive(Clone)]
pub struct Unpacked(Arc<Open>);

type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

impl Unpacked {
    /// What `open` opens at its begin, the same each time.
    pub fn by(
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Unpacked {
        Unpacked(Arc::new(open))
    }
}

impl From<Vec<u8>> for Unpacked {
    fn from(bytes: Vec<u8>) -> Unpacked {
        let bytes: Arc<[u8]> = bytes.into();
        Unpacked::by(move || Ok(Box::new(Cursor::new(Arc::clone(&bytes)))))
    }
}

impl From<&[u8]> for Unpacked {
    fn from(bytes: &[u8]) -> Unpacked {
        bytes.to_vec().into()
    }
}

/// Two are the same if one is a clone of the other.
impl PartialEq for Unpacked {
    fn eq(&self, other: &Unpacked) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Unpacked {}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacked")
    }
}

/// One line: when the frame arrived, and the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLine<'a> {
    /// Number of the line, from 1.
    pub number: u64,
    /// Offset of the line in the (unpacked) file.
    pub byte: u64,
    /// When the frame arrived at the recorder.
    pub ts_recv: Ts,
    /// The frame as it was sent.
    pub frame: &'a [u8],
    /// The line as it stands there.
    pub text: &'a [u8],
}

/// Reads the lines of one capture in order; holds one line at a time.
pub struct CaptureReader {
    file: String,
    reader: Box<dyn BufRead + Send>,
    /// The line at hand, without its end; of one that is too long only `length` is known.
    line: Vec<u8>,
    length: u64,
    number: u64,
    byte: u64,
    /// Whether a line that is too long ends the reading.
    is_brief: bool,
}

/// One line as it stands in the file, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextLine<'a> {
    pub(super) number: u64,
    pub(super) byte: u64,
    pub(super) text: &'a [u8],
}

impl CaptureSource {
    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            CaptureSource::File(path) | CaptureSource::Unpacked(path, _) => {
                path.display().to_string()
            }
            CaptureSource::Bytes(name, _) => (*name).to_owned(),
        }
    }

    /// When its first line arrived, if there is one with a time.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be read.
    pub(super) fn first(&self) -> Result<Option<Ts>, CaptureError> {
        let mut reader = self.open()?;
        while let Some(line) = reader.next_line()? {
            if let Ok(line) = line {
                return Ok(Some(line.ts_recv));
            }
        }
        Ok(None)
    }

    /// Opens it at its first line.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be opened.
    pub fn open(&self) -> Result<CaptureReader, CaptureError> {
        match self {
            CaptureSource::File(path) => {
                let file = File::open(path).map_err(|cause| CaptureError::Io {
                    file: self.name(),
                    cause,
                })?;
                CaptureReader::new(self.name(), file)
            }
            CaptureSource::Bytes(name, bytes) => CaptureReader::new((*name).to_owned(), *bytes),
            CaptureSource::Unpacked(_, unpacked) => {
                let opened = (unpacked.0)().map_err(|cause| CaptureError::Io {
                    file: self.name(),
                    cause,
                })?;
                CaptureReader::new(self.name(), opened)
            }
        }
    }
}

impl CaptureReader {
    /// Reads from anything; gzip and zstd are recognised by their first bytes.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if the first bytes cannot be read.
    pub fn new(
        file: String,
        reader: impl Read + Send + 'static,
    ) -> Result<CaptureReader, CaptureError> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let (is_gzip, is_zstd) = match reader.fill_buf() {
            Ok(start) => (start.starts_with(GZIP), start.starts_with(ZSTD)),
            Err(cause) => return Err(CaptureError::Io { file, cause }),
        };
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(reader),
            ))
        } else if is_zstd {
            match zstd::Decoder::with_buffer(reader) {
                Ok(unpacked) => Box::new(BufReader::with_capacity(1 << 16, unpacked)),
                Err(cause) => return Err(CaptureError::Io { file, cause }),
            }
        } else {
            Box::new(reader)
        };
        Ok(CaptureReader {
            file,
            reader,
            line: Vec::new(),
            length: 0,
            number: 0,
            byte: 0,
            is_brief: false,
        })
    }

    /// From now on a line that is longer than any message ends the reading, so that it need not be unpacked.
    pub(super) fn be_brief(&mut self) {
        self.is_brief = true;
    }

    /// The next line that is not blank, or `None` at the end. After a `BadLine` reading may go on.
    ///
    /// # Errors
    /// [`CaptureError::Cut`] if it is packed and was cut off, [`CaptureError::Io`] if reading fails otherwise: nothing more can be read.
    pub fn next_line(&mut self) -> Result<Option<Result<CaptureLine<'_>, BadLine>>, CaptureError> {
        if !self.advance()? {
            return Ok(None);
        }
        let parsed = self.text().and_then(|line| {
            let (ts_recv, frame) = parse_line(line.text).map_err(|cause| self.bad(cause))?;
            Ok(CaptureLine {
                number: line.number,
                byte: line.byte,
                ts_recv,
                frame,
                text: line.text,
            })
        });
        Ok(Some(parsed))
    }

    /// Goes to the next line that is not blank. Says whether there is one.
    pub(super) fn advance(&mut self) -> Result<bool, CaptureError> {
        loop {
            self.byte += self.length;
            self.length = match self.read_line() {
                Ok(length) => length,
                Err(cause) => return Err(self.failed(cause)),
            };
            if self.length == 0 {
                return Ok(false);
            }
            self.number += 1;
            if let Some(line) = unquoted(&self.line) {
                self.line = line;
            }
            if !self.line.trim_ascii().is_empty() || self.length > limits::LINE_BYTES_MAX as u64 {
                return Ok(true);
            }
        }
    }

    fn failed(&self, cause: std::io::Error) -> CaptureError {
        let file = self.file.clone();
        match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => CaptureError::Cut {
                file,
                lines: self.number,
                byte: self.byte,
            },
            _ => CaptureError::Io { file, cause },
        }
    }

    /// The line at hand.
    pub(super) fn text(&self) -> Result<TextLine<'_>, BadLine> {
        if self.length > limits::LINE_BYTES_MAX as u64 {
            let limit = limits::LINE_BYTES_MAX;
            return Err(self.bad(LineError::TooLong { limit }));
        }
        Ok(TextLine {
            number: self.number,
            byte: self.byte,
            text: &self.line,
        })
    }

    /// The number of the line at hand, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Says that something is wrong with the line at hand.
    pub(super) fn bad(&self, cause: LineError) -> BadLine {
        BadLine {
            file: self.file.clone(),
            line: self.number,
            byte: self.byte,
            cause,
        }
    }

    /// Reads a line into `self.line` without its end, and returns how long it was; of a line that is too long only the length is kept.
    fn read_line(&mut self) -> std::io::Result<u64> {
        self.line.clear();
        let mut length = 0_u64;
        loop {
            let part = self.reader.fill_buf()?;
            if part.is_empty() {
                break;
            }
            let end = part.iter().position(|&b| b == b'\n');
            let used = end.map_or(part.len(), |at| at + 1);
            let wanted = end.unwrap_or(used);
            if self.line.len() + wanted <= limits::LINE_BYTES_MAX {
                self.line.extend_from_slice(&part[..wanted]);
            }
            length += used as u64;
            self.reader.consume(used);
            let is_enough = self.is_brief && length > limits::LINE_BYTES_MAX as u64;
            if end.is_some() || is_enough {
                break;
            }
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(length)
    }
}

/// A time since the epoch in a unit that its digits tell: 10 of seconds, 13 of milliseconds, 16 of microseconds, 19 of nanoseconds. So
/// they do from 2001 to 2262.
pub(super) fn stamp(text: &[u8]) -> Option<Ts> {
    let unit = match text.len() {
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    if text.first() == Some(&b'0') || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.checked_mul(unit).map(Ts)
}

/// A time with its zone as text, such as `2024-08-08T23:54:15.030314Z`. Without a zone nobody knows which it is of.
pub(super) fn zoned(text: &[u8]) -> Option<Ts> {
    const DATE: usize = 10;
    let text = std::str::from_utf8(text).ok()?;
    let has_zone = text.get(DATE..)?.contains(['Z', 'z', '+', '-']);
    has_zone.then(|| Ts::parse(text).ok()).flatten()
}

/// The time and the message of a line `TIME MESSAGE`, or of one that is an object of both.
pub(super) fn parse_line(line: &[u8]) -> Result<(Ts, &[u8]), LineError> {
    if line.first() == Some(&b'{')
        && let Some(both) = of_object(line)
    {
        return Ok(both);
    }
    let space = line.iter().position(|&b| matches!(b, b' ' | b'\t'));
    let (time, frame) = match space {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    };
    let ts = stamp(time).or_else(|| zoned(time));
    match ts.filter(|_| space.is_some()) {
        Some(ts) => Ok((ts, frame)),
        None => Err(LineError::Time {
            value: String::from_utf8_lossy(&time[..time.len().min(32)]).into_owned(),
        }),
    }
}
