//! What every call goes through: bounds of time and number, a number of its own, counts; a panic leaves without its text.

use super::answer::{Answer, Call};
use super::status::Logged;
use crate::deadline;
use crate::http::{REQUEST_ID, request_id};
use crate::problem::{Problem, ProblemCode};
use crate::trace;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::any::Any;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Code, Status};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

/// Calls that are answered at a time.
const CALLS_MAX: usize = 256;
/// A call that lasts as long as its caller wants: it tells of changes, and holds nothing but its connection.
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const GRPC: &str = "application/grpc";

/// Which kind of call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Counted {
    pub(super) method: String,
    pub(super) code: &'static str,
}

type Durations = Family<Vec<(&'static str, String)>, Histogram, fn() -> Histogram>;

/// What all calls share.
#[derive(Clone)]
pub(crate) struct RpcDoor {
    places: Arc<Semaphore>,
    pub(super) calls: Family<Counted, Counter>,
    pub(super) durations: Durations,
}

impl RpcDoor {
    /// One that counts for nobody.
    pub(super) fn uncounted() -> RpcDoor {
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 14));
        RpcDoor {
            places: Arc::new(Semaphore::new(CALLS_MAX)),
            calls: Family::default(),
            durations: Family::new_with_constructor(seconds),
        }
    }

    /// One whose counts are in the registry.
    pub(crate) fn new(registry: &mut Registry) -> RpcDoor {
        let door = RpcDoor::uncounted();
        registry.register(
            "tickloom_rpc_calls",
            "Calls over gRPC that were answered, or given up by the caller",
            door.calls.clone(),
        );
        registry.register(
            "tickloom_rpc_call_seconds",
            "Time from a call's head to the end of its answer",
            door.durations.clone(),
        );
        door
    }
}

/// What every call goes through, outermost last.
pub(crate) fn around(router: Router, door: RpcDoor) -> Router {
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(door, pass))
}

/// A panic, without its text.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    fault().into_http()
}

/// A fault of ours.
pub(super) fn fault() -> Status {
    let detail = "the call could not be answered";
    Problem::new(ProblemCode::Internal, detail).into()
}

/// That it took too long.
pub(super) fn late(granted: Duration) -> Status {
    let detail = format!("it took more than {} s", granted.as_secs_f64());
    Problem::new(ProblemCode::TimedOut, detail).into()
}

async fn pass(State(door): State<RpcDoor>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    if !is_grpc(&request) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = if matched.is_some() {
        request.uri().path()
    } else {
        ""
    };
    let path = path.to_owned();
    // `/SERVICE/{*rest}`
    let service = matched
        .as_ref()
        .and_then(|matched| matched.as_str().split('/').nth(1));
    let id = request_id(&request);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut call = Call::new(
        door.clone(),
        (service, path),
        (began, id.to_str().unwrap_or("")),
    );
    trace::follow(&call.span, request.headers());
    let (mut response, limit) = match let_in(&door, &request, &mut call) {
        Ok(granted) => {
            let limit = granted.map(|granted| (began + granted, granted));
            let answered = answer(request, next, limit).instrument(call.span.clone());
            (answered.await, limit)
        }
        Err(problem) => (Status::from(problem).into_http(), None),
    };
    if let Some(status) = response.extensions().get::<Status>() {
        log(&id, call.path(), status);
    }
    response.headers_mut().insert(REQUEST_ID, id);
    match Status::from_header_map(response.headers()) {
        // There is nothing after the head.
        Some(status) => call.end(status.code()),
        None => {
            response = response.map(|body| axum::body::Body::new(Answer::new(body, call, limit)))
        }
    }
    response
}

fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    kind.strip_prefix(GRPC)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// How long the call may take, if it may come in; `None` if as long as the caller wants.
fn let_in(door: &RpcDoor, request: &Request, call: &mut Call) -> Result<Option<Duration>, Problem> {
    let asked = deadline::asked(request.headers())?;
    if call.path() == WATCH {
        return Ok(asked);
    }
    let place = Arc::clone(&door.places).try_acquire_owned();
    let place = place.map_err(|_| {
        let detail = format!("{CALLS_MAX} calls are being answered: try again");
        Problem::new(ProblemCode::Overloaded, detail)
    })?;
    call.hold(place);
    Ok(Some(deadline::granted(asked)))
}

/// The answer's head, within the time. What answers is dropped when the time is over, and with it what it has begun.
async fn answer(request: Request, next: Next, limit: Option<(Instant, Duration)>) -> Response {
    let answered = next.run(request);
    let Some((limit, granted)) = limit else {
        return answered.await;
    };
    let answered = deadline::until(limit, answered);
    match tokio::time::timeout_at(limit, answered).await {
        Ok(response) => response,
        Err(_) => late(granted).into_http(),
    }
}

/// Says what went wrong on our side.
fn log(id: &HeaderValue, method: &str, status: &Status) {
    let cause = status
        .source()
        .and_then(|source| source.downcast_ref::<Logged>());
    let is_ours = matches!(
        status.code(),
        Code::Internal | Code::Unknown | Code::DataLoss | Code::DeadlineExceeded
    );
    if cause.is_none() && !is_ours {
        return;
    }
    let cause = cause.map_or(String::new(), ToString::to_string);
    let request = id.to_str().unwrap_or("");
    let code = super::status::code_name(status.code());
    tracing::error!(request, method, code, cause, "a call was not answered");
}
