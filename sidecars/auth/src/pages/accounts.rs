//! Accounts, for administrators: which there are, new ones, and keeping one from being used.

use super::links::LINK;
use super::{ACCOUNTS, Answer, Done, audit, demand, local, rejected, views};
use crate::change::By;
use crate::credential::secret::Secret;
use crate::flows::accounts::NewAccount;
use crate::flows::authentication::recent;
use crate::model::{Account, AccountKind, AccountState, Suspender};
use crate::rest::{CreateAccounts, ReadAccount, ReadAccounts, SuspendAccount, account_of};
use crate::{Auth, model, store};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{Problem, ProblemCode, RequestOrigin, decide};

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccounts>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let visitor = &page.visitor;
    let wanted = part.search();
    let at = auth.database.reader();
    let found = match wanted {
        Some(text) => store::account::search(at, text, part.after(), views::ROWS_ASKED).await?,
        None => store::account::after(at, part.after(), views::ROWS_ASKED).await?,
    };
    let (found, next) = views::part(found, |account| &account.id);
    let may_create = decide(
        &page.allowed.subject,
        "account.create",
        "account/*",
        visitor.now,
    );
    let text = wanted.unwrap_or("");
    let body = html! {
        @if may_create.allow { div.actions { a.button href={ (ACCOUNTS) "/new" } { "Create an account" } } }
        form.search method="get" action=(ACCOUNTS) role="search" {
            (Field { name: "search", label: "Part of a name or an e-mail address, or an id", value: text, autocomplete: "off", ..Field::default() })
            button.button.quiet type="submit" { "Search" }
        }
        @if found.is_empty() { p role="status" { "There is none." } }
        @else { (table(&found)) }
        (views::next_page(ACCOUNTS, &[("search", text)], next.as_deref()))
    };
    let shown = Page::new("Accounts", body).with_notice(query.notice());
    Ok(shown.respond(visitor))
}

fn table(accounts: &[Account]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Name" } th scope="col" { "E-mail address" } th scope="col" { "Kind" } th scope="col" { "State" } th scope="col" { "Since" } } }
            tbody {
                @for account in accounts {
                    tr {
                        (views::cell("Name", &html! { a href={ (ACCOUNTS) "/" (account.id) } { (called(account)) } }))
                        (views::cell("E-mail address", &html! { (account.email.as_deref().unwrap_or("–")) }))
                        (views::cell("Kind", &html! { (kind(account)) }))
                        (views::cell("State", &html! { (state(account)) }))
                        (views::cell("Since", &views::time(account.created)))
                    }
                }
            }
        }
    }
}

fn called(account: &Account) -> &str {
    if account.name.is_empty() {
        return &account.id;
    }
    &account.name
}

fn kind(account: &Account) -> &'static str {
    match account.kind {
        AccountKind::Person => "Person",
        AccountKind::Machine => "Program",
    }
}

fn state(account: &Account) -> &'static str {
    match account.state {
        AccountState::Active => "Active",
        AccountState::Suspended => "Suspended",
        AccountState::Deleted => "Deleted",
    }
}

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAccount>,
    Path(account): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let id = account_of(&account, subject);
    let found = store::account::by_id(auth.database.reader(), &id).await?;
    let missing = || Problem::new(ProblemCode::NotFound, "there is no such account");
    let account = found.ok_or_else(missing)?;
    let may = decide(subject, "account.suspend", &account.resource(), visitor.now);
    let body = html! {
        dl.facts {
            dt { "Kind" } dd { (kind(&account)) }
            dt { "State" } dd {
                (state(&account))
                @match account.suspended_by { Some(Suspender::Firm) => " by an administrator", Some(Suspender::Grantee) => " by somebody who was granted it", Some(Suspender::Organisation) => " by its organisation", None => "" }
            }
            @if let Some(email) = &account.email {
                dt { "E-mail address" } dd { (email) " " span.tag { @if account.is_email_verified { "verified" } @else { "not verified" } } }
            }
            @if account.kind == AccountKind::Person {
                dt { "Second factor" } dd {
                    @if account.needs_second_factor() { "Set" } @else { "Not set" }
                    @if account.is_second_factor_demanded { " " span.tag { "demanded" } }
                }
            }
            dt { "Since" } dd { (views::time(account.created)) }
            dt { "Id" } dd { code { (account.id) } }
        }
        (ways(&account, |action, resource| decide(subject, action, resource, visitor.now).allow))
        @if may.allow { (demand::of_account(visitor, &account)) (suspension(visitor, &account)) }
        @if may.allow && account.needs_second_factor() && account.id != subject.account {
            div.actions { a.button.danger href={ (ACCOUNTS) "/" (account.id) "/second-factor/drop" } { "Give up a lost second factor" } }
        }
    };
    let shown = Page::new(called(&account), body).with_notice(query.notice());
    Ok(shown.respond(visitor))
}

/// Where one goes from an account.
fn ways(account: &Account, may: impl Fn(&str, &str) -> bool) -> Markup {
    let path = format!("{ACCOUNTS}/{}", account.id);
    let reads_audit = may("audit.read", "audit/*");
    let changes = may("account.change", &account.resource()) && account.usable().is_ok();
    html! {
        div.actions {
            a.button.quiet href={ (path) "/grants" } { "Grants" }
            a.button.quiet href={ (path) "/keys" } { "Keys" }
            a.button.quiet href={ (path) "/curve-keys" } { "CURVE keys" }
            @if account.kind == AccountKind::Person {
                a.button.quiet href={ (path) "/sessions" } { "Sessions" }
                a.button.quiet href={ (path) "/applications" } { "Applications" }
                a.button.quiet href={ (path) "/identities" } { "Outside identities" }
                @if changes { a.button.quiet href={ (path) "/email" } { "Change the e-mail address" } }
            }
            @if reads_audit { a.button.quiet href={ (audit::PATH) "?account=" (account.id) } { "Audit log" } }
        }
    }
}

fn suspension(visitor: &Visitor, account: &Account) -> Markup {
    let path = |what: &str| format!("{ACCOUNTS}/{}/{what}", account.id);
    let button = match account.state {
        AccountState::Active => Some(("suspend", "Suspend the account", ButtonKind::Danger)),
        AccountState::Suspended => {
            Some(("resume", "Let the account be used again", ButtonKind::Quiet))
        }
        AccountState::Deleted => None,
    };
    html! {
        @if let Some((what, label, kind)) = button {
            div.actions { (button_form(visitor, &path(what), (label, kind), &[])) }
        }
    }
}

pub(super) async fn suspend(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<SuspendAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    set_suspended(&auth, (&page, &request), (&account, true), &sent).await
}

pub(super) async fn resume(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<SuspendAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    set_suspended(&auth, (&page, &request), (&account, false), &sent).await
}

async fn set_suspended(
    auth: &Auth,
    (page, request): (&PageAllowed<SuspendAccount>, &RequestOrigin),
    (account, is_suspended): (&str, bool),
    sent: &Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, request, auth.clock.now());
    let id = account_of(account, subject);
    let done = auth.do_once(&page.allowed, sent, async |write| {
        let set = (subject, id.as_str(), is_suspended);
        auth.set_suspended(write, &by, set).await
    });
    done.await?;
    let word = if is_suspended { "suspended" } else { "resumed" };
    let next = local(&format!("{ACCOUNTS}/{account}?done={word}"));
    Ok(page.visitor.send_to(&next, &[]))
}

pub(super) async fn show_drop_factor(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<SuspendAccount>,
    Path(account): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(drop_factor_page(&page.visitor, &account, &[]))
}

pub(super) async fn drop_factor(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<SuspendAccount>,
    request: RequestOrigin,
    Path(account): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let id = account_of(&account, subject);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.drop_lost_factor(write, &by, (subject, &id)).await
    });
    match done.await {
        Ok(_) => {
            let next = local(&format!("{ACCOUNTS}/{account}?done=factor-dropped"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "")?];
            Ok(drop_factor_page(&page.visitor, &account, &errors))
        }
    }
}

fn drop_factor_page(visitor: &Visitor, account: &str, errors: &[FieldError]) -> Response {
    let path = format!("{ACCOUNTS}/{account}");
    let inner = html! {
        div.actions {
            button.button.danger type="submit" { "Give up the second factor" }
            a href=(path) { "Cancel" }
        }
    };
    let body = html! {
        p { "The app, all passkeys and the recovery codes of this account are not good any more, and its sessions end. The person signs in with the password \
             alone until they set a second factor up again. Make sure by another way than mail that it is the person who asks for it." }
        (form(visitor, &format!("{path}/second-factor/drop"), &inner))
    };
    let page = Page::new(views::title("Give up the second factor", account), body);
    page.with_errors(errors).respond(visitor)
}

pub(super) async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<CreateAccounts>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page(&page.visitor, &Fields::default(), &[]))
}

pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<CreateAccounts>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let new = match new_account(&sent.fields) {
        Ok(new) => new,
        Err(errors) => return Ok(new_page(&page.visitor, &sent.fields, &errors)),
    };
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.invite(write, &by, (subject, new)).await
    });
    match done.await {
        Ok(Some((account, link))) => Ok(created((&auth, &page.visitor), &account, link)),
        Ok(None) => Ok(page
            .visitor
            .send_to(&local(&format!("{ACCOUNTS}?done=before")), &[])),
        Err(problem) => {
            let errors = [rejected(problem, "email")?];
            Ok(new_page(&page.visitor, &sent.fields, &errors))
        }
    }
}

fn new_account(fields: &Fields) -> Result<NewAccount, Vec<FieldError>> {
    let mut errors = Vec::new();
    let kind = match fields.get("kind") {
        "machine" => AccountKind::Machine,
        _ => AccountKind::Person,
    };
    let name = model::name(fields.get("name"));
    if name.is_none() {
        errors.push(FieldError::new(
            "name",
            "Enter a name of 1 to 200 characters.",
        ));
    }
    let email = fields.filled("email");
    match (kind, email) {
        (AccountKind::Person, email) if email.and_then(model::email).is_none() => {
            errors.push(FieldError::new("email", "Enter an e-mail address."));
        }
        (AccountKind::Machine, Some(_)) => {
            let what = "A program has no e-mail address: leave it empty.";
            errors.push(FieldError::new("email", what));
        }
        _ => {}
    }
    match name {
        Some(name) if errors.is_empty() => Ok(NewAccount {
            kind,
            name,
            email: email.map(str::to_owned),
        }),
        _ => Err(errors),
    }
}

fn new_page(visitor: &Visitor, fields: &Fields, errors: &[FieldError]) -> Response {
    let is_machine = fields.get("kind") == "machine";
    let inner = html! {
        fieldset {
            legend { "Whose it is" }
            div.choice {
                input #kind-person type="radio" name="kind" value="person" checked[!is_machine];
                label for="kind-person" { "A person, who chooses a password with a link" }
            }
            div.choice {
                input #kind-machine type="radio" name="kind" value="machine" checked[is_machine];
                label for="kind-machine" { "A program, which gets keys" }
            }
        }
        (Field { name: "name", label: "Name", value: fields.get("name"), autocomplete: "off", errors, ..Field::default() })
        (Field { name: "email", label: "E-mail address of a person", kind: "email", value: fields.get("email"), autocomplete: "off", is_optional: true, errors, ..Field::default() })
        div.actions {
            button.button type="submit" { "Create the account" }
            a href=(ACCOUNTS) { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{ACCOUNTS}/new"), &inner);
    Page::new("New account", body)
        .with_errors(errors)
        .respond(visitor)
}

fn created(
    (auth, visitor): (&Auth, &Visitor),
    account: &Account,
    link: Option<Secret>,
) -> Response {
    let path = format!("{ACCOUNTS}/{}", account.id);
    let Some(link) = link else {
        return visitor.send_to(&local(&format!("{path}?done=created")), &[]);
    };
    let body = html! {
        p { "Give this link to " strong { (account.name) } ". With it they choose a password within a week. It is shown once and never again." }
        code.secret { (auth.link_address(LINK, &link)) }
        div.actions { a.button href=(path) { "I have given it" } }
    };
    Page::new("The account is created", body).respond(visitor)
}
