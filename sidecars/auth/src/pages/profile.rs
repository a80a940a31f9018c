//! One's own account: what it is called, its password, what is kept of it, and giving it up.

use super::links::PASSWORD_HINT;
use super::sign_in::known_device;
use super::{Answer, Done, local, rejected, views};
use crate::change::By;
use crate::credential::password::Password;
use crate::credential::secret::Secret;
use crate::flows::browser::NextCookie;
use crate::flows::password::ChosenPassword;
use crate::model::Account;
use crate::rest::OwnSession;
use crate::{Auth, AuthError, store};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::html;
use std::sync::Arc;
use tickloom_chassis::console::{Field, FieldError, Form, Page, PageAllowed, Visitor, form};
use tickloom_chassis::{IfMatch, Problem, ProblemCode, RequestOrigin, Subject};

const PROFILE: &str = "/console/auth/profile";
const PASSWORD: &str = "/console/auth/profile/password";
const EXPORT: &str = "/console/auth/profile/export";
const DELETE: &str = "/console/auth/profile/delete";

/// The account of whoever asks.
pub(super) async fn own_account(auth: &Auth, subject: &Subject) -> Result<Account, Problem> {
    let found = store::account::by_id(auth.database.reader(), &subject.account).await?;
    found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no such account"))
}

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    Query(query): Query<Done>,
) -> Answer {
    let account = own_account(&auth, &page.allowed.subject).await?;
    let name = account.name.clone();
    let shown = profile(&page.visitor, &account, (&name, &[]));
    Ok(shown.with_notice(query.notice()).respond(&page.visitor))
}

pub(super) async fn rename(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    (request, if_match): (RequestOrigin, IfMatch),
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let new = sent.fields.get("name");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let named = (subject, subject.account.as_str(), new);
        auth.rename(write, &by, named, &if_match).await
    });
    match done.await {
        Ok(_) => Ok(page
            .visitor
            .send_to(&local(&format!("{PROFILE}?done=renamed")), &[])),
        Err(problem) => {
            let account = own_account(&auth, subject).await?;
            let errors = [rejected(problem, "name")?];
            let shown = profile(&page.visitor, &account, (new, &errors));
            Ok(shown.with_errors(&errors).respond(&page.visitor))
        }
    }
}

fn profile(visitor: &Visitor, account: &Account, (name, errors): (&str, &[FieldError])) -> Page {
    let fields = html! {
        (Field { name: "name", label: "Name", value: name, autocomplete: "name", errors, ..Field::default() })
        button.button type="submit" { "Change the name" }
    };
    let verified = if account.is_email_verified {
        "verified"
    } else {
        "not verified"
    };
    let body = html! {
        (form(visitor, PROFILE, &fields))
        h2 { "Account" }
        dl.facts {
            dt { "E-mail address" }
            dd { (account.email.as_deref().unwrap_or("")) " " span.tag { (verified) } }
            dt { "Since" } dd { (views::time(account.created)) }
            dt { "Second factor" }
            dd { a href=(super::factor::PATH) { @if account.has_second_factor { "Set" } @else { "Not set" } } }
            dt { "Passkeys" }
            dd { a href=(super::passkeys::PATH) { (account.passkeys) } }
            dt { "Grants" }
            dd { a href="/console/auth/accounts/me/grants" { "What I may do" } }
            dt { "Id" } dd { code { (account.id) } }
        }
        h2 { "Password and data" }
        div.actions {
            a.button.quiet href=(PASSWORD) { "Change the password" }
            a.button.quiet href="/console/auth/accounts/me/email" { "Change the e-mail address" }
            a.button.quiet href=(EXPORT) download { "Export my data" }
            a.button.danger href=(DELETE) { "Delete my account" }
        }
    };
    Page::new("Profile", body)
}

pub(super) async fn show_password(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
) -> Answer {
    password_page(&auth, &page, &[]).await
}

pub(super) async fn change_password(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    match put_password(&auth, by, subject, &sent).await {
        Ok((cookie, device)) => {
            let cookie = Visitor::session_cookie(cookie.shown());
            let next = local(&format!("{PROFILE}?done=password"));
            let cookies = [cookie, known_device(&device)];
            Ok(page.visitor.send_to(&next, &cookies))
        }
        Err(error) => {
            let errors = [password_error(error)?];
            password_page(&auth, &page, &errors).await
        }
    }
}

/// Changes the password, and gives the cookie another secret: whoever else has it is signed out too.
async fn put_password(
    auth: &Auth,
    by: By,
    subject: &Subject,
    sent: &Form,
) -> Result<(NextCookie, Secret), AuthError> {
    let field = |name: &str| Password::new(sent.fields.get(name).to_owned());
    // Who has no password yet has no present one to show.
    let present = match sent.fields.filled("present") {
        Some(_) => Some(field("present")?),
        None => None,
    };
    let passkey = match sent.fields.filled("passkey") {
        Some(_) => Some(super::passkeys::shown(sent)?),
        None => None,
    };
    let cookie = NextCookie::make(by.now)?;
    let chosen = ChosenPassword {
        present,
        new: field("new")?,
        code: sent.fields.filled("code").map(str::to_owned),
        passkey,
    };
    let device = auth
        .change_password(by, subject, chosen, Some(&cookie))
        .await?;
    Ok((cookie, device))
}

fn password_error(error: AuthError) -> Result<FieldError, Problem> {
    let is_new = matches!(error, AuthError::Password(_));
    let problem = Problem::from(error);
    match problem.code {
        ProblemCode::Unauthenticated => {
            let what = "The present password, the code or the passkey is wrong.";
            Ok(FieldError::new("present", what))
        }
        ProblemCode::SecondFactorRequired => {
            Ok(FieldError::new("code", "Enter a code, or use a passkey."))
        }
        _ => rejected(problem, if is_new { "new" } else { "" }),
    }
}

async fn password_page(
    auth: &Auth,
    page: &PageAllowed<OwnSession>,
    errors: &[FieldError],
) -> Answer {
    let account = own_account(auth, &page.allowed.subject).await?;
    let at = auth.database.reader();
    let has_password = store::secret::password(at, &account.id).await?.is_some();
    if !has_password {
        crate::flows::authentication::recent(&page.allowed.subject, auth.clock.now())?;
    }
    let asks_factor = has_password && account.needs_second_factor();
    let passkey = (
        "get",
        super::passkeys::OWN_OPTIONS,
        "Change it with a passkey",
    );
    let fields = html! {
        (super::sign_in::username_field(account.email.as_deref().unwrap_or("")))
        @if has_password { (Field { name: "present", label: "Present password", kind: "password", autocomplete: "current-password", errors, ..Field::default() }) }
        (Field { name: "new", label: "New password", kind: "password", autocomplete: "new-password", hint: PASSWORD_HINT, errors, ..Field::default() })
        @if asks_factor { (Field { is_optional: account.passkeys > 0, ..super::sign_in::code_field(errors) }) }
        div.actions {
            button.button type="submit" { "Change the password" }
            @if asks_factor && account.passkeys > 0 { (super::passkeys::button(auth, passkey)) }
            a href=(PROFILE) { "Cancel" }
        }
    };
    let body = html! {
        p { "All your other sessions end, and devices that were known are not any more." }
        (form(&page.visitor, PASSWORD, &fields))
    };
    let shown = Page::new("Change the password", body).with_errors(errors);
    Ok(super::passkeys::with_script(shown).respond(&page.visitor))
}

pub(super) async fn export(State(auth): State<Arc<Auth>>, page: PageAllowed<OwnSession>) -> Answer {
    let all = auth.export(&page.allowed.subject.account).await?;
    let name = "attachment; filename=\"tickloom-account.json\"";
    let head = [(header::CONTENT_DISPOSITION, name)];
    Ok((head, Json(all)).into_response())
}

pub(super) async fn show_delete(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
) -> Answer {
    crate::flows::authentication::recent(&page.allowed.subject, auth.clock.now())?;
    Ok(delete_page(&page.visitor, &[]))
}

pub(super) async fn delete(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    if sent.fields.get("sure") != "yes" {
        let errors = [FieldError::new("sure", "Say that you are sure.")];
        return Ok(delete_page(&page.visitor, &errors));
    }
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, subject.account.as_str());
        auth.delete_account(write, &by, of).await
    });
    match done.await {
        Ok(_) => {
            let next = local(&format!("{}?done=deleted", super::SIGN_IN));
            Ok(page.visitor.send_to(&next, &[Visitor::no_session_cookie()]))
        }
        Err(problem) => Ok(delete_page(&page.visitor, &[rejected(problem, "")?])),
    }
}

fn delete_page(visitor: &Visitor, errors: &[FieldError]) -> Response {
    let fields = html! {
        div.field {
            div.choice {
                input #sure type="checkbox" name="sure" value="yes" required;
                label for="sure" { "I am sure that I want to delete my account for good" }
            }
        }
        div.actions {
            button.button.danger type="submit" { "Delete my account" }
            a href=(PROFILE) { "Cancel" }
        }
    };
    let body = html! {
        p { "Your name, your address, your password, your sessions and your keys are removed, and what is personal in the log of events can be read \
             by nobody any more. Nothing of it comes back." }
        (form(visitor, DELETE, &fields))
    };
    Page::new("Delete my account", body)
        .with_errors(errors)
        .respond(visitor)
}
