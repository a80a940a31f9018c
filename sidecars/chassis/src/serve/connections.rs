//! Connections: their number, the size of a head and the time for it are bounded, so that no number of slow or idle callers takes the
//! memory or the descriptors of the process.

use crate::http::Peer;
use crate::network::{Network, counted};
use crate::service::Stop;
use axum::Router;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tower_http::add_extension::AddExtension;

/// Connections at a time. Half of the descriptors that a process commonly has are left for the rest.
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
    proxies: &[Network],
    talk: impl Fn((TcpStream, IpAddr), Stop) -> T,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let mut open = JoinSet::new();
    let mut order = Open::default();
    while !stop.is_told() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.told() => break,
        };
        let Ok((stream, from)) = accepted else {
            stop.or_after(ACCEPT_PAUSE).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        let from = from.ip();
        // A proxy has the connections of very many.
        let is_proxy = proxies.iter().any(|network| network.has(from));
        let of = (!is_proxy).then(|| counted(from));
        order.add(of, || open.spawn(talk((stream, from), stop.clone())));
    }
    let ended = async { while open.join_next().await.is_some() {} };
    drop(tokio::time::timeout(drain, ended).await);
}

/// One connection of HTTP/1.1, until either side ends it.
pub(super) async fn talk_http(
    stream: impl Read + Write + Unpin,
    peer: Peer,
    router: Router,
    mut stop: Stop,
) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let service = TowerToHyperService::new(AddExtension::new(router, peer));
    let mut connection = pin!(server.serve_connection(stream, service));
    // Whatever the other side did wrong is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.told() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// Connections that are open, in the order in which they began, with where they are from as callers are counted; `None` is a proxy of
/// ours.
#[derive(Default)]
struct Open {
    order: VecDeque<(Option<IpAddr>, AbortHandle)>,
}

impl Open {
    /// Takes one more. If there are too many, the oldest of the address that has the most is closed: whoever opens very many closes
    /// its own.
    fn add(&mut self, from: Option<IpAddr>, connection: impl FnOnce() -> AbortHandle) {
        if self.order.len() >= CONNECTIONS_MAX {
            self.order
                .retain(|(_, connection)| !connection.is_finished());
        }
        if self.order.len() >= CONNECTIONS_MAX
            && let Some(place) = self.most()
            && let Some((_, oldest)) = self.order.remove(place)
        {
            oldest.abort();
        }
        self.order.push_back((from, connection()));
    }

    /// The place of the oldest connection of the address that has the most; of the oldest of all if only proxies have some.
    fn most(&self) -> Option<usize> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for from in self.order.iter().filter_map(|(from, _)| *from) {
            *counts.entry(from).or_default() += 1;
        }
        let Some(most) = counts.values().copied().max() else {
            return (!self.order.is_empty()).then_some(0);
        };
        let has_most =
            |from: &Option<IpAddr>| from.is_some_and(|from| counts.get(&from) == Some(&most));
        self.order.iter().position(|(from, _)| has_most(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_greediest_loses_its_oldest_connection_and_a_proxy_is_not_greedy() {
        let mut open = Open::default();
        let mut tasks = Vec::new();
        let mut add = |from: Option<&str>| {
            let from = from.map(|from| counted(from.parse().unwrap()));
            let task = tokio::spawn(std::future::pending::<()>());
            open.add(from, || task.abort_handle());
            tasks.push(task);
        };
        for _ in 0..CONNECTIONS_MAX - 110 {
            add(None);
        }
        add(Some("203.0.113.9"));
        // One network of a customer, whose addresses are very many.
        for number in 0..109 {
            add(Some(&format!("2001:db8:0:1::{number:x}")));
        }
        add(Some("203.0.113.10"));
        add(Some("2001:db8:0:1:ffff::1"));
        // Each task has its turn.
        for _ in 0..2 * CONNECTIONS_MAX {
            tokio::task::yield_now().await;
        }
        let mut closed = Vec::new();
        for (place, task) in tasks.into_iter().enumerate() {
            if task.is_finished() {
                closed.push(place);
            }
        }
        let first = CONNECTIONS_MAX - 109;
        assert_eq!(closed, [first, first + 1]);
    }
}
