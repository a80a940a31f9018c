//! Demanding a second factor, over HTTP.

use super::accounts::as_read;
use super::{ChangeOrganisation, Problems, SuspendAccount, account_of};
use crate::Auth;
use crate::model::Account;
use crate::model::organisation::Organisation;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use std::sync::Arc;
use tickloom_chassis::{Allowed, Answer, Answered, Idempotent, IfMatch, Problem, RequestOrigin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(demand_factor, end_factor_demand))
        .routes(routes!(demand_factor_of_members, end_demand_of_members))
}

/// Demands that a person has a second factor: without one they sign in as far as to set it up.
#[utoipa::path(post, path = "/v1/accounts/{account}/second-factor/demand", tag = "auth",
    params(("account" = String, Path, description = "Id of the account"), Idempotent, IfMatch),
    responses((status = 200, body = Account), Problems))]
async fn demand_factor(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<SuspendAccount>,
    request: (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    of_account(&auth, (&allowed, &request), (&account, true), &sent).await
}

/// Leaves it to a person again whether they have a second factor; their organisations and the settings may demand one still.
#[utoipa::path(delete, path = "/v1/accounts/{account}/second-factor/demand", tag = "auth",
    params(("account" = String, Path, description = "Id of the account"), Idempotent, IfMatch),
    responses((status = 200, body = Account), Problems))]
async fn end_factor_demand(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<SuspendAccount>,
    request: (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    of_account(&auth, (&allowed, &request), (&account, false), &sent).await
}

async fn of_account(
    auth: &Auth,
    (allowed, (request, if_match)): (&Allowed<SuspendAccount>, &(RequestOrigin, IfMatch)),
    (account, is_demanded): (&str, bool),
    sent: &Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, request);
    let account = account_of(account, &allowed.subject);
    let done = auth.run(allowed, sent, async |write| {
        as_read(write, &account, if_match).await?;
        let demand = (&allowed.subject, account.as_str(), is_demanded);
        let account = auth.demand_factor(write, &by, demand).await?;
        let answer = Answer::json(StatusCode::OK, &account)?;
        Ok(answer.with_version(&account.id, account.version))
    });
    done.await
}

/// Demands that the people who are members of an organisation have a second factor.
#[utoipa::path(post, path = "/v1/organisations/{organisation}/second-factor/demand", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent, IfMatch),
    responses((status = 200, body = Organisation), Problems))]
async fn demand_factor_of_members(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeOrganisation>,
    request: (RequestOrigin, IfMatch),
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    of_members(&auth, (&allowed, &request), (&organisation, true), &sent).await
}

/// Leaves it to the members of an organisation again whether they have a second factor.
#[utoipa::path(delete, path = "/v1/organisations/{organisation}/second-factor/demand", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent, IfMatch),
    responses((status = 200, body = Organisation), Problems))]
async fn end_demand_of_members(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeOrganisation>,
    request: (RequestOrigin, IfMatch),
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    of_members(&auth, (&allowed, &request), (&organisation, false), &sent).await
}

async fn of_members(
    auth: &Auth,
    (allowed, (request, if_match)): (&Allowed<ChangeOrganisation>, &(RequestOrigin, IfMatch)),
    (organisation, is_demanded): (&str, bool),
    sent: &Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, request);
    let done = auth.run(allowed, sent, async |write| {
        let demand = (&allowed.subject, organisation, is_demanded);
        let organisation = auth
            .demand_factor_of_members(write, &by, demand, if_match)
            .await?;
        let answer = Answer::json(StatusCode::OK, &organisation)?;
        Ok(answer.with_version(&organisation.id, organisation.version))
    });
    done.await
}
