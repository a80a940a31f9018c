//! What is to be done at a moment: a row a timer, which goes in the transaction of what was done at it.
//!
//! A timer that was due while nothing ran fires at the next start. What it does, and that it is over or due again, is one transaction:
//! whatever is killed, it fires once in effect, and of several processes one has it.

mod handler;
mod worker;

use crate::Result;
use crate::database::{Database, Write};
pub use handler::{Timer, TimerFuture, TimerHandler};
use sqlx::Row;
use tickloom_types::Ts;
pub use worker::Timers;

/// One that is set again is moved: it is of whoever set it last.
const SET: &str = "INSERT INTO timer (key, kind, due, next_at, failures) VALUES ($1, $2, $3, $3, 0) \
    ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, due = excluded.due, next_at = excluded.due, failures = 0";
const KEEP: &str = "INSERT INTO timer (key, kind, due, next_at, failures) VALUES ($1, $1, $2, $2, 0) \
    ON CONFLICT (key) DO UPDATE SET due = excluded.due, next_at = excluded.due WHERE timer.next_at > excluded.due";
const DUE: &str = "SELECT key, next_at FROM timer WHERE kind = $1 AND next_at <= $2 ORDER BY next_at, key LIMIT 1";
const NEXT: &str = "SELECT next_at FROM timer WHERE kind = $1 ORDER BY next_at LIMIT 1";
/// Of two that found the same the second has nothing.
const TAKE: &str = "DELETE FROM timer WHERE key = $1 AND kind = $2 AND next_at <= $3 RETURNING due";
const FAILED: &str = "UPDATE timer SET failures = failures + 1, next_at = $4 \
    WHERE key = $1 AND kind = $2 AND next_at <= $3";
const FAILURES: &str = "SELECT failures FROM timer WHERE key = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[SET, KEEP, DUE, NEXT, TAKE, FAILED, FAILURES];

/// Sets a timer in a transaction, or moves it if it is set: it fires at `due` by the clock, or as soon as it can after that. Who does what
/// is to be done at it is the handler of its kind; its key says of what.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn set_timer(write: &mut Write, kind: &'static str, key: &str, due: Ts) -> Result<()> {
    let set = sqlx::query(SET).bind(key).bind(kind).bind(due.0);
    set.execute(write.connection()).await?;
    Ok(())
}

/// Sees that a timer is there that always is, and is due; its key is its kind.
async fn keep(write: &mut Write, kind: &str, now: Ts) -> Result<()> {
    let kept = sqlx::query(KEEP).bind(kind).bind(now.0);
    kept.execute(write.connection()).await?;
    Ok(())
}

/// The timer of a kind that is due first, and when it is tried.
async fn due(database: &Database, kind: &str, now: Ts) -> Result<Option<(Ts, String)>> {
    let found = sqlx::query(DUE).bind(kind).bind(now.0);
    let row = found.fetch_optional(database.reader()).await?;
    row.map_or(Ok(None), |row| {
        Ok(Some((Ts(row.try_get(1)?), row.try_get(0)?)))
    })
}

/// When the first timer of a kind is tried.
async fn next(database: &Database, kind: &str) -> Result<Option<Ts>> {
    let found = sqlx::query(NEXT).bind(kind);
    let row = found.fetch_optional(database.reader()).await?;
    row.map_or(Ok(None), |row| Ok(Some(Ts(row.try_get(0)?))))
}

/// Takes a timer that is due out, if nobody was faster, and returns when it was due.
async fn take(write: &mut Write, (kind, key): (&str, &str), now: Ts) -> Result<Option<Ts>> {
    let taken = sqlx::query(TAKE).bind(key).bind(kind).bind(now.0);
    let row = taken.fetch_optional(write.connection()).await?;
    row.map_or(Ok(None), |row| Ok(Some(Ts(row.try_get(0)?))))
}

/// How often a timer failed since it fired last.
async fn failures(database: &Database, key: &str) -> Result<i64> {
    let found = sqlx::query(FAILURES).bind(key);
    let row = found.fetch_optional(database.reader()).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

/// Notes that a timer failed, and when it is tried again.
async fn failed(
    write: &mut Write,
    (kind, key): (&str, &str),
    (now, next_at): (Ts, Ts),
) -> Result<()> {
    let noted = sqlx::query(FAILED)
        .bind(key)
        .bind(kind)
        .bind(now.0)
        .bind(next_at.0);
    noted.execute(write.connection()).await?;
    Ok(())
}
