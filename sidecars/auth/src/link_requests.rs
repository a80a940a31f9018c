//! Answers requests for a link, by mail to the address that somebody gave: what comes of it is seen in the mail alone, and takes place after they were
//! answered, so that neither word nor time tells whether there is an account.

use crate::change::{By, create_account};
use crate::credential::secret::{self, SecretKind};
use crate::flows::email::CHANGE;
use crate::flows::links::{
    LINK_REQUEST, LinkRequest, RECOVER, SIGN_UP, WELCOME, expires, make_link,
};
use crate::model::{Account, AccountKind};
use crate::{AuthError, mail_pace, mails, store};
use tickloom_chassis::{
    Clock, Database, Effect, EffectAnswer, EffectFuture, EffectHandler, Mail, Write, enqueue_mail,
    hold_events,
};
use tickloom_types::Ts;

/// The handler of such requests.
pub(crate) struct LinkRequests {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// Where people reach the pages.
    pub(crate) issuer: String,
}

impl EffectHandler for LinkRequests {
    fn kind(&self) -> &'static str {
        LINK_REQUEST
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            // The words of a fault of JSON may be those of the request.
            let Ok(wanted) = serde_json::from_str::<LinkRequest>(&effect.payload) else {
                return EffectAnswer::Refused("the payload is no request".to_owned());
            };
            match self.answer(effect, wanted).await {
                Ok(said) => EffectAnswer::Done(said.to_owned()),
                Err(error) => EffectAnswer::Later(error.to_string()),
            }
        })
    }
}

impl LinkRequests {
    async fn answer(
        &self,
        effect: &Effect,
        wanted: LinkRequest,
    ) -> Result<&'static str, AuthError> {
        let now = self.clock.now();
        let by = By::named("anonymous", effect.key.clone(), now);
        let mut write = self.database.write().await?;
        hold_events(&mut write).await?;
        let account = store::account::by_email(write.connection(), &wanted.email).await?;
        if !leads_to_mail(&mut write, &wanted, account.as_ref()).await? {
            return Ok("no mail is to be sent");
        }
        if !mail_pace::is_let(&mut write, &wanted, now).await? {
            return Ok("there was a mail a short while ago");
        }
        if !mail_pace::is_its_turn(&mut write, (&effect.key, &wanted), now).await? {
            write.commit().await?;
            return Ok("it waits for its turn, or too many of its network wait");
        }
        mail_pace::count(&mut write, &wanted, now).await?;
        let mail = match (account, wanted.name, &wanted.account) {
            (_, _, Some(of)) => change(&mut write, &by, (of, &wanted.email), &self.issuer).await?,
            (Some(account), None, None) => {
                recover(&mut write, &by, (&account, &self.issuer)).await?
            }
            (None, None, None) => return Ok("no mail is to be sent"),
            (account, Some(name), None) => {
                let who = (account, wanted.email, name);
                sign_up(&mut write, &by, who, &self.issuer).await?
            }
        };
        send(write, (effect, now), &mail).await
    }
}

/// Whether a mail comes of a request, if there is room for it.
async fn leads_to_mail(
    write: &mut Write,
    wanted: &LinkRequest,
    account: Option<&Account>,
) -> Result<bool, AuthError> {
    let is_usable = |account: &Account| account.person().is_ok();
    if let Some(of) = &wanted.account {
        let of = store::account::by_id(write.connection(), of).await?;
        return Ok(account.is_none() && of.as_ref().is_some_and(is_usable));
    }
    Ok(wanted.name.is_some() || account.is_some_and(is_usable))
}

/// Hands the mail on.
async fn send(
    mut write: Write,
    (effect, now): (&Effect, Ts),
    mail: &Mail,
) -> Result<&'static str, AuthError> {
    if !enqueue_mail(&mut write, &format!("mail/{}", effect.key), now, mail).await? {
        return Ok("it was answered before");
    }
    write.commit().await?;
    Ok("answered")
}

/// A link for an address that an account is to have.
async fn change(
    write: &mut Write,
    by: &By,
    (id, email): (&str, &str),
    issuer: &str,
) -> Result<Mail, AuthError> {
    let (shown, stored) = secret::make(SecretKind::Link, by.now)?;
    let expires = expires(CHANGE, by.now);
    store::secret::add_email_link(write, &stored, (id, email), (CHANGE, expires)).await?;
    Ok(mails::change_email(email, issuer, &shown))
}

async fn recover(
    write: &mut Write,
    by: &By,
    (account, issuer): (&Account, &str),
) -> Result<Mail, AuthError> {
    let link = make_link(write, by, Some(&account.id), RECOVER).await?;
    Ok(mails::recover(account, issuer, &link))
}

async fn sign_up(
    write: &mut Write,
    by: &By,
    (account, email, name): (Option<Account>, String, String),
    issuer: &str,
) -> Result<Mail, AuthError> {
    // What an administrator made is not given up with the link of whoever typed its address.
    let (account, purpose) = match account {
        Some(account) => {
            let signed_up = store::secret::signed_up(write.connection(), &account.id).await?;
            (account, if signed_up { SIGN_UP } else { WELCOME })
        }
        None => {
            let person = AccountKind::Person;
            let made = create_account(write, by, person, Some(email), name).await?;
            (made, SIGN_UP)
        }
    };
    let has_password = store::secret::password(write.connection(), &account.id).await?;
    let signs_in = has_password.is_some() || account.passkeys > 0;
    if signs_in || account.person().is_err() {
        return Ok(mails::known(&account, issuer));
    }
    let link = make_link(write, by, Some(&account.id), purpose).await?;
    Ok(mails::welcome(&account, issuer, &link))
}
