//! How far a source was taken, in the database of who takes it: it moves in the transaction of what was made of it, so that a
//! killed process did both or neither.

use crate::Result;
use crate::database::{Database, Write};
use sqlx::Row;

const SELECT: &str = "SELECT position FROM inbox WHERE source = $1";
const MOVE: &str = "INSERT INTO inbox (source, position) VALUES ($1, $2) \
                    ON CONFLICT (source) DO UPDATE SET position = excluded.position";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[SELECT, MOVE];

/// Where a source stands, as its follower wrote it; `None` if nothing was taken yet.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn inbox_position(database: &Database, source: &str) -> Result<Option<String>> {
    let row = sqlx::query(SELECT)
        .bind(source)
        .fetch_optional(database.reader())
        .await?;
    row.map_or(Ok(None), |row| Ok(Some(row.try_get(0)?)))
}

/// Moves a source on, in the transaction of what was made of it.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn move_inbox(write: &mut Write, source: &str, position: &str) -> Result<()> {
    sqlx::query(MOVE)
        .bind(source)
        .bind(position)
        .execute(write.connection())
        .await?;
    Ok(())
}
