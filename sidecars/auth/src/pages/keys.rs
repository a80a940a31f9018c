//! Keys of an account, for programs.

use super::{ACCOUNTS, Answer, Done, local, rejected, views};
use crate::change::By;
use crate::credential::secret::Secret;
use crate::flows::authentication::recent;
use crate::flows::keys::NewKey;
use crate::rest::{ChangeAccount, ReadAccount, account_of};
use crate::store::key::Key;
use crate::{Auth, store};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// How long the old key is valid beside the new one: what is offered.
const GRACES: [(&str, &str); 4] = [
    ("0", "Not at all"),
    ("3600", "One hour"),
    ("86400", "One day"),
    ("604800", "One week"),
];
/// What a key is for: what is offered.
const SCOPES: [(&str, &str); 3] = [
    ("run.read", "Reading runs: their fills and signals"),
    ("*.read", "Reading whatever the account may read"),
    ("*", "Whatever the account may do"),
];

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let id = account_of(&account, &page.allowed.subject);
    let at = auth.database.reader();
    let found = store::key::after(at, &id, part.after(), views::ROWS_ASKED).await?;
    let (found, next) = views::part(found, |key| &key.id);
    let path = format!("{ACCOUNTS}/{account}/keys");
    let body = html! {
        p { "A program shows a key with each request. It does what the key is for and the account may do, until it expires or is revoked." }
        div.actions { a.button href={ (path) "/new" } { "Create a key" } }
        @if found.is_empty() { p { "There is none." } }
        @else { (table((&page.visitor, &path), &found)) }
        (views::next_page(&path, &[], next.as_deref()))
    };
    let shown = Page::new(views::title("Keys", &account), body);
    Ok(shown.with_notice(query.notice()).respond(&page.visitor))
}

fn table((visitor, path): (&Visitor, &str), keys: &[Key]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Name" } th scope="col" { "For" } th scope="col" { "Expires" } th scope="col" { "Last use" } th scope="col" { "Action" } } }
            tbody {
                @for key in keys {
                    tr {
                        (views::cell("Name", &html! { (key.name) br; code.quiet-text { (key.id) } }))
                        (views::cell("For", &html! { code { (key.scopes) } }))
                        (views::cell("Expires", &views::time_or(key.expires, "Never")))
                        (views::cell("Last use", &views::time_or(key.last_used, "Never")))
                        td {
                            div.actions {
                                a href={ (path) "/" (key.id) } aria-label={ "Rotate " (key.name) } { "Rotate" }
                                (button_form(visitor, &format!("{path}/{}/revoke", key.id), ("Revoke", ButtonKind::Danger), &[]))
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    Path(account): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page(&page.visitor, &account, (&Fields::default(), &[])))
}

pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let new = match new_key(&sent.fields) {
        Ok(new) => new,
        Err(errors) => return Ok(new_page(&page.visitor, &account, (&sent.fields, &errors))),
    };
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let owner = (subject, id.as_str());
        auth.create_key(write, &by, owner, new).await
    });
    match done.await {
        Ok(done) => Ok(created(&page.visitor, &account, done)),
        Err(problem) => {
            let errors = [rejected(problem, "")?];
            Ok(new_page(&page.visitor, &account, (&sent.fields, &errors)))
        }
    }
}

fn new_key(fields: &Fields) -> Result<NewKey, Vec<FieldError>> {
    let (name, scopes, expires) = asked(fields)?;
    Ok(NewKey {
        name,
        scopes,
        expires,
    })
}

/// What a form of a new key says: its name, what it is for, and when it expires.
pub(super) fn asked(
    fields: &Fields,
) -> Result<(String, Vec<String>, Option<i64>), Vec<FieldError>> {
    let mut errors = Vec::new();
    let name = crate::model::name(fields.get("name"));
    if name.is_none() {
        errors.push(FieldError::new(
            "name",
            "Enter a name of 1 to 200 characters.",
        ));
    }
    let mut scopes: Vec<String> = fields.all("scope").map(str::to_owned).collect();
    scopes.extend(fields.get("scopes").split_whitespace().map(str::to_owned));
    if scopes.is_empty() {
        errors.push(FieldError::new("scopes", "Say what the key is for."));
    }
    let expires = match fields.filled("expires").map(views::day) {
        Some(None) => {
            errors.push(FieldError::new(
                "expires",
                "Enter a date such as 2027-01-31.",
            ));
            None
        }
        Some(day) => day,
        None => None,
    };
    match name {
        Some(name) if errors.is_empty() => Ok((name, scopes, expires)),
        _ => Err(errors),
    }
}

/// The fields of that, with what is offered that a key is for.
pub(super) fn asked_fields(
    offered: &[(&str, &str)],
    fields: &Fields,
    errors: &[FieldError],
) -> Markup {
    let chosen = |scope: &str| fields.all("scope").any(|one| one == scope);
    html! {
        (Field { name: "name", label: "Name", value: fields.get("name"), autocomplete: "off", errors, hint: "What tells you which program has it.", ..Field::default() })
        fieldset {
            legend { "What it is for" }
            @for (number, (scope, about)) in offered.iter().enumerate() {
                div.choice {
                    input type="checkbox" id={ "scope-" (number) } name="scope" value=(scope) checked[chosen(scope)];
                    label for={ "scope-" (number) } { code { (scope) } " · " (about) }
                }
            }
        }
        (Field { name: "scopes", label: "Other actions", value: fields.get("scopes"), autocomplete: "off", is_optional: true, errors,
            hint: "Patterns with spaces between them, such as account.read or audit.*", ..Field::default() })
        (Field { name: "expires", label: "Expires on", kind: "date", value: fields.get("expires"), is_optional: true, errors,
            hint: "At the beginning of this day, UTC. Without a day it does not expire.", ..Field::default() })
    }
}

/// How long the old key is valid beside the new one: the choices.
pub(super) fn grace_fields() -> Markup {
    html! {
        fieldset {
            legend { "How long the old key is valid beside the new one" }
            @for (number, (seconds, label)) in GRACES.iter().enumerate() {
                div.choice {
                    input type="radio" id={ "grace-" (number) } name="grace" value=(seconds) checked[number == 2];
                    label for={ "grace-" (number) } { (label) }
                }
            }
        }
    }
}

/// Which of them was chosen, in seconds.
pub(super) fn grace(fields: &Fields) -> Result<u32, Problem> {
    let grace = fields.get("grace");
    let is_offered = GRACES.iter().any(|(seconds, _)| *seconds == grace);
    let seconds = grace.parse().ok().filter(|_| is_offered);
    seconds.ok_or_else(|| {
        let detail = "choose how long the old key is valid";
        Problem::new(ProblemCode::BadRequest, detail)
    })
}

fn new_page(
    visitor: &Visitor,
    account: &str,
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let path = format!("{ACCOUNTS}/{account}/keys");
    let inner = html! {
        (asked_fields(&SCOPES, fields, errors))
        div.actions {
            button.button type="submit" { "Create the key" }
            a href=(path) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{path}/new"), &inner);
    let page = Page::new(views::title("New key", account), body);
    page.with_errors(errors).respond(visitor)
}

/// The secret of a new key, once.
fn created(visitor: &Visitor, account: &str, done: Option<(Key, Secret)>) -> Response {
    let path = format!("{ACCOUNTS}/{account}/keys");
    let Some((key, secret)) = done else {
        return visitor.send_to(&local(&format!("{path}?done=before")), &[]);
    };
    let body = html! {
        p { "This is the secret of " strong { (key.name) } ". Give it to the program now: it is shown once and never again." }
        code.secret { (secret.expose()) }
        dl.facts {
            dt { "For" } dd { code { (key.scopes) } }
            dt { "Expires" } dd { (views::time_or(key.expires, "Never")) }
        }
        div.actions { a.button href=(path) { "I have kept it" } }
    };
    Page::new("The key is created", body).respond(visitor)
}

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    Path((account, key)): Path<(String, String)>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    let id = account_of(&account, &page.allowed.subject);
    let key = store::key::one(auth.database.reader(), &id, &key).await?;
    let key = key.ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no such key"))?;
    let path = format!("{ACCOUNTS}/{account}/keys");
    let inner = html! {
        (grace_fields())
        div.actions {
            button.button type="submit" { "Rotate" }
            a href=(path) { "Cancel" }
        }
    };
    let body = html! {
        p { "A new key as " strong { (key.name) } " is created in its place, for " code { (key.scopes) } "." }
        (form(&page.visitor, &format!("{path}/{}", key.id), &inner))
    };
    Ok(Page::new("Rotate a key", body).respond(&page.visitor))
}

pub(super) async fn rotate(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, key)): Path<(String, String)>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let seconds = grace(&sent.fields)?;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), key.as_str());
        auth.rotate_key(write, &by, of, (seconds, None)).await
    });
    Ok(created(&page.visitor, &account, done.await?))
}

pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path((account, key)): Path<(String, String)>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), key.as_str());
        auth.revoke_key(write, &by, of).await
    });
    done.await?;
    let next = local(&format!("{ACCOUNTS}/{account}/keys?done=revoked"));
    Ok(page.visitor.send_to(&next, &[]))
}
