//! Who is there in a browser.

use super::cookies::{SetCookie, cookie_value};
use super::local::LocalPath;
use super::{Console, MenuGroup, MenuItem, Page, is_page};
use crate::access::{Gate, Subject, decide};
use crate::problem::Problem;
use crate::{ChassisError, Clock};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::pin::Pin;
use subtle::ConstantTimeEq;
use tickloom_types::Ts;

/// The cookie of somebody who is signed in.
const SESSION: &str = "tickloom-session";
/// The cookie that forms of somebody who is not signed in are bound to.
const FORMS: &str = "tickloom-forms";
/// What a form's token is of; another purpose has other words.
const TOKEN_PURPOSE: &[u8] = b"tickloom form 1";
/// Random bytes of the secret of forms.
const SECRET_BYTES: usize = 32;

/// What is asked for, with its whole path: within a service's router the path is cut.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// To where somebody goes back who had to do something else first.
    pub(super) back: LocalPath,
    /// The path of the page.
    pub(super) path: String,
}

impl Asked {
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Asked {
        let back = back(method, uri, headers);
        let path = uri.path().to_owned();
        Asked { back, path }
    }
}

/// Knows who is signed in in a browser, for all services of the process.
pub trait BrowserSessions: Send + Sync + 'static {
    /// The address under which people reach the pages: `https://auth.example.com`. With `https`, cookies are for TLS alone.
    fn address(&self) -> &str;

    /// Path of the page where one signs in; it takes where to go then as `next`.
    fn sign_in_path(&self) -> &'static str;

    /// Path to which the form is sent that signs out.
    fn sign_out_path(&self) -> &'static str;

    /// Path of the page where one authenticates once more; it takes where to go then as `next`.
    fn step_up_path(&self) -> &'static str;

    /// Path of the page that leads to setting up a second factor, for who lacks one that is demanded; it takes where to go then as `next`.
    fn enrol_path(&self) -> &'static str;

    /// Whose session this is the cookie of, if it goes on.
    fn session<'a>(&'a self, cookie: &'a str) -> BrowserSessionFuture<'a>;
}

/// What [`BrowserSessions`] say, once they know.
pub type BrowserSessionFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<BrowserSession>, ChassisError>> + Send + 'a>>;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct BrowserSession {
    /// Who, for what they may do.
    pub subject: Subject,
    /// What they are called.
    pub name: String,
}

/// Who is there in a browser, with what the pages that they get need.
#[derive(Clone)]
pub struct Visitor {
    /// Who, if somebody is signed in.
    pub subject: Option<Subject>,
    /// What they are called; empty if nobody is signed in.
    pub name: String,
    /// When the request came.
    pub now: Ts,
    /// To where somebody goes back who had to do something else first: the page itself, or the one from which its form was sent.
    pub back: LocalPath,
    /// Path of the page that is shown.
    pub(super) path: String,
    pub(super) console: Console,
    /// What tokens of forms are made with; it is never shown.
    secret: String,
    /// Whether the browser has to be given the secret.
    is_new: bool,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.subject.as_ref().map(|subject| &subject.account);
        f.debug_tuple("Visitor").field(&account).finish()
    }
}

impl Console {
    /// Whether cookies are for TLS alone.
    pub(crate) fn is_secure(&self) -> bool {
        let sessions = self.sessions.as_ref();
        sessions.is_some_and(|sessions| sessions.address().starts_with("https://"))
    }

    async fn visitor(&self, parts: &Parts, now: Ts) -> Result<Visitor, Problem> {
        let asked = parts.extensions.get::<Asked>().cloned();
        let here = || Asked::new(&parts.method, &parts.uri, &parts.headers);
        let asked = asked.unwrap_or_else(here);
        let mut visitor = Visitor {
            subject: None,
            name: String::new(),
            now,
            back: asked.back,
            path: asked.path,
            console: self.clone(),
            secret: String::new(),
            is_new: false,
        };
        let is_secure = self.is_secure();
        match &self.sessions {
            None => visitor.subject = Some(Subject::local()),
            Some(sessions) => {
                let cookie = cookie_value(&parts.headers, SESSION, is_secure);
                if let Some(cookie) = cookie
                    && let Some(found) = sessions.session(&cookie).await?
                {
                    visitor.subject = Some(found.subject);
                    visitor.name = found.name;
                    visitor.secret = cookie;
                    return Ok(visitor);
                }
            }
        }
        let known = cookie_value(&parts.headers, FORMS, is_secure);
        let known = known.filter(|known| is_secret(known));
        visitor.is_new = known.is_none();
        visitor.secret = match known {
            Some(known) => known,
            None => new_secret()?,
        };
        Ok(visitor)
    }
}

impl Visitor {
    /// The token that every form of this visitor carries: only a page that was made for this browser has it.
    #[must_use]
    pub fn form_token(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, TOKEN_PURPOSE))
    }

    /// Whether it is the token of this visitor's forms. The time that it takes does not tell how much of it is right.
    pub(super) fn is_token(&self, token: &str) -> bool {
        bool::from(self.form_token().as_bytes().ct_eq(token.as_bytes()))
    }

    /// What the browser has to be given beside a page.
    pub(super) fn cookies(&self) -> Option<SetCookie> {
        let secret = || SetCookie::of_browser(FORMS, self.secret.clone());
        self.is_new.then(secret)
    }

    /// Sends the browser to another page, with cookies for it (303, so that it is asked for by GET).
    #[must_use]
    pub fn send_to(&self, path: &LocalPath, cookies: &[SetCookie]) -> Response {
        let is_secure = self.console.is_secure();
        let mut response = Redirect::to(path.as_str()).into_response();
        for cookie in cookies.iter().filter_map(|set| set.header(is_secure)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Sends the browser on after a form, with cookies for it: to a page of the console at once, to anything else by a page that goes on
    /// ([`Page::going_on`]), which may end at another site.
    #[must_use]
    pub fn go_on(&self, path: &LocalPath, cookies: &[SetCookie]) -> Response {
        if is_page(path.as_str().split('?').next().unwrap_or("")) {
            return self.send_to(path, cookies);
        }
        let page = Page::going_on(path);
        let with_cookie = |page: Page, cookie: &SetCookie| page.with_cookie(cookie.clone());
        cookies.iter().fold(page, with_cookie).respond(self)
    }

    /// The same visitor, who is signed out now.
    #[must_use]
    pub fn signed_out(mut self) -> Visitor {
        self.subject = None;
        self.name.clear();
        self
    }

    /// The menu as this visitor sees it.
    pub(super) fn menu(&self) -> Vec<MenuGroup> {
        // Who lacks a demanded second factor gets to none of these pages.
        let subject = self.subject.as_ref();
        let Some(subject) = subject.filter(|subject| !subject.lacks_second_factor) else {
            return Vec::new();
        };
        let is_seen = |item: &&MenuItem| {
            let decided = |(action, resource)| decide(subject, action, resource, self.now);
            item.needs.is_none_or(|needs| decided(needs).allow)
        };
        let seen = self.console.menu.iter().map(|group| MenuGroup {
            label: group.label,
            items: group.items.iter().filter(is_seen).cloned().collect(),
        });
        seen.filter(|group| !group.items.is_empty()).collect()
    }

    /// The cookie of a session that begins, or that has a new secret from now on.
    #[must_use]
    pub fn session_cookie(secret: impl Into<String>) -> SetCookie {
        SetCookie::of_browser(SESSION, secret)
    }

    /// That there is no session any more.
    #[must_use]
    pub fn no_session_cookie() -> SetCookie {
        SetCookie::removed(SESSION)
    }

    /// The value of another cookie that this browser sent.
    #[must_use]
    pub fn cookie(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        cookie_value(headers, name, self.console.is_secure())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, Problem> {
        // A handler asks more than once: who may see the page, and whose form it is.
        if let Some(known) = parts.extensions.get::<Visitor>() {
            return Ok(known.clone());
        }
        let console = parts.extensions.get::<Console>().cloned();
        let console = console
            .ok_or_else(|| Problem::internal("a page is outside of the frame".to_owned()))?;
        let gate = parts.extensions.get::<Gate>();
        let clock = gate.map_or(Clock::System, |gate| gate.clock.clone());
        let visitor = console.visitor(parts, clock.now()).await?;
        parts.extensions.insert(visitor.clone());
        Ok(visitor)
    }
}

/// The page that is asked for, or the one from which a form was sent.
fn back(method: &Method, uri: &Uri, headers: &HeaderMap) -> LocalPath {
    let asked = if method == Method::GET || method == Method::HEAD {
        uri.path_and_query().map(ToString::to_string)
    } else {
        let from = headers.get(header::REFERER);
        let from = from.and_then(|from| from.to_str().ok()?.parse::<Uri>().ok());
        from.and_then(|from| Some(from.path_and_query()?.to_string()))
    };
    let asked = asked.and_then(|asked| LocalPath::new(&asked));
    asked.unwrap_or_else(LocalPath::overview)
}

fn is_secret(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len() == (SECRET_BYTES * 4).div_ceil(3) && text.bytes().all(is_plain)
}

fn new_secret() -> Result<String, Problem> {
    let mut bytes = [0; SECRET_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Problem::internal("the system gives no random bytes".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
