//! Attempts of a minute that failed and name no account, by kind: how many there were.

use sqlx::Row;
use sqlx::any::AnyRow;
use tickloom_chassis::{Result, Write};

const COUNT: &str = "INSERT INTO refusal (action, resource, minute, attempts) VALUES ($1, $2, $3, 1) \
    ON CONFLICT (action, resource) DO UPDATE SET attempts = refusal.attempts + 1 RETURNING attempts";
const BEFORE: &str = "SELECT action, resource, minute, attempts FROM refusal WHERE minute < $1 ORDER BY action, resource";
const DROP_BEFORE: &str = "DELETE FROM refusal WHERE minute < $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[COUNT, BEFORE, DROP_BEFORE];

/// Attempts of one kind in a minute.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) action: String,
    pub(crate) resource: String,
    /// Minutes since the epoch.
    pub(crate) minute: i64,
    pub(crate) count: i64,
}

/// Counts one more of a kind in a minute, when those of minutes before were taken; how many that is.
pub(crate) async fn count(
    write: &mut Write,
    (action, resource): (&str, &str),
    minute: i64,
) -> Result<i64> {
    let counted = sqlx::query(COUNT).bind(action).bind(resource).bind(minute);
    let row = counted.fetch_one(write.connection()).await?;
    Ok(row.try_get(0)?)
}

/// What was counted in minutes before one; it is not there any more.
pub(crate) async fn take_before(write: &mut Write, minute: i64) -> Result<Vec<Counted>> {
    let rows = sqlx::query(BEFORE).bind(minute);
    let rows = rows.fetch_all(write.connection()).await?;
    if !rows.is_empty() {
        let dropped = sqlx::query(DROP_BEFORE).bind(minute);
        dropped.execute(write.connection()).await?;
    }
    let one = |row: &AnyRow| {
        Ok(Counted {
            action: row.try_get(0)?,
            resource: row.try_get(1)?,
            minute: row.try_get(2)?,
            count: row.try_get(3)?,
        })
    };
    rows.iter().map(one).collect()
}
