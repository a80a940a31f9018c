//! Who and what is turned away, and how it is told.

use super::document::operations;
use super::{Conforms, Harness};
use crate::database::Place;
use crate::http::BODY_BYTES_MAX;
use serde_json::Value;

/// More than the head of a request may have.
const LONG: usize = 17 << 10;

/// Nobody is let in who shows nothing, something that is no token, or a token that is not good, by any operation that asks.
pub(super) fn unknown_are_refused<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let mut shown = S::refused_tokens(&harness);
    for needed in ["expired", "of another audience"] {
        assert!(
            shown.iter().any(|(name, _)| *name == needed),
            "no token {needed}"
        );
    }
    let administrator = S::administrator(&harness);
    shown.push(("of nobody", "nobody".to_owned()));
    shown.push(("without a signature", "e30.e30.".to_owned()));
    for operation in operations(&harness) {
        if operation.is_public::<S>() {
            continue;
        }
        let (method, target) = (operation.method.as_str(), operation.target::<S>(None));
        let asked = (method, target.as_str());
        let refused = |token: Option<&str>, head: &[(&str, &str)], what: &str| {
            let reply = harness.client.send(asked, token, head, None);
            let code = reply.json()["code"].clone();
            assert_eq!(
                (reply.status, code.as_str()),
                (401, Some("unauthenticated")),
                "{method} {target} with a token {what}"
            );
        };
        refused(None, &[], "left out");
        refused(None, &[("Authorization", "Basic dXNlcjpwYXNz")], "of Basic");
        refused(None, &[("Authorization", "Bearer ")], "that is empty");
        for (what, token) in &shown {
            refused(Some(token), &[], what);
        }
        let twice = [("Authorization", "Bearer x")];
        refused(Some(&administrator), &twice, "and another");
    }
}

/// A head or a body that is too long is refused, and the service goes on.
pub(super) fn requests_are_bounded<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let long = "x".repeat(LONG);
    let request = format!("GET /live HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n");
    let reply = harness.client.raw(request.as_bytes());
    let status = reply.map_or(431, |reply| reply.status);
    assert_eq!(status, 431, "a head of {LONG} bytes");
    let token = S::administrator(&harness);
    let body = Value::String("x".repeat(BODY_BYTES_MAX));
    for operation in operations(&harness) {
        if operation.says["requestBody"].is_object() {
            let target = operation.target::<S>(None);
            let asked = (operation.method.as_str(), target.as_str());
            let token = Some(token.as_str()).filter(|_| !operation.is_public::<S>());
            let reply = harness.client.send(asked, token, &[], Some(&body));
            let code = reply.json()["code"].clone();
            let found = (reply.status, code.as_str());
            assert_eq!(found, (413, Some("too_large")), "{}", operation.name());
        }
    }
    let live = harness.client.get("/live", None).is(200);
    assert_eq!(live.json()["status"], "live");
}
