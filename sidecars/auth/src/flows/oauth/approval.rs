//! A person allows an application something: it is written down for now and for the next time.

use super::audit;
use super::bound::{Bound, end_beyond};
use crate::change::{By, known};
use crate::flows::authentication::{goes_on, recent};
use crate::oauth::client::GrantType;
use crate::oauth::scope::{OFFLINE, OPENID, SCOPES_MAX, Scopes};
use crate::store::authorisation::Authorisation;
use crate::store::client::Client;
use crate::store::client_login::ClientLogin;
use crate::store::session::Session;
use crate::{AuthError, store};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write};
use uuid::Uuid;

/// What a person allows an application.
pub(crate) struct Approved<'a> {
    /// Who makes the tokens: this service, under its name as a resource.
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) scopes: &'a Scopes,
    pub(crate) resources: &'a [String],
    pub(crate) nonce: Option<&'a str>,
    /// Whether it is for another device than the one in whose session it is allowed.
    pub(crate) is_on_device: bool,
}

/// Writes down that a person allowed an application something in their session: for now, and for the next time.
pub(crate) async fn approve(
    write: &mut Write,
    by: &By,
    subject: &Subject,
    (approved, until): (&Approved<'_>, i64),
) -> Result<Authorisation, AuthError> {
    let session = crate::flows::authentication::session(subject)?;
    if approved.scopes.has(OFFLINE) {
        // It outlasts the session: whoever came to a browser that was left open does not give it.
        recent(subject, by.now)?;
    }
    still_registered(approved)?;
    let session = goes_on(write, session, by.now).await?;
    let account = known(write, &subject.account).await?;
    account.person()?;
    remember(write, by, &account.id, approved).await?;
    let login = login(write, approved, &session).await?;
    let authorisation = Authorisation {
        login,
        id: format!("aut_{}", Uuid::now_v7().simple()),
        client: approved.client.id.clone(),
        session: (!approved.scopes.has(OFFLINE)).then(|| session.id.clone()),
        scopes: approved.scopes.text(),
        resources: approved.resources.join(" "),
        nonce: approved.nonce.map(str::to_owned),
        authenticated_at: session.authenticated_at,
        methods: session.methods,
        began: by.now.0,
        expires: until,
        account: account.id,
    };
    store::authorisation::add(write, &authorisation).await?;
    // Whoever sends a browser here again and again redeems nothing, and ends nothing that somebody has.
    end_beyond(write, by, &authorisation, Bound::Waiting).await?;
    let resource = format!(
        "account/{}/authorisations/{}",
        authorisation.account, authorisation.id
    );
    let detail = json!({"client": authorisation.client, "scopes": authorisation.scopes});
    let action = ("authorised", resource.as_str());
    audit(write, by, action, AuditOutcome::Done, &detail).await?;
    Ok(authorisation)
}

/// Whether the application is registered for what it asked for, now: it may have been changed after it asked.
fn still_registered(approved: &Approved<'_>) -> Result<(), Problem> {
    let settings = &approved.client.settings;
    let grant_type = if approved.is_on_device {
        GrantType::DeviceCode
    } else {
        GrantType::AuthorizationCode
    };
    let resources = approved.resources.iter().map(String::as_str);
    let registered = settings.may(grant_type);
    let registered = registered.and_then(|()| settings.asked_scopes(Some(&approved.scopes.text())));
    let registered = registered.and_then(|_| settings.asked_resources(resources, approved.issuer));
    registered.map(drop).map_err(|_| {
        let detail =
            "the application is not registered any more for what it asks for: let it begin again";
        Problem::new(ProblemCode::Refused, detail)
    })
}

/// Remembers what a person allows, at each service that it is for.
async fn remember(
    write: &mut Write,
    by: &By,
    account: &str,
    approved: &Approved<'_>,
) -> Result<(), AuthError> {
    for resource in services(approved.resources, approved.issuer) {
        let of = (account, approved.client.id.as_str(), resource);
        let before = remembered(store::client::consent(write.connection(), of).await?);
        // What the application is not registered for any more is not allowed for ever.
        let before = approved.client.settings.scopes().narrow(&before);
        let all = before.and(approved.scopes);
        // No more is remembered than can be asked for at once: otherwise what was allowed before is asked about again.
        let all = if all.names().count() > SCOPES_MAX {
            approved.scopes.text()
        } else {
            all.text()
        };
        store::client::set_consent(write, of, &all, by.now.0).await?;
    }
    Ok(())
}

/// The services that something is asked for, as consent names them: this one has no name.
pub(super) fn services<'a>(
    resources: &'a [String],
    issuer: &'a str,
) -> impl Iterator<Item = &'a str> {
    let own = resources.is_empty().then_some("");
    let named = resources
        .iter()
        .map(move |one| if one == issuer { "" } else { one });
    own.into_iter().chain(named)
}

/// The login of the application in the session, if it is told who the person is. A device that goes on alone has none: it is not signed in
/// by this session.
async fn login(
    write: &mut Write,
    approved: &Approved<'_>,
    session: &Session,
) -> Result<Option<String>, AuthError> {
    let goes_alone = approved.is_on_device && approved.scopes.has(OFFLINE);
    if goes_alone || !approved.scopes.has(OPENID) {
        return Ok(None);
    }
    let new = ClientLogin {
        id: format!("lgn_{}", Uuid::now_v7().simple()),
        session: session.id.clone(),
        client: approved.client.id.clone(),
        account: session.account.clone(),
    };
    Ok(Some(store::client_login::of(write, &new).await?))
}

/// What was allowed before; what cannot be read is asked about again.
pub(super) fn remembered(scopes: Option<String>) -> Scopes {
    Scopes::parse(&scopes.unwrap_or_default()).unwrap_or_default()
}
