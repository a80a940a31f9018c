//! Commands that can be sent again: a key, the request that it was used for, and the answer, all in the transaction of what the
//! command changes, so that a change and its answer are there together or not at all.
//!
//! The row of the key is taken before anything else. Whoever sends the same at the same time waits for the first: on PostgreSQL at
//! the row, on SQLite for its turn to write. An answer that is an error of ours is not kept, nor is anything of a command that was
//! dropped, so that the next try runs.

mod answer;
mod request;

use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::event::hold_events;
use crate::problem::{Problem, ProblemCode};
use crate::service::Stop;
use crate::{ChassisError, Result};
pub use answer::{Answer, Answered};
use axum::http::StatusCode;
pub use request::{IdempotencyKey, Idempotent, Unkept, request_hash};
use sqlx::Row;
use std::time::Duration;
use tickloom_types::Ts;

/// How long a key is remembered: a day, in nanoseconds.
const KEPT_NS: i64 = 24 * 3_600 * 1_000_000_000;
/// Keys that are removed in one transaction, at most.
const PORTION: i64 = 100;
/// Pause between two looks for keys that have expired.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Takes a key that is free or has expired. Who else takes it waits here until this transaction ends.
const TAKE: &str = "INSERT INTO idempotency (subject, key, request_hash, status, head, body, expires) \
    VALUES ($1, $2, $3, 0, '', '', $4) ON CONFLICT (subject, key) DO UPDATE SET \
    request_hash = excluded.request_hash, status = 0, head = '', body = '', expires = excluded.expires \
    WHERE idempotency.expires <= $5 RETURNING expires";
const STORED: &str =
    "SELECT request_hash, status, head, body FROM idempotency WHERE subject = $1 AND key = $2";
const STORE: &str =
    "UPDATE idempotency SET status = $3, head = $4, body = $5 WHERE subject = $1 AND key = $2";
/// The condition stands twice: a key that was taken anew while this waited for it is not removed.
const REMOVE: &str = "DELETE FROM idempotency WHERE expires <= $1 AND (subject, key) IN \
    (SELECT subject, key FROM idempotency WHERE expires <= $1 ORDER BY expires LIMIT $2)";

/// Fails in a transaction of PostgreSQL in which a statement has failed, which would otherwise be committed as nothing, without a word.
const IS_WHOLE: &str = "SELECT head FROM stream WHERE name = ''";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[TAKE, STORED, STORE, REMOVE, IS_WHOLE];

/// A request that changes something, known by who sends it and by the key that they gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who may see the answer again, as a kind and an id: `user/usr_…`. Keys of different subjects have nothing to do with each other.
    pub subject: String,
    /// The key; without one the command runs each time that it is sent.
    pub key: Option<IdempotencyKey>,
    /// What is asked for, as [`request_hash`] has it.
    pub request_hash: [u8; 32],
}

impl Command {
    /// Runs what the command does in one transaction, and commits it with the answer; or answers as before, if it was done already.
    ///
    /// `perform` uses `write` for everything and commits nothing itself. A [`Problem`] from it drops the transaction, and nothing is
    /// kept: the same request runs again. An [`Answer`] of it is kept for 24 hours, also one that tells of a problem
    /// ([`Answer::problem`]), which is for refusals that changed something; one with a status from 500 on drops the transaction.
    ///
    /// # Errors
    /// The problem from `perform`; [`ProblemCode::IdempotencyConflict`] if the key was used for another request; what the database says.
    pub async fn run<F>(
        &self,
        database: &Database,
        clock: &Clock,
        perform: F,
    ) -> Result<Answered, Problem>
    where
        F: AsyncFnOnce(&mut Write) -> Result<Answer, Problem>,
    {
        let mut write = database.write().await?;
        if let Some(key) = &self.key
            && !self.take(&mut write, key, clock.now()).await?
        {
            return self.replay(&mut write, key).await;
        }
        // What changes something locks the log first, and then what it changes: two commands never wait for each other.
        hold_events(&mut write).await?;
        let answer = perform(&mut write).await?;
        if answer.status().is_server_error() {
            return Ok(Answered::first(answer));
        }
        match &self.key {
            Some(key) => self.store(&mut write, key, &answer).await?,
            None => is_whole(&mut write).await?,
        }
        write.commit().await?;
        Ok(Answered::first(answer))
    }

    /// Whether the key is this command's now; otherwise it was used before.
    async fn take(&self, write: &mut Write, key: &IdempotencyKey, now: Ts) -> Result<bool> {
        let taken = sqlx::query(TAKE)
            .bind(&self.subject)
            .bind(key.as_str())
            .bind(self.request_hash.as_slice())
            .bind(now.0.saturating_add(KEPT_NS))
            .bind(now.0)
            .fetch_optional(write.connection())
            .await?;
        Ok(taken.is_some())
    }

    /// The answer that was given before, if it was to this request.
    async fn replay(&self, write: &mut Write, key: &IdempotencyKey) -> Result<Answered, Problem> {
        let row = sqlx::query(STORED)
            .bind(&self.subject)
            .bind(key.as_str())
            .fetch_one(write.connection())
            .await
            .map_err(ChassisError::from)?;
        let hash: Vec<u8> = row.try_get(0).map_err(ChassisError::from)?;
        if hash != self.request_hash {
            let detail =
                "the key was used for another request: another method, path or body".to_owned();
            return Err(Problem::new(ProblemCode::IdempotencyConflict, detail));
        }
        let status: i64 = row.try_get(1).map_err(ChassisError::from)?;
        let head: String = row.try_get(2).map_err(ChassisError::from)?;
        let body: String = row.try_get(3).map_err(ChassisError::from)?;
        Ok(Answered::again(Answer::stored(status, &head, body)?))
    }

    async fn store(&self, write: &mut Write, key: &IdempotencyKey, answer: &Answer) -> Result<()> {
        let (head, body) = answer.kept();
        sqlx::query(STORE)
            .bind(&self.subject)
            .bind(key.as_str())
            .bind(i64::from(answer.status().as_u16()))
            .bind(head)
            .bind(body)
            .execute(write.connection())
            .await?;
        Ok(())
    }
}

/// Whether nothing has failed in a transaction.
async fn is_whole(write: &mut Write) -> Result<()> {
    sqlx::query(IS_WHOLE)
        .fetch_optional(write.connection())
        .await?;
    Ok(())
}

/// Removes keys that have expired by the clock, at most 100 of them, and returns how many.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn remove_expired_keys(database: &Database, clock: &Clock) -> Result<u64> {
    let mut write = database.write().await?;
    let removed = sqlx::query(REMOVE)
        .bind(clock.now().0)
        .bind(PORTION)
        .execute(write.connection())
        .await?
        .rows_affected();
    write.commit().await?;
    Ok(removed)
}

/// Removes keys that have expired, portion by portion, until the stop is told.
pub(crate) async fn forget_expired(database: Database, clock: Clock, mut stop: Stop) {
    let portion = u64::try_from(PORTION).unwrap_or(u64::MAX);
    while !stop.is_told() {
        // What the database says is said by whoever needs it; these rows can wait.
        let removed = remove_expired_keys(&database, &clock).await.unwrap_or(0);
        if removed < portion {
            stop.or_after(LOOK_AGAIN).await;
        }
    }
}

/// What a stored status is, if it is one.
fn status_of(stored: i64) -> Option<StatusCode> {
    let status = u16::try_from(stored).ok()?;
    StatusCode::from_u16(status).ok()
}
