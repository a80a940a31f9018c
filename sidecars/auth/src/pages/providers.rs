//! Outside providers in a browser: signing in with one, authenticating once more there, linking an identity.
//!
//! What a request is finished with is in a cookie of the browser that began it. The provider sends the browser back to an address of the
//! API, which is registered there: who began it in a program of their own has no such cookie, and reads the address.

use super::sign_in::{agent, code_field, page as sign_in_page, said, step_up_page};
use super::{ACCOUNTS, Answer, local, next_of, passkeys, sentence};
use crate::change::By;
use crate::flows::authentication::SecondFactor;
use crate::flows::browser::{BrowserSignIn, NextCookie};
use crate::flows::providers::{BegunRequest, Finished, Purpose};
use crate::provider::Returned;
use crate::rest::OwnSession;
use crate::rest::providers::callback_page;
use crate::{Auth, AuthError};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Enrolling, FieldError, Form, LocalPath, Page, PageAllowed, SetCookie, SignedIn,
    Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// Where a provider sends browsers back to: the address that is registered there.
const CALLBACK: &str = "/auth/v1/providers/{provider}/callback";
const BELOW: &str = "/console/auth/providers";
/// The cookie of a browser whose person is at a provider.
const COOKIE: &str = "tickloom-provider";
/// As long as a request is good.
const COOKIE_S: i64 = 600;
/// Longest path that is kept in it, in bytes: browsers keep cookies of 4096 bytes (RFC 6265, section 6.1), and base64 has four for three.
const NEXT_BYTES_MAX: usize = 2500;

pub(super) fn router() -> Router<Arc<Auth>> {
    let at = |what: &str| format!("/providers/{{provider}}/{what}");
    Router::new()
        .route(&at("sign-in"), post(begin_sign_in))
        .route(&at("second-factor"), post(send_factor))
        .route(&at("step-up"), post(begin_step_up))
        .route(&at("link"), post(begin_link))
}

/// Where providers send browsers back to.
pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new().route(CALLBACK, get(callback))
}

/// Buttons of what leads to a provider, and where one goes then.
pub(super) fn buttons<'a>(
    visitor: &Visitor,
    providers: impl Iterator<Item = &'a crate::provider::Provider>,
    (does, label, next): (&str, &str, &LocalPath),
) -> Markup {
    html! {
        @for provider in providers {
            @let path = format!("{BELOW}/{}/{does}", provider.name);
            @let label = format!("{label} {}", provider.config.title);
            (button_form(visitor, &path, (&label, ButtonKind::Quiet), &[("next", next.as_str())]))
        }
    }
}

/// What a browser keeps while its person is at a provider.
struct Kept {
    purpose: Purpose,
    secret: String,
    next: LocalPath,
}

impl Kept {
    fn cookie(purpose: Purpose, begun: &BegunRequest, next: &LocalPath) -> SetCookie {
        let next = Some(next.as_str()).filter(|next| next.len() <= NEXT_BYTES_MAX);
        let next = URL_SAFE_NO_PAD.encode(next.unwrap_or_default());
        let value = format!("{}.{}.{next}", purpose.word(), begun.secret.expose());
        SetCookie::lasting(COOKIE, value, COOKIE_S)
    }

    fn of(visitor: &Visitor, headers: &HeaderMap) -> Option<Kept> {
        let cookie = visitor.cookie(headers, COOKIE)?;
        let (word, rest) = cookie.split_once('.')?;
        let (secret, next) = rest.split_once('.')?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Kept {
            purpose: Purpose::of_word(word)?,
            secret: secret.to_owned(),
            next: next_of(Some(&next)),
        })
    }
}

/// Sends a browser to the provider, which knows the way back.
fn leave(visitor: &Visitor, (purpose, begun): (Purpose, &BegunRequest), sent: &Form) -> Response {
    let next = next_of(Some(sent.fields.get("next")));
    let cookie = Kept::cookie(purpose, begun, &next);
    Page::going_to(&begun.url)
        .with_cookie(cookie)
        .respond(visitor)
}

async fn begin_sign_in(
    State(auth): State<Arc<Auth>>,
    Path(provider): Path<String>,
    sent: Form,
) -> Answer {
    let what = (provider.as_str(), Purpose::SignIn);
    let begun = auth.begin_provider(what, None, auth.clock.now()).await?;
    Ok(leave(&sent.visitor, (Purpose::SignIn, &begun), &sent))
}

async fn begin_step_up(
    State(auth): State<Arc<Auth>>,
    Enrolling(signed_in): Enrolling,
    Path(provider): Path<String>,
    sent: Form,
) -> Answer {
    let what = (provider.as_str(), Purpose::StepUp);
    let subject = Some(&signed_in.subject);
    let begun = auth.begin_provider(what, subject, auth.clock.now()).await?;
    Ok(leave(&sent.visitor, (Purpose::StepUp, &begun), &sent))
}

async fn begin_link(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    Path(provider): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let begun = auth.begin_link(&by, (&provider, subject)).await?;
    Ok(leave(&sent.visitor, (Purpose::Link, &begun), &sent))
}

/// What a provider says in the address to which it sends a browser back. Others may say more.
#[derive(Deserialize)]
struct Back {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// A browser comes back. What it brings is good for the request in its cookie, and for nothing else.
async fn callback(
    State(auth): State<Arc<Auth>>,
    visitor: Visitor,
    (request, headers): (RequestOrigin, HeaderMap),
    Path(provider): Path<String>,
    Query(back): Query<Back>,
) -> Answer {
    let Some(kept) = Kept::of(&visitor, &headers) else {
        return Ok(callback_page());
    };
    let finished = Finished {
        secret: kept.secret.clone(),
        returned: Returned {
            code: back.code,
            state: back.state.unwrap_or_default(),
            iss: back.iss,
            error: back.error,
        },
    };
    match kept.purpose {
        Purpose::SignIn => {
            let by = By::nobody(&request, auth.clock.now());
            let shown = (finished, agent(&headers));
            signed_in((&auth, &visitor), (by, &provider), (&kept, shown)).await
        }
        Purpose::StepUp => {
            let signed_in = somebody(visitor)?;
            let by = By::new(&signed_in.subject, &request, auth.clock.now());
            stepped_up((&auth, &signed_in), (by, &provider), (&kept, finished)).await
        }
        Purpose::Link => {
            let signed_in = somebody(visitor)?;
            let by = By::new(&signed_in.subject, &request, auth.clock.now());
            let whose = (provider.as_str(), &signed_in.subject);
            auth.finish_link(by, whose, finished).await?;
            let next = local(&format!("{ACCOUNTS}/me/identities?done=linked"));
            Ok(signed_in
                .visitor
                .send_to(&next, &[SetCookie::removed(COOKIE)]))
        }
    }
}

/// Whoever is signed in; others sign in first.
fn somebody(visitor: Visitor) -> Result<SignedIn, Problem> {
    match visitor.subject.clone() {
        Some(subject) => Ok(SignedIn { visitor, subject }),
        None => Err(Problem::new(
            ProblemCode::Unauthenticated,
            "nobody is signed in",
        )),
    }
}

async fn signed_in(
    (auth, visitor): (&Auth, &Visitor),
    (by, provider): (By, &str),
    (kept, (finished, device)): (&Kept, (Finished, String)),
) -> Answer {
    let done = auth.finish_sign_in(by, provider, (finished, &device)).await;
    match done {
        Ok(begun) => Ok(entered(visitor, &begun, &kept.next)),
        Err(error) => match Problem::from(error) {
            problem if problem.code == ProblemCode::SecondFactorRequired => {
                Ok(factor_page((auth, visitor), provider, &[]))
            }
            problem => {
                let errors = [of_provider(problem)?];
                Ok(sign_in_page(
                    (auth, visitor),
                    ("", &kept.next),
                    (&errors, None),
                ))
            }
        },
    }
}

/// What went wrong at a provider, for above the form with which one tries again.
fn of_provider(problem: Problem) -> Result<FieldError, Problem> {
    match problem.code {
        ProblemCode::Refused
        | ProblemCode::Forbidden
        | ProblemCode::Unauthenticated
        | ProblemCode::Unavailable
        | ProblemCode::TooManyRequests => Ok(FieldError::new("", sentence(&problem.detail))),
        _ => Err(problem),
    }
}

/// A session began: its cookie, and the page that was wanted.
fn entered(visitor: &Visitor, signed_in: &BrowserSignIn, next: &LocalPath) -> Response {
    let mut cookies = vec![SetCookie::removed(COOKIE)];
    if let BrowserSignIn::Begun { session, .. } = signed_in {
        cookies.push(Visitor::session_cookie(session.expose()));
    }
    visitor.go_on(next, &cookies)
}

fn factor_page(
    (auth, visitor): (&Auth, &Visitor),
    provider: &str,
    errors: &[FieldError],
) -> Response {
    let path = format!("{BELOW}/{provider}/second-factor");
    let fields = html! {
        (code_field(errors))
        button.button type="submit" { "Sign in" }
    };
    let passkey = html! {
        (passkeys::button(auth, ("get", passkeys::FACTOR_OPTIONS, "Use a passkey")))
    };
    let body = html! {
        p { "The provider has said who you are. Your account has a second factor: show it too." }
        @if auth.relying_party().is_ok() { (form(visitor, &path, &passkey)) }
        (form(visitor, &path, &fields))
        p { a href=(super::SIGN_IN) { "Begin again" } }
    };
    let page = Page::new("Second factor", body).narrow();
    passkeys::with_script(page.with_errors(errors)).respond(visitor)
}

async fn send_factor(
    State(auth): State<Arc<Auth>>,
    (request, headers): (RequestOrigin, HeaderMap),
    Path(provider): Path<String>,
    sent: Form,
) -> Answer {
    let visitor = &sent.visitor;
    let kept = Kept::of(visitor, &headers).filter(|kept| kept.purpose == Purpose::SignIn);
    let kept = kept.ok_or_else(|| {
        let detail = "this sign-in took too long, or was ended: begin again";
        Problem::new(ProblemCode::Refused, detail)
    })?;
    let by = By::nobody(&request, auth.clock.now());
    let what = (provider.as_str(), kept.secret.as_str());
    let (field, done) = with_factor(&auth, by, (what, &agent(&headers)), &sent).await;
    match done {
        Ok(begun) => Ok(entered(visitor, &begun, &kept.next)),
        Err(error) => {
            let errors = [said(error, field)?];
            Ok(factor_page((&auth, visitor), &provider, &errors))
        }
    }
}

/// Goes on with the second factor that a form shows; and which field that is.
async fn with_factor(
    auth: &Auth,
    by: By,
    ((provider, secret), device): ((&str, &str), &str),
    sent: &Form,
) -> (&'static str, Result<BrowserSignIn, AuthError>) {
    if sent.fields.filled("passkey").is_none() {
        let code = SecondFactor::Code(sent.fields.get("code").trim());
        let shown = (secret, code, device);
        let done = auth.finish_with_second_factor(by, provider, shown).await;
        return ("code", done);
    }
    let done = match passkeys::shown(sent) {
        Ok(shown) => {
            let shown = (secret, SecondFactor::Passkey(&shown), device);
            auth.finish_with_second_factor(by, provider, shown).await
        }
        Err(error) => Err(error),
    };
    ("passkey", done)
}

async fn stepped_up(
    (auth, signed_in): (&Auth, &SignedIn),
    (by, provider): (By, &str),
    (kept, finished): (&Kept, Finished),
) -> Answer {
    let cookie = NextCookie::make(by.now)?;
    let whose = (provider, &signed_in.subject);
    let shown = (finished, SecondFactor::None);
    let done = auth.finish_step_up(by, whose, shown, Some(&cookie)).await;
    match done {
        Ok(()) => {
            let cookies = [
                Visitor::session_cookie(cookie.shown()),
                SetCookie::removed(COOKIE),
            ];
            Ok(signed_in.visitor.go_on(&kept.next, &cookies))
        }
        Err(error) => {
            let errors = [of_provider(error.into())?];
            step_up_page(auth, signed_in, &kept.next, &errors).await
        }
    }
}
