//! Traces, as a collector of others gets them.

use super::serve;
use crate::cli::workspace;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What somebody else's request belongs to (W3C Trace Context, section 3.2).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector of others; it ends when its input does.
struct Collector {
    child: Child,
    input: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    port: u16,
}

impl Collector {
    /// `None` where there is no Python for it, which is said.
    fn start() -> Option<Collector> {
        let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
            let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
            println!(
                "skipped: TICKLOOM_PYTHON names no Python with opentelemetry-proto; cargo xtask test prepares one"
            );
            return None;
        };
        let mut child = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/common/collector.py"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Some(Collector {
            input: child.stdin.take(),
            child,
            lines,
            port,
        })
    }

    /// All spans that it got.
    fn end(mut self) -> Vec<Value> {
        drop(self.input.take());
        let spans = self
            .lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let spans = spans.collect();
        assert!(self.child.wait().unwrap().success());
        spans
    }
}

/// The head of the answer to a request with these headers.
fn ask(http: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_collector_of_others_gets_what_was_done_for_a_request() {
    let Some(collector) = Collector::start() else {
        return;
    };
    let dir = workspace();
    let config = dir.path().join("serve.toml");
    let text = format!(
        "[traces]\nendpoint = \"http://127.0.0.1:{}\"\n",
        collector.port
    );
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let (running, http, _) = serve(dir.path(), &["--config", &config]);
    let belongs = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\nX-Request-Id: req-of-mine\r\n");
    let answer = ask(&http, "/activity/v1/runs?after=secret", &belongs);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Not sampled by whoever asks: nothing is sent.
    let unsampled = format!("traceparent: 00-{TRACE}-{PARENT}-00\r\n");
    assert!(ask(&http, "/activity/v1/runs", &unsampled).starts_with("HTTP/1.1 200"));
    // Somebody for whom another asks is not believed.
    let other = format!("X-Forwarded-For: 203.0.113.9\r\n{belongs}");
    assert!(ask(&http, "/live", &other).starts_with("HTTP/1.1 200"));
    // The end sends what is left.
    let stopped = running.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    let spans = collector.end();
    let named =
        |name: &str| -> Vec<&Value> { spans.iter().filter(|span| span["name"] == name).collect() };
    let found = named("GET /activity/v1/runs");
    assert_eq!(found.len(), 1, "{spans:#?}");
    let span = found[0];
    assert_eq!(
        (
            &span["trace"],
            &span["parent"],
            &span["kind"],
            &span["status"]
        ),
        (&json!(TRACE), &json!(PARENT), &json!(2), &json!(0))
    );
    assert_eq!(span["resource"]["service.name"], "tickloom");
    let attributes = &span["attributes"];
    assert_eq!(attributes["http.request.method"], "GET");
    assert_eq!(attributes["http.route"], "/activity/v1/runs");
    assert_eq!(attributes["http.response.status_code"], 200);
    assert_eq!(attributes["tickloom.request"], "req-of-mine");
    assert!(span["lasted"].as_i64().unwrap() > 0);
    let own = named("GET /live");
    assert_eq!(own.len(), 1, "{spans:#?}");
    assert_ne!(own[0]["trace"], TRACE);
    // What a caller wrote is nowhere in it.
    assert!(
        spans
            .iter()
            .all(|span| !span.to_string().contains("secret")),
        "{spans:#?}"
    );
    // What no request asked for is a trace of its own: the schema is made at the start.
    let writes = named("write");
    assert!(!writes.is_empty(), "{spans:#?}");
    for span in writes {
        assert_eq!(span["attributes"]["db.system.name"], "sqlite");
        assert_ne!(span["trace"], TRACE);
    }
}
