//! Signing in with a provider, and outside identities, over HTTP.

use super::sessions::{NO_STORE, NoStore, device, shown};
use super::{ChangeAccount, Enrol, OwnSession, Problems, ReadAccount, account_of};
use crate::flows::authentication::SecondFactor;
use crate::flows::providers::{BegunRequest, Finished, Purpose};
use crate::flows::sessions::Tokens;
use crate::passkey_messages::AuthenticationResponse;
use crate::provider::Returned;
use crate::store::identity::Identity;
use crate::{Auth, store};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Page, PageQuery, Problem, RequestOrigin, Unkept,
};
use utoipa::ToSchema;

/// What somebody reads there.
const CALLBACK_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tickloom</title>\
    <p>The provider has answered. Go back to the program in which you began to sign in.</p></html>";

/// A provider of sign-in.
#[derive(Serialize, ToSchema)]
pub(super) struct KnownProvider {
    /// Its name in paths.
    name: String,
    /// What people read.
    title: String,
}

/// A request to a provider that was begun.
#[derive(Serialize, ToSchema)]
pub(super) struct Begun {
    /// Where the person goes in a browser. The provider sends them back to `/auth/v1/providers/{provider}/callback`.
    url: String,
    /// What the request is finished with, once, within ten minutes: a secret of whoever began it.
    request: String,
}

/// What came back from a provider, with the secret of the request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// The secret of the request.
    request: String,
    /// `state` of the address to which the provider sent the person back.
    state: String,
    /// `code` of that address.
    code: Option<String>,
    /// `iss` of that address, if it has one.
    iss: Option<String>,
    /// `error` of that address, if it has one.
    error: Option<String>,
    /// For authenticating once more, if the account has a second factor: its code, or one for recovery.
    second_factor: Option<String>,
    /// A passkey in the place of that, asked for by `/v1/sessions/step-up/options`.
    passkey: Option<AuthenticationResponse>,
}

/// The second factor, for which a request waits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishSecondFactor {
    /// The secret of the request.
    request: String,
    /// Code of the second factor, or one for recovery.
    code: Option<String>,
    /// A passkey in the place of that, asked for by `/v1/sessions/passkey/options`.
    passkey: Option<AuthenticationResponse>,
}

impl From<BegunRequest> for Begun {
    fn from(begun: BegunRequest) -> Begun {
        Begun {
            url: begun.url,
            request: begun.secret.expose().to_owned(),
        }
    }
}

impl Finish {
    fn parts(self) -> Finished {
        let returned = Returned {
            code: self.code,
            state: self.state,
            iss: self.iss,
            error: self.error,
        };
        let secret = self.request;
        Finished { secret, returned }
    }
}

/// Providers with which people sign in here.
#[utoipa::path(get, path = "/v1/providers", tag = "auth", security(()),
    responses((status = 200, body = Vec<KnownProvider>), Problems))]
pub(super) async fn list_providers(State(auth): State<Arc<Auth>>) -> Json<Vec<KnownProvider>> {
    let known = auth.providers.iter().map(|provider| KnownProvider {
        name: provider.name.clone(),
        title: provider.config.title.clone(),
    });
    Json(known.collect())
}

/// Begins to sign in with a provider.
#[utoipa::path(post, path = "/v1/providers/{provider}/sign-in", tag = "auth", security(()),
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Begun), Problems))]
pub(super) async fn begin_sign_in(
    State(auth): State<Arc<Auth>>,
    Path(provider): Path<String>,
    _: Unkept,
) -> Result<(StatusCode, NoStore, Json<Begun>), Problem> {
    let what = (provider.as_str(), Purpose::SignIn);
    let begun = auth.begin_provider(what, None, auth.clock.now()).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(begun.into())))
}

/// Signs in with what came back from a provider, and begins a session.
#[utoipa::path(post, path = "/v1/providers/{provider}/sign-in/finish", tag = "auth", security(()), request_body = Finish,
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Tokens), Problems))]
pub(super) async fn finish_sign_in(
    State(auth): State<Arc<Auth>>,
    (request, headers): (RequestOrigin, HeaderMap),
    Path(provider): Path<String>,
    sent: Unkept,
) -> Result<(StatusCode, NoStore, Json<Tokens>), Problem> {
    let finished = sent.json::<Finish>()?.parts();
    let by = auth.by_nobody(&request);
    let shown = (finished, device(&headers));
    let tokens: Tokens = auth.finish_sign_in(by, &provider, shown).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(tokens)))
}

/// Signs in with the second factor, where a provider has said who it is, and begins a session.
#[utoipa::path(post, path = "/v1/providers/{provider}/sign-in/second-factor", tag = "auth", security(()), request_body = FinishSecondFactor,
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Tokens), Problems))]
pub(super) async fn finish_second_factor(
    State(auth): State<Arc<Auth>>,
    (request, headers): (RequestOrigin, HeaderMap),
    Path(provider): Path<String>,
    sent: Unkept,
) -> Result<(StatusCode, NoStore, Json<Tokens>), Problem> {
    let sent: FinishSecondFactor = sent.json()?;
    let by = auth.by_nobody(&request);
    let passkey = shown(sent.passkey.as_ref())?;
    let factor = SecondFactor::new(sent.code.as_deref(), passkey.as_ref());
    let shown = (sent.request.as_str(), factor, device(&headers));
    let tokens: Tokens = auth.finish_with_second_factor(by, &provider, shown).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(tokens)))
}

/// Begins to authenticate once more at a provider (step-up).
#[utoipa::path(post, path = "/v1/providers/{provider}/step-up", tag = "auth",
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Begun), Problems))]
pub(super) async fn begin_step_up(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    Path(provider): Path<String>,
    _: Unkept,
) -> Result<(StatusCode, NoStore, Json<Begun>), Problem> {
    let what = (provider.as_str(), Purpose::StepUp);
    let now = auth.clock.now();
    let begun = auth
        .begin_provider(what, Some(&allowed.subject), now)
        .await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(begun.into())))
}

/// Authenticates once more with what came back from a provider (step-up).
#[utoipa::path(post, path = "/v1/providers/{provider}/step-up/finish", tag = "auth", request_body = Finish,
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 204, description = "Done; it counts for a quarter of an hour"), Problems))]
pub(super) async fn finish_step_up(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    Path(provider): Path<String>,
    sent: Unkept,
) -> Result<StatusCode, Problem> {
    let mut sent: Finish = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let whose = (provider.as_str(), &allowed.subject);
    let (code, passkey) = (sent.second_factor.take(), shown(sent.passkey.as_ref())?);
    let factor = SecondFactor::new(code.as_deref(), passkey.as_ref());
    auth.finish_step_up(by, whose, (sent.parts(), factor), None)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins to link an outside identity with one's own account.
#[utoipa::path(post, path = "/v1/providers/{provider}/link", tag = "auth",
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Begun), Problems))]
pub(super) async fn begin_identity_link(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    Path(provider): Path<String>,
    _: Unkept,
) -> Result<(StatusCode, NoStore, Json<Begun>), Problem> {
    let by = auth.by(&allowed.subject, &request);
    let begun = auth.begin_link(&by, (&provider, &allowed.subject)).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(begun.into())))
}

/// Links an outside identity with one's own account, with what came back from a provider.
#[utoipa::path(post, path = "/v1/providers/{provider}/link/finish", tag = "auth", request_body = Finish,
    params(("provider" = String, Path, description = "Name of the provider")),
    responses((status = 201, body = Identity), Problems))]
pub(super) async fn finish_identity_link(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    Path(provider): Path<String>,
    sent: Unkept,
) -> Result<(StatusCode, Json<Identity>), Problem> {
    let finished = sent.json::<Finish>()?.parts();
    let by = auth.by(&allowed.subject, &request);
    let whose = (provider.as_str(), &allowed.subject);
    let linked = auth.finish_link(by, whose, finished).await?;
    Ok((StatusCode::CREATED, Json(linked)))
}

/// What somebody reads where a provider sends them back to, who began the request in a program of their own: it reads the address there.
/// What is in it is worth nothing without the secret of the request.
pub(crate) fn callback_page() -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (head, CALLBACK_PAGE).into_response()
}

/// Outside identities of an account.
#[utoipa::path(get, path = "/v1/accounts/{account}/identities", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"), PageQuery),
    responses((status = 200, body = Page<Identity>), Problems))]
pub(super) async fn list_identities(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadAccount>,
    Path(account): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Identity>>, Problem> {
    let account = account_of(&account, &allowed.subject);
    let (at, rows) = (auth.database.reader(), query.rows());
    let found = store::identity::of_account(at, &account, query.after(), rows).await?;
    Ok(Json(query.page(found, |item| item.id.clone())))
}

/// Unlinks an outside identity; sessions elsewhere end. The last way in stays.
#[utoipa::path(delete, path = "/v1/accounts/{account}/identities/{identity}", tag = "auth",
    params(("account" = String, Path, description = "Id of the account, or `me`"),
        ("identity" = String, Path, description = "Id of the outside identity"), Idempotent),
    responses((status = 204, description = "It is unlinked"), Problems))]
pub(super) async fn unlink(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, identity)): Path<(String, String)>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let unlinked = (&allowed.subject, account.as_str(), identity.as_str());
        auth.unlink(write, &by, unlinked).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
