//! Invitations to organisations: created and taken back by its administrators, and accepted by who has the link.

use super::links::{PASSWORD_HINT, code_of};
use super::organisations::{PATH, known, role};
use super::{Answer, Done, SIGN_IN, local, rejected, views};
use crate::change::By;
use crate::credential::password::Password;
use crate::credential::secret::Secret;
use crate::flows::authentication::recent;
use crate::flows::invitations::{NewInvitation, ShownInvitation};
use crate::model::organisation::MemberRole;
use crate::rest::{ChangeInvitations, OwnSession, ReadInvitations};
use crate::store::invitation::Invitation;
use crate::{Auth, AuthError, store};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    ButtonKind, Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, button_form, form,
};
use tickloom_chassis::{RequestOrigin, decide};

/// Where the link of an invitation leads.
pub(crate) const INVITATION: &str = "/console/auth/invitation";

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadInvitations>,
    Path(id): Path<String>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let organisation = known(&auth, &id).await?;
    let at = auth.database.reader();
    let now = visitor.now.0;
    let found = store::invitation::open_after(at, &id, part.after(), now, views::ROWS_ASKED);
    let (found, next) = views::part(found.await?, |one| &one.id);
    let resource = format!("organisation/{id}/invitations");
    let may_change = decide(subject, "invitation.change", &resource, visitor.now).allow;
    let path = format!("{PATH}/{id}/invitations");
    let body = html! {
        @if may_change { div.actions { a.button href={ (path) "/new" } { "Invite somebody" } } }
        @if found.is_empty() { p { "None is open." } }
        @else { (table((visitor, &path, may_change), &found)) }
        (views::next_page(&path, &[], next.as_deref()))
    };
    let shown = Page::new(format!("Invitations to {}", organisation.name), body);
    Ok(shown.with_notice(query.notice()).respond(visitor))
}

fn table((visitor, path, may_change): (&Visitor, &str, bool), open: &[Invitation]) -> Markup {
    let revoke = format!("{path}/revoke");
    html! {
        table {
            thead { tr { th scope="col" { "E-mail address" } th scope="col" { "Role" } th scope="col" { "Expires" } @if may_change { th scope="col" { "Action" } } } }
            tbody {
                @for one in open {
                    tr {
                        (views::cell("E-mail address", &html! { (one.email) }))
                        (views::cell("Role", &html! { (role(one.role)) }))
                        (views::cell("Expires", &views::time(one.expires)))
                        @if may_change {
                            td { (button_form(visitor, &revoke, ("Revoke", ButtonKind::Danger), &[("invitation", &one.id)])) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeInvitations>,
    Path(id): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    known(&auth, &id).await?;
    Ok(new_page(&page.visitor, &id, (&Fields::default(), &[])))
}

pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeInvitations>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let new = NewInvitation {
        email: sent.fields.get("email").to_owned(),
        role: MemberRole::of_name(sent.fields.get("role")).unwrap_or(MemberRole::Member),
    };
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.invite_member(write, &by, (subject, &id), new).await
    });
    match done.await {
        Ok(Some((invitation, Some(link)))) => {
            Ok(created((&auth, &page.visitor), &id, (&invitation, &link)))
        }
        Ok(made) => {
            let done = if made.is_some() { "invited" } else { "before" };
            let next = local(&format!("{PATH}/{id}/invitations?done={done}"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "email")?];
            Ok(new_page(&page.visitor, &id, (&sent.fields, &errors)))
        }
    }
}

fn new_page(visitor: &Visitor, id: &str, (fields, errors): (&Fields, &[FieldError])) -> Response {
    let chosen = MemberRole::of_name(fields.get("role")).unwrap_or(MemberRole::Member);
    let about = |role: MemberRole| match role {
        MemberRole::Administrator => {
            "Administrator: its name, its members, its programs; and all that it was granted"
        }
        MemberRole::Member => "Member: all that it was granted",
        MemberRole::Viewer => "Viewer: what of it changes nothing",
    };
    let inner = html! {
        (Field { name: "email", label: "E-mail address", kind: "email", value: fields.get("email"), autocomplete: "off", errors, ..Field::default() })
        fieldset {
            legend { "Role" }
            @for role in MemberRole::ALL {
                div.choice {
                    input id={ "role-" (role.name()) } type="radio" name="role" value=(role.name()) checked[role == chosen];
                    label for={ "role-" (role.name()) } { (about(role)) }
                }
            }
        }
        div.actions {
            button.button type="submit" { "Invite" }
            a href={ (PATH) "/" (id) "/invitations" } { "Cancel" }
        }
    };
    let body = html! {
        p { "The invitation is for this address alone, good once and for a week. Another one to the same address takes its place." }
        (form(visitor, &format!("{PATH}/{id}/invitations/new"), &inner))
    };
    Page::new("Invite somebody", body)
        .with_errors(errors)
        .respond(visitor)
}

fn created(
    (auth, visitor): (&Auth, &Visitor),
    id: &str,
    (invitation, link): (&Invitation, &Secret),
) -> Response {
    let body = html! {
        p { "Give this link to who has the address " strong { (invitation.email) } ". It is shown once and never again." }
        code.secret { (auth.link_address(INVITATION, link)) }
        div.actions { a.button href={ (PATH) "/" (id) "/invitations" } { "I have given it" } }
    };
    Page::new("The invitation is created", body).respond(visitor)
}

pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeInvitations>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let by = By::new(&page.allowed.subject, &request, auth.clock.now());
    let invitation = sent.fields.get("invitation");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.revoke_invitation(write, &by, (&id, invitation)).await
    });
    done.await?;
    let next = local(&format!("{PATH}/{id}/invitations?done=revoked"));
    Ok(page.visitor.send_to(&next, &[]))
}

pub(super) async fn show_link(visitor: Visitor) -> Response {
    link_page(&visitor, "", &[])
}

fn link_page(visitor: &Visitor, link: &str, errors: &[FieldError]) -> Response {
    let inner = html! {
        (Field { name: "link", label: "Code of the link", value: link, autocomplete: "off", errors,
            hint: "What stands behind the # of the link.", ..Field::default() })
        button.button type="submit" { "See the invitation" }
    };
    let page = Page::new("An invitation", form(visitor, INVITATION, &inner)).narrow();
    page.taking_link().with_errors(errors).respond(visitor)
}

pub(super) async fn look(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let (visitor, link) = (&sent.visitor, code_of(&sent.fields));
    let by = By::nobody(&request, auth.clock.now());
    match auth.show_invitation(&by, link).await {
        Ok(shown) => Ok(invitation_page(
            visitor,
            (link, &shown),
            (&sent.fields, &[]),
        )),
        Err(error) => {
            let errors = [rejected(error, "link")?];
            Ok(link_page(visitor, link, &errors))
        }
    }
}

/// What one is invited to, with the ways to join.
fn invitation_page(
    visitor: &Visitor,
    (link, shown): (&str, &ShownInvitation),
    (fields, errors): (&Fields, &[FieldError]),
) -> Response {
    let is_signed_in = visitor.subject.is_some();
    let code = html! { input type="hidden" name="link" value=(link); };
    let join = html! { (code) button.button type="submit" { "Join" } };
    let sign_up = html! {
        (code)
        (Field { name: "name", label: "Name", value: fields.get("name"), autocomplete: "name", errors, ..Field::default() })
        (Field { name: "password", label: "New password", kind: "password", autocomplete: "new-password", errors, hint: PASSWORD_HINT, ..Field::default() })
        button.button type="submit" { "Create my account and join" }
    };
    let body = html! {
        p { "You are invited to " strong { (shown.name) } " as " (role(shown.role).to_lowercase()) ", with the address " strong { (shown.email) } "." }
        p.quiet-text { "Whoever administers the organisation chose its name." }
        @if is_signed_in { (form(visitor, &format!("{INVITATION}/join"), &join)) }
        @else {
            p { "Who has an account with this address " a href=(SIGN_IN) { "signs in" } " first, and then opens the link again." }
            @if shown.makes_account {
                h2 { "Without an account" }
                (form(visitor, &format!("{INVITATION}/sign-up"), &sign_up))
            }
        }
    };
    let page = Page::new("An invitation", body).narrow();
    page.with_errors(errors).respond(visitor)
}

pub(super) async fn join(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnSession>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let link = code_of(&sent.fields);
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let shown = (subject, subject.account.as_str(), link);
        auth.accept_invitation(write, &by, shown).await
    });
    match done.await {
        Ok(joined) => {
            let to = joined.map_or(String::new(), |one| format!("/{}", one.organisation));
            let next = local(&format!("{PATH}{to}?done=joined"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "link")?];
            Ok(link_page(&page.visitor, link, &errors))
        }
    }
}

pub(super) async fn sign_up(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let (visitor, fields) = (&sent.visitor, &sent.fields);
    let (link, name) = (code_of(fields), fields.get("name"));
    let by = By::nobody(&request, auth.clock.now());
    let done = match Password::new(fields.get("password").to_owned()) {
        Ok(password) => {
            let chosen = (name, password);
            auth.accept_with_new_account(by.clone(), link, chosen).await
        }
        Err(error) => Err(error.into()),
    };
    let error = match done {
        Ok(_) => {
            let next = local(&format!("{SIGN_IN}?done=password-set"));
            return Ok(visitor.send_to(&next, &[]));
        }
        Err(error) => error,
    };
    let field = if matches!(error, AuthError::Password(_)) {
        "password"
    } else {
        "name"
    };
    let errors = [rejected(error, field)?];
    match auth.show_invitation(&by, link).await {
        Ok(shown) => Ok(invitation_page(visitor, (link, &shown), (fields, &errors))),
        Err(_) => Ok(link_page(visitor, link, &errors)),
    }
}
