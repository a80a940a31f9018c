//! `/metrics` is read by a program of others as OpenMetrics 1.0, and Prometheus finds nothing to say of its names and words.

use super::{Conforms, Harness};
use crate::database::Place;
use crate::service::Service;
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads the page strictly, and says what it found, a line a family.
const READER: &str = "import sys\n\
    from prometheus_client.openmetrics.parser import text_string_to_metric_families\n\
    for family in text_string_to_metric_families(sys.stdin.read()):\n\
    \x20   print(family.name, family.type, len(family.samples))\n";

/// The reader of `prometheus_client` takes the page, and finds requests and facts in it.
pub(super) fn are_read<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    drop(harness.client.get("/live", None));
    let page = harness.client.get("/metrics", None).is(200);
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    let fact = format!(
        "tickloom_service{{service=\"{}\",fact=\"well\"}} ",
        S::Service::NAME
    );
    assert!(page.body.contains(&fact), "{}", page.body);
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        return;
    };
    let mut reader = Command::new(python);
    let found = read(reader.args(["-c", READER]), &page.body).expect("Python starts");
    for family in [
        "tickloom_http_requests counter ",
        "tickloom_http_request_seconds histogram ",
        "tickloom_service gauge ",
    ] {
        assert!(found.contains(family), "{found}");
    }
    // In the form before OpenMetrics, which its check reads.
    let mut check = Command::new("promtool");
    drop(read(check.args(["check", "metrics"]), &as_text(&page.body)));
}

/// What a program says that takes the page on its standard input; `None` if it is not on this machine.
fn read(program: &mut Command, page: &str) -> Option<String> {
    let piped = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut reader = match piped.spawn() {
        Ok(reader) => reader,
        Err(error) => {
            let is_absent = error.kind() == std::io::ErrorKind::NotFound;
            assert!(is_absent, "{program:?}: {error}");
            return None;
        }
    };
    let mut stdin = reader.stdin.take().expect("it is piped");
    stdin.write_all(page.as_bytes()).expect("it reads");
    drop(stdin);
    let ended = reader.wait_with_output().expect("it ends");
    let wrong = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{wrong}\n{page}");
    Some(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// A page as the text format has it, in which counters are called as their samples are.
fn as_text(page: &str) -> String {
    let is_counter = |name: &str| page.contains(&format!("# TYPE {name} counter\n"));
    let line = |line: &str| {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "EOF"] | ["#", "UNIT", ..] => String::new(),
            ["#", what, name, rest] if is_counter(name) => {
                format!("# {what} {name}_total {rest}\n")
            }
            _ => format!("{line}\n"),
        }
    };
    page.lines().map(line).collect()
}
