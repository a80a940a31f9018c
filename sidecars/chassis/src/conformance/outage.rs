//! The database goes away and comes back: the service says so, answers what it can, and goes on by itself.

use super::document::operations;
use super::logs::were_told;
use super::postgres::Postgres;
use super::{Conforms, Harness, PATIENCE};
use crate::database::Place;
use crate::service::Service;
use serde_json::Value;
use std::time::Instant;

/// PostgreSQL is killed under the service, and started again.
pub(super) fn database_is_away<S: Conforms>() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let harness = Harness::<S>::new(&Place::Server(server.url()));
    let token = S::administrator(&harness);
    let read = operations(&harness).into_iter().find(|it| !it.changes());
    let target = read.map(|it| it.target::<S>(None)).expect("it has a GET");
    let before = harness.client.get(&target, Some(&token)).status;
    server.kill();
    let away = harness.client.get("/ready", None).is(503).json();
    let troubles: Vec<Value> = away["troubles"][S::Service::NAME]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        troubles.contains(&Value::from("its database does not answer")),
        "{away}"
    );
    // Others log in this process too: this request has a name of its own.
    let request = format!("outage-{}", uuid::Uuid::now_v7());
    let head = [("X-Request-Id", request.as_str())];
    let words = [request.as_str(), "a request was not answered"];
    assert!(!were_told(&words));
    let asked = ("GET", target.as_str());
    let reply = harness.client.send(asked, Some(&token), &head, None);
    let reply = reply.refused(503, "unavailable");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert!(were_told(&words));
    drop(harness.client.get("/live", None).is(200));
    drop(harness.client.get("/health", None).is(200));
    drop(harness.client.get("/metrics", None).is(200));
    server.restart();
    let began = Instant::now();
    while harness.client.get(&target, Some(&token)).status != before {
        assert!(began.elapsed() < PATIENCE, "it does not come back");
    }
    // What it does on its own comes back when it looks again.
    drop(harness);
}
