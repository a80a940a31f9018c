//! The REST service of the local venue: snapshots of books.

use super::{Request, error_json, query_value, respond, write_response};
use crate::local_venue::fault::SnapshotFault;
use crate::local_venue::playback::{Found, Playback};
use crate::local_venue::step::Recorded;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The deepest snapshot that is served, levels a side.
const DEPTH_MAX: usize = 5_000;

/// Levels a side if the request does not say.
const DEPTH_DEFAULT: usize = 500;

/// Answers a REST request.
pub(super) async fn answer(stream: TcpStream, request: &Request, playback: &Playback) {
    if request.path != playback.venue().depth_path() {
        let json = error_json(-1000, "No such path here.");
        return respond(stream, "404 Not Found", &json).await;
    }
    let symbol = query_value(&request.query, "symbol").unwrap_or("");
    let limit = query_value(&request.query, "limit").map_or(Ok(DEPTH_DEFAULT), str::parse);
    let Some(depth) = limit.ok().filter(|depth| (1..=DEPTH_MAX).contains(depth)) else {
        let json = error_json(-1130, "Data sent for parameter 'limit' is not valid.");
        return respond(stream, "400 Bad Request", &json).await;
    };
    let mut wrong_id = None;
    match playback.snapshot_fault() {
        None => {}
        Some(SnapshotFault::Id(id)) => wrong_id = Some(id),
        Some(SnapshotFault::Refused {
            status,
            retry_after,
        }) => {
            let status = format!("{status} Refused\r\nRetry-After: {retry_after}");
            let json = error_json(-1003, "Too many requests.");
            return respond(stream, &status, &json).await;
        }
        Some(SnapshotFault::Redirected(to)) => {
            let status = format!("302 Found\r\nLocation: {to}");
            return respond(stream, &status, "{}").await;
        }
    }
    if playback.is_in_step() {
        return answer_in_step(stream, symbol, playback).await;
    }
    match playback.snapshot(symbol, depth).await {
        Found::Snapshot(json) => {
            let json = wrong_id.map_or(json.clone(), |id| with_id(&json, id));
            respond(stream, "200 OK", &json).await;
        }
        Found::UnknownSymbol => refuse_symbol(stream).await,
        Found::Never => refuse_snapshot(stream).await,
    }
}

/// Answers with the recorded snapshot once its line is due, and tells the play when it has been taken in: when whoever asked
/// hangs up.
async fn answer_in_step(mut stream: TcpStream, symbol: &str, playback: &Playback) {
    let Some(asked) = playback.ask(symbol) else {
        return refuse_symbol(stream).await;
    };
    let mut rest = [0; 64];
    let recorded = tokio::select! {
        recorded = asked => recorded,
        // Whoever asked sends nothing more: it has gone.
        _ = stream.read(&mut rest) => return,
    };
    let Ok(Recorded { body, taken }) = recorded else {
        return refuse_snapshot(stream).await;
    };
    if write_response(&mut stream, "200 OK", &body).await.is_err() {
        return;
    }
    while let Ok(read) = stream.read(&mut rest).await {
        if read == 0 {
            // An error means that the play has ended.
            taken.send(()).ok();
            return;
        }
    }
}

async fn refuse_symbol(stream: TcpStream) {
    let json = error_json(-1121, "Invalid symbol.");
    respond(stream, "400 Bad Request", &json).await;
}

async fn refuse_snapshot(stream: TcpStream) {
    let json = error_json(-1000, "The recording has no snapshot of this symbol.");
    respond(stream, "503 Service Unavailable", &json).await;
}

/// A snapshot that says to be at another update id.
fn with_id(json: &str, id: u64) -> String {
    let rest = json.split_once(',').map_or("", |(_, rest)| rest);
    format!("{{\"lastUpdateId\":{id},{rest}")
}
