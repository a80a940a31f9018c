//! The ZeroMQ contract: what a message is, who publishes it and how a subscriber reads it without losing count.
//!
//! `docs/wire.md` states the protocol as tables; this crate is its one implementation. The envelope, the topics, the
//! JSON form and the counting of losses are pure; `socket.rs` is the only file that knows the socket library.
//! There is no store here: a message that nobody takes is gone, and the sequence of its topic says so.

mod envelope;
mod error;
mod json;
pub mod limits;
mod numbers;
mod publisher;
mod session;
mod socket;
mod state;
mod stream;
mod subscriber;
mod topic;
mod tracker;

pub use envelope::{
    Announcement, ENVELOPE_LEN, Encoding, Envelope, Message, NO_RECORD, Payload, TopicSeq, VERSION,
};
pub use error::{EnvelopeError, WireError};
pub use publisher::{PublishItem, Publisher, PublisherConfig, PublisherMetrics};
pub use session::{Retracted, RunPosition, SESSION_LEN, Session, run_id};
pub use state::{STATE_HEAD_LEN, StatePart};
pub use stream::{
    STREAM_VERSION, StreamEntry, StreamError, StreamReader, StreamWriter, TornStream,
};
pub use subscriber::{Received, Subscriber, SubscriberConfig};
pub use topic::{
    EPOCH, HEARTBEAT, HELLO_PREFIX, JSON_HELLO_PREFIX, JSON_PREFIX, Names, RECORD_TOPICS, STATE,
    STATUS, is_output,
};
pub use tracker::{Continued, Gap, Observed, Tracker};
