//! Commands that are sent again: once in effect, and the same answer.

use crate::postgres::Postgres;
use crate::{Answer as Heard, BEGIN, PATIENCE, SECOND, on_both, send};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use sqlx::Row;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_chassis::{
    Answer, Answered, Clock, Command, Context, Database, Engine, HttpOptions, IdempotencyKey,
    Idempotent, Migrations, NewEvent, Place, Problem, ProblemCode, Runner, ServeOptions, Service,
    Stop, Write, append, head, remove_expired_keys, serve,
};
use tickloom_types::Ts;
use tokio::task::JoinSet;
use utoipa_axum::router::OpenApiRouter;

/// A service whose one operation notes an event, shows a secret, and fails as it is told to.
struct Probe {
    context: Context,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    refuse: Option<String>,
}

impl Service for Probe {
    const NAME: &'static str = "probe";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = ();

    async fn new(context: Context, (): ()) -> tickloom_chassis::Result<Arc<Probe>> {
        Ok(Arc::new(Probe { context }))
    }

    fn rest(self: &Arc<Probe>) -> OpenApiRouter {
        OpenApiRouter::new()
            .route("/v1/keys", post(create_key))
            .with_state(Arc::clone(self))
    }
}

async fn create_key(
    State(probe): State<Arc<Probe>>,
    request: Idempotent,
) -> Result<Answered, Problem> {
    let wanted: Wanted = request.json()?;
    let Context {
        database, clock, ..
    } = &probe.context;
    let now = clock.now();
    let command = request.command("user/usr_1");
    let perform = async |write: &mut Write| create(write, &wanted, now).await;
    command.run(database, clock, perform).await
}

async fn create(write: &mut Write, wanted: &Wanted, now: Ts) -> Result<Answer, Problem> {
    let position = append(write, &event(now)).await?;
    match wanted.refuse.as_deref() {
        Some("dropped") => Err(Problem::new(ProblemCode::NotFound, "dropped")),
        Some("broken") => Err(Problem::new(ProblemCode::Internal, "broken")),
        Some("kept") => {
            let problem = Problem::new(ProblemCode::NotFound, format!("refused {position}"));
            Ok(Answer::problem(&problem))
        }
        Some("away") => Ok(Answer::empty(StatusCode::BAD_GATEWAY)),
        _ => Answer::json(
            StatusCode::CREATED,
            &json!({"name": wanted.name, "position": position}),
        )?
        .with_location(&format!("/v1/keys/{position}"))?
        .with_version("key", 1)
        .with_once("secret", &format!("hunter{position}")),
    }
}

fn event(at: Ts) -> NewEvent {
    NewEvent {
        // Another each time: nothing else keeps a command from being done twice.
        aggregate: format!("key/{}", uuid::Uuid::now_v7()),
        version: 1,
        kind: "key_created",
        v: 1,
        at,
        actor: "user/usr_1".to_owned(),
        request: "req_1".to_owned(),
        body: "{}".to_owned(),
    }
}

/// Runs a test against the probe, served on both engines.
fn served(test: impl Fn(SocketAddr, Database, Clock) + Clone + Send + 'static) {
    // They share a database on the server.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    on_both(move |place| {
        let test = test.clone();
        async move {
            let clock = Clock::standing(BEGIN);
            let (told, stop) = Stop::new();
            let runner = Runner::start::<Probe>(&place, clock.clone(), (), &stop).await;
            let options = ServeOptions {
                http: HttpOptions::local("127.0.0.1:0".parse().unwrap()),
                grpc: None,
                drain: Duration::from_secs(60),
            };
            let serving = serve(vec![runner.unwrap()], options, stop).await.unwrap();
            let database = Database::open(&place, Probe::NAME, Probe::MIGRATIONS)
                .await
                .unwrap();
            let (http, own) = (serving.http, database.clone());
            tokio::task::spawn_blocking(move || test(http, own, clock))
                .await
                .unwrap();
            database.close().await;
            drop(told);
            serving.ended().await;
        }
    });
}

fn create_over(http: SocketAddr, key: &str, body: &str) -> Heard {
    let header = format!("Idempotency-Key: {key}\r\n");
    send(http, "POST /probe/v1/keys", &header, body).unwrap()
}

/// Events that there are now.
fn events(database: &Database) -> i64 {
    tokio::runtime::Handle::current()
        .block_on(head(database))
        .unwrap()
}

#[test]
fn the_same_request_again_gets_the_same_answer_without_its_secret() {
    served(|http, database, _| {
        let before = events(&database);
        let first = create_over(http, "k-1", r#"{"name":"a"}"#);
        let position = before + 1;
        assert_eq!(first.status, 201, "{first:?}");
        let shown =
            json!({"name": "a", "position": position, "secret": format!("hunter{position}")});
        assert_eq!(first.json(), shown);
        assert!(!first.is_replayed() && first.head.contains("cache-control: no-store"));
        for _ in 0..3 {
            let again = create_over(http, "k-1", r#"{"name":"a"}"#);
            assert_eq!(again.status, 201);
            assert!(again.is_replayed(), "{again:?}");
            assert_eq!(again.json(), json!({"name": "a", "position": position}));
            let location = format!("location: /v1/keys/{position}");
            for header in [
                "content-type: application/json",
                "etag: \"key.v1\"",
                &location,
            ] {
                assert!(
                    first.head.contains(header) && again.head.contains(header),
                    "{again:?}"
                );
            }
        }
        assert_eq!(events(&database), position);
        // What is to be done only as it was read is refused where nobody looks at that.
        let only = "If-Match: \"key.v1\"\r\n";
        let refused = send(http, "POST /probe/v1/keys", only, r#"{"name":"a"}"#).unwrap();
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .contains("If-Match")
        );
        assert_eq!(events(&database), position);
        // Without a key each is one of its own.
        for _ in 0..2 {
            let answer = send(http, "POST /probe/v1/keys", "", r#"{"name":"a"}"#).unwrap();
            assert_eq!((answer.status, answer.is_replayed()), (201, false));
        }
        assert_eq!(events(&database), position + 2);
        // The secret is nowhere in the database.
        let rows = sqlx::query("SELECT head, body FROM idempotency");
        let rows = tokio::runtime::Handle::current().block_on(rows.fetch_all(database.reader()));
        for row in rows.unwrap() {
            let kept = format!("{}{}", row.get::<String, _>(0), row.get::<String, _>(1));
            assert!(!kept.contains("hunter"), "{kept}");
        }
    });
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    served(|http, database, _| {
        assert_eq!(create_over(http, "k-2", r#"{"name":"a"}"#).status, 201);
        let before = events(&database);
        for (line, body) in [
            ("POST /probe/v1/keys", r#"{"name":"b"}"#),
            ("POST /probe/v1/keys?x=1", r#"{"name":"a"}"#),
        ] {
            let refused = send(http, line, "Idempotency-Key: k-2\r\n", body).unwrap();
            assert_eq!(refused.status, 422, "{refused:?}");
            assert_eq!(refused.json()["code"], "idempotency_conflict");
        }
        for key in ["", "two words", &"x".repeat(256), "a\r\nIdempotency-Key: b"] {
            let refused = create_over(http, key, r#"{"name":"a"}"#);
            assert_eq!(
                (refused.status, refused.json()["code"].as_str()),
                (400, Some("bad_request"))
            );
        }
        let plain = "Idempotency-Key: k-9\r\n";
        let refused = send(http, "POST /probe/v1/keys", plain, "{").unwrap();
        assert_eq!(refused.status, 400);
        assert_eq!(events(&database), before);
    });
}

#[test]
fn an_answer_is_kept_if_the_command_was_completed() {
    served(|http, database, _| {
        for (refuse, status, is_kept) in [
            ("dropped", 404, false),
            ("broken", 500, false),
            // Errors of ours look alike from outside.
            ("away", 500, false),
            ("kept", 404, true),
        ] {
            let before = events(&database);
            let body = format!(r#"{{"name":"a","refuse":"{refuse}"}}"#);
            let key = format!("k-{refuse}");
            let first = create_over(http, &key, &body);
            assert_eq!(first.status, status, "{first:?}");
            let again = create_over(http, &key, &body);
            assert_eq!(
                (again.status, again.is_replayed()),
                (status, is_kept),
                "{again:?}"
            );
            assert_eq!(again.body, first.body);
            assert_eq!(events(&database), before + i64::from(is_kept), "{refuse}");
            // What left nothing leaves its key free, also for another request.
            let other = create_over(http, &key, r#"{"name":"b"}"#);
            assert_eq!(other.status, if is_kept { 422 } else { 201 });
        }
    });
}

#[test]
fn of_twins_that_come_at_the_same_time_one_is_done() {
    on_both(|place| async move {
        let database = Database::open(&place, "twins", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        for round in 0..10_i64 {
            let begun = Arc::new(tokio::sync::Barrier::new(8));
            let mut twins = JoinSet::new();
            for _ in 0..8 {
                let (database, clock, begun) =
                    (database.clone(), clock.clone(), Arc::clone(&begun));
                twins.spawn(async move {
                    let command = Command {
                        subject: "user/usr_1".to_owned(),
                        key: Some(IdempotencyKey::new(&format!("twin-{round}")).unwrap()),
                        request_hash: [7; 32],
                    };
                    begun.wait().await;
                    let perform = async |write: &mut Write| {
                        let position = append(write, &event(BEGIN)).await?;
                        Answer::json(StatusCode::OK, &position)
                    };
                    command.run(&database, &clock, perform).await.unwrap()
                });
            }
            let answers = twins.join_all().await;
            let first = answers
                .iter()
                .filter(|answer| !answer.is_replayed())
                .count();
            assert_eq!((answers.len(), first), (8, 1));
            let body = |answer: &Answered| format!("{answer:?}").replace("true", "false");
            assert!(
                answers
                    .iter()
                    .all(|answer| body(answer) == body(&answers[0]))
            );
            assert_eq!(head(&database).await.unwrap(), round + 1);
        }
        database.close().await;
    });
}

#[test]
fn keys_are_of_a_subject_and_end_after_a_day() {
    on_both(|place| async move {
        let database = Database::open(&place, "days", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let run = async |subject: &str, hash: u8| {
            let command = Command {
                subject: subject.to_owned(),
                key: Some(IdempotencyKey::new("k").unwrap()),
                request_hash: [hash; 32],
            };
            let perform = async |_: &mut Write| Ok(Answer::empty(StatusCode::NO_CONTENT));
            command
                .run(&database, &clock, perform)
                .await
                .map(|answer| answer.is_replayed())
        };
        assert_eq!(run("user/a", 1).await, Ok(false));
        assert_eq!(run("user/b", 2).await, Ok(false));
        assert_eq!(run("user/a", 1).await, Ok(true));
        assert!(clock.advance_to(Ts(BEGIN.0 + 86_400 * SECOND - 1)));
        assert_eq!(run("user/a", 1).await, Ok(true));
        assert_eq!(
            run("user/a", 2).await.unwrap_err().code,
            ProblemCode::IdempotencyConflict
        );
        assert_eq!(remove_expired_keys(&database, &clock).await.unwrap(), 0);
        assert!(clock.advance_to(Ts(BEGIN.0 + 86_400 * SECOND)));
        assert_eq!(run("user/a", 2).await, Ok(false));
        assert_eq!(run("user/a", 2).await, Ok(true));
        // The one of `b` has ended, the new one of `a` has not.
        assert_eq!(remove_expired_keys(&database, &clock).await.unwrap(), 1);
        assert_eq!(remove_expired_keys(&database, &clock).await.unwrap(), 0);
        assert_eq!(run("user/a", 2).await, Ok(true));
        assert_eq!(run("user/b", 3).await, Ok(false));
        database.close().await;
    });
}

#[test]
fn keys_that_have_ended_are_removed_in_portions() {
    on_both(|place: Place| async move {
        let database = Database::open(&place, "portions", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        for n in 0..250 {
            let command = Command {
                subject: "user/a".to_owned(),
                key: Some(IdempotencyKey::new(&n.to_string()).unwrap()),
                request_hash: [1; 32],
            };
            let perform = async |_: &mut Write| Ok(Answer::empty(StatusCode::OK));
            command.run(&database, &clock, perform).await.unwrap();
        }
        assert!(clock.advance_to(Ts(BEGIN.0 + 86_400 * SECOND)));
        for expected in [100, 100, 50, 0] {
            let removed = remove_expired_keys(&database, &clock).await.unwrap();
            assert_eq!(removed, expected);
        }
        database.close().await;
    });
}

#[test]
fn what_a_failed_statement_undid_is_not_answered_as_done() {
    on_both(|place| async move {
        let database = Database::open(&place, "failed", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        for key in [None, Some(IdempotencyKey::new("k").unwrap())] {
            let command = Command {
                subject: "user/a".to_owned(),
                key,
                request_hash: [1; 32],
            };
            let before = head(&database).await.unwrap();
            let perform = async |write: &mut Write| {
                append(write, &event(BEGIN)).await?;
                // Who does not look at what the database says.
                let nothing = sqlx::query("SELECT nothing FROM nowhere");
                assert!(nothing.execute(write.connection()).await.is_err());
                Ok(Answer::empty(StatusCode::OK))
            };
            let answered = command.run(&database, &clock, perform).await;
            let noted = head(&database).await.unwrap() - before;
            // SQLite goes on after such a statement, PostgreSQL undoes everything.
            match database.engine() {
                Engine::Sqlite => assert!(answered.is_ok() && noted == 1),
                Engine::Postgres => assert!(answered.is_err() && noted == 0, "{answered:?}"),
            }
        }
        database.close().await;
    });
}

/// Waits until somebody waits for a row of this transaction; on SQLite nobody gets so far.
async fn waited_for(database: &Database) {
    if database.engine() == Engine::Sqlite {
        return;
    }
    let waiting = "SELECT CAST(count(*) AS BIGINT) FROM pg_locks WHERE NOT granted AND transactionid IS NOT NULL";
    let began = Instant::now();
    loop {
        let row = sqlx::query(waiting)
            .fetch_one(database.reader())
            .await
            .unwrap();
        if row.get::<i64, _>(0) > 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn a_key_that_is_taken_anew_is_not_removed_by_who_waited_for_it() {
    // Of a server of its own: nobody else waits for anything.
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let places = [
        Some(Place::Folder(folder.path().to_owned())),
        server.as_ref().map(|server| Place::Server(server.url())),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for place in places.into_iter().flatten() {
        runtime.block_on(async {
            let database = Database::open(&place, "anew", &[]).await.unwrap();
            let clock = Clock::standing(BEGIN);
            let command = Command {
                subject: "user/a".to_owned(),
                key: Some(IdempotencyKey::new("k").unwrap()),
                request_hash: [1; 32],
            };
            let perform = async |_: &mut Write| Ok(Answer::empty(StatusCode::OK));
            command.run(&database, &clock, perform).await.unwrap();
            assert!(clock.advance_to(Ts(BEGIN.0 + 86_400 * SECOND)));
            let mut remover = None;
            let perform = async |_: &mut Write| {
                let (database_too, clock) = (database.clone(), clock.clone());
                let remove = async move { remove_expired_keys(&database_too, &clock).await };
                remover = Some(tokio::spawn(remove));
                waited_for(&database).await;
                Ok(Answer::empty(StatusCode::OK))
            };
            let first = command.run(&database, &clock, perform).await.unwrap();
            assert!(!first.is_replayed());
            assert_eq!(remover.unwrap().await.unwrap().unwrap(), 0);
            let perform = async |_: &mut Write| Ok(Answer::empty(StatusCode::OK));
            let again = command.run(&database, &clock, perform).await.unwrap();
            assert!(again.is_replayed());
            database.close().await;
        });
    }
}
