//! What applications and devices ask of people, and what those answer, for pages of one's own.

use super::sessions::{NO_STORE, NoStore};
use super::{OwnSession, Problems};
use crate::flows::authentication::session;
use crate::flows::oauth::authorise::Step;
use crate::flows::oauth::device::{Decision, WaitingDevice};
use crate::oauth::form::Form;
use crate::{Auth, AuthError};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_chassis::{Allowed, Problem, ProblemCode, RequestOrigin, Unkept};
use utoipa::ToSchema;

/// What a person decides on a device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceDecision {
    /// The code that the device shows.
    user_code: String,
    /// Whether it may do what it asks for.
    allow: bool,
    /// The `version` of the application that the person was shown, which has to be there with `allow`: one that was changed since is
    /// looked at anew.
    version: Option<i64>,
}

/// What an application asks of a person, with the person's answer if there is one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedAuthorisation {
    /// The request, as it stands in the query of the address to which the application sends people (OAuth 2.1, section 4.1.1).
    request: String,
    /// Whether the person allows it; left out, what is to be done is found out.
    allow: Option<bool>,
    /// The `version` of the application that the person was shown, which has to be there if they allow it: one that was changed since is
    /// asked about anew.
    version: Option<i64>,
}

/// An answer that allows something says what was shown.
fn decision(is_allowed: bool, seen: Option<i64>) -> Result<Decision, Problem> {
    if is_allowed && seen.is_none() {
        let detail = "`version` is missing: that of the application as the person was shown it";
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    Ok(Decision { is_allowed, seen })
}

/// What is to be done with a person whom an application sends.
#[derive(Serialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum NextStep {
    /// They go back to the application.
    Answer {
        /// Where their browser goes.
        location: String,
    },
    /// They authenticate once more.
    SignIn {
        /// What to send here then.
        request: String,
    },
    /// The application means somebody else: they sign in as that one, or go back.
    OtherAccount {
        /// What to send here then, in a session of that account.
        request: String,
        /// Id of the account that is meant.
        account: String,
        /// Where their browser goes if they are not that one.
        location: String,
    },
    /// They are asked.
    Ask {
        /// Id of the application.
        client: String,
        /// What it is called.
        name: String,
        /// What it asks for, with a space between scopes.
        scopes: String,
        /// Services that its tokens would be for; none means this one.
        resources: Vec<String>,
        /// Where they go back to.
        redirect_uri: String,
        /// How many changes the application had: to be sent with the answer.
        version: i64,
    },
}

impl From<Step> for NextStep {
    fn from(step: Step) -> NextStep {
        match step {
            Step::Answer(location) => NextStep::Answer { location },
            Step::SignIn(form) => NextStep::SignIn {
                request: form.encoded(),
            },
            Step::OtherAccount(other, form) => NextStep::OtherAccount {
                request: form.encoded(),
                account: other.account,
                location: other.place,
            },
            Step::Ask(asked) => NextStep::Ask {
                scopes: asked.request.scopes.text(),
                resources: asked.request.resources,
                version: asked.client.version,
                redirect_uri: asked.request.target.redirect_uri,
                client: asked.client.id,
                name: asked.client.settings.name,
            },
        }
    }
}

/// A code that a device shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeviceQuery {
    /// The code.
    user_code: String,
}

/// The device that waits with a code.
#[utoipa::path(get, path = "/v1/devices", tag = "oauth", params(DeviceQuery),
    responses((status = 200, body = WaitingDevice), Problems))]
pub(super) async fn waiting_device(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    Query(query): Query<DeviceQuery>,
) -> Result<Json<WaitingDevice>, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let asked = (&allowed.subject, query.user_code.as_str());
    Ok(Json(auth.waiting_device(&by, asked).await?))
}

/// Approves the device that waits with a code, or refuses it.
#[utoipa::path(post, path = "/v1/devices", tag = "oauth", request_body = DeviceDecision,
    responses((status = 204, description = "The device is told when it asks next"), Problems))]
pub(super) async fn decide_device(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<StatusCode, Problem> {
    let sent: DeviceDecision = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let device = (&allowed.subject, sent.user_code.as_str());
    let decision = decision(sent.allow, sent.version)?;
    auth.decide_device(&by, device, decision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an application asks of whoever is signed in, or what comes of their answer: for pages on which people sign in.
#[utoipa::path(post, path = "/v1/authorisations", tag = "oauth", request_body = AskedAuthorisation,
    responses((status = 200, body = NextStep), Problems))]
pub(super) async fn authorise(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<OwnSession>,
    request: RequestOrigin,
    sent: Unkept,
) -> Result<(NoStore, Json<NextStep>), Problem> {
    let sent: AskedAuthorisation = sent.json()?;
    let by = auth.by(&allowed.subject, &request);
    let form = Form::parse(sent.request.as_bytes()).map_err(AuthError::from)?;
    session(&allowed.subject)?;
    let step = match sent.allow {
        None => auth.authorise(&by, Some(&allowed.subject), &form).await?,
        Some(allow) => {
            let answer = (&allowed.subject, allow);
            let seen = (&form, decision(allow, sent.version)?.seen);
            Step::Answer(auth.answer_consent(&by, answer, seen).await?)
        }
    };
    Ok((NO_STORE, Json(step.into())))
}
