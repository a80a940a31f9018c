//! Signing in, going on, and signing out, over HTTP.

use super::{Enrol, Problems, ReadToEnrol, account_of};
use crate::credential::password::Password;
use crate::flows::authentication::recent_for_others;
use crate::flows::sessions::{Shown, Tokens};
use crate::passkey_messages::{AuthenticationResponse, SignedPasskey};
use crate::store::session::Session;
use crate::{Auth, IDLE_NS};
use crate::{AuthError, store};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, ProblemCode, RequestOrigin,
    Unkept,
};
use utoipa::ToSchema;

/// What somebody shows to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// E-mail address.
    email: String,
    /// Password.
    password: String,
    /// Code of the second factor, or one for recovery, if the account has one.
    code: Option<String>,
    /// A passkey as the second factor, asked for by `/v1/sessions/passkey/options`.
    passkey: Option<AuthenticationResponse>,
    /// What the device kept from the last time.
    device_token: Option<String>,
}

/// What a session is gone on with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// The refresh token that came last.
    refresh_token: String,
}

/// What somebody authenticates with once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepUp {
    /// Password, unless a passkey is shown.
    password: Option<String>,
    /// Code of the second factor, or one for recovery, if the account has one.
    code: Option<String>,
    /// A passkey in the place of both, asked for by `/v1/sessions/step-up/options`.
    passkey: Option<AuthenticationResponse>,
}

/// Signs in, and begins a session.
#[utoipa::path(post, path = "/v1/sessions", tag = "auth", security(()), request_body = SignIn,
    responses((status = 201, body = Tokens), Problems))]
pub(super) async fn sign_in(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    headers: HeaderMap,
    sent: Unkept,
) -> Result<(StatusCode, NoStore, Json<Tokens>), Problem> {
    let sent: SignIn = sent.json()?;
    let credentials = Shown {
        email: sent.email,
        password: password(sent.password)?,
        code: sent.code,
        device_token: sent.device_token,
        passkey: shown(sent.passkey.as_ref())?,
        device: device(&headers).to_owned(),
    };
    let tokens: Tokens = auth.sign_in(auth.by_nobody(&request), credentials).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(tokens)))
}

/// Goes on with a session: new tokens for the refresh token that came last.
#[utoipa::path(post, path = "/v1/tokens/refresh", tag = "auth", security(()), request_body = Refresh,
    responses((status = 200, body = Tokens), Problems))]
pub(super) async fn refresh(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<(NoStore, Json<Tokens>), Problem> {
    let sent: Refresh = sent.json()?;
    let tokens = auth.refresh(auth.by_nobody(&request), &sent.refresh_token);
    Ok((NO_STORE, Json(tokens.await?)))
}

/// Authenticates once more, for what needs a recent authentication (step-up).
#[utoipa::path(post, path = "/v1/sessions/step-up", tag = "auth", request_body = StepUp,
    responses((status = 204, description = "Done; it counts for a quarter of an hour"), Problems))]
pub(super) async fn step_up(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<StatusCode, Problem> {
    let sent: StepUp = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    match (sent.password, shown(sent.passkey.as_ref())?) {
        (Some(text), None) => {
            let proof = (password(text)?, sent.code.as_deref());
            auth.step_up(by, &allowed.subject, proof, None).await?;
        }
        (None, Some(shown)) => {
            auth.step_up_with_passkey(by, &allowed.subject, &shown, None)
                .await?;
        }
        _ => return Err(one_of_both()),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Sessions of an account that go on.
#[utoipa::path(get, path = "/v1/accounts/{account}/sessions", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Session>), Problems))]
pub(super) async fn list_sessions(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadToEnrol>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Session>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let now = auth.clock.now().0;
    let at = auth.database.reader();
    let over = (now, now - IDLE_NS);
    let rows = query.rows();
    let found = store::session::of_account(at, &account, query.after(), over, rows).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Ends a session.
#[utoipa::path(delete, path = "/v1/accounts/{account}/sessions/{session}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("session" = String, Path, description = "Id of the session"), Idempotent),
    responses((status = 204, description = "It is over"), Problems))]
pub(super) async fn end_session(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    Path((account, session)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let ended = (&allowed.subject, account.as_str(), session.as_str());
        auth.end_session(write, &by, ended).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Ends all sessions of an account but the one in which this is asked.
#[utoipa::path(delete, path = "/v1/accounts/{account}/sessions", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), Idempotent),
    responses((status = 204, description = "They are over"), Problems))]
pub(super) async fn end_sessions(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let but = allowed.subject.session.clone().unwrap_or_default();
    let done = auth.run(&allowed, &sent, async |write| {
        recent_for_others(&allowed.subject, &account, by.now)?;
        auth.end_sessions(write, &by, (&account, &but)).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Keeps an answer with secrets out of caches (RFC 6749, section 5.1).
pub(super) type NoStore = [(header::HeaderName, &'static str); 1];
pub(super) const NO_STORE: NoStore = [(header::CACHE_CONTROL, "no-store")];

fn one_of_both() -> Problem {
    let detail = "expected either `password` or `passkey`";
    Problem::new(ProblemCode::BadRequest, detail)
}

/// What a device says that it is.
pub(super) fn device(headers: &HeaderMap) -> &str {
    let agent = headers.get(header::USER_AGENT);
    agent.and_then(|agent| agent.to_str().ok()).unwrap_or("")
}

/// A passkey that was sent.
pub(super) fn shown(
    passkey: Option<&AuthenticationResponse>,
) -> Result<Option<SignedPasskey>, AuthError> {
    passkey.map(AuthenticationResponse::read).transpose()
}

/// A password that was sent.
pub(super) fn password(text: String) -> Result<Password, AuthError> {
    Ok(Password::new(text)?)
}
