//! Passkeys of one's own: which there are, a new one, other names, and none any more. And the button with which one is shown, on other pages.

use super::factor::codes_page;
use super::profile::own_account;
use super::{Answer, Done, local, rejected, views};
use crate::change::By;
use crate::credential::passkey::Purpose;
use crate::passkey_messages::{AuthenticationResponse, RegistrationResponse, SignedPasskey};
use crate::rest::{Enrol, OwnSession};
use crate::store::passkey::Passkey;
use crate::{Auth, AuthError, store};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Enrolling, Field, FieldError, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

pub(super) const PATH: &str = "/console/auth/passkeys";
pub(super) const NEW: &str = "/console/auth/passkeys/new";
const CREATION: &str = "/console/auth/passkeys/options";
/// What is asked for to show one: alone, beside a password, and once more in a session.
pub(super) const SIGN_IN_OPTIONS: &str = "/console/auth/sign-in/passkey/options";
pub(super) const FACTOR_OPTIONS: &str = "/console/auth/sign-in/code/passkey/options";
pub(super) const OWN_OPTIONS: &str = "/console/auth/step-up/passkey/options";
const SCRIPT: &str = include_str!("../../assets/passkeys.js");
const SCRIPT_PATH: &str = "/console/auth/passkeys.js";
/// Passkeys that are shown, which are all that an account can have.
const ROWS: i64 = 1000;

/// The script behind the buttons.
pub(super) async fn script() -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (head, SCRIPT).into_response()
}

/// A page with such a button.
pub(super) fn with_script(page: Page) -> Page {
    page.with_script(SCRIPT_PATH)
}

/// What a button that shows a passkey, or makes one, is in a form; nothing where there can be none.
pub(super) fn button(auth: &Auth, (does, options, label): (&str, &str, &str)) -> Markup {
    html! {
        @if let Ok(relying_party) = auth.relying_party() {
            input type="hidden" name="passkey" value="";
            p.error role="alert" data-passkey-said hidden {}
            button.button.quiet type="button" hidden data-passkey=(does) data-options=(options)
                data-origin=(relying_party.origin()) { (label) }
        }
    }
}

/// A passkey that a form shows.
pub(super) fn shown(sent: &Form) -> Result<SignedPasskey, AuthError> {
    let shown: AuthenticationResponse = read(sent)?;
    shown.read()
}

fn read<T: serde::de::DeserializeOwned>(sent: &Form) -> Result<T, AuthError> {
    serde_json::from_str(sent.fields.get("passkey")).map_err(|_| {
        let detail = "the browser sent no passkey";
        Problem::new(ProblemCode::BadRequest, detail).into()
    })
}

/// What is asked of a browser before anybody is known.
pub(super) async fn ask_to_sign_in(State(auth): State<Arc<Auth>>, _: Form) -> Answer {
    let options = auth.request_passkey(Purpose::SignIn, auth.clock.now())?;
    Ok(Json(options).into_response())
}

/// The same for a sign-in whose password was right.
pub(super) async fn ask_for_factor(State(auth): State<Arc<Auth>>, _: Form) -> Answer {
    let options = auth.request_passkey(Purpose::SecondFactor, auth.clock.now())?;
    Ok(Json(options).into_response())
}

/// The same in a session.
pub(super) async fn ask_for_own(
    State(auth): State<Arc<Auth>>,
    Enrolling(signed_in): Enrolling,
    request: RequestOrigin,
    _: Form,
) -> Answer {
    let by = By::new(&signed_in.subject, &request, auth.clock.now());
    let options = auth.request_own_passkey(&by, &signed_in.subject).await?;
    Ok(Json(options).into_response())
}

/// The same for a new one.
pub(super) async fn begin(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    request: RequestOrigin,
    _: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let owner = (subject, subject.account.as_str());
    Ok(Json(auth.begin_passkey(&by, owner).await?).into_response())
}

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    Query(query): Query<Done>,
) -> Answer {
    let account = &page.allowed.subject.account;
    let at = auth.database.reader();
    let found = store::passkey::after(at, account, "", ROWS).await?;
    let has_password = store::secret::password(at, account).await?.is_some();
    let body = html! {
        p { "A passkey is kept by your phone, your computer or a security key. It signs in without a password, and nobody can be led to type it \
             somewhere else. Whoever has one is asked for it, or for a code, beside the password too." }
        @match auth.relying_party() {
            Ok(_) => div.actions { a.button href=(NEW) { "Add a passkey" } },
            Err(why) => p.notice { (super::sentence(&why.to_string())) },
        }
        @if found.is_empty() { p { "There is none." } }
        @else { (table(&page.visitor, &found)) }
        @if has_password && found.iter().any(|passkey| passkey.last_used.is_some()) {
            h2 { "Without a password" }
            p { "You can remove your password, and sign in with passkeys alone." }
            (button_form(&page.visitor, NO_PASSWORD, ("Remove my password", ButtonKind::Danger), &[]))
        }
    };
    let shown = Page::new("Passkeys", body).with_notice(query.notice());
    Ok(shown.respond(&page.visitor))
}

const NO_PASSWORD: &str = "/console/auth/profile/password/remove";

fn table(visitor: &Visitor, passkeys: &[Passkey]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Since" } th scope="col" { "Last use" } th scope="col" { "Kept" } th scope="col" { "Action" } } }
            tbody {
                @for passkey in passkeys {
                    @let path = format!("{PATH}/{}", passkey.id);
                    tr {
                        (views::cell("Name", &html! { (passkey.name) }))
                        (views::cell("Since", &views::time(passkey.created)))
                        (views::cell("Last use", &views::time_or(passkey.last_used, "Never")))
                        (views::cell("Kept", &html! { (kept(passkey)) }))
                        td {
                            div.actions {
                                a href=(path) aria-label={ "Rename " (passkey.name) } { "Rename" }
                                (button_form(visitor, &format!("{path}/remove"), ("Remove", ButtonKind::Danger), &[]))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn kept(passkey: &Passkey) -> &'static str {
    match (passkey.is_backup_eligible, passkey.is_backed_up) {
        (false, _) => "On one device",
        (true, false) => "On one device, not backed up yet",
        (true, true) => "Backed up",
    }
}

pub(super) async fn show_new(State(auth): State<Arc<Auth>>, page: PageAllowed<Enrol>) -> Answer {
    crate::flows::authentication::recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page((&auth, &page.visitor), ("", &[])))
}

fn new_page((auth, visitor): (&Auth, &Visitor), (name, errors): (&str, &[FieldError])) -> Response {
    let fields = html! {
        (Field { name: "name", label: "Name", value: name, autocomplete: "off", hint: "Where it is kept, such as: my phone.", errors, ..Field::default() })
        div.actions {
            (button(auth, ("create", CREATION, "Add a passkey")))
            a href=(PATH) { "Cancel" }
        }
    };
    let body = html! {
        p { "Your browser asks where the passkey is to be kept, and for your finger, face or PIN." }
        noscript { p { "This needs JavaScript." } }
        (form(visitor, PATH, &fields))
    };
    let page = Page::new("Add a passkey", body).with_errors(errors);
    with_script(page).respond(visitor)
}

pub(super) async fn add(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<Enrol>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let name = sent.fields.get("name");
    let made = read::<RegistrationResponse>(&sent).and_then(|made| made.read());
    let done = match made {
        Ok(made) => {
            auth.do_once(&page.allowed, &sent, async |write| {
                let owner = (subject, subject.account.as_str());
                auth.add_passkey(write, &by, owner, (name, made)).await
            })
            .await
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(Some((_, Some(codes)))) => Ok(codes_page(&page.visitor, (&codes, PATH))),
        Ok(_) => Ok(page
            .visitor
            .send_to(&local(&format!("{PATH}?done=passkey-added")), &[])),
        Err(problem) => {
            let errors = [rejected(problem, "")?];
            Ok(new_page((&auth, &page.visitor), (name, &errors)))
        }
    }
}

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    Path(passkey): Path<String>,
) -> Answer {
    let account = own_account(&auth, &page.allowed.subject).await?;
    let at = auth.database.reader();
    let found = store::passkey::one(at, &account.id, &passkey).await?;
    let found = found.ok_or_else(|| {
        let detail = format!("the account has no passkey `{passkey}`");
        Problem::new(ProblemCode::NotFound, detail)
    })?;
    Ok(name_page(&page.visitor, (&passkey, &found.name), &[]))
}

pub(super) async fn rename(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    Path(passkey): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let name = sent.fields.get("name");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let owner = (subject, subject.account.as_str());
        auth.rename_passkey(write, &by, owner, (&passkey, name))
            .await
    });
    match done.await {
        Ok(_) => Ok(page
            .visitor
            .send_to(&local(&format!("{PATH}?done=renamed")), &[])),
        Err(problem) => {
            let errors = [rejected(problem, "name")?];
            Ok(name_page(&page.visitor, (&passkey, name), &errors))
        }
    }
}

fn name_page(visitor: &Visitor, (passkey, name): (&str, &str), errors: &[FieldError]) -> Response {
    let fields = html! {
        (Field { name: "name", label: "Name", value: name, autocomplete: "off", errors, ..Field::default() })
        div.actions {
            button.button type="submit" { "Change the name" }
            a href=(PATH) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{PATH}/{passkey}"), &fields);
    Page::new("Rename a passkey", body)
        .with_errors(errors)
        .respond(visitor)
}

pub(super) async fn remove(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    Path(passkey): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let owner = (subject, subject.account.as_str());
        auth.remove_passkey(write, &by, owner, &passkey).await
    });
    done.await?;
    let next = local(&format!("{PATH}?done=passkey-removed"));
    Ok(page.visitor.send_to(&next, &[]))
}

/// Removes the password: passkeys are the only way in then.
pub(super) async fn remove_password(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.remove_password(write, &by, subject).await
    });
    done.await?;
    let next = local(&format!("{PATH}?done=password-removed"));
    Ok(page.visitor.send_to(&next, &[]))
}
