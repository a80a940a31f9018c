//! The socket library, all of it: a publishing and a subscribing socket with what this protocol needs of them.
//!
//! Options are set here once, so that nobody is blocked by a slow peer and no peer can make us hold unbounded memory.

use crate::error::WireError;
use crate::limits::{PART_LEN_MAX, SUBSCRIPTION_LEN_MAX};
use nix::sys::socket::{Shutdown, shutdown};
use std::time::Duration;
use zmq::{Context, DONTWAIT, Error, POLLIN, SNDMORE, Socket, SocketEvent, SocketType};

/// How long a socket that is dropped goes on sending what it has accepted.
const LINGER_MS: i32 = 1_000;
/// Silence on a connection after which TCP asks whether the peer still lives, and how often and how long it asks.
const KEEPALIVE_IDLE_S: i32 = 30;
const KEEPALIVE_INTERVAL_S: i32 = 10;
const KEEPALIVE_PROBES: i32 = 3;
/// The longest wait between two attempts to connect.
const RECONNECT_MS_MAX: i32 = 2_000;

/// How long a peer may take to say that it speaks ZeroMQ.
const HANDSHAKE_MS_MAX: i32 = 5_000;
/// Where a publisher's context tells of its connections.
const CONNECTIONS_AT: &str = "inproc://connections";

/// What a subscriber asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SubscriptionEvent {
    Added(Vec<u8>),
    Removed(Vec<u8>),
}

/// A publishing socket that drops messages for a subscriber whose queue is full, and so never blocks.
pub(crate) struct PublishSocket {
    // Before `connections`: while the socket lives, somebody has to hear what it tells of them.
    socket: Socket,
    connections: Connections,
    endpoint: String,
}

/// The connections of a publishing socket: each takes a descriptor, so their number has a bound.
struct Connections {
    monitor: Socket,
    /// Descriptors in the order in which they were accepted.
    open: Vec<i32>,
    most: usize,
    refused: u64,
}

/// A subscribing socket that connects, and connects again, by itself.
pub(crate) struct SubscribeSocket {
    socket: Socket,
    endpoint: String,
}

impl PublishSocket {
    /// Binds; a port of 0 or `*` is replaced by a free one. Of more than `connections_max` connections the newest are closed.
    pub(crate) fn bind(
        endpoint: &str,
        high_water_mark: u32,
        connections_max: u32,
    ) -> Result<Self, WireError> {
        let failed = |e| failure(endpoint, "bind", e);
        let context = Context::new();
        let socket = open(&context, SocketType::XPUB, endpoint).map_err(failed)?;
        socket.set_handshake_ivl(HANDSHAKE_MS_MAX).map_err(failed)?;
        let connections = Connections::watch(&context, &socket, connections_max).map_err(failed)?;
        let mark = i32::try_from(high_water_mark).unwrap_or(i32::MAX);
        socket.set_sndhwm(mark).map_err(failed)?;
        socket.set_linger(LINGER_MS).map_err(failed)?;
        socket
            .set_maxmsgsize(SUBSCRIPTION_LEN_MAX)
            .map_err(failed)?;
        socket.bind(endpoint).map_err(failed)?;
        let bound = socket.get_last_endpoint().map_err(failed)?;
        let endpoint = bound.unwrap_or_else(|_| endpoint.to_owned());
        Ok(PublishSocket {
            socket,
            connections,
            endpoint,
        })
    }

    /// Takes account of who has come and gone, and closes the newest connections that are too many. Returns how many there are,
    /// and how many were closed so far.
    pub(crate) fn bound_connections(&mut self) -> Result<(u64, u64), WireError> {
        let connections = &mut self.connections;
        let failed = |e| failure(&self.endpoint, "watch the connections of", e);
        connections.bound().map_err(failed)?;
        Ok((connections.open.len() as u64, connections.refused))
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

impl Connections {
    fn watch(context: &Context, socket: &Socket, most: u32) -> Result<Connections, Error> {
        let events = [
            SocketEvent::ACCEPTED,
            SocketEvent::DISCONNECTED,
            SocketEvent::CLOSED,
        ];
        let mask = events.map(|event| i32::from(event.to_raw()));
        socket.monitor(CONNECTIONS_AT, mask.into_iter().sum())?;
        let monitor = context.socket(SocketType::PAIR)?;
        // Without a bound, as the library would otherwise wait for us inside itself; we look many times a second.
        monitor.set_rcvhwm(0)?;
        monitor.connect(CONNECTIONS_AT)?;
        Ok(Connections {
            monitor,
            open: Vec::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            refused: 0,
        })
    }

    fn bound(&mut self) -> Result<(), Error> {
        while self.take_event()? {}
        for descriptor in self.open.drain(self.most.min(self.open.len())..) {
            self.refused += 1;
            // The library sees the end of the connection and closes it. One that it has closed in this very moment is no
            // socket any more, or at worst one that its owner connects anew.
            shutdown(descriptor, Shutdown::Both).ok();
        }
        Ok(())
    }

    /// Takes one event in; false if there is none.
    fn take_event(&mut self) -> Result<bool, Error> {
        let event = match self.monitor.recv_msg(DONTWAIT) {
            Ok(event) => event,
            Err(Error::EAGAIN | Error::EINTR) => return Ok(false),
            Err(e) => return Err(e),
        };
        // The second part is the address, which says nothing that we want to know.
        while self.monitor.get_rcvmore()? {
            self.monitor.recv_msg(0)?;
        }
        let Some((code, descriptor)) = decode(&event) else {
            return Ok(true);
        };
        self.open.retain(|open| *open != descriptor);
        if code == SocketEvent::ACCEPTED.to_raw() {
            self.open.push(descriptor);
        }
        Ok(true)
    }
}

/// An event's number and value, as the library lays them out: 16 and 32 bits in the machine's own order.
fn decode(event: &[u8]) -> Option<(u16, i32)> {
    let (code, rest) = event.split_first_chunk()?;
    let value = rest.first_chunk()?;
    Some((u16::from_ne_bytes(*code), i32::from_ne_bytes(*value)))
}

impl SubscribeSocket {
    pub(crate) fn connect(
        endpoint: &str,
        prefixes: &[&str],
        high_water_mark: u32,
    ) -> Result<Self, WireError> {
        let failed = |e| failure(endpoint, "connect", e);
        let socket = open(&Context::new(), SocketType::SUB, endpoint).map_err(failed)?;
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

fn open(context: &Context, kind: SocketType, endpoint: &str) -> Result<Socket, Error> {
    if endpoint.contains('\0') {
        return Err(Error::EINVAL);
    }
    let socket = context.socket(kind)?;
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
