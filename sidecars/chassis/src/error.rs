//! What can go wrong below a service.

use crate::audit::AuditError;
use crate::mail::MailError;
use std::path::PathBuf;
use thiserror::Error;
use tickloom_journal::JournalError;

/// What can go wrong below a service.
#[derive(Debug, Error)]
pub enum ChassisError {
    /// The database refused or is away.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),

    /// The database cannot be used at all.
    #[error("cannot use the database {place}: {source}")]
    Open {
        /// Which one, without who connects.
        place: String,
        /// What the engine said.
        source: sqlx::Error,
    },

    /// The URL of something else than PostgreSQL.
    #[error("no database is reached by `{scheme}`, expected `postgres://USER@HOST/NAME`")]
    Scheme {
        /// What the URL begins with: the rest may have a password.
        scheme: String,
    },

    /// HTTP without TLS at an address that others reach.
    #[error(
        "HTTP at {address} is plain text, so only addresses of loopback are served without a certificate"
    )]
    PlainHttp {
        /// The address.
        address: std::net::SocketAddr,
    },

    /// A clock that whoever asks moves, where others ask or time is the system's.
    #[error(
        "a test clock is for services on loopback, without proxies, whose time is not the system's"
    )]
    TestClock,

    /// A text that is no host.
    #[error(
        "`{name}` is no host, expected a name or an address, such as `id.example.com` or `10.0.0.5`"
    )]
    Host {
        /// The text.
        name: String,
    },

    /// TLS of HTTP.
    #[error(transparent)]
    Https(#[from] crate::http::HttpsError),

    /// A folder or file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot ... the file".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A migration that was applied is not the one that this version has.
    #[error(
        "the database of {service}: migration {number} ({name}) was applied from another text than this version has; \
         it was changed after its release, or the database is not ours"
    )]
    MigrationChanged {
        /// Service.
        service: String,
        /// Number of the migration.
        number: u32,
        /// Its name.
        name: String,
    },

    /// A newer version was here.
    #[error(
        "the database of {service} is of migration {found}, and this version knows {known}: use the version that made it, or a newer one"
    )]
    MigratedFurther {
        /// Service.
        service: String,
        /// The newest migration there.
        found: u32,
        /// The newest known.
        known: u32,
    },

    /// Somebody else changed the aggregate first.
    #[error("{aggregate} was changed by somebody else: version {version} is taken")]
    Conflict {
        /// Aggregate.
        aggregate: String,
        /// The version that was to be written.
        version: i64,
    },

    /// What an inbox says of its place cannot be read.
    #[error("the inbox of {origin} says `{found}`, which is no place of a journal: {why}")]
    InboxPlace {
        /// Which one.
        origin: String,
        /// What it says.
        found: String,
        /// What is wrong with it.
        why: String,
    },

    /// The answer of a command that was kept cannot be read.
    #[error("the answer that was kept of a command cannot be read: {why}")]
    StoredAnswer {
        /// What is wrong with it.
        why: String,
    },

    /// An entry of the audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),

    /// An audit log that is not as it was written.
    #[error("the audit log is not whole: {0}")]
    AuditFault(#[from] crate::audit::AuditFault),

    /// A backup that cannot be made, or put back.
    #[error(transparent)]
    Backup(#[from] crate::backup::BackupError),

    /// A mail, or where it should go.
    #[error(transparent)]
    Mail(#[from] MailError),

    /// A request to the outside, or how such are made.
    #[error(transparent)]
    Outgoing(#[from] crate::outgoing::OutgoingError),

    /// A log of events that is not as it was written.
    #[error(
        "the log of events is not whole: it counts {counted} events, and there are {found}, the newest of which is {newest}"
    )]
    EventGap {
        /// Events that were numbered.
        counted: i64,
        /// Events that are there.
        found: i64,
        /// Number of the newest that is there.
        newest: i64,
    },

    /// A row that this version cannot read.
    #[error("the row `{id}` of {table} cannot be read: {why}")]
    Row {
        /// Its table.
        table: &'static str,
        /// What it is called.
        id: String,
        /// What is wrong with it.
        why: String,
    },

    /// A service cannot be made.
    #[error("{0}")]
    Start(String),

    /// The process ends.
    #[error("the process ends")]
    Stopping,

    /// gRPC over plain text somewhere else than on loopback.
    #[error("gRPC at {address} without certificates: only addresses of loopback are served so")]
    PlainRpc {
        /// The address.
        address: std::net::SocketAddr,
    },

    /// What a service says of its gRPC cannot be read.
    #[error("what is offered over gRPC is not described: {why}")]
    Descriptors {
        /// What is wrong with it.
        why: String,
    },

    /// Certificates, or a connection that shows one.
    #[error(transparent)]
    Identity(#[from] crate::identity::IdentityError),

    /// A journal of the core.
    #[error(transparent)]
    Journal(#[from] JournalError),

    /// Part of a journal was removed before it was taken.
    #[error(
        "journal {journal}: segments {first} to {last} were removed before they were taken; what they had is missing here for ever"
    )]
    Missing {
        /// Journal.
        journal: PathBuf,
        /// First segment that is gone.
        first: u32,
        /// Last one.
        last: u32,
    },

    /// A run of which something else is known.
    #[error("what is known of run {run} cannot be read: {why}")]
    KnownRun {
        /// Its name.
        run: String,
        /// What is wrong with it.
        why: String,
    },

    /// A record of the core that a service cannot read.
    #[error("output {number} of run {run}: {why}")]
    Output {
        /// The run.
        run: String,
        /// Number of the output in it.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl ChassisError {
    /// As a closure for `map_err`: what was tried, and on what.
    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> ChassisError {
        let path = path.to_owned();
        move |source| ChassisError::Io {
            action,
            path,
            source,
        }
    }

    /// Whether trying again later may help: the database is away or busy.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        let ChassisError::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_) => true,
            // SQLite: busy, locked, full. PostgreSQL: connections, resources, an operator's doing, conflicts of transactions.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                ["5", "6", "13"].contains(&code.as_ref())
                    || ["08", "40", "53", "57"]
                        .iter()
                        .any(|class| code.len() == 5 && code.starts_with(class))
            }),
            _ => false,
        }
    }
}
