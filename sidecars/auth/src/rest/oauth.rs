//! What applications send: forms, answered in the words of OAuth.

use super::sessions::{NO_STORE, NoStore};
use crate::Auth;
use crate::AuthError;
use crate::change::By;
use crate::flows::oauth::device::DeviceStart;
use crate::flows::oauth::issue::IssuedTokens;
use crate::flows::oauth::tokens::{Introspected, UserInfo};
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::store::client::Client;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tickloom_chassis::{CallerAddress, Problem, ProblemCode, RequestOrigin, bearer};

/// Why something is not granted (RFC 6749, section 5.2).
#[derive(Serialize)]
struct Refusal {
    /// The word of the standard.
    error: &'static str,
    /// What is wrong.
    error_description: String,
}

/// A form with the head that it came with.
pub(super) struct Sent {
    headers: HeaderMap,
    form: Form,
}

/// What an application is told when something is not done.
pub(super) struct Told(AuthError);

impl<E: Into<AuthError>> From<E> for Told {
    fn from(error: E) -> Told {
        Told(error.into())
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let error = match self.0 {
            AuthError::OAuth(error) => error,
            other => return Problem::from(other).into_response(),
        };
        let status = match error.code {
            OAuthCode::InvalidClient => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let refusal = Refusal {
            error: error.code.name(),
            error_description: error.description,
        };
        let mut response = (status, NO_STORE, Json(refusal)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"tickloom\"");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Told;

    async fn from_request(request: Request, state: &S) -> Result<Sent, Told> {
        let headers = request.headers().clone();
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|refused| OAuthError::request(refused.body_text()))?;
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let words = "expected Content-Type: application/x-www-form-urlencoded";
            return Err(OAuthError::request(words).into());
        }
        let form = Form::parse(&bytes)?;
        Ok(Sent { headers, form })
    }
}

impl Auth {
    /// The application that sent a form, and in whose name things are noted.
    async fn sender(
        &self,
        sent: &Sent,
        request: &RequestOrigin,
    ) -> Result<(Client, By), AuthError> {
        let by = self.by_nobody(request);
        let client = self.presenting(&sent.headers, &sent.form, &by).await?;
        let actor = format!("client/{}", client.id);
        Ok((client, By { actor, ..by }))
    }
}

/// Gives an application tokens.
pub(super) async fn token(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Sent,
) -> Result<(NoStore, Json<IssuedTokens>), Told> {
    let (client, by) = auth.sender(&sent, &request).await?;
    let issued = auth.token(by, &client, &sent.form).await?;
    Ok((NO_STORE, Json(issued)))
}

/// Whether a token is valid, and what it says (RFC 7662): for the application that has it, or for the service that it is for.
pub(super) async fn introspect(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Sent,
) -> Result<(NoStore, Json<Introspected>), Told> {
    let (client, by) = auth.sender(&sent, &request).await?;
    let token = sent.form.need("token")?;
    let told = auth.introspect(&client, token, by.now).await?;
    Ok((NO_STORE, Json(told)))
}

/// Takes a token back (RFC 7009): an access token alone, a refresh token with all that came with it.
pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Sent,
) -> Result<StatusCode, Told> {
    let (client, by) = auth.sender(&sent, &request).await?;
    let token = sent.form.need("token")?;
    auth.revoke_token(by, &client, token).await?;
    Ok(StatusCode::OK)
}

/// Lets a device wait for a person who approves it elsewhere (RFC 8628).
pub(super) async fn device(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    caller: CallerAddress,
    sent: Sent,
) -> Result<(NoStore, Json<DeviceStart>), Told> {
    let (client, by) = auth.sender(&sent, &request).await?;
    let address = caller.counted().map(|address| address.to_string());
    let asked = (&sent.form, address.as_deref());
    let started = auth.begin_device(&by, &client, asked).await?;
    Ok((NO_STORE, Json(started)))
}

/// Who the person of an access token is, as far as its scopes go (OpenID Connect Core, section 5.3).
pub(super) async fn user_info(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<(NoStore, Json<UserInfo>), NotTold> {
    let now = auth.clock.now();
    // Who shows nothing is told how, and not that something of it is wrong (RFC 6750, section 3.1).
    let asks = |problem| NotTold {
        problem,
        shows_token: headers.contains_key(header::AUTHORIZATION),
    };
    let shown = auth.user_info(bearer(&headers).map_err(asks)?, now).await;
    Ok((NO_STORE, Json(shown.map_err(|error| asks(error.into()))?)))
}

/// A problem with a token, as RFC 6750 (section 3.1) names it.
pub(super) struct NotTold {
    problem: Problem,
    /// Whether there was a token, or what could be one.
    shows_token: bool,
}

impl IntoResponse for NotTold {
    fn into_response(self) -> Response {
        let scheme = match self.problem.code {
            ProblemCode::Unauthenticated if !self.shows_token => r#"Bearer realm="tickloom""#,
            ProblemCode::Unauthenticated => r#"Bearer realm="tickloom", error="invalid_token""#,
            ProblemCode::Forbidden => {
                r#"Bearer realm="tickloom", error="insufficient_scope", scope="openid""#
            }
            _ => return self.problem.into_response(),
        };
        let mut response = self.problem.into_response();
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        response
    }
}
