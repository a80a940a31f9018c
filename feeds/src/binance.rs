//! The three Binance venues: spot, USD-margined and coin-margined futures.
//!
//! `endpoint` knows names, addresses and stream names, `message` the JSON shapes, `decode` makes records of frames.
//! Deliberately not here: sockets, clocks, and the order of updates (`book_sync`).

mod checks;
mod clock;
mod decode;
mod decoded;
mod endpoint;
mod fields;
mod levels;
mod market;
mod message;

pub(crate) use clock::MICROS_MIN;
pub use clock::Untimed;
pub use decode::Decoder;
pub use decoded::{Decoded, Depth, Level, Reply, Symbol};
pub use endpoint::{Channel, Venue};
