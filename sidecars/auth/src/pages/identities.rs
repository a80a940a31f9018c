//! Outside identities of an account: which there are, and none any more.

use super::providers::buttons;
use super::{ACCOUNTS, Answer, Done, local, views};
use crate::change::By;
use crate::model::Account;
use crate::provider::Provider;
use crate::rest::{ChangeAccount, ReadAccount, account_of};
use crate::store::identity::Identity;
use crate::{Auth, store};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{ButtonKind, Form, Page, PageAllowed, Visitor, button_form};
use tickloom_chassis::{Problem, RequestOrigin, decide};

/// Outside identities that are shown, which are all that an account can have.
const ROWS: i64 = 1000;

pub(super) fn router() -> Router<Arc<Auth>> {
    Router::new()
        .route("/accounts/{account}/identities", get(list))
        .route("/accounts/{account}/identities/unlink", post(unlink))
}

/// Providers at which somebody can authenticate once more: their account is linked there, and what the provider says is enough.
pub(super) async fn for_step_up<'a>(
    auth: &'a Auth,
    account: &Account,
) -> Result<Vec<&'a Provider>, Problem> {
    let at = auth.database.reader();
    let linked = store::identity::of_account(at, &account.id, "", ROWS).await?;
    let can = |provider: &&Provider| {
        let config = &provider.config;
        let is_linked = linked.iter().any(|one| one.issuer == config.issuer);
        is_linked && (!account.needs_second_factor() || !config.second_factor.is_empty())
    };
    Ok(auth.providers.iter().filter(can).collect())
}

async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let id = account_of(&account, subject);
    let at = auth.database.reader();
    let found = store::identity::of_account(at, &id, "", ROWS).await?;
    let resource = format!("account/{id}");
    let may_change = decide(subject, "account.change", &resource, visitor.now).allow;
    let path = format!("{ACCOUNTS}/{account}/identities");
    let here = local(&path);
    let is_own = id == subject.account;
    let body = html! {
        p { "Whoever is signed in with one of these at its provider gets into the account here." }
        @if found.is_empty() { p { "There is none." } }
        @else { (table((&auth, visitor), (&path, may_change), &found)) }
        @if is_own && !auth.providers.is_empty() {
            h2 { "Another one" }
            div.actions { (buttons(visitor, auth.providers.iter(), ("link", "Link", &here))) }
        }
    };
    let shown = Page::new(views::title("Outside identities", &account), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

fn table(
    (auth, visitor): (&Auth, &Visitor),
    (path, may_change): (&str, bool),
    identities: &[Identity],
) -> Markup {
    let unlink = format!("{path}/unlink");
    let called = |identity: &Identity| {
        let mut providers = auth.providers.iter();
        let known = providers.find(|provider| provider.config.issuer == identity.issuer);
        known.map_or(identity.issuer.clone(), |known| known.config.title.clone())
    };
    html! {
        table {
            thead { tr { th scope="col" { "Provider" } th scope="col" { "Who" } th scope="col" { "Since" } @if may_change { th scope="col" { "Action" } } } }
            tbody {
                @for identity in identities {
                    tr {
                        (views::cell("Provider", &html! { (called(identity)) br; code.quiet-text { (identity.issuer) } }))
                        (views::cell("Who", &html! { @if let Some(email) = &identity.email { (email) br; } code.quiet-text { (identity.subject) } }))
                        (views::cell("Since", &views::time(identity.created)))
                        @if may_change {
                            td { (button_form(visitor, &unlink, ("Unlink", ButtonKind::Danger), &[("identity", &identity.id)])) }
                        }
                    }
                }
            }
        }
    }
}

async fn unlink(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let identity = sent.fields.get("identity");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.unlink(write, &by, (subject, &id, identity)).await
    });
    done.await?;
    let next = local(&format!("{ACCOUNTS}/{account}/identities?done=unlinked"));
    Ok(page.visitor.send_to(&next, &[]))
}
