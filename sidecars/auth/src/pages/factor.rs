//! The second factor: an authenticator, and recovery codes for when it is lost.

use super::{Answer, Done, local, rejected};
use crate::Auth;
use crate::change::By;
use crate::flows::factor::NewFactor;
use crate::rest::{Enrol, OwnSession};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use qrcodegen::{QrCode, QrCodeEcc};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, CONSOLE, Field, FieldError, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin, Subject};

pub(super) const PATH: &str = "/console/auth/second-factor";
const CONFIRM: &str = "/console/auth/second-factor/confirm";
const CODES: &str = "/console/auth/second-factor/recovery-codes";
const REMOVE: &str = "/console/auth/second-factor/remove";
/// Light modules around the code (ISO/IEC 18004, section 6.3.8).
const QUIET_ZONE: i32 = 4;

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    Query(query): Query<Done>,
) -> Answer {
    let visitor = &page.visitor;
    let account = super::profile::own_account(&auth, &page.allowed.subject).await?;
    let left = auth.codes_left(&page.allowed.subject).await?;
    let body = html! {
        @if account.has_second_factor {
            p { "A second factor is set: signing in asks for a code beside the password." }
            div.actions { (button_form(visitor, REMOVE, ("Remove the second factor", ButtonKind::Danger), &[])) }
        } @else {
            p { "With a second factor, signing in asks for a code beside the password, which an app on your phone shows (TOTP). \
                 Who learns your password alone does not get in." }
            div.actions { (button_form(visitor, PATH, ("Set up a second factor", ButtonKind::Main), &[])) }
        }
        @if account.needs_second_factor() {
            h2 { "Recovery codes" }
            p { @if left == 1 { "One is left." } @else if left == 0 { "None is left." } @else { (left) " are left." } " Each lets you in once in the place of a code or a passkey." }
            div.actions { (button_form(visitor, CODES, ("Make ten new codes", ButtonKind::Quiet), &[])) }
        }
    };
    let shown = Page::new("Second factor", body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

pub(super) async fn begin(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let factor = auth.begin_factor(&by, subject).await?;
    Ok(confirm_page(&sent.visitor, &factor, &[]))
}

pub(super) async fn confirm(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let code = sent.fields.get("code").trim();
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.confirm_factor(write, &by, (subject, code)).await
    });
    match done.await {
        Ok(Some(codes)) => Ok(codes_page(&page.visitor, (&codes, PATH))),
        Ok(None) => Ok(page
            .visitor
            .send_to(&local(&format!("{PATH}?done=before")), &[])),
        Err(problem) => {
            let error = code_error(problem)?;
            let factor = auth.waiting_factor(subject).await?;
            Ok(confirm_page(&page.visitor, &factor, &[error]))
        }
    }
}

fn code_error(problem: Problem) -> Result<FieldError, Problem> {
    if problem.code == ProblemCode::Unauthenticated {
        let what = "The code is wrong. Wait for the next one and enter that.";
        return Ok(FieldError::new("code", what));
    }
    rejected(problem, "")
}

pub(super) async fn renew_codes(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.renew_codes(write, &by, subject).await
    });
    match done.await? {
        Some(codes) => Ok(codes_page(&page.visitor, (&codes, PATH))),
        None => Ok(page
            .visitor
            .send_to(&local(&format!("{PATH}?done=before")), &[])),
    }
}

pub(super) async fn remove(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.remove_factor(write, &by, subject).await
    });
    done.await?;
    let next = local(&format!("{PATH}?done=factor-removed"));
    Ok(page.visitor.send_to(&next, &[]))
}

fn confirm_page(visitor: &Visitor, factor: &NewFactor, errors: &[FieldError]) -> Response {
    let fields = html! {
        (Field { name: "code", label: "Code that the app shows", autocomplete: "one-time-code", errors, hint: "Six digits.", ..Field::default() })
        div.actions {
            button.button type="submit" { "Confirm" }
            a href=(PATH) { "Cancel" }
        }
    };
    let body = html! {
        p { "Scan the picture with an authenticator on your phone, or type the secret into it. It is shown now and never again." }
        (picture(&factor.uri))
        p { "Secret:" }
        code.secret { (spaced(&factor.secret)) }
        (form(visitor, CONFIRM, &fields))
    };
    Page::new("Set up a second factor", body)
        .with_errors(errors)
        .respond(visitor)
}

/// Recovery codes, which are shown once, and the page that comes then.
pub(super) fn codes_page(visitor: &Visitor, (codes, then): (&[String], &str)) -> Response {
    // Who had to set a second factor up goes on with what they came for.
    let had_to = |subject: &Subject| subject.lacks_second_factor;
    let then = if visitor.subject.as_ref().is_some_and(had_to) {
        CONSOLE
    } else {
        then
    };
    let body = html! {
        p { "Keep these recovery codes where you find them without your phone: each lets you in once in the place of a code or a passkey. \
             They are shown now and never again; codes that you had before are not good any more." }
        ul.codes { @for code in codes { li { (code) } } }
        div.actions { a.button href=(then) { "I have kept them" } }
    };
    Page::new("Recovery codes", body).respond(visitor)
}

/// The secret in groups, as one types it.
fn spaced(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups = letters
        .chunks(4)
        .map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

/// A text as a QR code (ISO/IEC 18004), dark on light whatever the colours of the page are: readers expect it.
fn picture(text: &str) -> Markup {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else {
        return html! { p { "The picture cannot be drawn: type the secret." } };
    };
    let side = code.size() + 2 * QUIET_ZONE;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            let (x, y) = (x + QUIET_ZONE, y + QUIET_ZONE);
            path += &format!("M{x} {y}h1v1h-1z");
        }
    }
    // Numbers of ours alone.
    PreEscaped(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"QR code of the secret\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_groups_of_four() {
        assert_eq!(spaced("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
