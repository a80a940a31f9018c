//! Where an account is signed in.

use super::{ACCOUNTS, Answer, Done, local, views};
use crate::change::By;
use crate::flows::authentication::recent_for_others;
use crate::rest::{ChangeAccount, ReadAccount, account_of};
use crate::store::session::Session;
use crate::{Auth, IDLE_NS, store};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::RequestOrigin;
use tickloom_chassis::console::{ButtonKind, Form, Page, PageAllowed, Visitor, button_form};

/// Sessions of an account that are shown, at most: the oldest are first.
const SESSIONS_MAX: i64 = 500;

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let id = account_of(&account, subject);
    let now = auth.clock.now().0;
    let at = auth.database.reader();
    let over = (now, now - IDLE_NS);
    let mut found = store::session::of_account(at, &id, "", over, SESSIONS_MAX).await?;
    found.reverse();
    let path = format!("{ACCOUNTS}/{account}/sessions");
    let own = subject.session.as_deref();
    let others = found
        .iter()
        .filter(|one| Some(one.id.as_str()) != own)
        .count();
    let body = html! {
        @if found.is_empty() { p { "There is none." } }
        @else { (table((visitor, &path), &found, own)) }
        @if others > 0 {
            div.actions { (button_form(visitor, &path, ("End all other sessions", ButtonKind::Danger), &[("session", "others")])) }
        }
    };
    let shown = Page::new(views::title("Sessions", &account), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

fn table((visitor, path): (&Visitor, &str), sessions: &[Session], own: Option<&str>) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Device" } th scope="col" { "Signed in" } th scope="col" { "Last use" } th scope="col" { "Ends" } th scope="col" { "Action" } } }
            tbody {
                @for session in sessions {
                    @let is_own = own == Some(session.id.as_str());
                    @let device = views::device(&session.device);
                    tr {
                        (views::cell("Device", &html! {
                            span title=(session.device) { (device) } @if is_own { " " span.tag { "this one" } }
                        }))
                        (views::cell("Signed in", &views::time(session.began)))
                        (views::cell("Last use", &views::time(session.last_used)))
                        (views::cell("Ends", &views::time(session.expires.min(session.last_used.saturating_add(IDLE_NS)))))
                        td {
                            @if !is_own {
                                (button_form(visitor, path, ("End", ButtonKind::Danger), &[("session", &session.id)]))
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn end(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let id = account_of(&account, subject);
    let by = By::new(subject, &request, auth.clock.now());
    let session = sent.fields.get("session");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        if session == "others" {
            recent_for_others(subject, &id, by.now)?;
            let but = subject.session.as_deref().unwrap_or("");
            auth.end_sessions(write, &by, (&id, but)).await.map(|_| ())
        } else {
            auth.end_session(write, &by, (subject, &id, session)).await
        }
    });
    done.await?;
    let word = if session == "others" {
        "sessions"
    } else {
        "session"
    };
    let next = format!("{ACCOUNTS}/{account}/sessions?done={word}");
    Ok(page.visitor.send_to(&local(&next), &[]))
}
