//! Answers requests for a link, by mail to the address that somebody gave: what comes of it is seen in the mail alone, and takes place after they were
//! answered, so that neither word nor time tells whether there is an account.

use crate::change::{By, create_account};
use crate::credential::hashed;
use crate::credential::secret::{self, SecretKind};
use crate::flows::email::CHANGE;
use crate::flows::links::{LINK_REQUEST, LinkRequest, RECOVER, SIGN_UP, expires, make_link};
use crate::model::{Account, AccountKind};
use crate::{AuthError, mails, store};
use tickloom_chassis::{
    Clock, Database, Effect, EffectAnswer, EffectFuture, EffectHandler, Mail, Write, enqueue_mail,
    hold_events,
};
use tickloom_types::Ts;

/// One mail a minute to an address.
const PAUSE_NS: i64 = 60_000_000_000;

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
        // Who signs a stranger up does not keep them from choosing a password anew.
        let purpose = match (&wanted.name, &wanted.account) {
            (Some(_), _) => "welcome",
            (None, None) => "recover",
            (None, Some(_)) => CHANGE,
        };
        let subject = format!("{purpose}/{}", hashed(&wanted.email));
        let last = store::secret::failures(write.connection(), &subject).await?;
        if last.is_some_and(|(_, last)| last > now.0 - PAUSE_NS) {
            return Ok("there was a mail within a minute");
        }
        store::secret::failed(&mut write, &subject, now.0, i64::MIN).await?;
        let account = store::account::by_email(write.connection(), &wanted.email).await?;
        if let Some(of) = &wanted.account {
            // One account makes one mail a minute, whatever addresses it asks for.
            let own = format!("{CHANGE}/{of}");
            let last = store::secret::failures(write.connection(), &own).await?;
            if last.is_some_and(|(_, last)| last > now.0 - PAUSE_NS) {
                return Ok("there was a mail within a minute");
            }
            store::secret::failed(&mut write, &own, now.0, i64::MIN).await?;
            let mail = match account {
                Some(_) => None,
                None => change(&mut write, &by, (of, &wanted.email), &self.issuer).await?,
            };
            return send(write, (effect, now), mail).await;
        }
        let mail = match (account, wanted.name) {
            (None, None) => None,
            (Some(account), None) => recover(&mut write, &by, (&account, &self.issuer)).await?,
            (account, Some(name)) => Some({
                let who = (account, wanted.email, name);
                sign_up(&mut write, &by, who, &self.issuer).await?
            }),
        };
        send(write, (effect, now), mail).await
    }
}

/// Hands the mail on, if one is to be sent.
async fn send(
    mut write: Write,
    (effect, now): (&Effect, Ts),
    mail: Option<Mail>,
) -> Result<&'static str, AuthError> {
    if let Some(mail) = mail
        && !enqueue_mail(&mut write, &format!("mail/{}", effect.key), now, &mail).await?
    {
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
) -> Result<Option<Mail>, AuthError> {
    let account = store::account::by_id(write.connection(), id).await?;
    if account.is_none_or(|account| account.person().is_err()) {
        return Ok(None);
    }
    let (shown, stored) = secret::make(SecretKind::Link, by.now)?;
    let expires = expires(CHANGE, by.now);
    store::secret::add_email_link(write, &stored, (id, email), (CHANGE, expires)).await?;
    Ok(Some(mails::change_email(email, issuer, &shown)))
}

async fn recover(
    write: &mut Write,
    by: &By,
    (account, issuer): (&Account, &str),
) -> Result<Option<Mail>, AuthError> {
    if account.person().is_err() {
        return Ok(None);
    }
    let link = make_link(write, by, Some(&account.id), RECOVER).await?;
    Ok(Some(mails::recover(account, issuer, &link)))
}

async fn sign_up(
    write: &mut Write,
    by: &By,
    (account, email, name): (Option<Account>, String, String),
    issuer: &str,
) -> Result<Mail, AuthError> {
    let account = match account {
        Some(account) => account,
        None => create_account(write, by, AccountKind::Person, Some(email), name).await?,
    };
    let has_password = store::secret::password(write.connection(), &account.id).await?;
    let signs_in = has_password.is_some() || account.passkeys > 0;
    if signs_in || account.person().is_err() {
        return Ok(mails::known(&account, issuer));
    }
    let link = make_link(write, by, Some(&account.id), SIGN_UP).await?;
    Ok(mails::welcome(&account, issuer, &link))
}
