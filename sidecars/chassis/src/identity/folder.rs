//! Files with keys and certificates: written whole or not at all, read only if nobody else can read the key.

use super::{IdentityError, IdentityResult};
use crate::secret_file;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Longest file that is read, in bytes: some hundred certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Who may do what with a file that has a key: its owner read and write it.
const KEY_MODE: u32 = 0o600;
/// With one that has only certificates: others may read it.
const CERTIFICATE_MODE: u32 = 0o644;

/// Which file it was, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    node: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// Makes the folder, for its owner alone, if it is not there.
pub(super) fn make(folder: &Path) -> IdentityResult<()> {
    secret_file::make_own_folder(folder).map_err(IdentityError::io("make", folder))
}

/// Keeps others from changing files of the folder, until it is dropped. A killed process lets go of it.
pub(super) fn lock(folder: &Path) -> IdentityResult<File> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(KEY_MODE);
    let file = options
        .open(&path)
        .map_err(IdentityError::io("open", &path))?;
    file.lock().map_err(IdentityError::io("lock", &path))?;
    Ok(file)
}

/// Writes a file that has a key: whole, on the disk, and for its owner alone.
pub(super) fn write_key(path: &Path, text: &str) -> IdentityResult<()> {
    write(path, text, KEY_MODE)
}

/// Writes a file that has certificates and no key: whole and on the disk.
pub(super) fn write_certificates(path: &Path, text: &str) -> IdentityResult<()> {
    write(path, text, CERTIFICATE_MODE)
}

/// Whoever is killed in between leaves the file as it was, and beside it one that the next writer replaces.
fn write(path: &Path, text: &str, mode: u32) -> IdentityResult<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(IdentityError::io("remove", beside)(error));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(beside);
    let mut file = file.map_err(IdentityError::io("make", beside))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(IdentityError::io("write", beside))?;
    std::fs::rename(beside, path).map_err(IdentityError::io("replace", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(IdentityError::io("write", folder))
}

/// What a file with a key says, and which it was; `None` if there is none.
pub(crate) fn read_key(path: &Path) -> IdentityResult<Option<(String, Version)>> {
    let read = secret_file::read(path)?;
    Ok(read.map(|(text, metadata)| (text, version_of(&metadata))))
}

/// What a file with certificates says, and which it was; `None` if there is none.
pub(crate) fn read_certificates(path: &Path) -> IdentityResult<Option<(String, Version)>> {
    let failed = |error| IdentityError::io("read", path)(error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(IdentityError::File {
            path: path.to_owned(),
            why: format!(
                "it has {} bytes, expected at most {FILE_BYTES_MAX}",
                metadata.len()
            ),
        });
    }
    let text = std::io::read_to_string(file).map_err(failed)?;
    Ok(Some((text, version_of(&metadata))))
}

/// Which file is there now; `None` if there is none.
pub(crate) fn version(path: &Path) -> IdentityResult<Option<Version>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(version_of(&metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IdentityError::io("read", path)(error)),
    }
}

fn version_of(metadata: &std::fs::Metadata) -> Version {
    Version {
        node: metadata.ino(),
        bytes: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}
