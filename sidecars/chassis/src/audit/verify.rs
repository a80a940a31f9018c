//! Whether an export of an audit log is whole, without the database that it is from.

use super::{AuditEntry, AuditHead};
use std::io::{BufRead, Read};
use thiserror::Error;

/// Bytes of a line; what an entry may have is less, however it is escaped.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Where an export of an audit log is not what was written, and how: the first place, in the order of its lines, from one.
#[derive(Debug, Error)]
pub enum AuditFault {
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] std::io::Error),

    /// A line that no export has.
    #[error("line {line} is not as an export writes an entry: {why}")]
    Line {
        /// Which line.
        line: u64,
        /// What is wrong with it.
        why: String,
    },

    /// What an entry says is not what its hash was made of.
    #[error("line {line}: entry {position} was changed: its hash is of something else")]
    Changed {
        /// Which line.
        line: u64,
        /// The position that it claims.
        position: i64,
    },

    /// An entry is removed or elsewhere.
    #[error(
        "line {line}: entry {found} stands where {expected} should: that one was removed, or is out of order"
    )]
    Missing {
        /// Which line.
        line: u64,
        /// The position that comes next.
        expected: i64,
        /// The one that is there.
        found: i64,
    },

    /// An entry is there that was before.
    #[error(
        "line {line}: entry {found} stands where {expected} should: it was put in between, or is out of order"
    )]
    Extra {
        /// Which line.
        line: u64,
        /// The position that comes next.
        expected: i64,
        /// The one that is there.
        found: i64,
    },

    /// An entry follows another one than that which stands before it.
    #[error(
        "line {line}: entry {position} does not follow the one before it: one of them was put in the place of another"
    )]
    Unlinked {
        /// Which line.
        line: u64,
        /// Its position.
        position: i64,
    },

    /// The end is cut off.
    #[error("the export ends with entry {found}, and entry {noted} was noted: its end is cut off")]
    Truncated {
        /// The last position.
        found: i64,
        /// The position that was noted.
        noted: i64,
    },

    /// Another history than the one that was noted.
    #[error("entry {position} is not the one that was noted: the log was written anew")]
    Rewritten {
        /// Its position.
        position: i64,
    },
}

/// Reads an export of a whole audit log, and returns its head. `noted` is a head that was noted before, from anywhere in the log:
/// without one an end that is cut off, and a log that was written anew with hashes of its own, look whole.
///
/// # Errors
/// [`AuditFault`]: the first entry that was changed, removed, put in between, or reordered.
pub fn verify_audit<R: BufRead>(
    mut export: R,
    noted: Option<&AuditHead>,
) -> Result<AuditHead, AuditFault> {
    let mut head = AuditHead::start();
    let mut line = 0;
    let is_noted = |head: &AuditHead| match noted {
        Some(noted) if noted.position == head.position && noted.hash != head.hash => {
            let position = head.position;
            Err(AuditFault::Rewritten { position })
        }
        _ => Ok(()),
    };
    is_noted(&head)?;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let mut rest = (&mut export).take(LINE_BYTES_MAX);
        if rest.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        line += 1;
        let entry = read(&bytes).map_err(|why| AuditFault::Line { line, why })?;
        follows(line, &entry, &head)?;
        head = entry.head();
        is_noted(&head)?;
    }
    match noted {
        Some(noted) if noted.position > head.position => Err(AuditFault::Truncated {
            found: head.position,
            noted: noted.position,
        }),
        _ => Ok(head),
    }
}

/// An entry of a line that has every byte of it as an export writes it.
fn read(line: &[u8]) -> Result<AuditEntry, String> {
    let Some(text) = line.strip_suffix(b"\n") else {
        return Err("it has no end".to_owned());
    };
    let entry: AuditEntry = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if entry.line().as_bytes() != text {
        return Err("the same entry is written in another way".to_owned());
    }
    Ok(entry)
}

/// Whether an entry is whole and comes next.
pub(super) fn follows(line: u64, entry: &AuditEntry, head: &AuditHead) -> Result<(), AuditFault> {
    let (found, expected) = (entry.position, head.position.saturating_add(1));
    if !entry.is_of_its_hash() {
        let position = found;
        return Err(AuditFault::Changed { line, position });
    }
    if found > expected {
        return Err(AuditFault::Missing {
            line,
            expected,
            found,
        });
    }
    if found < expected {
        return Err(AuditFault::Extra {
            line,
            expected,
            found,
        });
    }
    if entry.previous != head.hash {
        let position = found;
        return Err(AuditFault::Unlinked { line, position });
    }
    Ok(())
}
