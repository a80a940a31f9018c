//! `/metrics` is read by a program of others as OpenMetrics 1.0.

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
    let mut reader = Command::new(python)
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = reader.stdin.take().expect("it is piped");
    stdin.write_all(page.body.as_bytes()).expect("it reads");
    drop(stdin);
    let ended = reader.wait_with_output().expect("it ends");
    let (found, wrong) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(ended.status.success(), "{wrong}\n{}", page.body);
    for family in [
        "tickloom_http_requests counter ",
        "tickloom_http_request_seconds histogram ",
        "tickloom_service gauge ",
    ] {
        assert!(found.contains(family), "{found}");
    }
}
