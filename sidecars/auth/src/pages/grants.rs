//! What an account may do, and why.

use super::{ACCOUNTS, Answer, Done, local, rejected, views};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::flows::grants::{Explained, NewGrant, explain};
use crate::rest::{ChangeGrants, ReadAccount, account_of};
use crate::store::account::Granted;
use crate::{Auth, store};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{ChassisError, RequestOrigin, decide};

/// A question whether the account may do something.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Why {
    action: Option<String>,
    resource: Option<String>,
}

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    (Query(query), Query(part), Query(why)): (Query<Done>, Query<views::After>, Query<Why>),
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let id = account_of(&account, subject);
    let now = auth.clock.now();
    let at = auth.database.reader();
    let found = store::account::grants_after(at, &id, part.after(), views::ROWS_ASKED).await?;
    let (found, next) = views::part(found, |grant| &grant.id);
    let explained = match (&why.action, &why.resource) {
        (Some(action), Some(resource)) => {
            let asked = (action.trim(), resource.trim());
            let connection = auth.database.reader().acquire().await;
            let mut connection = connection.map_err(ChassisError::from)?;
            Some(explain(&mut connection, &id, asked, now).await?)
        }
        _ => None,
    };
    let may_change = decide(subject, "grant.change", "grant/*", now).allow;
    let path = format!("{ACCOUNTS}/{account}/grants");
    let body = html! {
        @if may_change { div.actions { a.button href={ (path) "/new" } { "Create a grant" } } }
        @if found.is_empty() { p { "There is none: everybody may read and change their own account." } }
        @else { (table((visitor, &path, may_change), &found)) }
        (views::next_page(&path, &[], next.as_deref()))
        (why_form(&path, &why, explained.as_ref()))
    };
    let shown = Page::new(views::title("Grants", &account), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

/// Grants, with what revokes them for who may.
pub(super) fn table(
    (visitor, path, may_change): (&Visitor, &str, bool),
    grants: &[Granted],
) -> Markup {
    let revoke = format!("{path}/revoke");
    html! {
        table {
            thead { tr { th scope="col" { "What" } th scope="col" { "On" } th scope="col" { "Expires" } th scope="col" { "Created" } @if may_change { th scope="col" { "Action" } } } }
            tbody {
                @for grant in grants {
                    tr {
                        (views::cell("What", &html! { code { (grant.what) } }))
                        (views::cell("On", &html! { code { (grant.resource) } }))
                        (views::cell("Expires", &views::time_or(grant.expires, "Never")))
                        (views::cell("Created", &html! { (views::time(grant.created)) br; span.quiet-text { "by " (grant.created_by) } }))
                        @if may_change {
                            td { (button_form(visitor, &revoke, ("Revoke", ButtonKind::Danger), &[("grant", &grant.id)])) }
                        }
                    }
                }
            }
        }
    }
}

/// Asks whether the account may do something: it changes nothing, so that it is a form of GET.
fn why_form(path: &str, why: &Why, explained: Option<&Explained>) -> Markup {
    let (action, resource) = (why.action.as_deref(), why.resource.as_deref());
    html! {
        h2 { "May it do this?" }
        @if let Some(explained) = explained {
            p.notice role="status" { strong { @if explained.allow { "Yes: " } @else { "No: " } } (explained.reason) }
        }
        form.search method="get" action=(path) {
            (Field { name: "action", label: "Action", value: action.unwrap_or("run.read"), autocomplete: "off", ..Field::default() })
            (Field { name: "resource", label: "Resource", value: resource.unwrap_or("run/*"), autocomplete: "off", ..Field::default() })
            button.button.quiet type="submit" { "Ask" }
        }
    }
}

pub(super) async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    Path(account): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page(&page.visitor, &account, (&Fields::default(), &[])))
}

pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let new = match new_grant(&sent.fields) {
        Ok(new) => new,
        Err(error) => return Ok(new_page(&page.visitor, &account, (&sent.fields, &[error]))),
    };
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.create_grant(write, &by, (subject, &id), new).await
    });
    match done.await {
        Ok(_) => {
            let next = local(&format!("{ACCOUNTS}/{account}/grants?done=granted"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "")?];
            Ok(new_page(&page.visitor, &account, (&sent.fields, &errors)))
        }
    }
}

/// What a form of a new grant says.
pub(super) fn new_grant(fields: &Fields) -> Result<NewGrant, FieldError> {
    let expires = match fields.filled("expires") {
        Some(text) => {
            let wrong = || FieldError::new("expires", "Enter a date such as 2027-01-31.");
            Some(views::day(text).ok_or_else(wrong)?)
        }
        None => None,
    };
    Ok(NewGrant {
        what: fields.get("what").trim().to_owned(),
        resource: fields.get("resource").trim().to_owned(),
        expires,
    })
}

/// The fields of that.
pub(super) fn fields_of(fields: &Fields, errors: &[FieldError]) -> Markup {
    html! {
        (Field { name: "what", label: "What", value: fields.get("what"), autocomplete: "off", errors,
            hint: "administrator (everything), viewer (everything that changes nothing), or a pattern of actions such as run.read or run.*", ..Field::default() })
        (Field { name: "resource", label: "On", value: fields.get("resource"), autocomplete: "off", errors,
            hint: "A resource such as run/today, all below a name such as run/*, or * for everything.", ..Field::default() })
        (Field { name: "expires", label: "Expires on", kind: "date", value: fields.get("expires"), is_optional: true, errors,
            hint: "At the beginning of this day, UTC. Without a day it does not expire.", ..Field::default() })
    }
}

fn new_page(
    visitor: &Visitor,
    account: &str,
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let path = format!("{ACCOUNTS}/{account}/grants");
    let inner = html! {
        (fields_of(fields, errors))
        div.actions {
            button.button type="submit" { "Create the grant" }
            a href=(path) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{path}/new"), &inner);
    let page = Page::new(views::title("New grant", account), body);
    page.with_errors(errors).respond(visitor)
}

pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let grant = sent.fields.get("grant");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.revoke_grant(write, &by, (subject, &id, grant)).await
    });
    done.await?;
    let next = local(&format!("{ACCOUNTS}/{account}/grants?done=revoked"));
    Ok(page.visitor.send_to(&next, &[]))
}
