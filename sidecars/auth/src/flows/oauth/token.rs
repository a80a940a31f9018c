//! Codes, refresh tokens and secrets against tokens (OAuth 2.1, section 3.2).

use super::bound::{Bound, end_beyond};
use super::issue::IssuedTokens;
use crate::Auth;
use crate::change::By;
use crate::credential::secret::{self, SecretKind};
use crate::flows::authentication::living;
use crate::flows::demand::lacks;
use crate::flows::refusals::{GOING_ON, note_often};
use crate::logout_notices::end_authorisation;
use crate::oauth::client::GrantType;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::oauth::pkce::verifies;
use crate::oauth::scope::{EMAIL, OFFLINE, OPENID, PROFILE};
use crate::store::authorisation::{Authorisation, Code};
use crate::store::client::Client;
use crate::{AuthError, store};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Write};
use tickloom_types::Ts;

impl Auth {
    /// Gives an application tokens for what it shows.
    ///
    /// # Errors
    /// What the application is told; [`OAuthCode::InvalidGrant`] whatever is wrong with a code or token.
    pub(crate) async fn token(
        &self,
        by: By,
        client: &Client,
        form: &Form,
    ) -> Result<IssuedTokens, AuthError> {
        let grant = form.need("grant_type")?;
        let noted = by.clone();
        let issued = match grant {
            "authorization_code" => self.exchange_code(by, client, form).await,
            "refresh_token" => self.refresh_application(by, client, form).await,
            "client_credentials" => self.token_of_program(by, client, form).await,
            "urn:ietf:params:oauth:grant-type:device_code" => {
                self.exchange_device_code(by, client, form).await
            }
            _ => {
                let words = "`grant_type` is none that is known here";
                Err(OAuthError::new(OAuthCode::UnsupportedGrantType, words).into())
            }
        };
        if let Err(AuthError::Noted(error)) = issued {
            return Err(*error);
        }
        if let Err(AuthError::OAuth(why)) = &issued
            && why.code == OAuthCode::InvalidGrant
        {
            let on = client.resource();
            self.note_refused(&noted, ("token_refused", &on), &json!({"grant": grant}))
                .await?;
        }
        issued
    }

    /// Exchanges a code, once. One that comes again, from another application or without its proof is in wrong hands: all that came of it
    /// ends (RFC 6749, section 4.1.2; RFC 9700, section 4.5).
    async fn exchange_code(
        &self,
        by: By,
        client: &Client,
        form: &Form,
    ) -> Result<IssuedTokens, AuthError> {
        client.settings.may(GrantType::AuthorizationCode)?;
        let presented = secret::parse(form.need("code")?).map_err(|_| not_good())?;
        let mut write = self.write().await?;
        let code = store::authorisation::code(write.connection(), &presented.id).await?;
        let code = code.ok_or_else(not_good)?;
        if !presented.matches(SecretKind::Code, &code.hash) {
            return Err(not_good().into());
        }
        let found = store::authorisation::one(write.connection(), &code.authorisation).await?;
        let authorisation = found.ok_or_else(not_good)?;
        let is_first = store::authorisation::use_code(&mut write, &presented.id, by.now.0).await?;
        let is_right = authorisation.client == client.id && has_proof(&code, form, by.now);
        if !is_first || !is_right {
            return self
                .end_stolen(write, &by, "code_misused", &authorisation)
                .await;
        }
        self.check_holder(&mut write, &authorisation, by.now)
            .await?;
        end_beyond(&mut write, &by, &authorisation, Bound::GoingOn).await?;
        let issued = self
            .issue(&mut write, (client, &authorisation), (form, true), by.now)
            .await?;
        note_issued(&mut write, &by, &authorisation, "authorization_code").await?;
        write.commit().await?;
        Ok(issued)
    }

    /// Goes on with a refresh token, once. One that comes again, or from another application, is a copy, and all ends.
    async fn refresh_application(
        &self,
        by: By,
        client: &Client,
        form: &Form,
    ) -> Result<IssuedTokens, AuthError> {
        client.settings.may(GrantType::RefreshToken)?;
        let presented = secret::parse(form.need("refresh_token")?).map_err(|_| not_good())?;
        let mut write = self.write().await?;
        let found = store::authorisation::refresh(write.connection(), &presented.id).await?;
        let found = found.ok_or_else(not_good)?;
        if !presented.matches(SecretKind::AppRefresh, &found.hash) {
            return Err(not_good().into());
        }
        let authorisation = store::authorisation::one(write.connection(), &found.authorisation);
        let authorisation = authorisation.await?.ok_or_else(not_good)?;
        let is_first =
            store::authorisation::use_refresh(&mut write, &presented.id, by.now.0).await?;
        if !is_first || authorisation.client != client.id {
            return self
                .end_stolen(write, &by, "refresh_again", &authorisation)
                .await;
        }
        if authorisation.expires <= by.now.0 {
            return Err(not_good().into());
        }
        self.check_holder(&mut write, &authorisation, by.now)
            .await?;
        let issued = self
            .issue(&mut write, (client, &authorisation), (form, false), by.now)
            .await?;
        note_issued(&mut write, &by, &authorisation, "refresh_token").await?;
        write.commit().await?;
        Ok(issued)
    }

    /// A token for the account of a program, which its application stands for (OAuth 2.1, section 4.2).
    async fn token_of_program(
        &self,
        by: By,
        client: &Client,
        form: &Form,
    ) -> Result<IssuedTokens, AuthError> {
        client.settings.may(GrantType::ClientCredentials)?;
        let own = client.settings.account.as_deref().unwrap_or_default();
        let account = store::account::by_id(self.database.reader(), own).await?;
        let account = account.filter(|account| account.usable().is_ok());
        let account = account.ok_or_else(|| {
            let words = "the account of the application is suspended or was deleted";
            OAuthError::new(OAuthCode::UnauthorizedClient, words)
        })?;
        let people = [OPENID, PROFILE, EMAIL, OFFLINE];
        let scopes = match form.get("scope") {
            Some(text) => client.settings.asked_scopes(Some(text))?,
            None => people
                .iter()
                .fold(client.settings.scopes(), |scopes, word| {
                    scopes.without(word)
                }),
        };
        if people.iter().any(|word| scopes.has(word)) {
            let words = "`scope` has what is for people alone";
            return Err(OAuthError::new(OAuthCode::InvalidScope, words).into());
        }
        let issued = self.issue_to_program((client, &account.id), (form, &scopes), by.now)?;
        let resource = format!("{}/clients/{}", account.resource(), client.id);
        let detail = json!({"grant": "client_credentials", "scope": issued.scope});
        let mut write = self.write().await?;
        let done = (AuditOutcome::Done, detail.to_string());
        let what = ("token_issued", resource.as_str());
        note_often(&mut write, &by, what, done, GOING_ON).await?;
        write.commit().await?;
        Ok(issued)
    }

    /// Whether whom an authorisation is of can still be acted for.
    pub(crate) async fn check_holder(
        &self,
        write: &mut Write,
        authorisation: &Authorisation,
        now: Ts,
    ) -> Result<(), AuthError> {
        let account = store::account::by_id(write.connection(), &authorisation.account).await?;
        let account = account.ok_or_else(not_good)?;
        account.person().map_err(|_| not_good())?;
        let account_lacks = store::account::lacks_factor(write.connection(), &account.id).await?;
        if lacks(account_lacks, &authorisation.methods) {
            let words = "a second factor is demanded of the person, who has none: they set one up when they are asked again";
            return Err(OAuthError::new(OAuthCode::InvalidGrant, words).into());
        }
        if let Some(session) = &authorisation.session {
            living(write, session, now).await?.ok_or_else(not_good)?;
        }
        Ok(())
    }

    /// Ends what is in wrong hands, and says no more than that it is not good.
    async fn end_stolen(
        &self,
        mut write: Write,
        by: &By,
        action: &str,
        authorisation: &Authorisation,
    ) -> Result<IssuedTokens, AuthError> {
        end_authorisation(&mut write, authorisation, by.now).await?;
        let resource = format!(
            "account/{}/authorisations/{}",
            authorisation.account, authorisation.id
        );
        by.audit(&mut write, action, &resource, AuditOutcome::Refused)
            .await?;
        write.commit().await?;
        Err(AuthError::Noted(Box::new(not_good().into())))
    }
}

/// Notes that an application got tokens of an authorisation.
pub(super) async fn note_issued(
    write: &mut Write,
    by: &By,
    authorisation: &Authorisation,
    grant: &str,
) -> Result<(), AuthError> {
    let Authorisation { account, id, .. } = authorisation;
    let resource = format!("account/{account}/authorisations/{id}");
    let done = (AuditOutcome::Done, json!({"grant": grant}).to_string());
    // What goes on has an action of its own: that it began is not left out of an hour in which it goes on.
    let action = if grant == "refresh_token" {
        "token_refreshed"
    } else {
        "token_issued"
    };
    note_often(write, by, (action, &resource), done, GOING_ON).await
}

/// Whether whoever exchanges a code is who asked for it, in time.
fn has_proof(code: &Code, form: &Form, now: Ts) -> bool {
    // OAuth 2.1 leaves the redirect URI out, as the verifier proves more; where it is sent it has to be the same.
    let sent = form.get("redirect_uri");
    let verifier = form.get("code_verifier").unwrap_or_default();
    now.0 < code.expires
        && sent.is_none_or(|sent| sent == code.redirect_uri)
        && verifies(verifier, &code.challenge)
}

/// Whatever is wrong with it.
pub(crate) fn not_good() -> OAuthError {
    OAuthError::new(OAuthCode::InvalidGrant, "it is not good, or not any more")
}
