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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    async fn next(link: &mut Link) -> Event {
        std::future::poll_fn(|cx| link.poll(cx)).await
    }

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        (listener, url)
    }

    #[tokio::test]
    async fn what_a_venue_does_not_read_is_bounded_and_holds_nothing_up() {
        const PINGS: u32 = 150_000;
        let (listener, url) = listen().await;
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        // It sends pings, reads nothing, and does not go away.
        let venue = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            for _ in 0..PINGS {
                let ping = Message::Ping(vec![b'x'; 125].into());
                socket.feed(ping).await.unwrap();
            }
            socket.flush().await.unwrap();
            is_done.await.ok();
        });
        let mut link = Link::connect(&url);
        assert!(matches!(next(&mut link).await, Event::Connected));
        // Every ping is read, though no answer gets through any more.
        for _ in 0..PINGS {
            let event = next(&mut link).await;
            assert!(
                matches!(event, Event::Message(Message::Ping(_))),
                "{event:?}"
            );
        }
        let waited = link.unsent_for();
        assert!(waited > Duration::ZERO);
        // What waits is at its limit: one more ping of ours has a few bytes, and finds no room soon.
        let refused = (0..limits::UNSENT_BYTES_MAX).find_map(|_| link.ping().err());
        assert_eq!(refused.unwrap(), "cannot send: the venue reads nothing");
        assert!(link.unsent_for() >= waited);
        done.send(()).ok();
        venue.await.unwrap();
    }

    #[tokio::test]
    async fn a_loss_is_told_once_in_plain_words() {
        let (listener, url) = listen().await;
        let venue = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            accept_async(stream)
                .await
                .unwrap()
                .close(None)
                .await
                .unwrap();
            drop(listener.accept().await.unwrap());
        });
        let mut link = Link::connect(&url);
        assert!(matches!(next(&mut link).await, Event::Connected));
        let Event::Lost(text) = next(&mut link).await else {
            panic!("it is closed");
        };
        assert_eq!(text, "the venue closed the connection");
        let after = std::future::poll_fn(|cx| Poll::Ready(link.poll(cx).is_pending())).await;
        assert!(after, "nothing happens until it is told to connect");
        let mut link = Link::connect(&url);
        let Event::Lost(text) = next(&mut link).await else {
            panic!("it is not answered");
        };
        let plain = [
            "connection reset",
            "the venue closed the connection before it answered",
        ];
        assert!(
            plain
                .iter()
                .any(|plain| text == format!("cannot connect: {plain}")),
            "{text}"
        );
        venue.await.unwrap();
        let mut link = Link::connect(&url);
        let Event::Lost(text) = next(&mut link).await else {
            panic!("nobody is there");
        };
        assert_eq!(text, "cannot connect: connection refused");
        let mut link = Link::wait(Duration::from_millis(1));
        assert!(matches!(next(&mut link).await, Event::Due));
    }
}
