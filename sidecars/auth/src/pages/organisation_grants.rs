//! What was granted to an organisation, and so to its members.

use super::grants::{fields_of, new_grant, table};
use super::{Answer, Done, local, organisations, rejected, views};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::rest::{ChangeGrants, ReadOrganisationGrants};
use crate::{Auth, store};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use maud::html;
use std::sync::Arc;
use tickloom_chassis::console::{FieldError, Fields, Form, Page, PageAllowed, Visitor, form};
use tickloom_chassis::{RequestOrigin, decide};

pub(super) fn router() -> Router<Arc<Auth>> {
    let path = |below: &str| format!("/organisations/{{organisation}}/grants{below}");
    Router::new()
        .route(&path(""), get(list))
        .route(&path("/new"), get(show_new).post(create))
        .route(&path("/revoke"), post(revoke))
}

fn path_of(organisation: &str) -> String {
    format!("{}/{organisation}/grants", organisations::PATH)
}

async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadOrganisationGrants>,
    Path(id): Path<String>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let organisation = organisations::known(&auth, &id).await?;
    let at = auth.database.reader();
    let found = store::account::grants_after(at, &id, part.after(), views::ROWS_ASKED).await?;
    let (found, next) = views::part(found, |grant| &grant.id);
    let may_change = decide(subject, "grant.change", "grant/*", visitor.now).allow;
    let path = path_of(&id);
    let body = html! {
        p { "What is granted to the organisation its members may do: viewers what changes nothing of it." }
        @if may_change { div.actions { a.button href={ (path) "/new" } { "Create a grant" } } }
        @if found.is_empty() { p { "There is none." } }
        @else { (table((visitor, &path, may_change), &found)) }
        (views::next_page(&path, &[], next.as_deref()))
        p { a href={ (organisations::PATH) "/" (id) } { "Back to the organisation" } }
    };
    let shown = Page::new(views::title("Grants", &organisation.name), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    Path(id): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    let name = organisations::known(&auth, &id).await?.name;
    let shown = (&Fields::default(), &[][..]);
    Ok(new_page(&page.visitor, (&id, &name), shown))
}

fn new_page(
    visitor: &Visitor,
    (id, name): (&str, &str),
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let path = path_of(id);
    let inner = html! {
        (fields_of(fields, errors))
        div.actions {
            button.button type="submit" { "Create the grant" }
            a href=(path) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{path}/new"), &inner);
    let page = Page::new(views::title("New grant", name), body);
    page.with_errors(errors).respond(visitor)
}

async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let name = organisations::known(&auth, &id).await?.name;
    let again = |error| {
        let shown = (&sent.fields, &[error][..]);
        new_page(visitor, (&id, &name), shown)
    };
    let new = match new_grant(&sent.fields) {
        Ok(new) => new,
        Err(error) => return Ok(again(error)),
    };
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let to = (subject, id.as_str());
        auth.create_organisation_grant(write, &by, to, new).await
    });
    match done.await {
        Ok(_) => {
            let next = local(&format!("{}?done=granted", path_of(&id)));
            Ok(visitor.send_to(&next, &[]))
        }
        Err(problem) => Ok(again(rejected(problem, "")?)),
    }
}

async fn revoke(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeGrants>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let grant = sent.fields.get("grant");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), grant);
        auth.revoke_organisation_grant(write, &by, of).await
    });
    done.await?;
    let next = local(&format!("{}?done=revoked", path_of(&id)));
    Ok(page.visitor.send_to(&next, &[]))
}
