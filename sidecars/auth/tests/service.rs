//! The service over real sockets on both engines, with a clock that stands until it is moved.

#![cfg(test)]

#[path = "service/access.rs"]
mod access;
#[path = "service/accounts.rs"]
mod accounts;
#[path = "service/audit.rs"]
mod audit;
#[path = "service/authenticator.rs"]
mod authenticator;
#[path = "service/browser.rs"]
mod browser;
#[path = "service/client.rs"]
mod client;
#[path = "service/console.rs"]
mod console;
#[path = "service/curve_keys.rs"]
mod curve_keys;
#[path = "service/demand.rs"]
mod demand;
#[path = "service/document.rs"]
mod document;
#[path = "service/email.rs"]
mod email;
#[path = "service/encryption.rs"]
mod encryption;
#[path = "service/factor.rs"]
mod factor;
#[path = "service/invitations.rs"]
mod invitations;
#[path = "service/keys.rs"]
mod keys;
#[path = "service/mail.rs"]
mod mail;
#[path = "service/oauth.rs"]
mod oauth;
#[path = "service/organisations.rs"]
mod organisations;
#[path = "service/pages.rs"]
mod pages;
#[path = "service/passkeys.rs"]
mod passkeys;
#[path = "service/passkeys_in_browser.rs"]
mod passkeys_in_browser;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;
#[path = "service/providers.rs"]
mod providers;
#[path = "service/schema.rs"]
mod schema;
#[path = "service/sessions.rs"]
mod sessions;
#[path = "service/sites.rs"]
mod sites;
#[path = "../../../tests/common/smtp.rs"]
mod smtp;
#[path = "service/strangers.rs"]
mod strangers;
#[path = "service/wrong_passkeys.rs"]
mod wrong_passkeys;

use client::{Client, PROXY, Reply};
use postgres::Postgres;
use postgres::ports::Port;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tickloom_auth::credential::encryption::{EncryptionKeySource, EncryptionKeys};
use tickloom_auth::credential::password::HashParams;
use tickloom_auth::{Auth, AuthConfig};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{
    Admitted, Clock, Database, HttpOptions, Outgoing, OutgoingConfig, Place, ServeOptions, Service,
    Serving, Stop, serve,
};
use tickloom_types::Ts;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// When tests begin: 14 November 2023.
const BEGIN: Ts = Ts(1_700_000_000_000_000_000);
/// A second, in nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);
const ISSUER: &str = "http://localhost:8080";
const PASSWORD: &str = "four words of no sense 7";
const ADA: &str = "ada@example.com";

/// One server for all tests that run at the same time; it goes with the last of them.
fn server() -> Option<Arc<Postgres>> {
    static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut server = SERVER.lock().unwrap();
    let running = server.upgrade().or_else(|| Postgres::start().map(Arc::new));
    *server = running.as_ref().map_or_else(Weak::new, Arc::downgrade);
    running
}

/// Runs a test on SQLite, and on PostgreSQL where there is one, each with a database of its own.
fn on_both(test: impl Fn(Place)) {
    let folder = tempfile::tempdir().unwrap();
    test(Place::Folder(folder.path().to_owned()));
    if let Some(server) = server() {
        test(Place::Server(new_database(&server.url())));
    }
}

/// A database of the server that nobody has used; tests run at the same time, and the service's schema has one name.
fn new_database(url: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let created = async {
        let mut connection = AnyConnection::connect(url).await.unwrap();
        let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    };
    Runtime::new().unwrap().block_on(created);
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Keys of zeros and of `first`, the first of which encrypts.
fn encryption_keys(first: char) -> Arc<EncryptionKeys> {
    let lines = [first, 'A'].map(|letter| letter.to_string().repeat(43));
    Arc::new(EncryptionKeys::parse(&lines.join("\n")).unwrap())
}

fn config() -> AuthConfig {
    AuthConfig {
        issuer: ISSUER.to_owned(),
        mail: None,
        sign_up: false,
        breached: None,
        hash: HashParams::default(),
        algorithm: Algorithm::EdDsa,
        encryption_keys: EncryptionKeySource::Given(encryption_keys('A')),
        providers: BTreeMap::new(),
        sites: Vec::new(),
        demand_second_factor: false,
    }
}

/// The service, while it lives.
struct Served {
    runtime: Runtime,
    clock: Clock,
    place: Place,
    /// What was said at the start.
    startup_notice: Option<String>,
    client: Client,
    running: Option<(Serving, watch::Sender<bool>)>,
}

impl Served {
    fn start(place: &Place) -> Served {
        Served::with(place, Clock::standing(BEGIN), |_| {})
    }

    fn with(place: &Place, clock: Clock, set: impl FnOnce(&mut AuthConfig)) -> Served {
        Served::listening((place, "127.0.0.1:0"), clock, set)
    }

    /// On a port that is known before, as the origin of its pages has to be.
    fn at(place: &Place, port: &Port, set: impl FnOnce(&mut AuthConfig)) -> Served {
        Served::listening((place, &port.address()), Clock::standing(BEGIN), set)
    }

    fn listening(
        (place, http): (&Place, &str),
        clock: Clock,
        set: impl FnOnce(&mut AuthConfig),
    ) -> Served {
        let runtime = Runtime::new().unwrap();
        let mut config = config();
        set(&mut config);
        let (told, stop) = Stop::new();
        let (serving, startup_notice) = runtime.block_on(async {
            let allowed = OutgoingConfig {
                allow: vec!["127.0.0.1".to_owned()],
                trust: None,
            };
            let outgoing = Outgoing::new(&allowed, clock.clone()).unwrap();
            let with = (clock.clone(), outgoing);
            let admitted = Admitted::of::<Auth>(place, config).await.unwrap();
            let runner = admitted.start(with, &stop).await.unwrap();
            let startup_notice = runner.startup_notice().map(str::to_owned);
            let options = ServeOptions {
                http: HttpOptions {
                    proxies: vec![PROXY.parse().unwrap()],
                    ..HttpOptions::local(http.parse().unwrap())
                },
                grpc: None,
                drain: PATIENCE,
            };
            let serving = serve(vec![runner], options, stop).await.unwrap();
            (serving, startup_notice)
        });
        Served {
            runtime,
            clock,
            place: place.clone(),
            startup_notice,
            client: Client::new(serving.http),
            running: Some((serving, told)),
        }
    }

    /// Ends it, and starts it again at the same place and time.
    fn again(self) -> Served {
        let (place, clock) = (self.place.clone(), self.clock.clone());
        drop(self);
        Served::with(&place, clock, |_| {})
    }

    /// The link that was said at the start.
    fn setup_link(&self) -> String {
        let words = self.startup_notice.as_ref().unwrap();
        words.rsplit('#').next().unwrap().to_owned()
    }

    /// Makes Ada the first administrator, and signs her in.
    fn with_administrator(place: &Place) -> (Served, Value) {
        let served = Served::start(place);
        let link = served.setup_link();
        served.set_up(&link).is(200);
        let tokens = served.sign_in(ADA, PASSWORD);
        (served, tokens)
    }

    fn set_up(&self, link: &str) -> Reply {
        let body = json!({"link": link, "email": ADA, "name": "Ada", "password": PASSWORD});
        self.client.post("/auth/v1/links/finish", None, &body)
    }

    fn try_sign_in(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.client.post("/auth/v1/sessions", None, &body)
    }

    fn sign_in(&self, email: &str, password: &str) -> Value {
        self.try_sign_in(email, password).is(201).json()
    }

    /// The session gone on with: its next tokens.
    fn refreshed(&self, tokens: &Value) -> Value {
        let body = json!({"refresh_token": tokens["refresh_token"]});
        let reply = self.client.post("/auth/v1/tokens/refresh", None, &body);
        reply.is(200).json()
    }

    /// A person without grants, invited by the administrator, signed in.
    fn person(&self, administrator: &Value, email: &str) -> Value {
        let body = json!({"kind": "person", "email": email, "name": "Bob"});
        let token = access_token(administrator);
        let created = self.client.post("/auth/v1/accounts", Some(token), &body);
        let link = created.is(201).json()["link"].as_str().unwrap().to_owned();
        let body = json!({"link": link, "password": PASSWORD});
        self.client
            .post("/auth/v1/links/finish", None, &body)
            .is(200);
        self.sign_in(email, PASSWORD)
    }

    /// Grants something to an account; returns the grant's id.
    fn grant(&self, administrator: &Value, account: &Value, what: &str, resource: &str) -> String {
        let path = format!("/auth/v1/accounts/{}/grants", account.as_str().unwrap());
        let body = json!({"what": what, "resource": resource});
        let token = access_token(administrator);
        let given = self.client.post(&path, Some(token), &body).is(201).json();
        given["id"].as_str().unwrap().to_owned()
    }

    fn advance(&self, nanos: i64) {
        assert!(self.clock.advance_to(Ts(self.clock.now().0 + nanos)));
    }

    /// The database, opened beside the service.
    fn database(&self) -> Database {
        let opened = Database::open(&self.place, Auth::NAME, Auth::MIGRATIONS);
        self.runtime.block_on(opened).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some((serving, told)) = self.running.take() {
            drop(told);
            self.runtime.block_on(serving.ended());
        }
    }
}

fn access_token(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}
