//! Passkeys over HTTP.

use super::sessions::{NO_STORE, NoStore, device};
use super::{ChangeAccount, Enrol, Problems, ReadToEnrol, account_of};
use crate::credential::passkey::Purpose;
use crate::flows::sessions::Tokens;
use crate::passkey_messages::{
    AuthenticationResponse, CreationOptions, RegistrationResponse, RequestOptions,
};
use crate::store::passkey::Passkey;
use crate::{Auth, store};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, RequestOrigin, Unkept,
};
use utoipa::ToSchema;

/// What a passkey is asked for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AskedFor {
    /// To sign in with it alone.
    SignIn,
    /// To show it beside a password.
    SecondFactor,
}

/// Somebody who wants to show a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskPasskey {
    purpose: AskedFor,
}

/// A passkey that somebody shows to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasskeySignIn {
    /// What the browser got from the authenticator.
    passkey: AuthenticationResponse,
    /// What the device kept from the last time.
    device_token: Option<String>,
}

/// A new passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddPasskey {
    /// What to call it: 1 to 200 characters.
    name: String,
    /// What the browser got from the authenticator.
    passkey: RegistrationResponse,
}

/// What a passkey is called from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenamePasskey {
    /// The name: 1 to 200 characters.
    name: String,
}

/// Asks for a passkey to sign in with, alone or beside a password: what `navigator.credentials.get` takes. It is the same for everybody.
#[utoipa::path(post, path = "/v1/sessions/passkey/options", tag = "auth", security(()), request_body = AskPasskey,
    responses((status = 200, body = RequestOptions), Problems))]
pub(super) async fn ask_passkey(
    State(auth): State<Arc<Auth>>,
    sent: Unkept,
) -> Result<(NoStore, Json<RequestOptions>), Problem> {
    let asked: AskPasskey = sent.json()?;
    let purpose = match asked.purpose {
        AskedFor::SignIn => Purpose::SignIn,
        AskedFor::SecondFactor => Purpose::SecondFactor,
    };
    let options = auth.request_passkey(purpose, auth.clock.now())?;
    Ok((NO_STORE, Json(options)))
}

/// Signs in with a passkey alone, and begins a session.
#[utoipa::path(post, path = "/v1/sessions/passkey", tag = "auth", security(()), request_body = PasskeySignIn,
    responses((status = 201, body = Tokens), Problems))]
pub(super) async fn sign_in_with_passkey(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    headers: HeaderMap,
    sent: Unkept,
) -> Result<(StatusCode, NoStore, Json<Tokens>), Problem> {
    let sent: PasskeySignIn = sent.json()?;
    let shown = sent.passkey.read()?;
    let on = (sent.device_token.as_deref(), device(&headers));
    let tokens: Tokens = auth
        .sign_in_with_passkey(auth.by_nobody(&request), &shown, on)
        .await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(tokens)))
}

/// Asks for a passkey of one's own, to authenticate once more or to change the password.
#[utoipa::path(post, path = "/v1/sessions/step-up/options", tag = "auth",
    responses((status = 200, body = RequestOptions), Problems))]
pub(super) async fn ask_own_passkey(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    _: Unkept,
) -> Result<(NoStore, Json<RequestOptions>), Problem> {
    let by = auth.by(&allowed.subject, &request);
    let options = auth.request_own_passkey(&by, &allowed.subject).await?;
    Ok((NO_STORE, Json(options)))
}

/// Begins to register a passkey of one's own: what `navigator.credentials.create` takes.
#[utoipa::path(post, path = "/v1/accounts/{account}/passkeys/options", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`")),
    responses((status = 200, body = CreationOptions), Problems))]
pub(super) async fn begin_passkey(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    Path(account): Path<String>,
    _: Unkept,
) -> Result<(NoStore, Json<CreationOptions>), Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let owner = (&allowed.subject, account.as_str());
    let options = auth.begin_passkey(&by, owner).await?;
    Ok((NO_STORE, Json(options)))
}

/// Registers a passkey of one's own. If it is the first second factor, there are recovery codes, shown once.
#[utoipa::path(post, path = "/v1/accounts/{account}/passkeys", tag = "auth", request_body = AddPasskey,
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 201, body = Passkey, description = "`recovery_codes` are there once"), Problems))]
pub(super) async fn add_passkey(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: AddPasskey = sent.json()?;
    let made = new.passkey.read()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let owner = (&allowed.subject, account.as_str());
        let named = (new.name.as_str(), made);
        let (passkey, codes) = auth.add_passkey(write, &by, owner, named).await?;
        let answer = Answer::json(StatusCode::CREATED, &passkey)?;
        match codes {
            Some(codes) => answer.with_once("recovery_codes", &codes),
            None => Ok(answer),
        }
    });
    done.await
}

/// Passkeys of an account, by id.
#[utoipa::path(get, path = "/v1/accounts/{account}/passkeys", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Passkey>), Problems))]
pub(super) async fn list_passkeys(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadToEnrol>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Passkey>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let at = auth.database.reader();
    let found = store::passkey::after(at, &account, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Gives a passkey of one's own another name.
#[utoipa::path(patch, path = "/v1/accounts/{account}/passkeys/{passkey}", tag = "auth", request_body = RenamePasskey,
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("passkey" = String, Path, description = "Id of the passkey"), Idempotent),
    responses((status = 200, body = Passkey), Problems))]
pub(super) async fn rename_passkey(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, passkey)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: RenamePasskey = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let owner = (&allowed.subject, account.as_str());
        let named = (passkey.as_str(), new.name.as_str());
        let passkey = auth.rename_passkey(write, &by, owner, named).await?;
        Answer::json(StatusCode::OK, &passkey)
    });
    done.await
}

/// Removes a passkey of one's own. Other sessions end.
#[utoipa::path(delete, path = "/v1/accounts/{account}/passkeys/{passkey}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("passkey" = String, Path, description = "Id of the passkey"), Idempotent),
    responses((status = 204, description = "It does not sign in any more"), Problems))]
pub(super) async fn remove_passkey(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, passkey)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let owner = (&allowed.subject, account.as_str());
        auth.remove_passkey(write, &by, owner, &passkey).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
