//! A recorded stream: the file in which a subscriber writes down what came, as it came.
//!
//! `docs/stream.md` has the bytes. The file is a header and entries, each with its length and its checksum, so that an end
//! that was cut off is told from damage. Bytes in, values out: which file it is knows the caller.

mod reader;
mod writer;

pub use reader::{StreamReader, TornStream};
pub use writer::StreamWriter;

use crate::envelope::Message;
use crate::error::EnvelopeError;
use std::io;
use thiserror::Error;
use tickloom_types::Ts;

/// Version of the file that this crate writes and reads.
pub const STREAM_VERSION: u16 = 1;

/// First bytes of a file; the line end shows a transfer that rewrote line ends.
const MAGIC: [u8; 8] = *b"TLSTRM\r\n";
/// Bytes of the file's header, of which the last eight are a checksum.
const FILE_HEADER_LEN: usize = 24;
/// Bytes before the body of an entry: length, its complement, checksum.
const ENTRY_HEADER_LEN: usize = 16;
/// Longest body: a message of the longest parts that a subscriber takes.
const BODY_LEN_MAX: u32 = 64 << 20;

const SUBSCRIPTION: u8 = 1;
const MESSAGE: u8 = 2;
const LOSS: u8 = 3;

/// What one entry of the file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEntry {
    /// The first entry: what was subscribed to.
    Subscription {
        /// Prefixes of topics.
        prefixes: Vec<String>,
        /// The topic of the publisher's answer that is for this subscriber alone.
        hello: String,
    },
    /// A message that came.
    Message {
        /// When it came, by the subscriber's clock.
        ts_arrival: Ts,
        /// The message.
        message: Box<Message>,
    },
    /// Messages that the subscriber counted as lost, as the next message revealed.
    Loss {
        /// The topic.
        topic: String,
        /// How many.
        missed: u64,
    },
}

/// Why a file is not a recorded stream, or not any more.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file that is none, or of another version.
    #[error("{found}, expected a recorded stream of version {STREAM_VERSION}")]
    NotAStream {
        /// What is there.
        found: String,
    },
    /// Bytes that are not as they were written.
    #[error("damaged at byte {offset}: {found}")]
    Damaged {
        /// Where the entry begins.
        offset: u64,
        /// What is wrong there.
        found: String,
    },
    /// A message that breaks the protocol.
    #[error("message at byte {offset}: {error}")]
    Message {
        /// Where the entry begins.
        offset: u64,
        /// What is wrong with it.
        error: EnvelopeError,
    },
}

#[cfg(test)]
mod tests;
