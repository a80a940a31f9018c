//! A real SMTP server for tests: Python's aiosmtpd, which `cargo xtask test` prepares and names in `TICKLOOM_PYTHON`.

#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes mail until its input ends, and prints each message as a line of JSON. Arguments: port, and perhaps a file with certificate
/// and key, which makes it ask for TLS and a password. Readers named `refused` do not exist, those named `later` do at the third try.
const SERVER: &str = r#"
import email, email.policy, json, logging, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

logging.disable()
tried = {}

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        tried[address] = tried.get(address, 0) + 1
        if address.startswith("refused@"):
            return "550 5.1.1 no such user"
        if address.startswith("later@") and tried[address] < 3:
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [[part.get_content_type(), part.get_content()] for part in message.walk() if not part.is_multipart()]
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "parts": parts, "tls": session.ssl is not None,
            "headers": [[name, str(value)] for name, value in message.items()],
        }), flush=True)
        return "250 taken"

def is_known(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"me" and data.password == b"p@ss:word", handled=False)

options = {}
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    options = {"tls_context": context, "require_starttls": True, "authenticator": is_known, "auth_required": True}
controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]), **options)
controller.start()
print("ready", flush=True)
sys.stdin.read()
controller.stop()
"#;

/// A server that takes mail, while it lives.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    pub(crate) fn start(
        python: &OsString,
        address: &str,
        certificate: Option<&std::path::Path>,
    ) -> Server {
        let number = address.split(':').nth(1).unwrap().to_owned();
        let mut child = Command::new(python)
            .args(["-W", "ignore", "-c", SERVER, &number])
            .args(certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let server = Server { child, lines };
        assert_eq!(server.line(), "ready");
        server
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn message(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.stdin.take();
        self.child.wait().unwrap();
    }
}

pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    if python.is_none() {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        println!(
            "skipped: TICKLOOM_PYTHON names no Python with aiosmtpd; cargo xtask test prepares one"
        );
    }
    python
}
