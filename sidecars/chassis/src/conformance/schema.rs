//! Statements are statements on both engines, and schemas that were released come forward without those of before falling over.

use super::Conforms;
use crate::database::{Database, Place};
use crate::hex::{hex, sha256};
use crate::migrations::Migrations;
use crate::service::Service;
use crate::tables;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr, SqlStr};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Folder, below that of the crate, with a file a release: its steps, and the statements that it ran.
const RELEASED: &str = "released";

fn statements<S: Conforms>() -> impl Iterator<Item = &'static str> {
    let all = S::Service::STATEMENTS.iter().chain(crate::STATEMENTS);
    all.flat_map(|file| file.iter().copied())
}

/// Every statement prepares, and none is there twice.
pub(super) fn statements_prepare<S: Conforms>(place: &Place) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = open::<S>(place, S::Service::MIGRATIONS).await;
        let mut seen = BTreeSet::new();
        for statement in statements::<S>() {
            let prepared = database
                .reader()
                .prepare(SqlStr::from_static(statement))
                .await;
            assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
            assert!(seen.insert(statement), "{statement} is there twice");
        }
        assert!(!seen.is_empty());
        database.close().await;
    });
}

/// Each step of the schema leaves the rows that were there, and takes tables in which there are some; and of each release the steps are as
/// they were, and its statements still prepare, so that it runs beside this version and can be gone back to.
pub(super) fn comes_forward<S: Conforms>(place: &Place) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = open::<S>(place, &[]).await;
        let common = tables::tables(&database).await.expect("tables");
        database.close().await;
        let mut filled = BTreeSet::new();
        for steps in 1..=S::Service::MIGRATIONS.len() {
            let database = open::<S>(place, &S::Service::MIGRATIONS[..steps]).await;
            let rows = tables::all_rows(&database).await.expect("rows");
            for table in &filled {
                let found = rows.get(table).map_or(0, Vec::len);
                let step = S::Service::MIGRATIONS[steps - 1].name;
                assert_eq!(found, 1, "rows of {table} after the step `{step}`");
            }
            for table in tables::tables(&database).await.expect("tables") {
                if !common.contains(&table) && filled.insert(table.clone()) {
                    fill(&database, &table).await;
                }
            }
            database.close().await;
        }
        for path in released::<S>() {
            check_release::<S>(place, &path).await;
        }
    });
}

/// Puts a row into a table, whatever its columns are.
async fn fill(database: &Database, table: &str) {
    let columns = tables::columns(database, table).await.expect("columns");
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<String> = (1..=columns.len()).map(|at| format!("${at}")).collect();
    let (names, places) = (names.join(", "), places.join(", "));
    // Names of tables and columns are words of ours.
    let insert = format!("INSERT INTO {table} ({names}) VALUES ({places})");
    let mut insert = sqlx::query(AssertSqlSafe(insert));
    for (name, kind) in &columns {
        insert = match kind.to_ascii_lowercase().as_str() {
            "bigint" => insert.bind(1_i64),
            "text" => insert.bind("x"),
            "bytea" => insert.bind(b"x".as_slice()),
            "double precision" => insert.bind(0.5_f64),
            other => panic!(
                "{table}.{name} is {other}, expected BIGINT, TEXT, BYTEA or DOUBLE PRECISION"
            ),
        };
    }
    let inserted = insert.execute(database.reader()).await;
    assert!(inserted.is_ok(), "{table}: {:?}", inserted.err());
}

async fn open<S: Conforms>(place: &Place, steps: Migrations) -> Database {
    let opened = Database::open(place, S::Service::NAME, steps).await;
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// Files of releases; with `UPDATE_RELEASED=VERSION` the one of this version is written first.
fn released<S: Conforms>() -> Vec<PathBuf> {
    let folder = Path::new(S::FOLDER).join(RELEASED);
    if let Ok(version) = std::env::var("UPDATE_RELEASED") {
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{version}.txt"));
        std::fs::write(path, release::<S>()).expect("a file of the release");
    }
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).collect()
}

/// What is kept of a release: a line a step, and a line a statement.
fn release<S: Conforms>() -> String {
    let mut text = String::new();
    for step in S::Service::MIGRATIONS {
        writeln!(text, "step {} {}", step.name, hash(step.sql)).expect("a text takes all");
    }
    for statement in statements::<S>() {
        writeln!(text, "statement {statement}").expect("a text takes all");
    }
    text
}

fn hash(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

async fn check_release<S: Conforms>(place: &Place, path: &Path) {
    let shown = path.display();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let steps = text.lines().filter_map(|line| line.strip_prefix("step "));
    for (at, line) in steps.enumerate() {
        let now = S::Service::MIGRATIONS.get(at);
        let now = now.map(|step| format!("{} {}", step.name, hash(step.sql)));
        assert_eq!(now.as_deref(), Some(line), "{shown}: step {}", at + 1);
    }
    let database = open::<S>(place, S::Service::MIGRATIONS).await;
    for line in text.lines() {
        let Some(statement) = line.strip_prefix("statement ") else {
            continue;
        };
        let prepared = database
            .reader()
            .prepare(AssertSqlSafe(statement.to_owned()).into_sql_str())
            .await;
        assert!(
            prepared.is_ok(),
            "{shown}: {statement}: {:?}",
            prepared.err()
        );
    }
    database.close().await;
}
