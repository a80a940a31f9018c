//! The log of events of a service: what happened, numbered without gaps, never changed.
//!
//! The log is the outbox too: whoever tells others reads it from the position where they are.

use crate::database::{Database, Write};
use crate::{ChassisError, Result};
use sqlx::Row;
use sqlx::any::AnyRow;
use tickloom_types::Ts;

/// Name of the stream of events; its row is the lock of the log.
const EVENTS: &str = "event";
/// The next number, and a lock on the stream until the transaction ends: numbers appear in order, and none is left out.
const NEXT: &str = "INSERT INTO stream (name, head) VALUES ($1, 1) \
                    ON CONFLICT (name) DO UPDATE SET head = stream.head + 1 RETURNING head";
/// The newest number, and the same lock.
const HOLD: &str = "INSERT INTO stream (name, head) VALUES ($1, 0) \
                    ON CONFLICT (name) DO UPDATE SET head = stream.head RETURNING head";
const HEAD: &str = "SELECT head FROM stream WHERE name = $1";
const INSERT: &str = "INSERT INTO event (position, aggregate, version, kind, v, at, actor, request, body) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (aggregate, version) DO NOTHING";
const AFTER: &str = "SELECT position, aggregate, version, kind, v, at, actor, request, body FROM event \
                     WHERE position > $1 ORDER BY position LIMIT $2";

/// How many events the log counts, how many there are, and the newest, all at one moment.
const EXTENT: &str = "SELECT CAST(coalesce((SELECT head FROM stream WHERE name = $1), 0) AS BIGINT), \
    CAST(count(*) AS BIGINT), CAST(coalesce(max(position), 0) AS BIGINT) FROM event";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[NEXT, HOLD, HEAD, INSERT, AFTER, EXTENT];

/// What is to be noted as having happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What it happened to, as a kind and an id: `user/usr_…`.
    pub aggregate: String,
    /// Which change of the aggregate it is, from one. Of two that claim one version the second is refused.
    pub version: i64,
    /// What happened, a word in the past: `user_signed_up`.
    pub kind: &'static str,
    /// Version of the body's form.
    pub v: i64,
    /// When.
    pub at: Ts,
    /// Who did it, as a kind and an id.
    pub actor: String,
    /// The request that it was part of.
    pub request: String,
    /// What there is to know of it, as JSON.
    pub body: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Number in the log of the service, from one, without gaps.
    pub position: i64,
    /// What it happened to.
    pub aggregate: String,
    /// Which change of it this is, from one.
    pub version: i64,
    /// What happened.
    pub kind: String,
    /// Version of the body's form.
    pub v: i64,
    /// When.
    pub at: Ts,
    /// Who did it.
    pub actor: String,
    /// The request that it was part of.
    pub request: String,
    /// What there is to know of it, as JSON.
    pub body: String,
}

impl StoredEvent {
    /// That this version cannot read it, and why.
    #[must_use]
    pub fn unreadable(&self, why: impl ToString) -> ChassisError {
        ChassisError::Row {
            table: "event",
            id: self.position.to_string(),
            why: why.to_string(),
        }
    }
}

/// Notes an event in a transaction and returns its position. Until the transaction ends others who append wait.
///
/// # Errors
/// [`ChassisError::Conflict`] if the aggregate has this version already: the transaction is to be dropped, and the command decided
/// anew; [`ChassisError::Database`].
pub async fn append(write: &mut Write, event: &NewEvent) -> Result<i64> {
    let position = next_position(write, EVENTS).await?;
    let inserted = sqlx::query(INSERT)
        .bind(position)
        .bind(&event.aggregate)
        .bind(event.version)
        .bind(event.kind)
        .bind(event.v)
        .bind(event.at.0)
        .bind(&event.actor)
        .bind(&event.request)
        .bind(&event.body)
        .execute(write.connection())
        .await?;
    if inserted.rows_affected() == 0 {
        return Err(ChassisError::Conflict {
            aggregate: event.aggregate.clone(),
            version: event.version,
        });
    }
    Ok(position)
}

/// Keeps others from appending events until the transaction ends, and returns the position of the newest; 0 if there is none.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn hold_events(write: &mut Write) -> Result<i64> {
    let row = sqlx::query(HOLD)
        .bind(EVENTS)
        .fetch_one(write.connection())
        .await?;
    Ok(row.try_get(0)?)
}

/// The next number of a stream, from one, and its lock until the transaction ends.
///
/// # Errors
/// [`ChassisError::Database`].
pub(crate) async fn next_position(write: &mut Write, stream: &str) -> Result<i64> {
    let row = sqlx::query(NEXT)
        .bind(stream)
        .fetch_one(write.connection())
        .await?;
    Ok(row.try_get(0)?)
}

/// The position of the newest event; 0 if there is none.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn head(database: &Database) -> Result<i64> {
    counted(database, EVENTS).await
}

/// The newest position that was given in a stream.
pub(crate) async fn counted(database: &Database, stream: &str) -> Result<i64> {
    let row = sqlx::query(HEAD)
        .bind(stream)
        .fetch_optional(database.reader())
        .await?;
    row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

/// At most `limit` events after `position`, in order.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn events_after(
    database: &Database,
    position: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>> {
    let rows = sqlx::query(AFTER)
        .bind(position)
        .bind(limit)
        .fetch_all(database.reader())
        .await?;
    rows.iter().map(stored).collect()
}

/// Whether the log has every event from the first to the newest, and the position of that.
///
/// # Errors
/// [`ChassisError::EventGap`] if one is missing, or one is there that was not counted; [`ChassisError::Database`].
pub async fn check_events(database: &Database) -> Result<i64> {
    let extent = sqlx::query(EXTENT).bind(EVENTS);
    let row = extent.fetch_one(database.reader()).await?;
    let (head, count, newest): (i64, i64, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if count == head && newest == head {
        return Ok(head);
    }
    Err(ChassisError::EventGap {
        counted: head,
        found: count,
        newest,
    })
}

fn stored(row: &AnyRow) -> Result<StoredEvent> {
    Ok(StoredEvent {
        position: row.try_get(0)?,
        aggregate: row.try_get(1)?,
        version: row.try_get(2)?,
        kind: row.try_get(3)?,
        v: row.try_get(4)?,
        at: Ts(row.try_get(5)?),
        actor: row.try_get(6)?,
        request: row.try_get(7)?,
        body: row.try_get(8)?,
    })
}
