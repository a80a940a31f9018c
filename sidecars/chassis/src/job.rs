//! Work that takes long: a row a job, done in steps.
//!
//! A worker has a job for a while, and for longer with each step. What a step changes and the place at which the job goes on after it are
//! one transaction: whatever is killed, the next worker goes on from the last place, and each step is done once in effect. How far a job
//! is, why it failed and what came of it stand in its row. It outlives whoever started it.

mod handler;
mod step;
mod worker;

use crate::database::{Database, Write};
use crate::{ChassisError, Result};
pub use handler::{JobFuture, JobHandler, JobStep, JobWork};
use serde::Serialize;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_types::Ts;
use utoipa::ToSchema;
use uuid::Uuid;
pub use worker::Jobs;

/// Jobs of one kind that wait or run, at most.
const OPEN_MAX: i64 = 100;
/// What is over is known for 30 days.
const KEPT_NS: i64 = 30 * 86_400_000_000_000;
/// What is known of a job, in the order in which it is read.
macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, kind, actor, payload, state, created, begun, seen, ended, attempts, done, total, place, failure, result ",
            $after
        )
    };
}

const START: &str = "INSERT INTO job \
    (id, kind, actor, payload, state, created, holder, lease_until, next_at, attempts, done, place) \
    VALUES ($1, $2, $3, $4, 'waiting', $5, '', 0, $5, 0, 0, '')";
const OPEN: &str =
    "SELECT CAST(count(*) AS BIGINT) FROM job WHERE kind = $1 AND state IN ('waiting', 'running')";
const ONE: &str = columns!("SELECT", "FROM job WHERE id = $1");
const AFTER: &str = columns!("SELECT", "FROM job WHERE id > $1 ORDER BY id LIMIT $2");
const CANCEL: &str = "UPDATE job SET state = 'cancelled', ended = $2, holder = '', lease_until = 0 \
    WHERE id = $1 AND state IN ('waiting', 'running')";
const FORGET: &str = "DELETE FROM job WHERE ended < $1";
const DUE: &str = "SELECT id FROM job WHERE kind = $1 AND state IN ('waiting', 'running') \
    AND next_at <= $2 AND lease_until <= $2 ORDER BY next_at, id LIMIT 1";
/// Of two workers that found the same the second has nothing.
const TAKE: &str = columns!(
    "UPDATE job SET state = 'running', begun = coalesce(begun, $3), seen = $3, holder = $2, lease_until = $4, \
    attempts = attempts + 1 WHERE id = $1 AND state IN ('waiting', 'running') AND next_at <= $3 AND lease_until <= $3 RETURNING",
    ""
);
/// Who has a job no more changes nothing of it: it was cancelled, or another worker has it.
const HOLD: &str =
    "UPDATE job SET lease_until = $3 WHERE id = $1 AND holder = $2 AND state = 'running'";
const SAVE: &str = "UPDATE job SET place = $3, done = $4, total = $5, seen = $6, attempts = 0, failure = NULL \
    WHERE id = $1 AND holder = $2 AND state = 'running'";
const END: &str = "UPDATE job SET state = $3, ended = $4, seen = $4, done = $5, failure = $6, result = $7, \
    holder = '', lease_until = 0 WHERE id = $1 AND holder = $2 AND state = 'running'";
/// As its holder stops, or it is tried again after a failure.
const RELEASE: &str = "UPDATE job SET holder = '', lease_until = 0, next_at = $3, attempts = $4, failure = $5 \
    WHERE id = $1 AND holder = $2 AND state = 'running'";
/// When jobs of a kind are taken next; those that somebody has when their lease ends.
const NEXT: &str = "SELECT min(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END) FROM job \
    WHERE kind = $1 AND state IN ('waiting', 'running')";
const COUNTS: &str = "SELECT state, CAST(count(*) AS BIGINT) FROM job \
    WHERE state IN ('waiting', 'running', 'failed') GROUP BY state";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    START, OPEN, ONE, AFTER, CANCEL, FORGET, DUE, TAKE, HOLD, SAVE, END, RELEASE, NEXT, COUNTS,
];

/// How far work is that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Nobody has begun it.
    Waiting,
    /// It was begun; after a failure, or when its worker is gone, it goes on from where it was.
    Running,
    /// It is done, and there is a result.
    Done,
    /// It is given up.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

/// Work that takes long.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What is done.
    pub kind: String,
    /// Who started it, as a kind and an id.
    pub actor: String,
    /// How far it is.
    pub state: JobState,
    /// When it was started, in nanoseconds since the epoch.
    pub created: i64,
    /// When it was begun.
    pub begun: Option<i64>,
    /// When it got on last.
    pub seen: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// How much of it is done, in units of its kind.
    pub done: i64,
    /// How much there is in all, once that is known.
    pub total: Option<i64>,
    /// How much was done a second since it was begun, pauses among them.
    pub rate: Option<f64>,
    /// How often it was taken since it got on last.
    pub attempts: i64,
    /// Why it failed: for ever, or last.
    pub failure: Option<String>,
    /// What came of it, as its kind says.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// What its handler was told, as it reads it.
    #[serde(skip)]
    pub payload: String,
    /// Where it goes on, as the handler said after the step before; empty at the begin.
    #[serde(skip)]
    pub place: String,
}

/// Work that is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Who does it: [`JobHandler::kind`].
    pub kind: &'static str,
    /// Who wants it, as a kind and an id.
    pub actor: String,
    /// What the handler needs, as it reads it; no secrets.
    pub payload: String,
    /// When it is started, from which on it is due.
    pub at: Ts,
}

impl JobState {
    fn name(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    fn named(name: &str) -> Option<JobState> {
        use JobState::{Cancelled, Done, Failed, Running, Waiting};
        [Waiting, Running, Done, Failed, Cancelled]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Starts a job in a transaction in which the log of events is held; `None` if 100 of its kind wait or run already. What ended 30 days
/// before is forgotten.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn start_job(write: &mut Write, new: &NewJob) -> Result<Option<Job>> {
    let forgotten = sqlx::query(FORGET).bind(new.at.0.saturating_sub(KEPT_NS));
    forgotten.execute(write.connection()).await?;
    let open = sqlx::query(OPEN).bind(new.kind);
    let open: i64 = open.fetch_one(write.connection()).await?.try_get(0)?;
    if open >= OPEN_MAX {
        return Ok(None);
    }
    let id = format!("job_{}", Uuid::now_v7().simple());
    let started = sqlx::query(START)
        .bind(&id)
        .bind(new.kind)
        .bind(&new.actor)
        .bind(&new.payload)
        .bind(new.at.0);
    started.execute(write.connection()).await?;
    job(write.connection(), &id).await
}

/// The job of this id, if there is one.
///
/// # Errors
/// [`ChassisError::Database`], [`ChassisError::Row`].
pub async fn job<'c>(at: impl Executor<'c, Database = Any>, id: &str) -> Result<Option<Job>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(stored).transpose()
}

/// Jobs with ids after one, in order, which is that in which they were started.
///
/// # Errors
/// [`ChassisError::Database`], [`ChassisError::Row`].
pub async fn jobs_after(database: &Database, after: &str, rows: i64) -> Result<Vec<Job>> {
    let rows = sqlx::query(AFTER).bind(after).bind(rows);
    let rows = rows.fetch_all(database.reader()).await?;
    rows.iter().map(stored).collect()
}

/// Cancels a job, and returns whether it had not ended: nothing of it is done any more, and of the step that is being done nothing is kept.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn cancel_job(write: &mut Write, id: &str, now: Ts) -> Result<bool> {
    let cancelled = sqlx::query(CANCEL).bind(id).bind(now.0);
    let cancelled = cancelled.execute(write.connection()).await?;
    Ok(cancelled.rows_affected() == 1)
}

fn stored(row: &AnyRow) -> Result<Job> {
    let id: String = row.try_get(0)?;
    let wrong = |why: String| ChassisError::Row {
        table: "job",
        id: id.clone(),
        why,
    };
    let state: String = row.try_get(4)?;
    let result: Option<String> = row.try_get(14)?;
    let result = result.map(|text| serde_json::from_str(&text)).transpose();
    let (begun, seen): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    let done: i64 = row.try_get(10)?;
    Ok(Job {
        state: JobState::named(&state).ok_or_else(|| wrong(format!("`{state}` is no state")))?,
        result: result.map_err(|error| wrong(error.to_string()))?,
        kind: row.try_get(1)?,
        actor: row.try_get(2)?,
        payload: row.try_get(3)?,
        created: row.try_get(5)?,
        ended: row.try_get(8)?,
        attempts: row.try_get(9)?,
        total: row.try_get(11)?,
        place: row.try_get(12)?,
        failure: row.try_get(13)?,
        rate: rate(done, begun, seen),
        begun,
        seen,
        done,
        id,
    })
}

/// How much was done a second; `None` while no time has gone by.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is told to people, and exact up to 2^53"
)]
fn rate(done: i64, begun: Option<i64>, seen: Option<i64>) -> Option<f64> {
    let nanos = seen?.saturating_sub(begun?);
    (nanos > 0).then(|| done as f64 * 1e9 / nanos as f64)
}

/// The job of a kind that is due first.
async fn due(database: &Database, kind: &str, now: Ts) -> Result<Option<String>> {
    let found = sqlx::query(DUE).bind(kind).bind(now.0);
    let row = found.fetch_optional(database.reader()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// When a job of a kind is taken next, if nobody does it before.
async fn next(database: &Database, kind: &str) -> Result<Option<Ts>> {
    let found = sqlx::query(NEXT).bind(kind);
    let row = found.fetch_one(database.reader()).await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.map(Ts))
}

/// Takes a job that is due, until the lease ends, if nobody was faster.
async fn take(
    write: &mut Write,
    (id, holder): (&str, &str),
    now: Ts,
    until: Ts,
) -> Result<Option<Job>> {
    let taken = sqlx::query(TAKE)
        .bind(id)
        .bind(holder)
        .bind(now.0)
        .bind(until.0);
    let row = taken.fetch_optional(write.connection()).await?;
    row.as_ref().map(stored).transpose()
}

/// Goes on having a job until the lease ends; whether it still has it.
async fn hold(write: &mut Write, (id, holder): (&str, &str), until: Ts) -> Result<bool> {
    let held = sqlx::query(HOLD).bind(id).bind(holder).bind(until.0);
    Ok(held.execute(write.connection()).await?.rows_affected() == 1)
}

/// Saves where a job goes on, and how much of it is done.
async fn save(write: &mut Write, job: &Job, holder: &str, now: Ts) -> Result<()> {
    let saved = sqlx::query(SAVE)
        .bind(&job.id)
        .bind(holder)
        .bind(&job.place)
        .bind(job.done)
        .bind(job.total)
        .bind(now.0);
    saved.execute(write.connection()).await?;
    Ok(())
}

/// What a job ends as.
struct Ending {
    state: JobState,
    failure: Option<String>,
    result: Option<Value>,
}

async fn end(
    write: &mut Write,
    job: &Job,
    holder: &str,
    (ending, now): (&Ending, Ts),
) -> Result<()> {
    let ended = sqlx::query(END)
        .bind(&job.id)
        .bind(holder)
        .bind(ending.state.name())
        .bind(now.0)
        .bind(job.done)
        .bind(&ending.failure)
        .bind(ending.result.as_ref().map(Value::to_string));
    ended.execute(write.connection()).await?;
    Ok(())
}

/// When a job that is given back is taken again.
struct Again<'a> {
    next_at: Ts,
    /// How often it was taken since it got on last.
    attempts: i64,
    /// Why it failed, if it did.
    failure: Option<&'a str>,
}

/// Gives a job back.
async fn release(write: &mut Write, (id, holder): (&str, &str), again: &Again<'_>) -> Result<()> {
    let released = sqlx::query(RELEASE)
        .bind(id)
        .bind(holder)
        .bind(again.next_at.0)
        .bind(again.attempts)
        .bind(again.failure);
    released.execute(write.connection()).await?;
    Ok(())
}
