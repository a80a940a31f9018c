//! Applications: registered, changed, given another secret, removed.

use super::audit;
use crate::Auth;
use crate::change::{By, known};
use crate::credential::secret::{self, Secret, SecretKind};
use crate::flows::accounts::good_name;
use crate::flows::authentication::{recent, require};
use crate::logout_notices::{self, end_logins};
use crate::model::AccountKind;
use crate::oauth::client::{ClientKind, ClientSettings};
use crate::store::client::Client;
use crate::store::client_login::Logins;
use crate::{AuthError, store};
use serde_json::{Value, json};
use tickloom_chassis::{AuditOutcome, IfMatch, Problem, ProblemCode, Subject, Write};
use uuid::Uuid;

impl Auth {
    /// Registers an application. A confidential one gets a secret.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what cannot be; [`ProblemCode::Forbidden`] if it could do what its account may, or what people are
    /// not asked about, and whoever registers it may not grant that.
    pub(crate) async fn create_client(
        &self,
        write: &mut Write,
        by: &By,
        (subject, settings): (&Subject, ClientSettings),
    ) -> Result<(Client, Option<Secret>), AuthError> {
        let settings = checked(write, by, subject, settings).await?;
        let client = Client {
            id: format!("cli_{}", Uuid::now_v7().simple()),
            version: 1,
            settings,
            created: by.now.0,
            created_by: by.actor.clone(),
        };
        store::client::add(write, &client, &stored(&client.settings)?).await?;
        let secret = if has_secret(&client.settings) {
            Some(add_secret(write, by, &client).await?)
        } else {
            None
        };
        note(write, by, "client_created", &client).await?;
        Ok((client, secret))
    }

    /// Describes an application anew. What kind it is stays.
    ///
    /// # Errors
    /// As [`Auth::create_client`]; [`ProblemCode::PreconditionFailed`] if it is of another version than the caller names.
    pub(crate) async fn change_client(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id, settings): (&Subject, &str, ClientSettings),
        if_match: &IfMatch,
    ) -> Result<Client, AuthError> {
        recent(subject, by.now)?;
        let before = known_client(write, id).await?;
        if_match.check(Some((&before.id, before.version)))?;
        // Who takes over an application that has an account, or that people are not asked about, has what it has.
        if before.settings.account.is_some() || before.settings.is_first_party {
            require(subject, ("grant.change", "grant/*"), by.now)?;
        }
        let settings = checked(write, by, subject, settings).await?;
        if settings.kind != before.settings.kind {
            let detail = "`kind` stays as it is: register another application";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        // What people allowed was allowed to who was there: whoever is reached elsewhere, or was never asked about, is asked about anew.
        let had = &before.settings;
        let goes_elsewhere = |uri: &String| !had.redirect_uris.contains(uri);
        let is_asked_about_now = had.is_first_party && !settings.is_first_party;
        if is_asked_about_now || settings.redirect_uris.iter().any(goes_elsewhere) {
            store::client::drop_consents_of(write, id).await?;
        }
        for gone in had
            .resources
            .iter()
            .filter(|one| !settings.resources.contains(one))
        {
            store::client::drop_consents_at(write, id, gone).await?;
        }
        let client = Client {
            version: before.version + 1,
            settings,
            ..before
        };
        if !has_secret(&client.settings) {
            store::client::end_secrets(write, id, by.now.0).await?;
        }
        store::client::set(write, &client, &stored(&client.settings)?).await?;
        note(write, by, "client_changed", &client).await?;
        Ok(client)
    }

    /// Gives an application another secret; those that it had are good for so many seconds more.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::Refused`] for a public one, which has none.
    pub(crate) async fn rotate_client_secret(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id, grace_s): (&Subject, &str, u32),
    ) -> Result<(Client, Secret), AuthError> {
        recent(subject, by.now)?;
        let client = known_client(write, id).await?;
        if client.settings.account.is_some() || client.settings.is_first_party {
            require(subject, ("grant.change", "grant/*"), by.now)?;
        }
        if !has_secret(&client.settings) {
            let detail = "an application that is public, or shows a key (`jwks`), has no secret";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let until = by.now.0.saturating_add(i64::from(grace_s) * 1_000_000_000);
        store::client::end_secrets(write, &client.id, until).await?;
        let secret = add_secret(write, by, &client).await?;
        let action = ("client_secret_rotated", resource(&client.id));
        let detail = json!({"old_until": until});
        audit(
            write,
            by,
            (action.0, &action.1),
            AuditOutcome::Done,
            &detail,
        )
        .await?;
        Ok((client, secret))
    }

    /// Removes an application, with all that people allowed it and all tokens that it has.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn delete_client(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id): (&Subject, &str),
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        let client = known_client(write, id).await?;
        store::authorisation::end_of_client(write, &client.id).await?;
        store::device_code::drop_of_client(write, &client.id).await?;
        store::client_login::drop_of_client(write, &client.id).await?;
        store::client::drop_client(write, &client.id).await?;
        note(write, by, "client_deleted", &client).await
    }

    /// Takes back what an account allowed an application, with all tokens that came of it.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`] if there was nothing.
    pub(crate) async fn revoke_application(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, client): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        crate::flows::authentication::recent_for_others(subject, account, by.now)?;
        let had_consent = store::client::drop_consent(write, account, client).await?;
        let ended = store::authorisation::end_of_account(write, account, Some(client)).await?;
        end_logins(write, Logins::OfBoth(account, client), by.now).await?;
        if !had_consent && ended == 0 {
            let detail = format!("the account allowed `{client}` nothing");
            return Err(Problem::new(ProblemCode::NotFound, detail).into());
        }
        let resource = format!("account/{account}/applications/{client}");
        by.audit(write, "consent_revoked", &resource, AuditOutcome::Done)
            .await
    }
}

impl Auth {
    /// Ends one of what applications have of an account, with all tokens that came of it.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn end_authorisation(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        crate::flows::authentication::recent_for_others(subject, account, by.now)?;
        let found = store::authorisation::one(write.connection(), id).await?;
        let Some(found) = found.filter(|found| found.account == account) else {
            let detail = format!("there is no authorisation `{id}` of this account");
            return Err(Problem::new(ProblemCode::NotFound, detail).into());
        };
        logout_notices::end_authorisation(write, &found, by.now).await?;
        let resource = format!("account/{account}/authorisations/{id}");
        by.audit(write, "authorisation_ended", &resource, AuditOutcome::Done)
            .await
    }
}

/// The application of this id, which has to be there.
pub(crate) async fn known_client(write: &mut Write, id: &str) -> Result<Client, AuthError> {
    let found = store::client::one(write.connection(), id).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no application `{id}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}

/// Whether an application shows a secret, and not a key or nothing.
fn has_secret(settings: &ClientSettings) -> bool {
    settings.kind == ClientKind::Confidential && settings.jwks.is_none()
}

/// Settings that can be, by somebody who may say so.
async fn checked(
    write: &mut Write,
    by: &By,
    subject: &Subject,
    settings: ClientSettings,
) -> Result<ClientSettings, AuthError> {
    recent(subject, by.now)?;
    let wrong = |detail: String| Problem::new(ProblemCode::BadRequest, detail);
    let called = good_name(&settings.name)?;
    if let Some(fault) = settings.fault() {
        return Err(wrong(fault).into());
    }
    if settings.account.is_some() || settings.is_first_party {
        // Whoever has the application does what the program may do, or what people are not asked about.
        require(subject, ("grant.change", "grant/*"), by.now)?;
    }
    if let Some(id) = &settings.account {
        let account = known(write, id).await?;
        account.usable()?;
        if account.kind != AccountKind::Machine {
            let detail = "`account` is no program's: people authorise applications themselves";
            return Err(wrong(detail.to_owned()).into());
        }
    }
    Ok(ClientSettings {
        name: called,
        ..settings
    })
}

async fn add_secret(write: &mut Write, by: &By, client: &Client) -> Result<Secret, AuthError> {
    let (shown, stored) = secret::make(SecretKind::Client, by.now)?;
    store::client::add_secret(write, &stored, &client.id, by.now.0).await?;
    Ok(shown)
}

async fn note(write: &mut Write, by: &By, action: &str, client: &Client) -> Result<(), AuthError> {
    let detail = json!({"version": client.version, "settings": without_name(&client.settings)});
    let resource = resource(&client.id);
    audit(write, by, (action, &resource), AuditOutcome::Done, &detail).await
}

/// A name may be somebody's; all else is how the application is set up.
fn without_name(settings: &ClientSettings) -> Value {
    let mut value = serde_json::to_value(settings).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("name");
    }
    value
}

fn stored(settings: &ClientSettings) -> Result<String, AuthError> {
    let text = serde_json::to_string(settings);
    Ok(text.map_err(|error| Problem::internal(error.to_string()))?)
}

impl Client {
    /// As it is in the audit log.
    pub(crate) fn resource(&self) -> String {
        resource(&self.id)
    }
}

fn resource(id: &str) -> String {
    format!("client/{id}")
}
