//! Pages for people, served by the binary: one frame in which every service has its pages, with a menu made of what the services offer,
//! forms that only a page of ours can send, and who is signed in in a browser.
//!
//! Pages live below `/console`: those of a service below `/console/NAME`, so that they never meet an operation of an API (`/NAME/v1`).
//! No service is called `console`.

mod assets;
mod cookies;
mod form;
mod frame;
mod guard;
mod local;
mod visitor;

use crate::problem::{Cause, Problem, ProblemCode};
use crate::service::Pages;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
pub use cookies::{SetCookie, cookie_value};
pub use form::{Fields, Form};
pub(crate) use frame::IsPage;
pub use frame::{ButtonKind, Field, FieldError, Page, button_form, error_summary, form};
pub use guard::{Enrolling, PageAllowed, SignedIn};
pub use local::LocalPath;
use maud::html;
use std::sync::Arc;
use visitor::Asked;
pub use visitor::{BrowserSession, BrowserSessionFuture, BrowserSessions, Visitor};

/// Where pages are.
pub const CONSOLE: &str = "/console";

/// What all pages share.
#[derive(Clone)]
pub(crate) struct Console {
    /// Who knows who is signed in; `None` where nobody has to say who they are.
    pub(crate) sessions: Option<Arc<dyn BrowserSessions>>,
    pub(crate) menu: Arc<[MenuGroup]>,
}

/// Pages that belong together, in the menu.
#[derive(Clone, Debug)]
pub struct MenuGroup {
    /// What they are about.
    pub label: &'static str,
    /// The pages.
    pub items: Vec<MenuItem>,
}

/// A page in the menu.
#[derive(Clone, Debug)]
pub struct MenuItem {
    /// What it is called.
    pub label: &'static str,
    /// Its whole path.
    pub path: &'static str,
    /// What one does there, in a few words.
    pub about: &'static str,
    /// What somebody has to be allowed to see it: an action and a resource. Everybody who is signed in does, if it is left out.
    pub needs: Option<(&'static str, &'static str)>,
}

/// The pages of all services in the frame.
pub(crate) fn router(
    pages: Vec<(&'static str, Pages)>,
    sessions: Option<Arc<dyn BrowserSessions>>,
) -> Router {
    let mut menu: Vec<MenuGroup> = Vec::new();
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::to(CONSOLE) }))
        .route(CONSOLE, get(home))
        .route("/console/{*path}", any(nothing));
    for (name, pages) in pages {
        router = router
            .nest(&format!("{CONSOLE}/{name}"), pages.router)
            .merge(pages.root);
        for group in pages.menu {
            match menu.iter_mut().find(|known| known.label == group.label) {
                Some(known) => known.items.extend(group.items),
                None => menu.push(group),
            }
        }
    }
    if menu.is_empty() {
        return Router::new();
    }
    let menu = menu.into();
    let router = router.merge(assets::router());
    // What nobody offers elsewhere is no page: it is told as a problem.
    router
        .route_layer(middleware::from_fn(framed))
        .layer(Extension(Console { sessions, menu }))
}

/// What nobody offers.
async fn nothing() -> Problem {
    Problem::new(ProblemCode::NotFound, "there is no page of this name")
}

/// The first page: where one can go from here.
async fn home(SignedIn { visitor, .. }: SignedIn) -> Response {
    let menu = visitor.menu();
    let body = html! {
        @for group in &menu {
            section aria-labelledby=(frame::id_of(group.label)) {
                h2 id=(frame::id_of(group.label)) { (group.label) }
                ul.cards {
                    @for item in &group.items {
                        li { a href=(item.path) { strong { (item.label) } span { (item.about) } } }
                    }
                }
            }
        }
    };
    Page::new("Overview", body).respond(&visitor)
}

/// What browsers are told of every page and asset: nothing keeps it but what says otherwise, nobody shows it in a frame, nothing is
/// guessed of it (Fetch, `X-Content-Type-Options`), and its address is told to nobody else (Referrer Policy).
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Forms need `Origin`, which `no-referrer` would leave out (Fetch, "append a request `Origin` header").
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// Answers of pages: with what browsers are told of each, and what went wrong as a page.
async fn framed(mut request: Request, next: Next) -> Response {
    let console = request.extensions().get::<Console>().cloned();
    let asked = Asked::new(request.method(), request.uri(), request.headers());
    let back = asked.back.clone();
    request.extensions_mut().insert(asked);
    let mut response = next.run(request).await;
    if let Some(problem) = wrong(&response) {
        response = instead(&problem, response, console.as_ref(), &back);
    }
    add_headers(&mut response);
    response
}

/// What went wrong, if something did and no page says so.
fn wrong(response: &Response) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let status = response.status();
    let is_wrong = status.is_client_error() || status.is_server_error();
    let said = status.canonical_reason().unwrap_or("an error");
    let is_page = response.extensions().get::<IsPage>().is_some();
    (is_wrong && !is_page).then(|| Problem::of_status(status, said.to_owned()))
}

/// Who has to authenticate goes to where that is done, and comes back; others get a page that says what went wrong.
fn instead(
    problem: &Problem,
    response: Response,
    console: Option<&Console>,
    back: &LocalPath,
) -> Response {
    let sessions = console.and_then(|console| console.sessions.as_ref());
    let path = sessions.and_then(|sessions| match problem.code {
        ProblemCode::Unauthenticated => Some(sessions.sign_in_path()),
        ProblemCode::StepUpRequired => Some(sessions.step_up_path()),
        ProblemCode::SecondFactorDemanded => Some(sessions.enrol_path()),
        _ => None,
    });
    match path {
        Some(path) => Redirect::to(&back.after(path)).into_response(),
        None => problem_page(problem, response),
    }
}

fn add_headers(response: &mut Response) {
    let policy = (header::CONTENT_SECURITY_POLICY, frame::POLICY);
    for (name, value) in HEADERS.into_iter().chain([policy]) {
        let headers = response.headers_mut();
        let entry = headers.entry(name);
        entry.or_insert(HeaderValue::from_static(value));
    }
}

/// Whether a path is that of a page.
pub(crate) fn is_page(path: &str) -> bool {
    let rest = path.strip_prefix(CONSOLE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What went wrong, as a page for people in the place of the answer for programs.
pub(crate) fn problem_page(problem: &Problem, answer: Response) -> Response {
    let body = html! {
        p { (problem.detail) }
        @if problem.status == 429 || problem.status == 503 {
            p { "Wait a moment, then go back and try again." }
        }
        p { a.button href=(CONSOLE) { "Go to the overview" } }
    };
    let page = Page::new(problem.title, body).status(problem.status);
    let mut response = page.narrow().respond_to_nobody();
    let (said, _) = answer.into_parts();
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = said.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(cause) = said.extensions.get::<Cause>() {
        response.extensions_mut().insert(cause.clone());
    }
    add_headers(&mut response);
    response
}
