//! Another e-mail address for an account: asked for, and confirmed with the link that was sent to it.

use super::links::{LINK, code_of};
use super::{ACCOUNTS, Answer, local, rejected, views};
use crate::Auth;
use crate::change::By;
use crate::credential::secret::Secret;
use crate::flows::authentication::recent;
use crate::flows::email::EmailAsked;
use crate::model::Account;
use crate::rest::{ChangeAccount, OwnSession, account_of};
use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;
use std::sync::Arc;
use tickloom_chassis::RequestOrigin;
use tickloom_chassis::console::{Field, FieldError, Form, Page, PageAllowed, Visitor, form};

/// Where the link leads that confirms an address.
pub(crate) const EMAIL: &str = "/console/auth/email";

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    Path(account): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(ask_page(&page.visitor, &account, ("", &[])))
}

pub(super) async fn ask(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let (id, email) = (account_of(&account, subject), sent.fields.get("email"));
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.ask_email(write, &by, (subject, &id, email)).await
    });
    match done.await {
        Ok(Some(EmailAsked::Set(account, Some(link)))) => {
            Ok(set(&auth, &page.visitor, (&account, &link)))
        }
        Ok(Some(EmailAsked::Set(..))) => Ok(back(&page.visitor, &account, "email")),
        Ok(Some(EmailAsked::Mailed) | None) => Ok(back(&page.visitor, &account, "email-asked")),
        Err(problem) => {
            let errors = [rejected(problem, "email")?];
            Ok(ask_page(&page.visitor, &account, (email, &errors)))
        }
    }
}

/// To the page of the account, which one's own profile is.
fn back(visitor: &Visitor, account: &str, done: &str) -> Response {
    let path = match account {
        "me" => format!("/console/auth/profile?done={done}"),
        other => format!("{ACCOUNTS}/{other}?done={done}"),
    };
    visitor.send_to(&local(&path), &[])
}

fn ask_page(visitor: &Visitor, account: &str, (email, errors): (&str, &[FieldError])) -> Response {
    let path = format!("{ACCOUNTS}/{account}");
    let cancel = if account == "me" {
        "/console/auth/profile"
    } else {
        &path
    };
    let inner = html! {
        (Field { name: "email", label: "New e-mail address", kind: "email", value: email, autocomplete: "email", errors, ..Field::default() })
        div.actions {
            button.button type="submit" { "Change the e-mail address" }
            a href=(cancel) { "Cancel" }
        }
    };
    let body = html! {
        p { "Where mail is sent, a link goes to the new address, which is good for an hour. It has to be opened in a browser that is signed in to the \
             account; until then the address stays as it is. The address before is told." }
        (form(visitor, &format!("{path}/email"), &inner))
    };
    let page = Page::new(views::title("Change the e-mail address", account), body);
    page.with_errors(errors).respond(visitor)
}

/// That it was set, with a link for who has not signed in yet.
fn set(auth: &Auth, visitor: &Visitor, (account, link): (&Account, &Secret)) -> Response {
    let path = format!("{ACCOUNTS}/{}", account.id);
    let body = html! {
        p { "Links that were given before are not good any more. Give this one to " strong { (account.name) } ". With it they choose a password within a \
             week. It is shown once and never again." }
        code.secret { (auth.link_address(LINK, link)) }
        div.actions { a.button href=(path) { "I have given it" } }
    };
    Page::new("The e-mail address is changed", body).respond(visitor)
}

pub(super) async fn show_confirm(page: PageAllowed<OwnSession>) -> Response {
    confirm_page(&page.visitor, "", &[])
}

pub(super) async fn confirm(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let link = code_of(&sent.fields);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let shown = (subject, subject.account.as_str(), link);
        auth.confirm_email(write, &by, shown).await
    });
    match done.await {
        Ok(_) => Ok(back(&page.visitor, "me", "email")),
        Err(problem) => {
            let errors = [rejected(problem, "link")?];
            Ok(confirm_page(&page.visitor, link, &errors))
        }
    }
}

fn confirm_page(visitor: &Visitor, link: &str, errors: &[FieldError]) -> Response {
    let inner = html! {
        (Field { name: "link", label: "Code of the link", value: link, autocomplete: "off", errors,
            hint: "What stands behind the # of the link.", ..Field::default() })
        button.button type="submit" { "This is my address" }
    };
    let page = Page::new("Confirm the e-mail address", form(visitor, EMAIL, &inner));
    page.taking_link().with_errors(errors).respond(visitor)
}
