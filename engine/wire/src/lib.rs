//! The ZeroMQ contract: what a message is, who publishes it and how a subscriber reads it without losing count.
//!
//! `docs/wire.md` states the protocol as tables; this crate is its one implementation. The envelope, the topics, the
//! JSON form and the counting of losses are pure; `socket.rs` is the only file that knows the socket library.
//! There is no store here: a message that nobody takes is gone, and the sequence of its topic says so.

mod envelope;
mod error;
mod json;
pub mod limits;
mod publisher;
mod socket;
mod subscriber;
mod topic;
mod tracker;

pub use envelope::{
    ENVELOPE_LEN, Encoding, Envelope, EnvelopeError, Message, NO_RECORD, Payload, TopicSeq, VERSION,
};
pub use error::WireError;
pub use publisher::{PublishItem, Publisher, PublisherConfig, PublisherMetrics};
pub use subscriber::{Received, Subscriber, SubscriberConfig};
pub use topic::{HEARTBEAT, HELLO_PREFIX, JSON_PREFIX, Names, STATUS};
pub use tracker::Gap;
