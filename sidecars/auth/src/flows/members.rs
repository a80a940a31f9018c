//! Who is a member of an organisation, and in which role.

use super::authentication::recent;
use crate::Auth;
use crate::change::organisation::known_organisation;
use crate::change::{By, apply, known};
use crate::events::AuthEvent;
use crate::model::organisation::MemberRole;
use crate::model::{AccountKind, Refusal};
use crate::store::organisation::Member;
use crate::{AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write};

impl Auth {
    /// Gives a member another role.
    ///
    /// # Errors
    /// [`Refusal::LastOrganisationAdministrator`]; [`ProblemCode::NotFound`] if the account is no member.
    pub(crate) async fn set_role(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation, account): (&Subject, &str, &str),
        role: MemberRole,
    ) -> Result<Member, AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        let member = known_member(write, &organisation.id, account).await?;
        role.for_kind(member.kind)?;
        if role == member.role {
            return Ok(member);
        }
        let account = known(write, &member.account).await?;
        let set = AuthEvent::RoleSet {
            organisation: organisation.id.clone(),
            role,
        };
        apply(write, by, account, set).await?;
        administered(write, &organisation.id).await?;
        Ok(Member { role, ..member })
    }

    /// Ends the membership of an account: it leaves, or is removed. Its account stays as it is.
    ///
    /// # Errors
    /// [`Refusal::LastOrganisationAdministrator`]; [`Refusal::StaysInOrganisation`]; [`ProblemCode::NotFound`] if the account is no member.
    pub(crate) async fn end_membership(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation, account): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        let member = known_member(write, organisation, account).await?;
        if member.kind == AccountKind::Machine {
            return Err(Refusal::StaysInOrganisation.into());
        }
        let account = known(write, &member.account).await?;
        let left = AuthEvent::Left {
            organisation: organisation.to_owned(),
        };
        apply(write, by, account, left).await?;
        administered(write, organisation).await
    }
}

/// Whether somebody is left who administers the organisation and can sign in.
///
/// # Errors
/// [`Refusal::LastOrganisationAdministrator`]: the transaction is to be dropped.
pub(crate) async fn administered(write: &mut Write, organisation: &str) -> Result<(), AuthError> {
    let left = store::organisation::administrators(write.connection(), organisation).await?;
    if left.is_empty() {
        return Err(Refusal::LastOrganisationAdministrator.into());
    }
    Ok(())
}

async fn known_member(
    write: &mut Write,
    organisation: &str,
    account: &str,
) -> Result<Member, AuthError> {
    let found = store::organisation::member(write.connection(), organisation, account).await?;
    found.ok_or_else(|| {
        let detail = format!("the account `{account}` is no member of the organisation");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}
