//! How an organisation changes: an event in the log, the rows that come of it, and an entry of the audit log, in one transaction.

use super::By;
use crate::events::BODY_VERSION;
use crate::events::organisation::OrganisationEvent;
use crate::model::Refusal;
use crate::model::organisation::{Organisation, PREFIX};
use crate::projections::organisation::project;
use crate::seal::PersonKey;
use crate::{AuthError, store};
use serde_json::json;
use tickloom_chassis::{
    NewAuditEntry, NewEvent, Problem, ProblemCode, Write, append, append_audit,
};
use uuid::Uuid;

/// A new organisation, with a key for its name.
pub(crate) async fn create_organisation(
    write: &mut Write,
    by: &By,
    name: String,
) -> Result<Organisation, AuthError> {
    let id = format!("{PREFIX}_{}", Uuid::now_v7().simple());
    store::account::add_person_key(write, &id, &PersonKey::make()?).await?;
    let event = OrganisationEvent::Created { name };
    apply_organisation(write, by, Organisation::new(id), event).await
}

/// Lets an event happen to an organisation as it was read, and returns the organisation after it.
///
/// # Errors
/// [`ProblemCode::Conflict`] if it was changed by somebody else since.
pub(crate) async fn apply_organisation(
    write: &mut Write,
    by: &By,
    before: Organisation,
    event: OrganisationEvent,
) -> Result<Organisation, AuthError> {
    let key = store::account::person_key(write.connection(), &before.id).await?;
    let key = key.ok_or(Refusal::OrganisationDeleted)?;
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
    project(write, &after, &event, (by.now, &by.actor)).await?;
    let detail = by.detail(write, &new.aggregate, &detail(&event)).await?;
    let entry = NewAuditEntry::of_event(&new, detail);
    append_audit(write, &entry).await?;
    Ok(after)
}

/// What an entry of the audit log says beside what happened.
fn detail(event: &OrganisationEvent) -> String {
    match event {
        OrganisationEvent::GrantCreated {
            id,
            what,
            resource,
            expires,
        } => json!({"id": id, "what": what, "resource": resource, "expires": expires}),
        OrganisationEvent::GrantRevoked { id } => json!({"id": id}),
        OrganisationEvent::MachineAdded { account } => json!({"account": account}),
        _ => return String::new(),
    }
    .to_string()
}

/// The organisation of this id, which has to be there.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(crate) async fn known_organisation(
    write: &mut Write,
    id: &str,
) -> Result<Organisation, AuthError> {
    let found = store::organisation::by_id(write.connection(), id).await?;
    let organisation = found.ok_or_else(|| {
        let detail = format!("there is no organisation `{id}`");
        AuthError::from(Problem::new(ProblemCode::NotFound, detail))
    })?;
    organisation.usable()?;
    Ok(organisation)
}
