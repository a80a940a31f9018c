//! What accounts may do and what was done, over HTTP.

use super::accounts::as_read;
use super::{ChangeGrants, Problems, ReadAccount, account_of};
use crate::Auth;
use crate::flows::grants::{Explained, NewGrant, explain};
use crate::store;
use crate::store::account::Granted;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, ChassisError, Idempotent, IfMatch, Page, PageQuery, Problem,
    RequestOrigin,
};
use utoipa::IntoParams;

/// What is to be explained.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DecideQuery {
    /// What would be done: `run.read`.
    action: String,
    /// On what: `run/today`, or `run/*` for all.
    resource: String,
}

/// What an account was granted.
#[utoipa::path(get, path = "/v1/accounts/{account}/grants", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Granted>), Problems))]
pub(super) async fn list_grants(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Granted>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let found = store::account::grants_after(at, &account, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Grants something to an account.
#[utoipa::path(post, path = "/v1/accounts/{account}/grants", tag = "auth", request_body = NewGrant,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent, IfMatch),
    responses((status = 201, body = Granted), Problems))]
pub(super) async fn create_grant(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeGrants>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewGrant = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        as_read(write, &account, &if_match).await?;
        let to = (&allowed.subject, account.as_str());
        let granted = auth.create_grant(write, &by, to, new).await?;
        Answer::json(StatusCode::CREATED, &granted)
    });
    done.await
}

/// Takes a grant back.
#[utoipa::path(delete, path = "/v1/accounts/{account}/grants/{grant}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("grant" = String, Path, description = "Id of the grant"), Idempotent, IfMatch),
    responses((status = 204, description = "It allows nothing any more"), Problems))]
pub(super) async fn revoke_grant(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeGrants>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path((account, grant)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        as_read(write, &account, &if_match).await?;
        let of = (&allowed.subject, account.as_str(), grant.as_str());
        auth.revoke_grant(write, &by, of).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Whether an account may do something, and why.
#[utoipa::path(get, path = "/v1/accounts/{account}/decision", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), DecideQuery),
    responses((status = 200, body = Explained), Problems))]
pub(super) async fn decide_access(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    Query(query): Query<DecideQuery>,
) -> Result<Json<Explained>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let asked = (query.action.as_str(), query.resource.as_str());
    let mut at = auth
        .database
        .reader()
        .acquire()
        .await
        .map_err(ChassisError::from)?;
    let explained = explain(&mut at, &account, asked, auth.clock.now());
    Ok(Json(explained.await?))
}
