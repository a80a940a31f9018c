//! What happens often: how many times in a window, by kind, of which the audit log takes some; keys that were revoked, and keys with
//! which addresses of strangers are sealed.

use super::account::unreadable;
use crate::seal::PersonKey;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const COUNT: &str = "INSERT INTO refusal (action, resource, minute, attempts, since, noted, outcome) \
    VALUES ($1, $2, $3, 1, $4, $5, $6) \
    ON CONFLICT (action, resource) DO UPDATE SET attempts = refusal.attempts + 1 RETURNING attempts";
const TAKE_BEFORE: &str = "DELETE FROM refusal WHERE minute < $1 RETURNING action, resource, attempts, since, noted, outcome";
const BEGIN_ENTRY: &str = "SAVEPOINT entry";
const KEEP_ENTRY: &str = "RELEASE SAVEPOINT entry";
const TAKE_ENTRY_BACK: &str = "ROLLBACK TO SAVEPOINT entry";
const ADD_STRANGER_KEY: &str =
    "INSERT INTO stranger_key (day, key) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING";
const STRANGER_KEY: &str = "SELECT key FROM stranger_key WHERE day = $1";
const DROP_STRANGER_KEYS: &str = "DELETE FROM stranger_key WHERE day < $1";
const ADD_REVOKED_KEY: &str = "INSERT INTO revoked_key (id, account, revoked) VALUES ($1, $2, $3) \
    ON CONFLICT (id) DO NOTHING";
const REVOKED_KEY: &str = "SELECT account FROM revoked_key WHERE id = $1";
const DROP_REVOKED_KEYS: &str = "DELETE FROM revoked_key WHERE revoked < $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    COUNT,
    TAKE_BEFORE,
    BEGIN_ENTRY,
    KEEP_ENTRY,
    TAKE_ENTRY_BACK,
    ADD_STRANGER_KEY,
    STRANGER_KEY,
    DROP_STRANGER_KEYS,
    ADD_REVOKED_KEY,
    REVOKED_KEY,
    DROP_REVOKED_KEYS,
];

/// A window in which things of one kind are counted together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// When it began, in nanoseconds since the epoch.
    pub(crate) since: i64,
    /// Its last minute, since the epoch.
    pub(crate) last_minute: i64,
    /// How many entries of it the audit log takes.
    pub(crate) noted: i64,
}

/// Things of one kind in a window.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) count: i64,
    pub(crate) since: i64,
    pub(crate) noted: i64,
    /// How they came out: `done` or `refused`.
    pub(crate) outcome: String,
}

/// Counts one more of a kind in a window, when those of windows before were taken; how many that is.
pub(crate) async fn count(
    write: &mut Write,
    (action, resource, outcome): (&str, &str, &str),
    window: Window,
) -> Result<i64> {
    let counted = sqlx::query(COUNT)
        .bind(action)
        .bind(resource)
        .bind(window.last_minute)
        .bind(window.since)
        .bind(window.noted)
        .bind(outcome);
    let row = counted.fetch_one(write.connection()).await?;
    Ok(row.try_get(0)?)
}

/// What was counted in windows that ended before a minute, by action and resource; it is not there any more.
pub(crate) async fn take_before(write: &mut Write, minute: i64) -> Result<Vec<Counted>> {
    let rows = sqlx::query(TAKE_BEFORE).bind(minute);
    let rows = rows.fetch_all(write.connection()).await?;
    let one = |row: &AnyRow| {
        Ok(Counted {
            action: row.try_get(0)?,
            resource: row.try_get(1)?,
            count: row.try_get(2)?,
            since: row.try_get(3)?,
            noted: row.try_get(4)?,
            outcome: row.try_get(5)?,
        })
    };
    let mut counted: Vec<Counted> = rows.iter().map(one).collect::<Result<_>>()?;
    // Sorted here: SQLite would go through all that is counted to have them in order.
    counted.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    Ok(counted)
}

/// Begins what may be taken back while the transaction goes on.
pub(crate) async fn begin_entry(write: &mut Write) -> Result<()> {
    sqlx::query(BEGIN_ENTRY).execute(write.connection()).await?;
    Ok(())
}

/// Keeps what was done since it was begun, or takes it back.
pub(crate) async fn end_entry(write: &mut Write, is_kept: bool) -> Result<()> {
    let statement = if is_kept { KEEP_ENTRY } else { TAKE_ENTRY_BACK };
    sqlx::query(statement).execute(write.connection()).await?;
    Ok(())
}

/// Keeps this key for strangers of a day since 1970, unless there is one.
pub(crate) async fn add_stranger_key(write: &mut Write, day: i64, key: &PersonKey) -> Result<()> {
    let added = sqlx::query(ADD_STRANGER_KEY).bind(day).bind(key.bytes());
    added.execute(write.connection()).await?;
    Ok(())
}

/// The key for strangers of a day since 1970, unless it was dropped.
pub(crate) async fn stranger_key<'e>(
    at: impl Executor<'e, Database = Any>,
    day: i64,
) -> Result<Option<PersonKey>> {
    let row = sqlx::query(STRANGER_KEY).bind(day);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    let key = PersonKey::of_bytes(&row.try_get::<Vec<u8>, _>(0)?);
    let key = key.map_err(|error| unreadable("stranger_key", &day.to_string(), error))?;
    Ok(Some(key))
}

/// Keeps in mind whose key it was that was revoked.
pub(crate) async fn add_revoked_key(
    write: &mut Write,
    (id, account): (&str, &str),
    now: i64,
) -> Result<()> {
    let added = sqlx::query(ADD_REVOKED_KEY)
        .bind(id)
        .bind(account)
        .bind(now);
    added.execute(write.connection()).await?;
    Ok(())
}

/// The account whose key it was, if it was revoked not long ago.
pub(crate) async fn revoked_key<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<String>> {
    let row = sqlx::query(REVOKED_KEY).bind(id).fetch_optional(at).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Drops keys of strangers of days before one, and what is known of keys that were revoked before a time.
pub(crate) async fn drop_old(write: &mut Write, day: i64, revoked: i64) -> Result<()> {
    for (statement, before) in [(DROP_STRANGER_KEYS, day), (DROP_REVOKED_KEYS, revoked)] {
        let dropped = sqlx::query(statement).bind(before);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Auth;
    use tickloom_chassis::{Database, Place, Service};

    #[tokio::test]
    async fn what_is_over_is_found_without_reading_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        let opened = Database::open(&place, Auth::NAME, Auth::MIGRATIONS).await;
        let database = opened.unwrap();
        let asked = format!("EXPLAIN QUERY PLAN {TAKE_BEFORE}");
        let plan = sqlx::query(sqlx::AssertSqlSafe(asked)).bind(5_i64);
        let plan = plan.fetch_all(database.reader()).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        assert_eq!(
            steps,
            ["SEARCH refusal USING COVERING INDEX refusal_minute (minute<?)"]
        );
    }
}
