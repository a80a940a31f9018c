//! Keys for programs, over HTTP.

use super::{ChangeAccount, Problems, ReadAccount, account_of};
use crate::Auth;
use crate::flows::keys::NewKey;
use crate::store;
use crate::store::key::Key;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, ProblemCode, RequestOrigin,
};
use utoipa::ToSchema;

/// Longest time that two keys are valid beside each other, in seconds: 30 days.
const GRACE_MAX_S: u32 = 30 * 86_400;

/// How a key goes over into another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    /// Seconds that the old one is valid still, from 0 to 2,592,000.
    #[schema(maximum = 2_592_000)]
    grace_s: u32,
    /// From when on the new one is not valid, in nanoseconds since the epoch; as the old one if it is left out.
    expires: Option<i64>,
}

/// Keys of an account, without their secrets.
#[utoipa::path(get, path = "/v1/accounts/{account}/keys", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Key>), Problems))]
pub(super) async fn list_keys(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Key>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let found = store::key::after(at, &account, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Makes a key of one's own or of a program. `secret` is shown once.
#[utoipa::path(post, path = "/v1/accounts/{account}/keys", tag = "auth", request_body = NewKey,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 201, body = Key, description = "`secret` is there once"), Problems))]
pub(super) async fn create_key(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewKey = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let owner = (&allowed.subject, account.as_str());
        let (key, secret) = auth.create_key(write, &by, owner, new).await?;
        Answer::json(StatusCode::CREATED, &key)?.with_once("secret", &secret.expose())
    });
    done.await
}

/// Takes a key back.
#[utoipa::path(delete, path = "/v1/accounts/{account}/keys/{key}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("key" = String, Path, description = "Id of the key"), Idempotent),
    responses((status = 204, description = "It is not valid any more"), Problems))]
pub(super) async fn revoke_key(
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
        auth.revoke_key(write, &by, taken).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Makes a key in the place of another, which is valid a while longer. `secret` is shown once.
#[utoipa::path(post, path = "/v1/accounts/{account}/keys/{key}/rotate", tag = "auth", request_body = Rotate,
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("key" = String, Path, description = "Id of the key"), Idempotent),
    responses((status = 201, body = Key, description = "`secret` is there once"), Problems))]
pub(super) async fn rotate_key(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, key)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let Rotate { grace_s, expires } = sent.json()?;
    let grace_s = grace(grace_s)?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let old = (&allowed.subject, account.as_str(), key.as_str());
        let (key, secret) = auth.rotate_key(write, &by, old, (grace_s, expires)).await?;
        Answer::json(StatusCode::CREATED, &key)?.with_once("secret", &secret.expose())
    });
    done.await
}

/// For how long two keys are valid beside each other, in seconds.
pub(super) fn grace(grace_s: u32) -> Result<u32, Problem> {
    if grace_s > GRACE_MAX_S {
        let detail = format!("`grace_s` is {grace_s}, expected 0 to {GRACE_MAX_S}");
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    Ok(grace_s)
}
