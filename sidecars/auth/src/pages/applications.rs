//! Applications and devices that act for an account: what was allowed, what they have now, and taking it back.

use super::{ACCOUNTS, Answer, Done, local, scopes, views};
use crate::change::By;
use crate::rest::{ChangeAccount, ReadAccount, account_of};
use crate::store::authorisation::Given;
use crate::store::client::{AllowedAt, Consent};
use crate::{Auth, IDLE_NS, store};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::RequestOrigin;
use tickloom_chassis::console::{ButtonKind, Form, Page, PageAllowed, Visitor, button_form};

/// Rows of each of the two lists, at most.
const ROWS: i64 = 500;

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let id = account_of(&account, &page.allowed.subject);
    let at = auth.database.reader();
    let allowed = store::client::consents_after(at, &id, "", ROWS).await?;
    let now = auth.clock.now().0;
    let of = (id.as_str(), now, now - IDLE_NS);
    let mut given = store::authorisation::given(at, of, "", ROWS).await?;
    given.reverse();
    let path = format!("{ACCOUNTS}/{account}/applications");
    let body = html! {
        @if allowed.is_empty() && given.is_empty() { p { "There is none: no application acts for this account." } }
        @if !allowed.is_empty() { (allowed_table((&page.visitor, &path), &allowed)) }
        @if !given.is_empty() {
            h2 { "In use now" }
            p { "Each time that an application was allowed, on each device. Ending one ends all that came of it; what was allowed stays allowed." }
            (given_table((&page.visitor, &path), &given))
        }
    };
    let shown = Page::new(views::title("Applications", &account), body);
    Ok(shown.with_notice(query.notice()).respond(&page.visitor))
}

fn allowed_table((visitor, path): (&Visitor, &str), allowed: &[Consent]) -> Markup {
    let revoke = format!("{path}/revoke");
    html! {
        table {
            thead { tr { th scope="col" { "Application" } th scope="col" { "It may" } th scope="col" { "Since" } th scope="col" { "Action" } } }
            tbody {
                @for one in allowed {
                    tr {
                        (views::cell("Application", &html! { (one.name) }))
                        (views::cell("It may", &html! { @for at in &one.allowed { (allowed_at(at)) } }))
                        (views::cell("Since", &views::time_or(one.allowed.iter().map(|at| at.created).min(), "–")))
                        td { (button_form(visitor, &revoke, ("Revoke", ButtonKind::Danger), &[("client", &one.client)])) }
                    }
                }
            }
        }
    }
}

fn allowed_at(at: &AllowedAt) -> Markup {
    html! {
        div.quiet-text { @if at.resource.is_empty() { "Here" } @else { "At " code { (at.resource) } } }
        @for name in at.scopes.split(' ') { div { (scopes::words(name)) } }
    }
}

fn given_table((visitor, path): (&Visitor, &str), given: &[Given]) -> Markup {
    let end = format!("{path}/end");
    html! {
        table {
            thead { tr { th scope="col" { "Application" } th scope="col" { "Began" } th scope="col" { "Ends" } th scope="col" { "Action" } } }
            tbody {
                @for one in given {
                    tr {
                        (views::cell("Application", &html! { (one.name) }))
                        (views::cell("Began", &views::time(one.began)))
                        (views::cell("Ends", &html! {
                            (views::time(one.expires))
                            @if one.ends_with_session { br; span.quiet-text { "or with your session" } }
                        }))
                        td { (button_form(visitor, &end, ("End", ButtonKind::Danger), &[("authorisation", &one.id)])) }
                    }
                }
            }
        }
    }
}

pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let client = sent.fields.get("client");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let taken = (subject, id.as_str(), client);
        auth.revoke_application(write, &by, taken).await
    });
    done.await?;
    let next = format!("{ACCOUNTS}/{account}/applications?done=revoked");
    Ok(page.visitor.send_to(&local(&next), &[]))
}

pub(super) async fn end(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let authorisation = sent.fields.get("authorisation");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let ended = (subject, id.as_str(), authorisation);
        auth.end_authorisation(write, &by, ended).await
    });
    done.await?;
    let next = format!("{ACCOUNTS}/{account}/applications?done=ended");
    Ok(page.visitor.send_to(&local(&next), &[]))
}
