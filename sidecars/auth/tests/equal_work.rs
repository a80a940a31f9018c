//! What is done for a stranger is the same whether an account has the address that they name: as many hashes, and the same statements, which
//! are counted for each request by what the service logs.

#![cfg(test)]

#[path = "service/client.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the service")]
mod client;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use client::{Client, PROXY};
use postgres::Postgres;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tickloom_auth::credential::encryption::{EncryptionKeySource, EncryptionKeys};
use tickloom_auth::credential::password::HashParams;
use tickloom_auth::{Auth, AuthConfig};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{
    Admitted, Clock, HttpOptions, MailConfig, Outgoing, OutgoingConfig, Place, ServeOptions,
    Serving, Stop, serve,
};
use tickloom_types::Ts;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

const PASSWORD: &str = "four words of no sense 7";
const ADA: &str = "ada@example.com";
/// Of the next request.
static NUMBER: AtomicU32 = AtomicU32::new(0);
/// What was done for each request, by the number that it was given.
static DONE: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

/// Writes down which statements ran and which passwords were hashed for a request.
struct Watch;

/// The number of a request.
struct Request(String);

/// One field of what is logged.
struct One(&'static str, Option<String>);

impl Visit for One {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == self.0 {
            let mut text = String::new();
            write!(text, "{value:?}").unwrap();
            self.1 = Some(text);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.0 {
            self.1 = Some(value.to_owned());
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut number = One("tickloom.request", None);
        attributes.record(&mut number);
        if let (Some(number), Some(span)) = (number.1, context.span(id)) {
            span.extensions_mut().insert(Request(number));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let name = match event.metadata().target() {
            "sqlx::query" => "summary",
            "tickloom_auth::credential::password::hasher" => "message",
            _ => return,
        };
        let mut said = One(name, None);
        event.record(&mut said);
        let scope = context.event_scope(event).into_iter().flatten();
        for span in scope {
            if let Some(Request(number)) = span.extensions().get() {
                let mut done = DONE.lock().unwrap();
                let done = done.get_or_insert_default();
                done.entry(number.clone())
                    .or_default()
                    .push(said.1.take().unwrap_or_default());
                return;
            }
        }
    }
}

struct Served {
    runtime: Runtime,
    client: Client,
    setup: String,
    running: Option<(Serving, watch::Sender<bool>)>,
}

fn config() -> AuthConfig {
    let mail = MailConfig::new(
        "smtp://127.0.0.1:1?tls=none",
        "Tickloom <no-reply@example.com>",
    );
    let keys = EncryptionKeys::parse(&"A".repeat(43)).unwrap();
    AuthConfig {
        issuer: "http://localhost:8080".to_owned(),
        mail: Some(mail),
        sign_up: true,
        breached: None,
        hash: HashParams::default(),
        algorithm: Algorithm::EdDsa,
        encryption_keys: EncryptionKeySource::Given(Arc::new(keys)),
        providers: BTreeMap::new(),
        sites: Vec::new(),
        demand_second_factor: false,
    }
}

impl Served {
    fn start(place: &Place) -> Served {
        let runtime = Runtime::new().unwrap();
        let (told, stop) = Stop::new();
        let (serving, setup) = runtime.block_on(async {
            let clock = Clock::standing(Ts(1_700_000_000_000_000_000));
            let outgoing = Outgoing::new(&OutgoingConfig::default(), clock.clone()).unwrap();
            let admitted = Admitted::of::<Auth>(place, config()).await.unwrap();
            let runner = admitted.start((clock, outgoing), &stop).await.unwrap();
            let notice = runner.startup_notice().unwrap();
            let setup = notice.rsplit('#').next().unwrap().to_owned();
            let options = ServeOptions {
                http: HttpOptions {
                    proxies: vec![PROXY.parse().unwrap()],
                    ..HttpOptions::local("127.0.0.1:0".parse().unwrap())
                },
                grpc: None,
                drain: Duration::from_secs(60),
            };
            (serve(vec![runner], options, stop).await.unwrap(), setup)
        });
        Served {
            runtime,
            client: Client::new(serving.http),
            setup,
            running: Some((serving, told)),
        }
    }

    /// Sends something as a stranger, and returns the status with the number of the request.
    fn send(&self, path: &str, body: &Value) -> (u16, String) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let number = format!("equal-{number}");
        let head = [
            ("X-Request-Id", number.as_str()),
            ("X-Forwarded-For", "203.0.113.1"),
        ];
        let proxy = self.client.as_proxy();
        let reply = proxy.send(("POST", path), None, &head, Some(body));
        (reply.status, number)
    }
}

/// What was done for a request, sorted: what is logged on two connections comes in either order.
fn work(number: &str) -> Vec<String> {
    let mut done = DONE.lock().unwrap();
    let done = done.get_or_insert_default().remove(number);
    // An entry is kept or taken back, and where it is from is sealed with this key or that, which is the same work.
    let alike = |one: String| {
        let one = one.replace("ROLLBACK TO", "RELEASE");
        one.replace("stranger_key", "person_key")
    };
    let mut done: Vec<String> = done.unwrap_or_default().into_iter().map(alike).collect();
    done.sort();
    done
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some((serving, told)) = self.running.take() {
            drop(told);
            self.runtime.block_on(serving.ended());
        }
    }
}

/// Requests that are to be the same work: the path, and the numbers of both.
type Pair = (String, [String; 2]);

/// Asks for an address that an account has and for one that none has, by turns, so many times each; how each was answered.
fn ask(
    served: &Served,
    (path, times): (&str, usize),
    body: impl Fn(&str) -> Value,
    pairs: &mut Vec<Pair>,
) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        let (known, first) = served.send(path, &body(ADA));
        let (unknown, second) = served.send(path, &body("nobody@example.com"));
        assert_eq!(known, unknown, "{path}");
        pairs.push((format!("{path}: {known}"), [first, second]));
        statuses.push(known);
    }
    statuses
}

fn equal(place: &Place) {
    let served = Served::start(place);
    let body = json!({"link": served.setup, "email": ADA, "name": "Ada", "password": PASSWORD});
    served
        .client
        .post("/auth/v1/links/finish", None, &body)
        .is(200);
    let body = json!({"email": ADA, "password": PASSWORD});
    let ada = served
        .client
        .post("/auth/v1/sessions", None, &body)
        .is(201)
        .json();
    let eve = json!({"kind": "person", "name": "Eve", "email": "eve@example.com"});
    let token = ada["access_token"].as_str();
    served.client.post("/auth/v1/accounts", token, &eve).is(201);
    // The first refusal of a day makes the key with which addresses are sealed.
    let wrong = json!({"email": "x@example.com", "password": "x"});
    served.send("/auth/v1/sessions", &wrong);
    let mut pairs = Vec::new();
    // A token that is no device's of either.
    let shown = &ada["refresh_token"];
    let sign_in = |email: &str| json!({"email": email, "password": "another one of no sense", "device_token": shown});
    let statuses = ask(&served, ("/auth/v1/sessions", 12), sign_in, &mut pairs);
    assert_eq!(statuses, [vec![401; 5], vec![429; 7]].concat());
    // Once the log takes no more of strangers either.
    for number in 0..60 {
        let body = json!({"email": format!("x{number}@example.com"), "password": "x"});
        served.send("/auth/v1/sessions", &body);
    }
    let statuses = ask(&served, ("/auth/v1/sessions", 3), sign_in, &mut pairs);
    assert_eq!(statuses, [429; 3]);
    for (path, name) in [
        ("/auth/v1/recovery", None),
        ("/auth/v1/sign-up", Some("Bob")),
    ] {
        let wanted = |email: &str| match name {
            Some(name) => json!({"email": email, "name": name}),
            None => json!({"email": email}),
        };
        let statuses = ask(&served, (path, 7), wanted, &mut pairs);
        assert_eq!(statuses, [vec![202; 5], vec![429; 2]].concat(), "{path}");
    }
    // What is logged is logged once the connections are closed.
    drop(served);
    for (what, numbers) in &pairs {
        let [known, unknown] = [work(&numbers[0]), work(&numbers[1])];
        assert!(known.len() >= 4, "{what}: {known:?}");
        assert_eq!(known, unknown, "{what}");
        let hashes = known.iter().filter(|one| *one == "a password is hashed");
        assert_eq!(hashes.count(), usize::from(what.ends_with("401")), "{what}");
    }
}

#[test]
fn a_stranger_has_the_same_work_done_whether_there_is_such_an_account() {
    let collecting = tracing_subscriber::registry().with(Watch);
    tracing::subscriber::set_global_default(collecting).unwrap();
    let folder = tempfile::tempdir().unwrap();
    equal(&Place::Folder(folder.path().to_owned()));
    if let Some(server) = Postgres::start() {
        equal(&Place::Server(server.url()));
    }
}
