//! The subscriber: reads messages and says with each what was missed before it.
//!
//! It connects again by itself. It asks nobody for what it missed: there is no replay in this protocol yet.

use crate::envelope::Message;
use crate::error::WireError;
use crate::socket::SubscribeSocket;
use crate::topic::{EPOCH, HEARTBEAT, HELLO_PREFIX, JSON_HELLO_PREFIX};
use crate::tracker::{Observed, Tracker};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// What to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberConfig {
    /// The publisher's endpoint, such as `tcp://127.0.0.1:7700`.
    pub endpoint: String,
    /// Prefixes of topics; an empty one is everything, in both encodings.
    pub topics: Vec<String>,
    /// Messages that may wait to be read here; 0 is no limit.
    pub high_water_mark: u32,
}

impl SubscriberConfig {
    /// These topics, with the default of 100,000 messages that may wait.
    #[must_use]
    pub fn new(endpoint: &str, topics: &[&str]) -> SubscriberConfig {
        SubscriberConfig {
            endpoint: endpoint.to_owned(),
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            high_water_mark: 100_000,
        }
    }
}

/// A message and what it revealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The message. Epochs and heartbeats are among them: they show that the publisher lives, and in which session.
    pub message: Message,
    /// What was lost before it, and how a run went on.
    pub observed: Observed,
}

impl Received {
    /// How many messages were lost before this one, as far as it reveals.
    #[must_use]
    pub fn missed(&self) -> u64 {
        let gaps = self.observed.gaps.iter();
        gaps.fold(0, |sum, gap| sum.saturating_add(gap.missed))
    }
}

/// Receives messages from one publisher.
pub struct Subscriber {
    socket: SubscribeSocket,
    tracker: Tracker,
    hello: String,
}

impl Subscriber {
    /// Starts to connect; the publisher need not be there yet. Subscribes to epochs and heartbeats as well.
    ///
    /// # Errors
    /// [`WireError::Socket`] if the endpoint is not one.
    pub fn connect(config: &SubscriberConfig) -> Result<Subscriber, WireError> {
        let hello = format!(
            "{HELLO_PREFIX}{:016x}",
            RandomState::new().hash_one(&config.endpoint)
        );
        let mut prefixes: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        prefixes.extend([EPOCH, HEARTBEAT, &hello]);
        let socket = SubscribeSocket::connect(&config.endpoint, &prefixes, config.high_water_mark)?;
        Ok(Subscriber {
            socket,
            tracker: Tracker::new(config.topics.clone(), hello.clone()),
            hello,
        })
    }

    /// The topic under which the publisher answers this subscriber alone.
    #[must_use]
    pub fn hello(&self) -> &str {
        &self.hello
    }

    /// Whether the publisher has answered: all subscriptions are in force, and every message that is lost from now
    /// on is counted. It becomes true within [`Subscriber::recv`].
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.tracker.is_synced()
    }

    /// The next message; `None` if none came within `timeout`, or a system signal interrupted the wait.
    ///
    /// # Errors
    /// [`WireError::Message`] for bytes that break the protocol (the next call goes on behind them),
    /// [`WireError::Socket`] if the socket fails.
    pub fn recv(&mut self, timeout: Duration) -> Result<Option<Received>, WireError> {
        loop {
            let Some(parts) = self.socket.recv(timeout)? else {
                return Ok(None);
            };
            let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
            let message = Message::decode(&parts).map_err(|error| WireError::Message {
                endpoint: self.socket.endpoint().to_owned(),
                error,
            })?;
            let is_hello = message.topic.starts_with(HELLO_PREFIX)
                || message.topic.starts_with(JSON_HELLO_PREFIX);
            if is_hello && message.topic != self.hello {
                continue; // the answer to another subscriber, seen because we subscribe to everything
            }
            let observed = self.tracker.observe(&message);
            return Ok(Some(Received { message, observed }));
        }
    }
}
