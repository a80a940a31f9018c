//! Signing out in a browser, also at the wish of an application.

use super::{Answer, SIGN_IN, local, next_of};
use crate::change::By;
use crate::flows::oauth::logout::Logout;
use crate::oauth::form::Form as Request;
use crate::{Auth, AuthError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::html;
use std::sync::Arc;
use tickloom_chassis::console::{CONSOLE, Form, LocalPath, Page, Visitor, form};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// Where applications send people who sign out (OpenID Connect RP-Initiated Logout, section 2).
pub(crate) const LOGOUT: &str = "/auth/oauth/logout";
/// Where the person's answer is sent.
const ANSWER: &str = "/console/auth/logout";

/// What a standard wants at a path of its own.
pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new().route(LOGOUT, get(show).post(to_get))
}

/// Ends the session. Whoever wants another account signs in with that, and goes on to where they were.
pub(super) async fn send(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    end(&auth, &request, &sent.visitor).await?;
    let next = match sent.fields.filled("next") {
        Some(next) => local(&next_of(Some(next)).after(SIGN_IN)),
        None => local(&format!("{SIGN_IN}?done=signed-out")),
    };
    Ok(sent.visitor.send_to(&next, &[Visitor::no_session_cookie()]))
}

/// An application sends a browser. One whose ID token is of the session of this very browser was there: nobody else has the token, and
/// nobody is asked.
async fn show(
    State(auth): State<Arc<Auth>>,
    visitor: Visitor,
    request: RequestOrigin,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = Request::parse(query.unwrap_or_default().as_bytes()).map_err(AuthError::from)?;
    let logout = auth.read_logout(&asked).await?;
    match &visitor.subject {
        None => Ok(signed_out(&visitor, &logout)),
        Some(subject) if logout.is_of(subject) => {
            end(&auth, &request, &visitor).await?;
            Ok(signed_out(&visitor, &logout))
        }
        Some(_) => Ok(page(&visitor, &logout, &asked)),
    }
}

/// The same by POST. A form of another site brings no cookie with it, so that the browser is sent here once more.
async fn to_get(sent: Bytes) -> Answer {
    let asked = Request::parse(&sent).map_err(AuthError::from)?;
    let path = LocalPath::new(&format!("{LOGOUT}?{}", asked.encoded()));
    let path = path.ok_or_else(|| {
        let detail = "the request of the application is too long";
        Problem::new(ProblemCode::BadRequest, detail)
    })?;
    Ok(Redirect::to(path.as_str()).into_response())
}

/// The person wants to sign out.
pub(super) async fn answer(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let asked = Request::parse(sent.fields.get("request").as_bytes()).map_err(AuthError::from)?;
    let logout = auth.read_logout(&asked).await?;
    end(&auth, &request, &sent.visitor).await?;
    Ok(signed_out(&sent.visitor, &logout))
}

async fn end(auth: &Auth, request: &RequestOrigin, visitor: &Visitor) -> Result<(), AuthError> {
    let Some(subject) = &visitor.subject else {
        return Ok(());
    };
    let by = By::new(subject, request, auth.clock.now());
    auth.sign_out(&by, subject).await
}

/// Where somebody goes who is signed out.
fn signed_out(visitor: &Visitor, logout: &Logout) -> Response {
    let cookie = Visitor::no_session_cookie();
    let Some(place) = &logout.place else {
        let next = local(&format!("{SIGN_IN}?done=signed-out"));
        return visitor.send_to(&next, &[cookie]);
    };
    let nobody = visitor.clone().signed_out();
    Page::going_to(place).with_cookie(cookie).respond(&nobody)
}

fn page(visitor: &Visitor, logout: &Logout, asked: &Request) -> Response {
    let inner = html! {
        input type="hidden" name="request" value=(asked.encoded());
        div.actions {
            button.button type="submit" { "Sign out" }
            a.button.quiet href=(CONSOLE) { "Stay signed in" }
        }
    };
    let body = html! {
        p {
            @match &logout.client {
                Some(client) => { strong { (client.settings.name) } " asks whether you want to sign out here too." },
                None => "An application asks whether you want to sign out here too.",
            }
            " You are signed in as " strong { (visitor.name) } "."
        }
        p { "Applications in which you are signed in with this session are told." }
        (form(visitor, ANSWER, &inner))
    };
    Page::new("Sign out?", body).narrow().respond(visitor)
}
