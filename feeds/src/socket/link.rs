//! One WebSocket: made, read, written and given up without ever being waited for alone.
//!
//! Everything here is polled, so that whoever polls can look at its timer in between: a venue that does not answer, does
//! not read or does not close holds nothing up. What waits to be sent is bounded.

use crate::limits;
use futures_util::{SinkExt, StreamExt};
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Connecting = Pin<Box<dyn Future<Output = Result<Socket, String>> + Send>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Small writes go out at once; this only says how much is put together while they cannot.
const WRITE_BUFFER: usize = 16 << 10;

const _: () = assert!(WRITE_BUFFER < limits::UNSENT_BYTES_MAX);

/// What happened to a link.
#[derive(Debug)]
pub(super) enum Event {
    /// It is connected.
    Connected,
    /// A message came.
    Message(Message),
    /// It could not be connected, or the connection is lost, for this reason.
    Lost(String),
    /// A message began that is larger than any that is read: of so many bytes.
    Huge(usize),
    /// The wait is over.
    Due,
}

enum Step {
    Waiting(Pin<Box<Sleep>>),
    Connecting(Connecting),
    Open(Wire),
    /// Nothing happens until it is told to connect or wait.
    Done,
}

/// An open socket.
struct Wire {
    socket: Box<Socket>,
    is_flushing: bool,
    /// Since when something waits to be sent.
    unsent_since: Option<Instant>,
}

/// A connection, or the wait for one.
pub(super) struct Link {
    step: Step,
}

impl Link {
    /// Begins to connect.
    pub(super) fn connect(url: &str) -> Link {
        Link {
            step: Step::Connecting(Box::pin(connect(url.to_owned()))),
        }
    }

    /// Waits, and then is due.
    pub(super) fn wait(duration: Duration) -> Link {
        Link {
            step: Step::Waiting(Box::pin(tokio::time::sleep(duration))),
        }
    }

    /// The next thing that happens.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = match &mut self.step {
            Step::Done => return Poll::Pending,
            Step::Waiting(sleep) => {
                std::task::ready!(sleep.as_mut().poll(cx));
                Event::Due
            }
            Step::Connecting(connecting) => match std::task::ready!(connecting.as_mut().poll(cx)) {
                Ok(socket) => {
                    self.step = Step::Open(Wire {
                        socket: Box::new(socket),
                        is_flushing: false,
                        unsent_since: None,
                    });
                    return Poll::Ready(Event::Connected);
                }
                Err(text) => Event::Lost(text),
            },
            Step::Open(wire) => match std::task::ready!(wire.poll(cx)) {
                Some(Ok(Message::Close(_))) | None => {
                    Event::Lost("the venue closed the connection".to_owned())
                }
                Some(Ok(message)) => return Poll::Ready(Event::Message(message)),
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                    Event::Huge(size)
                }
                Some(Err(error)) => {
                    Event::Lost(format!("the connection is lost: {}", plain(&error)))
                }
            },
        };
        self.step = Step::Done;
        Poll::Ready(event)
    }

    /// Puts a ping with what waits to be sent.
    ///
    /// # Errors
    /// The venue has read nothing for so long that there is no room.
    pub(super) fn ping(&mut self) -> Result<(), String> {
        let Step::Open(wire) = &mut self.step else {
            return Ok(());
        };
        wire.is_flushing = true;
        let ping = Message::Ping(tungstenite::Bytes::new());
        wire.socket
            .start_send_unpin(ping)
            .map_err(|error| format!("cannot send: {}", plain(&error)))
    }

    /// For how long something has waited to be sent.
    pub(super) fn unsent_for(&self) -> Duration {
        match &self.step {
            Step::Open(wire) => wire
                .unsent_since
                .map_or(Duration::ZERO, |since| since.elapsed()),
            _ => Duration::ZERO,
        }
    }
}

impl Wire {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.is_flushing {
            match self.socket.poll_flush_unpin(cx) {
                Poll::Ready(Ok(())) => {
                    self.is_flushing = false;
                    self.unsent_since = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {
                    self.unsent_since.get_or_insert_with(Instant::now);
                }
            }
        }
        let message = std::task::ready!(self.socket.poll_next_unpin(cx));
        // The library answers it; the answer may have to wait.
        self.is_flushing |= matches!(message, Some(Ok(Message::Ping(_))));
        Poll::Ready(message)
    }
}

async fn connect(url: String) -> Result<Socket, String> {
    let config = WebSocketConfig::default()
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(limits::UNSENT_BYTES_MAX)
        .max_message_size(Some(limits::FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::FRAME_BYTES_MAX));
    let without_nagle = true;
    let connecting = connect_async_with_config(&url, Some(config), without_nagle);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(format!("cannot connect: {}", plain(&error))),
        Err(_elapsed) => Err("cannot connect: no answer in time".to_owned()),
    }
}

/// What went wrong, in the words of a person.
fn plain(error: &Error) -> String {
    match error {
        Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::ConnectionReset => "connection reset".to_owned(),
            ErrorKind::ConnectionAborted => "connection aborted".to_owned(),
            ErrorKind::TimedOut => "timed out".to_owned(),
            ErrorKind::BrokenPipe => "the venue has closed it".to_owned(),
            ErrorKind::UnexpectedEof => "the venue has ended it".to_owned(),
            _ => error.to_string(),
        },
        Error::Http(response) => format!("HTTP status {}", response.status().as_u16()),
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            "the venue closed the connection before it answered".to_owned()
        }
        Error::WriteBufferFull(_) => "the venue reads nothing".to_owned(),
        error => error.to_string(),
    }
}
