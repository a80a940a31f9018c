//! A client over plain sockets: what is sent and what comes is all in sight. Whatever is refused has to be a problem as RFC 9457 has
//! it, with a code that has a page; and what is secret is remembered, so that logs can be searched for it.

use super::logs::plant;
use crate::problem::ProblemCode;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Members whose texts are secret.
const SECRET_MEMBERS: [&str; 6] = [
    "secret",
    "password",
    "token",
    "access_token",
    "refresh_token",
    "link",
];

/// Sends requests to a service.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// In lower case but for values.
    pub head: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

/// A request whose body was not sent yet.
#[derive(Debug)]
pub struct Open {
    stream: TcpStream,
}

impl Client {
    /// One of the service at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Client {
        Client { address }
    }

    /// Where the service is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request with more lines in its head.
    ///
    /// # Panics
    /// If it is not answered, or refused with something that is no problem.
    #[must_use]
    pub fn send(
        &self,
        (method, path): (&str, &str),
        token: Option<&str>,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        if let Some(body) = body {
            plant_members(body);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = head((method, path), token, more);
        if !body.is_empty() {
            head += "Content-Type: application/json\r\n";
        }
        let mut stream = self.connect();
        // It may be answered, and closed, before all of it is sent.
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok();
        let reply = read(&mut stream);
        let reply = reply.unwrap_or_else(|| panic!("{method} {path} was not answered"));
        if path != "/ready" {
            reply.check(&format!("{method} {path}"));
        }
        reply
    }

    /// Sends the head of a request, whose body is sent once the server asks for it (RFC 9110, section 10.1.1).
    #[must_use]
    pub fn begin(&self, operation: (&str, &str), token: &str, body: &str) -> Open {
        let mut stream = self.connect();
        let head = head(operation, Some(token), &[("Expect", "100-continue")]);
        let length = body.len();
        write!(
            stream,
            "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
        .expect("the service reads");
        Open { stream }
    }

    /// Sends these bytes and returns what is answered, if anything is.
    #[must_use]
    pub fn raw(&self, bytes: &[u8]) -> Option<Reply> {
        let mut stream = self.connect();
        stream.write_all(bytes).ok();
        read(&mut stream)
    }

    /// `GET` of a path.
    #[must_use]
    pub fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(("GET", path), token, &[], None)
    }

    /// `POST` to a path.
    #[must_use]
    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.send(("POST", path), token, &[], Some(body))
    }

    /// `DELETE` of a path.
    #[must_use]
    pub fn delete(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(("DELETE", path), token, &[], None)
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("the service takes connections")
    }
}

fn head((method, path): (&str, &str), token: Option<&str>, more: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if more.iter().all(|(name, _)| *name != "Host") {
        head += "Host: localhost\r\n";
    }
    if let Some(token) = token {
        plant(token);
        head += &format!("Authorization: Bearer {token}\r\n");
    }
    for (name, value) in more {
        head += &format!("{name}: {value}\r\n");
    }
    head
}

fn read(stream: &mut TcpStream) -> Option<Reply> {
    let mut answer = Vec::new();
    // A connection that is closed while it is written to may end with an error, after all of the answer.
    stream.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?;
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    };
    let reply = Reply {
        status: status.parse().ok()?,
        head: lines.map(pair).collect::<Option<_>>()?,
        body: body.to_owned(),
    };
    if let Ok(body) = serde_json::from_str(&reply.body) {
        plant_members(&body);
    }
    Some(reply)
}

/// Remembers what is secret of a body.
fn plant_members(body: &Value) {
    match body {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if SECRET_MEMBERS.contains(&name.as_str()) => plant(text),
                    value => plant_members(value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(plant_members),
        _ => {}
    }
}

impl Open {
    /// Waits until the server asks for the body.
    ///
    /// # Panics
    /// If it answers otherwise.
    pub fn wait_for_continue(&mut self) {
        let expected = "HTTP/1.1 100 Continue\r\n\r\n";
        let mut found = vec![0; expected.len()];
        self.stream.read_exact(&mut found).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&found), expected);
    }

    /// Sends the body.
    ///
    /// # Panics
    /// If it is not answered.
    #[must_use]
    pub fn finish(mut self, body: &str) -> Reply {
        self.stream
            .write_all(body.as_bytes())
            .expect("the service reads");
        read(&mut self.stream).expect("an answer")
    }
}

impl Reply {
    /// The reply, which has this status.
    ///
    /// # Panics
    /// If it has another.
    #[must_use]
    #[track_caller]
    pub fn is(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The reply, which is a problem of this status and code.
    ///
    /// # Panics
    /// If it is something else.
    #[track_caller]
    #[expect(
        clippy::must_use_candidate,
        reason = "that it is refused is all that is asked, often"
    )]
    pub fn refused(self, status: u16, code: &str) -> Reply {
        let reply = self.is(status);
        assert_eq!(reply.json()["code"], code, "{}", reply.body);
        reply
    }

    /// Its body.
    ///
    /// # Panics
    /// If it is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// That it has a number, and that an error is a problem whose code has a page, and whose members agree with it (RFC 9457).
    fn check(&self, asked: &str) {
        assert!(self.header("x-request-id").is_some(), "{asked}: {self:?}");
        if self.status < 400 {
            return;
        }
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{asked}: {self:?}");
        let problem = self.json();
        let code = problem["code"].as_str().unwrap_or_default();
        let known = ProblemCode::all().find(|known| known.name() == code);
        assert!(known.is_some(), "{asked}: {} has no page", self.body);
        assert_eq!(problem["type"], format!("/errors/{code}"), "{asked}");
        assert_eq!(problem["status"], self.status, "{asked}: {}", self.body);
        for member in ["title", "detail"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{asked}: {}", self.body);
        }
        if self.status == 401 {
            // RFC 9110, section 11.6.1.
            assert!(
                self.header("www-authenticate").is_some(),
                "{asked}: {self:?}"
            );
        }
    }
}
