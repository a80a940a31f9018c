//! HTTP as others reach it: over TLS, under a name, through a proxy, and as often as they may.

use super::{answer, probe_at, problem, send_with};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickloom_chassis::{Certificate, Clock, HttpOptions, RateLimit};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 512;
/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);
const REQUEST: &[u8] = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn local() -> HttpOptions {
    HttpOptions::local("127.0.0.1:0".parse().unwrap())
}

/// What is answered to somebody for whom a proxy on this machine asks.
fn forwarded(address: SocketAddr, from: &str, path: &str) -> (u16, String, String) {
    let header = format!("X-Forwarded-For: {from}\r\n");
    answer(send_with(address, ("GET", path), &header, ""))
}

/// What is answered to a program on this machine at an address that is no proxy's.
fn from_beside(runtime: &Runtime, address: SocketAddr, path: &str) -> u16 {
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let stream = socket.connect(address).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    (&stream).write_all(request.as_bytes()).unwrap();
    answer(stream).0
}

/// Writes a certificate for a name, and its key.
fn write_certificate(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(folder.join("chain.pem"), made.cert.pem()).unwrap();
}

/// What curl finds at a path of a host that is here, whose certificate is in the folder.
fn curl(folder: &Path, address: SocketAddr, host: &str, more: &[&str]) -> (bool, String) {
    let port = address.port();
    let asked = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--noproxy", "*"])
        .arg("--cacert")
        .arg(folder.join("chain.pem"))
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(more)
        .arg(format!("https://{host}:{port}/live"))
        .output()
        .unwrap();
    let text = [asked.stdout, asked.stderr].concat();
    (
        asked.status.success(),
        String::from_utf8(text).unwrap().to_lowercase(),
    )
}

/// Whether one more request on a connection whose first answer has come is answered, or it was closed.
async fn is_answered(stream: &tokio::net::TcpStream) -> bool {
    // A connection that was closed takes it, or says so.
    drop(stream.try_write(REQUEST));
    let mut answers = Vec::new();
    loop {
        stream.readable().await.unwrap();
        match stream.try_read_buf(&mut answers) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        let answers = String::from_utf8_lossy(&answers);
        if answers.matches("HTTP/1.1 200").count() == 2 {
            return true;
        }
    }
}

#[test]
fn over_tls_it_is_asked_under_its_names_and_shows_what_replaces_its_certificate() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path(), "id.example.com");
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    let shown = Certificate::of_files(&chain, &key, Clock::System).unwrap();
    let options = HttpOptions {
        certificate: Some(shown),
        hosts: vec!["id.example.com".to_owned(), "new.example.com".to_owned()],
        ..local()
    };
    let data = tempfile::tempdir().unwrap();
    let probe = probe_at(data.path(), Arc::new(Semaphore::new(0)), options);
    let (serving, told) = runtime.block_on(probe);
    let ask = |host: &str, more: &[&str]| curl(folder.path(), serving.http, host, more);
    let (is_right, text) = ask("id.example.com", &[]);
    assert!(is_right && text.starts_with("http/1.1 200"), "{text}");
    assert!(
        text.contains("strict-transport-security: max-age=63072000\r\n"),
        "{text}"
    );
    let (is_right, text) = ask("id.example.com", &["--header", "Host: other.example.com"]);
    assert!(is_right && text.starts_with("http/1.1 421"), "{text}");
    for version in ["1.2", "1.3"] {
        let (from, to) = (format!("--tlsv{version}"), ["--tls-max", version]);
        let (is_right, text) = ask("id.example.com", &[&from, to[0], to[1]]);
        assert!(
            is_right && text.starts_with("http/1.1 200"),
            "{version}: {text}"
        );
    }
    // What is not asked under a name of ours is told nothing of what it may do to other services of that host.
    let (is_right, text) = ask("id.example.com", &["--header", "Host: localhost"]);
    assert!(is_right && text.starts_with("http/1.1 200"), "{text}");
    assert!(!text.contains("strict-transport-security"), "{text}");
    let (is_right, _) = ask("new.example.com", &[]);
    assert!(!is_right, "a certificate of another name was taken");
    // Plain text gets no answer.
    let mut plain = TcpStream::connect(serving.http).unwrap();
    plain
        .write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut bytes = Vec::new();
    plain.read_to_end(&mut bytes).ok();
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
    write_certificate(folder.path(), "new.example.com");
    // It looks once a second.
    let began = Instant::now();
    while !ask("new.example.com", &[]).0 {
        assert!(
            began.elapsed() < PATIENCE,
            "the new certificate is not shown"
        );
    }
    drop(told);
    runtime.block_on(serving.ended());
}

#[test]
fn how_it_is_sees_this_machine_and_whoever_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = HttpOptions {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        observers: vec!["10.0.0.0/8".parse().unwrap()],
        ..local()
    };
    let probe = probe_at(data.path(), Arc::new(Semaphore::new(0)), options);
    let (serving, told) = runtime.block_on(probe);
    let status = |from: &str, path: &str| forwarded(serving.http, from, path).0;
    for path in ["/health", "/metrics"] {
        // A program on this machine, or a proxy that does not say for whom it asks: nothing tells which.
        let (found, _, body) = answer(super::send(serving.http, "GET", path, ""));
        assert_eq!((found, problem(&body).0.as_str()), (403, "forbidden"));
        assert_eq!(from_beside(&runtime, serving.http, path), 200);
        assert_eq!(status("10.1.2.3", path), 200);
        // What stands left of it somebody wrote.
        let (found, _, body) = forwarded(serving.http, "10.1.2.3, 203.0.113.9", path);
        assert_eq!((found, problem(&body).0.as_str()), (403, "forbidden"));
    }
    let ready = |from: &str| -> Value {
        serde_json::from_str(&forwarded(serving.http, from, "/ready").2).unwrap()
    };
    assert_eq!(ready("203.0.113.9"), serde_json::json!({"status": "ready"}));
    assert_eq!(
        ready("10.1.2.3"),
        serde_json::json!({"status": "ready", "troubles": {}})
    );
    assert_eq!(status("203.0.113.9", "/live"), 200);
    // Only one host, and no other in the target.
    let two = "Host: other.example.com\r\n";
    let (found, _, body) = answer(send_with(serving.http, ("GET", "/live"), two, ""));
    assert_eq!((found, problem(&body).0.as_str()), (400, "bad_request"));
    let whole = "http://other.example.com/live";
    let (found, _, body) = answer(send_with(serving.http, ("GET", whole), "", ""));
    assert_eq!((found, problem(&body).0.as_str()), (421, "wrong_host"));
    drop(told);
    runtime.block_on(serving.ended());
}

#[test]
fn one_address_takes_its_own_allowance_and_nobody_elses() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = HttpOptions {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        // One a second: none comes back while this runs, unless it stands still for that long; then more would be let in.
        rate: RateLimit {
            per_second: 1.try_into().unwrap(),
            burst: 10.try_into().unwrap(),
        },
        ..local()
    };
    let probe = probe_at(data.path(), Arc::new(Semaphore::new(0)), options);
    let (serving, told) = runtime.block_on(probe);
    // As many as it takes: each answer is one less.
    let refused = (0..100_000).find_map(|_| {
        let (status, head, body) = forwarded(serving.http, "203.0.113.9", "/live");
        (status != 200).then_some((status, head, body))
    });
    let (status, head, body) = refused.expect("it is never refused");
    assert_eq!(
        (status, problem(&body).0.as_str()),
        (429, "too_many_requests")
    );
    assert!(head.contains("\r\nretry-after: "), "{head}");
    assert_eq!(forwarded(serving.http, "203.0.113.10", "/live").0, 200);
    // A proxy that does not say for whom it asks has the allowance of one, and no program on this machine has a bound.
    let refused =
        (0..100_000).find(|_| answer(super::send(serving.http, "GET", "/live", "")).0 == 429);
    assert!(refused.is_some(), "it is never refused");
    for _ in 0..30 {
        assert_eq!(from_beside(&runtime, serving.http, "/live"), 200);
    }
    drop(told);
    runtime.block_on(serving.ended());
}

#[test]
fn whoever_opens_very_many_connections_closes_its_own() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let probe = probe_at(data.path(), Arc::new(Semaphore::new(0)), local());
    let (serving, told) = runtime.block_on(probe);
    let mut quiet = TcpStream::connect(serving.http).unwrap();
    let mut ask = || {
        quiet.write_all(REQUEST).unwrap();
        let mut answer = [0; 12];
        quiet.read_exact(&mut answer).unwrap();
        let mut rest = [0; 4096];
        let read = quiet.read(&mut rest).unwrap();
        (String::from_utf8(answer.to_vec()).unwrap(), read > 0)
    };
    assert_eq!(ask(), ("HTTP/1.1 200".to_owned(), true));
    // From another address of loopback, one after another, each in before the next.
    let others: Vec<_> = (0..CONNECTIONS_MAX + 50)
        .map(|number| {
            // A connection that is quiet for long is closed too.
            if number % 50 == 0 {
                assert_eq!(ask(), ("HTTP/1.1 200".to_owned(), true));
            }
            runtime.block_on(async {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
                let stream = socket.connect(serving.http).await.unwrap();
                stream.writable().await.unwrap();
                stream.try_write(REQUEST).unwrap();
                stream.readable().await.unwrap();
                stream
            })
        })
        .collect();
    assert_eq!(ask(), ("HTTP/1.1 200".to_owned(), true));
    // With the quiet one that is 51 too many: its oldest are closed, and its newest is answered.
    runtime.block_on(async {
        for stream in &others[..51] {
            assert!(!is_answered(stream).await);
        }
        assert!(is_answered(others.last().unwrap()).await);
    });
    drop(told);
    drop(others);
    runtime.block_on(serving.ended());
}
