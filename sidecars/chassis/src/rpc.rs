//! gRPC between services: what every call goes through, how an error leaves, and how a service calls another, over the network or in
//! the same process.

mod answer;
mod client;
mod door;
mod local;
mod service;
mod status;

pub use client::{PeerChannel, peer_channel, plain_channel};
pub use local::{LocalChannel, local_channel};
pub use service::{Caller, MESSAGE_BYTES_MAX, Rpc};
pub use status::PROBLEM_METADATA;

pub(crate) use door::{RpcDoor, around};
