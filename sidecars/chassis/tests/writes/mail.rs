//! Mail over real SMTP: Python's aiosmtpd takes it, or does not, and Python's own parser says what came.
//!
//! `cargo xtask test` prepares that Python and names it in `TICKLOOM_PYTHON`.

use crate::postgres::ports::Port;
use crate::smtp::{Server, python};
use crate::{BEGIN, SECOND};
use serde_json::json;
use sqlx::Row;
use std::sync::Arc;
use tickloom_chassis::{
    ChassisError, Clock, Database, Effects, Health, Mail, MailConfig, Mailer, Place, enqueue_mail,
};
use tickloom_types::Ts;

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
        let server = Server::start(&python, &port.address(), None);
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
    let server = Server::start(&python, &port.address(), None);
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
    let server = Server::start(&python, &port.address(), Some(&file));
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
        let _server = Server::start(&python, &plain.address(), None);
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
