//! Commands: done once however often and by how many they are sent, told of in the log, and let end when the process does.

use super::document::{Operation, golden, operations};
use super::effects::never_asked;
use super::jobs::never_started;
use super::lists::never_walked;
use super::timers::never_set;
use super::{Conforms, Harness, Reply, Sample};
use crate::ChassisError;
use crate::audit::audit_head;
use crate::database::{Database, Place};
use crate::event::{head, hold_events};
use crate::service::Service;
use crate::tables::all_rows;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::TcpStream;
use std::sync::Barrier;

/// How many send one command at the same time.
const SENDERS: usize = 6;

/// A command, ready to be sent.
struct Ready {
    method: String,
    path: String,
    body: Option<Value>,
}

fn ready<S: Conforms>(harness: &Harness<S>, sample: &Sample<S>, token: &str) -> Ready {
    let (path, body) = (sample.make)(harness, token);
    let (method, _) = sample.operation.split_once(' ').expect("a method");
    Ready {
        method: method.to_owned(),
        path,
        body,
    }
}

/// Sends a command as its sample says.
pub(super) fn drive<S: Conforms>(harness: &Harness<S>, sample: &Sample<S>, token: &str) {
    let command = ready(harness, sample, token);
    let asked = (command.method.as_str(), command.path.as_str());
    let body = command.body.as_ref();
    let reply = harness.client.send(asked, Some(token), &[], body);
    assert!(reply.is_success(), "{}: {reply:?}", sample.operation);
}

fn send<S: Conforms>(harness: &Harness<S>, command: &Ready, token: &str, key: &str) -> Reply {
    let asked = (command.method.as_str(), command.path.as_str());
    let key = [("Idempotency-Key", key)];
    harness
        .client
        .send(asked, Some(token), &key, command.body.as_ref())
}

/// How many events and entries of the audit log there are.
fn noted<S: Conforms>(harness: &Harness<S>, database: &Database) -> (i64, i64) {
    harness.runtime.block_on(async {
        let events = head(database).await.expect("the head of the log");
        let audit = audit_head(database)
            .await
            .expect("the head of the audit log");
        (events, audit.position)
    })
}

/// Each command that is driven is done once: sent again, by several at the same time; and its key is good for nothing else.
pub(super) fn done_once<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    let database = harness.database();
    let mut driven = BTreeSet::new();
    for (number, sample) in S::commands().iter().enumerate() {
        driven.insert(sample.operation.to_owned());
        let name = sample.operation;
        let command = ready(&harness, sample, &token);
        let key = format!("key-{number}");
        let before = noted(&harness, &database);
        let first = send(&harness, &command, &token, &key);
        assert!(first.is_success(), "{name}: {first:?}");
        assert_eq!(first.header("idempotent-replayed"), None, "{name}");
        let after = noted(&harness, &database);
        let made = (after.0 - before.0, after.1 - before.1);
        assert!(made.1 > 0, "{name} is not in the audit log");
        let again = send(&harness, &command, &token, &key);
        assert_is_same(name, &first, &again);
        let other = Ready {
            path: format!("{}?other=1", command.path),
            ..command
        };
        let conflict = send(&harness, &other, &token, &key);
        conflict.refused(422, "idempotency_conflict");
        assert_eq!(noted(&harness, &database), after, "{name} was done again");
        by_several(&harness, &database, sample, (&token, made));
    }
    let mut untouched = harness
        .runtime
        .block_on(untouched::<S>(&harness, &database));
    for list in never_walked(&harness) {
        writeln!(untouched, "list {list}").expect("a text takes all");
    }
    harness.runtime.block_on(database.close());
    let mut rest = String::new();
    for operation in operations(&harness).iter().filter(|it| it.changes()) {
        let name = operation.name();
        let takes_key = takes_key(&harness, operation, &token);
        if driven.remove(&name) {
            assert!(takes_key, "{name} takes a key that is none");
            continue;
        }
        let keyless = if takes_key {
            ""
        } else {
            ": takes no Idempotency-Key"
        };
        writeln!(rest, "{name}{keyless}").expect("a text takes all");
    }
    assert!(driven.is_empty(), "no operations: {driven:?}");
    golden::<S>("undriven.txt", &(rest + &untouched));
}

/// Effects that no driven command asks for, timers that none sets, jobs that none starts, and tables of projections without a row after all of them, a line each.
async fn untouched<S: Conforms>(harness: &Harness<S>, database: &Database) -> String {
    let mut lines = String::new();
    for kind in never_asked(database, harness.effects().handlers()).await {
        writeln!(lines, "effect {kind}").expect("a text takes all");
    }
    for kind in never_set(database, harness.timers().handlers()).await {
        writeln!(lines, "timer {kind}").expect("a text takes all");
    }
    for kind in never_started(database, harness.jobs().handlers()).await {
        writeln!(lines, "job {kind}").expect("a text takes all");
    }
    let rows = all_rows(database).await.expect("rows");
    let projections = S::Service::projections();
    for table in projections.iter().flat_map(|one| one.tables()) {
        if rows.get(*table).is_none_or(Vec::is_empty) {
            writeln!(lines, "rows of {table}").expect("a text takes all");
        }
    }
    lines
}

/// Whether an operation takes `Idempotency-Key`: then it refuses one that is none. If it does not, it refuses any and says so: nothing is
/// done again of which somebody believes that it is done once.
fn takes_key<S: Conforms>(harness: &Harness<S>, operation: &Operation, token: &str) -> bool {
    let target = operation.target::<S>(None);
    let asked = (operation.method.as_str(), target.as_str());
    let token = Some(token).filter(|_| !operation.is_public::<S>());
    let no_key = [("Idempotency-Key", "two words")];
    let reply = harness.client.send(asked, token, &no_key, None);
    let is_refused = |words: &str| reply.status == 400 && reply.body.contains(words);
    let takes_key = is_refused("Idempotency-Key has");
    let name = operation.name();
    assert!(
        takes_key || is_refused("takes no Idempotency-Key"),
        "{name} neither takes nor refuses an Idempotency-Key: {reply:?}"
    );
    let parameters = operation.says["parameters"].as_array();
    let is_told =
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
    assert_eq!(
        is_told, takes_key,
        "{name}: whether it takes an Idempotency-Key, as `params(Idempotent)` says in the document"
    );
    takes_key
}

/// An answer that is given again is the first one, without what is shown once.
fn assert_is_same(name: &str, first: &Reply, again: &Reply) {
    assert_eq!(again.status, first.status, "{name}: {again:?}");
    let replayed = again.header("idempotent-replayed");
    assert_eq!(replayed, Some("true"), "{name}: {again:?}");
    if first.body.is_empty() {
        assert_eq!(again.body, "", "{name}");
        return;
    }
    let (first, again) = (first.json(), again.json());
    for (member, value) in again.as_object().expect("an object") {
        assert_eq!(first.get(member), Some(value), "{name}: {member}");
    }
}

fn by_several<S: Conforms>(
    harness: &Harness<S>,
    database: &Database,
    sample: &Sample<S>,
    (token, made): (&str, (i64, i64)),
) {
    let name = sample.operation;
    let command = ready(harness, sample, token);
    let before = noted(harness, database);
    let begin = Barrier::new(SENDERS);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    begin.wait();
                    send(
                        harness,
                        &command,
                        token,
                        &format!("twin-{name}").replace(' ', "-"),
                    )
                })
            })
            .collect();
        let ended = senders.into_iter().map(|sender| sender.join());
        ended.map(|reply| reply.expect("a reply")).collect()
    });
    let (first, again): (Vec<_>, Vec<_>) = replies
        .iter()
        .partition(|reply| reply.header("idempotent-replayed").is_none());
    assert_eq!(first.len(), 1, "{name}: {replies:?}");
    assert!(first[0].is_success(), "{name}: {first:?}");
    again
        .iter()
        .for_each(|reply| assert_is_same(name, first[0], reply));
    let after = noted(harness, database);
    let found = (after.0 - before.0, after.1 - before.1);
    assert_eq!(found, made, "{name} by {SENDERS} at the same time");
}

/// A command that cannot be done while its caller waits leaves nothing, and is done when it is sent again.
pub(super) fn deadlines_are_kept<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    let database = harness.database();
    for sample in S::commands() {
        let name = sample.operation;
        let command = ready(&harness, &sample, &token);
        let before = noted(&harness, &database);
        let asked = (command.method.as_str(), command.path.as_str());
        // As another process would that changes something.
        let held = harness.runtime.block_on(async {
            let mut write = database.write().await?;
            hold_events(&mut write).await?;
            Ok::<_, ChassisError>(write)
        });
        let held = held.expect("the log of events is held");
        let head = [("grpc-timeout", "20m"), ("Idempotency-Key", name)];
        let head = head.map(|(name, value)| (name, value.replace([' ', '{', '}'], "-")));
        let head = head.each_ref().map(|(name, value)| (*name, value.as_str()));
        let late = harness
            .client
            .send(asked, Some(&token), &head, command.body.as_ref());
        late.refused(504, "timed_out");
        harness
            .runtime
            .block_on(held.commit())
            .expect("it is let go");
        assert_eq!(noted(&harness, &database), before, "{name}");
        let again = &head[1..];
        let done = harness
            .client
            .send(asked, Some(&token), again, command.body.as_ref());
        assert!(done.is_success(), "{name}: {done:?}");
        assert_eq!(done.header("idempotent-replayed"), None, "{name}");
        assert!(noted(&harness, &database).1 > before.1, "{name}");
    }
    harness.runtime.block_on(database.close());
}

/// A command that has begun when the process is told to stop is answered, and nobody is let in after it.
pub(super) fn stop_lets_answers_end<S: Conforms>(place: &Place) {
    let mut harness = Harness::<S>::new(place);
    let address = harness.client.address();
    let with_body = |sample: &Sample<S>| {
        let token = S::administrator(&harness);
        let command = ready(&harness, sample, &token);
        let body = command.body.as_ref()?.to_string();
        let asked = (command.method.as_str(), command.path.as_str());
        Some((harness.client.begin(asked, &token, &body), body))
    };
    let begun = S::commands().iter().find_map(with_body);
    let waiting = begun.map(|(mut open, body)| {
        open.wait_for_continue();
        (open, body)
    });
    let serving = harness.tell_stop().expect("it runs");
    if let Some((open, body)) = waiting {
        let reply = open.finish(&body);
        assert!(reply.is_success(), "{reply:?}");
    }
    harness.runtime.block_on(serving.ended());
    assert!(TcpStream::connect(address).is_err(), "somebody is let in");
}
