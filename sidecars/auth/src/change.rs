//! How anything changes: an event in the log, the rows that come of it, and an entry of the audit log, in one transaction.

pub(crate) mod organisation;

use crate::AuthError;
use crate::events::{AuthEvent, BODY_VERSION};
use crate::model::{Account, AccountKind};
use crate::origin::{FROM, sealed};
use crate::projections::project;
use crate::seal::PersonKey;
use crate::store;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use tickloom_chassis::{
    AuditOutcome, NewAuditEntry, NewEvent, Problem, ProblemCode, RequestOrigin, Subject, Write,
    append, append_audit,
};
use tickloom_types::Ts;
use uuid::Uuid;

/// Who changes something, in which request, and when.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) actor: String,
    pub(crate) request: String,
    pub(crate) now: Ts,
    /// What was shown for it, of an account that has many: `session/ses_…` or `key/key_…`.
    pub(crate) shown: Option<String>,
    /// From where, unless it is a program on this machine.
    pub(crate) from: Option<IpAddr>,
}

impl By {
    pub(crate) fn new(subject: &Subject, origin: &RequestOrigin, now: Ts) -> By {
        By {
            actor: subject.actor(),
            shown: subject.shown(),
            ..By::nobody(origin, now)
        }
    }

    /// Somebody who has not said who they are.
    pub(crate) fn nobody(origin: &RequestOrigin, now: Ts) -> By {
        By {
            from: origin.address(),
            ..By::named("anonymous", origin.request().to_owned(), now)
        }
    }

    /// Who is no account.
    pub(crate) fn named(actor: &str, request: String, now: Ts) -> By {
        By {
            actor: actor.to_owned(),
            request,
            now,
            shown: None,
            from: None,
        }
    }

    /// What an entry of the audit log on this resource says beside what happened, which is an object or nothing, with what was shown for
    /// it and from where.
    pub(crate) async fn detail(
        &self,
        write: &mut Write,
        resource: &str,
        more: &str,
    ) -> Result<String, AuthError> {
        let from = sealed(write, self, resource).await?;
        if self.shown.is_none() && from.is_none() {
            return Ok(more.to_owned());
        }
        let mut all = match serde_json::from_str(more) {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        };
        for (name, text) in [("shown", &self.shown), (FROM, &from)] {
            if let Some(text) = text {
                all.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        Ok(Value::Object(all).to_string())
    }

    /// Somebody who just showed that this account is theirs.
    pub(crate) fn account(self, id: &str) -> By {
        By {
            actor: format!("account/{id}"),
            ..self
        }
    }

    /// Notes something that changes no account.
    pub(crate) async fn audit(
        &self,
        write: &mut Write,
        action: &str,
        resource: &str,
        outcome: AuditOutcome,
    ) -> Result<(), AuthError> {
        self.audit_with(write, (action, resource), outcome, String::new())
            .await
    }

    /// The same, with what else there is to know, as JSON and nothing personal.
    pub(crate) async fn audit_with(
        &self,
        write: &mut Write,
        (action, resource): (&str, &str),
        outcome: AuditOutcome,
        detail: String,
    ) -> Result<(), AuthError> {
        let entry = NewAuditEntry {
            at: self.now,
            actor: self.actor.clone(),
            request: self.request.clone(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome,
            detail: self.detail(write, resource, &detail).await?,
        };
        append_audit(write, &entry).await?;
        Ok(())
    }
}

/// A new account, with a key for what is personal of it.
///
/// # Errors
/// [`ProblemCode::Conflict`] if another account has the address.
pub(crate) async fn create_account(
    write: &mut Write,
    by: &By,
    kind: AccountKind,
    email: Option<String>,
    name: String,
) -> Result<Account, AuthError> {
    let id = format!("{}_{}", kind.prefix(), Uuid::now_v7().simple());
    store::account::add_person_key(write, &id, &PersonKey::make()?).await?;
    let event = AuthEvent::Created { kind, email, name };
    apply(write, by, Account::new(id, kind), event).await
}

/// Lets an event happen to an account as it was read, and returns the account after it.
///
/// # Errors
/// [`ProblemCode::Conflict`] if it was changed by somebody else since, or if its address is another's.
pub(crate) async fn apply(
    write: &mut Write,
    by: &By,
    before: Account,
    event: AuthEvent,
) -> Result<Account, AuthError> {
    let key = store::account::person_key(write.connection(), &before.id).await?;
    let key = key.ok_or(crate::model::Refusal::Deleted)?;
    let new = NewEvent {
        aggregate: before.resource(),
        version: before.version + 1,
        kind: event.kind(),
        v: BODY_VERSION,
        at: by.now,
        actor: by.actor.clone(),
        request: by.request.clone(),
        body: event.body(&key)?,
    };
    append(write, &new).await?;
    let after = before.after(&event, by.now);
    if !project(write, &after, &event, (by.now, &by.actor)).await? {
        let detail = "another account has this e-mail address";
        let detail = match event {
            AuthEvent::CurveKeyCreated { .. } => "this public key is registered already",
            _ => detail,
        };
        return Err(Problem::new(ProblemCode::Conflict, detail).into());
    }
    let detail = by.detail(write, &new.aggregate, &detail(&event)).await?;
    let entry = NewAuditEntry::of_event(&new, detail);
    append_audit(write, &entry).await?;
    Ok(after)
}

/// What an entry of the audit log says beside what happened: nothing personal, and no secret.
fn detail(event: &AuthEvent) -> String {
    match event {
        AuthEvent::GrantCreated {
            id,
            what,
            resource,
            expires,
        } => json!({"id": id, "what": what, "resource": resource, "expires": expires}),
        AuthEvent::KeyCreated {
            id,
            scopes,
            expires,
            ..
        } => json!({"id": id, "scopes": scopes, "expires": expires}),
        AuthEvent::IdentityLinked { id, issuer, .. } => json!({"id": id, "issuer": issuer}),
        AuthEvent::EmailChanged { is_verified, .. } => json!({"is_verified": is_verified}),
        AuthEvent::IdentityUnlinked { id } => json!({"id": id}),
        AuthEvent::KeyExpiryMoved { id, expires } => json!({"id": id, "expires": expires}),
        AuthEvent::PasskeyAdded {
            id,
            is_backup_eligible,
            ..
        } => json!({"id": id, "is_backup_eligible": is_backup_eligible}),
        AuthEvent::GrantRevoked { id }
        | AuthEvent::KeyRevoked { id }
        | AuthEvent::PasskeyRenamed { id, .. }
        | AuthEvent::PasskeyRemoved { id }
        | AuthEvent::CurveKeyRevoked { id } => json!({"id": id}),
        AuthEvent::CurveKeyCreated {
            id,
            scopes,
            expires,
            ..
        } => json!({"id": id, "scopes": scopes, "expires": expires}),
        AuthEvent::CurveKeyExpiryMoved { id, expires } => json!({"id": id, "expires": expires}),
        AuthEvent::Joined { organisation, role } | AuthEvent::RoleSet { organisation, role } => {
            json!({"organisation": organisation, "role": role})
        }
        AuthEvent::Left { organisation } => json!({"organisation": organisation}),
        _ => return String::new(),
    }
    .to_string()
}

/// The account of this id, which has to be there.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(crate) async fn known(write: &mut Write, id: &str) -> Result<Account, AuthError> {
    let found = store::account::by_id(write.connection(), id).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no account `{id}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}
