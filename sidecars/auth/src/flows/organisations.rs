//! What becomes of organisations, and of what they were granted.

use super::accounts::good_name;
use super::authentication::recent;
use super::grants::NewGrant;
use crate::Auth;
use crate::change::organisation::{apply_organisation, create_organisation, known_organisation};
use crate::change::{By, apply, create_account, known};
use crate::events::AuthEvent;
use crate::events::organisation::OrganisationEvent;
use crate::model::organisation::{
    ADMINISTERED_MAX, MACHINES_MAX, MEMBERS_MAX, MemberRole, Organisation, may_have,
};
use crate::model::{Account, AccountKind, Refusal};
use crate::store::account::Granted;
use crate::{AuthError, store};
use serde::Deserialize;
use tickloom_chassis::{IfMatch, Problem, ProblemCode, Subject, Write};
use utoipa::ToSchema;
use uuid::Uuid;

/// Rows that are read of one organisation or account, at most.
const ROWS_MAX: i64 = 10_000;

/// A program that is to be made for an organisation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMachine {
    /// What it is called: 1 to 200 characters.
    pub(crate) name: String,
    /// Its role: `member` or `viewer`.
    pub(crate) role: MemberRole,
}

impl Auth {
    /// Creates an organisation, whose administrator is whoever asks.
    ///
    /// # Errors
    /// [`Refusal::ManyOrganisations`]; [`ProblemCode::BadRequest`] for what is no name.
    pub(crate) async fn create_organisation(
        &self,
        write: &mut Write,
        by: &By,
        (subject, name): (&Subject, &str),
    ) -> Result<Organisation, AuthError> {
        recent(subject, by.now)?;
        let account = known(write, &subject.account).await?;
        account.person()?;
        let name = good_name(name)?;
        let all = store::organisation::memberships(write.connection(), &account.id, "", ROWS_MAX);
        let administered = |role: &MemberRole| *role == MemberRole::Administrator;
        let roles = all.await?.into_iter().map(|membership| membership.role);
        if roles.filter(administered).count() >= ADMINISTERED_MAX {
            return Err(Refusal::ManyOrganisations.into());
        }
        let organisation = create_organisation(write, by, name).await?;
        let joined = AuthEvent::Joined {
            organisation: organisation.id.clone(),
            role: MemberRole::Administrator,
        };
        apply(write, by, account, joined).await?;
        Ok(organisation)
    }

    /// Gives an organisation another name.
    ///
    /// # Errors
    /// [`ProblemCode::PreconditionFailed`] if it is of another version than the caller names.
    pub(crate) async fn rename_organisation(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation, name): (&Subject, &str, &str),
        if_match: &IfMatch,
    ) -> Result<Organisation, AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        if_match.check(Some((&organisation.id, organisation.version)))?;
        let name = good_name(name)?;
        if name == organisation.name {
            return Ok(organisation);
        }
        apply_organisation(write, by, organisation, OrganisationEvent::Renamed { name }).await
    }

    /// Deletes an organisation, with its programs, invitations and grants. Its people are members no more.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn delete_organisation(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation): (&Subject, &str),
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        let id = organisation.id.clone();
        let members = store::organisation::members_after(write.connection(), &id, "", ROWS_MAX);
        for member in members.await? {
            let account = known(write, &member.account).await?;
            match account.kind {
                AccountKind::Machine => {
                    self.give_up(write, by, account).await?;
                }
                AccountKind::Person => {
                    let left = AuthEvent::Left {
                        organisation: id.clone(),
                    };
                    apply(write, by, account, left).await?;
                }
            }
        }
        store::invitation::close_of(write, &id).await?;
        apply_organisation(write, by, organisation, OrganisationEvent::Deleted).await?;
        store::account::drop_person_key(write, &id).await?;
        Ok(())
    }

    /// Makes a program that belongs to an organisation.
    ///
    /// # Errors
    /// [`Refusal::ManyMachines`]; [`ProblemCode::BadRequest`] for what is no name.
    pub(crate) async fn add_machine(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation): (&Subject, &str),
        new: NewMachine,
    ) -> Result<Account, AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        new.role.for_kind(AccountKind::Machine)?;
        let name = good_name(&new.name)?;
        let counts = store::organisation::counts(write.connection(), &organisation.id).await?;
        if counts.machines >= MACHINES_MAX || counts.members >= MEMBERS_MAX {
            return Err(Refusal::ManyMachines.into());
        }
        let machine = create_account(write, by, AccountKind::Machine, None, name).await?;
        let joined = AuthEvent::Joined {
            organisation: organisation.id.clone(),
            role: new.role,
        };
        let machine = apply(write, by, machine, joined).await?;
        let added = OrganisationEvent::MachineAdded {
            account: machine.id.clone(),
        };
        apply_organisation(write, by, organisation, added).await?;
        Ok(machine)
    }

    /// Grants something to an organisation, which holds for its members.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] for what is no grant, or none for an organisation; [`ProblemCode::BadRequest`] for one that has expired.
    pub(crate) async fn create_organisation_grant(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation): (&Subject, &str),
        new: NewGrant,
    ) -> Result<Granted, AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        let (what, resource) = new.parsed(by.now)?;
        let (what, resource) = (what.to_string(), resource.to_string());
        may_have(&resource)?;
        let id = format!("grn_{}", Uuid::now_v7().simple());
        let event = OrganisationEvent::GrantCreated {
            id: id.clone(),
            what: what.clone(),
            resource: resource.clone(),
            expires: new.expires,
        };
        apply_organisation(write, by, organisation, event).await?;
        Ok(Granted {
            id,
            what,
            resource,
            expires: new.expires,
            created: by.now.0,
            created_by: by.actor.clone(),
        })
    }

    /// Takes a grant of an organisation back.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn revoke_organisation_grant(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        let found = store::account::grant(write.connection(), &organisation.id, id).await?;
        let granted = found.ok_or_else(|| {
            let detail = format!("the organisation has no grant `{id}`");
            AuthError::from(Problem::new(ProblemCode::NotFound, detail))
        })?;
        let event = OrganisationEvent::GrantRevoked { id: granted.id };
        apply_organisation(write, by, organisation, event).await?;
        Ok(())
    }
}
