//! What is to be done outside once a transaction is committed: mail, and later what is charged or pushed.
//!
//! An effect is a row in the transaction that asks for it, known by a key. A worker takes it for a while, does it, and notes what
//! came of it. A worker that is killed in the middle leaves a lease that ends, and the effect is done again: at least once. Whoever
//! does it is given the key, with which the outside can make it once.

mod handler;
mod running;
mod worker;

use crate::Result;
use crate::database::{Database, Write};
pub use handler::{Effect, EffectAnswer, EffectFuture, EffectHandler, EffectPolicy};
use sqlx::Row;
use tickloom_types::Ts;
pub use worker::Effects;
pub(crate) use worker::bounded;

/// Effects of one kind that are done at a time, at most.
const LANES_MAX: usize = 8;

const ENQUEUE: &str = "INSERT INTO effect (key, kind, payload, at, state, attempts, next_at, lease_until, last_answer) \
    VALUES ($1, $2, $3, $4, 'waiting', 0, $4, 0, '') ON CONFLICT (key) DO NOTHING";
/// The one that is due first and is in none of seven lanes. A letter `_` of a lane stands for any, and to SQLite capitals are small letters: a
/// lane that is taken for another waits for that one, and nothing is lost.
const DUE: &str = "SELECT key FROM effect WHERE state = 'waiting' AND kind = $1 AND next_at <= $2 AND lease_until <= $2 \
    AND key NOT LIKE $3 AND key NOT LIKE $4 AND key NOT LIKE $5 AND key NOT LIKE $6 AND key NOT LIKE $7 \
    AND key NOT LIKE $8 AND key NOT LIKE $9 ORDER BY next_at, key LIMIT 1";
/// Of two workers that found the same the second has nothing.
const CLAIM: &str = "UPDATE effect SET attempts = attempts + 1, lease_until = $3 \
    WHERE key = $1 AND state = 'waiting' AND next_at <= $2 AND lease_until <= $2 \
    RETURNING key, payload, at, attempts";
/// Only of the attempt that is meant: a worker whose lease has ended changes nothing.
const END: &str = "UPDATE effect SET state = $3, last_answer = $4, next_at = $5, lease_until = 0 \
    WHERE key = $1 AND attempts = $2 AND state = 'waiting'";
const END_AND_ERASE: &str = "UPDATE effect SET state = $3, last_answer = $4, next_at = $5, lease_until = 0, \
    payload = '' WHERE key = $1 AND attempts = $2 AND state = 'waiting'";
/// When effects of a kind are tried next; those that are being done when their lease ends.
const NEXT: &str = "SELECT min(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END) FROM effect \
    WHERE state = 'waiting' AND kind = $1";
const COUNTS: &str = "SELECT state, kind, CAST(count(*) AS BIGINT) FROM effect \
    WHERE state IN ('waiting', 'refused', 'given_up') GROUP BY state, kind";
const RETRY: &str = "UPDATE effect SET state = 'waiting', attempts = 0, next_at = $2, lease_until = 0 \
    WHERE state = 'given_up' AND kind = $1";

const FORGET: &str =
    "DELETE FROM effect WHERE kind = $1 AND state IN ('done', 'refused') AND at < $2";

const FORGET_GIVEN_UP: &str =
    "DELETE FROM effect WHERE kind = $1 AND state = 'given_up' AND at < $2";

/// Effects that wait below a name; and those of them below another whose sending has not begun.
const WAITING: &str = "SELECT CAST(count(*) AS BIGINT), \
    CAST(coalesce(sum(CASE WHEN key LIKE $3 AND lease_until = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) \
    FROM effect WHERE kind = $1 AND state = 'waiting' AND key LIKE $2";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ENQUEUE,
    DUE,
    CLAIM,
    END,
    END_AND_ERASE,
    NEXT,
    COUNTS,
    RETRY,
    FORGET,
    FORGET_GIVEN_UP,
    WAITING,
];

/// What is to be done outside.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// What it is, for ever: the same key again is the same effect. It follows from what asks for it, such as a kind and the id of
    /// an event.
    pub key: String,
    /// Who does it: [`EffectHandler::kind`].
    pub kind: &'static str,
    /// What the handler needs, as it reads it. It may have secrets: it is erased once the effect is done or refused.
    pub payload: String,
    /// When it is asked for, from which on it is due.
    pub at: Ts,
}

/// The payload may have secrets, and is not shown.
impl std::fmt::Debug for NewEffect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewEffect")
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Asks for an effect in a transaction, and returns whether it is new: one whose key was there before is asked for already, and
/// stays as it is.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn enqueue(write: &mut Write, effect: &NewEffect) -> Result<bool> {
    let inserted = sqlx::query(ENQUEUE)
        .bind(&effect.key)
        .bind(effect.kind)
        .bind(&effect.payload)
        .bind(effect.at.0)
        .execute(write.connection())
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Forgets effects of a kind that were asked for before a time and are done or refused, and returns how many: for kinds whose keys
/// never come again.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn forget_effects(write: &mut Write, kind: &str, before: Ts) -> Result<u64> {
    let forgotten = sqlx::query(FORGET).bind(kind).bind(before.0);
    Ok(forgotten.execute(write.connection()).await?.rows_affected())
}

/// Forgets effects of a kind that were asked for before a time and are given up, with what they have in them, and returns how many: they
/// are never done.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn forget_given_up(write: &mut Write, kind: &str, before: Ts) -> Result<u64> {
    let forgotten = sqlx::query(FORGET_GIVEN_UP).bind(kind).bind(before.0);
    Ok(forgotten.execute(write.connection()).await?.rows_affected())
}

/// How many effects of a kind wait whose keys are below a name (`NAME/…`), and how many of those below another one of which nothing is on its
/// way.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn waiting_effects(
    write: &mut Write,
    kind: &str,
    (all, some): (&str, &str),
) -> Result<(i64, i64)> {
    let row = sqlx::query(WAITING)
        .bind(kind)
        .bind(format!("{all}/%"))
        .bind(format!("{some}/%"));
    let row = row.fetch_one(write.connection()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The key of the effect of a kind that is due first and is in none of these lanes, of which there are at most [`LANES_MAX`] less one.
async fn due(database: &Database, kind: &str, now: Ts, busy: &[String]) -> Result<Option<String>> {
    let mut found = sqlx::query(DUE).bind(kind).bind(now.0);
    for place in 0..LANES_MAX - 1 {
        // No key is empty.
        let below = busy.get(place).map(|lane| format!("{lane}/%"));
        found = found.bind(below.unwrap_or_default());
    }
    let row = found.fetch_optional(database.reader()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// When an effect of a kind is tried next, if nobody does it before.
async fn next(database: &Database, kind: &str) -> Result<Option<Ts>> {
    let found = sqlx::query(NEXT).bind(kind);
    let row = found.fetch_one(database.reader()).await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.map(Ts))
}

/// Takes an effect that is due, until the lease ends, if nobody was faster.
async fn claim(write: &mut Write, key: &str, now: Ts, lease_until: Ts) -> Result<Option<Effect>> {
    let row = sqlx::query(CLAIM)
        .bind(key)
        .bind(now.0)
        .bind(lease_until.0)
        .fetch_optional(write.connection())
        .await?;
    row.map_or(Ok(None), |row| {
        Ok(Some(Effect {
            key: row.try_get(0)?,
            payload: row.try_get(1)?,
            at: Ts(row.try_get(2)?),
            attempt: row.try_get(3)?,
        }))
    })
}

/// What becomes of an effect after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    state: &'static str,
    /// When it is due again, or when it ended.
    next_at: Ts,
    words: String,
}

/// Notes what came of an attempt.
async fn note(write: &mut Write, effect: &Effect, outcome: &Outcome) -> Result<()> {
    let statement = match outcome.state {
        "done" | "refused" => END_AND_ERASE,
        _ => END,
    };
    sqlx::query(statement)
        .bind(&effect.key)
        .bind(effect.attempt)
        .bind(outcome.state)
        .bind(&outcome.words)
        .bind(outcome.next_at.0)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Lets effects of a kind that were given up be tried again from now on, as if they were new, and returns how many there are.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn retry_given_up(write: &mut Write, kind: &str, now: Ts) -> Result<u64> {
    let retried = sqlx::query(RETRY)
        .bind(kind)
        .bind(now.0)
        .execute(write.connection())
        .await?;
    Ok(retried.rows_affected())
}
