//! What is asked of the outside, and what it answers.

use super::OutgoingError;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;
use url::Url;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 4096;
/// Time for an answer, all attempts and redirects together, unless the request says otherwise.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, unless the request says otherwise.
const ANSWER_BYTES: usize = 256 << 10;

/// A request to the outside.
#[derive(Clone)]
pub struct OutgoingRequest {
    /// What it is about, in metrics and for the breaker: one of few names, in lower case with underscores.
    pub(super) about: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) time: Duration,
    pub(super) bytes_max: usize,
    pub(super) redirects_max: u8,
    pub(super) is_repeatable: bool,
}

/// An answer from outside, whole.
#[derive(Clone)]
pub struct OutgoingAnswer {
    /// Its status: any, errors too.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    pub(super) host: String,
}

impl OutgoingRequest {
    /// A request by GET. It is tried again when that may help, and follows three redirects.
    ///
    /// # Errors
    /// [`OutgoingError::Url`] for what is no URL of `https` or `http` with a host and without a user; which hosts may be asked, and
    /// which without TLS, is found out when it is sent.
    pub fn get(about: &'static str, url: &str) -> Result<OutgoingRequest, OutgoingError> {
        Ok(OutgoingRequest {
            redirects_max: 3,
            is_repeatable: true,
            ..OutgoingRequest::new(about, Method::GET, url)?
        })
    }

    /// A request by POST with a form (`application/x-www-form-urlencoded`). It is sent once and follows no redirect.
    ///
    /// # Errors
    /// As [`OutgoingRequest::get`].
    pub fn form(
        about: &'static str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<OutgoingRequest, OutgoingError> {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        let text = text.extend_pairs(fields).finish();
        let kind = "application/x-www-form-urlencoded";
        OutgoingRequest::post(about, url, kind, text.into())
    }

    /// A request by POST with a body of a media type. It is sent once and follows no redirect.
    ///
    /// # Errors
    /// As [`OutgoingRequest::get`].
    pub fn post(
        about: &'static str,
        url: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<OutgoingRequest, OutgoingError> {
        let mut request = OutgoingRequest {
            body,
            ..OutgoingRequest::new(about, Method::POST, url)?
        };
        let kind = HeaderValue::from_static(kind);
        request.headers.insert(header::CONTENT_TYPE, kind);
        Ok(request)
    }

    fn new(
        about: &'static str,
        method: Method,
        url: &str,
    ) -> Result<OutgoingRequest, OutgoingError> {
        Ok(OutgoingRequest {
            about,
            method,
            url: checked(url)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            time: TIME,
            bytes_max: ANSWER_BYTES,
            redirects_max: 0,
            is_repeatable: false,
        })
    }

    /// The same with a header. Whatever is set here goes to the first host alone, and not where a redirect leads.
    ///
    /// # Errors
    /// [`OutgoingError::Request`] if the value cannot be one.
    pub fn with_header(
        mut self,
        name: HeaderName,
        value: &str,
    ) -> Result<OutgoingRequest, OutgoingError> {
        let value = HeaderValue::from_str(value).map_err(|_| OutgoingError::Request {
            host: named(&self.url),
            why: "has a header that cannot be one",
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// The same with a user and a password (RFC 7617), as they are: what a standard wants encoded first is encoded by the caller.
    ///
    /// # Errors
    /// [`OutgoingError::Request`] if they cannot be in a header.
    pub fn with_basic(self, user: &str, password: &str) -> Result<OutgoingRequest, OutgoingError> {
        let both = STANDARD.encode(format!("{user}:{password}"));
        let mut request = self.with_header(header::AUTHORIZATION, &format!("Basic {both}"))?;
        if let Some(value) = request.headers.get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(request)
    }

    /// The same, for whose answer so long is waited in all. Where a request is being answered that has less time left, that counts.
    #[must_use]
    pub fn within(self, time: Duration) -> OutgoingRequest {
        OutgoingRequest { time, ..self }
    }

    /// The same, of whose answer so many bytes are read, and no longer one is taken.
    #[must_use]
    pub fn at_most(self, bytes_max: usize) -> OutgoingRequest {
        OutgoingRequest { bytes_max, ..self }
    }

    /// The same, which is tried again when that may help: whoever is asked does it once, however often it comes.
    #[must_use]
    pub fn repeatable(self) -> OutgoingRequest {
        OutgoingRequest {
            is_repeatable: true,
            ..self
        }
    }
}

/// Headers, body, path and query may be secrets, and are not shown.
impl fmt::Debug for OutgoingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingRequest")
            .field("about", &self.about)
            .field("method", &self.method)
            .field("host", &named(&self.url))
            .finish_non_exhaustive()
    }
}

impl OutgoingAnswer {
    /// Whether it is of status 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The JSON that it is, if its status is of success.
    ///
    /// # Errors
    /// [`OutgoingError::Answer`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, OutgoingError> {
        if !self.is_success() {
            return Err(self.wrong(&format!("has the status {}", self.status.as_u16())));
        }
        // The words of a fault of JSON may be those of the answer.
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.wrong(&format!(
                "is not the JSON that is expected, at line {line}, column {column}"
            ))
        })
    }

    /// That there is something wrong with it, to be told with the host's name.
    #[must_use]
    pub fn wrong(&self, why: &str) -> OutgoingError {
        OutgoingError::Answer {
            host: self.host.clone(),
            why: why.to_owned(),
        }
    }
}

/// What an answer says may be secret, and is not shown.
impl fmt::Debug for OutgoingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingAnswer")
            .field("status", &self.status)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// A URL that can be asked at all.
fn checked(text: &str) -> Result<Url, OutgoingError> {
    let wrong = |why| OutgoingError::Url { why };
    if text.len() > URL_BYTES_MAX {
        return Err(wrong("is longer than 4096 bytes"));
    }
    let url = Url::parse(text).map_err(|_| wrong("is none"))?;
    whole(url)
}

/// The URL without its fragment, if it leads to a host and names nobody.
pub(super) fn whole(mut url: Url) -> Result<Url, OutgoingError> {
    let wrong = |why| OutgoingError::Url { why };
    if !matches!(url.scheme(), "https" | "http") {
        return Err(wrong("is neither of https nor of http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user or a password in it"));
    }
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(wrong("is longer than 4096 bytes"));
    }
    if url.port() == Some(0) {
        return Err(wrong("has port 0"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Host and port, as errors and the breaker call it.
pub(super) fn named(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    let port = url.port_or_known_default().unwrap_or(0);
    format!("{host}:{port}")
}
