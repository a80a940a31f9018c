//! The sockets of a venue under load: answers for the snapshot, and one connection at a time that is sent to.

use super::Shared;
use super::messages::Round;
use crate::local_venue::server::{accept_websocket, error_json, parse_request, read_head, respond};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// Messages, and about how many bytes, that are written at once.
const BATCH_MESSAGES: usize = 1_024;
const BATCH_BYTES: usize = 64 << 10;
/// Pause of a venue that is ahead of its rate.
const PAUSE: Duration = Duration::from_millis(1);

/// What all connections share.
struct Venue {
    snapshot: String,
    has_depth: bool,
    /// Whether the snapshot was asked for: before that only the first message is sent.
    is_asked: watch::Sender<bool>,
    rate: Option<NonZero<u32>>,
    shared: Arc<Shared>,
    /// Whoever has it is sent to.
    round: Mutex<Round>,
}

/// Accepts connections for ever.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    round: Round,
    rate: Option<NonZero<u32>>,
    shared: Arc<Shared>,
) {
    let listener = TcpListener::from_std(listener)
        .expect("the listener was made non-blocking, and a runtime with I/O is running");
    let venue = Arc::new(Venue {
        snapshot: round.snapshot.clone(),
        has_depth: round.has_depth(),
        is_asked: watch::channel(false).0,
        rate,
        shared,
        round: Mutex::new(round),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error concerns one peer that went away while it was being accepted.
            accepted = listener.accept() => if let Ok((stream, _peer)) = accepted {
                connections.spawn(converse(stream, Arc::clone(&venue)));
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// One connection. Its errors mean that the peer is gone, which ends it.
async fn converse(mut stream: TcpStream, venue: Arc<Venue>) {
    // If it cannot be set, messages are only slower.
    stream.set_nodelay(true).ok();
    let Ok(head) = read_head(&mut stream).await else {
        return;
    };
    let Some(request) = parse_request(&head) else {
        let json = error_json(-1000, "Bad request.");
        return respond(stream, "400 Bad Request", &json).await;
    };
    let Some(key) = request.websocket_key else {
        respond(stream, "200 OK", &venue.snapshot).await;
        venue.is_asked.send_replace(true);
        return;
    };
    if accept_websocket(&mut stream, &key).await.is_err() {
        return;
    }
    let (mut from, mut to) = stream.into_split();
    let mut said = [0; 1 << 10];
    let is_gone = async {
        // What the peer says needs no answer: it is never quiet here for so long that it would ask.
        while from.read(&mut said).await.is_ok_and(|bytes| bytes > 0) {}
    };
    tokio::select! {
        () = is_gone => {}
        // An error means that the peer is gone.
        _sent = send(&venue, &mut to) => {}
    }
}

/// Sends until nothing more is to be sent, and then holds the connection.
async fn send(venue: &Venue, to: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
    let mut round = venue.round.lock().await;
    let (mut is_over, mut is_asked) =
        (venue.shared.is_over.subscribe(), venue.is_asked.subscribe());
    if venue.has_depth && !*is_asked.borrow() {
        let batch = venue.batch(&mut round, 1);
        to.write_all(batch).await?;
        // The sender lives as long as this.
        drop(is_asked.wait_for(|asked| *asked).await);
    }
    let (began, mut sent) = (Instant::now(), 0_u64);
    while !*is_over.borrow_and_update() {
        let room = venue.rate.map_or(BATCH_MESSAGES, |rate| {
            let due = began.elapsed().as_millis() * u128::from(rate.get()) / 1_000;
            let due = u64::try_from(due).unwrap_or(u64::MAX);
            usize::try_from(due.saturating_sub(sent)).unwrap_or(BATCH_MESSAGES)
        });
        if room == 0 {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let before = venue.shared.sent().messages;
        let batch = venue.batch(&mut round, room.min(BATCH_MESSAGES));
        sent += venue.shared.sent().messages - before;
        to.write_all(batch).await?;
    }
    venue.shared.has_ended.store(true, Ordering::Release);
    std::future::pending().await
}

impl Venue {
    fn batch<'a>(&self, round: &'a mut Round, messages_max: usize) -> &'a [u8] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_millis());
        let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
        round.next(messages_max, BATCH_BYTES, now_ms, &mut self.shared.sent())
    }
}
