//! A browser that keeps cookies and sends forms, over plain sockets: what is sent and what comes is all in sight.

use crate::client::Reply;
use crate::{ADA, PASSWORD, Served};
use std::collections::BTreeMap;

/// A browser, with its cookies.
pub(crate) struct Browser<'a> {
    pub(crate) served: &'a Served,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What a page of ours sends with its forms (Fetch Metadata, section 2.3).
pub(crate) const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

impl<'a> Browser<'a> {
    pub(crate) fn new(served: &'a Served) -> Browser<'a> {
        let cookies = BTreeMap::new();
        Browser { served, cookies }
    }

    /// One in which somebody is signed in.
    pub(crate) fn signed_in(served: &'a Served, email: &str) -> Browser<'a> {
        let mut browser = Browser::new(served);
        let fields = [("email", email), ("password", PASSWORD)];
        browser.fill("/console/auth/sign-in", &fields).is(303);
        browser
    }

    /// Sends a request with the cookies, and keeps those that come.
    fn send(&mut self, what: (&str, &str), more: &[(&str, &str)], body: &str) -> Reply {
        let pairs = self.cookies.iter();
        let cookies: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookies = cookies.join("; ");
        let mut head = vec![("Content-Type", "application/x-www-form-urlencoded")];
        if !cookies.is_empty() {
            head.push(("Cookie", &cookies));
        }
        head.extend(more);
        let reply = self.served.client.send_text(what, &head, body);
        for (_, set) in reply.head.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send(("GET", path), &[], "")
    }

    /// The token of the forms of a page.
    pub(crate) fn token(&mut self, path: &str) -> String {
        let page = self.get(path).is(200).body;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Sends a form with a token, as a page that is from here.
    pub(crate) fn post(&mut self, path: &str, token: &str, fields: &[(&str, &str)]) -> Reply {
        self.post_from(path, token, fields, &[OWN])
    }

    /// Sends a form with a token, and what a browser says of where it is from.
    pub(crate) fn post_from(
        &mut self,
        path: &str,
        token: &str,
        fields: &[(&str, &str)],
        from: &[(&str, &str)],
    ) -> Reply {
        let fields = [("form_token", token)]
            .into_iter()
            .chain(fields.iter().copied());
        let pairs = fields.map(|(name, value)| format!("{name}={}", escaped(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send(("POST", path), from, &body)
    }

    /// Opens a page and sends its form.
    pub(crate) fn fill(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.token(path);
        self.post(path.split('?').next().unwrap(), &token, fields)
    }

    /// Signs Ada in.
    pub(crate) fn sign_in(&mut self, password: &str) -> Reply {
        self.fill(
            "/console/auth/sign-in",
            &[("email", ADA), ("password", password)],
        )
    }
}

/// As a browser writes a value of a form (WHATWG URL, section 5.2).
fn escaped(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        b' ' => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}
