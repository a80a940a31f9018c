//! One entry of an audit log, its hash, and its line in an export.

use super::{AuditError, AuditHead, ENTRY_BYTES_MAX};
use crate::event::NewEvent;
use crate::hex::{hash_of, hex, sha256};
use serde::{Deserialize, Serialize};
use tickloom_types::Ts;
use utoipa::ToSchema;

/// What the bytes that are hashed begin with, so that a hash of something else is never one of an entry.
const TAG: &[u8] = b"tickloom audit 1\n";

/// How something that was tried came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was not allowed, or what was given did not prove what it should.
    Refused,
}

/// What is to be noted in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// When.
    pub at: Ts,
    /// Who, as a kind and an id: `user/usr_…`; `anonymous` if that is not known.
    pub actor: String,
    /// The request that it was part of.
    pub request: String,
    /// What was tried, as an operation's name: `create_key`.
    pub action: String,
    /// On what, as a kind and an id; empty if on nothing.
    pub resource: String,
    /// How it came out.
    pub outcome: AuditOutcome,
    /// What else there is to know, as JSON, and never a secret; empty if nothing.
    pub detail: String,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Number in the log of the service, from one, without gaps.
    pub position: i64,
    /// When, in nanoseconds since the epoch.
    pub at: i64,
    /// Who, as a kind and an id.
    pub actor: String,
    /// The request that it was part of.
    pub request: String,
    /// What was tried.
    pub action: String,
    /// On what.
    pub resource: String,
    /// How it came out: `done` or `refused`.
    pub outcome: String,
    /// What else there is to know.
    pub detail: String,
    /// Hash of the entry before, 64 lower-case hexadecimal digits; zeros before the first.
    pub previous: String,
    /// Hash of this entry, which has the one before in it.
    pub hash: String,
}

impl AuditOutcome {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AuditOutcome::Done => "done",
            AuditOutcome::Refused => "refused",
        }
    }
}

impl NewAuditEntry {
    /// That an event happened, with what else there is to know of it, as JSON and nothing personal; empty if there is nothing.
    #[must_use]
    pub fn of_event(event: &NewEvent, detail: String) -> NewAuditEntry {
        NewAuditEntry {
            at: event.at,
            actor: event.actor.clone(),
            request: event.request.clone(),
            action: event.kind.to_owned(),
            resource: event.aggregate.clone(),
            outcome: AuditOutcome::Done,
            detail,
        }
    }

    /// Whether both engines and an export can keep it.
    pub(super) fn check(&self) -> Result<(), AuditError> {
        let texts = [
            ("actor", &self.actor),
            ("request", &self.request),
            ("action", &self.action),
            ("resource", &self.resource),
            ("detail", &self.detail),
        ];
        for (field, text) in texts {
            if text.contains('\0') {
                return Err(AuditError::Nul { field });
            }
        }
        let bytes = texts.iter().map(|(_, text)| text.len()).sum();
        if bytes > ENTRY_BYTES_MAX {
            return Err(AuditError::Long { bytes });
        }
        Ok(())
    }

    /// The entry that it becomes behind the one with this hash.
    pub(super) fn at_position(&self, position: i64, previous: &[u8; 32]) -> AuditEntry {
        let mut entry = AuditEntry {
            position,
            at: self.at.0,
            actor: self.actor.clone(),
            request: self.request.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            outcome: self.outcome.name().to_owned(),
            detail: self.detail.clone(),
            previous: hex(previous),
            hash: String::new(),
        };
        entry.hash = hex(&entry.hash_after(previous));
        entry
    }
}

impl AuditEntry {
    /// Its line in an export, without the line feed at its end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain fields are JSON")
    }

    /// The head of a log that ends with it.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        AuditHead {
            position: self.position,
            hash: self.hash.clone(),
        }
    }

    /// Whether its hash is that of what it says, and of the hash before that it names.
    pub(super) fn is_of_its_hash(&self) -> bool {
        let previous = hash_of(&self.previous);
        previous.is_some_and(|previous| hex(&self.hash_after(&previous)) == self.hash)
    }

    /// SHA-256 of the tag, the hash before, position and time as 8 bytes each, and every text after its length as 8 bytes; numbers
    /// with the highest byte first.
    fn hash_after(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut bytes = TAG.to_vec();
        bytes.extend(previous);
        bytes.extend(self.position.to_be_bytes());
        bytes.extend(self.at.to_be_bytes());
        for text in [
            &self.actor,
            &self.request,
            &self.action,
            &self.resource,
            &self.outcome,
            &self.detail,
        ] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        sha256(&bytes)
    }
}
