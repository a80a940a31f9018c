//! The Prometheus page over HTTP: `GET /metrics`. Nothing else is served here.
//!
//! Whoever connects gets one answer and is let go. Connections, the size of a request and the time for it are bounded, so that
//! no number of half-open requests takes the descriptors or the memory of the run: a new connection takes the place of the oldest.

use crate::metrics::Metrics;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Connections at a time.
pub(crate) const CONNECTIONS_MAX: usize = 16;
/// Bytes of a request with its headers.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// Time for a request to arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for a request and its answer together.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(15);
/// Pause after a connection that the system could not give us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Binds the address on a thread of its own and serves until the shutdown; returns the address with its real port.
///
/// # Errors
/// The address cannot be bound.
pub(crate) fn start(
    listen: SocketAddr,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> std::io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind(listen))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(serve(&listener, &metrics, shutdown)))?;
    Ok(address)
}

/// Answers until the shutdown. Running out of descriptors only makes it pause.
async fn serve(listener: &TcpListener, metrics: &Metrics, mut shutdown: watch::Receiver<bool>) {
    let mut open: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the sender is gone, which is a shutdown too.
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS_MAX
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let connection = tokio::spawn(answer_one(stream, metrics.clone()));
        open.push_back(connection.abort_handle());
    }
}

/// One request, one answer.
async fn answer_one(stream: TcpStream, metrics: Metrics) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME_MAX)
        .max_buf_size(REQUEST_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever the other side did wrong is its own affair.
    drop(tokio::time::timeout(CONNECTION_TIME_MAX, connection).await);
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<String> {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the page is /metrics\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
    }
    match metrics.page() {
        Ok(page) => {
            let mut answer = Response::new(page);
            answer.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
            answer
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut answer = Response::new(text.to_owned());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::monitor::TradingView;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn started() -> (SocketAddr, watch::Sender<bool>) {
        let (stop, shutdown) = watch::channel(false);
        let listen = "127.0.0.1:0".parse().expect("an address");
        let address = start(
            listen,
            Metrics::new(TradingView::default(), Vec::new()),
            shutdown,
        )
        .unwrap();
        (address, stop)
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn half_open_requests_hold_nobody_up() {
        let (address, _stop) = started();
        let half: Vec<TcpStream> = (0..8 * CONNECTIONS_MAX)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                // The server may have closed it already to make room.
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x").ok();
                stream
            })
            .collect();
        let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // All but the last ones were closed; those had their place taken by newer ones.
        for mut stream in half.into_iter().take(7 * CONNECTIONS_MAX) {
            let mut rest = Vec::new();
            // Closed with what it had sent unread, it may be a reset.
            let ended = stream.read_to_end(&mut rest);
            assert!(ended.is_err() || rest.is_empty(), "it was answered");
        }
    }

    #[test]
    fn only_the_page_is_served_and_only_once_a_connection() {
        let (address, _stop) = started();
        let twice = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
        let answer = ask(address, &twice);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
            (
                "POST /metrics HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n",
                "405",
            ),
            ("nonsense\r\n\r\n", "400"),
        ] {
            let answer = ask(address, request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
    }

    #[test]
    fn headers_that_are_too_long_are_refused() {
        let (address, _stop) = started();
        let mut stream = TcpStream::connect(address).unwrap();
        let long = "x".repeat(4 * REQUEST_BYTES_MAX);
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {long}\r\n\r\n");
        // It stops reading on the way, so that the rest cannot be written.
        stream.write_all(request.as_bytes()).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 200 "), "{answer}");
    }
}
