//! Another e-mail address for an account, over HTTP.

use super::{ChangeAccount, Problems, account_of};
use crate::Auth;
use crate::flows::email::EmailAsked;
use crate::model::Account;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{Allowed, Answer, Answered, Idempotent, Problem, RequestOrigin};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The address that an account is to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEmail {
    /// E-mail address.
    email: String,
}

/// The link that was sent to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmailLink {
    /// What stands behind the `#` of the link.
    link: String,
}

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(ask_email))
        .routes(routes!(confirm_email))
}

/// Asks for another e-mail address. The answer is the same whatever there is; a mail to that address says more. That of somebody else is
/// set at once where they cannot sign in yet, or where no mail is sent.
#[utoipa::path(post, path = "/v1/accounts/{account}/email", tag = "auth", request_body = NewEmail,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 202, description = "A mail is on its way to the new address, if it can be"),
        (status = 200, body = Account, description = "It is set; `link` is there once for who has not signed in yet, where no mail is sent"),
        Problems))]
async fn ask_email(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewEmail = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let asked = (&allowed.subject, account.as_str(), new.email.as_str());
        answer(auth.ask_email(write, &by, asked).await?)
    });
    done.await
}

fn answer(asked: EmailAsked) -> Result<Answer, Problem> {
    let (account, link) = match asked {
        EmailAsked::Mailed => return Ok(Answer::empty(StatusCode::ACCEPTED)),
        EmailAsked::Set(account, link) => (account, link),
    };
    let answer = Answer::json(StatusCode::OK, &account)?.with_version(&account.id, account.version);
    match link {
        Some(link) => answer.with_once("link", &link.expose()),
        None => Ok(answer),
    }
}

/// Gives one's own account the address to which the link was sent, in a session.
#[utoipa::path(post, path = "/v1/accounts/{account}/email/confirm", tag = "auth", request_body = EmailLink,
    params(("account" = String, Path, description = "`me`, or the id of the account that asks"), Idempotent),
    responses((status = 200, body = Account), Problems))]
async fn confirm_email(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let EmailLink { link } = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let shown = (&allowed.subject, account.as_str(), link.as_str());
        let account = auth.confirm_email(write, &by, shown).await?;
        let answer = Answer::json(StatusCode::OK, &account)?;
        Ok(answer.with_version(&account.id, account.version))
    });
    done.await
}
