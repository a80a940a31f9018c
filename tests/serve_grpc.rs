//! gRPC from outside: the command line serves it as plain text on loopback, and elsewhere only to those who show a certificate of the
//! authority, which `tickloom admin ca` looks after.

#![cfg(test)]
#![cfg(feature = "services")]

mod cli;
mod common;
#[path = "serve_grpc/traces.rs"]
mod traces;

use cli::{tickloom, workspace};
use common::{Running, get, json};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use tickloom_activity::proto::ListRunsRequest;
use tickloom_activity::proto::activity_client::ActivityClient;
use tickloom_chassis::Clock;
use tickloom_chassis::identity::Identity;
use tickloom_chassis::rpc::{peer_channel, plain_channel};

/// A `tickloom serve` over nothing that is recorded yet: the process, and where gRPC is.
fn serve(folder: &std::path::Path, more: &[&str]) -> (Running, String, String) {
    let record = folder.join("recorded").display().to_string();
    let data = folder.join("services").display().to_string();
    let words = [
        "serve",
        "activity",
        "--record",
        &record,
        "--data",
        &data,
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(&[&words, more].concat());
    let http = running.announced("serving activity at http://");
    let grpc = running.announced("gRPC at ");
    (running, http, grpc)
}

fn refused(words: &[&str]) -> String {
    let ran = tickloom(words);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn plain_text_is_served_on_loopback_and_nowhere_else() {
    let dir = workspace();
    let (running, http, grpc) = serve(dir.path(), &[]);
    let address = grpc.split(' ').next().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let runs = runtime.block_on(async {
        let mut client = ActivityClient::new(plain_channel(address).unwrap());
        client.list_runs(ListRunsRequest::default()).await.unwrap()
    });
    assert!(runs.into_inner().items.is_empty());
    let metrics = get(&http, "/metrics");
    let line =
        r#"tickloom_rpc_calls_total{method="/tickloom.activity.v1.Activity/ListRuns",code="OK"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
    let stopped = running.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);

    let said = refused(&["serve", "--record", "x", "--grpc", "0.0.0.0:0"]);
    assert!(
        said.contains("only addresses of loopback are served"),
        "{said}"
    );
    let said = refused(&["serve", "--record", "x", "--identity", "ca"]);
    assert!(said.contains("which --grpc ADDRESS serves"), "{said}");
    let words = [
        "serve",
        "--record",
        "x",
        "--grpc",
        "127.0.0.1:0",
        "--caller",
        "auth",
    ];
    let said = refused(&words);
    assert!(said.contains("nobody shows a name"), "{said}");
}

#[test]
fn with_an_authority_callers_show_certificates_that_it_issued() {
    let dir = workspace();
    let ca = dir.path().join("ca").display().to_string();
    let said = refused(&["admin", "ca", "show", "--dir", &ca]);
    assert!(said.contains("there is no authority"), "{said}");
    let made = tickloom(&["admin", "ca", "init", "--dir", &ca, "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let shown = tickloom(&["admin", "ca", "show", "--dir", &ca, "--json"]);
    assert_eq!(made.stdout, shown.stdout);
    let shown: Value = json(&shown);
    assert_eq!(shown["domain"], "tickloom");
    assert_eq!(shown["roots"].as_array().unwrap().len(), 1);
    for name in ["billing", "auth"] {
        let issued = tickloom(&["admin", "ca", "issue", name, "--dir", &ca, "--json"]);
        assert_eq!(issued.code, 0, "{}", issued.stderr);
        let issued: Value = json(&issued);
        assert_eq!(issued["id"], format!("spiffe://tickloom/{name}"));
        let mode = std::fs::metadata(issued["file"].as_str().unwrap()).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
    let said = refused(&["admin", "ca", "issue", "authority", "--dir", &ca]);
    assert!(said.contains("no name of a service"), "{said}");

    let (running, http, grpc) = serve(dir.path(), &["--identity", &ca, "--caller", "billing"]);
    let (address, shown) = grpc.split_once(' ').unwrap();
    assert_eq!(shown.trim(), "as spiffe://tickloom/activity");
    let address = address.parse().unwrap();
    let issued = dir.path().join("ca").join("issued");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ask = |name: &str| {
        let identity = Identity::of_folder(&issued, name, Clock::System).unwrap();
        runtime.block_on(async {
            let channel = peer_channel(address, &identity, "activity").unwrap();
            let mut client = ActivityClient::new(channel);
            client.list_runs(ListRunsRequest::default()).await
        })
    };
    assert!(ask("billing").is_ok());
    assert!(ask("auth").is_err());
    assert!(get(&http, "/health").contains(r#""id":"spiffe://tickloom/activity""#));
    // The authority gets another root while it runs; both are accepted.
    let rotated = tickloom(&["admin", "ca", "rotate", "--dir", &ca, "--json"]);
    let rotated: Value = json(&rotated);
    assert_eq!(rotated["roots"].as_array().unwrap().len(), 2);
    assert_eq!(rotated["roots"][1]["signs"], true);
    assert!(ask("billing").is_ok());
    let stopped = running.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
}
