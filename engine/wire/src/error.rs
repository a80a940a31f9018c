//! What can go wrong on the wire.

use crate::envelope::EnvelopeError;
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
