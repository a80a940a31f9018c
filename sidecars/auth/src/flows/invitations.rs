//! Invitations to organisations: to an e-mail address, good once and for a week.
//!
//! Who invites learns nothing of who has an account: the invitation is the same whatever there is. It is accepted by the account of the
//! address, and makes one only where whoever invited could have made it otherwise, or where people sign up on their own and the link
//! was sent to the address alone. That whoever invited still may is decided once more when it is accepted.

use super::accounts::good_name;
use super::authentication::{recent, session};
use super::grants::explain_before;
use super::links::not_good;
use crate::Auth;
use crate::change::organisation::known_organisation;
use crate::change::{By, apply, create_account, known};
use crate::credential::password::Password;
use crate::credential::secret::{self, Secret, SecretKind};
use crate::events::AuthEvent;
use crate::model::organisation::{MEMBERS_MAX, MemberRole};
use crate::model::{Account, AccountKind, Refusal, email};
use crate::store::invitation::{Invitation, OpenInvitation};
use crate::store::organisation::Membership;
use crate::{AuthError, mail_pace, mails, store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{Any, Executor};
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write, decide, enqueue_mail};
use tickloom_types::Ts;
use utoipa::ToSchema;

/// How long an invitation is good: a week.
const INVITATION_NS: i64 = 7 * 86_400_000_000_000;
/// The time of which invitations are counted: a day.
const DAY_NS: i64 = 86_400_000_000_000;
/// Invitations that one account creates within a day, at most.
const DAILY_MAX: i64 = 100;

/// Who is to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// E-mail address: only the account of this address can accept.
    pub(crate) email: String,
    /// Which role they will have.
    pub(crate) role: MemberRole,
}

/// What somebody is invited to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownInvitation {
    /// Id of the organisation.
    pub(crate) organisation: String,
    /// What the organisation is called, by whoever administers it.
    pub(crate) name: String,
    /// The address that is invited.
    pub(crate) email: String,
    /// Which role is offered.
    pub(crate) role: MemberRole,
    /// From when on it is not good any more, in nanoseconds since the epoch.
    pub(crate) expires: i64,
    /// Whether who has no account gets one by it.
    pub(crate) makes_account: bool,
}

impl Auth {
    /// Invites an address; an invitation to it that is open is replaced. The link goes by mail, or, where no mail is sent, to whoever
    /// invites.
    ///
    /// # Errors
    /// [`ProblemCode::Conflict`] if a member has the address; [`Refusal::ManyInvitations`]; [`ProblemCode::BadRequest`] for what is no
    /// address.
    pub(crate) async fn invite_member(
        &self,
        write: &mut Write,
        by: &By,
        (subject, organisation): (&Subject, &str),
        new: NewInvitation,
    ) -> Result<(Invitation, Option<Secret>), AuthError> {
        recent(subject, by.now)?;
        let organisation = known_organisation(write, organisation).await?;
        let address = email(&new.email).ok_or_else(|| {
            let detail = "`email` is no e-mail address";
            AuthError::from(Problem::new(ProblemCode::BadRequest, detail))
        })?;
        if store::organisation::has_address(write.connection(), &organisation.id, &address).await? {
            let detail = "a member has this address";
            return Err(Problem::new(ProblemCode::Conflict, detail).into());
        }
        let since = by.now.0.saturating_sub(DAY_NS);
        let created = store::invitation::count_since(write.connection(), &subject.account, since);
        if created.await? >= DAILY_MAX {
            return Err(Refusal::ManyInvitations.into());
        }
        let old = store::invitation::replace(write, &organisation.id, &address).await?;
        if let Some(old) = old {
            revoked(write, by, (&organisation.id, &old)).await?;
        }
        let (shown, stored) = secret::make(SecretKind::Link, by.now)?;
        let signs_up = self.is_open && self.has_mail();
        let may_create = decide(subject, "account.create", "account/*", by.now).allow;
        let open = OpenInvitation {
            invitation: Invitation {
                id: stored.id.clone(),
                organisation: organisation.id,
                email: address,
                role: new.role,
                created: by.now.0,
                created_by: subject.account.clone(),
                expires: by.now.0.saturating_add(INVITATION_NS),
            },
            hash: stored.hash,
            makes_account: signs_up || may_create,
            is_mailed: self.has_mail(),
        };
        store::invitation::add(write, &stored, &open).await?;
        let place = place(&open.invitation.organisation, &stored.id);
        let detail = json!({"role": new.role}).to_string();
        by.audit_with(
            write,
            ("invitation_created", &place),
            AuditOutcome::Done,
            detail,
        )
        .await?;
        if !open.is_mailed {
            return Ok((open.invitation, Some(shown)));
        }
        let mail = mails::invitation(&open.invitation.email, &self.issuer, &shown);
        let key = format!("invitation/{}", stored.id);
        let at = mail_pace::invitation_at(write, &open.invitation.email, by.now).await?;
        enqueue_mail(write, &key, at, &mail).await?;
        Ok((open.invitation, None))
    }

    /// Takes an invitation back: its link is not good from now on.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`] if it is not open.
    pub(crate) async fn revoke_invitation(
        &self,
        write: &mut Write,
        by: &By,
        (organisation, id): (&str, &str),
    ) -> Result<(), AuthError> {
        if !store::invitation::close(write, id, organisation).await? {
            let detail = format!("the organisation has no open invitation `{id}`");
            return Err(Problem::new(ProblemCode::NotFound, detail).into());
        }
        revoked(write, by, (organisation, id)).await
    }

    /// What somebody is invited to who has the link.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if the link is not good.
    pub(crate) async fn show_invitation(
        &self,
        by: &By,
        link: &str,
    ) -> Result<ShownInvitation, AuthError> {
        let at = self.database.reader();
        let open = self.shown_invitation(by, link).await?;
        let organisation = store::organisation::by_id(at, &open.invitation.organisation).await?;
        let organisation = organisation.ok_or_else(not_good)?;
        Ok(ShownInvitation {
            organisation: organisation.id,
            name: organisation.name,
            email: open.invitation.email,
            role: open.invitation.role,
            expires: open.invitation.expires,
            makes_account: open.makes_account,
        })
    }

    /// Joins an organisation with the account that asks, which has to be that of the address that was invited.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if the link is not good, or is for another address.
    pub(crate) async fn accept_invitation(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, link): (&Subject, &str, &str),
    ) -> Result<Membership, AuthError> {
        session(subject)?;
        if subject.account != account {
            let detail = "nobody joins an organisation for somebody else";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let open = self.open_invitation(write.connection(), link).await?;
        let account = known(write, account).await?;
        account.person()?;
        if account.email.as_ref() != Some(&open.invitation.email) {
            let detail = "the invitation is for another address than that of this account";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let (id, role) = (open.invitation.organisation.clone(), open.invitation.role);
        Auth::join(write, by, account, open).await?;
        let organisation = known_organisation(write, &id).await?;
        Ok(Membership {
            organisation: id,
            name: organisation.name,
            role,
            since: by.now.0,
        })
    }

    /// Makes an account for whoever was invited and has none, and joins with it.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if the link is not good, or makes no account, or there is one already, or the password is not taken.
    pub(crate) async fn accept_with_new_account(
        &self,
        by: By,
        link: &str,
        (called, password): (&str, Password),
    ) -> Result<Account, AuthError> {
        let open = self.shown_invitation(&by, link).await?;
        let address = open.invitation.email.clone();
        if !open.makes_account {
            return Err(sign_in_instead());
        }
        let called = good_name(called)?;
        let words = vec![address.clone(), called.clone()];
        let hash = self.hasher.set(password, words).await?;
        let mut write = self.write().await?;
        // It may have been revoked or accepted meanwhile.
        let open = self.open_invitation(write.connection(), link).await?;
        let known = store::account::by_email(write.connection(), &address).await?;
        if known.is_some() || !self.makes_account(&mut write, &open, by.now).await? {
            return Err(sign_in_instead());
        }
        let account =
            create_account(&mut write, &by, AccountKind::Person, Some(address), called).await?;
        let by = by.account(&account.id);
        store::secret::set_password(&mut write, &account.id, &hash, by.now.0).await?;
        let account = apply(&mut write, &by, account, AuthEvent::PasswordSet).await?;
        let account = Auth::join(&mut write, &by, account, open).await?;
        write.commit().await?;
        Ok(account)
    }

    /// Whether an account may be made by an invitation still: people sign up on their own, and the address was shown to be theirs; or
    /// whoever invited may make accounts.
    async fn makes_account(
        &self,
        write: &mut Write,
        open: &OpenInvitation,
        now: Ts,
    ) -> Result<bool, AuthError> {
        if open.is_mailed && self.is_open {
            return Ok(open.makes_account);
        }
        let asked = ("account.create", "account/*");
        let inviter = &open.invitation.created_by;
        let explained = explain_before(write.connection(), inviter, asked, now).await?;
        Ok(open.makes_account && explained.allow)
    }

    /// The invitation of a link, if it is good; that it is not is noted.
    pub(crate) async fn shown_invitation(
        &self,
        by: &By,
        link: &str,
    ) -> Result<OpenInvitation, AuthError> {
        match self.open_invitation(self.database.reader(), link).await {
            Ok(open) => Ok(open),
            Err(error) => {
                self.note_link(by, link).await?;
                Err(error)
            }
        }
    }

    /// The invitation of a link, if it is good.
    async fn open_invitation(
        &self,
        at: impl Executor<'_, Database = Any>,
        link: &str,
    ) -> Result<OpenInvitation, AuthError> {
        let presented = secret::parse(link).map_err(|_| not_good())?;
        let now = self.clock.now().0;
        let found = store::invitation::open(at, &presented.id, now).await?;
        let found = found.ok_or_else(not_good)?;
        if !presented.matches(SecretKind::Link, &found.hash) {
            return Err(not_good());
        }
        Ok(found)
    }

    /// Lets an account join, in a transaction in which nothing else changes.
    async fn join(
        write: &mut Write,
        by: &By,
        account: Account,
        open: OpenInvitation,
    ) -> Result<Account, AuthError> {
        let organisation = known_organisation(write, &open.invitation.organisation).await?;
        let invitations = format!("{}/invitations", organisation.resource());
        let asked = ("invitation.change", invitations.as_str());
        let inviter = &open.invitation.created_by;
        let explained = explain_before(write.connection(), inviter, asked, by.now).await?;
        if !explained.allow {
            return Err(not_good());
        }
        if !store::invitation::close(write, &open.invitation.id, &organisation.id).await? {
            return Err(not_good());
        }
        let counts = store::organisation::counts(write.connection(), &organisation.id).await?;
        if counts.members >= MEMBERS_MAX {
            return Err(Refusal::ManyMembers.into());
        }
        let at = write.connection();
        let member = store::organisation::member(at, &organisation.id, &account.id).await?;
        if member.is_some() {
            let detail = "the account is a member already";
            return Err(Problem::new(ProblemCode::Conflict, detail).into());
        }
        let place = place(&organisation.id, &open.invitation.id);
        by.audit(write, "invitation_accepted", &place, AuditOutcome::Done)
            .await?;
        let joined = AuthEvent::Joined {
            organisation: organisation.id,
            role: open.invitation.role,
        };
        let mut account = apply(write, by, account, joined).await?;
        // Whoever has a link that was sent to the address reads its mail.
        if open.is_mailed && !account.is_email_verified {
            account = apply(write, by, account, AuthEvent::EmailVerified).await?;
        }
        Ok(account)
    }
}

async fn revoked(
    write: &mut Write,
    by: &By,
    (organisation, id): (&str, &str),
) -> Result<(), AuthError> {
    let place = place(organisation, id);
    by.audit(write, "invitation_revoked", &place, AuditOutcome::Done)
        .await
}

/// An invitation as it is in the audit log.
fn place(organisation: &str, id: &str) -> String {
    format!("organisation/{organisation}/invitations/{id}")
}

/// The same whether there is an account or not, where no account is made.
fn sign_in_instead() -> AuthError {
    let detail = "sign in with the account of the address that was invited, and accept there: POST /auth/v1/accounts/me/memberships";
    Problem::new(ProblemCode::Refused, detail).into()
}
