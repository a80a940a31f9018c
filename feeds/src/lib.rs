//! Venue feeds: from a venue's bytes to records in a sink.
//!
//! ```text
//! socket ──bytes──> Session ──> Decoder ──> BookSync ──Record──> impl Sink
//! capture file ──lines──────────┘
//! ```
//!
//! Everything but `socket` and `local_venue` is sans-I/O: time and bytes are arguments. This crate knows no ring, no
//! core and no storage: records go into whatever [`tickloom_types::Sink`] it is given.

mod backoff;
pub mod binance;
pub mod book_sync;
pub mod capture;
mod config;
mod decode_error;
mod intake;
mod json;
mod limits;
pub mod local_venue;
mod metrics;
pub mod samples;
mod session;
mod socket;
mod venues;

pub use backoff::Backoff;
pub use config::{Feed, FeedConfig, FeedError};
pub use decode_error::{DecodeError, Reason};
pub use intake::Taken;
pub use metrics::{FeedMetrics, LagHistogram};
pub use session::{Advice, Moment, Session};
pub use socket::run_feed;
pub use venues::VenueKind;
