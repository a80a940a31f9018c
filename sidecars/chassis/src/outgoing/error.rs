//! Why there is no answer from outside. Of a URL an error names where it leads, and never a user, path or query: these may be secrets.

use std::time::Duration;
use thiserror::Error;

/// Why there is no answer from outside.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutgoingError {
    /// A setting.
    #[error("the setting `outgoing.{name}` {why}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },

    /// The URL cannot be asked.
    #[error("the URL {why}")]
    Url {
        /// What is wrong with it.
        why: &'static str,
    },

    /// A part of the request beside its URL.
    #[error("the request to {host} {why}")]
    Request {
        /// To whom.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// The address that the host has is none that may be reached.
    #[error("{host} is at an address that is {why}, which `outgoing.allow` does not allow")]
    Address {
        /// Host and port.
        host: String,
        /// What kind of address.
        why: &'static str,
    },

    /// There is no such host.
    #[error("{host} has no address")]
    Unresolved {
        /// Host and port.
        host: String,
    },

    /// No connection came about, or it broke.
    #[error("{host} cannot be reached: {why}")]
    Connection {
        /// Host and port.
        host: String,
        /// What the network or TLS said.
        why: String,
    },

    /// It took too long.
    #[error("{host} did not answer within {} ms", .within.as_millis())]
    TimedOut {
        /// Host and port.
        host: String,
        /// How long was waited in all.
        within: Duration,
    },

    /// What came is longer than is read.
    #[error("the answer of {host} is longer than {bytes} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// Most that is read.
        bytes: usize,
    },

    /// What came is compressed, which was not asked for.
    #[error("the answer of {host} is encoded, which was not asked for")]
    Encoded {
        /// Host and port.
        host: String,
    },

    /// It leads elsewhere in a way that is not followed.
    #[error("{host} redirects {why}")]
    Redirect {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// What came is no HTTP, or not what it should be.
    #[error("the answer of {host} {why}")]
    Answer {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        why: String,
    },

    /// It failed so often that it is left alone for a while.
    #[error("{host} failed again and again and is left alone for {} s", .rest.as_secs())]
    Open {
        /// Host and port.
        host: String,
        /// How long yet.
        rest: Duration,
    },

    /// Too many requests are under way.
    #[error("too many requests to {host} are under way")]
    Busy {
        /// Host and port.
        host: String,
    },
}

impl OutgoingError {
    /// What metrics call it.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            OutgoingError::Setting { .. }
            | OutgoingError::Url { .. }
            | OutgoingError::Request { .. } => "wrong_request",
            OutgoingError::Address { .. } => "refused_address",
            OutgoingError::Unresolved { .. } => "unresolved",
            OutgoingError::Connection { .. } => "connection",
            OutgoingError::TimedOut { .. } => "timed_out",
            OutgoingError::TooLong { .. } => "too_long",
            OutgoingError::Encoded { .. } => "encoded",
            OutgoingError::Redirect { .. } => "redirect",
            OutgoingError::Answer { .. } => "wrong_answer",
            OutgoingError::Open { .. } => "breaker_open",
            OutgoingError::Busy { .. } => "busy",
        }
    }

    /// Whether the same may come out otherwise a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            OutgoingError::Unresolved { .. }
                | OutgoingError::Connection { .. }
                | OutgoingError::TimedOut { .. }
        )
    }
}
