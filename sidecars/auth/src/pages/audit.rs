//! Who did what, the newest first.

use super::{Answer, views};
use crate::Auth;
use crate::rest::ReadAudit;
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{Page, PageAllowed};
use tickloom_chassis::{AuditEntry, AuditOutcome, audit_after, audit_head};

const PATH: &str = "/console/auth/audit";
/// Entries of a page.
const ENTRIES: i64 = 50;

/// Which part is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Before {
    /// Entries up to this position; the newest if it is left out.
    upto: Option<i64>,
}

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAudit>,
    Query(query): Query<Before>,
) -> Answer {
    let head = audit_head(&auth.database).await?;
    let newest = head.position;
    // Positions have no gaps.
    let upto = query.upto.unwrap_or(newest).clamp(0, newest);
    let after = (upto - ENTRIES).max(0);
    let mut found = audit_after(&auth.database, after, upto - after).await?;
    found.reverse();
    let newer = (upto < newest).then(|| (upto + ENTRIES).min(newest));
    let older = (after > 0).then_some(after);
    let body = html! {
        p.quiet-text { "Each entry has the hash of the one before in its own: " code { "tickloom admin audit export" } " and "
            code { "tickloom admin audit verify" } " say whether any is missing or was changed." }
        @if found.is_empty() { p { "There is none." } }
        @else { (table(&found)) }
        nav.pages aria-label="Pages of the log" {
            @if let Some(upto) = newer { a.button.quiet href={ (PATH) "?upto=" (upto) } { "Newer" } }
            @if let Some(upto) = older { a.button.quiet href={ (PATH) "?upto=" (upto) } { "Older" } }
        }
    };
    Ok(Page::new("Audit log", body).respond(&page.visitor))
}

fn table(entries: &[AuditEntry]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Did what" } th scope="col" { "On what" } th scope="col" { "Outcome" } } }
            tbody {
                @for entry in entries {
                    tr {
                        (views::cell("When", &html! { (views::time(entry.at)) br; span.quiet-text { "no. " (entry.position) } }))
                        (views::cell("Who", &html! { code { (entry.actor) } }))
                        (views::cell("Did what", &html! { (entry.action) @if !entry.detail.is_empty() { br; code.quiet-text { (entry.detail) } } }))
                        (views::cell("On what", &html! { code { (entry.resource) } }))
                        (views::cell("Outcome", &html! { @if entry.outcome == AuditOutcome::Done.name() { "Done" } @else { strong { "Refused" } } }))
                    }
                }
            }
        }
    }
}
