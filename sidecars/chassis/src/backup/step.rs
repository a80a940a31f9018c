//! How far a backup has come, for whoever waits.

use std::fmt;

/// How far a backup, or putting one back, has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStep<'a> {
    /// The file of a service in the backup that is put back was read, and is whole.
    Read(&'a str),
    /// The folder was made under another name than its own.
    Begun,
    /// The file of a service is in it, on the disk.
    Written(&'a str),
    /// That file was read again, and is whole.
    Checked(&'a str),
    /// All is in the folder.
    Complete,
    /// The folder is there under its name.
    There,
}

impl fmt::Display for BackupStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupStep::Read(service) => write!(f, "{service}: its backup is whole"),
            BackupStep::Begun => f.write_str("begun"),
            BackupStep::Written(service) => write!(f, "{service}: written"),
            BackupStep::Checked(service) => write!(f, "{service}: read again, and whole"),
            BackupStep::Complete => f.write_str("complete"),
            BackupStep::There => f.write_str("there under its name"),
        }
    }
}
