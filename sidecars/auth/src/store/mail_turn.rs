//! Requests for mail that wait for their turn, and how many mails strangers had sent in a minute.

use sqlx::Row;
use tickloom_chassis::{Result, Write};

/// Whoever has nothing that waits comes beside the first of everybody else, whose own come one after the other.
const ADD: &str = "INSERT INTO mail_turn (id, kind, network, turn, asked, payload) VALUES ($1, $2, $3, \
    coalesce((SELECT max(turn) + 1 FROM mail_turn WHERE kind = $2 AND network = $3), \
    (SELECT min(turn) FROM mail_turn WHERE kind = $2), 0), $4, $5)";
const WAITING: &str = "SELECT CAST(count(*) AS BIGINT), \
    CAST(coalesce(sum(CASE WHEN network = $2 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM mail_turn WHERE kind = $1";
const FIRST: &str = "SELECT id FROM mail_turn WHERE kind = $1 ORDER BY turn, asked, id LIMIT 1";
const TAKE: &str = "DELETE FROM mail_turn WHERE id = $1 RETURNING payload";
const SENT: &str = "SELECT requests FROM mail_request WHERE subject = $1 AND minute = $2";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ADD, WAITING, FIRST, TAKE, SENT];

/// Lets a request of a kind wait for its turn among those of its network.
pub(crate) async fn add(
    write: &mut Write,
    (id, kind, network): (&str, &str, &str),
    (asked, payload): (i64, &str),
) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(id)
        .bind(kind)
        .bind(network)
        .bind(asked)
        .bind(payload);
    added.execute(write.connection()).await?;
    Ok(())
}

/// How many of a kind wait: of all, and of a network.
pub(crate) async fn waiting(write: &mut Write, kind: &str, network: &str) -> Result<(i64, i64)> {
    let counted = sqlx::query(WAITING).bind(kind).bind(network);
    let row = counted.fetch_one(write.connection()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Takes the request of a kind whose turn it is.
pub(crate) async fn take_first(write: &mut Write, kind: &str) -> Result<Option<String>> {
    let first = sqlx::query(FIRST).bind(kind);
    let Some(row) = first.fetch_optional(write.connection()).await? else {
        return Ok(None);
    };
    let taken = sqlx::query(TAKE).bind(row.try_get::<String, _>(0)?);
    let row = taken.fetch_optional(write.connection()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// How many mails of a kind were sent in a minute since the epoch.
pub(crate) async fn sent(write: &mut Write, kind: &str, minute: i64) -> Result<i64> {
    let sent = sqlx::query(SENT).bind(kind).bind(minute);
    let row = sent.fetch_optional(write.connection()).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
}
