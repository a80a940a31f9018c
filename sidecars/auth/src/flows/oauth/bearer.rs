//! Whether an access token of an application still counts: a JWT says what was, the database what is.

use crate::Auth;
use crate::flows::authentication::is_over;
use crate::flows::demand::lacks;
use crate::oauth::scope::Scopes;
use crate::store;
use crate::store::organisation::GrantVersion;
use tickloom_chassis::token::Claims;
use tickloom_chassis::{ChassisError, Subject, Unauthenticated, Write};
use tickloom_types::Ts;

/// What ids of authorisations begin with.
const AUTHORISATION: &str = "aut_";
/// What ids of applications begin with.
const CLIENT: &str = "cli_";

/// Whom a token that counts is about.
pub(crate) struct Live {
    /// The account.
    pub(crate) account: String,
    /// Versions of it and of its organisations.
    version: GrantVersion,
    /// The authorisation that the token is of, or the application, where it acts for its own account.
    basis: String,
}

impl Auth {
    /// Whom a token of an application is about, if it still counts. That it is signed was found before.
    pub(crate) async fn live(
        &self,
        claims: &Claims,
        now: Ts,
    ) -> Result<Option<Live>, ChassisError> {
        match &claims.sid {
            Some(id) if id.starts_with(AUTHORISATION) => self.live_of(id, claims, now).await,
            Some(_) => Ok(None),
            None => self.live_of_program(claims).await,
        }
    }

    async fn live_of(
        &self,
        id: &str,
        claims: &Claims,
        now: Ts,
    ) -> Result<Option<Live>, ChassisError> {
        let at = self.database.reader();
        let Some(shown) = store::authorisation::shown(at, id, &claims.jti).await? else {
            return Ok(None);
        };
        let is_live = shown.client == claims.client_id
            && shown.account == claims.sub
            && shown.state == "active"
            && !lacks(shown.lacks_factor, &shown.methods)
            && shown.expires > now.0
            && !shown.is_token_revoked
            && (!shown.has_session || shown.session.is_some_and(|session| !is_over(session, now)));
        Ok(is_live.then(|| Live {
            account: shown.account,
            version: shown.version,
            basis: id.to_owned(),
        }))
    }

    async fn live_of_program(&self, claims: &Claims) -> Result<Option<Live>, ChassisError> {
        let at = self.database.reader();
        let client = store::client::one(at, &claims.client_id).await?;
        let stands_for = client.and_then(|client| client.settings.account);
        let account = store::account::by_id(at, &claims.sub).await?;
        let account = account.filter(|account| account.usable().is_ok());
        let is_revoked = store::authorisation::is_revoked(at, &claims.jti).await?;
        let account =
            account.filter(|account| !is_revoked && stands_for.as_ref() == Some(&account.id));
        let Some(account) = account else {
            return Ok(None);
        };
        let organisations = store::organisation::version(at, &account.id).await?;
        Ok(Some(Live {
            account: account.id,
            version: (account.version, organisations),
            basis: claims.client_id.clone(),
        }))
    }

    /// Who asks with the token of an application. It is no session: what needs a fresh proof is not for it.
    pub(crate) async fn subject_of_application(
        &self,
        claims: &Claims,
        now: Ts,
    ) -> Result<Subject, Unauthenticated> {
        let live = self.live(claims, now).await;
        let live = live.map_err(Unauthenticated::Failed)?;
        let live = live.ok_or(Unauthenticated::Refused)?;
        let scopes = Scopes::parse(&claims.scope).map_err(|_| Unauthenticated::Refused)?;
        let grants = self.grants.of(&self.database, &live.account, live.version);
        Ok(Subject {
            session: None,
            scopes: scopes.actions().collect(),
            grants: grants.await.map_err(Unauthenticated::Failed)?,
            authenticated_at: Ts(i64::MIN),
            // Of whom one is demanded who has none no token lives.
            lacks_second_factor: false,
            account: live.account,
            // With the token's own id: it may be revoked alone.
            key: Some(format!("{}/{}", live.basis, claims.jti)),
        })
    }
}

/// Whether what stands for a key is an authorisation or an application.
pub(crate) fn is_application(basis: &str) -> bool {
    basis.starts_with(AUTHORISATION) || basis.starts_with(CLIENT)
}

/// Whether a token of an application, and what it stands on, still counts, in the transaction of what it lets be done.
pub(crate) async fn stands(
    write: &mut Write,
    (basis, account): (&str, &str),
    now: Ts,
) -> Result<bool, ChassisError> {
    let (basis, token) = basis.split_once('/').unwrap_or((basis, ""));
    if basis.starts_with(CLIENT) {
        let is_revoked = store::authorisation::is_revoked(write.connection(), token).await?;
        let client = store::client::one(write.connection(), basis).await?;
        let stands_for = client.and_then(|client| client.settings.account);
        return Ok(!is_revoked && stands_for.as_deref() == Some(account));
    }
    let found = store::authorisation::shown(write.connection(), basis, token).await?;
    Ok(found.is_some_and(|found| {
        found.expires > now.0
            && !lacks(found.lacks_factor, &found.methods)
            && found.account == account
            && !found.is_token_revoked
            && (!found.has_session || found.session.is_some_and(|session| !is_over(session, now)))
    }))
}
