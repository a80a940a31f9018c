//! Devices without a browser, which a person approves here with the code that they show (RFC 8628).

use super::consent::{buttons, from_here, is_allowed, seen, whose};
use super::{Answer, Done, STEP_UP, local, rejected, scopes};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::flows::oauth::device::{Decision, VERIFICATION, WaitingDevice};
use crate::flows::oauth::issue::names;
use crate::oauth::scope::OFFLINE;
use crate::rest::OwnSession;
use crate::{Auth, AuthError};
use axum::Router;
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{
    Field, FieldError, Form, LocalPath, Page, PageAllowed, Visitor, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// Where a code is typed.
const PATH: &str = "/console/auth/device";
/// Where what asks is decided on.
const DECIDE: &str = "/console/auth/device/decide";

/// A code that an address has.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    user_code: Option<String>,
}

/// The short address that devices show.
pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new().route(VERIFICATION, get(lead))
}

async fn lead(RawQuery(query): RawQuery) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let path = LocalPath::new(&format!("{PATH}{query}"));
    let path = path.unwrap_or_else(|| local(PATH));
    Redirect::to(path.as_str()).into_response()
}

/// Asks for the code. One that is in the address is not looked at before the person sends it: a link of somebody else guesses nothing.
pub(super) async fn show(
    page: PageAllowed<OwnSession>,
    (Query(query), Query(typed)): (Query<Done>, Query<Typed>),
) -> Response {
    let code = typed.user_code.as_deref().unwrap_or("");
    code_page(&page.visitor, code, (&[], query.notice()))
}

fn code_page(
    visitor: &Visitor,
    code: &str,
    (errors, notice): (&[FieldError], Option<&'static str>),
) -> Response {
    let inner = html! {
        (Field { name: "user_code", label: "Code", value: code, autocomplete: "off", errors,
            hint: "The eight letters that the device shows. Go on only if the device is in front of you.", ..Field::default() })
        button.button type="submit" { "Go on" }
    };
    let body = form(visitor, PATH, &inner);
    let page = Page::new("Connect a device", body).narrow();
    page.with_notice(notice)
        .with_errors(errors)
        .respond(visitor)
}

/// Shows what asks with a code.
pub(super) async fn look(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let code = sent.fields.get("user_code").trim();
    let by = By::new(subject, &request, auth.clock.now());
    match auth.waiting_device(&by, (subject, code)).await {
        Ok(waiting) if goes_on_alone(&waiting) && recent(subject, by.now).is_err() => {
            Ok(visitor.send_to(&local(&back(code).after(STEP_UP)), &[]))
        }
        Ok(waiting) => Ok(device_page(visitor, code, &waiting)),
        Err(error) => {
            let errors = [said(error)?];
            Ok(code_page(visitor, code, (&errors, None)))
        }
    }
}

/// Whether the device would go on when the person is not there, which needs a fresh proof.
fn goes_on_alone(waiting: &WaitingDevice) -> bool {
    names(&waiting.scopes).any(|name| name == OFFLINE)
}

/// The page with a code in it.
fn back(code: &str) -> LocalPath {
    local(&LocalPath::with_query(PATH, &[("user_code", code)]))
}

fn device_page(visitor: &Visitor, code: &str, waiting: &WaitingDevice) -> Response {
    let inner = html! {
        input type="hidden" name="user_code" value=(code);
        input type="hidden" name="version" value=(waiting.version);
        (buttons())
    };
    let body = html! {
        p { strong { (waiting.name) } " on another device asks for access to your account." }
        (from_here(&waiting.name))
        (scopes::list(names(&waiting.scopes), &waiting.resources))
        p { "You can take it back at any time, under Applications." }
        (form(visitor, DECIDE, &inner))
        (whose(visitor, &back(code)))
    };
    Page::new("Allow the device?", body)
        .narrow()
        .respond(visitor)
}

/// What the person decided.
pub(super) async fn decide(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let code = sent.fields.get("user_code");
    let is_allowed = is_allowed(sent.fields.get("answer"))?;
    let by = By::new(subject, &request, auth.clock.now());
    let decision = Decision {
        is_allowed,
        seen: seen(&sent.fields),
    };
    match auth.decide_device(&by, (subject, code), decision).await {
        Ok(()) => {
            let done = if is_allowed {
                "device-allowed"
            } else {
                "device-refused"
            };
            Ok(visitor.send_to(&local(&format!("{PATH}?done={done}")), &[]))
        }
        Err(error) => {
            let errors = [said(error)?];
            Ok(code_page(visitor, code, (&errors, None)))
        }
    }
}

fn said(error: AuthError) -> Result<FieldError, Problem> {
    let problem = Problem::from(error);
    if problem.code == ProblemCode::NotFound {
        let what =
            "No device waits with this code. Look at the code again, or let the device begin anew.";
        return Ok(FieldError::new("user_code", what));
    }
    rejected(problem, "")
}
