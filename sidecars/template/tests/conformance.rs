//! The service keeps what the chassis promises, on both engines; and what is its own: versions, mail, and the list over gRPC.

#![cfg(test)]

#[path = "../../../tests/common/ports.rs"]
mod ports;
#[path = "../../../tests/common/smtp.rs"]
mod smtp;

use ports::Port;
use serde_json::json;
use smtp::{Server, python};
use tickloom_chassis::conformance::{BEGIN, Conforms, Harness, List, Sample, conformance};
use tickloom_chassis::rpc::Caller;
use tickloom_chassis::{Clock, MailConfig, Place, Runner, Stop};
use tickloom_template::proto::ListNotesRequest;
use tickloom_template::proto::template_client::TemplateClient;
use tickloom_template::{Template, TemplateConfig};

const NOTES: &str = "/template/v1/notes";

struct Promises;

/// Writes a note, and returns its path.
fn note(harness: &Harness<Promises>, token: &str, text: &str) -> String {
    let body = json!({ "text": text });
    let written = harness.client.post(NOTES, Some(token), &body).is(201);
    written.header("location").unwrap().to_owned()
}

impl Conforms for Promises {
    type Service = Template;
    const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");

    /// Mail is set, and its server is away: what is asked for waits, and nothing is lost by that.
    fn config() -> TemplateConfig {
        let server = "smtp://127.0.0.1:1?tls=none";
        TemplateConfig {
            mail: Some(MailConfig::new(server, "Notes <no-reply@example.com>")),
        }
    }

    fn commands() -> Vec<Sample<Promises>> {
        vec![
            Sample {
                operation: "POST /template/v1/notes",
                make: |_, _| {
                    let body = json!({"text": "one", "mail_to": "ada@example.com"});
                    (NOTES.to_owned(), Some(body))
                },
            },
            Sample {
                operation: "PATCH /template/v1/notes/{note}",
                make: |harness, token| {
                    let path = note(harness, token, "one");
                    (path, Some(json!({"text": "two"})))
                },
            },
        ]
    }

    fn lists() -> Vec<List<Promises>> {
        vec![List {
            operation: "GET /template/v1/notes",
            path: |_, _| NOTES.to_owned(),
            id: "id",
            add: |harness, (token, _), number| {
                note(harness, token, &format!("note {number}"));
            },
        }]
    }
}

#[test]
fn it_conforms() {
    conformance::<Promises>();
}

#[test]
fn a_note_is_changed_only_as_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let config = TemplateConfig::default();
    let harness = Harness::<Promises>::start(&place, Clock::standing(BEGIN), config, None);
    let token = Promises::administrator(&harness);
    let path = note(&harness, &token, "one");
    let read = harness.client.get(&path, Some(&token)).is(200);
    let id = path.rsplit('/').next().unwrap();
    let (first, second) = (format!("\"{id}.v1\""), format!("\"{id}.v2\""));
    assert_eq!(read.header("etag"), Some(first.as_str()));
    assert_eq!(read.header("cache-control"), Some("no-store"));
    let change = |version: &str, text: &str| {
        let body = json!({ "text": text });
        let asked = ("PATCH", path.as_str());
        let head = [("If-Match", version)];
        harness.client.send(asked, Some(&token), &head, Some(&body))
    };
    let changed = change(&first, "two").is(200);
    assert_eq!(changed.header("etag"), Some(second.as_str()));
    change(&first, "three").refused(412, "precondition_failed");
    change("*", "two").refused(422, "refused");
    let head = [("If-None-Match", second.as_str())];
    let asked = ("GET", path.as_str());
    let same = harness.client.send(asked, Some(&token), &head, None);
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    let body = json!({"text": "three", "mail_to": "ada@example.com"});
    let refused = harness.client.post(NOTES, Some(&token), &body);
    refused.refused(422, "refused");
}

#[test]
fn a_note_is_mailed_to_whom_it_names() {
    let Some(python) = python() else { return };
    let port = Port::reserve();
    let mails = Server::start(&python, &port.address(), None);
    let server = format!("smtp://{}?tls=none", port.address());
    let config = TemplateConfig {
        mail: Some(MailConfig::new(&server, "Notes <no-reply@example.com>")),
    };
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let harness = Harness::<Promises>::start(&place, Clock::standing(BEGIN), config, None);
    let token = Promises::administrator(&harness);
    let send = |to: &str| {
        let body = json!({"text": "one", "mail_to": to});
        harness.client.post(NOTES, Some(&token), &body)
    };
    send("ada at example").refused(422, "refused");
    drop(send("ada@example.com").is(201));
    let mail = mails.message();
    assert_eq!(mail["to"], json!(["ada@example.com"]));
    assert_eq!(mail["parts"][0][1].as_str().unwrap().trim_end(), "one");
    let list = harness.client.get(NOTES, Some(&token)).is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn other_services_are_told_the_same_list() {
    let folder = tempfile::tempdir().unwrap();
    let (told, stop) = Stop::new();
    let place = Place::Folder(folder.path().to_owned());
    let config = TemplateConfig::default();
    let runner = Runner::start::<Template>(&place, Clock::standing(BEGIN), config, &stop);
    let runner = runner.await.unwrap();
    let domain = tickloom_chassis::identity::TrustDomain::default();
    let caller = Caller::new(domain.id("billing").unwrap());
    let mut client = TemplateClient::new(runner.channel(caller));
    let request = ListNotesRequest {
        after: None,
        limit: Some(2),
    };
    let page = client.list_notes(request).await.unwrap().into_inner();
    let found = (page.items.len(), page.next.as_str(), page.more);
    assert_eq!(found, (0, "", false));
    let wrong = ListNotesRequest {
        after: None,
        limit: Some(0),
    };
    let refused = client.list_notes(wrong).await.unwrap_err();
    assert_eq!(refused.message(), "limit is 0, expected 1 to 1000");
    drop(told);
}
