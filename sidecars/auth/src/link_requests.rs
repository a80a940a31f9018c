//! Answers requests for a link, by mail to the address that somebody gave: what comes of it is seen in the mail alone, and takes place after they were
//! answered, so that neither word nor time tells whether there is an account.

use crate::change::{By, create_account};
use crate::credential::hashed;
use crate::flows::links::{LINK_REQUEST, LinkRequest, RECOVER, WELCOME, make_link};
use crate::model::{Account, AccountKind};
use crate::{AuthError, mails, store};
use tickloom_chassis::{
    Clock, Database, Effect, EffectAnswer, EffectFuture, EffectHandler, Mail, Write, enqueue_mail,
    hold_events,
};

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
        let purpose = if wanted.name.is_some() {
            "welcome"
        } else {
            "recover"
        };
        let subject = format!("{purpose}/{}", hashed(&wanted.email));
        let last = store::secret::failures(write.connection(), &subject).await?;
        if last.is_some_and(|(_, last)| last > now.0 - PAUSE_NS) {
            return Ok("there was a mail within a minute");
        }
        store::secret::failed(&mut write, &subject, now.0, i64::MIN).await?;
        let account = store::account::by_email(write.connection(), &wanted.email).await?;
        let mail = match (account, wanted.name) {
            (None, None) => None,
            (Some(account), None) => recover(&mut write, &by, (&account, &self.issuer)).await?,
            (account, Some(name)) => Some({
                let who = (account, wanted.email, name);
                sign_up(&mut write, &by, who, &self.issuer).await?
            }),
        };
        if let Some(mail) = mail
            && !enqueue_mail(&mut write, &format!("mail/{}", effect.key), now, &mail).await?
        {
            return Ok("it was answered before");
        }
        write.commit().await?;
        Ok("answered")
    }
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
    let link = make_link(write, by, Some(&account.id), WELCOME).await?;
    Ok(mails::welcome(&account, issuer, &link))
}
