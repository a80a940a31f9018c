//! Who is there at another site, for the proxy in front of it: a browser is led here, signs in, and comes back with a ticket that is good
//! once, for which it gets a cookie of that site. The cookie stands on the session, and opens nothing but the site.

use super::authentication::{goes_on, is_over, living, require, session};
use super::demand::lacks;
use crate::change::By;
use crate::credential::hashed;
use crate::credential::secret::{self, Secret, SecretKind};
use crate::site::Site;
use crate::store::site::Ticket;
use crate::{Auth, AuthError, store};
use serde_json::json;
use subtle::ConstantTimeEq;
use tickloom_chassis::{
    ActionPattern, AuditOutcome, Authenticator, ChassisError, Problem, ProblemCode, RequestOrigin,
    Subject, Unauthenticated,
};
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// What somebody has to be allowed on a site.
pub(crate) const OPEN: &str = "site.open";
/// How long a ticket is good: a minute.
const TICKET_NS: i64 = 60 * NANOS_PER_SECOND;
/// Browsers at one site that stand on one session, at most: of more the oldest have to come again.
const OF_SESSION_MAX: i64 = 20;

impl Auth {
    /// A ticket for somebody who is signed in here, with which their browser comes to a site.
    ///
    /// # Errors
    /// [`ProblemCode::Forbidden`] if they may not open it.
    pub(crate) async fn site_ticket(
        &self,
        subject: &Subject,
        (site, state): (&Site, &str),
        now: Ts,
    ) -> Result<Secret, AuthError> {
        let session = session(subject)?;
        require(subject, (OPEN, &site.resource()), now)?;
        let (shown, stored) = secret::make(SecretKind::Site, now)?;
        let ticket = Ticket {
            hash: stored.hash,
            session: session.to_owned(),
            site: site.origin().to_owned(),
            state: state.to_owned(),
            expires: now.0.saturating_add(TICKET_NS),
        };
        let mut write = self.write().await?;
        goes_on(&mut write, session, now).await?;
        store::site::add_ticket(&mut write, &stored.id, &ticket).await?;
        write.commit().await?;
        Ok(shown)
    }

    /// What a browser shows at a site from now on, for its ticket and for what it was given there before.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`], whatever is wrong.
    pub(crate) async fn enter_site(
        &self,
        by: By,
        site: &Site,
        (ticket, state): (&str, &str),
    ) -> Result<Secret, AuthError> {
        let refused = || {
            let detail =
                "this way to the site is over, or was begun in another browser: go there again";
            AuthError::from(Problem::new(ProblemCode::Refused, detail))
        };
        let presented = secret::parse(ticket).map_err(|_| refused())?;
        let mut write = self.write().await?;
        let taken = store::site::take_ticket(&mut write, &presented.id).await?;
        let taken = taken.filter(|taken| {
            let is_same = taken.state.as_bytes().ct_eq(state_of(state).as_bytes());
            presented.matches(SecretKind::Site, &taken.hash)
                && taken.site == site.origin()
                && taken.expires > by.now.0
                && bool::from(is_same)
        });
        let Some(taken) = taken else {
            // One that was shown wrongly is gone too.
            write.commit().await?;
            return Err(refused());
        };
        let session = living(&mut write, &taken.session, by.now).await?;
        let session = session.ok_or_else(refused)?;
        let (shown, stored) = secret::make(SecretKind::Site, by.now)?;
        let of = (session.id.as_str(), site.origin());
        store::site::add(&mut write, &stored, of, OF_SESSION_MAX).await?;
        let detail = json!({"session": session.id}).to_string();
        let (resource, by) = (site.resource(), by.account(&session.account));
        let action = ("site_entered", resource.as_str());
        by.audit_with(&mut write, action, AuditOutcome::Done, detail)
            .await?;
        write.commit().await?;
        Ok(shown)
    }

    /// Who shows this cookie at a site, if anybody. It is no use of the session, which ends as if nobody had been at the site: otherwise a
    /// page that asks by itself would keep it for as long as it is open.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub(crate) async fn subject_at_site(
        &self,
        site: &Site,
        cookie: &str,
        now: Ts,
    ) -> Result<Option<Subject>, ChassisError> {
        let Ok(presented) = secret::parse(cookie) else {
            return Ok(None);
        };
        let of = (presented.id.as_str(), site.origin());
        let shown = store::site::shown(self.database.reader(), of).await?;
        let Some(shown) = shown else { return Ok(None) };
        let session = shown.session;
        let is_over = is_over((session.expires, session.last_used), now);
        let is_right = presented.matches(SecretKind::Site, &shown.hash);
        if !is_right || is_over || session.state != "active" {
            return Ok(None);
        }
        let grants = self
            .grants
            .of(&self.database, &session.account, session.version);
        Ok(Some(Subject {
            session: None,
            key: None,
            scopes: vec![ActionPattern::ALL],
            grants: grants.await?,
            authenticated_at: Ts(i64::MIN),
            lacks_second_factor: lacks(session.lacks_factor, &session.methods),
            account: session.account,
        }))
    }

    /// Who shows this token or key to a site, if anybody.
    ///
    /// # Errors
    /// [`ChassisError`].
    pub(crate) async fn subject_of_bearer(
        &self,
        bearer: &str,
        origin: &RequestOrigin,
    ) -> Result<Option<Subject>, ChassisError> {
        match self.authenticate(bearer, origin).await {
            Ok(subject) => Ok(Some(subject)),
            Err(Unauthenticated::Refused) => Ok(None),
            Err(Unauthenticated::Failed(error)) => Err(error),
        }
    }
}

/// Whether a token or key is for opening sites and nothing else: no session's, which does everything that its account may.
pub(crate) fn is_for_sites(subject: &Subject) -> bool {
    let mut scopes = subject.scopes.iter();
    subject.session.is_none()
        && scopes.next().is_some_and(|first| first.to_string() == OPEN)
        && scopes.next().is_none()
}

/// What of a browser's state goes with it through other addresses: who sees it there cannot show the state.
pub(crate) fn state_of(state: &str) -> String {
    hashed(state)
}
