//! Accounts over HTTP.

use super::{
    ChangeAccount, CreateAccounts, Problems, ReadAccount, ReadAccounts, ReadToEnrol,
    SuspendAccount, account_of,
};
use crate::Auth;
use crate::change::known;
use crate::flows::accounts::{Export, NewAccount};
use crate::flows::links::{First, LinkRequest};
use crate::model::Account;
use crate::rest::sessions::{NO_STORE, NoStore, password};
use crate::store;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, CallerAddress, Idempotent, IfMatch, IfNoneMatch, Page, PageQuery,
    Problem, ProblemCode, RequestOrigin, Unkept, Write, etag,
};
use utoipa::ToSchema;

/// A password that is chosen with a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// The link: `tlo_…`.
    link: String,
    /// The password: at least 12 characters, and not easy to guess.
    password: String,
    /// E-mail address of the first administrator; others have one already.
    email: Option<String>,
    /// Name of the first administrator.
    name: Option<String>,
}

/// Somebody who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    /// E-mail address.
    email: String,
    /// What to call them.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
}

/// Somebody who forgot the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Recover {
    /// E-mail address.
    email: String,
}

/// What an account is called from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    /// The name.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
}

/// An account with a new password.
#[derive(Serialize, ToSchema)]
pub(super) struct Finished {
    #[serde(flatten)]
    account: Account,
    /// What the device keeps, and shows when it signs in.
    device_token: String,
}

/// Chooses a password with a link that is good once.
#[utoipa::path(post, path = "/v1/links/finish", tag = "auth", security(()), request_body = Finish,
    responses((status = 200, body = Finished), Problems))]
pub(super) async fn finish_link(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<(NoStore, Json<Finished>), Problem> {
    let sent: Finish = sent.json()?;
    let first = match (sent.email, sent.name) {
        (Some(email), Some(name)) => Some(First { email, name }),
        (None, None) => None,
        _ => {
            let detail = "`email` and `name` go together";
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
    };
    let chosen = (sent.link.as_str(), password(sent.password)?);
    let (account, device) = auth.finish(auth.by_nobody(&request), chosen, first).await?;
    let device_token = device.expose().to_string();
    let finished = Finished {
        account,
        device_token,
    };
    Ok((NO_STORE, Json(finished)))
}

/// Asks for an account. The answer is the same whatever there is; a mail says more.
#[utoipa::path(post, path = "/v1/sign-up", tag = "auth", security(()), request_body = SignUp,
    params(Idempotent),
    responses((status = 202, description = "A mail is on its way, if it can be"), Problems))]
pub(super) async fn sign_up(
    State(auth): State<Arc<Auth>>,
    asked_from: (RequestOrigin, CallerAddress),
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let asked: SignUp = sent.json()?;
    let wanted = LinkRequest::of_stranger(asked.email, Some(asked.name));
    answer_link_request(&auth, &asked_from, &sent, wanted).await
}

/// Asks for a new password. The answer is the same whatever there is; a mail says more.
#[utoipa::path(post, path = "/v1/recovery", tag = "auth", security(()), request_body = Recover,
    params(Idempotent),
    responses((status = 202, description = "A mail is on its way, if there is such an account"), Problems))]
pub(super) async fn recover(
    State(auth): State<Arc<Auth>>,
    asked_from: (RequestOrigin, CallerAddress),
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let asked: Recover = sent.json()?;
    let wanted = LinkRequest::of_stranger(asked.email, None);
    answer_link_request(&auth, &asked_from, &sent, wanted).await
}

async fn answer_link_request(
    auth: &Auth,
    (request, caller): &(RequestOrigin, CallerAddress),
    sent: &Idempotent,
    wanted: LinkRequest,
) -> Result<Answered, Problem> {
    let by = auth.by_nobody(request);
    let action = wanted.action();
    let command = sent.command("anonymous");
    let done = command.run(&auth.database, &auth.clock, async |write| {
        let wanted = (wanted, caller.counted());
        auth.request_link(write, &by, wanted).await?;
        Ok(Answer::empty(StatusCode::ACCEPTED))
    });
    let done = done.await;
    auth.note_request_refused(&by, action, done.as_ref().err())
        .await?;
    done
}

/// Accounts, by id.
#[utoipa::path(get, path = "/v1/accounts", tag = "auth", params(PageQuery),
    responses((status = 200, body = Page<Account>), Problems))]
pub(super) async fn list_accounts(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadAccounts>,
    query: PageQuery,
) -> Result<Json<Page<Account>>, Problem> {
    let at = auth.database.reader();
    let found = store::account::after(at, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Makes an account of a person, who gets a link, or of a program, which gets keys.
#[utoipa::path(post, path = "/v1/accounts", tag = "auth", request_body = NewAccount,
    params(Idempotent),
    responses((status = 201, body = Account, description = "`link` is there once where no mail is sent"), Problems))]
pub(super) async fn create_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<CreateAccounts>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewAccount = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let (account, link) = auth.invite(write, &by, (&allowed.subject, new)).await?;
        let answer = Answer::json(StatusCode::CREATED, &account)?
            .with_location(&format!("/auth/v1/accounts/{}", account.id))?
            .with_version(&account.id, account.version);
        match link {
            Some(link) => answer.with_once("link", &link.expose()),
            None => Ok(answer),
        }
    });
    done.await
}

/// An account.
#[utoipa::path(get, path = "/v1/accounts/{account}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), IfNoneMatch),
    responses((status = 200, body = Account), Problems))]
pub(super) async fn get_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadToEnrol>,
    Path(account): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let account = account_of(&account, &allowed.subject);
    let found = store::account::by_id(auth.database.reader(), &account).await?;
    let found = found.ok_or_else(|| {
        let detail = format!("there is no account `{account}`");
        Problem::new(ProblemCode::NotFound, detail)
    })?;
    if let Some(same) = if_none_match.not_modified(&found.id, found.version) {
        return Ok(same);
    }
    let tag: HeaderValue = etag(&found.id, found.version);
    Ok(([(header::ETAG, tag)], Json(found)).into_response())
}

/// Gives an account another name.
#[utoipa::path(patch, path = "/v1/accounts/{account}", tag = "auth", request_body = Rename,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent, IfMatch),
    responses((status = 200, body = Account), Problems))]
pub(super) async fn rename_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: Rename = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let named = (&allowed.subject, account.as_str(), new.name.as_str());
        let account = auth.rename(write, &by, named, &if_match).await?;
        let answer = Answer::json(StatusCode::OK, &account)?;
        Ok(answer.with_version(&account.id, account.version))
    });
    done.await
}

/// Gives an account up for good, with all that is personal of it.
#[utoipa::path(delete, path = "/v1/accounts/{account}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent, IfMatch),
    responses((status = 204, description = "It is gone"), Problems))]
pub(super) async fn delete_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        as_read(write, &account, &if_match).await?;
        auth.delete_account(write, &by, (&allowed.subject, &account))
            .await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// All that is kept of an account.
#[utoipa::path(get, path = "/v1/accounts/{account}/export", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`")),
    responses((status = 200, body = Export), Problems))]
pub(super) async fn export_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
) -> Result<Json<Export>, Problem> {
    let account = account_of(&account, &allowed.subject);
    Ok(Json(auth.export(&account).await?))
}

/// Keeps an account from being used.
#[utoipa::path(post, path = "/v1/accounts/{account}/suspend", tag = "auth",
    params(("account" = String, Path, description = "Id of the account"), Idempotent, IfMatch),
    responses((status = 200, body = Account), Problems))]
pub(super) async fn suspend_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<SuspendAccount>,
    request: (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    set_suspended(&auth, (&allowed, &request), (&account, true), &sent).await
}

/// Lets an account be used again.
#[utoipa::path(post, path = "/v1/accounts/{account}/resume", tag = "auth",
    params(("account" = String, Path, description = "Id of the account"), Idempotent, IfMatch),
    responses((status = 200, body = Account), Problems))]
pub(super) async fn resume_account(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<SuspendAccount>,
    request: (RequestOrigin, IfMatch),
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    set_suspended(&auth, (&allowed, &request), (&account, false), &sent).await
}

/// Looks whether an account is as whoever asks read it.
pub(super) async fn as_read(
    write: &mut Write,
    account: &str,
    if_match: &IfMatch,
) -> Result<(), Problem> {
    let account = known(write, account).await?;
    if_match.check(Some((&account.id, account.version)))
}

async fn set_suspended(
    auth: &Auth,
    (allowed, (request, if_match)): (&Allowed<SuspendAccount>, &(RequestOrigin, IfMatch)),
    (account, is_suspended): (&str, bool),
    sent: &Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, request);
    let account = account_of(account, &allowed.subject);
    let done = auth.run(allowed, sent, async |write| {
        as_read(write, &account, if_match).await?;
        let set = (&allowed.subject, account.as_str(), is_suspended);
        let account = auth.set_suspended(write, &by, set).await?;
        let answer = Answer::json(StatusCode::OK, &account)?;
        Ok(answer.with_version(&account.id, account.version))
    });
    done.await
}
