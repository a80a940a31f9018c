//! Traces: what a request took and what was done for it, over all services that it went through (OpenTelemetry; W3C Trace Context).
//!
//! Spans are those of `tracing`. Where nobody collects them they are not made.

mod carrier;
mod export;

use axum::http::HeaderMap;
use carrier::{Headers, HeadersMut};
pub use export::{TraceExport, TraceExportError, TracesConfig};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Target of all spans, by which collectors ask for them.
pub(crate) const TARGET: &str = "tickloom::trace";

/// What is done for a request over HTTP. Names of attributes are those of OpenTelemetry's conventions; nothing that a caller wrote
/// is in them but the id of the request.
pub(crate) fn request_span(method: &'static str, route: &str, id: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        tickloom.request = id,
    )
}

/// How a request over HTTP ended.
pub(crate) fn end_request(span: &Span, status: u16) {
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// What is done for a call of a service over gRPC. Which of its methods is said at the end: callers can make up any number of others.
pub(crate) fn call_span(service: &str, id: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "call",
        otel.name = service,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.method = Empty,
        rpc.grpc.status_code = Empty,
        tickloom.request = id,
    )
}

/// How a call of this method ended.
pub(crate) fn end_call(span: &Span, method: &str, code: tonic::Code) {
    span.record("rpc.method", method.trim_start_matches('/'));
    span.record("rpc.grpc.status_code", code as i32);
    if matches!(
        code,
        tonic::Code::Internal
            | tonic::Code::Unknown
            | tonic::Code::DataLoss
            | tonic::Code::Unavailable
            | tonic::Code::DeadlineExceeded
    ) {
        span.record("otel.status_code", "ERROR");
    }
}

/// A transaction that changes something, until it is committed or given up.
pub(crate) fn write_span(engine: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "write",
        otel.kind = "client",
        db.system.name = engine,
    )
}

/// A request to the outside.
pub(crate) fn outgoing_span(about: &'static str, host: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "outgoing",
        otel.name = about,
        otel.kind = "client",
        otel.status_code = Empty,
        server.address = host,
        tickloom.outcome = Empty,
    )
}

/// How a request to the outside ended.
pub(crate) fn end_outgoing(span: &Span, outcome: &'static str, is_answered: bool) {
    span.record("tickloom.outcome", outcome);
    if !is_answered {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span belongs to what the caller does, if the headers say to what. Only for callers who are believed: whoever else asks could
/// make us collect what they like.
pub(crate) fn follow(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    // Without anybody who collects there is nothing to belong to.
    drop(span.set_parent(context));
}

/// Says in the headers of a request of ours to what it belongs.
pub(crate) fn hand_on(headers: &mut HeaderMap) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
}
