//! Connections: their number, the size of a head and the time for it are bounded, so that no number of slow or idle callers takes the
//! memory or the descriptors of the process.

use crate::service::Stop;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Connections at a time; of more, the oldest is closed. Half of the descriptors that a process commonly has are left for the rest.
const CONNECTIONS_MAX: usize = 512;
/// Bytes of a request's head.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;
/// Time for a request's head to arrive, and for a connection to be idle.
pub(super) const HEAD_TIME_MAX: Duration = Duration::from_secs(15);
/// Pause after a connection that the system could not give us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes connections until the stop is told, and talks on each; then those that answer may end, for so long.
pub(super) async fn accept<T>(
    listener: &TcpListener,
    mut stop: Stop,
    drain: Duration,
    talk: impl Fn(TcpStream, Stop) -> T,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let mut open = JoinSet::new();
    let mut order: VecDeque<AbortHandle> = VecDeque::new();
    while !stop.is_told() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.told() => break,
        };
        let Ok((stream, _)) = accepted else {
            stop.or_after(ACCEPT_PAUSE).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        if order.len() >= CONNECTIONS_MAX {
            order.retain(|connection| !connection.is_finished());
        }
        if order.len() >= CONNECTIONS_MAX
            && let Some(oldest) = order.pop_front()
        {
            oldest.abort();
        }
        order.push_back(open.spawn(talk(stream, stop.clone())));
    }
    let ended = async { while open.join_next().await.is_some() {} };
    drop(tokio::time::timeout(drain, ended).await);
}

/// One connection of HTTP/1.1, until either side ends it.
pub(super) async fn talk_http(stream: TcpStream, router: Router, mut stop: Stop) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    // Whatever the other side did wrong is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.told() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
