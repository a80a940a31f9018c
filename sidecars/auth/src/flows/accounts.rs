//! What becomes of accounts.

use super::grants::some_administrator;
use super::members::administered;
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::secret::Secret;
use crate::events::AuthEvent;
use crate::flows::links::{INVITE, WELCOME, make_link};
use crate::mails;
use crate::model::organisation::MemberRole;
use crate::model::{Account, AccountKind, Suspender, email, name};
use crate::store::account::Granted;
use crate::store::client::Consent;
use crate::store::curve::CurvePublicKey;
use crate::store::identity::Identity;
use crate::store::invitation::Invitation;
use crate::store::key::Key;
use crate::store::organisation::Membership;
use crate::store::passkey::Passkey;
use crate::store::session::Session;
use crate::{AuthError, change, store};
use serde::{Deserialize, Serialize};
use tickloom_chassis::{
    Because, IfMatch, Problem, ProblemCode, Subject, Write, decide, enqueue_mail,
};
use tickloom_types::Ts;
use utoipa::ToSchema;

/// Rows of a kind in an export, at most.
const EXPORT_ROWS: i64 = 10_000;

/// An account that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Whose it is.
    pub(crate) kind: AccountKind,
    /// What it is called: 1 to 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(crate) name: String,
    /// E-mail address of a person; a program has none.
    pub(crate) email: Option<String>,
}

/// All that is kept of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Export {
    /// The account.
    account: Account,
    /// What it was granted.
    grants: Vec<Granted>,
    /// Its keys, without their secrets.
    keys: Vec<Key>,
    /// Its outside identities.
    identities: Vec<Identity>,
    /// Its sessions.
    sessions: Vec<Session>,
    /// Its passkeys, without their keys.
    passkeys: Vec<Passkey>,
    /// Public keys of its ZeroMQ clients.
    curve_keys: Vec<CurvePublicKey>,
    /// What it is a member of.
    memberships: Vec<Membership>,
    /// Open invitations to its address, without their links.
    invitations: Vec<Invitation>,
    /// What it allowed applications.
    applications: Vec<Consent>,
}

impl Auth {
    /// Makes an account. A person gets a link with which they choose a password, by mail, or from who
    /// invites them where no mail is sent; a program gets keys.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what cannot be; [`ProblemCode::Conflict`] if the address is another account's.
    pub(crate) async fn invite(
        &self,
        write: &mut Write,
        by: &By,
        (subject, new): (&Subject, NewAccount),
    ) -> Result<(Account, Option<Secret>), AuthError> {
        super::authentication::recent(subject, by.now)?;
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let name = good_name(&new.name)?;
        let address = match (new.kind, &new.email) {
            (AccountKind::Person, Some(text)) => {
                Some(email(text).ok_or_else(|| wrong("`email` is no e-mail address"))?)
            }
            (AccountKind::Machine, None) => None,
            (AccountKind::Person, None) => return Err(wrong("a person needs `email`").into()),
            (AccountKind::Machine, Some(_)) => {
                return Err(wrong("a program has no `email`").into());
            }
        };
        let account = change::create_account(write, by, new.kind, address, name).await?;
        if account.kind == AccountKind::Machine {
            return Ok((account, None));
        }
        if !self.has_mail() {
            let link = make_link(write, by, Some(&account.id), INVITE).await?;
            return Ok((account, Some(link)));
        }
        let link = make_link(write, by, Some(&account.id), WELCOME).await?;
        let mail = mails::welcome(&account, &self.issuer, &link);
        enqueue_mail(write, &format!("{WELCOME}/{}", account.id), by.now, &mail).await?;
        Ok((account, None))
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// [`ProblemCode::PreconditionFailed`] if it is of another version than the caller names.
    pub(crate) async fn rename(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, new): (&Subject, &str, &str),
        if_match: &IfMatch,
    ) -> Result<Account, AuthError> {
        super::authentication::recent_for_others(subject, account, by.now)?;
        let account = known(write, account).await?;
        account.usable()?;
        if_match.check(Some((&account.id, account.version)))?;
        let name = good_name(new)?;
        if name == account.name {
            return Ok(account);
        }
        apply(write, by, account, AuthEvent::Renamed { name }).await
    }

    /// Keeps an account from being used, or lets it be used again. Its sessions end.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`]; [`ProblemCode::Forbidden`] for who wants to resume what the firm suspended, and may not suspend every
    /// account.
    pub(crate) async fn set_suspended(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, is_suspended): (&Subject, &str, bool),
    ) -> Result<Account, AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, account).await?;
        let suspender = suspender(subject, &account, by.now);
        if !is_suspended {
            let event = account.resume()?;
            if account.suspended_by == Some(Suspender::Firm) {
                super::authentication::require(subject, (SUSPEND, "account/*"), by.now)?;
            }
            if account.suspended_by > Some(suspender) {
                let detail = "somebody suspended it who was granted that for this account";
                return Err(Problem::new(ProblemCode::Forbidden, detail).into());
            }
            return apply(write, by, account, event).await;
        }
        let event = account.suspend(suspender)?;
        let account = apply(write, by, account, event).await?;
        self.end_sessions(write, by, (&account.id, "")).await?;
        some_administrator(write).await?;
        Ok(account)
    }

    /// Gives an account up for good: what is personal of it cannot be read any more, in the log neither.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`].
    pub(crate) async fn delete_account(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account): (&Subject, &str),
    ) -> Result<(), AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, account).await?;
        if account.id != subject.account {
            super::authentication::require(
                subject,
                ("account.suspend", &account.resource()),
                by.now,
            )?;
        }
        let memberships =
            store::organisation::memberships(write.connection(), &account.id, "", EXPORT_ROWS);
        let memberships = memberships.await?;
        self.give_up(write, by, account).await?;
        for membership in memberships {
            if membership.role == MemberRole::Administrator {
                administered(write, &membership.organisation).await?;
            }
        }
        some_administrator(write).await
    }

    /// Gives an account up, whoever is left.
    pub(crate) async fn give_up(
        &self,
        write: &mut Write,
        by: &By,
        account: Account,
    ) -> Result<(), AuthError> {
        let event = account.delete()?;
        if let Some(email) = &account.email {
            store::invitation::close_to(write, email).await?;
        }
        let keys = store::key::after(write.connection(), &account.id, "", EXPORT_ROWS).await?;
        for key in keys {
            store::key::drop_secret(write, &key.id).await?;
        }
        let account = apply(write, by, account, event).await?;
        self.end_sessions(write, by, (&account.id, "")).await?;
        store::secret::drop_all(write, &account.id).await?;
        store::client::drop_consents(write, &account.id).await?;
        store::identity::drop_of(write, &account.id).await?;
        store::account::drop_person_key(write, &account.id).await?;
        Ok(())
    }

    /// All that is kept of an account.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn export(&self, account: &str) -> Result<Export, AuthError> {
        let at = self.database.reader();
        let found = store::account::by_id(at, account).await?;
        let found = found.ok_or_else(|| {
            let detail = format!("there is no account `{account}`");
            Problem::new(ProblemCode::NotFound, detail)
        })?;
        let all = (i64::MIN, i64::MIN);
        Ok(Export {
            grants: store::account::grants(at, account).await?,
            keys: store::key::after(at, account, "", EXPORT_ROWS).await?,
            identities: store::identity::of_account(at, account, "", EXPORT_ROWS).await?,
            sessions: store::session::of_account(at, account, "", all, EXPORT_ROWS).await?,
            passkeys: store::passkey::after(at, account, "", EXPORT_ROWS).await?,
            curve_keys: store::curve::after(at, account, "", EXPORT_ROWS).await?,
            memberships: store::organisation::memberships(at, account, "", EXPORT_ROWS).await?,
            invitations: match &found.email {
                Some(email) => {
                    let now = self.clock.now().0;
                    store::invitation::open_to(at, email, now, EXPORT_ROWS).await?
                }
                None => Vec::new(),
            },
            applications: store::client::consents_after(at, account, "", EXPORT_ROWS).await?,
            account: found,
        })
    }
}

/// What keeps an account from being used, and lets it be used again.
const SUSPEND: &str = "account.suspend";

/// For whom somebody suspends an account who may: the firm, if they may suspend every account; its organisation, if they may by their role
/// there; and otherwise themselves, as they were granted it.
fn suspender(subject: &Subject, account: &Account, now: Ts) -> Suspender {
    if decide(subject, SUSPEND, "account/*", now).allow {
        return Suspender::Firm;
    }
    match decide(subject, SUSPEND, &account.resource(), now).because {
        Because::Role { .. } => Suspender::Organisation,
        _ => Suspender::Grantee,
    }
}

/// A name as it is kept.
///
/// # Errors
/// [`ProblemCode::BadRequest`] for what is none.
pub(super) fn good_name(text: &str) -> Result<String, Problem> {
    name(text).ok_or_else(|| {
        let detail = "`name` is empty, longer than 200 characters, of several lines, or has what is not seen";
        Problem::new(ProblemCode::BadRequest, detail)
    })
}
