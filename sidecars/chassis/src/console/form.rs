//! Forms: only a page of ours, made for this browser, can send one.
//!
//! Three things have to be right, each of which would do: the cookie is not sent with a form of another site (`SameSite`), the browser
//! says that a page of ours sent it (`Sec-Fetch-Site`, or `Origin` where that is missing), and the form has the token of this browser.

use super::Console;
use super::visitor::Visitor;
use crate::idempotency::{Command, IdempotencyKey, request_hash};
use crate::problem::{Problem, ProblemCode};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use url::{Url, form_urlencoded};

/// The name of the token in a form.
pub(super) const TOKEN: &str = "form_token";
/// The name of what tells a form that was sent twice.
pub(super) const ONCE: &str = "form_once";
/// Fields of a form, at most.
const FIELDS_MAX: usize = 200;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a form says, sent by a page of ours for this browser. It is the last argument of a handler.
#[derive(Debug)]
pub struct Form {
    /// Whose form it is.
    pub visitor: Visitor,
    /// What it says.
    pub fields: Fields,
    key: Option<IdempotencyKey>,
    request_hash: [u8; 32],
}

impl Form {
    /// What it asks for, as a command of this subject, as a kind and an id: sent twice, it is done once.
    #[must_use]
    pub fn command(&self, subject: impl Into<String>) -> Command {
        Command {
            subject: subject.into(),
            key: self.key.clone(),
            request_hash: self.request_hash,
        }
    }
}

/// The fields of a form, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What people type may be a password.
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5.1).
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for more than 200 fields, and for characters that no text has.
    pub fn parse(body: &[u8]) -> Result<Fields, Problem> {
        let pairs = form_urlencoded::parse(body).take(FIELDS_MAX + 1);
        let fields: Vec<_> = pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        if fields.len() > FIELDS_MAX {
            return Err(wrong("the form has more than 200 fields"));
        }
        // PostgreSQL keeps no such text, and SQLite ends it there.
        if fields
            .iter()
            .any(|(name, value)| name.contains('\0') || value.contains('\0'))
        {
            return Err(wrong("the form has a NUL"));
        }
        Ok(Fields(fields))
    }

    /// The first field of this name; empty if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or("")
    }

    /// The first field of this name, without space around it, if something is in it.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|text| !text.is_empty())
    }

    /// All fields of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let of = move |(key, value): &'a (String, String)| (key == name).then_some(value.as_str());
        self.0.iter().filter_map(of)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Form, Response> {
        let read = read(request, state).await;
        read.map_err(IntoResponse::into_response)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Form, Problem> {
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, state).await?;
    let forbidden = |detail: &str| Problem::new(ProblemCode::Forbidden, detail);
    if !is_own(&parts.headers, &visitor.console) {
        return Err(forbidden(
            "this form was sent from another site, and nothing was done",
        ));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.starts_with("application/x-www-form-urlencoded") {
        let detail = "what was sent is no form";
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let body = Bytes::from_request(Request::from_parts(parts, body), state).await;
    let body = body.map_err(|refused| Problem::of_status(refused.status(), refused.body_text()))?;
    let fields = Fields::parse(&body)?;
    if !visitor.is_token(fields.get(TOKEN)) {
        return Err(forbidden(
            "this form is not of this session any more, and nothing was done: go back, load the page again, and send it anew",
        ));
    }
    let once = fields.filled(ONCE).map(IdempotencyKey::new).transpose()?;
    Ok(Form {
        request_hash: request_hash(&method, &uri, &body),
        key: once,
        visitor,
        fields,
    })
}

/// Whether the browser says that a page of ours sent it. Every browser sends one of the two with a form (Fetch Metadata, section 2.3;
/// Fetch, section 3.2); what sends neither is none.
fn is_own(headers: &HeaderMap, console: &Console) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else {
        return false;
    };
    let is_of = |address: &str| {
        Url::parse(address).is_ok_and(|url| url.origin().ascii_serialization() == origin)
    };
    // The host is one of this machine, or the one that the proxy in front was told to pass.
    let sessions = console.sessions.as_ref();
    sessions.is_some_and(|sessions| is_of(sessions.address()))
        || (!console.is_secure() && is_of(&format!("http://{host}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{BrowserSessionFuture, BrowserSessions};
    use proptest::prelude::*;
    use std::sync::Arc;

    struct Behind(&'static str);

    impl BrowserSessions for Behind {
        fn address(&self) -> &str {
            self.0
        }
        fn sign_in_path(&self) -> &'static str {
            "/console/in"
        }
        fn sign_out_path(&self) -> &'static str {
            "/console/out"
        }
        fn enrol_path(&self) -> &'static str {
            ""
        }

        fn step_up_path(&self) -> &'static str {
            "/console/again"
        }
        fn session<'a>(&'a self, _: &'a str) -> BrowserSessionFuture<'a> {
            Box::pin(async { Ok(None) })
        }
    }

    fn is_taken(address: &'static str, head: &[(&'static str, &str)]) -> bool {
        let console = Console {
            sessions: Some(Arc::new(Behind(address))),
            menu: Arc::new([]),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        is_own(&headers, &console)
    }

    const PLAIN: &str = "http://127.0.0.1:8080";
    const TLS: &str = "https://auth.example.com/base";

    #[test]
    fn what_a_browser_says_of_where_a_form_is_from_goes_before_all() {
        let other = ("origin", "http://localhost");
        let host = ("host", "localhost");
        for (site, expected) in [
            ("same-origin", true),
            ("same-site", false),
            ("cross-site", false),
            ("none", false),
        ] {
            let head = [("sec-fetch-site", site), other, host];
            assert_eq!(is_taken(PLAIN, &head), expected, "{site}");
        }
    }

    #[test]
    fn an_older_browser_says_the_origin_which_has_to_be_ours() {
        let host = ("host", "localhost:8080");
        for (address, origin, expected) in [
            (PLAIN, "http://localhost:8080", true),
            (PLAIN, "http://127.0.0.1:8080", true),
            (PLAIN, "http://localhost:9000", false),
            (PLAIN, "null", false),
            (TLS, "https://auth.example.com", true),
            (TLS, "http://auth.example.com", false),
            (TLS, "http://localhost:8080", false),
            (TLS, "https://auth.example.com.evil.example", false),
            // A browser leaves out the usual port, and writes a name in lower case (RFC 6454, section 6.2).
            (
                "https://Auth.example.com:443/",
                "https://auth.example.com",
                true,
            ),
            (
                "https://auth.example.com:8443",
                "https://auth.example.com",
                false,
            ),
            (TLS, "https://auth.example.com/base", false),
        ] {
            let head = [("origin", origin), host];
            assert_eq!(is_taken(address, &head), expected, "{address} {origin}");
        }
        // What says nothing is no browser.
        assert!(!is_taken(PLAIN, &[host]));
    }

    #[test]
    fn fields_are_read_in_order_and_by_name() {
        let fields = Fields::parse(b"a=1&b=x+y%21&a=2&c=+&d").unwrap();
        assert_eq!(fields.get("a"), "1");
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(fields.get("b"), "x y!");
        assert_eq!(
            (fields.filled("c"), fields.filled("d"), fields.filled("e")),
            (None, None, None)
        );
        assert!(Fields::parse(b"a=%00").is_err());
        assert!(Fields::parse("a=1&".repeat(200).as_bytes()).is_ok());
        assert!(Fields::parse("a=1&".repeat(201).as_bytes()).is_err());
        // What somebody typed is in no log.
        assert_eq!(format!("{fields:?}"), r#"["a", "b", "a", "c", "d"]"#);
    }

    proptest! {
        #[test]
        fn what_a_browser_writes_is_read_as_it_was(values in prop::collection::vec("[^\0]{0,20}", 0..8)) {
            let mut written = form_urlencoded::Serializer::new(String::new());
            written.extend_pairs(values.iter().map(|value| ("x", value)));
            let fields = Fields::parse(written.finish().as_bytes()).unwrap();
            prop_assert_eq!(fields.all("x").collect::<Vec<_>>(), values);
        }

        #[test]
        fn whatever_is_sent_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(fields) = Fields::parse(&body) {
                prop_assert!(fields.filled("a").is_none_or(|text| !text.is_empty()));
            }
        }
    }
}
