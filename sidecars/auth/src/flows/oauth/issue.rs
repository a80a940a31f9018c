//! What an application gets: access tokens (RFC 9068), ID tokens (OpenID Connect Core, section 2), refresh tokens.

use crate::Auth;
use crate::credential::keyring::{TOKEN_LIFETIME_S, TokenRequest};
use crate::credential::secret::{self, SecretKind};
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::oauth::scope::{OFFLINE, OPENID, Scopes};
use crate::signing::{AUDIENCE, ID_TOKEN_TYPE};
use crate::store;
use crate::store::authorisation::Authorisation;
use crate::store::client::Client;
use crate::{AuthError, IDLE_NS};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, SHA512, digest};
use serde::Serialize;
use tickloom_chassis::Write;
use tickloom_chassis::token::Algorithm;
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// How long what is gone on with lasts in all: 30 days, as sessions; if it is not gone on with, as long as they do too.
const WHOLE_NS: i64 = 30 * 86_400_000_000_000;

/// What an application gets (RFC 6749, section 5.1).
#[derive(Serialize)]
pub(crate) struct IssuedTokens {
    /// What to send with each request: `Authorization: Bearer …`.
    pub(crate) access_token: String,
    /// Always `Bearer`.
    pub(crate) token_type: &'static str,
    /// Seconds that the access token is valid.
    pub(crate) expires_in: u32,
    /// What the access token is for.
    pub(crate) scope: String,
    /// What the next access token is got with, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// Who the person is, signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
}

/// What an ID token says (OpenID Connect Core, section 2).
#[derive(Serialize)]
struct IdClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    amr: Vec<&'a str>,
    at_hash: String,
    sid: &'a str,
}

impl Auth {
    /// Tokens of an authorisation. `form` may ask for fewer scopes, and says for which service the access token is.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidScope`], [`OAuthCode::InvalidTarget`].
    pub(crate) async fn issue(
        &self,
        write: &mut Write,
        (client, authorisation): (&Client, &Authorisation),
        (form, is_first): (&Form, bool),
        now: Ts,
    ) -> Result<IssuedTokens, AuthError> {
        // The application may have been registered for less since.
        let approved = Scopes::parse(&authorisation.scopes)?;
        let approved = client.settings.scopes().narrow(&approved);
        let scopes = asked(form, &approved)?;
        let issuer = self.signing.issuer();
        let registered = &client.settings.resources;
        let is_registered =
            |name: &&str| *name == issuer || registered.iter().any(|own| own == name);
        let resources: Vec<&str> = names(&authorisation.resources)
            .filter(is_registered)
            .collect();
        if resources.is_empty() && !authorisation.resources.is_empty() {
            let words = "the application is not registered for this resource any more";
            return Err(OAuthError::new(OAuthCode::InvalidTarget, words).into());
        }
        let audience = self.audience(form, &resources)?;
        let request = TokenRequest {
            subject: authorisation.account.clone(),
            audience: vec![audience],
            client_id: client.id.clone(),
            session: Some(authorisation.id.clone()),
            scope: scopes.text(),
            auth_time: Some(Ts(authorisation.authenticated_at)),
            amr: names(&authorisation.methods).map(str::to_owned).collect(),
        };
        let (access_token, _) = self.signing.issue(request, now)?;
        let id_token = if scopes.has(OPENID) {
            let nonce = authorisation.nonce.as_deref().filter(|_| is_first);
            Some(self.id_token(authorisation, (&access_token, nonce), now)?)
        } else {
            None
        };
        let refresh_token = if approved.has(OFFLINE) {
            Some(continued(write, authorisation, now).await?)
        } else {
            let lifetime = i64::from(TOKEN_LIFETIME_S) * NANOS_PER_SECOND;
            let expires = now.0.saturating_add(lifetime);
            store::authorisation::extend(write, &authorisation.id, expires).await?;
            None
        };
        Ok(IssuedTokens {
            access_token,
            token_type: "Bearer",
            expires_in: TOKEN_LIFETIME_S,
            scope: scopes.text(),
            refresh_token,
            id_token,
        })
    }

    /// An access token for the account of a program itself.
    pub(crate) fn issue_to_program(
        &self,
        (client, account): (&Client, &str),
        (form, scopes): (&Form, &Scopes),
        now: Ts,
    ) -> Result<IssuedTokens, AuthError> {
        let registered = &client.settings.resources;
        let asked = client
            .settings
            .asked_resources(form.all("resource"), self.signing.issuer())?;
        let known: Vec<&str> = asked.iter().chain(registered).map(String::as_str).collect();
        let audience = if asked.is_empty() {
            AUDIENCE.to_owned()
        } else {
            self.audience(form, &known)?
        };
        let request = TokenRequest {
            subject: account.to_owned(),
            audience: vec![audience],
            client_id: client.id.clone(),
            session: None,
            scope: scopes.text(),
            auth_time: None,
            amr: Vec::new(),
        };
        let (access_token, _) = self.signing.issue(request, now)?;
        Ok(IssuedTokens {
            access_token,
            token_type: "Bearer",
            expires_in: TOKEN_LIFETIME_S,
            scope: scopes.text(),
            refresh_token: None,
            id_token: None,
        })
    }

    /// Whom a token is for: one service, so that none can use it at another (RFC 8707, section 2.2).
    fn audience(&self, form: &Form, approved: &[&str]) -> Result<String, OAuthError> {
        let issuer = self.signing.issuer();
        let approved = if approved.is_empty() {
            &[issuer]
        } else {
            approved
        };
        let wrong = |words: &str| OAuthError::new(OAuthCode::InvalidTarget, words);
        let mut asked = form.all("resource");
        let first = asked.next();
        if asked.next().is_some() {
            return Err(wrong("a token is for one `resource`"));
        }
        let chosen = first.or(approved.first().copied()).unwrap_or(issuer);
        if !approved.contains(&chosen) {
            return Err(wrong("`resource` is none that was authorised"));
        }
        let is_ours = chosen == issuer;
        Ok(if is_ours { AUDIENCE } else { chosen }.to_owned())
    }

    fn id_token(
        &self,
        authorisation: &Authorisation,
        (access_token, nonce): (&str, Option<&str>),
        now: Ts,
    ) -> Result<String, AuthError> {
        let seconds = |at: i64| at.div_euclid(NANOS_PER_SECOND);
        let methods: Vec<&str> = names(&authorisation.methods).collect();
        self.signing.sign_jwt(ID_TOKEN_TYPE, |algorithm| IdClaims {
            iss: self.signing.issuer(),
            sub: &authorisation.account,
            aud: &authorisation.client,
            exp: seconds(now.0) + i64::from(TOKEN_LIFETIME_S),
            iat: seconds(now.0),
            auth_time: seconds(authorisation.authenticated_at),
            nonce,
            // One factor or two.
            acr: if methods.len() > 1 { "2" } else { "1" },
            amr: methods,
            at_hash: half_hash(algorithm, access_token),
            sid: authorisation.login.as_ref().unwrap_or(&authorisation.id),
        })
    }
}

/// The refresh token that an authorisation is continued with next; it stays good for as long as sessions do.
async fn continued(
    write: &mut Write,
    authorisation: &Authorisation,
    now: Ts,
) -> Result<String, AuthError> {
    let (shown, stored) = secret::make(SecretKind::AppRefresh, now)?;
    store::authorisation::add_refresh(write, &stored, &authorisation.id).await?;
    // Whoever has one that was used longer ago cannot have had it in time: it was over before, used or not.
    let used = now.0.saturating_sub(IDLE_NS);
    store::authorisation::thin_refresh(write, &authorisation.id, used).await?;
    let idle = now.0.saturating_add(IDLE_NS);
    let whole = authorisation.began.saturating_add(WHOLE_NS);
    store::authorisation::extend(write, &authorisation.id, idle.min(whole)).await?;
    Ok(shown.expose().to_owned())
}

/// The scopes that a request asks for of those that were approved; all of them if it names none.
fn asked(form: &Form, approved: &Scopes) -> Result<Scopes, OAuthError> {
    let Some(text) = form.get("scope") else {
        return Ok(approved.clone());
    };
    let asked = Scopes::parse(text)?;
    if asked.is_empty() || !approved.covers(&asked) {
        let words = "`scope` has more than was authorised";
        return Err(OAuthError::new(OAuthCode::InvalidScope, words));
    }
    Ok(asked)
}

/// The left half of a hash of the token (OpenID Connect Core, section 3.1.3.6): SHA-256 with ES256, SHA-512 with Ed25519.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::Es256 => digest(&SHA256, token.as_bytes()),
        Algorithm::EdDsa => digest(&SHA512, token.as_bytes()),
    };
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// Texts that are kept with a space between them.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_half_of_a_hash() {
        // OpenID Connect Core, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(Algorithm::Es256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        // By Python: base64.urlsafe_b64encode(sha512(token).digest()[:32]).rstrip(b"=")
        assert_eq!(
            half_hash(Algorithm::EdDsa, token),
            "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"
        );
    }
}
