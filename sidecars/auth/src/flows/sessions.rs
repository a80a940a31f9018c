//! Signing in, going on, and signing out.

use super::authentication::{RightPassword, SecondFactor, is_guess, is_over};
use super::continuation::{Begun, Continuation};
use super::passkey_proofs::Showing;
use super::refusals::{GOING_ON, On, note_often};
use super::session_ends::{end_beyond, end_sessions_of};
use super::throttle::Attempts;
use crate::change::By;
use crate::credential::keyring::{TOKEN_LIFETIME_S, TokenRequest};
use crate::credential::passkey::Purpose;
use crate::credential::password::Password;
use crate::credential::secret::{self, Secret, SecretKind};
use crate::error::wrong_credentials;
use crate::logout_notices::end_logins;
use crate::model::{self, Account};
use crate::passkey_messages::SignedPasskey;
use crate::signing::AUDIENCE;
use crate::store::client_login::Logins;
use crate::store::session::Session;
use crate::{Auth, IDLE_NS};
use crate::{AuthError, store};
use serde::Serialize;
use serde_json::Value;
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write};
use tickloom_types::Ts;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest that a session lasts: 30 days.
const SESSION_NS: i64 = 30 * 86_400_000_000_000;
/// How long a device is remembered: a year.
const DEVICE_NS: i64 = 365 * 86_400_000_000_000;
/// Characters of what a device says that it is.
const DEVICE_MAX: usize = 200;
/// The program that tokens are made for.
const CLIENT: &str = "tickloom";

/// What somebody shows to sign in.
pub(crate) struct Shown {
    pub(crate) email: String,
    pub(crate) password: Password,
    /// The second factor: a code.
    pub(crate) code: Option<String>,
    /// The second factor: a passkey.
    pub(crate) passkey: Option<SignedPasskey>,
    /// What a device kept from the last time.
    pub(crate) device_token: Option<String>,
    /// What the device says that it is.
    pub(crate) device: String,
}

/// A session that begins.
pub(super) struct NewSession<'a> {
    /// How somebody authenticated, in the words of RFC 8176, with a space between them.
    pub(super) methods: &'a str,
    /// What the device says that it is.
    pub(super) device: &'a str,
    /// When they did.
    pub(super) authenticated_at: Ts,
    /// Whether the device gets a token by which it is known.
    pub(super) remember: bool,
}

/// What somebody who signed in goes on with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Id of the account.
    pub(crate) account: String,
    /// Id of the session.
    pub(crate) session: String,
    /// What to send with each request: `Authorization: Bearer …`.
    pub(crate) access_token: String,
    /// Always `Bearer`.
    pub(crate) token_type: &'static str,
    /// Seconds that the access token is valid.
    pub(crate) expires_in: u32,
    /// What the next access token is got with, once.
    pub(crate) refresh_token: String,
    /// What a device keeps, and shows when it signs in again; there only if it showed none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_token: Option<String>,
}

/// A token by which a device is known to be one of this account's: one on which it was signed in, or on which its password was chosen with
/// a link and no second factor was shown.
pub(super) async fn remember_device(
    write: &mut Write,
    (account, is_recovered): (&str, bool),
    now: Ts,
) -> Result<Secret, AuthError> {
    let (shown, stored) = secret::make(SecretKind::Device, now)?;
    let expires = now.0.saturating_add(DEVICE_NS);
    store::secret::add_device(write, &stored, (account, is_recovered), expires).await?;
    Ok(shown)
}

impl Auth {
    /// Signs somebody in.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] whatever is wrong; [`ProblemCode::SecondFactorRequired`] once the password is right;
    /// [`ProblemCode::TooManyRequests`].
    pub(crate) async fn sign_in<C: Continuation>(
        &self,
        by: By,
        shown: Shown,
    ) -> Result<C, AuthError> {
        let email = model::email(&shown.email).unwrap_or_default();
        let account = store::account::by_email(self.database.reader(), &email).await?;
        let id = account.as_ref().map(|account| account.id.as_str());
        let device = shown.device_token.as_deref();
        let attempts = Attempts::of(&self.database, (&email, id), device, by.now).await?;
        let on = On::known(account.as_ref());
        self.count(&attempts, (&by, "sign_in", on)).await?;
        let factor = SecondFactor::new(shown.code.as_deref(), shown.passkey.as_ref());
        let begun = match self.check_password(account.as_ref(), shown.password).await {
            Ok(right) => {
                let on = (shown.device.as_str(), &attempts);
                self.begin(&by, account.as_ref(), (right, factor), on).await
            }
            Err(error) => Err(error),
        };
        let error = match begun {
            Ok(begun) => return Ok(begun),
            Err(error) => error,
        };
        if is_guess(&error) {
            self.note_refusal(&by, ("sign_in", &error), on).await?;
        } else {
            attempts.undo(&self.database).await?;
            self.note_turned_away(&by, ("sign_in", &error), on).await?;
        }
        Err(error)
    }

    /// Begins a session of an account whose password is right.
    async fn begin<C: Continuation>(
        &self,
        by: &By,
        account: Option<&Account>,
        (mut right, factor): (RightPassword, SecondFactor<'_>),
        (device, attempts): (&str, &Attempts),
    ) -> Result<C, AuthError> {
        let id = account.map(|account| account.id.clone());
        let id = id.ok_or_else(wrong_credentials)?;
        let by = by.clone().account(&id);
        let mut write = self.write().await?;
        let account = crate::change::known(&mut write, &id).await?;
        right.again(&mut write, &account).await?;
        account
            .person()
            .map_err(|refusal| Problem::new(ProblemCode::Forbidden, refusal.to_string()))?;
        if let Some(hash) = right.rehashed.take() {
            store::secret::set_password(&mut write, &account.id, &hash, by.now.0).await?;
            right.stored = hash;
        }
        if account.needs_second_factor()
            && matches!(factor, SecondFactor::None)
            && let Some(waits) = C::wait(&mut write, &account, (&right, attempts), by.now).await?
        {
            attempts.undo_in(&mut write).await?;
            write.commit().await?;
            return Ok(waits);
        }
        let showing = Showing {
            purpose: Purpose::SecondFactor,
            session: "",
            now: by.now,
        };
        let methods = self
            .take_second_factor(&mut write, &account, factor, showing)
            .await?;
        attempts.clear(&mut write).await?;
        let new = NewSession {
            methods,
            device,
            authenticated_at: by.now,
            remember: !attempts.is_known_device,
        };
        let begun = self.begin_session(&mut write, &by, &account, new).await?;
        write.commit().await?;
        Ok(begun)
    }

    /// Counts a try, unless it has to wait, which is noted.
    pub(crate) async fn count(
        &self,
        attempts: &Attempts,
        (by, action, on): (&By, &str, On<'_>),
    ) -> Result<(), AuthError> {
        let mut write = self.database.write().await?;
        if let Err(error) = attempts.count(&mut write, by.now).await {
            drop(write);
            self.note_turned_away(by, (action, &error), on).await?;
            return Err(error);
        }
        write.commit().await?;
        Ok(())
    }

    /// Begins a session of an account whose owner showed who they are.
    pub(super) async fn begin_session<C: Continuation>(
        &self,
        write: &mut Write,
        by: &By,
        account: &Account,
        new: NewSession<'_>,
    ) -> Result<C, AuthError> {
        let session = Session {
            id: format!("ses_{}", Uuid::now_v7().simple()),
            account: account.id.clone(),
            device: new.device.chars().take(DEVICE_MAX).collect(),
            began: by.now.0,
            last_used: by.now.0,
            expires: by.now.0.saturating_add(SESSION_NS),
            authenticated_at: new.authenticated_at.0,
            methods: new.methods.to_owned(),
        };
        store::session::add(write, &session).await?;
        let resource = format!("{}/sessions/{}", account.resource(), session.id);
        by.audit(write, "sign_in", &resource, AuditOutcome::Done)
            .await?;
        end_beyond(write, by, &session).await?;
        let mut device = None;
        if new.remember {
            device = Some(remember_device(write, (&account.id, false), by.now).await?);
        }
        C::begin(self, write, Begun { session, device }, by.now).await
    }

    /// An access token for a session, and what the next one is got with.
    pub(super) async fn tokens(
        &self,
        write: &mut Write,
        session: &Session,
        now: Ts,
    ) -> Result<Tokens, AuthError> {
        let (refresh, stored) = secret::make(SecretKind::Refresh, now)?;
        store::session::add_refresh(write, &stored, &session.id).await?;
        // Whoever has one that was used longer ago cannot have had it in time: it was over before, used or not.
        let used = now.0.saturating_sub(IDLE_NS);
        store::session::thin_refresh(write, &session.id, used).await?;
        let request = TokenRequest {
            subject: session.account.clone(),
            audience: vec![AUDIENCE.to_owned()],
            client_id: CLIENT.to_owned(),
            session: Some(session.id.clone()),
            scope: "*".to_owned(),
            auth_time: Some(Ts(session.authenticated_at)),
            amr: session.methods.split(' ').map(str::to_owned).collect(),
        };
        let (access_token, _) = self.signing.issue(request, now)?;
        Ok(Tokens {
            account: session.account.clone(),
            session: session.id.clone(),
            access_token,
            token_type: "Bearer",
            expires_in: TOKEN_LIFETIME_S,
            refresh_token: refresh.expose().to_owned(),
            device_token: None,
        })
    }

    /// Goes on with a session. What it is gone on with is good once: shown again, somebody has a copy, and the session ends.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`].
    pub(crate) async fn refresh(&self, by: By, token: &str) -> Result<Tokens, AuthError> {
        let noted = by.clone();
        let gone_on = self.go_on(by, token).await;
        if let Err(AuthError::Noted(error)) = gone_on {
            return Err(*error);
        }
        if let Err(AuthError::Problem(why)) = &gone_on
            && why.code == ProblemCode::Unauthenticated
        {
            let shown = secret::parse(token).ok();
            let at = self.database.reader();
            let session = match shown {
                Some(shown) => store::session::refresh(at, &shown.id).await?,
                None => None,
            };
            let session = match session {
                Some(refresh) => store::session::one(at, &refresh.session).await?,
                None => None,
            };
            let on = session.map_or(String::new(), |one| format!("account/{}", one.account));
            self.note_refused(&noted, ("refresh_refused", &on), &Value::Null)
                .await?;
        }
        gone_on
    }

    async fn go_on(&self, by: By, token: &str) -> Result<Tokens, AuthError> {
        let refused = || {
            let detail = "the session is over: sign in again";
            AuthError::from(Problem::new(ProblemCode::Unauthenticated, detail))
        };
        let presented = secret::parse(token).map_err(|_| refused())?;
        let mut write = self.write().await?;
        let found = store::session::refresh(write.connection(), &presented.id).await?;
        let found = found.ok_or_else(refused)?;
        if !presented.matches(SecretKind::Refresh, &found.hash) {
            return Err(refused());
        }
        let session = store::session::one(write.connection(), &found.session).await?;
        let session = session.ok_or_else(refused)?;
        let by = by.account(&session.account);
        let is_first = store::session::use_refresh(&mut write, &presented.id, by.now.0).await?;
        if !is_first {
            store::session::end(&mut write, &session.id, &session.account).await?;
            end_logins(&mut write, Logins::OverOf(&session.account), by.now).await?;
            let resource = format!("account/{}/sessions/{}", session.account, session.id);
            by.audit(
                &mut write,
                "refresh_again",
                &resource,
                AuditOutcome::Refused,
            )
            .await?;
            write.commit().await?;
            return Err(AuthError::Noted(Box::new(refused())));
        }
        let account = crate::change::known(&mut write, &session.account).await?;
        let is_over = is_over((session.expires, session.last_used), by.now);
        if is_over || account.person().is_err() {
            return Err(refused());
        }
        store::session::touch(&mut write, &session.id, by.now.0).await?;
        let tokens = self.tokens(&mut write, &session, by.now).await?;
        let resource = format!("account/{}/sessions/{}", session.account, session.id);
        let what = ("session_refreshed", resource.as_str());
        let done = (AuditOutcome::Done, String::new());
        note_often(&mut write, &by, what, done, GOING_ON).await?;
        write.commit().await?;
        Ok(tokens)
    }

    /// Ends a session of an account.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn end_session(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, session): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        super::authentication::recent_for_others(subject, account, by.now)?;
        if !store::session::end(write, session, account).await? {
            let detail = format!("there is no session `{session}` of this account");
            return Err(Problem::new(ProblemCode::NotFound, detail).into());
        }
        end_logins(write, Logins::OverOf(account), by.now).await?;
        let resource = format!("account/{account}/sessions/{session}");
        by.audit(write, "sign_out", &resource, AuditOutcome::Done)
            .await
    }

    /// Ends all sessions of an account but one, with all that applications were given, and returns how many.
    pub(crate) async fn end_sessions(
        &self,
        write: &mut Write,
        by: &By,
        of: (&str, &str),
    ) -> Result<u64, AuthError> {
        end_sessions_of(write, by, of).await
    }
}
