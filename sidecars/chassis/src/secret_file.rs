//! Files that have a secret: read by one rule, and made for their owner alone.
//!
//! Nobody but its owner may open what is read. A folder in which nobody else can look does not stand for that: files are moved and copied.
//! A link is followed where nobody else can make it lead elsewhere (`link.rs`).

mod link;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Longest file of a secret, in bytes: some hundred certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What its group and others may do with a file.
const OTHERS: u32 = 0o077;
/// Modes of a folder and of a file for their owner alone.
const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o600;

/// Why the file of a secret is not read. No message has a part of the secret.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// The system does not let it be read.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A link that others could make lead elsewhere.
    #[error(
        "{} is a link that leads through {}, of user {owner} and with mode {mode:03o}, in which others can write: expected folders in which \
         only root and the user of this process can", .path.display(), .folder.display()
    )]
    Folder {
        /// The link.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// A link to a file of somebody else.
    #[error(
        "{} is a link that leads to {} of user {owner}, expected a file of root or of the user of this process",
        .path.display(), .target.display()
    )]
    Foreign {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// Whose that is.
        owner: u32,
    },
    /// A folder, a pipe, a device.
    #[error("{} is no file", .0.display())]
    NoFile(PathBuf),
    /// Others than its owner may open it.
    #[error("{} has mode {mode:03o}, so others can open it: chmod 600 it", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Nothing is there.
    #[error("there is no {}", .0.display())]
    Absent(PathBuf),
    /// Nothing is in it.
    #[error("there is no secret in {}", .0.display())]
    Empty(PathBuf),
    /// Longer than a secret is.
    #[error("{} has more than {FILE_BYTES_MAX} bytes, which is no secret", .0.display())]
    Long(PathBuf),
}

/// The text of a file that has a secret; `None` if it is not there.
///
/// # Errors
/// [`SecretFileError`] if it is no file, if others may open it or could make a link lead elsewhere, if it is longer than 1 MiB or no UTF-8.
pub fn read_secret_file(path: &Path) -> Result<Option<String>, SecretFileError> {
    Ok(read(path)?.map(|(text, _)| text))
}

/// The secret that a file has alone, without the space around it.
///
/// # Errors
/// As [`read_secret_file`], and if it is not there or has nothing in it.
pub fn read_secret(path: &Path) -> Result<String, SecretFileError> {
    let text = read_secret_file(path)?.ok_or_else(|| SecretFileError::Absent(path.to_owned()))?;
    match text.trim() {
        "" => Err(SecretFileError::Empty(path.to_owned())),
        secret => Ok(secret.to_owned()),
    }
}

/// The text of such a file, with what the system knows of it.
pub(crate) fn read(path: &Path) -> Result<Option<(String, Metadata)>, SecretFileError> {
    let failed = |source| SecretFileError::Io {
        path: path.to_owned(),
        source,
    };
    let (file, target) = match open(path) {
        Ok(file) => (file, None),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => {
            let target = match link::resolved(path) {
                Err(SecretFileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    return Ok(None);
                }
                other => other?,
            };
            let file = open(&target).map_err(|error| failed(error.into()))?;
            (file, Some(target))
        }
        Err(error) => return Err(failed(error.into())),
    };
    let metadata = file.metadata().map_err(failed)?;
    if let Some(target) = target {
        link::check_owner(path, (&target, &metadata))?;
    }
    if !metadata.is_file() {
        return Err(SecretFileError::NoFile(path.to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let path = path.to_owned();
        return Err(SecretFileError::Open { path, mode });
    }
    // With room for all of it, so that no part of it is left in a buffer that was too small.
    let room = usize::try_from(metadata.len().min(FILE_BYTES_MAX)).unwrap_or(0);
    let mut text = String::with_capacity(room + 1);
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    if read.map_err(failed)? as u64 > FILE_BYTES_MAX {
        return Err(SecretFileError::Long(path.to_owned()));
    }
    Ok(Some((text, metadata)))
}

/// Opens what is there itself, and no link: [`Errno::LOOP`].
fn open(path: &Path) -> Result<File, Errno> {
    // Without waiting: a pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Makes a folder, and those above it, for their owner alone; those that are there stay as they are.
///
/// # Errors
/// What the system says.
pub fn make_own_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(OWN_FOLDER)
        .create(folder)
}

/// Makes an empty file for its owner alone; one that is there stays as it is.
pub(crate) fn make_own_file(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(OWN_FILE);
    match options.open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    fn refused(path: &Path) -> String {
        let folder = path.parent().unwrap().display().to_string();
        let error = read_secret_file(path).unwrap_err().to_string();
        error.replace(&folder, "FOLDER")
    }

    #[test]
    fn a_secret_is_read_from_a_file_that_its_owner_alone_can_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(read_secret_file(&path).unwrap(), None);
        let shown = path.display();
        let absent = read_secret(&path).unwrap_err().to_string();
        assert_eq!(absent, format!("there is no {shown}"));
        make_own_file(&path).unwrap();
        fs::write(&path, " \n").unwrap();
        let empty = read_secret(&path).unwrap_err().to_string();
        assert_eq!(empty, format!("there is no secret in {shown}"));
        fs::write(&path, "a secret\n").unwrap();
        for mode in [0o600, 0o400, 0o700] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let text = read_secret_file(&path).unwrap();
            assert_eq!(text.as_deref(), Some("a secret\n"), "{mode:o}");
        }
        assert_eq!(read_secret(&path).unwrap(), "a secret");
        for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                refused(&path),
                format!("FOLDER/secret has mode {mode:o}, so others can open it: chmod 600 it")
            );
        }
    }

    #[test]
    fn folders_pipes_and_what_is_too_long_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        make_own_file(&at("own")).unwrap();
        make_own_folder(&at("folder")).unwrap();
        assert_eq!(refused(&at("folder")), "FOLDER/folder is no file");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        assert_eq!(refused(&at("pipe")), "FOLDER/pipe is no file");
        fs::write(at("own"), vec![b'a'; 1 << 20]).unwrap();
        assert_eq!(
            read_secret_file(&at("own")).unwrap().unwrap().len(),
            1 << 20
        );
        fs::write(at("own"), vec![b'a'; (1 << 20) + 1]).unwrap();
        assert_eq!(
            refused(&at("own")),
            "FOLDER/own has more than 1048576 bytes, which is no secret"
        );
        fs::write(at("own"), [0xFF]).unwrap();
        assert_eq!(
            refused(&at("own")),
            "cannot read FOLDER/own: stream did not contain valid UTF-8"
        );
    }

    #[test]
    fn what_is_made_is_for_its_owner_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let inner = folder.path().join("a").join("b");
        make_own_folder(&inner).unwrap();
        assert_eq!(
            [mode(&inner), mode(inner.parent().unwrap())],
            [0o700, 0o700]
        );
        let file = inner.join("file");
        make_own_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::write(&file, "kept").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        make_own_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert_eq!(mode(&file), 0o640);
    }
}
