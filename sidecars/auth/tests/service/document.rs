//! What is promised: the document of the API, and who may do what. Both are files that only change on purpose: with
//! `UPDATE_GOLDEN=1` they are written anew.

use crate::client::Reply;
use crate::{Served, access_token, on_both, text};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Compares with a file, or writes it.
#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} is not what the service does; if that is meant, write it anew with UPDATE_GOLDEN=1. Found:\n{found}"
    );
}

fn document(served: &Served) -> Value {
    served.client.get("/auth/openapi.json", None).is(200).json()
}

/// Method and path of each operation.
fn operations(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            found.push((method.to_uppercase(), path.clone()));
        }
    }
    found
}

#[test]
fn the_document_is_the_one_that_was_promised() {
    on_both(|place| {
        let served = Served::start(&place);
        let document = document(&served);
        assert!(text(&document, "openapi").starts_with("3.1"));
        let shown = serde_json::to_string_pretty(&document).unwrap() + "\n";
        golden("openapi.json", &shown);
        for (method, path) in operations(&document) {
            let operation = &document["paths"][&path][method.to_lowercase()];
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{method} {path}"
            );
            assert!(operation["responses"]["4XX"].is_object(), "{method} {path}");
        }
    });
}

/// Whether somebody is let in, whatever is said of the rest of the request.
fn verdict(reply: &Reply) -> &'static str {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    match body["code"].as_str() {
        Some("unauthenticated") => "who?",
        Some("forbidden") => "no",
        Some("internal" | "method_not_allowed") => panic!("{reply:?}"),
        _ => "yes",
    }
}

#[test]
fn who_may_do_what_is_as_it_was_promised() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let eve = served.person(&ada, "eve@example.com");
        let carl = served.person(&ada, "carl@example.com");
        served.grant(&ada, &eve["account"], "viewer", "*");
        let key = |tokens: &Value, scope: &str| {
            let body = json!({"name": "k", "scopes": [scope]});
            let path = "/auth/v1/accounts/me/keys";
            let created = served.client.post(path, Some(access_token(tokens)), &body);
            text(&created.is(201).json(), "secret").to_owned()
        };
        let (narrow, own) = (key(&ada, "run.read"), key(&carl, "*"));
        let who = [
            ("nobody", None),
            ("person", Some(access_token(&bob))),
            ("viewer", Some(access_token(&eve))),
            ("administrator", Some(access_token(&ada))),
            ("key for run.read", Some(narrow.as_str())),
        ];
        let mut found = "# Who may do what; `of oneself` is a key for everything of a person without grants, on their own account.\n".to_owned();
        let operations = operations(&document(&served));
        for (method, path) in &operations {
            let ask = |account: &str, token: Option<&str>| {
                let path = path
                    .replace("{account}", account)
                    .replace("{session}", "ses_0")
                    .replace("{key}", "tlk_0")
                    .replace("{grant}", "grn_0");
                let query = if path.ends_with("/decision") {
                    "?action=run.read&resource=run/x"
                } else {
                    ""
                };
                served
                    .client
                    .send((method, &format!("{path}{query}")), token, &[], None)
            };
            write!(found, "{method} {path}:").unwrap();
            for (name, token) in who {
                write!(found, " {name}={}", verdict(&ask("usr_0", token))).unwrap();
            }
            if path.contains("{account}") {
                write!(found, " of oneself={}", verdict(&ask("me", Some(&own)))).unwrap();
            }
            found.push('\n');
        }
        assert!(operations.len() > 20);
        golden("authz.txt", &found);
    });
}
