//! The three Binance venues: spot, USD-margined and coin-margined futures.
//!
//! `endpoint` knows names, addresses and stream names, `message` the JSON shapes, `decode` makes records of frames.
//! Deliberately not here: sockets, clocks, and the order of updates (`book_sync`).

mod decode;
mod endpoint;
mod levels;
mod message;

pub use decode::{Decoded, Decoder, Depth, Level, Reply, Symbol, Untimed};
pub use endpoint::{Channel, Venue};
pub use message::{DecodeError, Reason};
