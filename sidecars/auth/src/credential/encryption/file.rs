//! The file of keys.

use super::{EncryptionKeys, KeyTextError, NoRandomness};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tickloom_chassis::{SecretFileError, make_own_folder, read_secret_file};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What stands above the key in a new file.
const REMARK: &str = "# Encrypts the keys that sign tokens, and the secrets of second factors, in the database of auth.\n\
    # Keep a copy apart from copies of the database: without it nobody with a second factor can sign in.\n";

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptionKeySource {
    /// Here.
    Given(Arc<EncryptionKeys>),
    /// In a file, which the first start makes with a new key.
    File(PathBuf),
}

impl EncryptionKeySource {
    /// The keys that are there already; `None` if the file is not there. Nothing is made.
    ///
    /// # Errors
    /// As [`EncryptionKeys::existing`].
    pub(crate) fn existing(&self) -> Result<Option<Arc<EncryptionKeys>>, KeyFileError> {
        match self {
            EncryptionKeySource::Given(keys) => Ok(Some(Arc::clone(keys))),
            EncryptionKeySource::File(path) => Ok(EncryptionKeys::existing(path)?.map(Arc::new)),
        }
    }

    /// The keys; a file that is not there is made with a new one.
    ///
    /// # Errors
    /// As [`EncryptionKeys::open`].
    pub(crate) fn open(&self) -> Result<Arc<EncryptionKeys>, KeyFileError> {
        match self {
            EncryptionKeySource::Given(keys) => Ok(Arc::clone(keys)),
            EncryptionKeySource::File(path) => Ok(Arc::new(EncryptionKeys::open(path)?)),
        }
    }
}

/// Why keys cannot be read from their file, or written to it.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be written.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It has something else than keys.
    #[error("{}: {error}", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyTextError,
    },
    /// It is not read, as others can open it, or as it is no file.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl EncryptionKeys {
    /// The keys of a file, if it is there.
    ///
    /// # Errors
    /// [`KeyFileError`] if it has something else, or is not read, as others can open it.
    pub fn existing(path: &Path) -> Result<Option<EncryptionKeys>, KeyFileError> {
        let Some(text) = read_secret_file(path)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        EncryptionKeys::parse(&text)
            .map(Some)
            .map_err(|error| KeyFileError::Text {
                path: path.to_owned(),
                error,
            })
    }

    /// The keys of a file, which is made with a new key if it is not there.
    ///
    /// # Errors
    /// [`KeyFileError`] if it cannot be read or made, has something else, or others can open it.
    pub fn open(path: &Path) -> Result<EncryptionKeys, KeyFileError> {
        match EncryptionKeys::existing(path)? {
            Some(keys) => Ok(keys),
            None => EncryptionKeys::create(path),
        }
    }

    /// Makes a file with a new key, for its owner alone, and reads it; if another process made one meanwhile, that one is read. Either
    /// all of it is there or nothing.
    ///
    /// # Errors
    /// [`KeyFileError`] if it cannot be read or made, has something else, or others can open it.
    pub(super) fn create(path: &Path) -> Result<EncryptionKeys, KeyFileError> {
        let failed = |error| KeyFileError::Io {
            path: path.to_owned(),
            error,
        };
        let made = EncryptionKeys::make()?;
        let folder = path.parent().filter(|at| !at.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        make_own_folder(folder).map_err(failed)?;
        let written = folder.join(format!(".{}.tmp", Uuid::now_v7().simple()));
        let linked = write(&written, &made).and_then(|()| fs::hard_link(&written, path));
        fs::remove_file(&written).map_err(failed)?;
        match linked {
            Ok(()) => (),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(error) => return Err(failed(error)),
        }
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        let gone = || failed(io::ErrorKind::NotFound.into());
        EncryptionKeys::existing(path)?.ok_or_else(gone)
    }
}

fn write(path: &Path, keys: &EncryptionKeys) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(REMARK.as_bytes())?;
    file.write_all(keys.first.line().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
