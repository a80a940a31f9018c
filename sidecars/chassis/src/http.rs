//! What every request goes through: the host that it names, bounds of time and number, a number of its own, counts; and every
//! error leaves as a problem.

mod caller;
mod certificate;
mod hosts;
mod options;
mod origin;
mod places;
mod rate;

pub use caller::CallerAddress;
pub(crate) use caller::Peer;
pub use certificate::{Certificate, HttpsError};
use hosts::Hosts;
pub use options::HttpOptions;
pub use origin::RequestOrigin;
use places::Places;
pub use rate::RateLimit;
use rate::Rates;

use crate::console::{IsPage, is_page, problem_page};
use crate::deadline;
use crate::network::Network;
use crate::problem::{Cause, Problem, ProblemCode};
use crate::trace;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Once};
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// Bytes of a body.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of somebody else's words about an error that are read.
const REASON_BYTES_MAX: usize = 4 << 10;
/// Characters of a request's number that somebody gives.
const REQUEST_ID_MAX: usize = 64;
/// Header, and key of metadata, with a request's number.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whoever came over TLS once comes over TLS for two years (RFC 6797, section 6.1).
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Which kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
    status: u16,
}

/// What a request is called, in logs and in what it changes: what the caller called it, or a number of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RequestId, Problem> {
        let id = parts.extensions.get::<RequestId>().cloned();
        id.ok_or_else(|| Problem::internal("a request has no id".to_owned()))
    }
}

type Durations = Family<Vec<(String, String)>, Histogram, fn() -> Histogram>;

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Door {
    hosts: Hosts,
    proxies: Arc<[Network]>,
    observers: Arc<[Network]>,
    rates: Rates,
    /// That a proxy asks that is not known.
    proxy_told: Arc<Once>,
    /// That a proxy does not say for whom it asks.
    silence_told: Arc<Once>,
    places: Places,
    requests: Family<Route, Counter>,
    durations: Durations,
}

impl Door {
    /// One whose counts are in the registry.
    pub(crate) fn new(options: &HttpOptions, registry: &mut Registry) -> crate::Result<Door> {
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 14));
        let door = Door {
            hosts: Hosts::new(&options.hosts)?,
            proxies: options.proxies.clone().into(),
            observers: options.observers.clone().into(),
            rates: Rates::new(options.rate),
            proxy_told: Arc::new(Once::new()),
            silence_told: Arc::new(Once::new()),
            places: Places::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
        };
        registry.register(
            "tickloom_http_requests",
            "Requests that were answered",
            door.requests.clone(),
        );
        registry.register(
            "tickloom_http_request_seconds",
            "Time from a request's head to its answer's head",
            door.durations.clone(),
        );
        Ok(door)
    }
}

/// Lets a request in, and its answer out.
pub(crate) async fn pass(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = method_name(request.method());
    // What matched, not what was asked for: paths that callers make up are one route.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let for_people = is_page(request.uri().path());
    let id = request_id(&request);
    let called = RequestId(id.to_str().unwrap_or("").to_owned());
    request.extensions_mut().insert(called);
    let caller = door.caller(&request);
    let is_named =
        caller.is_tls && only_host(&request).is_some_and(|host| door.hosts.is_named(host));
    request.extensions_mut().insert(caller);
    let let_in = door.let_in(&request, &caller);
    let mut response = match let_in {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            let span = trace::request_span(method, &route, id.to_str().unwrap_or(""));
            if caller.is_observer {
                trace::follow(&span, request.headers());
            }
            let answered = answer(&door, caller, request, next).instrument(span.clone());
            let response = answered.await;
            trace::end_request(&span, response.status().as_u16());
            response
        }
    };
    if is_named {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    if for_people && let Some(problem) = response.extensions().get::<Problem>() {
        response = problem_page(&problem.clone(), response);
    }
    let status = response.status().as_u16();
    let cause = response.extensions().get::<Cause>();
    // What is not ready says so itself.
    if cause.is_some() || (status >= 500 && status != 503) {
        let cause = cause.map_or("", |cause| cause.0.as_str());
        let request = id.to_str().unwrap_or("");
        tracing::error!(
            request,
            method,
            route,
            status,
            cause,
            "a request was not answered"
        );
    }
    response.headers_mut().insert(REQUEST_ID, id);
    let labels = vec![("route".to_owned(), route.clone())];
    let seconds = began.elapsed().as_secs_f64();
    door.durations.get_or_create(&labels).observe(seconds);
    let counted = Route {
        method,
        route,
        status,
    };
    door.requests.get_or_create(&counted).inc();
    response
}

/// A method of those that there are: callers can make up any number of others.
fn method_name(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let found = known.into_iter().find(|known| *known == method.as_str());
    found.unwrap_or("other")
}

impl Door {
    /// From where a request comes. What is in no connection comes from nowhere.
    fn caller(&self, request: &Request) -> CallerAddress {
        let peer = request.extensions().get::<Peer>().copied();
        let peer = peer.unwrap_or(Peer {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            is_tls: false,
        });
        let caller = CallerAddress::of(peer, request.headers(), (&self.proxies, &self.observers));
        // One that an operator forgot is near; anybody may write what proxies write.
        if caller.is_unknown_proxy && is_near(caller.address) {
            // It is one caller to us, with one allowance for all for whom it asks.
            self.proxy_told.call_once(|| {
                let address = caller.address.to_string();
                tracing::warn!(
                    address,
                    "a proxy asks that `proxies` does not name: whom it asks for is not known"
                );
            });
        }
        // Whether it lives and is ready proxies ask for themselves.
        if caller.is_silent && !is_probe(request) {
            self.silence_told.call_once(|| {
                let address = caller.address.to_string();
                tracing::warn!(
                    address,
                    "a request from an address that `proxies` names has no X-Forwarded-For: all such are one caller with no rights of this machine"
                );
            });
        }
        caller
    }

    /// Whether a request is looked at, or why not.
    fn let_in(&self, request: &Request, caller: &CallerAddress) -> Result<(), Problem> {
        self.rates.check(caller)?;
        let asked = request
            .uri()
            .path_and_query()
            .map_or("", |asked| asked.as_str());
        // PostgreSQL keeps no such text, and SQLite ends it there.
        if asked.contains("%00") {
            let detail = "the path or the query has a NUL";
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        if request.headers().get_all(header::HOST).iter().count() > 1 {
            let detail = "the request has more than one host";
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        let host = only_host(request).unwrap_or("");
        // A target may be a whole URL (RFC 9112, section 3.2.2).
        let target = request.uri().authority().map(Authority::as_str);
        for host in [Some(host), target].into_iter().flatten() {
            if !self.hosts.has(host) {
                let detail = format!(
                    "the host is `{host}`, expected localhost, an address of loopback, or a name that `hosts` has"
                );
                return Err(Problem::new(ProblemCode::WrongHost, detail));
            }
        }
        Ok(())
    }
}

/// The host for which a request is, if it says one.
fn only_host(request: &Request) -> Option<&str> {
    request.headers().get(header::HOST)?.to_str().ok()
}

/// Whether it asks if the process lives, or is ready.
fn is_probe(request: &Request) -> bool {
    matches!(request.uri().path(), "/live" | "/ready")
}

/// Whether an address is of this machine or of a network of one's own.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

async fn answer(door: &Door, caller: CallerAddress, request: Request, next: Next) -> Response {
    // Whether it lives and is ready is told even when it has very much to do.
    let place = if is_probe(&request) {
        None
    } else {
        match door.places.take(&caller) {
            Ok(place) => Some(place),
            Err(problem) => return problem.into_response(),
        }
    };
    let granted = match deadline::asked(request.headers()) {
        Ok(asked) => deadline::granted(asked),
        Err(problem) => return problem.into_response(),
    };
    let limit = tokio::time::Instant::now() + granted;
    let answered = deadline::until(limit, next.run(request));
    let answered = tokio::time::timeout_at(limit, answered).await;
    drop(place);
    match answered {
        Ok(response) => as_problem(response).await,
        Err(_) => {
            let detail = format!("it took more than {} s", granted.as_secs_f64());
            Problem::new(ProblemCode::TimedOut, detail).into_response()
        }
    }
}

/// An answer as it is, or as a problem if it is an error that says so otherwise.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| {
            kind == "application/problem+json" || kind.starts_with("application/json")
        })
    });
    let is_page = response.extensions().get::<IsPage>().is_some();
    if is_ours || is_page || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = read_reason(body).await;
    let said = if said.is_empty() {
        status.canonical_reason().unwrap_or("an error").to_owned()
    } else {
        said
    };
    let mut problem = Problem::of_status(status, said).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

async fn read_reason(body: Body) -> String {
    let bytes = axum::body::to_bytes(body, REASON_BYTES_MAX).await;
    String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap_or_default()
}

/// The number that the caller gave, if it is one, or a new one.
pub(crate) fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(&REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=REQUEST_ID_MAX).contains(&id.len())
            && id
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    });
    given.cloned().unwrap_or_else(|| {
        let id = format!("req_{}", Uuid::now_v7().simple());
        HeaderValue::from_str(&id).expect("hexadecimal digits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_number_is_kept_if_it_is_one() {
        let id = |given: &str| {
            let request = Request::builder().header(&REQUEST_ID, given);
            let request = request.body(Body::empty()).unwrap();
            request_id(&request).to_str().unwrap().to_owned()
        };
        assert_eq!(id("abc-1_2.3"), "abc-1_2.3");
        assert!(id("two words").starts_with("req_"));
        assert!(id(&"x".repeat(65)).starts_with("req_"));
    }
}
