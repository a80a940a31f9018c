//! What is found of a service whose database is as it should be, and of one that is not, fault by fault; and that looking changes nothing.

#![cfg(test)]

#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use postgres::Postgres;
use std::fs;
use std::sync::Arc;
use tickloom_chassis::{
    AuditOutcome, Clock, Context, Database, Finding, FindingState, Migration, Migrations,
    NewAuditEntry, NewEffect, NewEvent, Place, Projection, ProjectionFuture, Result, Service,
    ServiceParts, StoredEvent, Write, all_rows, append, append_audit, enqueue, examine_service,
};
use tickloom_types::Ts;
use tokio::runtime::Runtime;
use utoipa_axum::router::OpenApiRouter;

const NOW: Ts = Ts(1_700_000_000_000_000_000);
const ADD: &str = "INSERT INTO note (id, text) VALUES ($1, $2)";

/// Notes, whose rows come from the log.
struct Notes;

impl Service for Notes {
    const NAME: &'static str = "notes";
    const MIGRATIONS: Migrations = &[Migration {
        name: "note",
        sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
    }];
    const STATEMENTS: &'static [&'static [&'static str]] = &[&[ADD]];
    type Config = ();

    async fn new(_: Context, (): ()) -> Result<Arc<Notes>> {
        Ok(Arc::new(Notes))
    }

    fn rest(self: &Arc<Notes>) -> OpenApiRouter {
        OpenApiRouter::new()
    }

    fn projections() -> Vec<Box<dyn Projection>> {
        vec![Box::new(Rows)]
    }
}

/// The rows of notes.
struct Rows;

impl Projection for Rows {
    fn tables(&self) -> &'static [&'static str] {
        &["note"]
    }

    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a> {
        Box::pin(async move {
            let added = sqlx::query(ADD).bind(event.position).bind(&event.body);
            added.execute(write.connection()).await?;
            Ok(())
        })
    }
}

/// A database with three notes.
async fn written(place: &Place) -> Database {
    let database = Database::open(place, Notes::NAME, Notes::MIGRATIONS)
        .await
        .unwrap();
    for number in 0..3 {
        let mut write = database.write().await.unwrap();
        let event = NewEvent {
            aggregate: format!("note/{number}"),
            version: 1,
            kind: "written",
            v: 1,
            at: NOW,
            actor: "user/me".to_owned(),
            request: String::new(),
            body: format!("note {number}"),
        };
        let id = append(&mut write, &event).await.unwrap();
        let added = sqlx::query(ADD).bind(id).bind(&event.body);
        added.execute(write.connection()).await.unwrap();
        let entry = NewAuditEntry {
            at: NOW,
            actor: event.actor,
            request: String::new(),
            action: "written".to_owned(),
            resource: event.aggregate,
            outcome: AuditOutcome::Done,
            detail: String::new(),
        };
        append_audit(&mut write, &entry).await.unwrap();
        write.commit().await.unwrap();
    }
    database
}

async fn look(place: &Place) -> Vec<Finding> {
    examine_service(place, &ServiceParts::of::<Notes>(), &Clock::standing(NOW)).await
}

/// What is not good, as check and state.
async fn faults(place: &Place) -> Vec<(&'static str, FindingState)> {
    let found = look(place).await.into_iter();
    let faults = found.filter(|finding| finding.state != FindingState::Good);
    faults
        .map(|finding| (finding.check, finding.state))
        .collect()
}

#[test]
fn a_whole_database_is_found_whole_and_looking_changes_nothing() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    runtime.block_on(async {
        let absent = look(&place).await;
        assert_eq!((absent.len(), absent[0].state), (1, FindingState::Good));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let database = written(&place).await;
        let before = all_rows(&database).await.unwrap();
        // It is looked at while the service runs.
        let found = look(&place).await;
        let checks: Vec<&str> = found.iter().map(|finding| finding.check).collect();
        let all = [
            "database",
            "schema",
            "file",
            "events",
            "audit log",
            "clock",
            "effects",
            "rows",
        ];
        assert_eq!(checks, all);
        assert!(
            found.iter().all(|it| it.state == FindingState::Good),
            "{found:#?}"
        );
        assert_eq!(all_rows(&database).await.unwrap(), before);
        database.close().await;
        let names = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["notes.db"]);
    });
    let Some(server) = Postgres::start() else {
        return;
    };
    let place = Place::Server(server.url());
    runtime.block_on(async {
        assert_eq!(look(&place).await.len(), 1);
        let database = written(&place).await;
        assert_eq!(faults(&place).await, [("rows", FindingState::Unknown)]);
        database.close().await;
    });
    drop(server);
    let away = runtime.block_on(faults(&place));
    assert_eq!(away, [("database", FindingState::Bad)]);
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    use FindingState::{Bad, Warning};
    let runtime = Runtime::new().unwrap();
    for (change, expected) in [
        (
            "UPDATE note SET text = 'x' WHERE id = 2",
            vec![("rows", Bad)],
        ),
        ("DELETE FROM note WHERE id = 3", vec![("rows", Bad)]),
        // What is made from a log with a hole is not what was there.
        (
            "DELETE FROM event WHERE position = 2",
            vec![("events", Bad), ("rows", Bad)],
        ),
        (
            "UPDATE audit SET resource = 'note/9' WHERE position = 2",
            vec![("audit log", Bad)],
        ),
        (
            "DELETE FROM audit WHERE position = 2",
            vec![("audit log", Bad)],
        ),
        // Its end, or all of it.
        (
            "DELETE FROM audit WHERE position = (SELECT max(position) FROM audit)",
            vec![("audit log", Bad)],
        ),
        ("DELETE FROM audit", vec![("audit log", Bad)]),
        (
            "UPDATE event SET at = 1700000000000000001 WHERE position = 1",
            vec![("clock", Bad)],
        ),
        (
            "UPDATE effect SET state = 'given_up'",
            vec![("effects", Bad)],
        ),
        (
            "DELETE FROM migration WHERE part = 'service'",
            vec![("schema", Warning)],
        ),
        (
            "UPDATE migration SET hash = '0' WHERE part = 'service'",
            vec![("schema", Bad)],
        ),
        (
            "INSERT INTO migration (part, number, name, hash) VALUES ('service', 2, 'later', '0')",
            vec![("schema", Bad)],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        runtime.block_on(async {
            let database = written(&place).await;
            let mut write = database.write().await.unwrap();
            let effect = NewEffect {
                key: "k".to_owned(),
                kind: "mail",
                payload: String::new(),
                at: NOW,
            };
            assert!(enqueue(&mut write, &effect).await.unwrap());
            write.commit().await.unwrap();
            assert_eq!(faults(&place).await, []);
            sqlx::query(change)
                .execute(database.reader())
                .await
                .unwrap();
            assert_eq!(faults(&place).await, expected, "{change}");
            database.close().await;
        });
    }
}

/// What is said of the one thing that is not good, and what is advised.
async fn said(place: &Place, parts: &ServiceParts) -> [String; 2] {
    let found = examine_service(place, parts, &Clock::standing(NOW)).await;
    let faults = found.into_iter();
    let mut faults = faults.filter(|finding| finding.state != FindingState::Good);
    let fault = faults.next().unwrap();
    assert_eq!(faults.next(), None);
    [fault.says, fault.advice]
}

#[test]
fn each_fault_has_its_own_words_and_advice_knows_the_service() {
    let runtime = Runtime::new().unwrap();
    let plain = ServiceParts::of::<Notes>();
    let known = plain.with_commands("notes rebuild", "notes retry");
    for (change, says, advice, of_known) in [
        (
            "UPDATE note SET text = 'x' WHERE id = 2",
            "the log gives something else for note",
            "tell us how it came to this",
            "`notes rebuild` makes them again",
        ),
        (
            "UPDATE event SET at = 1700000000000000001 WHERE position = 1",
            "it is 2023-11-14T22:13:20Z, and something happened at 2023-11-14T22:13:20.000000001Z",
            "set the clock of this machine, and have it set by NTP",
            "set the clock of this machine, and have it set by NTP",
        ),
        (
            "INSERT INTO effect (key, kind, payload, at, state, attempts, next_at, lease_until, last_answer) \
             VALUES ('k', 'mail', '', 0, 'given_up', 32, 0, 0, '')",
            "1 were given up, as the outside was away for too long",
            "see what keeps them from being done",
            "see what keeps them from being done, then `notes retry`",
        ),
        (
            "UPDATE stream SET head = 4 WHERE name = 'event'",
            "the log of events is not whole: it counts 4 events, and there are 3, the newest of which is 3",
            "stop the service, keep what is there, and put back a backup from before (`tickloom admin restore`)",
            "stop the service, keep what is there, and put back a backup from before (`tickloom admin restore`)",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        runtime.block_on(async {
            let database = written(&place).await;
            let changed = sqlx::query(change).execute(database.reader());
            changed.await.unwrap();
            assert_eq!(said(&place, &plain).await, [says, advice]);
            assert_eq!(said(&place, &known).await, [says, of_known]);
            database.close().await;
        });
    }
}

#[test]
fn a_database_whose_file_is_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let wal = folder.path().join("notes.db-wal");
    fs::write(&wal, "").unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let found = Runtime::new().unwrap().block_on(look(&place));
    let [found] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (found.check, found.state, found.says.clone()),
        (
            "database",
            FindingState::Bad,
            format!("notes.db is gone, and {} is there", wal.display())
        )
    );
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.db"), "x".repeat(5000)).unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let faults = Runtime::new().unwrap().block_on(faults(&place));
    assert_eq!(faults, [("database", FindingState::Bad)]);
}
