//! The audit log of a service: who did what, in a chain of hashes, so that whoever has an export can see without the database
//! whether it is whole. The form of an entry and of its hash is in docs/audit.md, byte for byte.

mod entry;
mod filter;
mod verification;
mod verify;

use crate::database::{Database, Write};
use crate::event::{counted, next_position};
use crate::hex::{hash_of, hex};
use crate::{ChassisError, Result};
pub use entry::{AuditEntry, AuditOutcome, NewAuditEntry};
pub(crate) use filter::STATEMENTS as FILTER_STATEMENTS;
pub use filter::{AuditFilter, AuditPart, matching_audit};
use sqlx::Row;
use sqlx::any::AnyRow;
use thiserror::Error;
pub use verification::{AUDIT_VERIFICATION, AuditVerification};
pub use verify::{AuditFault, verify_audit};

/// Name of the stream of entries; its row is the lock of the chain.
const AUDIT: &str = "audit";
/// Bytes of all texts of an entry together.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// Entries that are read together for an export.
const EXPORT_ROWS: i64 = 500;

const HASH: &str = "SELECT hash FROM audit WHERE position = $1";
const INSERT: &str = "INSERT INTO audit \
    (position, at, actor, request, action, resource, outcome, detail, previous, hash) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const AFTER: &str = "SELECT position, at, actor, request, action, resource, outcome, detail, previous, hash \
    FROM audit WHERE position > $1 ORDER BY position LIMIT $2";
const HEAD: &str = "SELECT position, hash FROM audit ORDER BY position DESC LIMIT 1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[HASH, INSERT, AFTER, HEAD];

/// Why an entry is not appended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuditError {
    /// The entry before is gone or is no entry: somebody was at the table.
    #[error(
        "the audit log has no whole entry {position}: it was changed from outside, and is not continued"
    )]
    Broken {
        /// Its position.
        position: i64,
    },

    /// A text that one of the engines cannot keep.
    #[error("an entry of the audit log has a NUL in `{field}`")]
    Nul {
        /// Which text.
        field: &'static str,
    },

    /// More than an entry may have.
    #[error("an entry of the audit log has {bytes} bytes of text, expected at most 65536")]
    Long {
        /// Bytes of all its texts.
        bytes: usize,
    },
}

/// Up to where an audit log goes: whoever notes it elsewhere can tell later whether its end was cut off or all of it written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Position of the newest entry; 0 if there is none.
    pub position: i64,
    /// Its hash, 64 lower-case hexadecimal digits; zeros if there is none.
    pub hash: String,
}

impl AuditHead {
    /// Before the first entry.
    #[must_use]
    pub fn start() -> AuditHead {
        AuditHead {
            position: 0,
            hash: hex(&[0; 32]),
        }
    }
}

/// Appends an entry in the transaction of what it tells of, and returns the head that it is now. Until the transaction ends others
/// who append wait; a transaction that appends events too does that first, always, or two could wait for each other.
///
/// # Errors
/// [`ChassisError::Audit`] for an entry that cannot be kept, and for a log whose last entry is gone; [`ChassisError::Database`].
pub async fn append_audit(write: &mut Write, entry: &NewAuditEntry) -> Result<AuditHead> {
    entry.check()?;
    let position = next_position(write, AUDIT).await?;
    let previous = previous(write, position).await?;
    let entry = entry.at_position(position, &previous);
    sqlx::query(INSERT)
        .bind(entry.position)
        .bind(entry.at)
        .bind(&entry.actor)
        .bind(&entry.request)
        .bind(&entry.action)
        .bind(&entry.resource)
        .bind(&entry.outcome)
        .bind(&entry.detail)
        .bind(&entry.previous)
        .bind(&entry.hash)
        .execute(write.connection())
        .await?;
    Ok(AuditHead {
        position,
        hash: entry.hash,
    })
}

/// The hash of the entry before this position; zeros before the first.
async fn previous(write: &mut Write, position: i64) -> Result<[u8; 32]> {
    let position = position - 1;
    if position == 0 {
        return Ok([0; 32]);
    }
    let row = sqlx::query(HASH)
        .bind(position)
        .fetch_optional(write.connection())
        .await?;
    let broken = ChassisError::Audit(AuditError::Broken { position });
    let Some(row) = row else {
        return Err(broken);
    };
    hash_of(&row.try_get::<String, _>(0)?).ok_or(broken)
}

/// At most `limit` entries after `position`, in order.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn audit_after(
    database: &Database,
    position: i64,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let rows = sqlx::query(AFTER)
        .bind(position)
        .bind(limit)
        .fetch_all(database.reader())
        .await?;
    rows.iter().map(stored).collect()
}

/// The newest entry's position and hash.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn audit_head(database: &Database) -> Result<AuditHead> {
    let row = sqlx::query(HEAD).fetch_optional(database.reader()).await?;
    row.map_or(Ok(AuditHead::start()), |row| {
        Ok(AuditHead {
            position: row.try_get(0)?,
            hash: row.try_get(1)?,
        })
    })
}

/// Gives all entries that there are now, a line of JSON each, in order and without the line feed at its end, and returns the head. It
/// takes little memory however long the log is. [`verify_audit`] reads the lines.
///
/// # Errors
/// [`ChassisError::Database`].
pub async fn export_audit(database: &Database, mut give: impl FnMut(&str)) -> Result<AuditHead> {
    let end = audit_head(database).await?;
    let mut head = AuditHead::start();
    while head.position < end.position {
        let limit = EXPORT_ROWS.min(end.position - head.position);
        let entries = audit_after(database, head.position, limit).await?;
        let Some(last) = entries.last() else {
            break;
        };
        head = last.head();
        entries.iter().for_each(|entry| give(&entry.line()));
    }
    Ok(head)
}

/// Whether the log that is there is whole, and its head.
///
/// # Errors
/// [`ChassisError::AuditFault`]: the first entry that is not as it was written; [`ChassisError::Database`].
pub async fn check_audit(database: &Database) -> Result<AuditHead> {
    // Entries that are written meanwhile are counted after this, and found or not.
    let noted = counted(database, AUDIT).await?;
    let mut head = AuditHead::start();
    loop {
        let entries = audit_after(database, head.position, EXPORT_ROWS).await?;
        if entries.is_empty() && head.position < noted {
            let found = head.position;
            return Err(AuditFault::Truncated { found, noted }.into());
        }
        if entries.is_empty() {
            return Ok(head);
        }
        let (next, fault) = follow(head, &entries);
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        head = next;
    }
}

/// Up to where entries follow a head, and what is wrong with the next one, if something is.
fn follow(mut head: AuditHead, entries: &[AuditEntry]) -> (AuditHead, Option<AuditFault>) {
    for entry in entries {
        let line = u64::try_from(head.position).unwrap_or(0) + 1;
        if let Err(fault) = verify::follows(line, entry, &head) {
            return (head, Some(fault));
        }
        head = entry.head();
    }
    (head, None)
}

fn stored(row: &AnyRow) -> Result<AuditEntry> {
    Ok(AuditEntry {
        position: row.try_get(0)?,
        at: row.try_get(1)?,
        actor: row.try_get(2)?,
        request: row.try_get(3)?,
        action: row.try_get(4)?,
        resource: row.try_get(5)?,
        outcome: row.try_get(6)?,
        detail: row.try_get(7)?,
        previous: row.try_get(8)?,
        hash: row.try_get(9)?,
    })
}
