//! The checks of conformance find what is wrong: a service that does all right passes, and one with a single fault fails by the check
//! that is for it.

#![cfg(test)]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use std::sync::{Arc, Mutex};
use tickloom_chassis::conformance::{Conforms, List, Sample, failures};
use tickloom_chassis::{
    Access, Allowed, Answer, Answered, AuditOutcome, Clock, Context, Database, Effect,
    EffectAnswer, EffectFuture, EffectHandler, EffectPolicy, Idempotent, Job, JobFuture,
    JobHandler, JobStep, JobWork, Migration, Migrations, NewAuditEntry, NewEffect, NewEvent,
    NewJob, Page, PageQuery, PathParts, Problem, ProblemCode, Projection, ProjectionFuture, Result,
    Service, StoredEvent, Subject, Write, append, append_audit, enqueue, start_job,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const NONE: u8 = 0;
const OPEN: u8 = 1;
const TWICE: u8 = 2;
const STATEMENT: u8 = 3;
const NO_PROBLEM: u8 = 4;
const REBUILD: u8 = 5;
const OFFSET: u8 = 6;
const KEEPS_SECRET: u8 = 7;
const UNTOLD: u8 = 8;
const LOGS_SECRET: u8 = 9;
const STEP_CHANGED: u8 = 10;
const STEP_LOSES_ROWS: u8 = 11;
const STEP_RENAMES: u8 = 12;
const PASSES_OVER: u8 = 13;
const WRITES_ELSEWHERE: u8 = 14;
const NAMES_NOTHING: u8 = 15;
const NOBODY_DOES: u8 = 16;
const DOES_ANYTHING: u8 = 17;
const NO_ATTEMPT: u8 = 18;
const ANY_PAGE: u8 = 19;
const FORGETS_PLACE: u8 = 20;
const JOB_OF_NOBODY: u8 = 21;
const JOB_FORGETS: u8 = 22;
const JOB_DOES_ANYTHING: u8 = 23;

const ADD: &str = "INSERT INTO thing (id, secret) VALUES ($1, $2)";
const AFTER: &str = "SELECT id FROM thing WHERE id > $1 ORDER BY id LIMIT $2";
/// What moves when something is added before it.
const LATEST: &str = "SELECT id FROM thing ORDER BY id DESC LIMIT $1 OFFSET $2";
const MARK: &str = "INSERT INTO mark VALUES ($1, '')";
/// What somebody is told.
const TOLD: &str = "a thing is there";

/// What `released/0.0.1.txt` has of the step: its SHA-256, and a statement on `mark`.
const FIRST: Migration = Migration {
    name: "things",
    sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, secret TEXT NOT NULL); CREATE TABLE mark (id BIGINT PRIMARY KEY, word TEXT NOT NULL)",
};
/// The same tables from another text.
const CHANGED: Migration = Migration {
    name: "things",
    sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, secret TEXT NOT NULL);  CREATE TABLE mark (id BIGINT PRIMARY KEY, word TEXT NOT NULL)",
};
const LOSES_ROWS: Migration = Migration {
    name: "anew",
    sql: "DROP TABLE mark; CREATE TABLE mark (id BIGINT PRIMARY KEY, word TEXT NOT NULL)",
};
/// The release before could not run beside this one.
const RENAMES: Migration = Migration {
    name: "renamed",
    sql: "ALTER TABLE mark RENAME COLUMN word TO name",
};

/// A service of things, with one fault.
struct Things<const FAULT: u8> {
    database: Database,
    clock: Clock,
}

struct ReadThings;
struct AddThings;

impl Access for ReadThings {
    const ACTION: &'static str = "thing.read";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "thing/*".to_owned()
    }
}

impl Access for AddThings {
    const ACTION: &'static str = "thing.create";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "thing/*".to_owned()
    }
}

#[derive(Serialize, ToSchema)]
struct Thing {
    id: i64,
}

#[derive(Deserialize, ToSchema)]
struct NewThing {
    secret: String,
}

impl<const FAULT: u8> Service for Things<FAULT> {
    const NAME: &'static str = "things";
    const MIGRATIONS: Migrations = match FAULT {
        STEP_CHANGED => &[CHANGED],
        STEP_LOSES_ROWS => &[FIRST, LOSES_ROWS],
        STEP_RENAMES => &[FIRST, RENAMES],
        _ => &[FIRST],
    };
    const STATEMENTS: &'static [&'static [&'static str]] = if FAULT == STATEMENT {
        &[&["SELECT name FROM thing"]]
    } else {
        &[&[ADD, AFTER, LATEST, MARK]]
    };
    type Config = ();

    async fn new(context: Context, (): ()) -> Result<Arc<Things<FAULT>>> {
        let Context {
            database, clock, ..
        } = context;
        Ok(Arc::new(Things { database, clock }))
    }

    fn rest(self: &Arc<Things<FAULT>>) -> OpenApiRouter {
        let router = OpenApiRouter::new().routes(routes!(add_thing));
        let router = if FAULT == OPEN {
            router.routes(routes!(list_open))
        } else {
            router.routes(routes!(list_things))
        };
        let one: Arc<Things<FAULT>> = Arc::clone(self);
        let same = Things::<0> {
            database: one.database.clone(),
            clock: one.clock.clone(),
        };
        router
            .routes(routes!(read_thing))
            .with_state((Arc::new(same), FAULT))
    }

    fn projections() -> Vec<Box<dyn Projection>> {
        vec![Box::new(Rows::<FAULT>)]
    }

    fn effects(self: &Arc<Things<FAULT>>) -> Vec<Arc<dyn EffectHandler>> {
        vec![Arc::new(Told::<FAULT>)]
    }

    fn jobs(self: &Arc<Things<FAULT>>) -> Vec<Arc<dyn JobHandler>> {
        vec![Arc::new(Counted::<FAULT>::default())]
    }
}

/// The rows of things.
struct Rows<const FAULT: u8>;

impl<const FAULT: u8> Projection for Rows<FAULT> {
    fn tables(&self) -> &'static [&'static str] {
        match FAULT {
            NAMES_NOTHING => &["thing", "nothing"],
            _ => &["thing"],
        }
    }

    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a> {
        Box::pin(async move {
            if event.kind != "added" || event.v != 1 {
                return match FAULT {
                    PASSES_OVER => Ok(()),
                    _ => Err(event.unreadable("it is of another version")),
                };
            }
            if FAULT == REBUILD && event.position > 1 {
                return Ok(());
            }
            if FAULT == WRITES_ELSEWHERE {
                let mark = sqlx::query(MARK).bind(event.position);
                mark.execute(write.connection()).await?;
            }
            let body: Value = serde_json::from_str(&event.body).unwrap();
            let add = sqlx::query(ADD)
                .bind(event.position)
                .bind(body["secret"].as_str().unwrap());
            add.execute(write.connection()).await?;
            Ok(())
        })
    }
}

/// Tells somebody of things.
struct Told<const FAULT: u8>;

impl<const FAULT: u8> EffectHandler for Told<FAULT> {
    fn kind(&self) -> &'static str {
        match FAULT {
            NOBODY_DOES => "another",
            _ => "told",
        }
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            match FAULT {
                DOES_ANYTHING => EffectAnswer::Done(String::new()),
                _ if effect.payload == TOLD => EffectAnswer::Done(String::new()),
                _ => EffectAnswer::Refused("the payload is nothing that is told".to_owned()),
            }
        })
    }

    fn policy(&self) -> EffectPolicy {
        EffectPolicy {
            attempts_max: if FAULT == NO_ATTEMPT { 0 } else { 3 },
            ..EffectPolicy::default()
        }
    }
}

/// Counts things.
#[derive(Default)]
struct Counted<const FAULT: u8> {
    /// What is not there any more after a restart.
    reached: Mutex<i64>,
}

impl<const FAULT: u8> JobHandler for Counted<FAULT> {
    fn kind(&self) -> &'static str {
        match FAULT {
            JOB_OF_NOBODY => "another",
            _ => "counted",
        }
    }

    fn step<'a>(&'a self, work: &'a mut JobWork, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            if !job.payload.is_empty() && FAULT != JOB_DOES_ANYTHING {
                return Ok(JobStep::Failed("it has a payload".to_owned()));
            }
            let after = match FAULT {
                JOB_FORGETS => *self.reached.lock().unwrap(),
                _ if job.place.is_empty() => 0,
                _ => job.place.parse()?,
            };
            let rows = sqlx::query(AFTER).bind(after).bind(work.portion());
            let rows = rows.fetch_all(work.database().reader()).await?;
            let done = job.done + i64::try_from(rows.len())?;
            let Some(last) = rows.last() else {
                let result = json!({"things": done});
                return Ok(JobStep::Done { done, result });
            };
            let last: i64 = last.get(0);
            *self.reached.lock().unwrap() = last;
            Ok(JobStep::More {
                place: last.to_string(),
                done,
                total: None,
            })
        })
    }
}

type Shared = (Arc<Things<0>>, u8);

async fn list((things, fault): Shared, query: PageQuery) -> Result<Json<Page<Thing>>, Problem> {
    let query = match fault {
        ANY_PAGE => query,
        _ => query.checked()?,
    };
    let after = query.after_number()?;
    let rows = if fault == OFFSET {
        let rows = sqlx::query(LATEST).bind(query.rows());
        rows.bind(after.max(0))
    } else {
        sqlx::query(AFTER).bind(after).bind(query.rows())
    };
    let rows = rows.fetch_all(things.database.reader()).await;
    let rows = rows.map_err(tickloom_chassis::ChassisError::from)?;
    let items: Vec<Thing> = rows.iter().map(|row| Thing { id: row.get(0) }).collect();
    let mut page = query.page(items, |thing| thing.id.to_string());
    if fault == FORGETS_PLACE && page.items.is_empty() {
        page.next.clear();
    }
    Ok(Json(page))
}

/// Things, in order.
#[utoipa::path(get, path = "/v1/things", operation_id = "list_things", params(PageQuery),
    responses((status = 200, body = Page<Thing>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list_things(
    State(shared): State<Shared>,
    _: Allowed<ReadThings>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Thing>>, Problem> {
    list(shared, query).await
}

/// Things, in order.
#[utoipa::path(get, path = "/v1/things", operation_id = "list_things", params(PageQuery),
    responses((status = 200, body = Page<Thing>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list_open(
    State(shared): State<Shared>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Thing>>, Problem> {
    list(shared, query).await
}

/// A thing.
#[utoipa::path(get, path = "/v1/things/{thing}", params(("thing" = String, Path, description = "Which")),
    responses((status = 200, body = Thing), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn read_thing(
    State((_, fault)): State<Shared>,
    _: Allowed<ReadThings>,
    Path(thing): Path<String>,
) -> Result<Json<Thing>, axum::response::Response> {
    use axum::response::IntoResponse;
    let detail = format!("there is no `{thing}`");
    if fault == NO_PROBLEM {
        return Err((StatusCode::NOT_FOUND, Json(json!({"error": detail}))).into_response());
    }
    Err(Problem::new(ProblemCode::NotFound, detail).into_response())
}

/// Adds a thing.
#[utoipa::path(post, path = "/v1/things", request_body = NewThing, params(Idempotent),
    responses((status = 201, body = Thing), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn add_thing(
    State((things, fault)): State<Shared>,
    allowed: Allowed<AddThings>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewThing = sent.json()?;
    if fault == LOGS_SECRET {
        tracing::info!(target: "tickloom_things", secret = new.secret, "a thing is added");
    }
    let mut command = sent.command(allowed.subject.actor());
    if fault == TWICE {
        command.key = None;
    }
    let now = things.clock.now();
    let done = command.run(&things.database, &things.clock, async |write| {
        let actor = allowed.subject.actor();
        let kept = match fault {
            KEEPS_SECRET => new.secret.clone(),
            _ => "sealed".to_owned(),
        };
        let event = NewEvent {
            aggregate: format!("thing/{}", uuid::Uuid::now_v7()),
            version: 1,
            kind: "added",
            v: 1,
            at: now,
            actor: actor.clone(),
            request: String::new(),
            body: json!({"secret": kept}).to_string(),
        };
        let id = append(write, &event).await?;
        if fault != UNTOLD {
            let entry = NewAuditEntry {
                at: now,
                actor,
                request: String::new(),
                action: "added".to_owned(),
                resource: event.aggregate,
                outcome: AuditOutcome::Done,
                detail: String::new(),
            };
            append_audit(write, &entry).await?;
        }
        let added = sqlx::query(ADD).bind(id).bind(kept);
        let added = added.execute(write.connection()).await;
        added.map_err(tickloom_chassis::ChassisError::from)?;
        let effect = NewEffect {
            key: format!("told/{id}"),
            kind: "told",
            payload: TOLD.to_owned(),
            at: now,
        };
        enqueue(write, &effect).await?;
        let job = NewJob {
            kind: "counted",
            actor: allowed.subject.actor(),
            payload: String::new(),
            at: now,
        };
        start_job(write, &job).await?;
        Answer::json(StatusCode::CREATED, &json!({"id": id}))
    });
    done.await
}

struct Promises<const FAULT: u8>;

impl<const FAULT: u8> Conforms for Promises<FAULT> {
    type Service = Things<FAULT>;
    const FOLDER: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");

    fn config() {}

    fn commands() -> Vec<Sample<Promises<FAULT>>> {
        vec![Sample {
            operation: "POST /things/v1/things",
            make: |_, _| {
                let body = json!({"secret": "a word that nobody knows"});
                ("/things/v1/things".to_owned(), Some(body))
            },
        }]
    }

    fn lists() -> Vec<List<Promises<FAULT>>> {
        vec![List {
            operation: "GET /things/v1/things",
            path: |_, _| "/things/v1/things".to_owned(),
            id: "id",
            add: |harness, (token, path), _| {
                let body = json!({"secret": "another that nobody knows"});
                drop(harness.client.post(path, Some(token), &body).is(201));
            },
        }]
    }
}

/// The checks that fail on SQLite, by name.
fn failed<const FAULT: u8>() -> Vec<String> {
    let failed = failures::<Promises<FAULT>>(false);
    let name = |line: String| line.split(" (").next().unwrap().to_owned();
    failed.into_iter().map(name).collect()
}

#[test]
fn each_fault_is_found_by_the_check_that_is_for_it() {
    assert_eq!(failures::<Promises<NONE>>(true), [""; 0]);
    assert_eq!(
        failed::<OPEN>(),
        ["who may do what", "who is not known is refused"]
    );
    assert_eq!(failed::<TWICE>(), ["commands are done once"]);
    assert_eq!(failed::<STATEMENT>(), ["statements prepare"]);
    assert!(failed::<NO_PROBLEM>().contains(&"who may do what".to_owned()));
    assert_eq!(failed::<REBUILD>(), ["rebuild is live"]);
    let lists = ["lists are walked whole"];
    assert_eq!(failed::<OFFSET>(), lists);
    assert_eq!(failed::<ANY_PAGE>(), lists);
    assert_eq!(failed::<FORGETS_PLACE>(), lists);
    assert_eq!(failed::<KEEPS_SECRET>(), ["rebuild is live"]);
    assert_eq!(
        failed::<UNTOLD>(),
        ["commands are done once", "deadlines are kept"]
    );
    let rebuilt = ["rebuild is live"];
    assert_eq!(failed::<PASSES_OVER>(), rebuilt);
    assert_eq!(failed::<WRITES_ELSEWHERE>(), rebuilt);
    assert!(failed::<NAMES_NOTHING>().contains(&rebuilt[0].to_owned()));
    let effects = ["effects have handlers"];
    assert!(failed::<NOBODY_DOES>().contains(&effects[0].to_owned()));
    assert_eq!(failed::<DOES_ANYTHING>(), effects);
    assert_eq!(failed::<NO_ATTEMPT>(), effects);
    let jobs = ["jobs come to their end"];
    assert!(failed::<JOB_OF_NOBODY>().contains(&jobs[0].to_owned()));
    assert_eq!(failed::<JOB_FORGETS>(), jobs);
    assert_eq!(failed::<JOB_DOES_ANYTHING>(), jobs);
    let schema = ["released schemas come forward"];
    assert_eq!(failed::<STEP_CHANGED>(), schema);
    assert_eq!(failed::<STEP_LOSES_ROWS>(), schema);
    assert_eq!(failed::<STEP_RENAMES>(), schema);
    // Last, as logs are of the whole process.
    assert_eq!(failed::<LOGS_SECRET>(), ["no secret is in a log"]);
}
