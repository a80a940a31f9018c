//! Links that are good once: with one a person chooses a password, the first time or anew.
//!
//! Whoever asks for one by an e-mail address is answered the same whatever there is: the request is written down, and what becomes of it
//! is seen in the mail alone.

use super::accounts::good_name;
use super::email::CHANGE;
use super::grants::give;
use super::password::known_anew;
use crate::Auth;
use crate::change::{By, apply, create_account, known};
use crate::credential::hashed;
use crate::credential::password::Password;
use crate::credential::secret::{self, Presented, Secret, SecretKind};
use crate::events::AuthEvent;
use crate::mail_pace::{self, site, written};
use crate::model::{Account, AccountKind, email};
use crate::store::secret::Link;
use crate::{AuthError, store};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;
use tickloom_chassis::{
    NewEffect, Problem, ProblemCode, ResourcePattern, Role, What, Write, enqueue,
};
use tickloom_types::Ts;

/// What a link is for: the first administrator.
pub(crate) const SETUP: &str = "setup";
/// What a link is for: somebody who was invited, given to who invited them.
pub(crate) const INVITE: &str = "invite";
/// What a link is for: somebody who was invited, by mail.
pub(crate) const WELCOME: &str = "welcome";
/// What a link is for: somebody who signed up, by mail. The account is given up if it is not used.
pub(crate) const SIGN_UP: &str = "sign_up";
/// What a link is for: somebody who forgot the password, by mail.
pub(crate) const RECOVER: &str = "recover";
/// What a link is for: somebody who forgot the password, given to the operator, who hands it on.
pub(crate) const BY_HAND: &str = "by_hand";
/// The kind of effect that a request for a link is.
pub(crate) const LINK_REQUEST: &str = "link_request";
/// How long a link is good: an invitation a week, the others an hour; the first one until it is used.
const INVITE_NS: i64 = 7 * 86_400_000_000_000;
const RECOVER_NS: i64 = 3_600_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;
/// Requests of one kind that are taken in a minute of one network, and of one site, which has many of version 6.
const REQUESTS_OF_ONE: i64 = 10;
const REQUESTS_OF_SITE: i64 = 30;

/// Somebody who wants a link.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct LinkRequest {
    /// In its one form.
    pub(crate) email: String,
    /// What they are called, if they sign up.
    pub(crate) name: Option<String>,
    /// The account that wants this address, if one does.
    #[serde(default)]
    pub(crate) account: Option<String>,
    /// The hash of the network that asks, if one does that is known.
    #[serde(default)]
    pub(crate) network: Option<String>,
    /// Whether it waited for its turn, and has it.
    #[serde(default)]
    pub(crate) is_in_turn: bool,
}

impl LinkRequest {
    /// By whoever is at an address: for an account of this name, or for a new password without one.
    pub(crate) fn of_stranger(email: String, name: Option<String>) -> LinkRequest {
        LinkRequest {
            email,
            name,
            account: None,
            network: None,
            is_in_turn: false,
        }
    }

    /// As the audit log calls it.
    pub(crate) fn action(&self) -> &'static str {
        if self.name.is_some() {
            SIGN_UP
        } else {
            "recovery"
        }
    }
}

/// Who the first administrator is.
pub(crate) struct First {
    pub(crate) email: String,
    pub(crate) name: String,
}

/// From when on a link for this is not good any more, if it is made now.
pub(crate) fn expires(purpose: &str, now: Ts) -> i64 {
    let lasts = match purpose {
        SETUP => i64::MAX,
        INVITE | WELCOME | SIGN_UP => INVITE_NS,
        _ => RECOVER_NS,
    };
    now.0.saturating_add(lasts)
}

/// Makes a link, and keeps what is needed to know it again.
pub(crate) async fn make_link(
    write: &mut Write,
    by: &By,
    account: Option<&str>,
    purpose: &str,
) -> Result<Secret, AuthError> {
    let (shown, stored) = secret::make(SecretKind::Link, by.now)?;
    let expires = expires(purpose, by.now);
    store::secret::add_link(write, &stored, account, purpose, expires).await?;
    Ok(shown)
}

impl Auth {
    /// Notes that somebody wants to sign up, or to choose a password anew, who asks from a network if that is known.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if no mail is sent here, or nobody signs up on their own; [`ProblemCode::BadRequest`] for what is no
    /// address.
    pub(crate) async fn request_link(
        &self,
        write: &mut Write,
        by: &By,
        (wanted, network): (LinkRequest, Option<IpAddr>),
    ) -> Result<(), AuthError> {
        if !self.has_mail() {
            let detail = "no mail is sent from here: ask an administrator";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        if wanted.name.is_some() && !self.is_open {
            let detail = "nobody signs up here on their own: ask an administrator";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let address = email(&wanted.email).ok_or_else(|| wrong("`email` is no e-mail address"))?;
        let name = wanted.name.as_deref().map(good_name).transpose()?;
        let wanted = LinkRequest {
            network: network.map(|network| hashed(&site(network).to_string())),
            ..LinkRequest::of_stranger(address, name)
        };
        count_requests(write, wanted.action(), network, by.now).await?;
        write_down(write, &wanted, by.now).await
    }

    /// Notes that a request for a mail was refused as there were too many.
    pub(crate) async fn note_request_refused(
        &self,
        by: &By,
        action: &str,
        refused: Option<&Problem>,
    ) -> Result<(), AuthError> {
        if refused.is_none_or(|problem| problem.code != ProblemCode::TooManyRequests) {
            return Ok(());
        }
        let why = json!({"why": "too_many_requests"});
        self.note_refused(by, (action, ""), &why).await
    }

    /// Chooses a password with a link; all sessions of the account end. Returns also what the device keeps, by which it is known.
    /// With a second factor, which was not shown, all such devices of the account are counted together: each link would let it be guessed
    /// anew.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if the link is not good, or the password is not taken.
    pub(crate) async fn finish(
        &self,
        by: By,
        (link, password): (&str, Password),
        first: Option<First>,
    ) -> Result<(Account, Secret), AuthError> {
        let presented = secret::parse(link).map_err(|_| not_good());
        let (presented, found) = match self.good_link(presented, &by).await {
            Ok(found) => found,
            Err(error) => {
                self.note_link(&by, link).await?;
                return Err(error);
            }
        };
        let account = match &found.account {
            Some(id) => store::account::by_id(self.database.reader(), id).await?,
            None => None,
        };
        let words = match (&account, &first) {
            (Some(account), _) => vec![
                account.email.clone().unwrap_or_default(),
                account.name.clone(),
            ],
            (None, Some(first)) => vec![first.email.clone(), first.name.clone()],
            (None, None) => {
                let detail = "the first administrator needs `email` and `name`";
                return Err(Problem::new(ProblemCode::BadRequest, detail).into());
            }
        };
        let hash = self.hasher.set(password, words).await?;
        let mut write = self.write().await?;
        if !store::secret::take_link(&mut write, &presented.id).await? {
            return Err(not_good());
        }
        let (account, by) = match (account, first) {
            (Some(account), _) => {
                let account = known(&mut write, &account.id).await?;
                account.person()?;
                let by = by.account(&account.id);
                (account, by)
            }
            (None, Some(first)) if found.purpose == SETUP => {
                self.first_account(&mut write, by, first).await?
            }
            (None, _) => return Err(not_good()),
        };
        // Whoever has a link that came by mail reads the mail of the address.
        let is_mailed = [WELCOME, SIGN_UP, RECOVER].contains(&found.purpose.as_str());
        let account = self
            .set_password(&mut write, &by, account, (&hash, is_mailed))
            .await?;
        if let Some(email) = account.email.as_ref().filter(|_| is_mailed) {
            mail_pace::forget(&mut write, email).await?;
        }
        let is_proved = !account.needs_second_factor();
        let device = known_anew(&mut write, (&account, is_proved), by.now).await?;
        write.commit().await?;
        Ok((account, device))
    }

    /// Makes the first administrator's account.
    async fn first_account(
        &self,
        write: &mut Write,
        by: By,
        first: First,
    ) -> Result<(Account, By), AuthError> {
        let known_ones = store::account::administrators(write.connection()).await?;
        if !known_ones.is_empty() {
            return Err(not_good());
        }
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let address = email(&first.email).ok_or_else(|| wrong("`email` is no e-mail address"))?;
        let called = good_name(&first.name)?;
        let account =
            create_account(write, &by, AccountKind::Person, Some(address), called).await?;
        let by = by.account(&account.id);
        let (id, all) = (account.id.clone(), ResourcePattern::all());
        give(
            write,
            &by,
            account,
            (&What::Role(Role::Administrator), &all, None),
        )
        .await?;
        store::secret::drop_setup_links(write).await?;
        Ok((known(write, &id).await?, by))
    }

    async fn set_password(
        &self,
        write: &mut Write,
        by: &By,
        account: Account,
        (hash, is_mailed): (&str, bool),
    ) -> Result<Account, AuthError> {
        store::secret::set_password(write, &account.id, hash, by.now.0).await?;
        store::secret::drop_links(write, &account.id).await?;
        let mut account = apply(write, by, account, AuthEvent::PasswordSet).await?;
        if is_mailed && !account.is_email_verified {
            account = apply(write, by, account, AuthEvent::EmailVerified).await?;
        }
        self.end_sessions(write, by, (&account.id, "")).await?;
        Ok(account)
    }

    async fn good_link(
        &self,
        presented: Result<Presented, AuthError>,
        by: &By,
    ) -> Result<(Presented, Link), AuthError> {
        let presented = presented?;
        let found = store::secret::link(self.database.reader(), &presented.id).await?;
        let found = found.ok_or_else(not_good)?;
        // Who reads the mail of an address that an account is to have is not its person yet.
        let is_good = presented.matches(SecretKind::Link, &found.hash)
            && found.expires > by.now.0
            && found.purpose != CHANGE;
        if !is_good {
            return Err(not_good());
        }
        Ok((presented, found))
    }

    /// Notes that somebody showed a link that is not good: of an account, while it is known whose it was.
    pub(crate) async fn note_link(&self, by: &By, link: &str) -> Result<(), AuthError> {
        let found = match secret::parse(link) {
            Ok(shown) => store::secret::link(self.database.reader(), &shown.id).await?,
            Err(_) => None,
        };
        let account = found.and_then(|link| link.account);
        let on = account.map_or(String::new(), |id| format!("account/{id}"));
        self.note_refused(by, ("link_refused", &on), &Value::Null)
            .await
    }
}

/// Writes down that somebody wants a link, which is looked at after the answer.
pub(super) async fn write_down(
    write: &mut Write,
    wanted: &LinkRequest,
    now: Ts,
) -> Result<(), AuthError> {
    let effect = NewEffect {
        key: format!("{LINK_REQUEST}/{}", uuid::Uuid::now_v7().simple()),
        kind: LINK_REQUEST,
        payload: written(wanted)?,
        at: now,
    };
    enqueue(write, &effect).await?;
    Ok(())
}

/// Counts one more request of strangers for a mail, if there is room for it among those of its network. Nobody is refused for what others
/// ask for: how much mail is sent of all is bounded where it is sent.
///
/// # Errors
/// [`ProblemCode::TooManyRequests`] until the next minute.
async fn count_requests(
    write: &mut Write,
    kind: &str,
    network: Option<IpAddr>,
    now: Ts,
) -> Result<(), AuthError> {
    let minute = now.0.div_euclid(MINUTE_NS);
    let Some(network) = network else {
        return Ok(());
    };
    let bounds = [
        (format!("{network}"), REQUESTS_OF_ONE),
        (format!("site {}", site(network)), REQUESTS_OF_SITE),
    ];
    for (text, most) in bounds {
        // What an address was is nobody's business: it is counted by its hash.
        let subject = format!("{kind}/{}", hashed(&text));
        let count = store::secret::count_request(write, &subject, minute).await?;
        if count > most {
            let rest = MINUTE_NS - now.0.rem_euclid(MINUTE_NS);
            let wait = Duration::from_nanos(u64::try_from(rest).unwrap_or_default());
            let detail = "too many ask for mail now: try again in a minute";
            let problem = Problem::new(ProblemCode::TooManyRequests, detail);
            return Err(problem.retry_after(wait).into());
        }
    }
    Ok(())
}

/// A link that is not good, whatever is wrong with it.
pub(crate) fn not_good() -> AuthError {
    let detail = "the link is not good, or not any more";
    Problem::new(ProblemCode::Refused, detail).into()
}
