//! Venue feeds: from a venue's bytes to records in a sink.
//!
//! ```text
//! socket ──bytes──> Session ──> Decoder ──> BookSync ──Record──> impl Sink ──moment──> impl MomentSink
//! capture file ──lines──────────┘
//! ```
//!
//! Everything but `socket` and `local_venue` is sans-I/O: time and bytes are arguments. This crate knows no ring, no
//! core and no storage: the records of a capture go into whatever [`tickloom_types::Sink`] it is given, those of a live feed,
//! a frame, timer or reply at a time, into a [`tickloom_types::MomentSink`].

mod backoff;
pub mod binance;
pub mod book_sync;
pub mod capture;
mod config;
mod course;
mod decode_error;
mod intake;
mod json;
mod latest;
mod limits;
mod line;
pub mod local_venue;
mod metrics;
mod moment;
pub mod samples;
mod session;
mod socket;
mod status;
mod venues;

pub use backoff::Backoff;
pub use config::{Feed, FeedConfig, FeedError};
pub use decode_error::{DecodeError, Reason};
pub use intake::Taken;
pub use limits::MOMENT_RECORDS_MAX;
pub use line::{Line, LineId, Stream};
pub use metrics::{FeedMetrics, LagHistogram};
pub use moment::push_moments;
pub use session::{Advice, Now, Session};
pub use socket::run_feed;
pub use status::{FeedState, FeedStatus};
pub use venues::VenueKind;
