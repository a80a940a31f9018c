//! Signing in in a browser: the same sessions as those of the API, shown by a cookie; the second factor is asked for as a second step.

use super::authentication::{RightPassword, SecondFactor, is_over};
use super::continuation::{Begun, Continuation};
use super::demand::lacks;
use super::passkey_proofs::Showing;
use super::refusals::On;
use super::sessions::NewSession;
use super::throttle::Attempts;
use crate::change::{By, known};
use crate::credential::passkey::Purpose;
use crate::credential::secret::{self, Secret, SecretKind, StoredSecret};
use crate::model::Account;
use crate::{Auth, AuthError, store};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use tickloom_chassis::console::{BrowserSession, BrowserSessionFuture, BrowserSessions};
use tickloom_chassis::{ActionPattern, ChassisError, Problem, ProblemCode, Subject, Write};
use tickloom_types::Ts;

/// How long a sign-in waits for the second factor: 5 minutes.
const STEP_NS: i64 = 300_000_000_000;
/// How exactly the last use of a session is noted: a minute.
const LAST_USED_NS: i64 = 60_000_000_000;

/// What a browser is given when somebody signs in.
#[derive(Debug)]
pub(crate) enum BrowserSignIn {
    /// A session began.
    Begun {
        /// What its cookie says.
        session: Secret,
        /// What the browser keeps for the next time, if it showed none.
        device: Option<Secret>,
    },
    /// The password is right, and the second factor is asked for.
    Waits {
        /// What the browser goes on with.
        step: Secret,
    },
}

/// Another secret for the cookie of a session. It takes the place of the one that there is in the transaction of what it is renewed for:
/// whoever has the old one has not authenticated.
#[derive(Debug)]
pub(crate) struct NextCookie {
    shown: Secret,
    stored: StoredSecret,
}

impl NextCookie {
    pub(crate) fn make(now: Ts) -> Result<NextCookie, AuthError> {
        let (shown, stored) = secret::make(SecretKind::Browser, now)?;
        Ok(NextCookie { shown, stored })
    }

    /// What the cookie says.
    pub(crate) fn shown(&self) -> &str {
        self.shown.expose()
    }

    /// Lets it be that of a session.
    pub(super) async fn take_place(
        &self,
        write: &mut Write,
        session: &str,
    ) -> Result<(), AuthError> {
        store::browser::set(write, &self.stored, session).await?;
        Ok(())
    }
}

impl Continuation for BrowserSignIn {
    async fn begin(
        _: &Auth,
        write: &mut Write,
        begun: Begun,
        now: Ts,
    ) -> Result<BrowserSignIn, AuthError> {
        let (session, stored) = secret::make(SecretKind::Browser, now)?;
        store::browser::set(write, &stored, &begun.session.id).await?;
        Ok(BrowserSignIn::Begun {
            session,
            device: begun.device,
        })
    }

    async fn wait(
        write: &mut Write,
        account: &Account,
        (right, attempts): (&RightPassword, &Attempts),
        now: Ts,
    ) -> Result<Option<BrowserSignIn>, AuthError> {
        let (step, stored) = secret::make(SecretKind::Browser, now)?;
        let password = hashed(&right.stored);
        let waiting = (account.id.as_str(), &password, attempts.subject());
        let expires = now.0.saturating_add(STEP_NS);
        store::browser::add_step(write, &stored, waiting, expires).await?;
        Ok(Some(BrowserSignIn::Waits { step }))
    }
}

impl Auth {
    /// Goes on with a sign-in whose password was right, with the second factor.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] if it is wrong; [`ProblemCode::Refused`] if there is no such sign-in any more;
    /// [`ProblemCode::TooManyRequests`].
    pub(crate) async fn sign_in_with_factor(
        &self,
        by: By,
        (step, factor): (&str, SecondFactor<'_>),
        device: &str,
    ) -> Result<BrowserSignIn, AuthError> {
        let (account, step, waiting) = self.waiting(step, by.now).await?;
        let first = Attempts::again(waiting.attempts);
        let attempts = first.of_codes(&account.id);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "sign_in", on)).await?;
        let shown = (step.as_str(), &waiting.password, factor);
        let done = self
            .begin_with_factor(&by, &account.id, shown, (device, [&first, &attempts]))
            .await;
        self.settle(&by, "sign_in", (&account, &attempts), done)
            .await
    }

    /// Whose sign-in waits for the second factor.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if there is no such sign-in any more.
    pub(crate) async fn waiting_account(&self, step: &str, now: Ts) -> Result<Account, AuthError> {
        let (account, _, _) = self.waiting(step, now).await?;
        Ok(account)
    }

    /// A sign-in that waits: its account, its id, and what is kept of it.
    async fn waiting(
        &self,
        step: &str,
        now: Ts,
    ) -> Result<(Account, String, store::browser::WaitingSignIn), AuthError> {
        let presented = secret::parse(step).map_err(|_| too_late())?;
        let at = self.database.reader();
        let waiting = store::browser::step(at, &presented.id, now.0).await?;
        let waiting =
            waiting.filter(|waiting| presented.matches(SecretKind::Browser, &waiting.hash));
        let waiting = waiting.ok_or_else(too_late)?;
        let account = store::account::by_id(at, &waiting.account).await?;
        Ok((account.ok_or_else(too_late)?, presented.id, waiting))
    }

    async fn begin_with_factor(
        &self,
        by: &By,
        account: &str,
        (step, password, factor): (&str, &[u8; 32], SecondFactor<'_>),
        (device, [first, attempts]): (&str, [&Attempts; 2]),
    ) -> Result<BrowserSignIn, AuthError> {
        let by = by.clone().account(account);
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        account.person().map_err(|_| too_late())?;
        let stored = store::secret::password(write.connection(), &account.id).await?;
        let stored = stored.ok_or_else(too_late)?;
        // It may have been changed since.
        let is_same = bool::from(hashed(&stored).ct_eq(password));
        if !is_same || !store::browser::take_step(&mut write, step).await? {
            return Err(too_late());
        }
        let showing = Showing {
            purpose: Purpose::SecondFactor,
            session: "",
            now: by.now,
        };
        let methods = self
            .take_second_factor(&mut write, &account, factor, showing)
            .await?;
        first.clear(&mut write).await?;
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

    async fn subject_of_cookie(
        &self,
        cookie: &str,
    ) -> Result<Option<BrowserSession>, ChassisError> {
        let now = self.clock.now();
        let Ok(presented) = secret::parse(cookie) else {
            return Ok(None);
        };
        let shown = store::browser::shown(self.database.reader(), &presented.id).await?;
        let Some(shown) = shown else { return Ok(None) };
        let session = shown.session;
        let is_over = is_over((session.expires, session.last_used), now);
        let is_right = presented.matches(SecretKind::Browser, &shown.hash);
        if !is_right || is_over || session.state != "active" {
            return Ok(None);
        }
        if session.last_used <= now.0 - LAST_USED_NS {
            let mut write = self.database.write().await?;
            store::session::touch(&mut write, &shown.id, now.0).await?;
            write.commit().await?;
        }
        let grants = self
            .grants
            .of(&self.database, &session.account, session.version);
        let subject = Subject {
            session: Some(shown.id),
            key: None,
            scopes: vec![ActionPattern::ALL],
            grants: grants.await?,
            authenticated_at: Ts(session.authenticated_at),
            lacks_second_factor: lacks(session.lacks_factor, &session.methods),
            account: session.account,
        };
        let name = shown.name;
        Ok(Some(BrowserSession { subject, name }))
    }
}

impl BrowserSessions for Auth {
    fn address(&self) -> &str {
        &self.issuer
    }

    fn sign_in_path(&self) -> &'static str {
        crate::pages::SIGN_IN
    }

    fn sign_out_path(&self) -> &'static str {
        crate::pages::SIGN_OUT
    }

    fn enrol_path(&self) -> &'static str {
        crate::pages::ENROL
    }

    fn step_up_path(&self) -> &'static str {
        crate::pages::STEP_UP
    }

    fn session<'a>(&'a self, cookie: &'a str) -> BrowserSessionFuture<'a> {
        Box::pin(self.subject_of_cookie(cookie))
    }
}

fn hashed(stored: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, stored.as_bytes()).as_ref());
    hash
}

fn too_late() -> AuthError {
    let detail = "this sign-in took too long, or was ended: begin again";
    Problem::new(ProblemCode::Refused, detail).into()
}
