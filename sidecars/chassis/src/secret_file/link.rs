//! To which file a link leads, and whether nobody else can make it lead elsewhere: the file and each folder on the way are root's or our
//! own, and nobody else can write in these folders, or put something in the place of what is there (sticky). So lead the secrets that Kubernetes mounts (`..data`), and the
//! certificates that certbot renews.

use super::SecretFileError;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Links that are followed one after another, as the system does.
const LINKS_MAX: u32 = 40;
/// What a group and others write with.
const OTHERS_WRITE: u32 = 0o022;
/// In a folder with this bit whoever owns an entry, or the folder, replaces it, and nobody else.
const STICKY: u32 = 0o1000;

/// The file to which a path leads, without links; an error of the system's kind if there is none.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, SecretFileError> {
    let failed = |source| SecretFileError::Io {
        path: path.to_owned(),
        source,
    };
    let user = user().map_err(failed)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    let mut at = PathBuf::from("/");
    let mut left: Vec<OsString> = parts(&absolute);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(part);
        let found = next.symlink_metadata().map_err(failed)?;
        let folder = at.symlink_metadata().map_err(failed)?;
        check_folder((path, user), (&at, &folder), &found)?;
        if !found.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            let loops = std::io::Error::other("it leads through too many links");
            return Err(failed(loops));
        }
        let target = next.read_link().map_err(failed)?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(parts(&target));
    }
    Ok(at)
}

/// That a file to which a link leads is root's or our own.
pub(super) fn check_owner(
    path: &Path,
    (target, found): (&Path, &Metadata),
) -> Result<(), SecretFileError> {
    let user = user().map_err(|source| SecretFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    if is_ours(found, user) {
        return Ok(());
    }
    Err(SecretFileError::Foreign {
        path: path.to_owned(),
        target: target.to_owned(),
        owner: found.uid(),
    })
}

/// That nobody else can replace what a folder has under this name.
fn check_folder(
    (path, user): (&Path, u32),
    (at, folder): (&Path, &Metadata),
    entry: &Metadata,
) -> Result<(), SecretFileError> {
    let mode = folder.permissions().mode();
    let is_kept = mode & OTHERS_WRITE == 0 || (mode & STICKY != 0 && is_ours(entry, user));
    if is_ours(folder, user) && is_kept {
        return Ok(());
    }
    Err(SecretFileError::Folder {
        path: path.to_owned(),
        folder: at.to_owned(),
        owner: folder.uid(),
        mode: mode & 0o7777,
    })
}

/// Whether something is root's or that of this user.
fn is_ours(found: &Metadata, user: u32) -> bool {
    [0, user].contains(&found.uid())
}

/// As which user this process runs: its folder in /proc is that of its effective user (proc(5)).
#[cfg(target_os = "linux")]
fn user() -> std::io::Result<u32> {
    Ok(std::fs::metadata("/proc/self")?.uid())
}

/// As which user this process runs.
#[cfg(not(target_os = "linux"))]
fn user() -> std::io::Result<u32> {
    Ok(rustix::process::geteuid().as_raw())
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_file::read_secret_file;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A secret as Kubernetes mounts one: `secret` leads to `..data/secret`, and `..data` to a folder of this version.
    fn mounted(folder: &Path) -> PathBuf {
        let version = folder.join("..2026_11_29");
        fs::create_dir(&version).unwrap();
        set_mode(&version, 0o755);
        fs::write(version.join("secret"), "a secret").unwrap();
        set_mode(&version.join("secret"), 0o400);
        symlink("..2026_11_29", folder.join("..data")).unwrap();
        symlink("..data/secret", folder.join("secret")).unwrap();
        folder.join("secret")
    }

    fn refused(path: &Path, folder: &Path) -> String {
        let error = read_secret_file(path).unwrap_err().to_string();
        let folder = folder.canonicalize().unwrap().display().to_string();
        error.replace(&folder, "FOLDER")
    }

    #[test]
    fn a_link_is_followed_where_nobody_else_can_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = mounted(folder);
        // As it is mounted: anybody may add to the folder, and nobody replaces what is another's.
        for mode in [0o700, 0o755, 0o1777] {
            set_mode(folder, mode);
            let read = read_secret_file(&path).unwrap();
            assert_eq!(read.as_deref(), Some("a secret"), "{mode:o}");
        }
        // Another version takes the place of this one.
        let newer = folder.join("..2026_11_30");
        fs::create_dir(&newer).unwrap();
        fs::write(newer.join("secret"), "another").unwrap();
        set_mode(&newer.join("secret"), 0o600);
        symlink("..2026_11_30", folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
        let read = read_secret_file(&path).unwrap();
        assert_eq!(read.as_deref(), Some("another"));
        // The rule for the file itself is that of every other.
        set_mode(&newer.join("secret"), 0o640);
        assert_eq!(
            refused(&path, folder),
            "FOLDER/secret has mode 640, so others can open it: chmod 600 it"
        );
    }

    #[test]
    fn a_link_that_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = mounted(folder);
        let owner = fs::metadata(folder).unwrap().uid();
        for mode in [0o777, 0o775, 0o757] {
            set_mode(folder, mode);
            let expected = format!(
                "FOLDER/secret is a link that leads through FOLDER, of user {owner} and with mode {mode:o}, in which others can write: \
                 expected folders in which only root and the user of this process can"
            );
            assert_eq!(refused(&path, folder), expected);
        }
        set_mode(folder, 0o700);
        let version = folder.join("..2026_11_29");
        set_mode(&version, 0o777);
        assert!(refused(&path, folder).contains("leads through FOLDER/..2026_11_29, of"));
        set_mode(&version, 0o700);
        assert!(read_secret_file(&path).unwrap().is_some());
        // On the way through a folder of others, and back.
        let open = folder.join("open");
        fs::create_dir(&open).unwrap();
        symlink("../..data/secret", open.join("through")).unwrap();
        symlink("open/through", folder.join("away")).unwrap();
        assert!(read_secret_file(&folder.join("away")).unwrap().is_some());
        set_mode(&open, 0o777);
        assert!(refused(&folder.join("away"), folder).contains("leads through FOLDER/open, of"));
        // One that leads nowhere, and one that leads to itself.
        symlink("nowhere", folder.join("lost")).unwrap();
        assert_eq!(read_secret_file(&folder.join("lost")).unwrap(), None);
        symlink("circle", folder.join("circle")).unwrap();
        let circle = refused(&folder.join("circle"), folder);
        assert!(circle.contains("too many links"), "{circle}");
        // To no file.
        symlink("open", folder.join("folder")).unwrap();
        assert_eq!(
            refused(&folder.join("folder"), folder),
            "FOLDER/folder is no file"
        );
    }

    #[test]
    fn what_belongs_to_others_is_not_read_through_a_link() {
        // Only root can give a file away.
        if user().unwrap() != 0 {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = mounted(folder);
        let target = folder.join("..2026_11_29/secret");
        std::os::unix::fs::chown(&target, Some(12_345), None).unwrap();
        let expected = "FOLDER/secret is a link that leads to FOLDER/..2026_11_29/secret of user 12345, expected a file of root or of the \
                        user of this process";
        assert_eq!(refused(&path, folder), expected);
        std::os::unix::fs::chown(&target, Some(0), None).unwrap();
        set_mode(folder, 0o1777);
        assert!(read_secret_file(&path).unwrap().is_some());
        // In a folder in which anybody adds, whoever owns the link makes it lead elsewhere.
        std::os::unix::fs::lchown(folder.join("..data"), Some(12_345), None).unwrap();
        assert!(refused(&path, folder).contains("leads through FOLDER, of user 0"));
    }
}
