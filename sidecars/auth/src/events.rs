//! What happens to accounts, and how it is written down. What is personal is sealed with a key of the person, so that it is gone from
//! the log, backups too, once the key is.

pub(crate) mod organisation;

use crate::model::AccountKind;
use crate::model::organisation::MemberRole;
use crate::seal::PersonKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Version of the bodies that are written.
pub(crate) const BODY_VERSION: i64 = 1;

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub(crate) enum AuthEvent {
    Created {
        kind: AccountKind,
        email: Option<String>,
        name: String,
    },
    EmailVerified,
    EmailChanged {
        email: String,
        /// Whether the person showed that it is theirs.
        is_verified: bool,
    },
    Renamed {
        name: String,
    },
    PasswordSet,
    PasswordRemoved,
    SecondFactorSet,
    SecondFactorRemoved,
    /// An administrator demands that the account has a second factor.
    SecondFactorDemanded,
    SecondFactorDemandEnded,
    /// By who administers accounts of everybody.
    Suspended,
    /// By who administers the organisation of a program.
    SuspendedByOrganisation,
    /// By who was granted it for this account.
    SuspendedByGrantee,
    Resumed,
    Deleted,
    GrantCreated {
        id: String,
        what: String,
        resource: String,
        expires: Option<i64>,
    },
    GrantRevoked {
        id: String,
    },
    KeyCreated {
        id: String,
        name: String,
        scopes: String,
        expires: Option<i64>,
    },
    KeyExpiryMoved {
        id: String,
        expires: i64,
    },
    KeyRevoked {
        id: String,
    },
    PasskeyAdded {
        id: String,
        name: String,
        is_backup_eligible: bool,
    },
    PasskeyRenamed {
        id: String,
        name: String,
    },
    PasskeyRemoved {
        id: String,
    },
    CurveKeyCreated {
        id: String,
        public_key: String,
        name: String,
        scopes: String,
        expires: Option<i64>,
    },
    CurveKeyExpiryMoved {
        id: String,
        expires: i64,
    },
    CurveKeyRevoked {
        id: String,
    },
    /// It is a member of the organisation from now on. A program that joins one belongs to it.
    Joined {
        organisation: String,
        role: MemberRole,
    },
    RoleSet {
        organisation: String,
        role: MemberRole,
    },
    Left {
        organisation: String,
    },
    IdentityLinked {
        id: String,
        issuer: String,
        subject: String,
        email: Option<String>,
    },
    IdentityUnlinked {
        id: String,
    },
}

impl AuthEvent {
    /// What happened, as the log has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            AuthEvent::Created { .. } => "created",
            AuthEvent::EmailVerified => "email_verified",
            AuthEvent::EmailChanged { .. } => "email_changed",
            AuthEvent::Renamed { .. } => "renamed",
            AuthEvent::PasswordSet => "password_set",
            AuthEvent::PasswordRemoved => "password_removed",
            AuthEvent::SecondFactorSet => "second_factor_set",
            AuthEvent::SecondFactorRemoved => "second_factor_removed",
            AuthEvent::SecondFactorDemanded => "second_factor_demanded",
            AuthEvent::SecondFactorDemandEnded => "second_factor_demand_ended",
            AuthEvent::Suspended => "suspended",
            AuthEvent::SuspendedByOrganisation => "suspended_by_organisation",
            AuthEvent::SuspendedByGrantee => "suspended_by_grantee",
            AuthEvent::Resumed => "resumed",
            AuthEvent::Deleted => "deleted",
            AuthEvent::GrantCreated { .. } => "grant_created",
            AuthEvent::GrantRevoked { .. } => "grant_revoked",
            AuthEvent::KeyCreated { .. } => "key_created",
            AuthEvent::KeyExpiryMoved { .. } => "key_expiry_moved",
            AuthEvent::KeyRevoked { .. } => "key_revoked",
            AuthEvent::PasskeyAdded { .. } => "passkey_added",
            AuthEvent::PasskeyRenamed { .. } => "passkey_renamed",
            AuthEvent::PasskeyRemoved { .. } => "passkey_removed",
            AuthEvent::CurveKeyCreated { .. } => "curve_key_created",
            AuthEvent::CurveKeyExpiryMoved { .. } => "curve_key_expiry_moved",
            AuthEvent::CurveKeyRevoked { .. } => "curve_key_revoked",
            AuthEvent::Joined { .. } => "joined",
            AuthEvent::RoleSet { .. } => "role_set",
            AuthEvent::Left { .. } => "left",
            AuthEvent::IdentityLinked { .. } => "identity_linked",
            AuthEvent::IdentityUnlinked { .. } => "identity_unlinked",
        }
    }

    /// The body for the log, with what is personal sealed.
    pub(crate) fn body(&self, key: &PersonKey) -> Result<String, crate::seal::SealError> {
        let sealed = self.clone().map_personal(|text| key.seal(&text))?;
        Ok(body_of(&sealed))
    }

    /// What the log says, opened. Without the person's key what was personal is empty.
    pub(crate) fn read(
        kind: &str,
        body: &str,
        key: Option<&PersonKey>,
    ) -> Result<AuthEvent, String> {
        let sealed: AuthEvent = event_of(kind, body)?;
        sealed
            .map_personal(|text| key.map_or(Ok(String::new()), |key| key.open(&text)))
            .map_err(|error| error.to_string())
    }

    fn map_personal<E>(self, with: impl Fn(String) -> Result<String, E>) -> Result<AuthEvent, E> {
        Ok(match self {
            AuthEvent::Created { kind, email, name } => AuthEvent::Created {
                kind,
                email: email.map(&with).transpose()?,
                name: with(name)?,
            },
            AuthEvent::Renamed { name } => AuthEvent::Renamed { name: with(name)? },
            AuthEvent::EmailChanged { email, is_verified } => AuthEvent::EmailChanged {
                email: with(email)?,
                is_verified,
            },
            AuthEvent::KeyCreated {
                id,
                name,
                scopes,
                expires,
            } => AuthEvent::KeyCreated {
                id,
                name: with(name)?,
                scopes,
                expires,
            },
            AuthEvent::PasskeyAdded {
                id,
                name,
                is_backup_eligible,
            } => AuthEvent::PasskeyAdded {
                id,
                name: with(name)?,
                is_backup_eligible,
            },
            AuthEvent::PasskeyRenamed { id, name } => AuthEvent::PasskeyRenamed {
                id,
                name: with(name)?,
            },
            AuthEvent::CurveKeyCreated {
                id,
                public_key,
                name,
                scopes,
                expires,
            } => AuthEvent::CurveKeyCreated {
                id,
                public_key: with(public_key)?,
                name: with(name)?,
                scopes,
                expires,
            },
            AuthEvent::IdentityLinked {
                id,
                issuer,
                subject,
                email,
            } => AuthEvent::IdentityLinked {
                id,
                issuer,
                subject: with(subject)?,
                email: email.map(&with).transpose()?,
            },
            other => other,
        })
    }
}

/// The body of an event, without its kind.
fn body_of(event: &impl Serialize) -> String {
    let whole = serde_json::to_value(event).unwrap_or_else(|_| json!({}));
    let body = whole.get("body").cloned().unwrap_or_else(|| json!({}));
    body.to_string()
}

/// The event of a kind with this body.
fn event_of<E: DeserializeOwned>(kind: &str, body: &str) -> Result<E, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let is_empty = body.as_object().is_some_and(serde_json::Map::is_empty);
    let whole = if is_empty {
        json!({ "kind": kind })
    } else {
        json!({ "kind": kind, "body": body })
    };
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_personal_is_not_in_the_log_and_goes_with_its_key() {
        let key = PersonKey::make().unwrap();
        let created = AuthEvent::Created {
            kind: AccountKind::Person,
            email: Some("ada@example.com".to_owned()),
            name: "Ada".to_owned(),
        };
        let body = created.body(&key).unwrap();
        assert!(!body.contains("ada") && !body.contains("Ada"), "{body}");
        assert_eq!(
            AuthEvent::read("created", &body, Some(&key)).unwrap(),
            created
        );
        let without = AuthEvent::read("created", &body, None).unwrap();
        let AuthEvent::Created { email, name, .. } = without else {
            panic!("{without:?}");
        };
        assert_eq!((email.as_deref(), name.as_str()), (Some(""), ""));
        let other = PersonKey::make().unwrap();
        assert!(AuthEvent::read("created", &body, Some(&other)).is_err());
    }

    /// Those that say nothing more.
    const PLAIN: [AuthEvent; 12] = [
        AuthEvent::EmailVerified,
        AuthEvent::PasswordSet,
        AuthEvent::PasswordRemoved,
        AuthEvent::SecondFactorSet,
        AuthEvent::SecondFactorRemoved,
        AuthEvent::SecondFactorDemanded,
        AuthEvent::SecondFactorDemandEnded,
        AuthEvent::Suspended,
        AuthEvent::SuspendedByOrganisation,
        AuthEvent::SuspendedByGrantee,
        AuthEvent::Resumed,
        AuthEvent::Deleted,
    ];

    #[test]
    fn every_event_comes_back_from_the_log() {
        let key = PersonKey::make().unwrap();
        let id = || "x_1".to_owned();
        for event in PLAIN.into_iter().chain([
            AuthEvent::EmailChanged {
                email: "phone@x.y".to_owned(),
                is_verified: true,
            },
            AuthEvent::Renamed {
                name: "B".to_owned(),
            },
            AuthEvent::GrantCreated {
                id: id(),
                what: "viewer".to_owned(),
                resource: "*".to_owned(),
                expires: None,
            },
            AuthEvent::GrantRevoked { id: id() },
            AuthEvent::KeyCreated {
                id: id(),
                name: "ci".to_owned(),
                scopes: "*".to_owned(),
                expires: Some(7),
            },
            AuthEvent::KeyExpiryMoved {
                id: id(),
                expires: 9,
            },
            AuthEvent::KeyRevoked { id: id() },
            AuthEvent::PasskeyAdded {
                id: id(),
                name: "phone".to_owned(),
                is_backup_eligible: true,
            },
            AuthEvent::PasskeyRenamed {
                id: id(),
                name: "old phone".to_owned(),
            },
            AuthEvent::PasskeyRemoved { id: id() },
            AuthEvent::CurveKeyCreated {
                id: id(),
                public_key: "Yne@$w".to_owned(),
                name: "ci".to_owned(),
                scopes: "*".to_owned(),
                expires: None,
            },
            AuthEvent::CurveKeyExpiryMoved {
                id: id(),
                expires: 9,
            },
            AuthEvent::CurveKeyRevoked { id: id() },
            AuthEvent::Joined {
                organisation: id(),
                role: MemberRole::Viewer,
            },
            AuthEvent::RoleSet {
                organisation: id(),
                role: MemberRole::Administrator,
            },
            AuthEvent::Left { organisation: id() },
        ]) {
            let body = event.body(&key).unwrap();
            assert!(!body.contains("phone"), "{body}");
            let found = AuthEvent::read(event.kind(), &body, Some(&key)).unwrap();
            assert_eq!(found, event, "{body}");
        }
    }
}
