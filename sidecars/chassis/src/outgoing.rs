//! Requests to the outside over HTTP: to hosts that others name, such as providers of sign-in and receivers of events, which must not
//! lead anywhere inside.
//!
//! Only `https` is asked, and only addresses of the public network, whatever a URL or a name server says; the configuration names what
//! is allowed beyond. All is bounded: time, also by the time that whoever asked has left, bytes, redirects, attempts, requests at a
//! time. Proxies of the environment are not used: they would look up names where nothing is checked. No compression is asked for, and
//! none is taken, so that a few bytes stay a few bytes. It is not for services of ours, which talk over [`rpc`](crate::rpc).

mod address;
mod allow;
mod breaker;
mod connect;
mod counts;
mod error;
mod request;
mod resolve;
mod retry;

use crate::clock::Clock;
use crate::deadline::time_left;
use crate::identity::{ClockTime, provider};
use crate::trace;
use allow::Allowed;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use breaker::{Breakers, NotNow, Verdict};
use connect::Connector;
use counts::Counts;
pub(crate) use counts::count_outgoing;
pub use error::OutgoingError;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
pub use request::{OutgoingAnswer, OutgoingRequest};
use request::{named, whole};
use resolve::Resolver;
use serde::Deserialize;
use std::error::Error as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::Instrument;
use url::{Host, Url};

/// Requests at a time.
const AT_ONCE_MAX: usize = 256;
/// Bytes of an answer's head, and headers in it.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 100;
/// Connections to one host that wait for another request, and how long.
const WAITING_MAX: usize = 4;
const WAITING_TIME_MAX: Duration = Duration::from_secs(30);
/// What is on its way of one answer over HTTP/2.
const WINDOW_BYTES: u32 = 256 << 10;
/// Whoever was given less time than this is not blamed for taking more.
const FAIR_TIME: Duration = Duration::from_secs(2);
/// What we call ourselves.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tickloom/", env!("CARGO_PKG_VERSION")));

/// What requests to the outside may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingConfig {
    /// Hosts and networks that may be reached though they are not of the public network: `id.example.com`, `127.0.0.1:9000`,
    /// `[::1]:9000`, `10.0.0.0/8`. What is named by its name or address may be reached without TLS too.
    pub allow: Vec<String>,
    /// Certificates in PEM of who may sign for hosts, beside the public ones.
    pub trust: Option<String>,
}

/// Makes requests to the outside. Copies of it share connections, breakers and counts.
#[derive(Clone)]
pub struct Outgoing {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    allowed: Arc<Allowed>,
    client: Client<Connector, Body>,
    breakers: Breakers,
    places: Semaphore,
    counts: Counts,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

impl Outgoing {
    /// One that reaches the public network, and what is allowed beyond.
    ///
    /// # Errors
    /// [`OutgoingError::Setting`].
    pub fn new(config: &OutgoingConfig, clock: Clock) -> Result<Outgoing, OutgoingError> {
        Outgoing::with_resolver(config, clock, Resolver::system())
    }

    fn with_resolver(
        config: &OutgoingConfig,
        clock: Clock,
        resolver: Resolver,
    ) -> Result<Outgoing, OutgoingError> {
        let allowed = Arc::new(Allowed::parse(&config.allow)?);
        let connector = Connector {
            allowed: Arc::clone(&allowed),
            resolver,
            tls: tls(config.trust.as_deref(), &clock)?,
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(WAITING_TIME_MAX)
            .pool_max_idle_per_host(WAITING_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .http2_max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(WINDOW_BYTES)
            .http2_initial_connection_window_size(WINDOW_BYTES * 4)
            .build(connector);
        Ok(Outgoing {
            shared: Arc::new(Shared {
                clock,
                allowed,
                client,
                breakers: Breakers::default(),
                places: Semaphore::new(AT_ONCE_MAX),
                counts: Counts::default(),
            }),
        })
    }

    /// Makes a request, again where that may help and does no harm, and returns the answer, whatever its status.
    ///
    /// # Errors
    /// [`OutgoingError`], of which none names more of the URL than its host.
    pub async fn send(&self, request: &OutgoingRequest) -> Result<OutgoingAnswer, OutgoingError> {
        let granted = time_left().map_or(request.time, |left| left.min(request.time));
        let until = Instant::now() + granted;
        let span = trace::outgoing_span(request.about, &named(&request.url));
        let attempts = self.attempts(request, (granted, until));
        let answered = attempts.instrument(span.clone()).await;
        let outcome = match &answered {
            Ok(answer) => counts::class(answer.status),
            Err(error) => error.outcome(),
        };
        trace::end_outgoing(&span, outcome, answered.is_ok());
        self.shared.counts.add(request.about, outcome);
        let (about, host) = (request.about, named(&request.url));
        tracing::debug!(about, host, outcome, "a request to the outside");
        answered
    }

    async fn attempts(
        &self,
        request: &OutgoingRequest,
        limit: (Duration, Instant),
    ) -> Result<OutgoingAnswer, OutgoingError> {
        let mut attempt = 1;
        loop {
            let answered = self.follow(request, limit).await;
            let pause = match &answered {
                _ if !request.is_repeatable || attempt >= retry::ATTEMPTS_MAX => return answered,
                Ok(answer) if retry::is_passing(answer.status) => {
                    let wanted = retry::retry_after(&answer.headers, self.shared.clock.now());
                    wanted.unwrap_or_else(|| retry::pause(attempt))
                }
                Err(error) if error.is_passing() => retry::pause(attempt),
                Ok(_) | Err(_) => return answered,
            };
            if pause >= limit.1.saturating_duration_since(Instant::now()) {
                return answered;
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// The answer of where redirects lead in the end.
    async fn follow(
        &self,
        request: &OutgoingRequest,
        limit: (Duration, Instant),
    ) -> Result<OutgoingAnswer, OutgoingError> {
        let mut at = request.clone();
        for _ in 0..=request.redirects_max {
            let answer = self.exchange(&at, limit).await?;
            let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect || request.redirects_max == 0 {
                return Ok(answer);
            }
            let next = target(&at.url, &answer)?;
            if next.origin() != at.url.origin() {
                at.headers = HeaderMap::new();
            }
            at.url = next;
        }
        Err(OutgoingError::Redirect {
            host: named(&at.url),
            why: "too often",
        })
    }

    /// One request to one host, and its answer.
    async fn exchange(
        &self,
        request: &OutgoingRequest,
        (granted, until): (Duration, Instant),
    ) -> Result<OutgoingAnswer, OutgoingError> {
        let host = named(&request.url);
        self.check(&request.url)?;
        let Shared {
            clock,
            breakers,
            places,
            ..
        } = &*self.shared;
        let _place = places
            .try_acquire()
            .map_err(|_| OutgoingError::Busy { host: host.clone() })?;
        let key = (request.about, host.clone());
        let trying = breakers.begin(&key, clock.now()).map_err(|why| match why {
            NotNow::Open(rest) => OutgoingError::Open {
                host: host.clone(),
                rest,
            },
            NotNow::Busy => OutgoingError::Busy { host: host.clone() },
        })?;
        let answered = match timeout_at(until, self.once(request, &host)).await {
            Ok(answered) => answered,
            Err(_) => Err(OutgoingError::TimedOut {
                host,
                within: granted,
            }),
        };
        trying.end(verdict(&answered, granted), clock.now());
        answered
    }

    /// That the URL may be asked as it is: without TLS only what the configuration names.
    fn check(&self, url: &Url) -> Result<(), OutgoingError> {
        let host = url.host().map(|host: Host<&str>| host.to_owned());
        let host = host.ok_or(OutgoingError::Url { why: "has no host" })?;
        let port = url.port_or_known_default().unwrap_or(0);
        if url.scheme() != "https" && !self.shared.allowed.names(&host, port) {
            let why = "is not of https, which only hosts may be that `outgoing.allow` names";
            return Err(OutgoingError::Url { why });
        }
        Ok(())
    }

    /// Whether the configuration names the host: what belongs to what here is nobody else's affair.
    fn is_ours(&self, url: &Url) -> bool {
        let host = url.host().map(|host: Host<&str>| host.to_owned());
        let port = url.port_or_known_default().unwrap_or(0);
        host.is_some_and(|host| self.shared.allowed.names(&host, port))
    }

    async fn once(
        &self,
        request: &OutgoingRequest,
        host: &str,
    ) -> Result<OutgoingAnswer, OutgoingError> {
        let mut sent = Request::new(Body::from(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        let uri = request.url.as_str().parse();
        *sent.uri_mut() = uri.map_err(|_| OutgoingError::Url { why: "is none" })?;
        *sent.headers_mut() = request.headers.clone();
        sent.headers_mut().insert(header::USER_AGENT, AGENT);
        if self.is_ours(&request.url) {
            trace::hand_on(sent.headers_mut());
        }
        let answer = self.shared.client.request(sent).await;
        let (head, body) = answer.map_err(|error| failed(host, &error))?.into_parts();
        if head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(OutgoingError::Encoded {
                host: host.to_owned(),
            });
        }
        let body = read(body, request.bytes_max, host).await?;
        Ok(OutgoingAnswer {
            status: head.status,
            headers: head.headers,
            body,
            host: host.to_owned(),
        })
    }
}

/// A body, if it is not longer than that.
async fn read(mut body: Incoming, bytes_max: usize, host: &str) -> Result<Bytes, OutgoingError> {
    let too_long = || OutgoingError::TooLong {
        host: host.to_owned(),
        bytes: bytes_max,
    };
    if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(too_long());
    }
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| OutgoingError::Connection {
            host: host.to_owned(),
            why: error.to_string(),
        })?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if whole.len().saturating_add(bytes.len()) > bytes_max {
            return Err(too_long());
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.into())
}

/// Where an answer redirects to.
fn target(from: &Url, answer: &OutgoingAnswer) -> Result<Url, OutgoingError> {
    let wrong = |why| OutgoingError::Redirect {
        host: named(from),
        why,
    };
    let to = answer.headers.get(header::LOCATION);
    let to = to.and_then(|to| to.to_str().ok());
    let to = to.ok_or_else(|| wrong("and does not say where"))?;
    let to = from.join(to).ok().and_then(|to| whole(to).ok());
    let to = to.ok_or_else(|| wrong("to what cannot be asked"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(wrong("from https to http"));
    }
    Ok(to)
}

/// What an answer, for which so long was waited, says of the host.
fn verdict(answered: &Result<OutgoingAnswer, OutgoingError>, granted: Duration) -> Verdict {
    match answered {
        Ok(answer) if answer.status.is_server_error() => Verdict::Fails,
        Ok(_) | Err(OutgoingError::TooLong { .. } | OutgoingError::Encoded { .. }) => {
            Verdict::Works
        }
        Err(OutgoingError::TimedOut { .. }) if granted < FAIR_TIME => Verdict::Unknown,
        Err(OutgoingError::Address { .. } | OutgoingError::Url { .. }) => Verdict::Unknown,
        Err(_) => Verdict::Fails,
    }
}

/// What went wrong on the way to an answer's head.
fn failed(host: &str, error: &Error) -> OutgoingError {
    let mut cause: Option<&dyn std::error::Error> = error.source();
    let mut why = error.to_string();
    while let Some(inner) = cause {
        if let Some(ours) = inner.downcast_ref::<OutgoingError>() {
            return ours.clone();
        }
        why = inner.to_string();
        cause = inner.source();
    }
    OutgoingError::Connection {
        host: host.to_owned(),
        why,
    }
}

fn tls(trust: Option<&str>, clock: &Clock) -> Result<Arc<ClientConfig>, OutgoingError> {
    let wrong = |why: &str| OutgoingError::Setting {
        name: "trust",
        why: why.to_owned(),
    };
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(trust) = trust {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(trust.as_bytes()) {
            let certificate = certificate.map_err(|_| wrong("has no certificates in PEM"))?;
            let added = roots.add(certificate);
            added.map_err(|_| wrong("has a certificate that cannot be used"))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("has no certificates in PEM"));
        }
    }
    let time = Arc::new(ClockTime(clock.clone()));
    let config = ClientConfig::builder_with_details(provider(), time)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&format!("cannot be used: {error}")))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
