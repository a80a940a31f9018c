//! Invitations to organisations, over HTTP.

use super::sessions::password;
use super::{ChangeAccount, ChangeInvitations, Problems, ReadInvitations, account_of};
use crate::Auth;
use crate::flows::invitations::{NewInvitation, ShownInvitation};
use crate::model::Account;
use crate::store;
use crate::store::invitation::Invitation;
use crate::store::organisation::Membership;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, RequestOrigin, Unkept,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A link of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitationLink {
    /// The link: `tlo_…`.
    link: String,
}

/// Somebody who was invited and has no account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMember {
    /// The link: `tlo_…`.
    link: String,
    /// What to call them.
    name: String,
    /// The password: at least 12 characters, and not easy to guess.
    password: String,
}

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, invite))
        .routes(routes!(revoke_invitation))
        .routes(routes!(show_invitation))
        .routes(routes!(accept_with_new_account))
        .routes(routes!(accept))
}

/// Invitations of an organisation that are open, by id.
#[utoipa::path(get, path = "/v1/organisations/{organisation}/invitations", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"), PageQuery),
    responses((status = 200, body = Page<Invitation>), Problems))]
async fn list_invitations(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadInvitations>,
    Path(organisation): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Invitation>>, Problem> {
    let at = auth.database.reader();
    let (now, rows) = (auth.clock.now().0, query.rows());
    let found = store::invitation::open_after(at, &organisation, query.after(), now, rows).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Invites an e-mail address. An invitation to it that is open is replaced.
#[utoipa::path(post, path = "/v1/organisations/{organisation}/invitations", tag = "auth", request_body = NewInvitation,
    params(("organisation" = String, Path, description = "Id of the organisation"), Idempotent),
    responses((status = 201, body = Invitation, description = "`link` is there once where no mail is sent"), Problems))]
async fn invite(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeInvitations>,
    request: RequestOrigin,
    Path(organisation): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewInvitation = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let to = (&allowed.subject, organisation.as_str());
        let (invitation, link) = auth.invite_member(write, &by, to, new).await?;
        let answer = Answer::json(StatusCode::CREATED, &invitation)?;
        match link {
            Some(link) => answer.with_once("link", &link.expose()),
            None => Ok(answer),
        }
    });
    done.await
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/v1/organisations/{organisation}/invitations/{invitation}", tag = "auth",
    params(("organisation" = String, Path, description = "Id of the organisation"),
        ("invitation" = String, Path, description = "Id of the invitation"), Idempotent),
    responses((status = 204, description = "Its link is not good any more"), Problems))]
async fn revoke_invitation(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeInvitations>,
    request: RequestOrigin,
    Path((organisation, invitation)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (organisation.as_str(), invitation.as_str());
        auth.revoke_invitation(write, &by, of).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// What somebody is invited to who has the link.
#[utoipa::path(post, path = "/v1/invitations/show", tag = "auth", security(()), request_body = InvitationLink,
    responses((status = 200, body = ShownInvitation), Problems))]
async fn show_invitation(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<Json<ShownInvitation>, Problem> {
    let InvitationLink { link } = sent.json()?;
    let by = auth.by_nobody(&request);
    Ok(Json(auth.show_invitation(&by, &link).await?))
}

/// Makes an account for whoever was invited and has none, and joins the organisation with it.
#[utoipa::path(post, path = "/v1/invitations/accept", tag = "auth", security(()), request_body = NewMember,
    responses((status = 200, body = Account), Problems))]
async fn accept_with_new_account(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<Json<Account>, Problem> {
    let sent: NewMember = sent.json()?;
    let chosen = (sent.name.as_str(), password(sent.password)?);
    let by = auth.by_nobody(&request);
    let account = auth.accept_with_new_account(by, &sent.link, chosen);
    Ok(Json(account.await?))
}

/// Joins an organisation with the account that asks, which has to be that of the address that was invited.
#[utoipa::path(post, path = "/v1/accounts/{account}/memberships", tag = "auth", request_body = InvitationLink,
    params(("account" = String, Path, description = "`me`, or the id of the account that asks"), Idempotent),
    responses((status = 201, body = Membership), Problems))]
async fn accept(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let InvitationLink { link } = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let shown = (&allowed.subject, account.as_str(), link.as_str());
        let membership = auth.accept_invitation(write, &by, shown).await?;
        Answer::json(StatusCode::CREATED, &membership)
    });
    done.await
}
