//! The envelope: what stands between the topic and the payload of every message, and how both are read.
//!
//! Bytes in, values out: no socket, no clock. Decoding is total: any bytes give a message or an [`EnvelopeError`].

use crate::limits::TOPIC_LEN_MAX;
use thiserror::Error;
use tickloom_types::{RECORD_LEN, Record};

/// Version of the protocol that this crate speaks.
pub const VERSION: u8 = 1;

/// Bytes of an envelope.
pub const ENVELOPE_LEN: usize = 56;

/// The `kind` of messages that carry no record: heartbeats and hellos.
pub const NO_RECORD: u8 = 0;

/// How the payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// The 64 bytes of a record as it is.
    Record = 1,
    /// One JSON object, UTF-8.
    Json = 2,
    /// The last sequence of every topic: heartbeats and hellos.
    Sequences = 3,
}

/// The second part of every message: 56 bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How the payload is written.
    pub encoding: Encoding,
    /// The record's kind as its number, or [`NO_RECORD`].
    pub kind: u8,
    /// The record's flags.
    pub flags: u8,
    /// The publisher's start: another number means that it was restarted and all sequences began anew.
    pub epoch: u64,
    /// Place of the message in its topic and epoch, from 1; 0 for messages without a record.
    pub topic_seq: u64,
    /// The venue's time, nanoseconds since the epoch, UTC.
    pub ts_event: i64,
    /// When the venue's bytes arrived at the publisher's side.
    pub ts_recv: i64,
    /// When the core had made the record; 0 if that was not measured.
    pub ts_output: i64,
    /// When the message was handed to ZeroMQ.
    pub ts_publish: i64,
}

/// The last sequence of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSeq {
    /// The topic, without a JSON prefix.
    pub topic: String,
    /// Its last sequence.
    pub seq: u64,
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A record as it is.
    Record(Record),
    /// The text of a JSON object.
    Json(String),
    /// The last sequence of every topic.
    Sequences(Vec<TopicSeq>),
}

/// One whole message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What it is about; subscriptions are prefixes of it.
    pub topic: String,
    /// Version, encoding, epoch, sequence and times.
    pub envelope: Envelope,
    /// The content.
    pub payload: Payload,
}

/// Why bytes are not a message.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Another number of parts than topic, envelope and payload.
    #[error("message of {found} parts, expected 3")]
    Parts {
        /// How many there were.
        found: usize,
    },
    /// A topic that is too long or not UTF-8.
    #[error("topic of {len} bytes, expected UTF-8 of at most 255")]
    Topic {
        /// Its bytes.
        len: usize,
    },
    /// An envelope of another length.
    #[error("envelope of {found} bytes, expected 56")]
    Length {
        /// Its bytes.
        found: usize,
    },
    /// A protocol of another version.
    #[error("protocol version {found}, expected 1")]
    Version {
        /// The version.
        found: u8,
    },
    /// An encoding that this version does not have.
    #[error("encoding {found}, expected 1 (record), 2 (json) or 3 (sequences)")]
    Encoding {
        /// The number.
        found: u8,
    },
    /// A binary payload that is not one record.
    #[error("record payload of {found} bytes, expected 64")]
    RecordLength {
        /// Its bytes.
        found: usize,
    },
    /// A record whose kind is not the envelope's.
    #[error("record of kind {found} in an envelope of kind {expected}")]
    Kind {
        /// The record's kind.
        found: u8,
        /// The envelope's kind.
        expected: u8,
    },
    /// A JSON payload that is not UTF-8.
    #[error("json payload is not utf-8 after byte {valid}")]
    Json {
        /// How many bytes were.
        valid: usize,
    },
    /// A table of sequences that ends early, goes on after its end or holds a bad topic.
    #[error("table of sequences is malformed at byte {at}")]
    Sequences {
        /// Where.
        at: usize,
    },
}

impl Encoding {
    fn from_raw(raw: u8) -> Option<Encoding> {
        match raw {
            1 => Some(Encoding::Record),
            2 => Some(Encoding::Json),
            3 => Some(Encoding::Sequences),
            _ => None,
        }
    }
}

impl Envelope {
    /// The 56 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ENVELOPE_LEN] {
        let mut bytes = [0; ENVELOPE_LEN];
        bytes[..4].copy_from_slice(&[VERSION, self.encoding as u8, self.kind, self.flags]);
        let words = [
            self.epoch.to_le_bytes(),
            self.topic_seq.to_le_bytes(),
            self.ts_event.to_le_bytes(),
            self.ts_recv.to_le_bytes(),
            self.ts_output.to_le_bytes(),
            self.ts_publish.to_le_bytes(),
        ];
        bytes[8..].copy_from_slice(words.as_flattened());
        bytes
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`] for another length, version or encoding. The reserved bytes are not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        let bytes: &[u8; ENVELOPE_LEN] = bytes
            .try_into()
            .map_err(|_| EnvelopeError::Length { found: bytes.len() })?;
        let [version, encoding, kind, flags, ..] = *bytes;
        if version != VERSION {
            return Err(EnvelopeError::Version { found: version });
        }
        let encoding =
            Encoding::from_raw(encoding).ok_or(EnvelopeError::Encoding { found: encoding })?;
        let word = |index: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 + index * 8..16 + index * 8]);
            word
        };
        Ok(Envelope {
            encoding,
            kind,
            flags,
            epoch: u64::from_le_bytes(word(0)),
            topic_seq: u64::from_le_bytes(word(1)),
            ts_event: i64::from_le_bytes(word(2)),
            ts_recv: i64::from_le_bytes(word(3)),
            ts_output: i64::from_le_bytes(word(4)),
            ts_publish: i64::from_le_bytes(word(5)),
        })
    }
}

impl Payload {
    /// The bytes of the third part.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Payload::Record(record) => record.as_bytes().to_vec(),
            Payload::Json(text) => text.as_bytes().to_vec(),
            Payload::Sequences(topics) => {
                encode_sequences(topics.iter().map(|t| (t.topic.as_str(), t.seq)))
            }
        }
    }
}

/// Writes a table of sequences: for each topic `seq u64 | topic length u8 | topic`.
pub(crate) fn encode_sequences<'a>(topics: impl Iterator<Item = (&'a str, u64)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (topic, seq) in topics {
        let Ok(len) = u8::try_from(topic.len()) else {
            continue; // no topic of ours is that long: names are checked
        };
        bytes.extend_from_slice(&seq.to_le_bytes());
        bytes.push(len);
        bytes.extend_from_slice(topic.as_bytes());
    }
    bytes
}

impl Message {
    /// Reads the parts of a message.
    ///
    /// # Errors
    /// [`EnvelopeError`] says which part is wrong and how.
    pub fn decode(parts: &[&[u8]]) -> Result<Message, EnvelopeError> {
        let &[topic, envelope, payload] = parts else {
            return Err(EnvelopeError::Parts { found: parts.len() });
        };
        let topic = decode_topic(topic)?;
        let envelope = Envelope::decode(envelope)?;
        let payload = match envelope.encoding {
            Encoding::Record => Payload::Record(decode_record(payload, envelope.kind)?),
            Encoding::Json => Payload::Json(decode_json(payload)?),
            Encoding::Sequences => Payload::Sequences(decode_sequences(payload)?),
        };
        Ok(Message {
            topic,
            envelope,
            payload,
        })
    }

    /// The three parts.
    #[must_use]
    pub fn encode(&self) -> [Vec<u8>; 3] {
        [
            self.topic.as_bytes().to_vec(),
            self.envelope.encode().to_vec(),
            self.payload.encode(),
        ]
    }
}

fn decode_topic(bytes: &[u8]) -> Result<String, EnvelopeError> {
    match std::str::from_utf8(bytes) {
        Ok(topic) if topic.len() <= TOPIC_LEN_MAX => Ok(topic.to_owned()),
        _ => Err(EnvelopeError::Topic { len: bytes.len() }),
    }
}

fn decode_record(bytes: &[u8], kind: u8) -> Result<Record, EnvelopeError> {
    let bytes: [u8; RECORD_LEN] = bytes
        .try_into()
        .map_err(|_| EnvelopeError::RecordLength { found: bytes.len() })?;
    let record = Record::from_bytes(bytes);
    if record.header.kind != kind {
        return Err(EnvelopeError::Kind {
            found: record.header.kind,
            expected: kind,
        });
    }
    Ok(record)
}

fn decode_json(bytes: &[u8]) -> Result<String, EnvelopeError> {
    let text = std::str::from_utf8(bytes).map_err(|e| EnvelopeError::Json {
        valid: e.valid_up_to(),
    })?;
    Ok(text.to_owned())
}

fn decode_sequences(bytes: &[u8]) -> Result<Vec<TopicSeq>, EnvelopeError> {
    let mut topics = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let fail = EnvelopeError::Sequences {
            at: bytes.len() - rest.len(),
        };
        let Some((seq, after)) = rest.split_first_chunk::<8>() else {
            return Err(fail);
        };
        let Some((&len, after)) = after.split_first() else {
            return Err(fail);
        };
        let Some((topic, after)) = after.split_at_checked(usize::from(len)) else {
            return Err(fail);
        };
        let topic = decode_topic(topic).map_err(|_| fail)?;
        topics.push(TopicSeq {
            topic,
            seq: u64::from_le_bytes(*seq),
        });
        rest = after;
    }
    Ok(topics)
}

#[cfg(test)]
mod tests;
