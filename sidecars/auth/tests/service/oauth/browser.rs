//! A page on which people sign in, as a front end would make it: it asks what is to be done with a person, and sends their answer.

use crate::client::{Client, Reply};
use crate::{ADA, PASSWORD, access_token};
use serde_json::{Value, json};

const AUTHORISATIONS: &str = "/auth/v1/authorisations";

pub(super) struct Browser {
    client: Client,
    tokens: Value,
}

/// What came of a request: a step that is to be done, or that it is on its way to somewhere else.
#[derive(Debug)]
pub(super) enum At {
    Here { request: String, reply: Reply },
    Elsewhere(String),
}

impl Browser {
    /// One in which Ada is signed in.
    pub(super) fn new(client: Client) -> Browser {
        let mut browser = Browser {
            client,
            tokens: Value::Null,
        };
        browser.sign_in();
        browser
    }

    pub(super) fn sign_in(&mut self) {
        let body = json!({"email": ADA, "password": PASSWORD});
        let signed_in = self.client.post("/auth/v1/sessions", None, &body);
        self.tokens = signed_in.is(201).json();
    }

    /// Opens an address to which an application sends people.
    pub(super) fn open(&self, address: &str) -> At {
        let (_, request) = address.split_once('?').unwrap();
        self.send(request, None)
    }

    /// Sends what the person answered.
    pub(super) fn answer(&self, at: &At, allow: bool) -> At {
        let At::Here { request, reply } = at else {
            panic!("nobody is asked: {at:?}");
        };
        // Of the application as it was shown, if it was.
        let shown = reply.json()["version"].as_i64().unwrap_or(1);
        self.send(request, Some((allow, shown)))
    }

    fn send(&self, request: &str, answer: Option<(bool, i64)>) -> At {
        let (allow, version) = answer.unzip();
        let body = json!({"request": request, "allow": allow, "version": version});
        let token = Some(access_token(&self.tokens));
        let reply = self.client.post(AUTHORISATIONS, token, &body);
        let place = (reply.status == 200).then(|| reply.json()["location"].clone());
        match place.as_ref().and_then(Value::as_str) {
            Some(place) => At::Elsewhere(place.to_owned()),
            None => At::Here {
                request: request.to_owned(),
                reply,
            },
        }
    }

    /// Opens an address, and allows what is asked.
    pub(super) fn allow(&self, address: &str) -> String {
        match self.open(address) {
            At::Elsewhere(place) => place,
            at @ At::Here { .. } => self.answer(&at, true).elsewhere().to_owned(),
        }
    }
}

impl At {
    /// What is to be done here.
    #[track_caller]
    pub(super) fn here(&self, status: u16) -> Value {
        match self {
            At::Here { reply, .. } => reply.clone().is(status).json(),
            At::Elsewhere(place) => panic!("it went to {place}"),
        }
    }

    #[track_caller]
    pub(super) fn elsewhere(&self) -> &str {
        match self {
            At::Elsewhere(place) => place,
            At::Here { reply, .. } => panic!("it is here: {reply:?}"),
        }
    }
}
