//! What becomes of tokens that are shown: introspected (RFC 7662), revoked (RFC 7009), asked whom they are about (OpenID Connect Core,
//! section 5.3).

use super::issue::names;
use super::token::not_good;
use crate::Auth;
use crate::authenticator::SESSION;
use crate::change::By;
use crate::credential::secret::{self, SecretKind};
use crate::flows::authentication::is_over;
use crate::flows::demand::lacks;
use crate::logout_notices::end_last_authorisation;
use crate::oauth::client::ClientKind;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::scope::{EMAIL, OPENID, PROFILE, Scopes};
use crate::signing::AUDIENCE;
use crate::store::authorisation::{AppRefresh, Authorisation};
use crate::store::client::Client;
use crate::{AuthError, store};
use serde::Serialize;
use tickloom_chassis::token::Claims;
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode};
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// What is told of a token (RFC 7662, section 2.2). Of one that is not valid, or not the caller's business, it is told that it is not
/// active, and nothing else.
#[derive(Default, Serialize)]
pub(crate) struct Introspected {
    /// Whether it is valid.
    active: bool,
    /// What it is for, with a space between scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The application that it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer` of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// From when on it is not valid, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was made, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Its own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

/// Who the person is (OpenID Connect Core, section 5.1).
#[derive(Serialize)]
pub(crate) struct UserInfo {
    /// Id of the account.
    sub: String,
    /// What the person is called, with the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// E-mail address, with the scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Whether the person showed that the address is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl Auth {
    /// What a token says and whether it is valid, for the application that has it or for the service that it is for.
    ///
    /// # Errors
    /// [`OAuthCode::UnauthorizedClient`] for a public application, which anybody could say to be.
    pub(crate) async fn introspect(
        &self,
        client: &Client,
        token: &str,
        now: Ts,
    ) -> Result<Introspected, AuthError> {
        if client.settings.kind == ClientKind::Public {
            let words = "a public application introspects nothing";
            return Err(OAuthError::new(OAuthCode::UnauthorizedClient, words).into());
        }
        if let Ok(claims) = self.signing.verify_for_any(token, now) {
            return Ok(self.introspect_access(client, claims, now).await?);
        }
        let Some((_, authorisation)) = self.shown_refresh(client, token, now).await? else {
            return Ok(Introspected::default());
        };
        Ok(Introspected {
            active: true,
            scope: Some(authorisation.scopes),
            client_id: Some(authorisation.client),
            sub: Some(authorisation.account),
            iss: Some(self.signing.issuer().to_owned()),
            exp: Some(authorisation.expires.div_euclid(NANOS_PER_SECOND)),
            ..Introspected::default()
        })
    }

    async fn introspect_access(
        &self,
        client: &Client,
        claims: Claims,
        now: Ts,
    ) -> Result<Introspected, tickloom_chassis::ChassisError> {
        let served = client.settings.serves.iter();
        let is_for_caller = served.map(String::as_str).any(|service| {
            let audience = if service == self.signing.issuer() {
                AUDIENCE
            } else {
                service
            };
            claims.aud.iter().any(|aud| aud == audience)
        });
        let is_callers = claims.client_id == client.id || is_for_caller;
        let is_live = match &claims.sid {
            Some(id) if id.starts_with(SESSION) => self.is_session_live(id, &claims, now).await?,
            _ => self.live(&claims, now).await?.is_some(),
        };
        if !is_callers || !is_live {
            return Ok(Introspected::default());
        }
        Ok(Introspected {
            active: true,
            scope: Some(claims.scope),
            client_id: Some(claims.client_id),
            token_type: Some("Bearer"),
            sub: Some(claims.sub),
            aud: claims.aud.into_iter().next(),
            iss: Some(claims.iss),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            jti: Some(claims.jti),
        })
    }

    async fn is_session_live(
        &self,
        id: &str,
        claims: &Claims,
        now: Ts,
    ) -> Result<bool, tickloom_chassis::ChassisError> {
        let shown = store::session::shown(self.database.reader(), id).await?;
        Ok(shown.is_some_and(|shown| {
            shown.account == claims.sub
                && shown.state == "active"
                && !lacks(shown.lacks_factor, &shown.methods)
                && !is_over((shown.expires, shown.last_used), now)
        }))
    }

    /// A refresh token of this application that is good, with what it continues.
    async fn shown_refresh(
        &self,
        client: &Client,
        token: &str,
        now: Ts,
    ) -> Result<Option<(AppRefresh, Authorisation)>, AuthError> {
        let Ok(presented) = secret::parse(token) else {
            return Ok(None);
        };
        let at = self.database.reader();
        let found = store::authorisation::refresh(at, &presented.id).await?;
        let is_right = |found: &AppRefresh| {
            !found.is_used && presented.matches(SecretKind::AppRefresh, &found.hash)
        };
        let Some(found) = found.filter(is_right) else {
            return Ok(None);
        };
        let authorisation = store::authorisation::one(at, &found.authorisation).await?;
        let is_live = |one: &Authorisation| one.client == client.id && one.expires > now.0;
        let Some(authorisation) = authorisation.filter(is_live) else {
            return Ok(None);
        };
        let account = store::account::by_id(at, &authorisation.account).await?;
        let is_usable = account.is_some_and(|account| account.usable().is_ok());
        let account_lacks = store::account::lacks_factor(at, &authorisation.account).await?;
        let is_usable = is_usable && !lacks(account_lacks, &authorisation.methods);
        Ok(is_usable.then_some((found, authorisation)))
    }

    /// Revokes a token of an application: an access token alone, or a refresh token with all that came with it. One that is not valid
    /// anyway is no error.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidGrant`] for the token of another application.
    pub(crate) async fn revoke_token(
        &self,
        by: By,
        client: &Client,
        token: &str,
    ) -> Result<(), AuthError> {
        if let Ok(claims) = self.signing.verify_for_any(token, by.now) {
            if claims.client_id != client.id {
                return Err(not_good().into());
            }
            let mut write = self.write().await?;
            let until = claims.exp.saturating_mul(NANOS_PER_SECOND);
            store::authorisation::revoke_token(&mut write, &claims.jti, until).await?;
            let resource = format!("account/{}/tokens/{}", claims.sub, claims.jti);
            by.audit(&mut write, "token_revoked", &resource, AuditOutcome::Done)
                .await?;
            return Ok(write.commit().await?);
        }
        let Ok(presented) = secret::parse(token) else {
            return Ok(());
        };
        let mut write = self.write().await?;
        let found = store::authorisation::refresh(write.connection(), &presented.id).await?;
        let is_right = |found: &AppRefresh| presented.matches(SecretKind::AppRefresh, &found.hash);
        let Some(found) = found.filter(is_right) else {
            return Ok(());
        };
        let one = store::authorisation::one(write.connection(), &found.authorisation).await?;
        let Some(one) = one else {
            return Ok(());
        };
        if one.client != client.id {
            return Err(not_good().into());
        }
        end_last_authorisation(&mut write, (&one, true), by.now).await?;
        let resource = format!("account/{}/authorisations/{}", one.account, one.id);
        by.audit(&mut write, "token_revoked", &resource, AuditOutcome::Done)
            .await?;
        Ok(write.commit().await?)
    }

    /// Who the person of a token is, as far as its scopes go.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`]; [`ProblemCode::Forbidden`] without the scope `openid`.
    pub(crate) async fn user_info(&self, token: &str, now: Ts) -> Result<UserInfo, AuthError> {
        let refused = || {
            let detail = "the token is not valid, or not any more";
            Problem::new(ProblemCode::Unauthenticated, detail)
        };
        let claims = self.signing.verify(token, now).map_err(|_| refused())?;
        let is_session = claims
            .sid
            .as_deref()
            .is_some_and(|id| id.starts_with(SESSION));
        if is_session || !names(&claims.scope).any(|name| name == OPENID) {
            let detail = "the token is not for the scope openid";
            return Err(Problem::new(ProblemCode::Forbidden, detail).into());
        }
        let live = self.live(&claims, now).await?.ok_or_else(refused)?;
        let account = store::account::by_id(self.database.reader(), &live.account).await?;
        let account = account.ok_or_else(refused)?;
        let scopes = Scopes::parse(&claims.scope)?;
        let has_email = scopes.has(EMAIL) && account.email.is_some();
        Ok(UserInfo {
            sub: account.id,
            name: scopes.has(PROFILE).then_some(account.name),
            email_verified: has_email.then_some(account.is_email_verified),
            email: account.email.filter(|_| has_email),
        })
    }
}
