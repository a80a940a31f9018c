//! Brings a database to the schema that a version expects: each step once, in order, in a transaction of its own.

use crate::database::{Database, Engine};
use crate::{ChassisError, Result};
use sqlx::any::AnyRow;
use sqlx::{Executor, Row};
use xxhash_rust::xxh3::xxh3_128;

/// One step, which is never changed after its release.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it is called, as its file without number and end.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The steps of a service, in order, numbered from one.
pub type Migrations = &'static [Migration];

/// As what the steps of the chassis, and those of a service, are noted.
const CHASSIS_PART: &str = "chassis";
const OWN_PART: &str = "service";
/// What every service has; its steps are numbered on their own.
const CHASSIS: Migrations = &[
    Migration {
        name: "chassis",
        sql: include_str!("../migrations/0000_chassis.sql"),
    },
    Migration {
        name: "timer",
        sql: include_str!("../migrations/0001_timer.sql"),
    },
    Migration {
        name: "audit_index",
        sql: include_str!("../migrations/0002_audit_index.sql"),
    },
    Migration {
        name: "job",
        sql: include_str!("../migrations/0003_job.sql"),
    },
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS migration (\
    part TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (part, number))";
const SELECT: &str = "SELECT number, hash FROM migration WHERE part = $1 ORDER BY number";
const INSERT: &str = "INSERT INTO migration (part, number, name, hash) VALUES ($1, $2, $3, $4)";
/// Of several processes that start at the same time one migrates, and the others wait for it.
const POSTGRES_TURN: &str = "SELECT pg_advisory_xact_lock(7306085741)";

/// Applies what is missing.
pub(crate) async fn apply(database: &Database, service: &str, own: Migrations) -> Result<()> {
    prepare(database, service).await?;
    for (part, steps) in [(CHASSIS_PART, CHASSIS), (OWN_PART, own)] {
        apply_part(database, service, part, steps).await?;
    }
    Ok(())
}

/// Makes the schema and the table of migrations, if they are not there.
async fn prepare(database: &Database, service: &str) -> Result<()> {
    let mut write = database.write().await?;
    if database.engine() == Engine::Postgres {
        write.connection().execute(POSTGRES_TURN).await?;
        // A service's name is a word of ours.
        let schema = format!("CREATE SCHEMA IF NOT EXISTS \"{service}\"");
        let schema = sqlx::raw_sql(sqlx::AssertSqlSafe(schema));
        write.connection().execute(schema).await?;
    }
    write.connection().execute(CREATE).await?;
    write.commit().await
}

async fn apply_part(
    database: &Database,
    service: &str,
    part: &str,
    steps: Migrations,
) -> Result<()> {
    let mut write = database.write().await?;
    if database.engine() == Engine::Postgres {
        write.connection().execute(POSTGRES_TURN).await?;
    }
    let rows = sqlx::query(SELECT)
        .bind(part)
        .fetch_all(write.connection())
        .await?;
    let applied = applied(&rows, service, steps)?;
    for (at, step) in steps.iter().enumerate().skip(applied) {
        write.connection().execute(sqlx::raw_sql(step.sql)).await?;
        sqlx::query(INSERT)
            .bind(part)
            .bind(i64::from(number(at + 1)))
            .bind(step.name)
            .bind(hash(step))
            .execute(write.connection())
            .await?;
    }
    write.commit().await
}

/// How many of these steps were applied, which have to be those that are known.
fn applied(rows: &[AnyRow], service: &str, steps: Migrations) -> Result<usize> {
    if rows.len() > steps.len() {
        return Err(ChassisError::MigratedFurther {
            service: service.to_owned(),
            found: number(rows.len()),
            known: number(steps.len()),
        });
    }
    for (at, (row, step)) in rows.iter().zip(steps).enumerate() {
        if row.try_get::<String, _>(1)? != hash(step) {
            return Err(ChassisError::MigrationChanged {
                service: service.to_owned(),
                number: number(at + 1),
                name: step.name.to_owned(),
            });
        }
    }
    Ok(rows.len())
}

fn hash(step: &Migration) -> String {
    format!("{:032x}", xxh3_128(step.sql.as_bytes()))
}

/// Names of the steps that the database of a service is behind by, in order: what opening it would apply.
///
/// # Errors
/// [`ChassisError::MigratedFurther`], [`ChassisError::MigrationChanged`], [`ChassisError::Database`].
pub async fn pending_migrations(
    database: &Database,
    service: &str,
    own: Migrations,
) -> Result<Vec<&'static str>> {
    let mut pending = Vec::new();
    for (part, steps) in [(CHASSIS_PART, CHASSIS), (OWN_PART, own)] {
        let rows = sqlx::query(SELECT).bind(part);
        let rows = rows.fetch_all(database.reader()).await?;
        let applied = applied(&rows, service, steps)?;
        pending.extend(steps.iter().skip(applied).map(|step| step.name));
    }
    Ok(pending)
}

/// How many steps of the chassis, and of its own, the database of a service has had.
pub(crate) async fn steps(database: &Database) -> Result<(usize, usize)> {
    let mut counts = [0, 0];
    for (count, part) in counts.iter_mut().zip([CHASSIS_PART, OWN_PART]) {
        let rows = sqlx::query(SELECT).bind(part);
        *count = rows.fetch_all(database.reader()).await?.len();
    }
    let [chassis, own] = counts;
    Ok((chassis, own))
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
