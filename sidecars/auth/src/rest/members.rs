//! Members of organisations, over HTTP, and what an account is a member of.

use super::{ChangeAccount, ChangeMembers, Problems, ReadAccount, ReadMembers, account_of};
use crate::Auth;
use crate::model::organisation::MemberRole;
use crate::store;
use crate::store::organisation::{Member, Membership};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, RequestOrigin,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The role of a member from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRole {
    /// The role.
    role: MemberRole,
}

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(list_members))
        .routes(routes!(set_role, remove_member))
        .routes(routes!(list_memberships))
        .routes(routes!(leave))
}

/// Members of an organisation, people and programs, by id.
#[utoipa::path(get, path = "/v1/organisations/{organisation}/members", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), PageQuery),
    responses((status = 200, body = Page<Member>), Problems))]
async fn list_members(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadMembers>,
    Path(organisation): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Member>>, Problem> {
    let at = auth.database.reader();
    let rows = query.rows();
    let found = store::organisation::members_after(at, &organisation, query.after(), rows).await?;
    Ok(Json(query.page(found, |item| item.account.clone())))
}

/// Gives a member another role.
#[utoipa::path(patch, path = "/v1/organisations/{organisation}/members/{account}", tag = "auth", request_body = NewRole,
    params(("organisation" = String, Path, description = "Id of the organisation"),
        ("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 200, body = Member), Problems))]
async fn set_role(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeMembers>,
    request: RequestOrigin,
    Path((organisation, account)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let NewRole { role } = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (&allowed.subject, organisation.as_str(), account.as_str());
        let member = auth.set_role(write, &by, of, role).await?;
        Answer::json(StatusCode::OK, &member)
    });
    done.await
}

/// Removes a person from an organisation. Their account stays as it is; a program is deleted instead.
#[utoipa::path(delete, path = "/v1/organisations/{organisation}/members/{account}", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"),
        ("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 204, description = "It is no member any more"), Problems))]
async fn remove_member(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeMembers>,
    request: RequestOrigin,
    Path((organisation, account)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (&allowed.subject, organisation.as_str(), account.as_str());
        auth.end_membership(write, &by, of).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// What an account is a member of, by the organisation's id.
#[utoipa::path(get, path = "/v1/accounts/{account}/memberships", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Membership>), Problems))]
async fn list_memberships(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Membership>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let rows = query.rows();
    let found = store::organisation::memberships(at, &account, query.after(), rows).await?;
    Ok(Json(query.page(found, |item| item.organisation.clone())))
}

/// Leaves an organisation.
#[utoipa::path(delete, path = "/v1/accounts/{account}/memberships/{organisation}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("organisation" = String, Path, description = "Id of the organisation"), Idempotent),
    responses((status = 204, description = "It is no member any more"), Problems))]
async fn leave(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, organisation)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (&allowed.subject, organisation.as_str(), account.as_str());
        auth.end_membership(write, &by, of).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
