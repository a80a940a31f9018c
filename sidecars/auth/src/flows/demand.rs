//! A second factor that is demanded: of all people by the settings, of an account by an administrator, of its members by an organisation.
//! Who lacks one signs in as far as to set it up.

use super::authentication::recent;
use super::oauth::issue::names;
use crate::change::organisation::{apply_organisation, known_organisation};
use crate::change::{By, apply, known};
use crate::events::AuthEvent;
use crate::events::organisation::OrganisationEvent;
use crate::model::Account;
use crate::model::organisation::Organisation;
use crate::{Auth, AuthError};
use tickloom_chassis::{IfMatch, Subject, Write};

/// Whether a second factor is demanded of an account that has none, in a session that was begun with these methods (RFC 8176): that of a
/// provider that is trusted with it is one.
pub(crate) fn lacks(account_lacks: bool, methods: &str) -> bool {
    let has = |method: &str| names(methods).any(|name| name == method);
    account_lacks && !(has("fed") && has("mfa"))
}

impl Auth {
    /// Demands that a person has a second factor, or does not any more.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`](tickloom_chassis::ProblemCode::Refused) of who is no person or cannot use the account;
    /// [`ProblemCode::StepUpRequired`](tickloom_chassis::ProblemCode::StepUpRequired).
    pub(crate) async fn demand_factor(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, is_demanded): (&Subject, &str, bool),
    ) -> Result<Account, AuthError> {
        recent(subject, by.now)?;
        let account = known(write, account).await?;
        account.person()?;
        if account.is_second_factor_demanded == is_demanded {
            return Ok(account);
        }
        let event = if is_demanded {
            AuthEvent::SecondFactorDemanded
        } else {
            AuthEvent::SecondFactorDemandEnded
        };
        apply(write, by, account, event).await
    }

    /// Demands that the people who are members of an organisation have a second factor, or does not any more.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`](tickloom_chassis::ProblemCode::NotFound);
    /// [`ProblemCode::StepUpRequired`](tickloom_chassis::ProblemCode::StepUpRequired);
    /// [`ProblemCode::PreconditionFailed`](tickloom_chassis::ProblemCode::PreconditionFailed).
    pub(crate) async fn demand_factor_of_members(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation, is_demanded): (&Subject, &str, bool),
        if_match: &IfMatch,
    ) -> Result<Organisation, AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        if_match.check(Some((&organisation.id, organisation.version)))?;
        if organisation.demands_second_factor == is_demanded {
            return Ok(organisation);
        }
        let event = if is_demanded {
            OrganisationEvent::SecondFactorDemanded
        } else {
            OrganisationEvent::SecondFactorDemandEnded
        };
        apply_organisation(write, by, organisation, event).await
    }
}

#[cfg(test)]
mod tests {
    use super::lacks;

    #[test]
    fn only_what_a_trusted_provider_says_stands_for_one_of_ours() {
        for (account_lacks, methods, expected) in [
            (false, "pwd", false),
            (true, "pwd", true),
            (true, "fed", true),
            (true, "fed mfa", false),
            // A passkey that was removed since.
            (true, "pop user mfa", true),
            (true, "", true),
        ] {
            assert_eq!(lacks(account_lacks, methods), expected, "{methods}");
        }
    }
}
