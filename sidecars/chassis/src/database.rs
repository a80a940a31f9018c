//! One database a service: a file of SQLite, or a schema of PostgreSQL, with the same statements on both.
//!
//! What differs is here and nowhere else: how a connection is set up. Statements name no schema, so that they are the same.

use crate::migrations::{self, Migrations};
use crate::service::Stop;
use crate::trace;
use crate::{ChassisError, Result, secret_file};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, Transaction};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Span;

/// Connections of one service.
const CONNECTIONS_MAX: u32 = 8;
/// How long a request waits for a connection.
const ACQUIRE_TIME_MAX: Duration = Duration::from_secs(3);
/// What PostgreSQL says while it starts, how long it is waited for, and the pause before it is asked again.
const STARTING: &str = "57P03";
const START_TIME_MAX: Duration = Duration::from_secs(30);
const START_PAUSE: Duration = Duration::from_millis(100);
/// Each connection to SQLite: readers beside a writer, on the disk at each commit, and zeros over what is removed.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                            PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                            PRAGMA secure_delete = ON";
/// How long those who read are waited for when SQLite's log is emptied: who writes waits meanwhile.
const EMPTY_LOG_SETUP: &str = "PRAGMA busy_timeout = 500";
/// Pause between two times that the log is emptied.
const EMPTY_LOG_PAUSE: Duration = Duration::from_secs(60);

/// Each connection to a copy.
const FROZEN_SETUP: &str = "PRAGMA busy_timeout = 10000";

/// Which engine a database is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one file a service.
    Sqlite,
    /// A server, one schema a service.
    Postgres,
}

/// Where the databases of all services lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// SQLite's files, `NAME.db` each, in this folder. What is not there is made, for its owner alone.
    Folder(PathBuf),
    /// A PostgreSQL server: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    Server(String),
}

/// The database of one service.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    engine: Engine,
    /// SQLite has one writer at a time; they queue here, which is fair, and not by asking again and again.
    turn: Arc<Mutex<()>>,
}

/// A transaction that changes something. Dropped without [`Write::commit`], it changes nothing.
#[derive(Debug)]
pub struct Write {
    transaction: Transaction<'static, Any>,
    _turn: Option<OwnedMutexGuard<()>>,
    /// From when it waits for its turn.
    _span: Span,
}

impl Engine {
    /// What it is called, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }
}

impl Place {
    /// The server of a `postgres://` URL.
    ///
    /// # Errors
    /// [`ChassisError::Scheme`] for anything else.
    pub fn server(url: &str) -> Result<Place> {
        let scheme = url.split(':').next().unwrap_or_default();
        if ["postgres", "postgresql"].contains(&scheme) {
            return Ok(Place::Server(url.to_owned()));
        }
        Err(ChassisError::Scheme {
            scheme: scheme.to_owned(),
        })
    }
}

impl Database {
    /// Opens the database of a service, makes it if there is none, and applies what is missing of its migrations.
    ///
    /// # Errors
    /// [`ChassisError::Database`], [`ChassisError::Io`], and those of migrations.
    pub async fn open(place: &Place, service: &str, own: Migrations) -> Result<Database> {
        if let Place::Folder(folder) = place {
            let made = secret_file::make_own_folder(folder);
            made.map_err(ChassisError::io("make", folder))?;
            // What SQLite writes beside it has the permissions of the file.
            let file = folder.join(format!("{service}.db"));
            let made = secret_file::make_own_file(&file);
            made.map_err(ChassisError::io("make", &file))?;
        }
        let database = Database::connect(place, service).await?;
        migrations::apply(&database, service, own).await?;
        Ok(database)
    }

    /// Opens the database of a service as it is: nothing is made or migrated. `None` if there is none.
    ///
    /// # Errors
    /// [`ChassisError::Database`], [`ChassisError::Open`].
    pub async fn existing(place: &Place, service: &str) -> Result<Option<Database>> {
        if let Place::Folder(folder) = place
            && !folder.join(format!("{service}.db")).is_file()
        {
            return Ok(None);
        }
        let database = Database::connect(place, service).await?;
        if crate::tables::tables(&database).await?.is_empty() {
            database.close().await;
            return Ok(None);
        }
        Ok(Some(database))
    }

    async fn connect(place: &Place, service: &str) -> Result<Database> {
        let (url, engine, shown) = match place {
            Place::Folder(folder) => {
                let file = folder.join(format!("{service}.db"));
                let url = format!("sqlite:{}?mode=rw", escaped(&file));
                (url, Engine::Sqlite, file.display().to_string())
            }
            Place::Server(url) => (url.clone(), Engine::Postgres, without_user(url).to_owned()),
        };
        let setup = match engine {
            Engine::Sqlite => SQLITE_SETUP.to_owned(),
            Engine::Postgres => format!("SET search_path TO \"{service}\""),
        };
        Database::pool((url, engine), shown, setup).await
    }

    /// A file of SQLite that nobody changes, to be read as it is: nothing is written beside it.
    pub(crate) async fn frozen(file: &std::path::Path) -> Result<Database> {
        let url = format!("sqlite:{}?mode=ro&immutable=1", escaped(file));
        let shown = file.display().to_string();
        Database::pool((url, Engine::Sqlite), shown, FROZEN_SETUP.to_owned()).await
    }

    async fn pool(
        (url, engine): (String, Engine),
        shown: String,
        setup: String,
    ) -> Result<Database> {
        sqlx::any::install_default_drivers();
        let refused = |source| ChassisError::Open {
            place: shown.clone(),
            source,
        };
        // A pool asks again and again, and says in the end that it took too long, and not why.
        let mut first = connect(&url).await.map_err(refused)?;
        let begun = sqlx::raw_sql(AssertSqlSafe(setup.clone()));
        first.execute(begun).await.map_err(refused)?;
        first.close().await.map_err(refused)?;
        let setup: Arc<str> = setup.into();
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIME_MAX)
            .after_connect(move |connection, _| {
                let setup = Arc::clone(&setup);
                Box::pin(async move {
                    let setup = sqlx::raw_sql(AssertSqlSafe(setup.to_string()));
                    connection.execute(setup).await.map(drop)
                })
            })
            .connect(&url)
            .await?;
        Ok(Database {
            pool,
            engine,
            turn: Arc::default(),
        })
    }

    /// Writes all that is in it now to a new file, as one moment saw it, while others go on.
    pub(crate) async fn copy_to(&self, file: &std::path::Path) -> Result<()> {
        let path = file.to_str().ok_or_else(|| {
            let found = std::io::Error::other("its name is no text");
            ChassisError::io("write", file)(found)
        })?;
        sqlx::query("VACUUM INTO $1")
            .bind(path)
            .execute(self.reader())
            .await?;
        Ok(())
    }

    /// Which engine it is of.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Connections for statements that only read.
    #[must_use]
    pub fn reader(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins to change something; with SQLite, when those before are done.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn write(&self) -> Result<Write> {
        let span = trace::write_span(self.engine.name());
        let (turn, begin) = match self.engine {
            Engine::Sqlite => {
                let turn = Arc::clone(&self.turn).lock_owned().await;
                (Some(turn), "BEGIN IMMEDIATE")
            }
            Engine::Postgres => (None, "BEGIN"),
        };
        Ok(Write {
            transaction: self.pool.begin_with(begin).await?,
            _turn: turn,
            _span: span,
        })
    }

    /// Brings SQLite's write-ahead log to the database and empties it, so that what was removed is in neither. Whether it is empty: while
    /// somebody reads what is in it, it is not. PostgreSQL's log is its own business.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn empty_log(&self) -> Result<bool> {
        if self.engine == Engine::Postgres {
            return Ok(true);
        }
        let _turn = self.turn.lock().await;
        let mut connection = self.pool.acquire().await?;
        // It is not as others expect it.
        connection.close_on_drop();
        connection.execute(EMPTY_LOG_SETUP).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *connection)
            .await?;
        let is_busy: i64 = row.try_get(0)?;
        Ok(is_busy == 0)
    }

    /// Empties the log again and again where there is one of ours, at the start too: a crash leaves one.
    pub(crate) async fn keep_log_empty(self, mut stop: Stop) {
        if self.engine == Engine::Postgres {
            return;
        }
        while !stop.is_told() {
            if let Err(error) = self.empty_log().await {
                let error = error.to_string();
                tracing::warn!(error, "the log of a database was not emptied");
            }
            stop.or_after(EMPTY_LOG_PAUSE).await;
        }
    }

    /// Lets go of all connections, when those who use one are done.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Write {
    /// The connection on which statements run.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Makes all of it true at once. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ChassisError::Database`]; nothing is changed then, or, if the connection broke just now, all of it.
    pub async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }
}

/// Connects; a server that says that it is starting is waited for.
async fn connect(url: &str) -> Result<AnyConnection, sqlx::Error> {
    let began = Instant::now();
    loop {
        let refused = match AnyConnection::connect(url).await {
            Err(sqlx::Error::Database(refused)) => refused,
            connected => return connected,
        };
        let is_starting = refused.code().is_some_and(|code| code == STARTING);
        if !is_starting || began.elapsed() >= START_TIME_MAX {
            return Err(sqlx::Error::Database(refused));
        }
        tokio::time::sleep(START_PAUSE).await;
    }
}

/// Host, port and database of a URL: neither who connects nor how.
fn without_user(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('?').next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, rest)| rest)
}

/// A path as part of a URL.
fn escaped(path: &std::path::Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                text.push(char::from(*byte));
            }
            byte => write!(text, "%{byte:02X}").expect("a text takes all"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_one_of_postgresql_and_no_password_is_told() {
        for url in ["postgres://me@localhost/x", "postgresql://localhost/x"] {
            assert_eq!(Place::server(url).unwrap(), Place::Server(url.to_owned()));
        }
        let error = Place::server("mysql://me:secret@localhost/x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no database is reached by `mysql`, expected `postgres://USER@HOST/NAME`"
        );
    }

    #[test]
    fn who_connects_is_not_shown() {
        let shown = without_user("postgres://me:p@ss@host:5432/x?sslmode=disable&password=y");
        assert_eq!(shown, "host:5432/x");
        assert_eq!(without_user("postgres://host/x"), "host/x");
    }

    #[test]
    fn any_path_can_be_part_of_a_url() {
        let path = std::path::Path::new("/data/a b/100%?#ü");
        assert_eq!(escaped(path), "/data/a%20b/100%25%3F%23%C3%BC");
    }
}
