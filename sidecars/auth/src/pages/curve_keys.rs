//! Public keys of CURVE, by which ZeroMQ clients of an account are known.

use super::keys::{asked, asked_fields, grace, grace_fields};
use super::{ACCOUNTS, Answer, Done, local, rejected, views};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::flows::curve_keys::NewCurveKey;
use crate::rest::{ChangeAccount, ReadAccount, account_of};
use crate::store::curve::CurvePublicKey;
use crate::{Auth, store};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin};

/// What a client is for: what is offered.
const SCOPES: [(&str, &str); 2] = [
    ("topic.read", "Reading topics of publishers"),
    ("*", "Whatever the account may do"),
];
const PUBLIC_KEY: &str = "public_key";
const HINT: &str = "40 characters of Z85, as tools of ZeroMQ make it. Never the secret key.";

pub(super) fn router() -> Router<Arc<Auth>> {
    let path = |below: &str| format!("/accounts/{{account}}/curve-keys{below}");
    Router::new()
        .route(&path(""), get(list))
        .route(&path("/new"), get(show_new).post(create))
        .route(&path("/{key}"), get(show).post(rotate))
        .route(&path("/{key}/revoke"), post(revoke))
}

fn path_of(account: &str) -> String {
    format!("{ACCOUNTS}/{account}/curve-keys")
}

async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let id = account_of(&account, &page.allowed.subject);
    let at = auth.database.reader();
    let found = store::curve::after(at, &id, part.after(), views::ROWS_ASKED).await?;
    let (found, next) = views::part(found, |key| &key.id);
    let path = path_of(&account);
    let body = html! {
        p { "A client of a publisher is known by its public key of CURVE. It does what the key is for and the account may do, until it expires \
             or is revoked. The secret key stays with the client." }
        div.actions { a.button href={ (path) "/new" } { "Register a public key" } }
        @if found.is_empty() { p { "There is none." } }
        @else { (table((&page.visitor, &path), &found)) }
        (views::next_page(&path, &[], next.as_deref()))
    };
    let shown = Page::new(views::title("CURVE keys", &account), body);
    Ok(shown.with_notice(query.notice()).respond(&page.visitor))
}

fn table((visitor, path): (&Visitor, &str), keys: &[CurvePublicKey]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Public key" } th scope="col" { "For" } th scope="col" { "Expires" } th scope="col" { "Action" } } }
            tbody {
                @for key in keys {
                    tr {
                        (views::cell("Name", &html! { (key.name) br; code.quiet-text { (key.id) } }))
                        (views::cell("Public key", &html! { code { (key.public_key) } }))
                        (views::cell("For", &html! { code { (key.scopes) } }))
                        (views::cell("Expires", &views::time_or(key.expires, "Never")))
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

fn key_field<'a>(fields: &'a Fields, label: &'a str, errors: &'a [FieldError]) -> Field<'a> {
    Field {
        name: PUBLIC_KEY,
        label,
        value: fields.get(PUBLIC_KEY),
        autocomplete: "off",
        errors,
        hint: HINT,
        ..Field::default()
    }
}

async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    Path(account): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page(&page.visitor, &account, (&Fields::default(), &[])))
}

fn new_page(
    visitor: &Visitor,
    account: &str,
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let path = path_of(account);
    let inner = html! {
        (key_field(fields, "Public key", errors))
        (asked_fields(&SCOPES, fields, errors))
        div.actions {
            button.button type="submit" { "Register the key" }
            a href=(path) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{path}/new"), &inner);
    let page = Page::new(views::title("New CURVE key", account), body);
    page.with_errors(errors).respond(visitor)
}

async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let (name, scopes, expires) = match asked(&sent.fields) {
        Ok(asked) => asked,
        Err(errors) => return Ok(new_page(visitor, &account, (&sent.fields, &errors))),
    };
    let new = NewCurveKey {
        public_key: sent.fields.get(PUBLIC_KEY).trim().to_owned(),
        name,
        scopes,
        expires,
    };
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let owner = (subject, id.as_str());
        auth.register_curve_key(write, &by, owner, new).await
    });
    match done.await {
        Ok(_) => Ok(done_page(visitor, &account, "registered")),
        Err(problem) => {
            let errors = [of_key(problem)?];
            Ok(new_page(visitor, &account, (&sent.fields, &errors)))
        }
    }
}

/// What is wrong with a key stands at its field.
fn of_key(mut problem: Problem) -> Result<FieldError, Problem> {
    let is_of_key = problem.detail.contains("public key") || problem.detail.contains(PUBLIC_KEY);
    problem.detail = problem.detail.replace("`public_key`: ", "");
    rejected(problem, if is_of_key { PUBLIC_KEY } else { "" })
}

fn done_page(visitor: &Visitor, account: &str, done: &str) -> Response {
    let next = format!("{}?done={done}", path_of(account));
    visitor.send_to(&local(&next), &[])
}

async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    Path((account, key)): Path<(String, String)>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    let id = account_of(&account, &page.allowed.subject);
    let key = known(&auth, (&id, &key)).await?;
    let shown = (&Fields::default(), &[][..]);
    Ok(rotate_page(&page.visitor, (&account, &key), shown))
}

async fn known(auth: &Auth, (account, key): (&str, &str)) -> Result<CurvePublicKey, Problem> {
    let found = store::curve::one(auth.database.reader(), account, key).await?;
    found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no such key"))
}

fn rotate_page(
    visitor: &Visitor,
    (account, key): (&str, &CurvePublicKey),
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let path = path_of(account);
    let inner = html! {
        (key_field(fields, "Next public key", errors))
        (grace_fields())
        div.actions {
            button.button type="submit" { "Rotate" }
            a href=(path) { "Cancel" }
        }
    };
    let body = html! {
        p { "Another key of " strong { (key.name) } " takes the place of this one, for " code { (key.scopes) } "." }
        (form(visitor, &format!("{path}/{}", key.id), &inner))
    };
    let page = Page::new("Rotate a CURVE key", body);
    page.with_errors(errors).respond(visitor)
}

async fn rotate(
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
    let next = sent.fields.get(PUBLIC_KEY).trim();
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), key.as_str());
        auth.rotate_curve_key(write, &by, of, (next, seconds, None))
            .await
    });
    match done.await {
        Ok(_) => Ok(done_page(&page.visitor, &account, "registered")),
        Err(problem) => {
            let errors = [of_key(problem)?];
            let key = known(&auth, (&id, &key)).await?;
            let shown = (&sent.fields, &errors[..]);
            Ok(rotate_page(&page.visitor, (&account, &key), shown))
        }
    }
}

async fn revoke(
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
        auth.revoke_curve_key(write, &by, of).await
    });
    done.await?;
    Ok(done_page(&page.visitor, &account, "revoked"))
}
