//! What all tables of a service have in them, row by row, to be compared: a copy with what it was copied from, and what the log of
//! events gives with what is there.

use crate::Result;
use crate::database::{Database, Engine};
use crate::hex::hex;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Column, Row};
use std::collections::BTreeMap;
use std::fmt::Write;

const SQLITE_TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
const POSTGRES_TABLES: &str = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
    WHERE table_schema = current_schema() ORDER BY table_name";
const SQLITE_SCHEMA: &str = "SELECT m.type || ' ' || m.name || ' ' || coalesce(m.sql, '') FROM sqlite_master m \
    WHERE m.name NOT LIKE 'sqlite_%' ORDER BY m.type, m.name";
const POSTGRES_SCHEMA: &str = "SELECT CAST(table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS TEXT) AS line \
    FROM information_schema.columns WHERE table_schema = current_schema() \
    UNION ALL SELECT CAST(indexdef AS TEXT) FROM pg_indexes WHERE schemaname = current_schema() ORDER BY line";
#[cfg(feature = "conformance")]
const SQLITE_COLUMNS: &str = "SELECT name, type FROM pragma_table_info($1) ORDER BY cid";
#[cfg(feature = "conformance")]
const POSTGRES_COLUMNS: &str = "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
    WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";

/// Rows of a table as texts, sorted.
type Rows = Vec<String>;

/// All rows of all tables of a service, by table.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn all_rows(database: &Database) -> Result<BTreeMap<String, Rows>> {
    let mut all = BTreeMap::new();
    for table in tables(database).await? {
        // The name of a table is a word of ours.
        let select = sqlx::query(AssertSqlSafe(format!("SELECT * FROM \"{table}\"")));
        let found = select.fetch_all(database.reader()).await?;
        let mut rows: Rows = found.iter().map(shown).collect();
        rows.sort_unstable();
        all.insert(table, rows);
    }
    Ok(all)
}

/// Names of the tables of a service.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn tables(database: &Database) -> Result<Vec<String>> {
    texts(database, SQLITE_TABLES, POSTGRES_TABLES).await
}

/// The tables, columns and indices of a service, a line each.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
pub async fn schema(database: &Database) -> Result<Vec<String>> {
    texts(database, SQLITE_SCHEMA, POSTGRES_SCHEMA).await
}

/// Columns of a table in order: what each is called, and its type.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database).
#[cfg(feature = "conformance")]
pub(crate) async fn columns(database: &Database, table: &str) -> Result<Vec<(String, String)>> {
    let statement = match database.engine() {
        Engine::Sqlite => SQLITE_COLUMNS,
        Engine::Postgres => POSTGRES_COLUMNS,
    };
    let rows = sqlx::query(statement).bind(table);
    let rows = rows.fetch_all(database.reader()).await?;
    let one = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(one).collect()
}

async fn texts(
    database: &Database,
    sqlite: &'static str,
    postgres: &'static str,
) -> Result<Vec<String>> {
    let statement = match database.engine() {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    };
    let rows = sqlx::query(statement).fetch_all(database.reader()).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A row, whatever its columns are: `column=value` each.
fn shown(row: &AnyRow) -> String {
    let mut text = String::new();
    for at in 0..row.len() {
        let name = row.column(at).name();
        let value = if let Ok(number) = row.try_get::<Option<i64>, _>(at) {
            number.map_or_else(|| "null".to_owned(), |number| number.to_string())
        } else if let Ok(Some(value)) = row.try_get::<Option<String>, _>(at) {
            format!("{value:?}")
        } else if let Ok(Some(number)) = row.try_get::<Option<f64>, _>(at) {
            format!("{:016x}", number.to_bits())
        } else if let Ok(Some(bytes)) = row.try_get::<Option<Vec<u8>>, _>(at) {
            hex(&bytes)
        } else {
            "unknown".to_owned()
        };
        write!(text, "{name}={value} ").expect("a text takes all");
    }
    text
}
