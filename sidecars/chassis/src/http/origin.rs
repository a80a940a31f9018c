//! Of which request something is part, and from where that came: what is noted of whoever asks.

use super::{CallerAddress, REQUEST_ID, RequestId};
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use std::net::IpAddr;

/// What a request is called, and from where it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOrigin {
    request: String,
    address: Option<IpAddr>,
}

impl RequestOrigin {
    /// Of a request whose head this is of. Over gRPC its name is in the metadata, and nothing says for whom another service asks.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap) -> RequestOrigin {
        let called = extensions.get::<RequestId>().map(ToString::to_string);
        let in_head = || {
            let id = headers.get(REQUEST_ID)?.to_str().ok()?;
            Some(id.to_owned())
        };
        let caller = extensions.get::<CallerAddress>();
        RequestOrigin {
            request: called.or_else(in_head).unwrap_or_default(),
            address: caller.and_then(CallerAddress::elsewhere),
        }
    }

    /// What the request is called; empty if nothing called it.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// From where it comes, by whatever proxies of ours say; `None` for a program on this machine that asks for itself, and where nothing
    /// says it.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RequestOrigin, Problem> {
        Ok(RequestOrigin::of(&parts.extensions, &parts.headers))
    }
}
