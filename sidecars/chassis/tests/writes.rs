//! What services do when they change something: commands that are sent again, the audit log, effects and mail, on both engines.

#![cfg(test)]

#[path = "writes/audit.rs"]
mod audit;
#[path = "writes/effects.rs"]
mod effects;
#[path = "writes/idempotency.rs"]
mod idempotency;
#[path = "writes/jobs.rs"]
mod jobs;
#[path = "writes/kill.rs"]
mod kill;
#[path = "writes/mail.rs"]
mod mail;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;
#[path = "../../../tests/common/random.rs"]
mod random;
#[path = "../../../tests/common/smtp.rs"]
mod smtp;
#[path = "writes/timers.rs"]
mod timers;

use postgres::Postgres;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tickloom_chassis::Place;
use tickloom_types::Ts;
use tokio::runtime::Runtime;

/// When tests begin: 14 November 2023.
const BEGIN: Ts = Ts(1_700_000_000_000_000_000);
/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);
/// A second, in nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// One server for all tests that run at the same time; it goes with the last of them.
fn server() -> Option<Arc<Postgres>> {
    static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut server = SERVER.lock().unwrap();
    let running = server.upgrade().or_else(|| Postgres::start().map(Arc::new));
    *server = running.as_ref().map_or_else(Weak::new, Arc::downgrade);
    running
}

/// Runs a test on SQLite, and on PostgreSQL where there is one. Names of databases differ between tests.
fn on_both<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    let server = server();
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(test(Place::Folder(folder.path().to_owned())));
    if let Some(server) = server {
        runtime.block_on(test(Place::Server(server.url())));
    }
}

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn is_replayed(&self) -> bool {
        self.head.contains("idempotent-replayed: true")
    }
}

/// Sends a request with a body of JSON, unless a header says that it is something else, and reads the answer to its end; `None` if there is nobody, or the connection breaks.
fn send(address: SocketAddr, line: &str, headers: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let kind = if headers.contains("Content-Type") {
        ""
    } else {
        "Content-Type: application/json\r\n"
    };
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
    .ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap_or("0");
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    if body.len() < length {
        return None;
    }
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: body.to_owned(),
        head,
    })
}
