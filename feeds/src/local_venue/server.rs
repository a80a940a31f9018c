//! Connections of the local venue: HTTP requests, WebSocket upgrades, subscriptions.

mod depth;

use super::playback::{Playback, Shape, ToConnection, TopicSet};
use crate::binance::{Channel, Venue};
use crate::json;
use crate::limits;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use sonic_rs::LazyValue;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Accepts connections for ever.
pub(super) async fn serve(listener: std::net::TcpListener, playback: Arc<Playback>) {
    let listener = TcpListener::from_std(listener)
        .expect("the listener was made non-blocking, and a runtime with I/O is running");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error concerns one peer that went away while it was being accepted.
            accepted = listener.accept() => if let Ok((stream, _peer)) = accepted {
                connections.spawn(converse(stream, Arc::clone(&playback)));
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// The parts of a request that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    path: String,
    query: String,
    pub(super) websocket_key: Option<String>,
}

/// One connection. Its errors mean that the peer is gone, which ends it.
async fn converse(mut stream: TcpStream, playback: Arc<Playback>) {
    // Frames are small and must not wait for each other; if it cannot be set, they are only slower.
    stream.set_nodelay(true).ok();
    let request = match read_head(&mut stream).await {
        Ok(head) => parse_request(&head),
        Err(_gone) => return,
    };
    match request {
        Some(request) if request.websocket_key.is_some() => {
            if playback.refuses_connection() {
                return;
            }
            upgrade(stream, &request, &playback).await;
        }
        Some(request) => depth::answer(stream, &request, &playback).await,
        None => {
            respond(
                stream,
                "400 Bad Request",
                &error_json(-1000, "Bad request."),
            )
            .await
        }
    }
}

pub(super) async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < limits::REQUEST_BYTES_MAX {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

pub(super) fn parse_request(head: &[u8]) -> Option<Request> {
    let head = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    if words.next() != Some("GET") {
        return None;
    }
    let target = words.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let key = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    Some(Request {
        path: path.to_owned(),
        query: query.to_owned(),
        websocket_key: key.map(|(_, value)| value.trim().to_owned()),
    })
}

fn query_value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

pub(super) fn error_json(code: i32, text: &str) -> String {
    format!("{{\"code\":{code},\"msg\":\"{text}\"}}")
}

pub(super) async fn respond(mut stream: TcpStream, status: &str, json: &str) {
    // An error means that the client went away before its answer.
    write_response(&mut stream, status, json).await.ok();
}

async fn write_response(stream: &mut TcpStream, status: &str, json: &str) -> std::io::Result<()> {
    let length = json.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + json).as_bytes()).await?;
    stream.shutdown().await
}

/// Answers a request for a WebSocket that has this key.
pub(super) async fn accept_websocket(stream: &mut TcpStream, key: &str) -> std::io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await
}

/// Turns the connection into a WebSocket and plays to it.
async fn upgrade(mut stream: TcpStream, request: &Request, playback: &Playback) {
    let venue = playback.venue();
    let (group, path) = split_group(venue, &request.path);
    let Some((shape, streams)) = requested_streams(path, &request.query) else {
        let json = error_json(-1000, "No such path here.");
        return respond(stream, "404 Not Found", &json).await;
    };
    let Ok(mut topics) = topics_of(streams.split('/').filter(|stream| !stream.is_empty())) else {
        let json = error_json(-1000, "Unknown stream.");
        return respond(stream, "400 Bad Request", &json).await;
    };
    topics.retain(|(_, channel)| venue.group_of(*channel) == group);
    let key = request.websocket_key.as_deref().unwrap_or("");
    if accept_websocket(&mut stream, key).await.is_err() {
        return;
    }
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let (id, queue) = playback.join(shape, topics);
    let mut connection = Connection {
        socket,
        id,
        group,
        playback,
        confirming: None,
        pings: 0,
    };
    // An error means that the peer is gone.
    connection.run(queue).await.ok();
    playback.leave(id);
}

/// The part of a path that says which streams it has, and the rest.
fn split_group(venue: Venue, path: &str) -> (&'static str, &str) {
    let groups = venue.groups().iter();
    let mut found = groups.filter_map(|group| {
        let rest = path.strip_prefix(group)?;
        rest.starts_with('/').then_some((*group, rest))
    });
    // The old path: it is there, and has nothing.
    found.next().unwrap_or(("", path))
}

/// How frames are wanted and the streams that the address names.
fn requested_streams<'a>(path: &'a str, query: &'a str) -> Option<(Shape, &'a str)> {
    match path {
        "/stream" => {
            let streams = query_value(query, "streams");
            Some((Shape::Combined, streams.unwrap_or("")))
        }
        "/ws" => Some((Shape::Raw, "")),
        path => path
            .strip_prefix("/ws/")
            .map(|streams| (Shape::Raw, streams)),
    }
}

/// The topics of stream names, or the first name that is none.
fn topics_of<'a>(streams: impl Iterator<Item = &'a str>) -> Result<TopicSet, String> {
    let topics = streams.map(|stream| Channel::of_stream(stream).ok_or_else(|| stream.to_owned()));
    topics.collect()
}

type Gone = tokio_tungstenite::tungstenite::Error;

struct Connection<'a> {
    socket: WebSocketStream<TcpStream>,
    id: u64,
    /// The path that its streams are below: what is of another is acknowledged and not sent.
    group: &'static str,
    playback: &'a Playback,
    /// The ping whose answer is waited for, by its number, and who waits.
    confirming: Option<(u64, oneshot::Sender<()>)>,
    pings: u64,
}

/// A request over the WebSocket.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<LazyValue<'a>>,
    method: Option<String>,
    params: Option<Vec<String>>,
}

impl Connection<'_> {
    async fn run(&mut self, mut queue: Receiver<ToConnection>) -> Result<(), Gone> {
        loop {
            tokio::select! {
                word = queue.recv() => {
                    let mut word = word;
                    while let Some(now) = word {
                        match now {
                            ToConnection::Send(message) => self.socket.feed(message).await?,
                            ToConnection::Confirm(tell) => {
                                self.pings += 1;
                                let payload = self.pings.to_be_bytes().to_vec();
                                self.confirming = Some((self.pings, tell));
                                self.socket.feed(Message::Ping(payload.into())).await?;
                            }
                            ToConnection::Close => return self.socket.close(None).await,
                            ToConnection::Cut => return self.socket.flush().await,
                            ToConnection::Stall => {
                                self.socket.flush().await?;
                                std::future::pending().await
                            }
                            ToConnection::Pings(pings) => self.send_pings(pings).await?,
                            ToConnection::Deaf(pings) => {
                                self.send_pings(pings).await?;
                                std::future::pending().await
                            }
                        }
                        word = queue.try_recv().ok();
                    }
                    self.socket.flush().await?;
                }
                request = self.socket.next() => match request {
                    Some(Ok(Message::Text(text))) => {
                        let reply = self.call(&text);
                        self.socket.send(Message::text(reply)).await?;
                    }
                    Some(Ok(Message::Pong(payload))) => self.confirm(&payload),
                    Some(Ok(Message::Close(_))) | None => return Ok(()),
                    // The library answers pings.
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                }
            }
        }
    }

    /// A pong came: what was sent before its ping has been taken in.
    fn confirm(&mut self, payload: &[u8]) {
        let is_it = |(number, _): &mut (u64, _)| number.to_be_bytes() == payload;
        if let Some((_, tell)) = self.confirming.take_if(is_it) {
            // An error means that the play has ended.
            tell.send(()).ok();
        }
    }

    /// Sends pings as long as any can be, without reading what comes back.
    async fn send_pings(&mut self, pings: u64) -> Result<(), Gone> {
        let payload = Bytes::from_static(&[b'x'; 125]);
        for _ in 0..pings {
            self.socket.feed(Message::Ping(payload.clone())).await?;
        }
        self.socket.flush().await
    }

    /// Does what a request asks, and returns the reply.
    fn call(&self, text: &str) -> String {
        let Ok(call) = json::parse::<Call<'_>>(text.as_bytes()) else {
            return "{\"error\":{\"code\":3,\"msg\":\"Invalid JSON\"}}".to_owned();
        };
        let id = call.id.as_ref().map_or("null", |id| id.as_raw_str());
        let refuse = |code: u8, text: &str| {
            format!("{{\"error\":{{\"code\":{code},\"msg\":\"{text}\"}},\"id\":{id}}}")
        };
        let params = call.params.unwrap_or_default();
        let Ok(mut topics) = topics_of(params.iter().map(String::as_str)) else {
            return refuse(2, "Invalid request: unknown stream");
        };
        let venue = self.playback.venue();
        topics.retain(|(_, channel)| venue.group_of(*channel) == self.group);
        match call.method.as_deref() {
            Some("SUBSCRIBE") => {
                let add = |subscribed: &mut TopicSet| subscribed.extend(topics);
                self.playback.change_topics(self.id, add);
            }
            Some("UNSUBSCRIBE") => {
                let remove =
                    |subscribed: &mut TopicSet| subscribed.retain(|one| !topics.contains(one));
                self.playback.change_topics(self.id, remove);
            }
            _ => return refuse(2, "Invalid request: unknown method"),
        }
        format!("{{\"result\":null,\"id\":{id}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_apart() {
        let head = b"GET /stream?streams=a@trade/b@depth&x=1 HTTP/1.1\r\nHost: h\r\nsec-websocket-KEY:  abc \r\n\r\n";
        let request = parse_request(head).unwrap();
        assert_eq!(request.websocket_key.as_deref(), Some("abc"));
        assert_eq!(
            requested_streams(&request.path, &request.query),
            Some((Shape::Combined, "a@trade/b@depth"))
        );
        assert_eq!(query_value(&request.query, "x"), Some("1"));
        for wrong in ["", "GET", "POST / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n"] {
            assert_eq!(parse_request(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
