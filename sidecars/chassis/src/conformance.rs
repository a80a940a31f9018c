//! What every service proves with one call: that it keeps what the chassis promises, on SQLite and PostgreSQL, over real sockets.
//!
//! A test of the service implements [`Conforms`], which says what cannot be known of every service, and calls [`conformance()`]. Each
//! check has a service and a database of its own, and a clock that stands until it is moved. What depends on the chassis alone (limits
//! of concurrency, deadlines of calls, rotation of certificates) is tested once, in the chassis.

mod client;
mod commands;
mod document;
mod effects;
mod harness;
mod jobs;
mod lists;
mod logs;
mod metrics;
mod outage;
mod peers;
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#[path = "../../../tests/common/postgres.rs"]
mod postgres;
mod projections;
mod refusals;
mod schema;
mod test_authenticator;
mod timers;

pub use client::{Client, Open, Reply};
pub use harness::{BEGIN, Harness, PATIENCE};
pub use test_authenticator::TestAuthenticator;

use crate::database::Place;
use crate::service::Service;
use postgres::Postgres;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the checks have to be told of a service.
pub trait Conforms: Sized + 'static {
    /// The service.
    type Service: Service;
    /// Folder of its crate, where `openapi.json`, `authz.txt` and `undriven.txt` are: `env!("CARGO_MANIFEST_DIR")`.
    const FOLDER: &'static str;
    /// Operations that everybody may do: `POST /auth/v1/sessions`. An operation that lets everybody in and is not here is a fault, and
    /// so is one that is here and asks.
    const PUBLIC: &'static [&'static str] = &[];
    /// First line of `authz.txt`.
    const AUTHZ_NOTE: &'static str = "Who may do what.";

    /// Settings for a test.
    fn config() -> <Self::Service as Service>::Config;

    /// Who asks. Nobody, who has no token, and an administrator are among them. Without more they are people of a [`TestAuthenticator`] who
    /// knows them by tokens of the same form as those of auth.
    fn people(harness: &Harness<Self>) -> Vec<Person> {
        harness.authenticator().people()
    }

    /// The token of an administrator, as now.
    ///
    /// # Panics
    /// If there is none among the people.
    fn administrator(harness: &Harness<Self>) -> String {
        let mut people = Self::people(harness).into_iter();
        let found = people.find(|person| person.name == "administrator");
        let token = found.and_then(|person| person.token);
        token.expect("an administrator is among the people, and has a token")
    }

    /// Tokens that have to be refused, each with what is wrong with it: expired, of another audience, …
    fn refused_tokens(harness: &Harness<Self>) -> Vec<(&'static str, String)> {
        harness.authenticator().refused_tokens()
    }

    /// What stands for a part of a path that is asked for: the id of something that is not there.
    fn path_part(_: &str) -> &'static str {
        "none"
    }

    /// The query of an operation that has to have one, with its question mark.
    fn query(_: &str) -> &'static str {
        ""
    }

    /// Commands that are driven: sent twice, by several at a time, with a key that was used for something else. Operations that change
    /// something and are not driven are in `undriven.txt`.
    fn commands() -> Vec<Sample<Self>> {
        Vec::new()
    }

    /// Lists that are walked page by page while things are added to them. Those that are not walked are in `undriven.txt`.
    fn lists() -> Vec<List<Self>> {
        Vec::new()
    }
}

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct Person {
    /// As in `authz.txt`.
    pub name: &'static str,
    /// What they show.
    pub token: Option<String>,
    /// If they ask only where the path has this part, and for this: `("account", "me")`.
    pub only: Option<(&'static str, &'static str)>,
}

/// A command that is driven.
pub struct Sample<S: Conforms> {
    /// Its method and path as in the document: `POST /auth/v1/accounts/{account}/keys`.
    pub operation: &'static str,
    /// Makes what it needs, and says where it is sent and with which body. It is sent by this administrator, and succeeds once.
    pub make: fn(&Harness<S>, &str) -> (String, Option<Value>),
}

/// A list that is walked.
pub struct List<S: Conforms> {
    /// Its operation as in the document: `GET /auth/v1/accounts/{account}/keys`.
    pub operation: &'static str,
    /// Makes what it needs, as this administrator, and says where it is asked for, with what it needs of a query.
    pub path: fn(&Harness<S>, &str) -> String,
    /// The member of an item by which items are told from each other.
    pub id: &'static str,
    /// Adds one item, as this administrator, to the list at this path; the number is another each time.
    pub add: fn(&Harness<S>, (&str, &str), usize),
}

/// What is checked, and how it is on a database.
type Check = (&'static str, fn(&Place));

/// Runs every check, and fails with the names of those that failed; what each of them says stands before.
///
/// # Panics
/// If the service does not do what it should.
pub fn conformance<S: Conforms>() {
    let failed = failures::<S>(true);
    assert!(
        failed.is_empty(),
        "{} does not conform: {}",
        S::Service::NAME,
        failed.join(", ")
    );
}

/// The checks that fail, each as its name and the engine: on SQLite, and on a server of PostgreSQL too if that is asked for and is there.
pub fn failures<S: Conforms>(with_server: bool) -> Vec<String> {
    logs::capture();
    let checks: [Check; 15] = [
        ("statements prepare", schema::statements_prepare::<S>),
        ("released schemas come forward", schema::comes_forward::<S>),
        ("document is as promised", document::is_as_promised::<S>),
        ("who may do what", document::who_may_do_what::<S>),
        (
            "who is not known is refused",
            refusals::unknown_are_refused::<S>,
        ),
        ("requests are bounded", refusals::requests_are_bounded::<S>),
        ("commands are done once", commands::done_once::<S>),
        ("deadlines are kept", commands::deadlines_are_kept::<S>),
        (
            "a stop lets answers end",
            commands::stop_lets_answers_end::<S>,
        ),
        ("lists are walked whole", lists::walked_whole::<S>),
        ("rebuild is live", projections::rebuild_is_live::<S>),
        ("effects have handlers", effects::have_handlers::<S>),
        ("timers fire", timers::fire::<S>),
        ("jobs come to their end", jobs::come_to_their_end::<S>),
        ("metrics are read by others", metrics::are_read::<S>),
    ];
    let mut failed = Vec::new();
    let mut run = |name: &str, engine: &str, check: &dyn Fn()| {
        if catch_unwind(AssertUnwindSafe(check)).is_err() {
            failed.push(format!("{name} ({engine})"));
        }
    };
    for (name, check) in checks {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        run(name, "sqlite", &|| check(&place));
    }
    run("callers show certificates", "sqlite", &|| {
        peers::show_certificates::<S>();
    });
    if with_server && let Some(server) = Postgres::start() {
        for (name, check) in checks {
            let place = Place::Server(harness::new_database(&server.url()));
            run(name, "postgres", &|| check(&place));
        }
        run("the database is away", "postgres", &|| {
            outage::database_is_away::<S>();
        });
    }
    run("no secret is in a log", "both", &|| logs::have_no_secret());
    failed
}
