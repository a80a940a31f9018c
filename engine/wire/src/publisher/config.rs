//! What a publisher is told before it binds.

use crate::session::Session;
use tickloom_types::{DurationNs, NANOS_PER_SECOND};

/// How to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherConfig {
    /// A ZeroMQ endpoint to bind, such as `tcp://127.0.0.1:0` or `ipc:///run/tickloom.sock`.
    pub endpoint: String,
    /// A number that differs from that of every earlier start, such as the time of this one.
    pub epoch: u64,
    /// Which part of which run this start is.
    pub session: Session,
    /// Messages that may wait for one slow subscriber before it loses some; 0 is no limit.
    pub high_water_mark: u32,
    /// Nanoseconds between two heartbeats.
    pub heartbeat: DurationNs,
    /// Connections at a time, each of which takes a descriptor of this process; of more, the newest are closed.
    pub connections_max: u32,
}

impl PublisherConfig {
    /// The defaults: nothing recorded, 100,000 messages a subscriber, a heartbeat every second, 1,000 connections.
    #[must_use]
    pub fn new(endpoint: &str, epoch: u64) -> PublisherConfig {
        PublisherConfig {
            endpoint: endpoint.to_owned(),
            epoch,
            session: Session::unrecorded(),
            high_water_mark: 100_000,
            heartbeat: NANOS_PER_SECOND,
            connections_max: 1_000,
        }
    }
}
