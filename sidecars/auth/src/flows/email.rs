//! Another e-mail address for an account.
//!
//! A person asks for it in a session, and who reads the mail of the new address confirms it there with a link, in a session of the same
//! account: neither somebody who has the session for a moment nor a stranger whose address was typed changes anything alone. What is
//! answered is the same whether the address is another account's or not. The link chooses no password.

use super::authentication::{recent, require_power, session};
use super::links::{INVITE, LinkRequest, WELCOME, make_link, not_good, write_down};
use crate::change::{By, apply, known};
use crate::credential::secret::{self, Secret, SecretKind};
use crate::events::AuthEvent;
use crate::model::{Account, email};
use crate::{Auth, AuthError, mails, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write, enqueue_mail};

/// What a link is for: another address of an account, by mail to that address.
pub(crate) const CHANGE: &str = "change";

/// What became of an address that was asked for.
#[derive(Debug)]
pub(crate) enum EmailAsked {
    /// A mail goes to it, if it can be.
    Mailed,
    /// The account has it now; with a link for its person, where there was none that was used and no mail is sent.
    Set(Account, Option<Secret>),
}

impl Auth {
    /// Asks for another address of an account. An administrator sets that of somebody else who cannot sign in yet, or where no mail is
    /// sent: nobody showed then that it is theirs. Whoever reads its mail can get to act as the account, so that only who may grant
    /// everything sets it.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what is no address; [`ProblemCode::Refused`] if it is the account's already, or no mail is sent;
    /// [`ProblemCode::Forbidden`] for who may not set it; [`ProblemCode::Conflict`] if it is set, and another account has it.
    pub(crate) async fn ask_email(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id, new): (&Subject, &str, &str),
    ) -> Result<EmailAsked, AuthError> {
        recent(subject, by.now)?;
        let account = known(write, id).await?;
        account.person()?;
        let wrong = |detail| Problem::new(ProblemCode::BadRequest, detail);
        let address = email(new).ok_or_else(|| wrong("`email` is no e-mail address"))?;
        if account.email.as_ref() == Some(&address) {
            let detail = "it is the address of the account already";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let is_own = subject.account == account.id;
        let signs_in = signs_in(write, &account).await?;
        if self.has_mail() && (is_own || signs_in) {
            let wanted = LinkRequest {
                account: Some(account.id),
                ..LinkRequest::of_stranger(address, None)
            };
            write_down(write, &wanted, by.now).await?;
            return Ok(EmailAsked::Mailed);
        }
        if is_own {
            let detail = "no mail is sent from here: ask an administrator";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        require_power(subject, by.now)?;
        let account = set(write, by, account, (address, false)).await?;
        if signs_in {
            return Ok(EmailAsked::Set(account, None));
        }
        if !self.has_mail() {
            let link = make_link(write, by, Some(&account.id), INVITE).await?;
            return Ok(EmailAsked::Set(account, Some(link)));
        }
        let link = make_link(write, by, Some(&account.id), WELCOME).await?;
        let mail = mails::welcome(&account, &self.issuer, &link);
        let key = format!("{WELCOME}/{}/{}", account.id, account.version);
        enqueue_mail(write, &key, by.now, &mail).await?;
        Ok(EmailAsked::Set(account, None))
    }

    /// Gives an account the address to which a link was sent, in a session of the account. The address before is told.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if the link is not good for this account; [`ProblemCode::Conflict`] if another account has the address by
    /// now.
    pub(crate) async fn confirm_email(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id, link): (&Subject, &str, &str),
    ) -> Result<Account, AuthError> {
        session(subject)?;
        let presented = secret::parse(link).map_err(|_| not_good())?;
        let found = store::secret::link(write.connection(), &presented.id).await?;
        let found = found.ok_or_else(not_good)?;
        let is_good = presented.matches(SecretKind::Link, &found.hash)
            && found.expires > by.now.0
            && found.purpose == CHANGE
            && subject.account == id
            && found.account.as_deref() == Some(id);
        let address = found.email.filter(|_| is_good).ok_or_else(not_good)?;
        if !store::secret::take_link(write, &presented.id).await? {
            return Err(not_good());
        }
        let account = known(write, id).await?;
        account.person()?;
        let before = account.clone();
        let account = set(write, by, account, (address, true)).await?;
        if self.has_mail() && before.email.is_some() {
            let key = format!("email_changed/{}/{}", account.id, account.version);
            enqueue_mail(write, &key, by.now, &mails::email_changed(&before)).await?;
        }
        Ok(account)
    }
}

/// Whether there is a way in: who has none yet was only invited.
async fn signs_in(write: &mut Write, account: &Account) -> Result<bool, AuthError> {
    let at = write.connection();
    let has_password = store::secret::password(&mut *at, &account.id)
        .await?
        .is_some();
    let identities = store::identity::of_account(at, &account.id, "", 1).await?;
    Ok(has_password || account.passkeys > 0 || !identities.is_empty())
}

/// Gives an account this address; links that went to the one before are not good any more.
async fn set(
    write: &mut Write,
    by: &By,
    account: Account,
    (email, is_verified): (String, bool),
) -> Result<Account, AuthError> {
    let known = store::account::by_email(write.connection(), &email).await?;
    if known.is_some() {
        let detail = "another account has this e-mail address";
        return Err(Problem::new(ProblemCode::Conflict, detail).into());
    }
    store::secret::drop_links(write, &account.id).await?;
    apply(
        write,
        by,
        account,
        AuthEvent::EmailChanged { email, is_verified },
    )
    .await
}
