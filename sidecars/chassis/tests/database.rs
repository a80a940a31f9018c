//! The database of a service on both engines: numbers without gaps, all or nothing, and migrations that say what they are.

#![cfg(test)]

#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use postgres::Postgres;
use sqlx::{Executor, Row, SqlStr};
use std::collections::BTreeSet;
use std::sync::Arc;
use tickloom_chassis::{
    ChassisError, Clock, Context, Database, Engine, Migration, Migrations, NewEvent, Place, Runner,
    Service, Stop, append, events_after, head, inbox_position, move_inbox, pending_migrations,
};
use tickloom_types::Ts;
use utoipa_axum::router::OpenApiRouter;

const NONE: &[Migration] = &[];
const FIRST: Migration = Migration {
    name: "first",
    sql: "CREATE TABLE note (id TEXT PRIMARY KEY, amount BIGINT NOT NULL, share DOUBLE PRECISION, body BYTEA)",
};
const SECOND: Migration = Migration {
    name: "second",
    sql: "ALTER TABLE note ADD COLUMN word TEXT; CREATE INDEX note_word ON note (word)",
};

/// Runs a test on SQLite, and on PostgreSQL where there is one.
fn on_both<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A name that has to be written otherwise in a URL.
    let place = Place::Folder(folder.path().join("a b?#%"));
    runtime.block_on(test(place));
    if let Some(server) = Postgres::start() {
        runtime.block_on(test(Place::Server(server.url())));
    }
}

fn event(aggregate: &str, version: i64) -> NewEvent {
    NewEvent {
        aggregate: aggregate.to_owned(),
        version,
        kind: "note_written",
        v: 1,
        at: Ts(1_700_000_000_000_000_001),
        actor: "user/me".to_owned(),
        request: "req_1".to_owned(),
        body: r#"{"text":"ü"}"#.to_owned(),
    }
}

#[tokio::test]
async fn databases_are_made_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("services");
    let place = Place::Folder(services.clone());
    let database = Database::open(&place, "log", NONE).await.unwrap();
    let mut write = database.write().await.unwrap();
    append(&mut write, &event("note/1", 1)).await.unwrap();
    write.commit().await.unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&services), 0o700);
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        assert_eq!(mode(&services.join(name)), 0o600, "{name}");
    }
    database.close().await;
}

#[tokio::test]
async fn what_is_removed_is_in_no_file_once_the_log_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let database = Database::open(&place, "log", &[FIRST]).await.unwrap();
    let run = async |statement: &'static str| {
        let mut write = database.write().await.unwrap();
        let done = write.connection().execute(statement).await;
        done.unwrap();
        write.commit().await.unwrap();
    };
    let files = ["log.db", "log.db-wal"].map(|name| folder.path().join(name));
    let has = || {
        files.iter().any(|file| {
            let kept = std::fs::read(file).unwrap();
            kept.windows(6).any(|at| at == b"secret")
        })
    };
    run("INSERT INTO note (id, amount, body) VALUES ('a', 1, 'secret'), ('b', 1, 'secret')").await;
    assert!(has());
    run("DELETE FROM note WHERE id = 'a'").await;
    run("UPDATE note SET body = NULL WHERE id = 'b'").await;
    assert!(has(), "in the log");
    assert!(database.empty_log().await.unwrap());
    assert_eq!(files[1].metadata().unwrap().len(), 0);
    assert!(!has());
    // Who reads is not waited for, and it is tried again.
    run("INSERT INTO note (id, amount) VALUES ('c', 1)").await;
    let mut reading = database.reader().begin().await.unwrap();
    reading.execute("SELECT id FROM note").await.unwrap();
    assert!(!database.empty_log().await.unwrap());
    reading.rollback().await.unwrap();
    assert!(database.empty_log().await.unwrap());
    database.close().await;
}

#[test]
fn numbers_have_no_gaps_whoever_writes_and_whoever_gives_up() {
    on_both(|place| async move {
        let database = Database::open(&place, "log", NONE).await.unwrap();
        assert_eq!(head(&database).await.unwrap(), 0);
        let mut writers = Vec::new();
        for writer in 0..4 {
            let database = database.clone();
            writers.push(tokio::spawn(async move {
                for version in 1..=50 {
                    let mut write = database.write().await.unwrap();
                    append(&mut write, &event(&format!("note/{writer}"), version))
                        .await
                        .unwrap();
                    // Every third time it is given up the first time: its number goes to another.
                    if version % 3 == 0 {
                        drop(write);
                        write = database.write().await.unwrap();
                        append(&mut write, &event(&format!("note/{writer}"), version))
                            .await
                            .unwrap();
                    }
                    write.commit().await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(head(&database).await.unwrap(), 200);
        let mut events = events_after(&database, 0, 150).await.unwrap();
        assert_eq!(events.len(), 150);
        events.extend(events_after(&database, 150, 150).await.unwrap());
        let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
        assert_eq!(positions, (1..=200).collect::<Vec<_>>());
        let names: BTreeSet<(String, i64)> = events
            .iter()
            .map(|event| (event.aggregate.clone(), event.version))
            .collect();
        assert_eq!(names.len(), 200);
        let first = &events[0];
        assert_eq!(
            (first.at, first.body.as_str(), first.v),
            (Ts(1_700_000_000_000_000_001), r#"{"text":"ü"}"#, 1)
        );
    });
}

#[test]
fn of_two_that_change_one_thing_the_second_is_refused() {
    on_both(|place| async move {
        let database = Database::open(&place, "conflict", NONE).await.unwrap();
        let mut write = database.write().await.unwrap();
        append(&mut write, &event("note/1", 1)).await.unwrap();
        write.commit().await.unwrap();
        let mut write = database.write().await.unwrap();
        let refused = append(&mut write, &event("note/1", 1)).await.unwrap_err();
        assert!(
            matches!(refused, ChassisError::Conflict { version: 1, .. }),
            "{refused}"
        );
        drop(write);
        assert_eq!(head(&database).await.unwrap(), 1);
    });
}

#[test]
fn an_inbox_moves_with_what_was_made_of_it_or_not_at_all() {
    on_both(|place| async move {
        let database = Database::open(&place, "inbox", &[FIRST]).await.unwrap();
        for (number, is_kept) in [(1, true), (2, false), (3, true)] {
            let mut write = database.write().await.unwrap();
            sqlx::query("INSERT INTO note (id, amount, share, body) VALUES ($1, $2, $3, $4)")
                .bind(number.to_string())
                .bind(i64::MIN + number)
                .bind(0.1)
                .bind(vec![0_u8, 255])
                .execute(write.connection())
                .await
                .unwrap();
            move_inbox(&mut write, "core/r", &number.to_string())
                .await
                .unwrap();
            if is_kept {
                write.commit().await.unwrap();
            }
        }
        let place = inbox_position(&database, "core/r").await.unwrap();
        assert_eq!(place.as_deref(), Some("3"));
        assert_eq!(inbox_position(&database, "core/s").await.unwrap(), None);
        let rows = sqlx::query("SELECT id, amount, share, body FROM note ORDER BY id");
        let rows = rows.fetch_all(database.reader()).await.unwrap();
        let ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids, ["1", "3"]);
        assert_eq!(rows[0].get::<i64, _>(1), i64::MIN + 1);
        assert_eq!(rows[0].get::<f64, _>(2).to_bits(), 0.1_f64.to_bits());
        assert_eq!(rows[0].get::<Vec<u8>, _>(3), [0, 255]);
    });
}

#[test]
fn a_schema_is_brought_forward_once_and_a_changed_or_newer_one_is_refused() {
    on_both(|place| async move {
        let open = async |steps| match Database::open(&place, "steps", steps).await {
            Ok(database) => {
                database.close().await;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(open(&[FIRST]).await, Ok(()));
        assert_eq!(open(&[FIRST, SECOND]).await, Ok(()));
        assert_eq!(open(&[FIRST, SECOND]).await, Ok(()));
        assert_eq!(
            open(&[FIRST]).await,
            Err("the database of steps is of migration 2, and this version knows 1: use the version that made it, or a newer one".to_owned())
        );
        const CHANGED: Migration = Migration {
            name: "first",
            sql: "CREATE TABLE note (id TEXT PRIMARY KEY)",
        };
        assert_eq!(
            open(&[CHANGED, SECOND]).await,
            Err("the database of steps: migration 1 (first) was applied from another text than this version has; it was changed after its release, or the database is not ours".to_owned())
        );
    });
}

/// A service that runs on even settings alone, and over databases of its first step.
struct Even;

impl Service for Even {
    const NAME: &'static str = "even";
    const MIGRATIONS: Migrations = &[FIRST, SECOND];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = u8;

    async fn admit(existing: Option<&Database>, config: &u8) -> tickloom_chassis::Result<()> {
        let pending = match existing {
            Some(database) => pending_migrations(database, Even::NAME, Even::MIGRATIONS).await?,
            None => vec!["all"],
        };
        match config % 2 {
            0 => Ok(()),
            _ => Err(ChassisError::Start(format!("{config} over {pending:?}"))),
        }
    }

    async fn new(_: Context, _: u8) -> tickloom_chassis::Result<Arc<Even>> {
        Ok(Arc::new(Even))
    }

    fn rest(self: &Arc<Even>) -> OpenApiRouter {
        OpenApiRouter::new()
    }
}

#[test]
fn what_a_service_refuses_is_refused_before_anything_is_made_or_brought_forward() {
    on_both(|place| async move {
        let clock = Clock::standing(Ts(1_700_000_000_000_000_000));
        let (_told, stop) = Stop::new();
        let refused = async |config| {
            let started = Runner::start::<Even>(&place, clock.clone(), config, &stop).await;
            started.err().unwrap().to_string()
        };
        assert_eq!(refused(1).await, "1 over [\"all\"]");
        let existing = Database::existing(&place, Even::NAME).await.unwrap();
        assert!(existing.is_none());
        if let Place::Folder(folder) = &place {
            assert!(!folder.exists());
        }
        let first = Database::open(&place, Even::NAME, &[FIRST]).await.unwrap();
        first.close().await;
        assert_eq!(refused(3).await, "3 over [\"second\"]");
        let existing = Database::existing(&place, Even::NAME).await.unwrap();
        let existing = existing.unwrap();
        let pending = pending_migrations(&existing, Even::NAME, Even::MIGRATIONS).await;
        assert_eq!(pending.unwrap(), ["second"]);
        existing.close().await;
        let started = Runner::start::<Even>(&place, clock.clone(), 4, &stop).await;
        drop(started.unwrap());
        assert_eq!(refused(5).await, "5 over []");
    });
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    const BROKEN: Migration = Migration {
        name: "broken",
        sql: "CREATE TABLE half (id TEXT PRIMARY KEY); INSERT INTO nowhere VALUES (1)",
    };
    on_both(|place| async move {
        let failed = Database::open(&place, "broken", &[BROKEN]).await;
        assert!(matches!(failed, Err(ChassisError::Database(_))));
        // The first statement is gone too: the mended step makes the table.
        const MENDED: Migration = Migration {
            name: "broken",
            sql: "CREATE TABLE half (id TEXT PRIMARY KEY)",
        };
        let database = Database::open(&place, "broken", &[MENDED]).await.unwrap();
        let count = sqlx::query("SELECT CAST(count(*) AS BIGINT) FROM half");
        let count = count.fetch_one(database.reader()).await.unwrap();
        assert_eq!(count.get::<i64, _>(0), 0);
    });
}

#[test]
fn services_on_one_server_do_not_see_each_other() {
    on_both(|place| async move {
        let one = Database::open(&place, "one", &[FIRST]).await.unwrap();
        let other = Database::open(&place, "other", &[FIRST]).await.unwrap();
        let mut write = one.write().await.unwrap();
        append(&mut write, &event("note/1", 1)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(
            (head(&one).await.unwrap(), head(&other).await.unwrap()),
            (1, 0)
        );
        let engine = match place {
            Place::Folder(_) => Engine::Sqlite,
            Place::Server(_) => Engine::Postgres,
        };
        assert_eq!(one.engine(), engine);
    });
}

/// Every statement of a service is one on both engines.
#[test]
fn statements_of_the_chassis_prepare_on_both_engines() {
    on_both(|place| async move {
        let database = Database::open(&place, "statements", NONE).await.unwrap();
        for statement in tickloom_chassis::STATEMENTS.iter().copied().flatten() {
            let prepared = database
                .reader()
                .prepare(SqlStr::from_static(statement))
                .await;
            assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
        }
    });
}

#[test]
fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Place::Server(server.url());
    let database = runtime
        .block_on(Database::open(&place, "back", NONE))
        .unwrap();
    for round in 1..=3 {
        // Several connections are open when it dies, and one is in the middle of a transaction.
        runtime.block_on(async {
            let mut writes = Vec::new();
            for _ in 0..3 {
                writes.push(database.write().await.unwrap());
            }
            server.kill();
            let failed = append(&mut writes[0], &event("note/1", 1)).await;
            assert!(failed.unwrap_err().may_pass());
            let failed = head(&database).await;
            assert!(failed.unwrap_err().may_pass());
        });
        server.restart();
        runtime.block_on(async {
            let mut write = database.write().await.unwrap();
            append(&mut write, &event("note/1", round)).await.unwrap();
            write.commit().await.unwrap();
            assert_eq!(head(&database).await.unwrap(), round);
        });
    }
}
