//! Links that are good once, and asking for one by mail.
//!
//! The code of a link stands behind the `#` of its address: a browser sends it nowhere, so that it is in no log and in no `Referer`.

use super::sign_in::known_device;
use super::{Answer, Done, SIGN_IN, local, rejected};
use crate::Auth;
use crate::AuthError;
use crate::change::By;
use crate::credential::password::Password;
use crate::flows::links::{First, LinkRequest};
use crate::model;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::net::IpAddr;
use std::sync::Arc;
use tickloom_chassis::console::{Field, FieldError, Fields, Form, Page, Visitor, form};
use tickloom_chassis::{CallerAddress, Problem, RequestOrigin};

/// Where a link leads.
pub(crate) const LINK: &str = "/console/auth/link";
/// Where the link of the first administrator leads.
pub(crate) const SET_UP: &str = "/console/auth/set-up";
/// Where somebody signs up.
pub(crate) const SIGN_UP: &str = "/console/auth/sign-up";
/// Where somebody asks for a new password.
pub(crate) const RECOVERY: &str = "/console/auth/recovery";
/// What a password has to be.
pub(super) const PASSWORD_HINT: &str =
    "At least 12 characters, and not easy to guess. Any letters, spaces and signs count.";

pub(super) async fn show_link(visitor: Visitor) -> Response {
    link_page(&visitor, false, &Fields::default(), &[])
}

pub(super) async fn show_set_up(visitor: Visitor) -> Response {
    link_page(&visitor, true, &Fields::default(), &[])
}

pub(super) async fn send_link(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    finish(&auth, &request, &sent, false).await
}

pub(super) async fn send_set_up(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    finish(&auth, &request, &sent, true).await
}

async fn finish(auth: &Auth, request: &RequestOrigin, sent: &Form, is_first: bool) -> Answer {
    let (visitor, fields) = (&sent.visitor, &sent.fields);
    let by = By::nobody(request, auth.clock.now());
    let first = if is_first {
        match first(fields) {
            Ok(first) => Some(first),
            Err(errors) => return Ok(link_page(visitor, true, fields, &errors)),
        }
    } else {
        None
    };
    let link = code_of(fields);
    let done = match Password::new(fields.get("password").to_owned()) {
        Ok(password) => auth.finish(by, (link, password), first).await,
        Err(error) => Err(error.into()),
    };
    match done {
        Ok((_, device)) => {
            let next = local(&format!("{SIGN_IN}?done=password-set"));
            Ok(visitor.send_to(&next, &[known_device(&device)]))
        }
        Err(error) => {
            let field = if matches!(error, AuthError::Password(_)) {
                "password"
            } else {
                ""
            };
            let errors = [rejected(error, field)?];
            Ok(link_page(visitor, is_first, fields, &errors))
        }
    }
}

/// The code of the link that was sent: what stands behind the `#`, as who types it may type all of the address.
pub(super) fn code_of(fields: &Fields) -> &str {
    let typed = fields.get("link").trim();
    typed.rsplit('#').next().unwrap_or(typed)
}

fn first(fields: &Fields) -> Result<First, Vec<FieldError>> {
    let email = model::email(fields.get("email"));
    let name = model::name(fields.get("name"));
    if let (Some(email), Some(name)) = (&email, &name) {
        let (email, name) = (email.clone(), name.clone());
        return Ok(First { email, name });
    }
    let mut errors = Vec::new();
    if email.is_none() {
        errors.push(FieldError::new("email", "Enter an e-mail address."));
    }
    if name.is_none() {
        errors.push(FieldError::new(
            "name",
            "Enter a name of 1 to 200 characters.",
        ));
    }
    Err(errors)
}

fn link_page(
    visitor: &Visitor,
    is_first: bool,
    fields: &Fields,
    errors: &[FieldError],
) -> Response {
    let (title, path) = if is_first {
        ("Create the first administrator", SET_UP)
    } else {
        ("Choose a password", LINK)
    };
    let link = fields.get("link");
    let (email, name) = (fields.get("email"), fields.get("name"));
    let fields = html! {
        (Field { name: "link", label: "Code of the link", value: link, autocomplete: "off", errors,
            hint: "What stands behind the # of the link.", ..Field::default() })
        @if is_first { (person_fields((email, name), errors)) }
        (Field { name: "password", label: "New password", kind: "password", autocomplete: "new-password", errors,
            hint: PASSWORD_HINT, ..Field::default() })
        button.button type="submit" { "Save the password" }
    };
    let page = Page::new(title, form(visitor, path, &fields)).narrow();
    page.taking_link().with_errors(errors).respond(visitor)
}

fn person_fields((email, name): (&str, &str), errors: &[FieldError]) -> Markup {
    html! {
        (Field { name: "name", label: "Name", value: name, autocomplete: "name", errors, ..Field::default() })
        (Field { name: "email", label: "E-mail address", kind: "email", value: email, autocomplete: "email", errors, ..Field::default() })
    }
}

pub(super) async fn show_sign_up(visitor: Visitor, Query(query): Query<Done>) -> Response {
    request_page(&visitor, true, &Fields::default(), (&[], &query))
}

pub(super) async fn show_recovery(visitor: Visitor, Query(query): Query<Done>) -> Response {
    request_page(&visitor, false, &Fields::default(), (&[], &query))
}

pub(super) async fn send_sign_up(
    State(auth): State<Arc<Auth>>,
    asked_from: (RequestOrigin, CallerAddress),
    sent: Form,
) -> Answer {
    ask(&auth, &asked_from, &sent, true).await
}

pub(super) async fn send_recovery(
    State(auth): State<Arc<Auth>>,
    asked_from: (RequestOrigin, CallerAddress),
    sent: Form,
) -> Answer {
    ask(&auth, &asked_from, &sent, false).await
}

/// The answer is the same whatever there is; a mail says more.
async fn ask(
    auth: &Auth,
    (request, caller): &(RequestOrigin, CallerAddress),
    sent: &Form,
    signs_up: bool,
) -> Answer {
    let (visitor, fields) = (&sent.visitor, &sent.fields);
    let by = By::nobody(request, auth.clock.now());
    let name = signs_up.then(|| fields.get("name").to_owned());
    let wanted = LinkRequest::of_stranger(fields.get("email").to_owned(), name);
    let mut errors = Vec::new();
    if model::email(&wanted.email).is_none() {
        errors.push(FieldError::new("email", "Enter an e-mail address."));
    }
    if signs_up && model::name(fields.get("name")).is_none() {
        errors.push(FieldError::new(
            "name",
            "Enter a name of 1 to 200 characters.",
        ));
    }
    if errors.is_empty() {
        match request_link(auth, &by, (wanted, caller.counted())).await {
            Ok(()) => {
                let path = if signs_up { SIGN_UP } else { RECOVERY };
                return Ok(visitor.send_to(&local(&format!("{path}?done=mail")), &[]));
            }
            Err(error) => errors.push(rejected(error, "")?),
        }
    }
    Ok(request_page(
        visitor,
        signs_up,
        fields,
        (&errors, &Done::default()),
    ))
}

async fn request_link(
    auth: &Auth,
    by: &By,
    wanted: (LinkRequest, Option<IpAddr>),
) -> Result<(), Problem> {
    let action = wanted.0.action();
    let mut write = auth.write().await?;
    if let Err(error) = auth.request_link(&mut write, by, wanted).await {
        drop(write);
        let problem = Problem::from(error);
        auth.note_request_refused(by, action, Some(&problem))
            .await?;
        return Err(problem);
    }
    Ok(write.commit().await?)
}

fn request_page(
    visitor: &Visitor,
    signs_up: bool,
    fields: &Fields,
    (errors, query): (&[FieldError], &Done),
) -> Response {
    let (title, path, label) = if signs_up {
        ("Create an account", SIGN_UP, "Create the account")
    } else {
        ("Choose a new password", RECOVERY, "Send me a link")
    };
    let (email, name) = (fields.get("email"), fields.get("name"));
    let inner = html! {
        @if signs_up { (person_fields((email, name), errors)) }
        @else {
            (Field { name: "email", label: "E-mail address", kind: "email", value: email, autocomplete: "email", errors, ..Field::default() })
        }
        button.button type="submit" { (label) }
    };
    let body = html! {
        @if !signs_up { p { "You get a link by mail with which you choose a new password within an hour." } }
        (form(visitor, path, &inner))
        p { a href=(SIGN_IN) { "Sign in" } }
    };
    let page = Page::new(title, body).narrow().with_notice(query.notice());
    page.with_errors(errors).respond(visitor)
}
