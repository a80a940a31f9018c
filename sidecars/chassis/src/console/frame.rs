//! The frame around every page, and the parts that pages are made of.

use super::assets::{ICON_PATH, LINK_PATH, STYLE_PATH};
use super::cookies::SetCookie;
use super::form::{ONCE, TOKEN};
use super::local::LocalPath;
use super::visitor::Visitor;
use super::{CONSOLE, MenuGroup};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, Render, html};
use uuid::Uuid;

/// Nothing but what is served here is loaded, forms are sent to here alone, no other page shows it in a frame (Content Security Policy 3).
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// That an answer is a page, whatever its status.
#[derive(Clone, Copy)]
pub(crate) struct IsPage;

/// A page in the frame.
#[derive(Debug)]
pub struct Page {
    title: String,
    body: Markup,
    status: StatusCode,
    is_narrow: bool,
    has_errors: bool,
    takes_link: bool,
    script: Option<&'static str>,
    go_on_to: Option<String>,
    notice: Option<&'static str>,
    cookies: Vec<SetCookie>,
}

impl Page {
    /// A page with this title, which is its heading too.
    #[must_use]
    pub fn new(title: impl Into<String>, body: Markup) -> Page {
        Page {
            title: title.into(),
            body,
            status: StatusCode::OK,
            is_narrow: false,
            has_errors: false,
            takes_link: false,
            script: None,
            go_on_to: None,
            notice: None,
            cookies: Vec::new(),
        }
    }

    /// A page that sends the browser on at once. A redirect after a form would be held to the policy of the form's page, which lets forms
    /// be sent to here alone (Content Security Policy 3, `form-action`): this way lets an application be reached in the end.
    #[must_use]
    pub fn going_on(to: &LocalPath) -> Page {
        Page::going_to(to.as_str())
    }

    /// The same to any address, also of another site. Whoever calls it knows that the browser may go there: it is no text of a stranger.
    #[must_use]
    pub fn going_to(address: &str) -> Page {
        let body = html! { p { a.button href=(address) { "Go on" } } };
        let mut page = Page::new("One moment", body).narrow();
        page.go_on_to = Some(address.to_owned());
        page
    }

    /// With another status than 200.
    #[must_use]
    pub fn status(mut self, status: u16) -> Page {
        self.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self
    }

    /// As a small form in the middle.
    #[must_use]
    pub fn narrow(mut self) -> Page {
        self.is_narrow = true;
        self
    }

    /// With what is wrong with the form that was sent: its title says so too.
    #[must_use]
    pub fn with_errors(mut self, errors: &[FieldError]) -> Page {
        if !errors.is_empty() {
            self.has_errors = true;
            self.body = html! { (error_summary(errors)) (self.body) };
            if self.status == StatusCode::OK {
                self.status = StatusCode::UNPROCESSABLE_ENTITY;
            }
        }
        self
    }

    /// With what was done before the page was shown.
    #[must_use]
    pub fn with_notice(mut self, notice: Option<&'static str>) -> Page {
        self.notice = notice;
        self
    }

    /// With the script that takes the code of a link from the address into the field `link`, and out of the address.
    #[must_use]
    pub fn taking_link(mut self) -> Page {
        self.takes_link = true;
        self
    }

    /// With a script of ours at this path, which may ask here for more.
    #[must_use]
    pub fn with_script(mut self, path: &'static str) -> Page {
        self.script = Some(path);
        self
    }

    /// With a cookie for the browser.
    #[must_use]
    pub fn with_cookie(mut self, cookie: SetCookie) -> Page {
        self.cookies.push(cookie);
        self
    }

    /// The answer, for this visitor.
    #[must_use]
    pub fn respond(self, visitor: &Visitor) -> Response {
        let is_secure = visitor.console.is_secure();
        let cookies = self.cookies.iter().cloned().chain(visitor.cookies());
        let cookies: Vec<_> = cookies.filter_map(|set| set.header(is_secure)).collect();
        let mut response = self.answer(Some(visitor));
        for cookie in cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The answer, when it is not known who is there.
    pub(super) fn respond_to_nobody(self) -> Response {
        self.answer(None)
    }

    fn answer(self, visitor: Option<&Visitor>) -> Response {
        let text = self.html(visitor).into_string();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
        let scripts = match (self.takes_link, self.script) {
            (_, Some(_)) => Some("script-src 'self'; connect-src 'self'"),
            (true, None) => Some("script-src 'self'"),
            (false, None) => None,
        };
        if let Some(scripts) = scripts {
            let policy = format!("{POLICY}; {scripts}");
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
        }
        response.extensions_mut().insert(IsPage);
        response
    }

    fn html(&self, visitor: Option<&Visitor>) -> Markup {
        let menu = visitor.map(Visitor::menu).unwrap_or_default();
        let mark = if self.has_errors { "Error: " } else { "" };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    @if let Some(to) = &self.go_on_to {
                        meta http-equiv="refresh" content={ "0;url=" (to) };
                    }
                    title { (mark) (self.title) " · Tickloom" }
                    link rel="stylesheet" href=(*STYLE_PATH);
                    link rel="icon" type="image/svg+xml" href=(*ICON_PATH);
                    @if self.takes_link { script src=(*LINK_PATH) defer {} }
                    @if let Some(path) = self.script { script src=(path) defer {} }
                }
                body.plain[menu.is_empty()] {
                    a.skip href="#content" { "Skip to content" }
                    header.top {
                        a.brand href=(CONSOLE) { "Tickloom" }
                        @if !menu.is_empty() {
                            button.menu-button type="button" popovertarget="menu" { "Menu" }
                        }
                        @if let Some(visitor) = visitor { (who(visitor)) }
                    }
                    @if let Some(visitor) = visitor && !menu.is_empty() { (navigation(&menu, visitor)) }
                    main #content tabindex="-1" .narrow[self.is_narrow] {
                        h1 { (self.title) }
                        @if let Some(notice) = self.notice { p.notice role="status" { (notice) } }
                        (self.body)
                    }
                }
            }
        }
    }
}

/// Who is signed in, and the way out.
fn who(visitor: &Visitor) -> Markup {
    let sessions = visitor.console.sessions.as_ref();
    html! {
        @if let Some(sessions) = sessions && visitor.subject.is_some() {
            div.who {
                span.who-name title=(visitor.name) { (visitor.name) }
                (button_form(visitor, sessions.sign_out_path(), ("Sign out", ButtonKind::Quiet), &[]))
            }
        }
    }
}

fn navigation(menu: &[MenuGroup], visitor: &Visitor) -> Markup {
    // The longest path that the page is below of is where one is.
    let is_below = |path: &str| {
        let rest = visitor.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let paths = menu
        .iter()
        .flat_map(|group| &group.items)
        .map(|item| item.path);
    let here = paths
        .filter(|path| is_below(path))
        .max_by_key(|path| path.len());
    let current = |path: &str| (here == Some(path)).then_some("page");
    let at_home = (visitor.path == CONSOLE).then_some("page");
    html! {
        nav #menu popover aria-label="Main" {
            ul { li { a href=(CONSOLE) aria-current=[at_home] { "Overview" } } }
            @for group in menu {
                h2 id={ "menu-" (id_of(group.label)) } { (group.label) }
                ul aria-labelledby={ "menu-" (id_of(group.label)) } {
                    @for item in &group.items {
                        li { a href=(item.path) aria-current=[current(item.path)] { (item.label) } }
                    }
                }
            }
        }
    }
}

/// A label as an id of HTML.
pub(super) fn id_of(label: &str) -> String {
    label.to_lowercase().replace(' ', "-")
}

/// A form that is sent to a path of ours, with the token of this visitor.
#[must_use]
pub fn form(visitor: &Visitor, path: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action=(path) novalidate {
            input type="hidden" name=(TOKEN) value=(visitor.form_token());
            input type="hidden" name=(ONCE) value=(Uuid::now_v7().simple());
            (fields)
        }
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// What one is here for.
    Main,
    /// What one may do.
    Quiet,
    /// What cannot be taken back.
    Danger,
}

impl ButtonKind {
    fn class(self) -> &'static str {
        match self {
            ButtonKind::Main => "button",
            ButtonKind::Quiet => "button quiet",
            ButtonKind::Danger => "button danger",
        }
    }
}

/// A form that is one button, with what is sent beside.
#[must_use]
pub fn button_form(
    visitor: &Visitor,
    path: &str,
    (label, kind): (&str, ButtonKind),
    sent: &[(&str, &str)],
) -> Markup {
    let fields = html! {
        @for (name, value) in sent { input type="hidden" name=(name) value=(value); }
        button class=(kind.class()) type="submit" { (label) }
    };
    form(visitor, path, &fields)
}

/// What is wrong with a field of a form that was sent; of the form as a whole if the field is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field.
    pub field: &'static str,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl FieldError {
    /// What is wrong with a field.
    #[must_use]
    pub fn new(field: &'static str, what: impl Into<String>) -> FieldError {
        let what = what.into();
        FieldError { field, what }
    }
}

/// What is wrong, above the form, with ways to the fields. It has the focus, so that a screen reader begins with it.
#[must_use]
pub fn error_summary(errors: &[FieldError]) -> Markup {
    html! {
        @if !errors.is_empty() {
            div.errors role="alert" tabindex="-1" autofocus aria-labelledby="errors-title" {
                h2 #errors-title { "There is a problem" }
                ul {
                    @for error in errors {
                        li {
                            @if error.field.is_empty() { (error.what) }
                            @else { a href={ "#" (error.field) } { (error.what) } }
                        }
                    }
                }
            }
        }
    }
}

/// A field of a form, with its label, its hint, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Field<'a> {
    /// Its name, and its id.
    pub name: &'static str,
    /// What it is called.
    pub label: &'a str,
    /// `text`, `password`, `email`, `date` and so on; `text` if it is empty.
    pub kind: &'static str,
    /// What is in it.
    pub value: &'a str,
    /// What the browser may fill in (HTML, section 4.10.18.7).
    pub autocomplete: &'static str,
    /// What one should know to fill it in.
    pub hint: &'a str,
    /// Whether it may stay empty.
    pub is_optional: bool,
    /// What is wrong with the form that was sent.
    pub errors: &'a [FieldError],
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let error = self.errors.iter().find(|error| error.field == self.name);
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let wrong = error.map(|_| format!("{}-error", self.name));
        let described: Vec<_> = [hint.clone(), wrong.clone()]
            .into_iter()
            .flatten()
            .collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let kind = if self.kind.is_empty() {
            "text"
        } else {
            self.kind
        };
        let auto = Some(self.autocomplete).filter(|auto| !auto.is_empty());
        html! {
            div.field .wrong[error.is_some()] {
                label for=(self.name) {
                    (self.label)
                    @if self.is_optional { span.optional { " (optional)" } }
                }
                @if let Some(id) = &hint { p.hint id=(id) { (self.hint) } }
                @if let (Some(id), Some(error)) = (&wrong, error) { p.error id=(id) { (error.what) } }
                input id=(self.name) name=(self.name) type=(kind) value=(self.value) autocomplete=[auto]
                    spellcheck="false" autocapitalize="none" required[!self.is_optional]
                    aria-describedby=[described] aria-invalid=[error.map(|_| "true")];
            }
        }
    }
}
