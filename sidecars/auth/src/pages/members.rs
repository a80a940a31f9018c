//! Who is a member of an organisation: roles, removing and leaving, and programs that belong to it.

use super::organisations::{PATH, known, role};
use super::{ACCOUNTS, Answer, Done, local, rejected, views};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::flows::organisations::NewMachine;
use crate::model::AccountKind;
use crate::model::organisation::MemberRole;
use crate::rest::{AddMachines, ChangeMembers, OwnSession, ReadMembers};
use crate::store::organisation::Member;
use crate::{Auth, store};
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
    page: PageAllowed<ReadMembers>,
    Path(id): Path<String>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let organisation = known(&auth, &id).await?;
    let at = auth.database.reader();
    let found = store::organisation::members_after(at, &id, part.after(), views::ROWS_ASKED);
    let (found, next) = views::part(found.await?, |member| &member.account);
    let own = store::organisation::member(at, &id, &subject.account).await?;
    let may = |action: &str, below: &str| {
        let resource = format!("organisation/{id}{below}");
        decide(subject, action, &resource, visitor.now).allow
    };
    let path = format!("{PATH}/{id}/members");
    let may_change = may("member.change", "/members");
    let body = html! {
        div.actions {
            @if may("invitation.change", "/invitations") { a.button href={ (PATH) "/" (id) "/invitations" } { "Invite somebody" } }
            @if may("organisation.change", "/machines") { a.button.quiet href={ (PATH) "/" (id) "/machines/new" } { "Create a program" } }
        }
        (table((visitor, &path, may_change), &found))
        (views::next_page(&path, &[], next.as_deref()))
        @if own.is_some() {
            h2 { "Leaving" }
            div.actions { (button_form(visitor, &format!("{PATH}/{id}/leave"), ("Leave the organisation", ButtonKind::Danger), &[])) }
        }
    };
    let shown = Page::new(format!("Members of {}", organisation.name), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

fn table((visitor, path, may_change): (&Visitor, &str, bool), members: &[Member]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Name" } th scope="col" { "E-mail address" } th scope="col" { "Role" } th scope="col" { "Since" } @if may_change { th scope="col" { "Action" } } } }
            tbody {
                @for member in members {
                    tr {
                        (views::cell("Name", &html! {
                            // Programs are administered here; people are their own.
                            @if member.kind == AccountKind::Machine && may_change { a href={ (ACCOUNTS) "/" (member.account) } { (member.name) } }
                            @else { (member.name) }
                            @if member.kind == AccountKind::Machine { " " span.tag { "program" } }
                        }))
                        (views::cell("E-mail address", &html! { (member.email.as_deref().unwrap_or("–")) }))
                        (views::cell("Role", &html! {
                            @if may_change { (role_form(visitor, path, member)) } @else { (role(member.role)) }
                        }))
                        (views::cell("Since", &views::time(member.since)))
                        @if may_change {
                            td {
                                @if member.kind == AccountKind::Person {
                                    (button_form(visitor, &format!("{path}/remove"), ("Remove", ButtonKind::Danger), &[("account", &member.account)]))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The role of a member, to be changed.
fn role_form(visitor: &Visitor, path: &str, member: &Member) -> Markup {
    let fits = |role: &MemberRole| role.for_kind(member.kind).is_ok();
    let inner = html! {
        input type="hidden" name="account" value=(member.account);
        div.actions {
            select name="role" aria-label={ "Role of " (member.name) } {
                @for one in MemberRole::ALL.into_iter().filter(fits) {
                    option value=(one.name()) selected[one == member.role] { (role(one)) }
                }
            }
            button.button.quiet type="submit" { "Set" }
        }
    };
    form(visitor, path, &inner)
}

pub(super) async fn set_role(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeMembers>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let account = sent.fields.get("account");
    let chosen = MemberRole::of_name(sent.fields.get("role"));
    let chosen =
        chosen.ok_or_else(|| Problem::new(ProblemCode::BadRequest, "there is no such role"))?;
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), account);
        auth.set_role(write, &by, of, chosen).await
    });
    done.await?;
    let next = local(&format!("{PATH}/{id}/members?done=role"));
    Ok(page.visitor.send_to(&next, &[]))
}

pub(super) async fn remove(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeMembers>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let account = sent.fields.get("account");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), account);
        auth.end_membership(write, &by, of).await
    });
    done.await?;
    let next = local(&format!("{PATH}/{id}/members?done=member-removed"));
    Ok(page.visitor.send_to(&next, &[]))
}

pub(super) async fn leave(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let of = (subject, id.as_str(), subject.account.as_str());
        auth.end_membership(write, &by, of).await
    });
    done.await?;
    let next = local(&format!("{PATH}?done=left"));
    Ok(page.visitor.send_to(&next, &[]))
}

pub(super) async fn show_new_machine(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<AddMachines>,
    Path(id): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    known(&auth, &id).await?;
    Ok(machine_page(&page.visitor, &id, (&Fields::default(), &[])))
}

pub(super) async fn add_machine(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<AddMachines>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let new = NewMachine {
        name: sent.fields.get("name").to_owned(),
        role: MemberRole::of_name(sent.fields.get("role")).unwrap_or(MemberRole::Member),
    };
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.add_machine(write, &by, (subject, &id), new).await
    });
    match done.await {
        Ok(Some(machine)) => {
            let next = local(&format!("{ACCOUNTS}/{}?done=created", machine.id));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Ok(None) => {
            let next = local(&format!("{PATH}/{id}/members?done=before"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "name")?];
            Ok(machine_page(&page.visitor, &id, (&sent.fields, &errors)))
        }
    }
}

fn machine_page(
    visitor: &Visitor,
    id: &str,
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let is_viewer = fields.get("role") == MemberRole::Viewer.name();
    let inner = html! {
        (Field { name: "name", label: "Name of the program", value: fields.get("name"), autocomplete: "off", errors, ..Field::default() })
        fieldset {
            legend { "What it may do" }
            div.choice {
                input #role-member type="radio" name="role" value="member" checked[!is_viewer];
                label for="role-member" { "All that the organisation was granted" }
            }
            div.choice {
                input #role-viewer type="radio" name="role" value="viewer" checked[is_viewer];
                label for="role-viewer" { "What of it changes nothing" }
            }
        }
        div.actions {
            button.button type="submit" { "Create the program" }
            a href={ (PATH) "/" (id) "/members" } { "Cancel" }
        }
    };
    let body = form(visitor, &format!("{PATH}/{id}/machines/new"), &inner);
    Page::new("New program", body)
        .with_errors(errors)
        .respond(visitor)
}
