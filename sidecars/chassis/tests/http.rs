//! Bounds that every request meets, whichever service answers: a body, a panic, and how many are answered at a time.

#![cfg(test)]

#[path = "http/reached.rs"]
mod reached;

use axum::extract::State;
use axum::routing::{get, post};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::{
    Clock, Context, HttpOptions, Migrations, Place, ProblemCode, Result, Runner, ServeOptions,
    Service, Serving, Stop, serve,
};
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;

/// Requests that are answered at a time.
const REQUESTS_MAX: usize = 256;

/// A service whose answers wait until they may go.
struct Probe {
    gate: Arc<Semaphore>,
}

impl Service for Probe {
    const NAME: &'static str = "probe";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = Arc<Semaphore>;

    async fn new(_: Context, gate: Arc<Semaphore>) -> Result<Arc<Probe>> {
        Ok(Arc::new(Probe { gate }))
    }

    fn rest(self: &Arc<Probe>) -> OpenApiRouter {
        let wait = |State(probe): State<Arc<Probe>>| async move {
            drop(probe.gate.acquire().await);
            "passed"
        };
        OpenApiRouter::new()
            .route("/echo", post(|body: String| async move { body }))
            .route("/wait", get(wait))
            .route("/panic", get(panics))
            .with_state(Arc::clone(self))
    }
}

async fn panics() -> String {
    panic!("a secret of the code")
}

/// The probe, served; until the sender is dropped.
async fn probe(folder: &std::path::Path, gate: Arc<Semaphore>) -> (Serving, watch::Sender<bool>) {
    let local = HttpOptions::local("127.0.0.1:0".parse().unwrap());
    probe_at(folder, gate, local).await
}

/// The probe, served so; until the sender is dropped.
async fn probe_at(
    folder: &std::path::Path,
    gate: Arc<Semaphore>,
    http: HttpOptions,
) -> (Serving, watch::Sender<bool>) {
    let (told, stop) = Stop::new();
    let place = Place::Folder(folder.to_owned());
    let runner = Runner::start::<Probe>(&place, Clock::System, gate, &stop);
    let options = ServeOptions {
        http,
        grpc: None,
        drain: Duration::from_secs(60),
    };
    let serving = serve(vec![runner.await.unwrap()], options, stop);
    (serving.await.unwrap(), told)
}

fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    send_with(address, (method, path), "", body)
}

fn send_with(
    address: SocketAddr,
    (method, path): (&str, &str),
    headers: &str,
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    // It may be answered, and closed, before all of it is sent.
    .ok();
    stream
}

/// Status, head and body.
fn answer(mut stream: TcpStream) -> (u16, String, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

/// The code and the detail of a problem.
fn problem(body: &str) -> (String, String) {
    let problem: Value = serde_json::from_str(body).unwrap();
    let text = |key: &str| problem[key].as_str().unwrap().to_owned();
    (text("code"), text("detail"))
}

#[test]
fn a_large_body_and_a_panic_are_problems_and_the_process_lives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (serving, told) = runtime.block_on(probe(folder.path(), Arc::new(Semaphore::new(1))));
    let echo = |body: &str| answer(send(serving.http, "POST", "/probe/echo", body));
    let most = "x".repeat(64 << 10);
    let (status, _, body) = echo(&most);
    assert_eq!((status, body.len()), (200, most.len()));
    let (status, head, body) = echo(&format!("{most}x"));
    assert_eq!(
        (status, problem(&body).0.as_str()),
        (413, "too_large"),
        "{head}"
    );
    let (status, head, body) = answer(send(serving.http, "GET", "/probe/panic", ""));
    let (code, _) = problem(&body);
    assert_eq!((status, code.as_str()), (500, "internal"), "{head}");
    assert!(!body.contains("secret"), "{body}");
    assert_eq!(echo("still here").2, "still here");
    drop(told);
    runtime.block_on(serving.ended());
}

/// Every code of an error has its page, and what is wrong with a request is told as a problem.
#[test]
fn errors_are_problems_with_pages() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (serving, told) = runtime.block_on(probe(folder.path(), Arc::new(Semaphore::new(1))));
    let send = |method: &str, path: &str| answer(send(serving.http, method, path, ""));
    for code in ProblemCode::all() {
        let (status, _, page) = send("GET", &format!("/errors/{}", code.name()));
        assert_eq!(
            (status, page.as_str()),
            (200, code.page()),
            "{}",
            code.name()
        );
    }
    for (method, path, expected) in [
        ("GET", "/errors/nothing", (404, "not_found")),
        ("GET", "/probe/nothing-of-this-name", (404, "not_found")),
        ("GET", "/live?x=%00", (400, "bad_request")),
        ("DELETE", "/live", (405, "method_not_allowed")),
    ] {
        let (status, head, body) = send(method, path);
        assert_eq!((status, problem(&body).0.as_str()), expected, "{path}");
        assert!(
            head.contains("content-type: application/problem+json"),
            "{head}"
        );
        assert_eq!(head.contains("allow: get,head"), status == 405, "{head}");
    }
    let mut stream = TcpStream::connect(serving.http).unwrap();
    write!(
        stream,
        "GET /live HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let (status, _, body) = answer(stream);
    assert_eq!((status, problem(&body).0.as_str()), (421, "wrong_host"));
    drop(told);
    runtime.block_on(serving.ended());
}

#[test]
fn a_caller_says_how_long_it_waits() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (serving, told) = runtime.block_on(probe(folder.path(), Arc::new(Semaphore::new(0))));
    for (timeout, status, code, detail) in [
        ("20m", 504, "timed_out", "it took more than 0.02 s"),
        (
            "soon",
            400,
            "bad_request",
            "grpc-timeout is `soon`, expected 1 to 8 digits and one of H, M, S, m, u, n",
        ),
    ] {
        let header = format!("grpc-timeout: {timeout}\r\n");
        let sent = send_with(serving.http, ("GET", "/probe/wait"), &header, "");
        let (found, _, body) = answer(sent);
        let expected = (code.to_owned(), detail.to_owned());
        assert_eq!((found, problem(&body)), (status, expected));
    }
    drop(told);
    runtime.block_on(serving.ended());
}

#[test]
fn no_more_requests_are_answered_at_a_time_than_there_are_places() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let (serving, told) = runtime.block_on(probe(folder.path(), Arc::clone(&gate)));
    let wait = || send(serving.http, "GET", "/probe/wait", "");
    // One more than there are places: each waits, but for one of them, which is told so.
    let all: Vec<TcpStream> = (0..=REQUESTS_MAX).map(|_| wait()).collect();
    let (told_so, answers) = std::sync::mpsc::channel();
    for stream in all {
        let told_so = told_so.clone();
        std::thread::spawn(move || told_so.send(answer(stream)));
    }
    let (status, head, body) = answers.recv().unwrap();
    assert_eq!((status, problem(&body).0.as_str()), (503, "overloaded"));
    assert!(head.contains("retry-after: 1"), "{head}");
    // Told to stop, it answers those that it took.
    drop(told);
    gate.add_permits(REQUESTS_MAX);
    for _ in 0..REQUESTS_MAX {
        let (status, _, body) = answers.recv().unwrap();
        assert_eq!((status, body.as_str()), (200, "passed"));
    }
    runtime.block_on(serving.ended());
}

#[test]
fn the_page_of_operations_fetches_nothing_from_elsewhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (serving, told) = runtime.block_on(probe(folder.path(), Arc::new(Semaphore::new(1))));
    for (path, kind) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/page.css", "text/css; charset=utf-8"),
        ("/docs/page.js", "text/javascript; charset=utf-8"),
    ] {
        let (status, head, body) = answer(send(serving.http, "GET", path, ""));
        assert_eq!(status, 200, "{path}");
        assert!(head.contains(&format!("content-type: {kind}")), "{head}");
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{head}"
        );
        assert!(!body.contains("://"), "{path} names another address");
    }
    drop(told);
    runtime.block_on(serving.ended());
}
