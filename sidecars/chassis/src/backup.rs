//! Backups of services on SQLite, made while they run: a folder with a file a service, each as one moment saw it, and a manifest that
//! says what is in them. A backup is there whole or not at all, and so is what it is put back to, whatever is killed meanwhile.
//!
//! PostgreSQL has tools of its own (`pg_dump`, archived logs), which know more of a server than we do.

mod folder;
mod step;

use crate::audit::{AuditHead, check_audit};
use crate::database::{Database, Place};
use crate::event::check_events;
use crate::hex::hex;
use crate::{ChassisError, Result, migrations};
use folder::Partial;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
pub use step::BackupStep;
use thiserror::Error;
use tickloom_types::Ts;

/// Form of the manifest.
const FORMAT: u32 = 1;
/// Name of its file.
const MANIFEST: &str = "manifest.json";
/// Bytes of a manifest that are read.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// How the file of a database ends, and what is beside it: what SQLite has not brought into it yet, and keys of what is in it.
const DATABASE: &str = "db";
const BESIDE: [&str; 3] = ["db-wal", "db-shm", "keys"];
/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 16;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Form of this file.
    pub format: u32,
    /// When it was made, in nanoseconds since the epoch: no service has anything later in it than when it was copied, which is not before.
    pub made: i64,
    /// Version of the program that made it.
    pub version: String,
    /// The services, by name.
    pub services: Vec<SavedService>,
}

/// One service in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedService {
    /// Its name; its file is `NAME.db`.
    pub name: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// SHA-256 of its file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Steps of its schema: those of the chassis, and its own.
    pub steps: (usize, usize),
    /// Position of its newest event.
    pub events: i64,
    /// Position of the newest entry of its audit log.
    pub audit: i64,
    /// Hash of that entry.
    pub audit_hash: String,
}

/// Why a backup is not made, or not put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// PostgreSQL.
    #[error(
        "services on PostgreSQL are saved by its own tools: `pg_dump --format=custom --schema=NAME` of each service, or an archive of its log"
    )]
    Server,

    /// Nothing is where it should be.
    #[error("there is no database of a service in {0}")]
    Nothing(PathBuf),

    /// The file of a database, of which there is something else.
    #[error("{} is gone, and {} is there: put it back, or remove that", .path.display(), .remains.display())]
    Gone {
        /// The file.
        path: PathBuf,
        /// What is there of it.
        remains: PathBuf,
    },

    /// Something is where it is to be put.
    #[error(
        "{0} is there already, and nothing is overwritten: name a folder that is not there, or is empty"
    )]
    Occupied(PathBuf),

    /// Somebody else is at the same place.
    #[error("another backup or restore is writing in {0}")]
    Busy(PathBuf),

    /// A manifest that is none.
    #[error("{path} is no manifest of a backup that this version can read: {why}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },

    /// A file that is not what the manifest says.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Saves every service of a folder to a new folder, and reads what was written before it is there under its name. Each step is told when
/// it is done.
///
/// # Errors
/// [`ChassisError::Backup`], [`ChassisError::Io`], [`ChassisError::Database`]; nothing is there then.
pub async fn back_up(
    place: &Place,
    to: &Path,
    now: Ts,
    mut told: impl FnMut(BackupStep<'_>),
) -> Result<Manifest> {
    let Place::Folder(from) = place else {
        return Err(BackupError::Server.into());
    };
    let names = services(from)?;
    let partial = Partial::begin(to)?;
    told(BackupStep::Begun);
    let mut saved = Vec::new();
    for name in names {
        let Some(database) = Database::existing(place, &name).await? else {
            let path = from.join(format!("{name}.db"));
            let why = "there is nothing in it".to_owned();
            return Err(BackupError::Damaged { path, why }.into());
        };
        let file = partial.path().join(format!("{name}.db"));
        let copied = database.copy_to(&file).await;
        database.close().await;
        copied?;
        folder::make_private(&file)?;
        folder::sync(&file)?;
        told(BackupStep::Written(&name));
        let service = saved_service(&name, look(&file).await?, hash(&file)?);
        told(BackupStep::Checked(&name));
        saved.push(service);
    }
    if saved.is_empty() {
        return Err(BackupError::Nothing(from.clone()).into());
    }
    let manifest = Manifest {
        format: FORMAT,
        made: now.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        services: saved,
    };
    let text = serde_json::to_string_pretty(&manifest).expect("plain fields are JSON");
    let path = partial.path().join(MANIFEST);
    std::fs::write(&path, text + "\n").map_err(ChassisError::io("write", &path))?;
    folder::sync(&path)?;
    told(BackupStep::Complete);
    partial.finish()?;
    told(BackupStep::There);
    Ok(manifest)
}

/// Reads a backup: every file is what the manifest says, SQLite finds it whole, no event is missing, and its audit log is whole.
///
/// # Errors
/// [`ChassisError::Backup`], [`ChassisError::Io`], [`ChassisError::AuditFault`], [`ChassisError::Database`].
pub async fn read_backup(from: &Path) -> Result<Manifest> {
    read(from, &mut |_| {}).await
}

async fn read(from: &Path, told: &mut impl FnMut(BackupStep<'_>)) -> Result<Manifest> {
    let manifest = manifest(from)?;
    for service in &manifest.services {
        let file = from.join(format!("{}.db", service.name));
        check_hash(&file, service)?;
        let hashed = (service.bytes, service.sha256.clone());
        let found = saved_service(&service.name, look(&file).await?, hashed);
        if found != *service {
            let why = format!("it has {found:?}, expected {service:?}");
            return Err(BackupError::Damaged { path: file, why }.into());
        }
        told(BackupStep::Read(&service.name));
    }
    Ok(manifest)
}

/// Puts a backup back to a folder that is not there, or is empty. It is read first, and what was written is read too before it is there
/// under its name. Each step is told when it is done.
///
/// # Errors
/// As [`read_backup`]; nothing is there then.
pub async fn restore(
    from: &Path,
    to: &Path,
    mut told: impl FnMut(BackupStep<'_>),
) -> Result<Manifest> {
    let manifest = read(from, &mut told).await?;
    let partial = Partial::begin(to)?;
    told(BackupStep::Begun);
    for service in &manifest.services {
        let name = format!("{}.db", service.name);
        let (source, file) = (from.join(&name), partial.path().join(&name));
        std::fs::copy(&source, &file).map_err(ChassisError::io("copy", &source))?;
        folder::make_private(&file)?;
        folder::sync(&file)?;
        told(BackupStep::Written(&service.name));
        // The same bytes as what was read before.
        check_hash(&file, service)?;
        told(BackupStep::Checked(&service.name));
    }
    told(BackupStep::Complete);
    partial.finish()?;
    told(BackupStep::There);
    Ok(manifest)
}

/// Names of the services that have a database in a folder. One whose file is gone, while something of it is there, is an error: what is
/// missed should not be missing from a backup unseen.
fn services(folder: &Path) -> Result<Vec<String>> {
    let listed = std::fs::read_dir(folder).map_err(ChassisError::io("list", folder))?;
    let mut names = BTreeSet::new();
    for entry in listed {
        let path = entry.map_err(ChassisError::io("list", folder))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let end = path.extension().and_then(|end| end.to_str());
        let is_own = end.is_some_and(|end| end == DATABASE || BESIDE.contains(&end));
        if let Some(name) = stem.filter(|name| is_own && is_name(name)) {
            names.insert(name.to_owned());
        }
    }
    for name in &names {
        if let Some(remains) = remains(folder, name) {
            let path = folder.join(format!("{name}.{DATABASE}"));
            return Err(BackupError::Gone { path, remains }.into());
        }
    }
    Ok(names.into_iter().collect())
}

/// What is there of the database of a service whose file is gone.
pub(crate) fn remains(folder: &Path, name: &str) -> Option<PathBuf> {
    if folder.join(format!("{name}.{DATABASE}")).exists() {
        return None;
    }
    let beside = BESIDE.map(|end| folder.join(format!("{name}.{end}")));
    beside.into_iter().find(|path| path.exists())
}

/// Whether a text can be the name of a service, and so a part of a path.
fn is_name(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.bytes().all(is_letter)
}

fn manifest(from: &Path) -> Result<Manifest> {
    let path = from.join(MANIFEST);
    let wrong = |why: String| BackupError::Manifest {
        path: path.clone(),
        why,
    };
    let file = File::open(&path).map_err(ChassisError::io("open", &path))?;
    let mut text = String::new();
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(ChassisError::io("read", &path))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if manifest.format != FORMAT {
        let why = format!("its format is {}, expected {FORMAT}", manifest.format);
        return Err(wrong(why).into());
    }
    let names = manifest.services.iter().map(|service| &service.name);
    if manifest.services.is_empty() || !names.clone().all(|name| is_name(name)) {
        return Err(wrong("it names no service, or one that cannot be".to_owned()).into());
    }
    if !names.is_sorted_by(|one, next| one < next) {
        return Err(
            wrong("its services are not in order, or one is there twice".to_owned()).into(),
        );
    }
    Ok(manifest)
}

/// That a file has the bytes that a manifest says.
fn check_hash(file: &Path, expected: &SavedService) -> Result<()> {
    let damaged = |why: String| BackupError::Damaged {
        path: file.to_owned(),
        why,
    };
    let (bytes, sha256) = hash(file)?;
    if bytes != expected.bytes {
        let why = format!("it has {bytes} bytes, expected {}", expected.bytes);
        return Err(damaged(why).into());
    }
    if sha256 != expected.sha256 {
        return Err(damaged("its hash is of something else".to_owned()).into());
    }
    Ok(())
}

fn saved_service(
    name: &str,
    (steps, events, head): ((usize, usize), i64, AuditHead),
    (bytes, sha256): (u64, String),
) -> SavedService {
    SavedService {
        name: name.to_owned(),
        bytes,
        sha256,
        steps,
        events,
        audit: head.position,
        audit_hash: head.hash,
    }
}

/// What is in a file, which has to be whole: the steps of its schema, its newest event, and the head of its audit log.
async fn look(file: &Path) -> Result<((usize, usize), i64, AuditHead)> {
    let database = Database::frozen(file).await?;
    let found = async {
        check_integrity(&database, file).await?;
        Ok((
            migrations::steps(&database).await?,
            check_events(&database).await?,
            check_audit(&database).await?,
        ))
    };
    let found = found.await;
    database.close().await;
    found
}

/// That SQLite finds nothing wrong with its file.
pub(crate) async fn check_integrity(database: &Database, file: &Path) -> Result<()> {
    let row = sqlx::query("PRAGMA integrity_check(1)");
    let row = row.fetch_one(database.reader()).await?;
    let why: String = row.try_get(0)?;
    if why == "ok" {
        return Ok(());
    }
    let path = file.to_owned();
    Err(BackupError::Damaged { path, why }.into())
}

/// Bytes of a file, and the SHA-256 of them.
fn hash(file: &Path) -> Result<(u64, String)> {
    let mut opened = File::open(file).map_err(ChassisError::io("open", file))?;
    let mut context = Context::new(&SHA256);
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
    loop {
        let read = opened.read(&mut chunk);
        let read = read.map_err(ChassisError::io("read", file))?;
        if read == 0 {
            return Ok((bytes, hex(context.finish().as_ref())));
        }
        context.update(chunk.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}
