//! Signing in and out, and authenticating once more, in a browser.

use super::{
    Answer, Done, SIGN_IN, STEP_UP, identities, links, next_of, passkeys, providers, rejected,
};
use crate::Auth;
use crate::AuthError;
use crate::change::By;
use crate::credential::password::Password;
use crate::credential::secret::Secret;
use crate::flows::authentication::SecondFactor;
use crate::flows::browser::{BrowserSignIn, NextCookie};
use crate::flows::sessions::Shown;
use crate::model::Account;
use crate::store;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    Enrolling, Field, FieldError, Form, LocalPath, Page, SetCookie, SignedIn, Visitor, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// The cookie of a device on which somebody was signed in: it is slowed down alone.
const DEVICE: &str = "tickloom-device";
/// The cookie of a sign-in that waits for the second factor.
const STEP: &str = "tickloom-sign-in";
const YEAR_S: i64 = 365 * 86_400;
/// As long as the sign-in waits.
const STEP_S: i64 = 300;
/// Where the second factor is asked for.
const CODE: &str = "/console/auth/sign-in/code";
/// Where a passkey is shown to sign in with it alone.
const PASSKEY: &str = "/console/auth/sign-in/passkey";

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    visitor: Visitor,
    Query(query): Query<Done>,
) -> Response {
    if visitor.subject.is_some() {
        return visitor.send_to(&query.next(), &[]);
    }
    page(
        (&auth, &visitor),
        ("", &query.next()),
        (&[], query.notice()),
    )
}

pub(super) async fn send(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    headers: HeaderMap,
    sent: Form,
) -> Answer {
    let (visitor, fields) = (&sent.visitor, &sent.fields);
    let email = fields.get("email").to_owned();
    let next = next_of(Some(fields.get("next")));
    let by = By::nobody(&request, auth.clock.now());
    let done = match Password::new(fields.get("password").to_owned()) {
        Ok(password) => {
            let shown = Shown {
                email: email.clone(),
                password,
                code: None,
                passkey: None,
                device_token: visitor.cookie(&headers, DEVICE),
                device: agent(&headers),
            };
            auth.sign_in(by, shown).await
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(signed_in) => Ok(go_on(visitor, signed_in, &next)),
        Err(error) => {
            let errors = [said(error, "")?];
            Ok(page((&auth, visitor), (&email, &next), (&errors, None)))
        }
    }
}

/// What becomes of somebody who signed in: a new cookie, whatever there was before, and the page that they wanted.
fn go_on(visitor: &Visitor, signed_in: BrowserSignIn, next: &LocalPath) -> Response {
    match signed_in {
        BrowserSignIn::Waits { step } => {
            let cookie = SetCookie::lasting(STEP, step.expose(), STEP_S);
            let path = next_of(Some(&next.after(CODE)));
            visitor.send_to(&path, &[cookie])
        }
        BrowserSignIn::Begun { session, device } => begun(visitor, (&session, device), next),
    }
}

/// The cookie by which a device is known.
pub(super) fn known_device(device: &Secret) -> SetCookie {
    SetCookie::lasting(DEVICE, device.expose(), YEAR_S)
}

fn begun(
    visitor: &Visitor,
    (session, device): (&Secret, Option<Secret>),
    next: &LocalPath,
) -> Response {
    let mut cookies = vec![
        Visitor::session_cookie(session.expose()),
        SetCookie::removed(STEP),
    ];
    if let Some(device) = device {
        cookies.push(known_device(&device));
    }
    visitor.go_on(next, &cookies)
}

/// Signs somebody in with a passkey alone.
pub(super) async fn send_passkey(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    headers: HeaderMap,
    sent: Form,
) -> Answer {
    let visitor = &sent.visitor;
    let next = next_of(Some(sent.fields.get("next")));
    let by = By::nobody(&request, auth.clock.now());
    let device = (visitor.cookie(&headers, DEVICE), agent(&headers));
    let done = match passkeys::shown(&sent) {
        Ok(shown) => {
            let on = (device.0.as_deref(), device.1.as_str());
            auth.sign_in_with_passkey(by, &shown, on).await
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(signed_in) => Ok(go_on(visitor, signed_in, &next)),
        Err(error) => {
            let errors = [said(error, "passkey")?];
            Ok(page((&auth, visitor), ("", &next), (&errors, None)))
        }
    }
}

pub(super) async fn show_code(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    visitor: Visitor,
    Query(query): Query<Done>,
) -> Response {
    code_page((&auth, &headers, &visitor), &query.next(), &[]).await
}

pub(super) async fn send_code(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    headers: HeaderMap,
    sent: Form,
) -> Answer {
    let (visitor, fields) = (&sent.visitor, &sent.fields);
    let next = next_of(Some(fields.get("next")));
    let step = visitor.cookie(&headers, STEP).unwrap_or_default();
    let by = By::nobody(&request, auth.clock.now());
    let (field, done) = second_factor(&auth, by, (&step, &agent(&headers)), &sent).await;
    match done {
        Ok(signed_in) => Ok(go_on(visitor, signed_in, &next)),
        Err(error) => {
            let errors = [said(error, field)?];
            Ok(code_page((&auth, &headers, visitor), &next, &errors).await)
        }
    }
}

/// Goes on with the second factor that a form shows; and which field that is.
async fn second_factor(
    auth: &Auth,
    by: By,
    (step, device): (&str, &str),
    sent: &Form,
) -> (&'static str, Result<BrowserSignIn, AuthError>) {
    if sent.fields.filled("passkey").is_none() {
        let code = SecondFactor::Code(sent.fields.get("code").trim());
        let done = auth.sign_in_with_factor(by, (step, code), device).await;
        return ("code", done);
    }
    let done = match passkeys::shown(sent) {
        Ok(shown) => {
            let passkey = SecondFactor::Passkey(&shown);
            auth.sign_in_with_factor(by, (step, passkey), device).await
        }
        Err(error) => Err(error),
    };
    ("passkey", done)
}

pub(super) async fn show_step_up(
    State(auth): State<Arc<Auth>>,
    Enrolling(signed_in): Enrolling,
    Query(query): Query<Done>,
) -> Answer {
    let next = query.next();
    step_up_page(&auth, &signed_in, &next, &[]).await
}

pub(super) async fn send_step_up(
    State(auth): State<Arc<Auth>>,
    Enrolling(signed_in): Enrolling,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let next = next_of(Some(sent.fields.get("next")));
    let by = By::new(&signed_in.subject, &request, auth.clock.now());
    match step_up(&auth, by, &signed_in, &sent).await {
        Ok(cookie) => {
            let cookie = Visitor::session_cookie(cookie.shown());
            Ok(signed_in.visitor.go_on(&next, &[cookie]))
        }
        Err(error) => step_up_page(&auth, &signed_in, &next, &[said(error, "")?]).await,
    }
}

async fn step_up(
    auth: &Auth,
    by: By,
    signed_in: &SignedIn,
    sent: &Form,
) -> Result<NextCookie, AuthError> {
    let subject = &signed_in.subject;
    let cookie = NextCookie::make(by.now)?;
    if sent.fields.filled("passkey").is_some() {
        let shown = passkeys::shown(sent)?;
        auth.step_up_with_passkey(by, subject, &shown, Some(&cookie))
            .await?;
    } else {
        let password = Password::new(sent.fields.get("password").to_owned())?;
        let proof = (password, sent.fields.filled("code"));
        auth.step_up(by, subject, proof, Some(&cookie)).await?;
    }
    Ok(cookie)
}

/// What a person is told of an error: what is their affair stands above the form, anything else is a page of its own.
pub(super) fn said(error: AuthError, field: &'static str) -> Result<FieldError, Problem> {
    let problem = Problem::from(error);
    match problem.code {
        ProblemCode::Unauthenticated if field == "code" => Ok(FieldError::new(
            field,
            "The code is wrong, or was used already.",
        )),
        ProblemCode::Unauthenticated if field == "passkey" => {
            let what = "The passkey is not known here any more, or took too long. Try again, or sign in another way.";
            Ok(FieldError::new("", what))
        }
        ProblemCode::Unauthenticated => {
            let what = "The e-mail address, the password or the code is wrong.";
            Ok(FieldError::new("", what))
        }
        ProblemCode::SecondFactorRequired => {
            Ok(FieldError::new("code", "Enter a code, or use a passkey."))
        }
        ProblemCode::Forbidden => Ok(FieldError::new("", super::sentence(&problem.detail))),
        _ => rejected(problem, ""),
    }
}

/// The page on which one signs in.
pub(super) fn page(
    (auth, visitor): (&Auth, &Visitor),
    (email, next): (&str, &LocalPath),
    (errors, notice): (&[FieldError], Option<&'static str>),
) -> Response {
    let fields = html! {
        input type="hidden" name="next" value=(next);
        (Field { name: "email", label: "E-mail address", kind: "email", value: email, autocomplete: "username", errors, ..Field::default() })
        (Field { name: "password", label: "Password", kind: "password", autocomplete: "current-password", errors, ..Field::default() })
        button.button type="submit" { "Sign in" }
    };
    let passkey = html! {
        input type="hidden" name="next" value=(next);
        (passkeys::button(auth, ("get", passkeys::SIGN_IN_OPTIONS, "Sign in with a passkey")))
    };
    let body = html! {
        (form(visitor, SIGN_IN, &fields))
        @if auth.relying_party().is_ok() { (form(visitor, PASSKEY, &passkey)) }
        @if !auth.providers.is_empty() {
            div.actions { (providers::buttons(visitor, auth.providers.iter(), ("sign-in", "Sign in with", next))) }
        }
        @if auth.has_mail() { p.below { a href=(links::RECOVERY) { "I forgot my password" } } }
        @if auth.is_open { p { a href=(links::SIGN_UP) { "Create an account" } } }
    };
    let page = Page::new("Sign in", body).narrow().with_notice(notice);
    passkeys::with_script(page.with_errors(errors)).respond(visitor)
}

/// Whose password is asked for, for what keeps passwords: nobody sees it.
pub(super) fn username_field(email: &str) -> Markup {
    html! { input type="text" name="username" value=(email) autocomplete="username" readonly hidden; }
}

pub(super) fn code_field(errors: &[FieldError]) -> Field<'_> {
    Field {
        name: "code",
        label: "Code",
        autocomplete: "one-time-code",
        errors,
        hint: "Six digits of your authenticator, or one of your recovery codes.",
        ..Field::default()
    }
}

async fn code_page(
    (auth, headers, visitor): (&Auth, &HeaderMap, &Visitor),
    next: &LocalPath,
    errors: &[FieldError],
) -> Response {
    let step = visitor.cookie(headers, STEP).unwrap_or_default();
    let waiting = auth.waiting_account(&step, auth.clock.now()).await;
    let has_passkey = waiting.is_ok_and(|account| account.passkeys > 0);
    let fields = html! {
        input type="hidden" name="next" value=(next);
        (code_field(errors))
        button.button type="submit" { "Sign in" }
    };
    let passkey = html! {
        input type="hidden" name="next" value=(next);
        (passkeys::button(auth, ("get", passkeys::FACTOR_OPTIONS, "Use a passkey")))
    };
    let body = html! {
        @if has_passkey { (form(visitor, CODE, &passkey)) }
        (form(visitor, CODE, &fields))
        p { a href=(next.after(SIGN_IN)) { "Begin again" } }
    };
    let page = Page::new("Second factor", body)
        .narrow()
        .with_errors(errors);
    passkeys::with_script(page).respond(visitor)
}

/// The page on which one authenticates once more.
pub(super) async fn step_up_page(
    auth: &Auth,
    signed_in: &SignedIn,
    next: &LocalPath,
    errors: &[FieldError],
) -> Answer {
    let id = &signed_in.subject.account;
    let account = store::account::by_id(auth.database.reader(), id).await?;
    let asks_factor = account.as_ref().is_some_and(Account::needs_second_factor);
    let has_passkey = account.as_ref().is_some_and(|account| account.passkeys > 0);
    let at = auth.database.reader();
    let has_password = store::secret::password(at, id).await?.is_some();
    let elsewhere = match &account {
        Some(account) => identities::for_step_up(auth, account).await?,
        None => Vec::new(),
    };
    let email = account
        .and_then(|account| account.email)
        .unwrap_or_default();
    let fields = html! {
        input type="hidden" name="next" value=(next);
        (username_field(&email))
        (Field { name: "password", label: "Password", kind: "password", autocomplete: "current-password", errors, ..Field::default() })
        @if asks_factor { (code_field(errors)) }
        button.button type="submit" { "Go on" }
    };
    let passkey = html! {
        input type="hidden" name="next" value=(next);
        (passkeys::button(auth, ("get", passkeys::OWN_OPTIONS, "Use a passkey")))
    };
    let body = html! {
        p { "What comes next is delicate: show once more that it is you. It counts for 15 minutes." }
        @if has_passkey { (form(&signed_in.visitor, STEP_UP, &passkey)) }
        @if has_password { (form(&signed_in.visitor, STEP_UP, &fields)) }
        (providers::buttons(&signed_in.visitor, elsewhere.into_iter(), ("step-up", "Authenticate with", next)))
    };
    let page = passkeys::with_script(Page::new("Confirm that it is you", body).narrow());
    Ok(page.with_errors(errors).respond(&signed_in.visitor))
}

/// What a browser says that it is.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    agent.unwrap_or("").to_owned()
}
