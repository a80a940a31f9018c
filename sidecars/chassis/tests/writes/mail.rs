//! Mail over real SMTP: Python's aiosmtpd takes it, or does not, and Python's own parser says what came.
//!
//! `cargo xtask test` prepares that Python and names it in `TICKLOOM_PYTHON`.

use crate::postgres::ports::Port;
use crate::{BEGIN, PATIENCE, SECOND};
use serde_json::{Value, json};
use sqlx::Row;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use tickloom_chassis::{
    ChassisError, Clock, Database, Effects, Health, Mail, MailConfig, Mailer, Place, enqueue_mail,
};
use tickloom_types::Ts;

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
struct Server {
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    fn start(python: &OsString, port: &Port, certificate: Option<&std::path::Path>) -> Server {
        let number = port.address().split(':').nth(1).unwrap().to_owned();
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

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn message(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.stdin.take();
        self.child.wait().unwrap();
    }
}

fn python() -> Option<OsString> {
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

/// A service that sends mail over a server.
struct Sender {
    _folder: tempfile::TempDir,
    database: Database,
    clock: Clock,
    effects: Effects,
}

impl Sender {
    async fn new(config: &MailConfig) -> Sender {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        let database = Database::open(&place, "mail", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let mailer = Arc::new(Mailer::new(config).unwrap());
        let effects = Effects::new(database.clone(), clock.clone(), vec![mailer]);
        Sender {
            _folder: folder,
            database,
            clock,
            effects,
        }
    }

    async fn ask(&self, key: &str, mail: &Mail) {
        let mut write = self.database.write().await.unwrap();
        let at = self.clock.now();
        assert!(enqueue_mail(&mut write, key, at, mail).await.unwrap());
        write.commit().await.unwrap();
    }

    /// Does what is due an hour later, and returns the state of an effect and what was said last.
    async fn hour(&self, key: &str) -> (String, String) {
        assert!(
            self.clock
                .advance_to(Ts(self.clock.now().0 + 3600 * SECOND))
        );
        self.effects.perform_due().await.unwrap();
        let row = sqlx::query("SELECT state, last_answer FROM effect WHERE key = $1")
            .bind(key)
            .fetch_one(self.database.reader())
            .await
            .unwrap();
        (row.get(0), row.get(1))
    }

    fn troubles(&self) -> Vec<String> {
        let mut health = Health::default();
        self.effects.add_health(&mut health);
        health.troubles
    }
}

fn mail(to: &str) -> Mail {
    Mail {
        to: to.to_owned(),
        subject: "Žluťoučký code – 漢字, which is longer than a line of a header may be: Bcc: eve@example.com".to_owned(),
        text: "Your code is 123456.\n.\nOne dot, and ü.\n".to_owned(),
        html: Some("<p>Your code is <b>123456</b>, ü.</p>\n".to_owned()),
    }
}

fn config(port: &Port, options: &str) -> MailConfig {
    let server = format!("smtp://{}{options}", port.address());
    MailConfig::new(&server, "Tickloom <no-reply@example.com>")
}

#[test]
fn mail_waits_for_its_server_and_comes_as_it_was_written() {
    let Some(python) = python() else {
        return;
    };
    let port = Port::reserve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sender = Sender::new(&config(&port, "?tls=none")).await;
        sender
            .ask("mail/evt_1", &mail("Ada <ada@example.com>"))
            .await;
        let (state, said) = sender.hour("mail/evt_1").await;
        assert_eq!(state, "waiting");
        assert!(said.contains("refused"), "{said}");
        assert!(
            sender.troubles()[0].starts_with("mail: "),
            "{:?}",
            sender.troubles()
        );
        let server = Server::start(&python, &port, None);
        assert_eq!(
            sender.hour("mail/evt_1").await,
            ("done".to_owned(), "250 taken".to_owned())
        );
        assert_eq!(sender.troubles(), Vec::<String>::new());
        let came = server.message();
        assert_eq!(came["from"], "no-reply@example.com");
        assert_eq!(came["to"], json!(["ada@example.com"]));
        let line_ends = |text: &str| text.replace('\n', "\r\n");
        let html = mail("").html.unwrap();
        let parts = json!([
            ["text/plain", line_ends(&mail("").text)],
            ["text/html", line_ends(&html)]
        ]);
        assert_eq!(came["parts"], parts);
        let mut headers: Vec<(String, String)> =
            serde_json::from_value(came["headers"].clone()).unwrap();
        headers.retain(|(name, _)| !["Content-Type", "X-Peer"].contains(&name.as_str()));
        let id = "2bb2ea88923e00ebd08d563dfbab3f8fbd932f679733a95f297d9d01e2dd19f8";
        let expected = [
            ("From", "Tickloom <no-reply@example.com>"),
            ("To", "Ada <ada@example.com>"),
            ("Subject", &mail("").subject),
            ("Date", "Tue, 14 Nov 2023 22:13:20 +0000"),
            ("Message-ID", &format!("<{id}@example.com>")),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers, expected);
        // What was sent is gone, and its secrets with it.
        let row = sqlx::query("SELECT payload FROM effect").fetch_one(sender.database.reader());
        assert_eq!(row.await.unwrap().get::<String, _>(0), "");
    });
}

#[test]
fn a_server_that_refuses_is_believed_and_one_that_asks_for_patience_is_asked_again() {
    let Some(python) = python() else {
        return;
    };
    let port = Port::reserve();
    let server = Server::start(&python, &port, None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sender = Sender::new(&config(&port, "?tls=none")).await;
        let said = |state: &str, words: &str| (state.to_owned(), words.to_owned());
        sender
            .ask("mail/refused", &mail("refused@example.com"))
            .await;
        let refused = said("refused", "550 5.1.1 no such user");
        assert_eq!(sender.hour("mail/refused").await, refused);
        sender.ask("mail/later", &mail("later@example.com")).await;
        let later = said("waiting", "450 4.2.1 come back later");
        assert_eq!(sender.hour("mail/later").await, later);
        assert_eq!(sender.hour("mail/later").await, later);
        assert_eq!(sender.hour("mail/later").await, said("done", "250 taken"));
        assert_eq!(server.message()["to"], json!(["later@example.com"]));
        // Somebody's address is no trouble of the service.
        assert_eq!(sender.troubles(), Vec::<String>::new());
        assert_eq!(sender.hour("mail/refused").await, refused);
        let mut write = sender.database.write().await.unwrap();
        let wrong = mail("ada@example.com\r\nBcc: eve@example.com");
        let refused = enqueue_mail(&mut write, "mail/x", BEGIN, &wrong).await;
        assert!(matches!(refused, Err(ChassisError::Mail(_))), "{refused:?}");
    });
}

#[test]
fn a_password_goes_over_tls_alone_and_is_never_told() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pem");
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .unwrap();
    std::fs::write(&file, own.cert.pem() + &own.signing_key.serialize_pem()).unwrap();
    let port = Port::reserve();
    let server = Server::start(&python, &port, Some(&file));
    let number = port.address().split(':').nth(1).unwrap().to_owned();
    let with = |password: &str, options: &str, trust: bool| {
        let server = format!("smtp://me:{password}@localhost:{number}{options}");
        let mut config = MailConfig::new(&server, "no-reply@example.com");
        config.trust = trust.then(|| own.cert.pem());
        config
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for (password, options, trust, words) in [
            (
                "hunter2",
                "?tls=required",
                true,
                "the server does not let us in: 535",
            ),
            ("p%40ss%3Aword", "", false, "certificate"),
            (
                "p%40ss%3Aword",
                "?tls=none",
                true,
                "No compatible authentication mechanism",
            ),
        ] {
            let sender = Sender::new(&with(password, options, trust)).await;
            sender.ask("mail/1", &mail("ada@example.com")).await;
            let (state, said) = sender.hour("mail/1").await;
            assert_eq!(state, "waiting", "{said}");
            assert!(said.contains(words), "{said}");
            assert!(
                !said.contains("hunter2") && !said.contains("p@ss"),
                "{said}"
            );
            assert_eq!(sender.troubles().len(), 1);
        }
        for options in ["", "?tls=required", "?tls=opportunistic"] {
            let sender = Sender::new(&with("p%40ss%3Aword", options, true)).await;
            sender.ask("mail/1", &mail("ada@example.com")).await;
            assert_eq!(sender.hour("mail/1").await.0, "done");
            assert_eq!(server.message()["tls"], true);
        }
        // A server without TLS gets no password.
        let plain = Port::reserve();
        let _server = Server::start(&python, &plain, None);
        let place = plain.address().replace("127.0.0.1", "me:hunter2@localhost");
        let config = MailConfig::new(&format!("smtp://{place}"), "no-reply@example.com");
        let sender = Sender::new(&config).await;
        sender.ask("mail/1", &mail("ada@example.com")).await;
        let (state, said) = sender.hour("mail/1").await;
        assert_eq!(
            (state.as_str(), said.as_str()),
            ("waiting", "STARTTLS is not supported on this server")
        );
    });
}
