//! What can be wrong with services and what they stand on, looked at without changing anything, and what to do about it.

mod surroundings;

use crate::audit::check_audit;
use crate::backup::{check_integrity, remains};
use crate::clock::Clock;
use crate::database::{Database, Engine, Place};
use crate::event::check_events;
use crate::migrations::{Migrations, pending_migrations};
use crate::projection::rebuild;
use crate::service::Service;
use crate::tables::all_rows;
use crate::{ChassisError, Result};
use serde::Serialize;
use sqlx::Row;
use std::path::Path;
use std::pin::Pin;
pub use surroundings::{
    examine_address, examine_authority, examine_certificate, examine_disk, examine_mail,
    examine_secret_file,
};
use tickloom_types::Ts;

/// Largest database of which a copy is made to compare it with its log, in bytes.
const COMPARED_BYTES_MAX: u64 = 256 << 20;
const LATEST: &str = "SELECT CAST(coalesce(max(at), 0) AS BIGINT) FROM event \
    UNION ALL SELECT CAST(coalesce(max(at), 0) AS BIGINT) FROM audit";
const GIVEN_UP: &str = "SELECT CAST(count(*) AS BIGINT) FROM effect WHERE state = 'given_up'";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[LATEST, GIVEN_UP];

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// As it should be.
    Good,
    /// It was not looked at, and why is said.
    Unknown,
    /// It works, and should be otherwise.
    Warning,
    /// Something does not work, or will not.
    Bad,
}

/// What was looked at, how it is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: a service by its name, or `disk`, `mail`, …
    pub about: String,
    /// What was looked at, a word or two.
    pub check: &'static str,
    /// How it is.
    pub state: FindingState,
    /// What was found.
    pub says: String,
    /// What to do; empty if nothing.
    pub advice: String,
}

impl Finding {
    fn new(
        about: &str,
        check: &'static str,
        state: FindingState,
        says: impl Into<String>,
        advice: &str,
    ) -> Finding {
        Finding {
            about: about.to_owned(),
            check,
            state,
            says: says.into(),
            advice: advice.to_owned(),
        }
    }

    fn good(about: &str, check: &'static str, says: impl Into<String>) -> Finding {
        Finding::new(about, check, FindingState::Good, says, "")
    }
}

/// What has to be known of a service to look after its database while it may not run.
#[derive(Clone, Copy)]
pub struct ServiceParts {
    /// Its name.
    pub name: &'static str,
    /// The steps of its schema.
    pub migrations: Migrations,
    rebuild: for<'a> fn(&'a Database) -> Rebuilding<'a>,
    /// The command that makes rows again from the log of events of this service, if there is one.
    rebuild_command: Option<&'static str>,
    /// The command that lets its effects be tried again, if there is one.
    retry_command: Option<&'static str>,
}

type Rebuilding<'a> = Pin<Box<dyn Future<Output = Result<Option<u64>>> + Send + 'a>>;

impl ServiceParts {
    /// Those of this service.
    #[must_use]
    pub fn of<S: Service>() -> ServiceParts {
        ServiceParts {
            name: S::NAME,
            migrations: S::MIGRATIONS,
            rebuild: |database| Box::pin(rebuild::<S>(database)),
            rebuild_command: None,
            retry_command: None,
        }
    }

    /// The same, with the command that makes rows again from its log, and the one that lets its effects be tried again.
    #[must_use]
    pub fn with_commands(self, rebuild: &'static str, retry: &'static str) -> ServiceParts {
        ServiceParts {
            rebuild_command: Some(rebuild),
            retry_command: Some(retry),
            ..self
        }
    }
}

/// Looks at the database of a service, whether it runs or not.
pub async fn examine_service(place: &Place, parts: &ServiceParts, now: &Clock) -> Vec<Finding> {
    let name = parts.name;
    if let Some(finding) = gone(place, name) {
        return vec![finding];
    }
    let database = match Database::existing(place, name).await {
        Ok(Some(database)) => database,
        Ok(None) => {
            let says = "there is none yet: the first `tickloom serve` makes it";
            return vec![Finding::good(name, "database", says)];
        }
        Err(error) => {
            let advice = "see that the server runs and lets this user in, or that the file can be read and written";
            let state = FindingState::Bad;
            return vec![Finding::new(
                name,
                "database",
                state,
                error.to_string(),
                advice,
            )];
        }
    };
    let engine = database.engine().name();
    let mut found = vec![Finding::good(name, "database", format!("{engine} answers"))];
    let is_current = schema(&database, parts, &mut found).await;
    if is_current {
        contents(&database, parts, now, &mut found).await;
        found.push(projections(&database, place, parts).await);
    }
    database.close().await;
    found
}

/// A database whose file is gone while something of it is there.
fn gone(place: &Place, name: &str) -> Option<Finding> {
    let Place::Folder(folder) = place else {
        return None;
    };
    let remains = remains(folder, name)?;
    let says = format!("{name}.db is gone, and {} is there", remains.display());
    let advice = "put the file, or a backup, back: the next start would make an empty one";
    Some(Finding::new(
        name,
        "database",
        FindingState::Bad,
        says,
        advice,
    ))
}

/// Whether the schema is the one of this version.
async fn schema(database: &Database, parts: &ServiceParts, found: &mut Vec<Finding>) -> bool {
    let name = parts.name;
    let (state, says, advice) = match pending_migrations(database, name, parts.migrations).await {
        Ok(pending) if pending.is_empty() => {
            found.push(Finding::good(
                name,
                "schema",
                "it is the one of this version",
            ));
            return true;
        }
        Ok(pending) => (
            FindingState::Warning,
            format!("it is behind by {}", pending.join(", ")),
            "`tickloom admin migrate`, or the next start, brings it forward",
        ),
        Err(error @ ChassisError::MigratedFurther { .. }) => (
            FindingState::Bad,
            error.to_string(),
            "install the version that made it, or a newer one",
        ),
        Err(error) => (
            FindingState::Bad,
            error.to_string(),
            "put a backup back; tell us how it came to this",
        ),
    };
    found.push(Finding::new(name, "schema", state, says, advice));
    false
}

/// What is in the database.
async fn contents(
    database: &Database,
    parts: &ServiceParts,
    now: &Clock,
    found: &mut Vec<Finding>,
) {
    let name = parts.name;
    let restore = match database.engine() {
        Engine::Sqlite => {
            "stop the service, keep what is there, and put back a backup from before (`tickloom admin restore`)"
        }
        Engine::Postgres => {
            "stop the service, keep what is there, and put back a backup from before with the tools of PostgreSQL"
        }
    };
    const ASK_AGAIN: &str = "see what the database says, and look again";
    let mut note = |check, looked: Result<Looked>, advice: &str| {
        found.push(match looked {
            Ok(Looked::Good(says)) => Finding::good(name, check, says),
            Ok(Looked::Bad(says)) => Finding::new(name, check, FindingState::Bad, says, advice),
            Err(error) if is_fault(&error) => {
                Finding::new(name, check, FindingState::Bad, error.to_string(), advice)
            }
            Err(error) => {
                let says = format!("it cannot be looked at: {error}");
                Finding::new(name, check, FindingState::Bad, says, ASK_AGAIN)
            }
        });
    };
    if database.engine() == Engine::Sqlite {
        let whole = check_integrity(database, Path::new(name)).await;
        note(
            "file",
            whole.map(|()| Looked::Good("SQLite finds it whole".to_owned())),
            restore,
        );
    }
    let events = check_events(database).await;
    note(
        "events",
        events.map(|head| Looked::Good(format!("{head}, none is missing"))),
        restore,
    );
    let audit = check_audit(database).await;
    let told =
        audit.map(|head| Looked::Good(format!("whole, up to {}:{}", head.position, head.hash)));
    note(
        "audit log",
        told,
        "somebody was at the table: compare with an export (`tickloom admin audit verify`), and find out who",
    );
    note(
        "clock",
        clock(database, now).await,
        "set the clock of this machine, and have it set by NTP",
    );
    let retry = match parts.retry_command {
        Some(command) => format!("see what keeps them from being done, then `{command}`"),
        None => "see what keeps them from being done".to_owned(),
    };
    note("effects", effects(database).await, &retry);
}

/// How something is that was looked at.
enum Looked {
    Good(String),
    Bad(String),
}

/// Whether an error says that what was looked at is not as it should be, and not that it could not be looked at.
fn is_fault(error: &ChassisError) -> bool {
    matches!(
        error,
        ChassisError::EventGap { .. } | ChassisError::AuditFault(_) | ChassisError::Backup(_)
    )
}

/// That nothing happened later than now.
async fn clock(database: &Database, clock: &Clock) -> Result<Looked> {
    let latest = latest(database).await?;
    // Later than what was read, as others go on writing.
    let now = clock.now();
    if latest <= now {
        let says = "nothing happened later than now";
        return Ok(Looked::Good(says.to_owned()));
    }
    let says = format!("it is {now}, and something happened at {latest}");
    Ok(Looked::Bad(says))
}

/// When the newest event or entry of the audit log happened; the epoch if there is none.
pub(crate) async fn latest(database: &Database) -> Result<Ts> {
    let rows = sqlx::query(LATEST).fetch_all(database.reader()).await?;
    let mut latest = 0;
    for row in rows {
        latest = latest.max(row.try_get::<i64, _>(0)?);
    }
    Ok(Ts(latest))
}

async fn effects(database: &Database) -> Result<Looked> {
    let row = sqlx::query(GIVEN_UP).fetch_one(database.reader()).await?;
    let count: i64 = row.try_get(0)?;
    if count == 0 {
        return Ok(Looked::Good("none was given up".to_owned()));
    }
    let says = format!("{count} were given up, as the outside was away for too long");
    Ok(Looked::Bad(says))
}

/// Whether rows that come from the log of events are those that it gives: a copy is made again from its log, and compared.
async fn projections(database: &Database, place: &Place, parts: &ServiceParts) -> Finding {
    const CHECK: &str = "rows";
    let name = parts.name;
    let unknown = |why: &str| Finding::new(name, CHECK, FindingState::Unknown, why, "");
    let Place::Folder(folder) = place else {
        return unknown("not compared with the log: on PostgreSQL there is no copy to make again");
    };
    let size = std::fs::metadata(folder.join(format!("{name}.db")));
    if size.is_ok_and(|file| file.len() > COMPARED_BYTES_MAX) {
        return unknown("not compared with the log: more than 256 MiB");
    }
    match different_tables(database, folder, parts).await {
        Ok(None) => Finding::good(name, CHECK, "none comes from the log"),
        Ok(Some(tables)) if tables.is_empty() => {
            Finding::good(name, CHECK, "they are what the log gives")
        }
        Ok(Some(tables)) => {
            let says = format!("the log gives something else for {}", tables.join(", "));
            let advice = match parts.rebuild_command {
                Some(command) => format!("`{command}` makes them again"),
                None => "tell us how it came to this".to_owned(),
            };
            Finding::new(name, CHECK, FindingState::Bad, says, &advice)
        }
        Err(error) => {
            let says = format!("the log cannot be replayed: {error}");
            let advice = "put back a backup from before, or use the version that wrote the event";
            Finding::new(name, CHECK, FindingState::Bad, says, advice)
        }
    }
}

/// Tables that are otherwise once they are made again; `None` if the service makes none.
async fn different_tables(
    database: &Database,
    folder: &Path,
    parts: &ServiceParts,
) -> Result<Option<Vec<String>>> {
    let copy = Copy::of(folder)?;
    database
        .copy_to(&copy.0.join(format!("{}.db", parts.name)))
        .await?;
    let place = Place::Folder(copy.0.clone());
    let Some(copied) = Database::existing(&place, parts.name).await? else {
        return Ok(None);
    };
    let compared = async {
        let before = all_rows(&copied).await?;
        if (parts.rebuild)(&copied).await?.is_none() {
            return Ok(None);
        }
        let after = all_rows(&copied).await?;
        let differs = |(table, rows): &(String, Vec<String>)| after.get(table) != Some(rows);
        let tables = before.into_iter().filter(differs).map(|(table, _)| table);
        Ok(Some(tables.collect()))
    };
    let compared = compared.await;
    copied.close().await;
    compared
}

/// A folder for a copy, beside what is copied, for its owner alone; it goes away with this.
struct Copy(std::path::PathBuf);

impl Copy {
    fn of(folder: &Path) -> Result<Copy> {
        use std::os::unix::fs::DirBuilderExt;
        let path = folder.join(format!(".doctor-{}", uuid::Uuid::now_v7().simple()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(ChassisError::io("make", &path))?;
        Ok(Copy(path))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // It is named so that whoever finds it knows whose it was.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
