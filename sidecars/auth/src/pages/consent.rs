//! What an application asks of a person, and what they answer (OAuth 2.1, section 4.1; OpenID Connect Core, section 3.1.2).

use super::{Answer, SIGN_IN, SIGN_OUT, STEP_UP, scopes};
use crate::change::By;
use crate::flows::oauth::authorise::{Asked, Other, Step};
use crate::oauth::form::Form as Request;
use crate::rest::OwnSession;
use crate::{Auth, AuthError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Fields, Form, LocalPath, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// Where applications send people: outside of the console, as what comes of it may lead to another site.
pub(crate) const AUTHORIZE: &str = "/auth/oauth/authorize";
/// Where the person's answer is sent.
const ANSWER: &str = "/console/auth/consent";

/// What a standard wants at a path of its own.
pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new().route(AUTHORIZE, get(show).post(to_get))
}

/// An application sends a browser.
async fn show(
    State(auth): State<Arc<Auth>>,
    visitor: Visitor,
    request: RequestOrigin,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = read(query.unwrap_or_default().as_bytes())?;
    let now = auth.clock.now();
    let by = match &visitor.subject {
        Some(subject) => By::new(subject, &request, now),
        None => By::nobody(&request, now),
    };
    match auth
        .authorise(&by, visitor.subject.as_ref(), &asked)
        .await?
    {
        Step::Answer(place) => Ok(Redirect::to(&place).into_response()),
        Step::SignIn(asked) => to_authenticate(&visitor, &asked),
        Step::OtherAccount(other, asked) => other_account(&visitor, &other, &back(&asked)?),
        Step::Ask(what) => page(&visitor, &what, &asked),
    }
}

/// The same by POST (OpenID Connect Core, section 3.1.2.1). A form of another site brings no cookie with it, so that the browser is
/// sent here once more.
async fn to_get(sent: Bytes) -> Answer {
    let asked = read(&sent)?;
    Ok(Redirect::to(back(&asked)?.as_str()).into_response())
}

/// What the person answered.
pub(super) async fn answer(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let (subject, fields) = (&page.allowed.subject, &sent.fields);
    let asked = read(fields.get("request").as_bytes())?;
    let is_allowed = is_allowed(fields.get("answer"))?;
    let by = By::new(subject, &request, auth.clock.now());
    let answer = (subject, is_allowed);
    match auth
        .answer_consent(&by, answer, (&asked, seen(fields)))
        .await
    {
        Ok(place) => Ok(Page::going_to(&place).respond(&page.visitor)),
        Err(error) => match Problem::from(error) {
            // The application is another one than was shown, or means somebody else, or the sign-in is too long ago: it is looked at anew.
            problem if [ProblemCode::Refused, ProblemCode::Conflict].contains(&problem.code) => {
                Ok(page.visitor.go_on(&back(&asked)?, &[]))
            }
            problem => Err(problem),
        },
    }
}

/// Which of the two buttons was pressed.
pub(super) fn is_allowed(answer: &str) -> Result<bool, Problem> {
    match answer {
        "allow" => Ok(true),
        "refuse" => Ok(false),
        _ => {
            let detail = "the form has no answer";
            Err(Problem::new(ProblemCode::BadRequest, detail))
        }
    }
}

/// The version of the application that was shown.
pub(super) fn seen(fields: &Fields) -> Option<i64> {
    Some(fields.get("version").parse().unwrap_or(0))
}

/// The two buttons of an answer.
pub(super) fn buttons() -> Markup {
    html! {
        div.actions {
            button.button type="submit" name="answer" value="allow" { "Allow" }
            button.button.quiet type="submit" name="answer" value="refuse" { "Refuse" }
        }
    }
}

fn read(bytes: &[u8]) -> Result<Request, AuthError> {
    Ok(Request::parse(bytes)?)
}

/// Where this request is looked at.
fn back(asked: &Request) -> Result<LocalPath, Problem> {
    let path = LocalPath::new(&format!("{AUTHORIZE}?{}", asked.encoded()));
    path.ok_or_else(|| {
        let detail = "the request of the application is too long";
        Problem::new(ProblemCode::BadRequest, detail)
    })
}

/// Sends somebody to sign in, or to authenticate once more, and back to this request.
fn to_authenticate(visitor: &Visitor, asked: &Request) -> Answer {
    let path = if visitor.subject.is_some() {
        STEP_UP
    } else {
        SIGN_IN
    };
    Ok(Redirect::to(&back(asked)?.after(path)).into_response())
}

fn page(visitor: &Visitor, what: &Asked, asked: &Request) -> Answer {
    let (settings, request) = (&what.client.settings, &what.request);
    let place = &request.target.redirect_uri;
    let inner = html! {
        input type="hidden" name="request" value=(asked.encoded());
        input type="hidden" name="version" value=(what.client.version);
        (buttons())
    };
    let body = html! {
        p { strong { (settings.name) } " asks for access to your account." }
        @if what.could_be_anybody() { (from_here(&settings.name)) }
        (scopes::list(request.scopes.names(), &request.resources))
        p { "Then you go back to " strong { (origin(place)) } ". You can take it back at any time, under Applications." }
        (form(visitor, ANSWER, &inner))
        (whose(visitor, &back(asked)?))
    };
    Ok(Page::new("Allow access?", body).narrow().respond(visitor))
}

/// The application means somebody else than who is signed in: nobody goes on as another one without knowing.
fn other_account(visitor: &Visitor, other: &Other, next: &LocalPath) -> Answer {
    let name = &other.asked.client.settings.name;
    let place = &other.asked.request.target.redirect_uri;
    let body = html! {
        p { strong { (name) } " asks for another account than yours: for the one with which it was used before." }
        (whose(visitor, next))
        p { a href=(other.place) { "Back to " (origin(place)) ", without signing in" } }
    };
    Ok(Page::new("Another account is asked for", body)
        .narrow()
        .respond(visitor))
}

/// What to know of an application that anything could say to be.
pub(super) fn from_here(name: &str) -> Markup {
    html! {
        p.caution { "Any program can say that it is " (name) ". Allow it only if you began this yourself, just now." }
    }
}

/// Whose account it is, and the way to another.
pub(super) fn whose(visitor: &Visitor, next: &LocalPath) -> Markup {
    html! {
        p.below { "You are signed in as " strong { (visitor.name) } "." }
        (button_form(visitor, SIGN_OUT, ("Use another account", ButtonKind::Quiet), &[("next", next.as_str())]))
    }
}

/// Scheme and host of an address: what tells a person where it leads.
fn origin(address: &str) -> &str {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.split(':').next().unwrap_or(address);
    };
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    if scheme == "https" {
        return host;
    }
    let end = address.len() - rest.len() + host.len();
    address.get(..end).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_address_leads_is_its_host() {
        for (address, expected) in [
            ("https://chart.example/callback?a=b", "chart.example"),
            ("https://chart.example:8443?a", "chart.example:8443"),
            ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5000"),
            ("com.example.app:/callback", "com.example.app"),
            ("com.example.app://callback/x", "com.example.app://callback"),
        ] {
            assert_eq!(origin(address), expected);
        }
    }
}
