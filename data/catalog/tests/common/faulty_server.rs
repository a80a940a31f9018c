//! Stands between a test and a real S3 server, and does to requests what networks and servers do: answers with an error what was
//! done, or before it is done, lets something else happen first, or lists what was there before.

#![allow(dead_code, reason = "each test binary uses a part")]

use super::s3_server::S3Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
}

impl Request {
    pub(crate) fn is_listing(&self) -> bool {
        self.method == "GET" && self.path.contains("list-type=2")
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done and answered.
    Pass,
    /// It is answered with an error and not done.
    Fail,
    /// It is done and answered with an error.
    FailAfter,
    /// It is answered with this, and not done.
    Answer(Vec<u8>),
}

type Decide = Box<dyn FnMut(&Request) -> Fate + Send>;
type Seen = Box<dyn FnMut(&Request, &[u8]) + Send>;

/// The server in between; its thread ends with the process.
pub(crate) struct FaultyServer {
    address: String,
    decide: Arc<Mutex<Decide>>,
    seen: Arc<Mutex<Seen>>,
}

impl FaultyServer {
    /// Passes on to a server whatever it is asked, until it is told otherwise.
    pub(crate) fn before(server: &S3Server) -> FaultyServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(Box::new(|_| Fate::Pass)));
        let seen: Arc<Mutex<Seen>> = Arc::new(Mutex::new(Box::new(|_, _| {})));
        let behind = server.address().to_owned();
        let (deciding, seeing) = (Arc::clone(&decide), Arc::clone(&seen));
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (behind, deciding) = (behind.clone(), Arc::clone(&deciding));
                let seeing = Arc::clone(&seeing);
                // A client that goes away is no fault of the test.
                std::thread::spawn(move || serve(socket, &behind, &deciding, &seeing).ok());
            }
        });
        FaultyServer {
            address,
            decide,
            seen,
        }
    }

    /// Settings of a store behind it.
    pub(crate) fn options(&self, server: &S3Server) -> Vec<(&'static str, String)> {
        let mut options = server.options();
        for (name, value) in &mut options {
            if *name == "AWS_ENDPOINT" {
                *value = format!("http://{}", self.address);
            }
        }
        options
    }

    /// What becomes of requests from now on.
    pub(crate) fn decide(&self, decide: impl FnMut(&Request) -> Fate + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    /// Who is shown the answers of the server from now on.
    pub(crate) fn show(&self, seen: impl FnMut(&Request, &[u8]) + Send + 'static) {
        *self.seen.lock().unwrap() = Box::new(seen);
    }
}

const ERROR: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn serve(
    mut socket: TcpStream,
    behind: &str,
    decide: &Mutex<Decide>,
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut head = Vec::new();
    let mut body_bytes = 0;
    let mut first = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            body_bytes = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
    };
    let fate = decide.lock().unwrap()(&request);
    let answer = match fate {
        Fate::Fail => ERROR.to_vec(),
        Fate::Answer(answer) => answer,
        Fate::Pass | Fate::FailAfter => {
            let mut upstream = TcpStream::connect(behind)?;
            // At once: what follows a small piece would wait until that is acknowledged.
            head.append(&mut body);
            upstream.write_all(&head)?;
            let mut answer = Vec::new();
            upstream.read_to_end(&mut answer)?;
            seen.lock().unwrap()(&request, &answer);
            match fate {
                Fate::FailAfter => ERROR.to_vec(),
                _ => answer,
            }
        }
    };
    socket.write_all(&answer)
}
