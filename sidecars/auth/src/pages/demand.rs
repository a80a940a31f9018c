//! A second factor that is demanded: where who lacks one is led, and the buttons of those who demand it.

use super::{ACCOUNTS, Answer, Done, factor, local, organisations, passkeys};
use crate::Auth;
use crate::change::By;
use crate::model::organisation::Organisation;
use crate::model::{Account, AccountKind};
use crate::rest::{ChangeOrganisation, SuspendAccount, account_of};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Enrolling, Form, Page, PageAllowed, SignedIn, Visitor, button_form,
};
use tickloom_chassis::{IfMatch, RequestOrigin};

/// Where who lacks a second factor that is demanded is led; who has one goes on.
pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    Enrolling(SignedIn { visitor, subject }): Enrolling,
    Query(query): Query<Done>,
) -> Response {
    if !subject.lacks_second_factor {
        return visitor.go_on(&query.next(), &[]);
    }
    let body = html! {
        p { "A second factor is demanded of your account, and it has none yet. With one, who learns your password alone does not get in." }
        p { "Set one up now. Until then nothing else can be done here, and your keys and applications do nothing. \
             After that, go back to where you wanted to be." }
        div.actions {
            @if auth.relying_party().is_ok() { a.button href=(passkeys::NEW) { "Add a passkey" } }
            a.button.quiet href=(factor::PATH) { "Set up codes of an app" }
        }
    };
    let page = Page::new("Set up a second factor", body);
    page.narrow().respond(&visitor)
}

/// The button with which a second factor is demanded of a person, or not any more.
pub(super) fn of_account(visitor: &Visitor, account: &Account) -> Markup {
    let is_person = account.kind == AccountKind::Person && account.usable().is_ok();
    let path = format!("{ACCOUNTS}/{}/second-factor/demand", account.id);
    html! {
        @if is_person { (button(visitor, &path, account.is_second_factor_demanded)) }
    }
}

/// The same of the members of an organisation.
pub(super) fn of_members(visitor: &Visitor, organisation: &Organisation) -> Markup {
    let path = format!(
        "{}/{}/second-factor/demand",
        organisations::PATH,
        organisation.id
    );
    button(visitor, &path, organisation.demands_second_factor)
}

fn button(visitor: &Visitor, path: &str, is_demanded: bool) -> Markup {
    let (label, demand) = if is_demanded {
        ("Demand no second factor", "no")
    } else {
        ("Demand a second factor", "yes")
    };
    let fields = [("demand", demand)];
    html! { div.actions { (button_form(visitor, path, (label, ButtonKind::Quiet), &fields)) } }
}

/// What was done, as the next page says it.
fn word(is_demanded: bool) -> &'static str {
    if is_demanded {
        "factor-demanded"
    } else {
        "factor-open"
    }
}

pub(super) async fn demand(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<SuspendAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let (id, is_demanded) = (
        account_of(&account, subject),
        sent.fields.get("demand") == "yes",
    );
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let demand = (subject, id.as_str(), is_demanded);
        auth.demand_factor(write, &by, demand).await
    });
    done.await?;
    let next = format!("{ACCOUNTS}/{account}?done={}", word(is_demanded));
    Ok(page.visitor.send_to(&local(&next), &[]))
}

pub(super) async fn demand_of_members(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeOrganisation>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let is_demanded = sent.fields.get("demand") == "yes";
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let demand = (subject, id.as_str(), is_demanded);
        auth.demand_factor_of_members(write, &by, demand, &if_match)
            .await
    });
    done.await?;
    let next = format!("{}/{id}?done={}", organisations::PATH, word(is_demanded));
    Ok(page.visitor.send_to(&local(&next), &[]))
}
