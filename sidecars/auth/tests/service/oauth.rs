//! Applications: registered, given tokens, and taken them away.

#[path = "oauth/assertion.rs"]
mod assertion;
#[path = "oauth/bounds.rs"]
mod bounds;
#[path = "oauth/browser.rs"]
mod browser;
#[path = "oauth/code.rs"]
mod code;
#[path = "oauth/consent.rs"]
mod consent;
#[path = "oauth/demand.rs"]
mod demand;
#[path = "oauth/device.rs"]
mod device;
#[path = "oauth/device_pages.rs"]
mod device_pages;
#[path = "oauth/foreign.rs"]
mod foreign;
#[path = "oauth/logout.rs"]
mod logout;
#[path = "oauth/over.rs"]
mod over;
#[path = "oauth/page.rs"]
mod page;
#[path = "oauth/program.rs"]
mod program;
#[path = "oauth/register.rs"]
mod register;

use crate::client::Reply;
use crate::{Served, access_token, text};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const CLIENTS: &str = "/auth/v1/clients";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An application as it was registered: id, and secret if it has one.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl App {
    /// Registers one.
    fn new(served: &Served, administrator: &Value, settings: &Value) -> App {
        let token = Some(access_token(administrator));
        let made = served.client.post(CLIENTS, token, settings).is(201).json();
        App {
            id: text(&made, "id").to_owned(),
            secret: made["secret"].as_str().map(str::to_owned),
        }
    }

    /// Sends a form to an endpoint as this application.
    pub(crate) fn send(&self, served: &Served, endpoint: &str, pairs: &[(&str, &str)]) -> Reply {
        let path = format!("/auth/oauth/{endpoint}");
        match &self.secret {
            Some(secret) => {
                let basic = STANDARD.encode(format!("{}:{secret}", self.id));
                let head = format!("Basic {basic}");
                let head = [("Authorization", head.as_str())];
                served
                    .client
                    .send_form(("POST", &path), &head, &form(pairs))
            }
            None => {
                let own = [("client_id", self.id.as_str())];
                let pairs = [pairs, &own].concat();
                served.client.send_form(("POST", &path), &[], &form(&pairs))
            }
        }
    }

    fn introspect(&self, served: &Served, token: &str) -> Value {
        self.send(served, "introspect", &[("token", token)])
            .is(200)
            .json()
    }
}

/// A program's account, granted something, and an application that stands for it.
pub(crate) fn program(served: &Served, administrator: &Value, scopes: &[&str]) -> (Value, App) {
    let token = Some(access_token(administrator));
    let body = json!({"kind": "machine", "name": "risk"});
    let account = served
        .client
        .post("/auth/v1/accounts", token, &body)
        .is(201)
        .json();
    let settings = json!({"name": "risk", "kind": "confidential", "grant_types": ["client_credentials"],
        "scopes": scopes, "account": account["id"], "resources": ["https://other.example"]});
    let app = App::new(served, administrator, &settings);
    (account["id"].clone(), app)
}

fn form(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        let each = text.bytes().map(|byte| format!("%{byte:02x}"));
        each.collect::<String>()
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What a JWT says, whoever signed it.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A refusal in the words of OAuth.
#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!(
        (reply.status, &reply.json()["error"]),
        (status, &json!(error)),
        "{}",
        reply.body
    );
}
