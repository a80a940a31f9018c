//! Applications, as administrators register them and as people allow them, over HTTP.

use super::{ChangeAccount, ChangeClients, Problems, ReadAccount, ReadClients, account_of};
use crate::oauth::client::ClientSettings;
use crate::store;
use crate::store::authorisation::Given;
use crate::store::client::{Client, Consent};
use crate::{Auth, IDLE_NS};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, IfMatch, Page, PageQuery, Problem, ProblemCode,
    RequestOrigin, Write, etag,
};
use utoipa::ToSchema;

/// Longest time that two secrets are good beside each other, in seconds: 30 days.
const GRACE_MAX_S: u32 = 30 * 86_400;

/// How a secret goes over into another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateSecret {
    /// Seconds that the old one is good still, from 0 to 2,592,000.
    #[schema(maximum = 2_592_000)]
    grace_s: u32,
}

/// Applications, by id.
#[utoipa::path(get, path = "/v1/clients", tag = "oauth", params(PageQuery),
    responses((status = 200, body = Page<Client>), Problems))]
pub(super) async fn list_clients(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadClients>,
    query: PageQuery,
) -> Result<Json<Page<Client>>, Problem> {
    let at = auth.database.reader();
    let found = store::client::after(at, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Registers an application. A confidential one gets a `secret`, which is shown once.
#[utoipa::path(post, path = "/v1/clients", tag = "oauth", request_body = ClientSettings,
    params(Idempotent),
    responses((status = 201, body = Client, description = "`secret` is there once"), Problems))]
pub(super) async fn create_client(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeClients>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let settings: ClientSettings = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let new = (&allowed.subject, settings);
        let (client, secret) = auth.create_client(write, &by, new).await?;
        let answer =
            Answer::json(StatusCode::CREATED, &client)?.with_version(&client.id, client.version);
        match secret {
            Some(secret) => answer.with_once("secret", &secret.expose()),
            None => Ok(answer),
        }
    });
    done.await
}

/// An application.
#[utoipa::path(get, path = "/v1/clients/{client}", tag = "oauth",
    params(("client" = String, Path, description = "Id of the application")),
    responses((status = 200, body = Client), Problems))]
pub(super) async fn get_client(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadClients>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = store::client::one(auth.database.reader(), &id).await?;
    let client = found.ok_or_else(|| {
        let detail = format!("there is no application `{id}`");
        Problem::new(ProblemCode::NotFound, detail)
    })?;
    let tag = (axum::http::header::ETAG, etag(&client.id, client.version));
    Ok(([tag], Json(client)).into_response())
}

/// Describes an application anew.
#[utoipa::path(put, path = "/v1/clients/{client}", tag = "oauth", request_body = ClientSettings,
    params(("client" = String, Path, description = "Id of the application"), Idempotent, IfMatch),
    responses((status = 200, body = Client), Problems))]
pub(super) async fn change_client(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeClients>,
    request: RequestOrigin,
    Path(id): Path<String>,
    if_match: IfMatch,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let settings: ClientSettings = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let changed = (&allowed.subject, id.as_str(), settings);
        let client = auth.change_client(write, &by, changed, &if_match).await?;
        Ok(Answer::json(StatusCode::OK, &client)?.with_version(&client.id, client.version))
    });
    done.await
}

/// Removes an application, with all tokens that it has.
#[utoipa::path(delete, path = "/v1/clients/{client}", tag = "oauth",
    params(("client" = String, Path, description = "Id of the application"), Idempotent, IfMatch),
    responses((status = 204, description = "It is gone"), Problems))]
pub(super) async fn delete_client(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeClients>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(id): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        as_read(write, &id, &if_match).await?;
        let gone = (&allowed.subject, id.as_str());
        auth.delete_client(write, &by, gone).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Gives an application another secret. `secret` is shown once.
#[utoipa::path(post, path = "/v1/clients/{client}/secret", tag = "oauth", request_body = RotateSecret,
    params(("client" = String, Path, description = "Id of the application"), Idempotent, IfMatch),
    responses((status = 201, body = Client, description = "`secret` is there once"), Problems))]
pub(super) async fn rotate_client_secret(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeClients>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(id): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let grace_s = grace(&sent.json()?)?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        as_read(write, &id, &if_match).await?;
        let old = (&allowed.subject, id.as_str(), grace_s);
        let (client, secret) = auth.rotate_client_secret(write, &by, old).await?;
        Answer::json(StatusCode::CREATED, &client)?.with_once("secret", &secret.expose())
    });
    done.await
}

/// Looks whether an application is as whoever asks read it.
async fn as_read(write: &mut Write, id: &str, if_match: &IfMatch) -> Result<(), Problem> {
    let client = store::client::one(write.connection(), id).await?;
    if_match.check(
        client
            .as_ref()
            .map(|client| (client.id.as_str(), client.version)),
    )
}

fn grace(sent: &RotateSecret) -> Result<u32, Problem> {
    if sent.grace_s > GRACE_MAX_S {
        let detail = format!("`grace_s` is {}, expected 0 to {GRACE_MAX_S}", sent.grace_s);
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    Ok(sent.grace_s)
}

/// What an account allowed applications.
#[utoipa::path(get, path = "/v1/accounts/{account}/applications", tag = "oauth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Consent>), Problems))]
pub(super) async fn list_applications(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Consent>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let found = store::client::consents_after(at, &account, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.client.clone())))
}

/// Takes back what an account allowed an application, with all tokens that came of it.
#[utoipa::path(delete, path = "/v1/accounts/{account}/applications/{client}", tag = "oauth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("client" = String, Path, description = "Id of the application"), Idempotent),
    responses((status = 204, description = "It is allowed nothing any more"), Problems))]
pub(super) async fn revoke_application(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, client)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let taken = (&allowed.subject, account.as_str(), client.as_str());
        auth.revoke_application(write, &by, taken).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// What applications and devices have now of what an account allowed them: each of it, by id.
#[utoipa::path(get, path = "/v1/accounts/{account}/authorisations", tag = "oauth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Given>), Problems))]
pub(super) async fn list_authorisations(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Given>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let now = auth.clock.now().0;
    let of = (account.as_str(), now, now - IDLE_NS);
    let at = auth.database.reader();
    let found = store::authorisation::given(at, of, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Ends one of them, with all tokens that came of it. What was allowed stays allowed.
#[utoipa::path(delete, path = "/v1/accounts/{account}/authorisations/{authorisation}", tag = "oauth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("authorisation" = String, Path, description = "Id of the authorisation"), Idempotent),
    responses((status = 204, description = "None of its tokens is valid any more"), Problems))]
pub(super) async fn end_authorisation(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, id)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let ended = (&allowed.subject, account.as_str(), id.as_str());
        auth.end_authorisation(write, &by, ended).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
