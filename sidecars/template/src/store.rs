//! Statements that read.

use crate::model::Note;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::Result;

const ONE: &str = "SELECT number, id, version, text, created, changed FROM note WHERE id = $1";
const AFTER: &str = "SELECT number, id, version, text, created, changed FROM note WHERE number > $1 ORDER BY number LIMIT $2";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ONE, AFTER];

/// The note of this id, if there is one.
pub(crate) async fn one<'c>(
    at: impl Executor<'c, Database = Any>,
    id: &str,
) -> Result<Option<Note>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(note).transpose()
}

/// Notes with numbers above one.
pub(crate) async fn after<'c>(
    at: impl Executor<'c, Database = Any>,
    number: i64,
    rows: i64,
) -> Result<Vec<Note>> {
    let rows = sqlx::query(AFTER).bind(number).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(note).collect()
}

fn note(row: &AnyRow) -> Result<Note> {
    Ok(Note {
        number: row.try_get(0)?,
        id: row.try_get(1)?,
        version: row.try_get(2)?,
        text: row.try_get(3)?,
        created: row.try_get(4)?,
        changed: row.try_get(5)?,
    })
}
