//! A client over plain sockets: what is sent and what comes is all in sight.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tokio::net::TcpSocket;

/// The address of the proxy in front of the service.
pub(crate) const PROXY: &str = "127.0.0.2";

/// Sends requests to the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    /// Whether it is the proxy in front of the service, or a program on this machine.
    is_proxy: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case but for values.
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Client {
        Client {
            address,
            is_proxy: false,
        }
    }

    /// The same, as the proxy in front of the service.
    pub(crate) fn as_proxy(&self) -> Client {
        Client {
            is_proxy: true,
            ..*self
        }
    }

    fn connect(&self) -> TcpStream {
        if !self.is_proxy {
            return TcpStream::connect(self.address).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let stream = runtime.unwrap().block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("{PROXY}:0").parse().unwrap()).unwrap();
            let stream = socket.connect(self.address).await.unwrap();
            stream.into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream
    }

    /// Where the service is: `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port of the service.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends a request with more lines in its head.
    pub(crate) fn send(
        &self,
        (method, path): (&str, &str),
        token: Option<&str>,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut stream = self.connect();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if let Some(token) = token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in more {
            head += &format!("{name}: {value}\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            head += "Content-Type: application/json\r\n";
        }
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        read(&mut stream)
    }

    /// Sends a form, with more lines in its head.
    pub(crate) fn send_form(
        &self,
        asked: (&str, &str),
        more: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        self.send_text(asked, &[more, &kind].concat(), body)
    }

    /// Sends a request with a body that is any text; to `localhost` unless the head has another `Host`.
    pub(crate) fn send_text(
        &self,
        (method, path): (&str, &str),
        head: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut stream = self.connect();
        let mut lines = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !head.iter().any(|(name, _)| *name == "Host") {
            lines += "Host: localhost\r\n";
        }
        for (name, value) in head {
            lines += &format!("{name}: {value}\r\n");
        }
        write!(
            stream,
            "{lines}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        read(&mut stream)
    }

    /// Sends the head of a request, whose body is sent once the server asks for it (RFC 9110, section 10.1.1).
    pub(crate) fn begin(&self, asked: (&str, &str), token: &str, body: &str) -> Open {
        let bearer = format!("Bearer {token}");
        let head = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.begin_with(asked, &head, body)
    }

    /// The same of a form.
    pub(crate) fn begin_form(
        &self,
        asked: (&str, &str),
        head: &[(&str, &str)],
        body: &str,
    ) -> Open {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        self.begin_with(asked, &[head, &kind].concat(), body)
    }

    fn begin_with(&self, (method, path): (&str, &str), head: &[(&str, &str)], body: &str) -> Open {
        let mut stream = self.connect();
        let mut lines = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n"
        );
        for (name, value) in head {
            lines += &format!("{name}: {value}\r\n");
        }
        write!(stream, "{lines}Content-Length: {}\r\n\r\n", body.len()).unwrap();
        Open { stream }
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(("GET", path), token, &[], None)
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.send(("POST", path), token, &[], Some(body))
    }

    pub(crate) fn put(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.send(("PUT", path), token, &[], Some(body))
    }

    pub(crate) fn delete(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(("DELETE", path), token, &[], None)
    }
}

/// A request whose body was not sent yet.
pub(crate) struct Open {
    stream: TcpStream,
}

impl Open {
    /// Waits until the server asks for the body.
    pub(crate) fn wait_for_continue(&mut self) {
        let expected = "HTTP/1.1 100 Continue\r\n\r\n";
        let mut found = vec![0; expected.len()];
        self.stream.read_exact(&mut found).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    /// Sends the body.
    pub(crate) fn finish(mut self, body: &str) -> Reply {
        self.stream.write_all(body.as_bytes()).unwrap();
        read(&mut self.stream)
    }
}

fn read(stream: &mut TcpStream) -> Reply {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    Reply {
        status: status.parse().unwrap(),
        head: lines.map(pair).collect(),
        body: body.to_owned(),
    }
}

impl Reply {
    /// The reply, which has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The reply, which is a problem of this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Reply {
        let reply = self.is(status);
        assert_eq!(reply.json()["code"], code, "{}", reply.body);
        reply
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}
