//! What can go wrong on the wire.

use crate::envelope::VERSION;
use thiserror::Error;

/// An error of the publisher or the subscriber. After any of them the same object can be used again.
#[derive(Debug, Error)]
pub enum WireError {
    /// The socket library refused something.
    #[error("{endpoint}: cannot {action}: {reason}")]
    Socket {
        /// The endpoint as given.
        endpoint: String,
        /// What was tried.
        action: &'static str,
        /// The library's words.
        reason: String,
    },
    /// A message that breaks the protocol came in.
    #[error("{endpoint}: {error}")]
    Message {
        /// Where it came from.
        endpoint: String,
        /// What is wrong with it.
        error: EnvelopeError,
    },
    /// A name that cannot be part of a topic.
    #[error("{what} name {name:?}: expected 1 to 64 of letters, digits and . - _")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name as given.
        name: String,
    },
    /// A record that refers to something outside the names table.
    #[error("record of kind {kind}: {field} is {value}, and the names table has no such entry")]
    Unnamed {
        /// The kind as its number.
        kind: u8,
        /// The field that refers.
        field: &'static str,
        /// Its value.
        value: u64,
    },
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
    #[error("envelope of {found} bytes, expected 80")]
    Length {
        /// Its bytes.
        found: usize,
    },
    /// A protocol of another version.
    #[error("protocol version {found}, expected {VERSION}: {}", advice(*found))]
    Version {
        /// The version.
        found: u8,
    },
    /// An encoding that this version does not have.
    #[error("encoding {found}, expected 1 (record), 2 (json), 3 (announcement) or 4 (state)")]
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
    /// A session that ends early, or has a bad name or range.
    #[error("session is malformed at byte {at}")]
    Session {
        /// Where.
        at: usize,
    },
    /// A session of another run than the envelope's.
    #[error("session of run {found:016x} in an envelope of run {expected:016x}")]
    Run {
        /// The session's run.
        found: u64,
        /// The envelope's run.
        expected: u64,
    },
    /// A state that is not whole records of outputs, quotes and bars, or says that it has others than it has.
    #[error("state is malformed at byte {at}")]
    State {
        /// Where.
        at: usize,
    },
    /// A table of sequences that ends early, goes on after its end or holds a bad topic.
    #[error("table of sequences is malformed at byte {at}")]
    Sequences {
        /// Where.
        at: usize,
    },
}

/// What to do about a publisher of another version.
fn advice(found: u8) -> &'static str {
    if found < VERSION {
        "the publisher is older than this client: update the publisher, or read it with a client of its release"
    } else {
        "the publisher is newer than this client: update the client"
    }
}
