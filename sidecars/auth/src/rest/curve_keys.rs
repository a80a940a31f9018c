//! Public keys of CURVE, over HTTP.

use super::keys::grace;
use super::{ChangeAccount, Problems, ReadAccount, ReadAccounts, account_of};
use crate::Auth;
use crate::flows::curve_keys::NewCurveKey;
use crate::flows::grants::Explained;
use crate::store;
use crate::store::curve::CurvePublicKey;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, RequestOrigin,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How a public key goes over into another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateCurveKey {
    /// The new one, in 40 characters of Z85.
    public_key: String,
    /// Seconds that the old one is valid still, from 0 to 2,592,000.
    #[schema(maximum = 2_592_000)]
    grace_s: u32,
    /// From when on the new one is not valid, in nanoseconds since the epoch; as the old one if it is left out.
    expires: Option<i64>,
}

/// What is to be explained.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideKeyQuery {
    /// The key with which a client made itself known, in 40 characters of Z85.
    public_key: String,
    /// What would be done: `topic.read`.
    action: String,
    /// On what: `topic/es`, or `topic/*` for all.
    resource: String,
}

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(list_curve_keys, register_curve_key))
        .routes(routes!(revoke_curve_key))
        .routes(routes!(rotate_curve_key))
        .routes(routes!(decide_curve_key))
}

/// Public keys of an account's ZeroMQ clients.
#[utoipa::path(get, path = "/v1/accounts/{account}/curve-keys", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<CurvePublicKey>), Problems))]
async fn list_curve_keys(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<CurvePublicKey>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let found = store::curve::after(at, &account, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Registers the public key of a ZeroMQ client of one's own or of a program. The secret half stays with the client.
#[utoipa::path(post, path = "/v1/accounts/{account}/curve-keys", tag = "auth", request_body = NewCurveKey,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 201, body = CurvePublicKey), Problems))]
async fn register_curve_key(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewCurveKey = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let owner = (&allowed.subject, account.as_str());
        let key = auth.register_curve_key(write, &by, owner, new).await?;
        Answer::json(StatusCode::CREATED, &key)
    });
    done.await
}

/// Takes a public key back.
#[utoipa::path(delete, path = "/v1/accounts/{account}/curve-keys/{key}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("key" = String, Path, description = "Id of the key"), Idempotent),
    responses((status = 204, description = "It is not valid any more"), Problems))]
async fn revoke_curve_key(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, key)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let taken = (&allowed.subject, account.as_str(), key.as_str());
        auth.revoke_curve_key(write, &by, taken).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Registers a public key in the place of another, which is valid a while longer.
#[utoipa::path(post, path = "/v1/accounts/{account}/curve-keys/{key}/rotate", tag = "auth", request_body = RotateCurveKey,
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("key" = String, Path, description = "Id of the key"), Idempotent),
    responses((status = 201, body = CurvePublicKey), Problems))]
async fn rotate_curve_key(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, key)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: RotateCurveKey = sent.json()?;
    let grace_s = grace(new.grace_s)?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let old = (&allowed.subject, account.as_str(), key.as_str());
        let new = (new.public_key.as_str(), grace_s, new.expires);
        let key = auth.rotate_curve_key(write, &by, old, new).await?;
        Answer::json(StatusCode::CREATED, &key)
    });
    done.await
}

/// Whose client has a public key, and whether it may do something, and why.
#[utoipa::path(get, path = "/v1/curve-keys/decision", tag = "auth", params(DecideKeyQuery),
    responses((status = 200, body = Explained), Problems))]
async fn decide_curve_key(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadAccounts>,
    Query(query): Query<DecideKeyQuery>,
) -> Result<Json<Explained>, Problem> {
    let asked = (query.action.as_str(), query.resource.as_str());
    Ok(Json(
        auth.explain_curve_key(&query.public_key, asked).await?,
    ))
}
