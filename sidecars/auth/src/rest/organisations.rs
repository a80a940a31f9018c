//! Organisations over HTTP.

use super::{
    AddMachines, ChangeGrants, ChangeOrganisation, CreateOrganisation, Problems, ReadOrganisation,
    ReadOrganisationGrants, ReadOrganisations,
};
use crate::Auth;
use crate::change::organisation::known_organisation;
use crate::flows::grants::NewGrant;
use crate::flows::organisations::NewMachine;
use crate::model::Account;
use crate::model::organisation::Organisation;
use crate::store;
use crate::store::account::Granted;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, IfMatch, IfNoneMatch, Page, PageQuery, Problem,
    ProblemCode, RequestOrigin, Write, etag,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What an organisation is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganisationName {
    /// The name: 1 to 200 characters.
    name: String,
}

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(list_organisations, create_organisation))
        .routes(routes!(
            get_organisation,
            rename_organisation,
            delete_organisation
        ))
        .routes(routes!(add_machine))
        .routes(routes!(list_organisation_grants, create_organisation_grant))
        .routes(routes!(revoke_organisation_grant))
}

/// Organisations, by id.
#[utoipa::path(get, path = "/v1/organisations", tag = "auth", params(PageQuery),
    responses((status = 200, body = Page<Organisation>), Problems))]
async fn list_organisations(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadOrganisations>,
    query: PageQuery,
) -> Result<Json<Page<Organisation>>, Problem> {
    let at = auth.database.reader();
    let found = store::organisation::after(at, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Creates an organisation. Whoever asks is its administrator.
#[utoipa::path(post, path = "/v1/organisations", tag = "auth", request_body = OrganisationName,
    params(Idempotent),
    responses((status = 201, body = Organisation), Problems))]
async fn create_organisation(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<CreateOrganisation>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let OrganisationName { name } = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let named = (&allowed.subject, name.as_str());
        let created = auth.create_organisation(write, &by, named).await?;
        let answer =
            Answer::json(StatusCode::CREATED, &created)?.with_version(&created.id, created.version);
        answer.with_location(&format!("/auth/v1/organisations/{}", created.id))
    });
    done.await
}

/// An organisation.
#[utoipa::path(get, path = "/v1/organisations/{organisation}", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), IfNoneMatch),
    responses((status = 200, body = Organisation), Problems))]
async fn get_organisation(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadOrganisation>,
    Path(organisation): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = store::organisation::by_id(auth.database.reader(), &organisation).await?;
    let found = found.ok_or_else(|| {
        let detail = format!("there is no organisation `{organisation}`");
        Problem::new(ProblemCode::NotFound, detail)
    })?;
    if let Some(same) = if_none_match.not_modified(&found.id, found.version) {
        return Ok(same);
    }
    let tag = [(header::ETAG, etag(&found.id, found.version))];
    Ok((tag, Json(found)).into_response())
}

/// Gives an organisation another name.
#[utoipa::path(patch, path = "/v1/organisations/{organisation}", tag = "auth", request_body = OrganisationName,
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent, IfMatch),
    responses((status = 200, body = Organisation), Problems))]
async fn rename_organisation(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeOrganisation>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let OrganisationName { name } = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let named = (&allowed.subject, organisation.as_str(), name.as_str());
        let renamed = auth
            .rename_organisation(write, &by, named, &if_match)
            .await?;
        let answer = Answer::json(StatusCode::OK, &renamed)?;
        Ok(answer.with_version(&renamed.id, renamed.version))
    });
    done.await
}

/// Deletes an organisation with its programs, invitations and grants. Its people keep their accounts.
#[utoipa::path(delete, path = "/v1/organisations/{organisation}", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent, IfMatch),
    responses((status = 204, description = "It is gone"), Problems))]
async fn delete_organisation(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeOrganisation>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        organisation_as_read(write, &organisation, &if_match).await?;
        let deleted = (&allowed.subject, organisation.as_str());
        auth.delete_organisation(write, &by, deleted).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Looks whether an organisation is as whoever asks read it.
async fn organisation_as_read(
    write: &mut Write,
    id: &str,
    if_match: &IfMatch,
) -> Result<(), Problem> {
    let organisation = known_organisation(write, id).await?;
    if_match.check(Some((&organisation.id, organisation.version)))
}

/// Makes a program that belongs to the organisation. Its administrators administer it, and make its keys.
#[utoipa::path(post, path = "/v1/organisations/{organisation}/machines", tag = "auth", request_body = NewMachine,
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent),
    responses((status = 201, body = Account), Problems))]
async fn add_machine(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<AddMachines>,
    request: RequestOrigin,
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewMachine = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (&allowed.subject, organisation.as_str());
        let machine = auth.add_machine(write, &by, of, new).await?;
        let answer =
            Answer::json(StatusCode::CREATED, &machine)?.with_version(&machine.id, machine.version);
        answer.with_location(&format!("/auth/v1/accounts/{}", machine.id))
    });
    done.await
}

/// What was granted to an organisation: it holds for its members.
#[utoipa::path(get, path = "/v1/organisations/{organisation}/grants", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), PageQuery),
    responses((status = 200, body = Page<Granted>), Problems))]
async fn list_organisation_grants(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadOrganisationGrants>,
    Path(organisation): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Granted>>, Problem> {
    let at = auth.database.reader();
    let rows = query.rows();
    let found = store::account::grants_after(at, &organisation, query.after(), rows).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Grants something to an organisation, and so to its members.
#[utoipa::path(post, path = "/v1/organisations/{organisation}/grants", tag = "auth", request_body = NewGrant,
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent, IfMatch),
    responses((status = 201, body = Granted), Problems))]
async fn create_organisation_grant(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeGrants>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewGrant = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        organisation_as_read(write, &organisation, &if_match).await?;
        let to = (&allowed.subject, organisation.as_str());
        let granted = auth.create_organisation_grant(write, &by, to, new).await?;
        Answer::json(StatusCode::CREATED, &granted)
    });
    done.await
}

/// Takes a grant of an organisation back.
#[utoipa::path(delete, path = "/v1/organisations/{organisation}/grants/{grant}", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"),
        ("grant" = String, Path, description = "Id of the grant"), Idempotent, IfMatch),
    responses((status = 204, description = "It allows nothing any more"), Problems))]
async fn revoke_organisation_grant(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeGrants>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path((organisation, grant)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        organisation_as_read(write, &organisation, &if_match).await?;
        let of = (&allowed.subject, organisation.as_str(), grant.as_str());
        auth.revoke_organisation_grant(write, &by, of).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
