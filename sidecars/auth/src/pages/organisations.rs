//! Organisations: those that one is in, new ones, their names, and deleting them.

use super::{Answer, Done, demand, invitations, local, members, rejected, views};
use crate::change::By;
use crate::flows::authentication::recent;
use crate::model::organisation::{MemberRole, Organisation, OrganisationState};
use crate::rest::{ChangeOrganisation, CreateOrganisation, OwnAccount, ReadOrganisation};
use crate::store::organisation::Membership;
use crate::{Auth, store};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use std::sync::Arc;
use tickloom_chassis::console::{
    Field, FieldError, Fields, Form, Page, PageAllowed, Visitor, form,
};
use tickloom_chassis::{IfMatch, Problem, ProblemCode, RequestOrigin, decide};

/// Organisations, by id.
pub(super) const PATH: &str = "/console/auth/organisations";

/// Pages of organisations, and of one of them.
pub(super) fn router() -> Router<Arc<Auth>> {
    let one = |below: &str| format!("/organisations/{{organisation}}{below}");
    Router::new()
        .route("/organisations", get(list))
        .route("/organisations/new", get(show_new).post(create))
        .route(&one(""), get(show).post(rename))
        .route(&one("/delete"), get(show_delete).post(delete))
        .route(
            &one("/second-factor/demand"),
            post(demand::demand_of_members),
        )
        .route(&one("/members"), get(members::list).post(members::set_role))
        .route(&one("/members/remove"), post(members::remove))
        .route(&one("/leave"), post(members::leave))
        .route(
            &one("/machines/new"),
            get(members::show_new_machine).post(members::add_machine),
        )
        .route(&one("/invitations"), get(invitations::list))
        .route(
            &one("/invitations/new"),
            get(invitations::show_new).post(invitations::create),
        )
        .route(&one("/invitations/revoke"), post(invitations::revoke))
}

/// A role, in words.
pub(super) fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Administrator => "Administrator",
        MemberRole::Member => "Member",
        MemberRole::Viewer => "Viewer",
    }
}

/// The organisation of this id, which has to be there.
pub(super) async fn known(auth: &Auth, id: &str) -> Result<Organisation, Problem> {
    let found = store::organisation::by_id(auth.database.reader(), id).await?;
    let found = found.filter(|one| one.state == OrganisationState::Active);
    found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no such organisation"))
}

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<OwnAccount>,
    (Query(query), Query(part)): (Query<Done>, Query<views::After>),
) -> Answer {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let at = auth.database.reader();
    let own = store::organisation::memberships(at, &subject.account, "", views::ROWS_ASKED);
    let own = own.await?;
    let reads_all = decide(subject, "organisation.read", "organisation/*", visitor.now).allow;
    let all = if reads_all {
        store::organisation::after(at, part.after(), views::ROWS_ASKED).await?
    } else {
        Vec::new()
    };
    let (all, next) = views::part(all, |one| &one.id);
    let body = html! {
        div.actions { a.button href={ (PATH) "/new" } { "Create an organisation" } }
        p { "Who is invited to an organisation joins with the link of the invitation." }
        @if own.is_empty() { p { "You are a member of none." } }
        @else { (memberships(&own)) }
        @if reads_all {
            h2 { "All organisations" }
            @if all.is_empty() { p { "There is none." } }
            @else { (every(&all)) }
            (views::next_page(PATH, &[], next.as_deref()))
        }
    };
    let shown = Page::new("Organisations", body).with_notice(query.notice());
    Ok(shown.respond(visitor))
}

fn memberships(own: &[Membership]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Organisation" } th scope="col" { "Your role" } th scope="col" { "Since" } } }
            tbody {
                @for one in own {
                    tr {
                        (views::cell("Organisation", &html! { a href={ (PATH) "/" (one.organisation) } { (one.name) } }))
                        (views::cell("Your role", &html! { (role(one.role)) }))
                        (views::cell("Since", &views::time(one.since)))
                    }
                }
            }
        }
    }
}

fn every(all: &[Organisation]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Organisation" } th scope="col" { "Since" } } }
            tbody {
                @for one in all {
                    tr {
                        (views::cell("Organisation", &html! { a href={ (PATH) "/" (one.id) } { (one.name) } }))
                        (views::cell("Since", &views::time(one.created)))
                    }
                }
            }
        }
    }
}

pub(super) async fn show_new(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<CreateOrganisation>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    Ok(new_page(&page.visitor, &Fields::default(), &[]))
}

pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<CreateOrganisation>,
    request: RequestOrigin,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let name = sent.fields.get("name");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.create_organisation(write, &by, (subject, name)).await
    });
    match done.await {
        Ok(Some(made)) => {
            let next = local(&format!("{PATH}/{}?done=organisation-created", made.id));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Ok(None) => Ok(page
            .visitor
            .send_to(&local(&format!("{PATH}?done=before")), &[])),
        Err(problem) => {
            let errors = [rejected(problem, "name")?];
            Ok(new_page(&page.visitor, &sent.fields, &errors))
        }
    }
}

fn new_page(visitor: &Visitor, fields: &Fields, errors: &[FieldError]) -> Response {
    let inner = html! {
        (Field { name: "name", label: "Name of the organisation", value: fields.get("name"), autocomplete: "organization", errors, ..Field::default() })
        div.actions {
            button.button type="submit" { "Create the organisation" }
            a href=(PATH) { "Cancel" }
        }
    };
    let body = html! {
        p { "You are its administrator: you invite others, and make programs that belong to it." }
        (form(visitor, &format!("{PATH}/new"), &inner))
    };
    let page = Page::new("New organisation", body);
    page.with_errors(errors).respond(visitor)
}

pub(super) async fn show(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadOrganisation>,
    Path(id): Path<String>,
    Query(query): Query<Done>,
) -> Answer {
    let organisation = known(&auth, &id).await?;
    let name = organisation.name.clone();
    let shown = organisation_page(&page, &organisation, (&name, &[]));
    Ok(shown.with_notice(query.notice()).respond(&page.visitor))
}

fn organisation_page<A>(
    page: &PageAllowed<A>,
    organisation: &Organisation,
    (name, errors): (&str, &[FieldError]),
) -> Page {
    let (visitor, subject) = (&page.visitor, &page.allowed.subject);
    let path = format!("{PATH}/{}", organisation.id);
    let own = organisation.resource();
    let may = |action: &str, below: &str| {
        let resource = format!("{own}{below}");
        decide(subject, action, &resource, visitor.now).allow
    };
    let fields = html! {
        (Field { name: "name", label: "Name", value: name, autocomplete: "organization", errors, ..Field::default() })
        button.button type="submit" { "Change the name" }
    };
    let body = html! {
        dl.facts {
            dt { "Since" } dd { (views::time(organisation.created)) }
            dt { "Second factor" } dd { @if organisation.demands_second_factor { "Demanded of its people" } @else { "Not demanded" } }
            dt { "Id" } dd { code { (organisation.id) } }
        }
        div.actions {
            @if may("member.read", "/members") { a.button.quiet href={ (path) "/members" } { "Members" } }
            @if may("organisation.read", "/grants") { a.button.quiet href={ (path) "/grants" } { "Grants" } }
            @if may("invitation.read", "/invitations") { a.button.quiet href={ (path) "/invitations" } { "Invitations" } }
        }
        @if may("organisation.change", "") {
            h2 { "Administration" }
            (form(visitor, &path, &fields))
            (demand::of_members(visitor, organisation))
            div.actions { a.button.danger href={ (path) "/delete" } { "Delete the organisation" } }
        }
    };
    Page::new(organisation.name.clone(), body)
}

pub(super) async fn rename(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeOrganisation>,
    (request, if_match): (RequestOrigin, IfMatch),
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    let by = By::new(subject, &request, auth.clock.now());
    let name = sent.fields.get("name");
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        let named = (subject, id.as_str(), name);
        auth.rename_organisation(write, &by, named, &if_match).await
    });
    match done.await {
        Ok(_) => {
            let next = local(&format!("{PATH}/{id}?done=renamed"));
            Ok(page.visitor.send_to(&next, &[]))
        }
        Err(problem) => {
            let errors = [rejected(problem, "name")?];
            let organisation = known(&auth, &id).await?;
            let shown = organisation_page(&page, &organisation, (name, &errors));
            Ok(shown.with_errors(&errors).respond(&page.visitor))
        }
    }
}

pub(super) async fn show_delete(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeOrganisation>,
    Path(id): Path<String>,
) -> Answer {
    recent(&page.allowed.subject, auth.clock.now())?;
    let organisation = known(&auth, &id).await?;
    Ok(delete_page(&page.visitor, &organisation, &[]))
}

pub(super) async fn delete(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ChangeOrganisation>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Form,
) -> Answer {
    let subject = &page.allowed.subject;
    if sent.fields.get("sure") != "yes" {
        let errors = [FieldError::new("sure", "Say that you are sure.")];
        let organisation = known(&auth, &id).await?;
        return Ok(delete_page(&page.visitor, &organisation, &errors));
    }
    let by = By::new(subject, &request, auth.clock.now());
    let done = auth.do_once(&page.allowed, &sent, async |write| {
        auth.delete_organisation(write, &by, (subject, &id)).await
    });
    done.await?;
    let next = local(&format!("{PATH}?done=organisation-deleted"));
    Ok(page.visitor.send_to(&next, &[]))
}

fn delete_page(visitor: &Visitor, organisation: &Organisation, errors: &[FieldError]) -> Response {
    let path = format!("{PATH}/{}", organisation.id);
    let fields = html! {
        div.field {
            div.choice {
                input #sure type="checkbox" name="sure" value="yes" required;
                label for="sure" { "I am sure that " (organisation.name) " is to be deleted for good" }
            }
        }
        div.actions {
            button.button.danger type="submit" { "Delete the organisation" }
            a href=(path) { "Cancel" }
        }
    };
    let body = html! {
        p { "Its programs and their keys, its invitations and what it was granted go with it. Its people keep their accounts." }
        (form(visitor, &format!("{path}/delete"), &fields))
    };
    Page::new("Delete the organisation", body)
        .with_errors(errors)
        .respond(visitor)
}
