//! The envelope: what stands between the topic and the payload of every message, and how both are read.
//!
//! Bytes in, values out: no socket, no clock. Decoding is total: any bytes give a message or an [`EnvelopeError`].

use crate::error::EnvelopeError;
use crate::limits::TOPIC_LEN_MAX;
use crate::session::Session;
use crate::state::StatePart;
use tickloom_types::{RECORD_LEN, Record};

/// Version of the protocol that this crate speaks.
pub const VERSION: u8 = 2;

/// Bytes of an envelope.
pub const ENVELOPE_LEN: usize = 80;

/// The `kind` of messages that do not carry one record: epochs, heartbeats, hellos and states.
pub const NO_RECORD: u8 = 0;

/// How the payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// The 64 bytes of a record as it is.
    Record = 1,
    /// One JSON object, UTF-8.
    Json = 2,
    /// The session, and the last sequence of every topic: epochs, heartbeats and hellos.
    Announcement = 3,
    /// What the run knows, as records.
    State = 4,
}

/// The second part of every message: 80 bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How the payload is written.
    pub encoding: Encoding,
    /// The record's kind as its number, or [`NO_RECORD`].
    pub kind: u8,
    /// The record's flags.
    pub flags: u8,
    /// Who may read the payload; 0: everybody.
    pub tier: u8,
    /// The publisher's start: another number means that it was restarted.
    pub epoch: u64,
    /// Place of the message in its topic: in an epoch without holes from one above its session's base, over the epochs of a
    /// run ever upwards; 0 for messages without a record.
    pub topic_seq: u64,
    /// The venue's time, nanoseconds since the epoch, UTC.
    pub ts_event: i64,
    /// When the venue's bytes arrived at the publisher's side.
    pub ts_recv: i64,
    /// When the core had made the record; 0 if that was not measured.
    pub ts_output: i64,
    /// When the message was handed to ZeroMQ.
    pub ts_publish: i64,
    /// The record's number in its run: of an output its place among all outputs, from 0, of a market record the sequence
    /// of the input; 0 for messages without a record.
    pub number: u64,
    /// The run, as [`run_id`](crate::run_id) of its name; 0: it is not recorded, and numbers are of this epoch alone.
    pub run: u64,
    /// With which key of its tier the payload is sealed; 0: it is open.
    pub key_epoch: u32,
}

/// The last sequence of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSeq {
    /// The topic, without a JSON prefix.
    pub topic: String,
    /// Its last sequence.
    pub seq: u64,
}

/// What epochs, heartbeats and hellos tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The session that the publisher is in.
    pub session: Session,
    /// The last sequence of every topic that has had a message; none in an epoch's first message.
    pub topics: Vec<TopicSeq>,
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A record as it is.
    Record(Record),
    /// The text of a JSON object.
    Json(String),
    /// The session, and the last sequence of every topic.
    Announcement(Announcement),
    /// What the run knows, or part of it.
    State(StatePart),
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

impl Encoding {
    fn from_raw(raw: u8) -> Option<Encoding> {
        match raw {
            1 => Some(Encoding::Record),
            2 => Some(Encoding::Json),
            3 => Some(Encoding::Announcement),
            4 => Some(Encoding::State),
            _ => None,
        }
    }
}

impl Envelope {
    /// The 80 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ENVELOPE_LEN] {
        let mut bytes = [0; ENVELOPE_LEN];
        bytes[..5].copy_from_slice(&[
            VERSION,
            self.encoding as u8,
            self.kind,
            self.flags,
            self.tier,
        ]);
        let words = [
            self.epoch.to_le_bytes(),
            self.topic_seq.to_le_bytes(),
            self.ts_event.to_le_bytes(),
            self.ts_recv.to_le_bytes(),
            self.ts_output.to_le_bytes(),
            self.ts_publish.to_le_bytes(),
            self.number.to_le_bytes(),
            self.run.to_le_bytes(),
        ];
        bytes[8..72].copy_from_slice(words.as_flattened());
        bytes[72..76].copy_from_slice(&self.key_epoch.to_le_bytes());
        bytes
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`] for another version, length or encoding. The version comes first, as other versions have other
    /// lengths. The reserved bytes are not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        if let Some(&version) = bytes.first()
            && version != VERSION
        {
            return Err(EnvelopeError::Version { found: version });
        }
        let bytes: &[u8; ENVELOPE_LEN] = bytes
            .try_into()
            .map_err(|_| EnvelopeError::Length { found: bytes.len() })?;
        let [_, encoding, kind, flags, tier, ..] = *bytes;
        let encoding =
            Encoding::from_raw(encoding).ok_or(EnvelopeError::Encoding { found: encoding })?;
        let word = |index: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 + index * 8..16 + index * 8]);
            word
        };
        let mut key_epoch = [0; 4];
        key_epoch.copy_from_slice(&bytes[72..76]);
        Ok(Envelope {
            encoding,
            kind,
            flags,
            tier,
            epoch: u64::from_le_bytes(word(0)),
            topic_seq: u64::from_le_bytes(word(1)),
            ts_event: i64::from_le_bytes(word(2)),
            ts_recv: i64::from_le_bytes(word(3)),
            ts_output: i64::from_le_bytes(word(4)),
            ts_publish: i64::from_le_bytes(word(5)),
            number: u64::from_le_bytes(word(6)),
            run: u64::from_le_bytes(word(7)),
            key_epoch: u32::from_le_bytes(key_epoch),
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
            Payload::Announcement(told) => {
                let topics = told.topics.iter().map(|t| (t.topic.as_str(), t.seq));
                encode_announcement(&told.session, topics)
            }
            Payload::State(part) => part.encode(),
        }
    }
}

/// Writes a session and a table of sequences: for each topic `seq u64 | topic length u8 | topic`.
pub(crate) fn encode_announcement<'a>(
    session: &Session,
    topics: impl Iterator<Item = (&'a str, u64)>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    session.encode(&mut bytes);
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
            Encoding::Announcement => {
                Payload::Announcement(decode_announcement(payload, envelope.run)?)
            }
            Encoding::State => Payload::State(StatePart::decode(payload)?),
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

fn decode_announcement(bytes: &[u8], run: u64) -> Result<Announcement, EnvelopeError> {
    let (session, table) = Session::decode(bytes)?;
    if session.run_id() != run {
        return Err(EnvelopeError::Run {
            found: session.run_id(),
            expected: run,
        });
    }
    let topics = decode_sequences(bytes, table)?;
    Ok(Announcement { session, topics })
}

/// Reads the table at the end of `bytes`.
fn decode_sequences(bytes: &[u8], table: &[u8]) -> Result<Vec<TopicSeq>, EnvelopeError> {
    let mut topics = Vec::new();
    let mut rest = table;
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
