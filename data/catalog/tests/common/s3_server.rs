//! A real S3-compatible server for a test: `moto_server` of the Python environment that `cargo xtask test` prepares, on a free
//! port of this machine, with a bucket. It is killed when the test lets go of it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The bucket that is there from the start.
pub(crate) const BUCKET: &str = "history";

/// The running server.
pub(crate) struct S3Server {
    child: Child,
    address: String,
}

impl S3Server {
    /// Starts one that takes any credentials. `None`, after saying why, where there is no server; in CI that is a failure.
    pub(crate) fn start() -> Option<S3Server> {
        S3Server::start_with(&[])
    }

    /// Starts one that, but for making its bucket, knows nobody's credentials.
    pub(crate) fn start_strict() -> Option<S3Server> {
        S3Server::start_with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")])
    }

    fn start_with(environment: &[(&str, &str)]) -> Option<S3Server> {
        let program = program()?;
        let mut child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // It listens from before it says so.
        let announced = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split("Running on http://").nth(1).map(str::to_owned));
        let address = announced.expect("the server says where it runs");
        // Its log of requests has to go somewhere.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let server = S3Server { child, address };
        assert_eq!(server.request("PUT", &format!("/{BUCKET}")).0, 200);
        Some(server)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Settings of a store in it, by the names that they have in the environment.
    pub(crate) fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "somebody".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }

    /// One request of somebody whose signature nobody checks: the status and the body.
    pub(crate) fn request(&self, method: &str, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=somebody/20240101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n",
            self.address
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        (status, body.to_owned())
    }

    /// Keys of all objects, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let (_, body) = self.request("GET", &format!("/{BUCKET}?list-type=2&max-keys=1000"));
        let keys = body.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().unwrap().to_owned())
            .collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn program() -> Option<PathBuf> {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    let program = python.map(|python| Path::new(&python).with_file_name("moto_server"));
    if let Some(program) = &program
        && program.exists()
    {
        return Some(program.clone());
    }
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "no S3 server: run cargo xtask test");
    eprintln!(
        "skipped: TICKLOOM_PYTHON names no Python with moto's S3 server; cargo xtask test prepares one"
    );
    None
}
