//! What somebody authenticates with, over HTTP: the password and the second factor.

use super::{Enrol, OwnSession, Problems, ReadToEnrol, SuspendAccount, account_of};
use crate::Auth;
use crate::flows::factor::NewFactor;
use crate::flows::password::ChosenPassword;
use crate::model::Account;
use crate::passkey_messages::AuthenticationResponse;
use crate::rest::sessions::{NO_STORE, NoStore, password, shown};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tickloom_chassis::{Allowed, Answer, Answered, Idempotent, Problem, RequestOrigin, Unkept};
use utoipa::ToSchema;

/// A password in the place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePassword {
    /// The present password; left out if there is none.
    present: Option<String>,
    /// The new one: at least 12 characters, and not easy to guess.
    new: String,
    /// Code of the second factor, or one for recovery, if the account has one.
    code: Option<String>,
    /// A passkey as the second factor, asked for by `/v1/sessions/step-up/options`.
    passkey: Option<AuthenticationResponse>,
}

/// A code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    /// Six digits.
    code: String,
}

/// Codes for when the app is lost.
#[derive(Serialize, ToSchema)]
pub(super) struct Codes {
    /// Ten codes, good once each, shown once.
    recovery_codes: Option<Vec<String>>,
}

/// Codes that were not used yet.
#[derive(Serialize, ToSchema)]
pub(super) struct CodesLeft {
    /// How many, of ten.
    left: i64,
}

/// By what a device is known.
#[derive(Serialize, ToSchema)]
pub(super) struct KnownDevice {
    /// What the device keeps, and shows when it signs in.
    device_token: String,
}

/// Changes one's own password; all other sessions end, and no other device is known.
#[utoipa::path(post, path = "/v1/accounts/me/password", tag = "auth", request_body = ChangePassword,
    responses((status = 200, body = KnownDevice, description = "It is changed"), Problems))]
pub(super) async fn change_password(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<(NoStore, Json<KnownDevice>), Problem> {
    let sent: ChangePassword = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let chosen = ChosenPassword {
        present: sent.present.map(password).transpose()?,
        new: password(sent.new)?,
        code: sent.code,
        passkey: shown(sent.passkey.as_ref())?,
    };
    let device = auth
        .change_password(by, &allowed.subject, chosen, None)
        .await?;
    let device_token = device.expose().to_string();
    Ok((NO_STORE, Json(KnownDevice { device_token })))
}

/// Removes one's own password: passkeys sign in alone from now on. Other sessions end.
#[utoipa::path(delete, path = "/v1/accounts/me/password", tag = "auth",
    params(Idempotent),
    responses((status = 204, description = "There is none any more"), Problems))]
pub(super) async fn remove_password(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        auth.remove_password(write, &by, &allowed.subject).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}

/// Begins to set a second factor of one's own; it counts once a code of it is confirmed.
#[utoipa::path(post, path = "/v1/accounts/me/second-factor", tag = "auth",
    responses((status = 201, body = NewFactor), Problems))]
pub(super) async fn begin_factor(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    _: Unkept,
) -> Result<(StatusCode, NoStore, Json<NewFactor>), Problem> {
    let by = auth.by(&allowed.subject, &request);
    let factor = auth.begin_factor(&by, &allowed.subject).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(factor)))
}

/// Lets the second factor count, and gives codes for when it is lost.
#[utoipa::path(post, path = "/v1/accounts/me/second-factor/confirm", tag = "auth", request_body = Confirm,
    params(Idempotent),
    responses((status = 200, body = Codes), Problems))]
pub(super) async fn confirm_factor(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<Enrol>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let confirm: Confirm = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let shown = (&allowed.subject, confirm.code.as_str());
        let codes = auth.confirm_factor(write, &by, shown).await?;
        Answer::json(StatusCode::OK, &json!({}))?.with_once("recovery_codes", &codes)
    });
    done.await
}

/// How many recovery codes of one's own are left.
#[utoipa::path(get, path = "/v1/accounts/me/recovery-codes", tag = "auth",
    responses((status = 200, body = CodesLeft), Problems))]
pub(super) async fn count_codes(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<ReadToEnrol>,
) -> Result<Json<CodesLeft>, Problem> {
    let left = auth.codes_left(&allowed.subject).await?;
    Ok(Json(CodesLeft { left }))
}

/// Makes ten recovery codes of one's own in the place of those that there are.
#[utoipa::path(post, path = "/v1/accounts/me/recovery-codes", tag = "auth",
    params(Idempotent),
    responses((status = 200, body = Codes), Problems))]
pub(super) async fn renew_codes(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let codes = auth.renew_codes(write, &by, &allowed.subject).await?;
        Answer::json(StatusCode::OK, &json!({}))?.with_once("recovery_codes", &codes)
    });
    done.await
}

/// Gives up the second factor of somebody else who lost it: app, passkeys and recovery codes. Their sessions end.
#[utoipa::path(delete, path = "/v1/accounts/{account}/second-factor", tag = "auth",
    params(("account" = String, Path, description = "Id of the account"), Idempotent),
    responses((status = 200, body = Account, description = "There is none any more"), Problems))]
pub(super) async fn drop_lost_factor(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<SuspendAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let account = account_of(&account, &allowed.subject);
    let done = auth.run(&allowed, &sent, async |write| {
        let of = (&allowed.subject, account.as_str());
        let account = auth.drop_lost_factor(write, &by, of).await?;
        let answer = Answer::json(StatusCode::OK, &account)?;
        Ok(answer.with_version(&account.id, account.version))
    });
    done.await
}

/// Takes the second factor of one's own away.
#[utoipa::path(delete, path = "/v1/accounts/me/second-factor", tag = "auth",
    params(Idempotent),
    responses((status = 204, description = "There is none any more"), Problems))]
pub(super) async fn remove_factor(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        auth.remove_factor(write, &by, &allowed.subject).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    });
    done.await
}
