//! The socket library, all of it: a publishing and a subscribing socket with what this protocol needs of them.
//!
//! Options are set here once, so that nobody is blocked by a slow peer and no peer can make us hold unbounded memory.

use crate::error::WireError;
use crate::limits::{PART_LEN_MAX, SUBSCRIPTION_LEN_MAX};
use std::time::Duration;
use zmq::{Context, DONTWAIT, Error, POLLIN, SNDMORE, Socket, SocketType};

/// How long a socket that is dropped goes on sending what it has accepted.
const LINGER_MS: i32 = 1_000;
/// Silence on a connection after which TCP asks whether the peer still lives, and how often and how long it asks.
const KEEPALIVE_IDLE_S: i32 = 30;
const KEEPALIVE_INTERVAL_S: i32 = 10;
const KEEPALIVE_PROBES: i32 = 3;
/// The longest wait between two attempts to connect.
const RECONNECT_MS_MAX: i32 = 2_000;

/// What a subscriber asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SubscriptionEvent {
    Added(Vec<u8>),
    Removed(Vec<u8>),
}

/// A publishing socket that drops messages for a subscriber whose queue is full, and so never blocks.
pub(crate) struct PublishSocket {
    socket: Socket,
    endpoint: String,
}

/// A subscribing socket that connects, and connects again, by itself.
pub(crate) struct SubscribeSocket {
    socket: Socket,
    endpoint: String,
}

impl PublishSocket {
    /// Binds; a port of 0 or `*` is replaced by a free one.
    pub(crate) fn bind(endpoint: &str, high_water_mark: u32) -> Result<Self, WireError> {
        let failed = |e| failure(endpoint, "bind", e);
        let socket = open(SocketType::XPUB, endpoint).map_err(failed)?;
        let mark = i32::try_from(high_water_mark).unwrap_or(i32::MAX);
        socket.set_sndhwm(mark).map_err(failed)?;
        socket.set_linger(LINGER_MS).map_err(failed)?;
        socket
            .set_maxmsgsize(SUBSCRIPTION_LEN_MAX)
            .map_err(failed)?;
        socket.bind(endpoint).map_err(failed)?;
        let bound = socket.get_last_endpoint().map_err(failed)?;
        let endpoint = bound.unwrap_or_else(|_| endpoint.to_owned());
        Ok(PublishSocket { socket, endpoint })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn send(&self, parts: [&[u8]; 3]) -> Result<(), WireError> {
        let [topic, envelope, payload] = parts;
        self.socket
            .send(topic, SNDMORE)
            .and_then(|()| self.socket.send(envelope, SNDMORE))
            .and_then(|()| self.socket.send(payload, 0))
            .map_err(|e| failure(&self.endpoint, "send", e))
    }

    /// The next change of who has subscribed to what, if one is there.
    pub(crate) fn next_subscription(&self) -> Result<Option<SubscriptionEvent>, WireError> {
        loop {
            let message = match self.socket.recv_msg(DONTWAIT) {
                Ok(message) => message,
                Err(Error::EAGAIN | Error::EINTR) => return Ok(None),
                Err(e) => return Err(failure(&self.endpoint, "read subscriptions", e)),
            };
            match message.split_first() {
                Some((1, prefix)) => return Ok(Some(SubscriptionEvent::Added(prefix.to_vec()))),
                Some((0, prefix)) => return Ok(Some(SubscriptionEvent::Removed(prefix.to_vec()))),
                _ => {} // not a subscription: this socket takes nothing else
            }
        }
    }

    /// Waits until a subscription may be there; false after the time-out or an interrupt.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<bool, WireError> {
        wait(&self.socket, timeout).map_err(|e| failure(&self.endpoint, "wait", e))
    }
}

impl SubscribeSocket {
    pub(crate) fn connect(
        endpoint: &str,
        prefixes: &[&str],
        high_water_mark: u32,
    ) -> Result<Self, WireError> {
        let failed = |e| failure(endpoint, "connect", e);
        let socket = open(SocketType::SUB, endpoint).map_err(failed)?;
        let mark = i32::try_from(high_water_mark).unwrap_or(i32::MAX);
        socket.set_rcvhwm(mark).map_err(failed)?;
        socket.set_linger(0).map_err(failed)?;
        socket.set_maxmsgsize(PART_LEN_MAX).map_err(failed)?;
        socket
            .set_reconnect_ivl_max(RECONNECT_MS_MAX)
            .map_err(failed)?;
        for prefix in prefixes {
            socket.set_subscribe(prefix.as_bytes()).map_err(failed)?;
        }
        socket.connect(endpoint).map_err(failed)?;
        Ok(SubscribeSocket {
            socket,
            endpoint: endpoint.to_owned(),
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The parts of the next message; `None` after the time-out or an interrupt.
    pub(crate) fn recv(&self, timeout: Duration) -> Result<Option<Vec<zmq::Message>>, WireError> {
        let failed = |e| failure(&self.endpoint, "receive", e);
        let first = match self.socket.recv_msg(DONTWAIT) {
            Err(Error::EAGAIN) if wait(&self.socket, timeout).map_err(failed)? => {
                self.socket.recv_msg(DONTWAIT)
            }
            other => other,
        };
        let mut parts = match first {
            Ok(part) => vec![part],
            Err(Error::EAGAIN | Error::EINTR) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        // A message is delivered whole: once its first part is here, the others are.
        while parts.last().is_some_and(zmq::Message::get_more) {
            parts.push(self.socket.recv_msg(0).map_err(failed)?);
        }
        Ok(Some(parts))
    }
}

fn open(kind: SocketType, endpoint: &str) -> Result<Socket, Error> {
    if endpoint.contains('\0') {
        return Err(Error::EINVAL);
    }
    let socket = Context::new().socket(kind)?;
    socket.set_tcp_keepalive(1)?;
    socket.set_tcp_keepalive_idle(KEEPALIVE_IDLE_S)?;
    socket.set_tcp_keepalive_intvl(KEEPALIVE_INTERVAL_S)?;
    socket.set_tcp_keepalive_cnt(KEEPALIVE_PROBES)?;
    Ok(socket)
}

fn wait(socket: &Socket, timeout: Duration) -> Result<bool, Error> {
    let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    match socket.poll(POLLIN, timeout_ms) {
        Ok(count) => Ok(count > 0),
        Err(Error::EINTR) => Ok(false),
        Err(e) => Err(e),
    }
}

fn failure(endpoint: &str, action: &'static str, error: Error) -> WireError {
    WireError::Socket {
        endpoint: endpoint.to_owned(),
        action,
        reason: error.to_string(),
    }
}
