//! Reads a recorded stream entry by entry, up to its end or to what is not as it was written.

use super::{
    BODY_LEN_MAX, ENTRY_HEADER_LEN, FILE_HEADER_LEN, LOSS, MAGIC, MESSAGE, STREAM_VERSION,
    SUBSCRIPTION, StreamEntry, StreamError,
};
use crate::envelope::Message;
use std::io::{self, ErrorKind, Read};
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_64;

/// The end of a file that an interrupted write left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornStream {
    /// Where the last whole entry ends.
    pub offset: u64,
    /// Bytes after it.
    pub bytes: u64,
}

/// Reads a recorded stream. It ends at a torn tail, which [`StreamReader::torn`] then names; damage is an error.
pub struct StreamReader<R> {
    input: R,
    offset: u64,
    torn: Option<TornStream>,
    body: Vec<u8>,
}

impl<R: Read> StreamReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`StreamError::NotAStream`] for a file that is none or of another version; [`StreamError::Io`].
    pub fn new(mut input: R) -> Result<StreamReader<R>, StreamError> {
        let mut header = [0; FILE_HEADER_LEN];
        let len = fill(&mut input, &mut header)?;
        let not_a_stream = |found: String| Err(StreamError::NotAStream { found });
        if len < FILE_HEADER_LEN {
            return not_a_stream(format!("a file of {len} bytes"));
        }
        let Some((magic, rest)) = header.split_first_chunk::<8>() else {
            return not_a_stream("no header".to_owned());
        };
        if *magic != MAGIC {
            return not_a_stream("other first bytes".to_owned());
        }
        let (version, checksum) = (u16_at(rest, 0), u64_at(rest, 8));
        if checksum != Some(xxh3_64(&header[..16])) {
            return not_a_stream("a header whose checksum does not hold".to_owned());
        }
        if version != Some(STREAM_VERSION) {
            return not_a_stream(format!("version {}", version.unwrap_or_default()));
        }
        Ok(StreamReader {
            input,
            offset: FILE_HEADER_LEN as u64,
            torn: None,
            body: Vec::new(),
        })
    }

    /// Where the last entry that was read ends.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The torn tail, once the end was reached and there is one.
    #[must_use]
    pub fn torn(&self) -> Option<TornStream> {
        self.torn
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`StreamError::Damaged`] and [`StreamError::Message`] name the byte; [`StreamError::Io`]. Nothing is read after one.
    pub fn next_entry(&mut self) -> Result<Option<StreamEntry>, StreamError> {
        if self.torn.is_some() || !self.read_body()? {
            return Ok(None);
        }
        let offset = self.offset;
        let entry = decode(&self.body, offset)?;
        self.offset += (ENTRY_HEADER_LEN + self.body.len()) as u64;
        Ok(Some(entry))
    }

    /// Reads the next body into `self.body` and checks it; false at the end.
    fn read_body(&mut self) -> Result<bool, StreamError> {
        let mut header = [0; ENTRY_HEADER_LEN];
        let len = fill(&mut self.input, &mut header)?;
        if len == 0 {
            return Ok(false);
        }
        if len < ENTRY_HEADER_LEN {
            return Ok(self.is_torn(len));
        }
        let (Some(length), Some(complement), Some(checksum)) =
            (u32_at(&header, 0), u32_at(&header, 4), u64_at(&header, 8))
        else {
            return Err(self.damaged("no header of an entry"));
        };
        if length != !complement || length > BODY_LEN_MAX {
            return Err(self.damaged("a length that is none"));
        }
        self.body.clear();
        let read = (&mut self.input)
            .take(u64::from(length))
            .read_to_end(&mut self.body)?;
        if u32::try_from(read).is_ok_and(|read| read < length) {
            return Ok(self.is_torn(ENTRY_HEADER_LEN + read));
        }
        if xxh3_64(&self.body) != checksum {
            return Err(self.damaged("the checksum does not hold"));
        }
        Ok(true)
    }

    /// Remembers the torn tail; there is nothing more to read.
    fn is_torn(&mut self, bytes: usize) -> bool {
        self.torn = Some(TornStream {
            offset: self.offset,
            bytes: bytes as u64,
        });
        false
    }

    fn damaged(&self, found: &str) -> StreamError {
        StreamError::Damaged {
            offset: self.offset,
            found: found.to_owned(),
        }
    }
}

/// Reads until the buffer is full or the input has ended; returns how much it is.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

fn decode(body: &[u8], offset: u64) -> Result<StreamEntry, StreamError> {
    let malformed = |what: &str| StreamError::Damaged {
        offset,
        found: format!("a malformed {what}"),
    };
    match body.split_first() {
        Some((&SUBSCRIPTION, rest)) => {
            decode_subscription(rest).ok_or_else(|| malformed("subscription"))
        }
        Some((&MESSAGE, rest)) => {
            let (ts_arrival, parts) = split_message(rest).ok_or_else(|| malformed("message"))?;
            let message = Message::decode(&parts)
                .map(Box::new)
                .map_err(|error| StreamError::Message { offset, error })?;
            Ok(StreamEntry::Message {
                ts_arrival,
                message,
            })
        }
        Some((&LOSS, rest)) => decode_loss(rest).ok_or_else(|| malformed("loss")),
        Some((kind, _)) => Err(malformed(&format!("entry of kind {kind}"))),
        None => Err(malformed("entry without a kind")),
    }
}

fn decode_subscription(mut rest: &[u8]) -> Option<StreamEntry> {
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = after;
    }
    let mut texts = texts.into_iter();
    Some(StreamEntry::Subscription {
        hello: texts.next()?,
        prefixes: texts.collect(),
    })
}

fn split_message(rest: &[u8]) -> Option<(Ts, [&[u8]; 3])> {
    let (ts, rest) = rest.split_first_chunk::<8>()?;
    let (&len, rest) = rest.split_first()?;
    let (topic, rest) = rest.split_at_checked(usize::from(len))?;
    let (&len, rest) = rest.split_first()?;
    let (envelope, payload) = rest.split_at_checked(usize::from(len))?;
    Some((Ts(i64::from_le_bytes(*ts)), [topic, envelope, payload]))
}

fn decode_loss(rest: &[u8]) -> Option<StreamEntry> {
    let (missed, topic) = rest.split_first_chunk::<8>()?;
    Some(StreamEntry::Loss {
        topic: std::str::from_utf8(topic).ok()?.to_owned(),
        missed: u64::from_le_bytes(*missed),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
