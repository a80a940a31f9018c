//! The body of an answer: it ends when the time is over, a panic in it leaves without its text, and its end is counted.

use super::door::{Counted, RpcDoor, fault, late};
use super::status::code_name;
use crate::trace;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use hyper::body::Frame;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, Status};
use tracing::Span;

/// What is counted of paths that callers make up: they are one method.
const OTHER: &str = "other";

/// A call, counted once when it ends, however it does.
pub(super) struct Call {
    door: RpcDoor,
    path: String,
    began: Instant,
    place: Option<OwnedSemaphorePermit>,
    is_ended: bool,
    /// What is done for it.
    pub(super) span: Span,
}

impl Call {
    /// A call of a path, of a service that is offered if any is.
    pub(super) fn new(
        door: RpcDoor,
        (service, path): (Option<&str>, String),
        (began, id): (Instant, &str),
    ) -> Call {
        Call {
            span: trace::call_span(service.unwrap_or(OTHER), id),
            door,
            path,
            began,
            place: None,
            is_ended: false,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Keeps its place until it ends.
    pub(super) fn hold(&mut self, place: OwnedSemaphorePermit) {
        self.place = Some(place);
    }

    pub(super) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        let is_known = !self.path.is_empty() && code != Code::Unimplemented;
        let method = if is_known { &self.path } else { OTHER }.to_owned();
        trace::end_call(&self.span, &method, code);
        let labels = vec![("method", method.clone())];
        let seconds = self.began.elapsed().as_secs_f64();
        self.door.durations.get_or_create(&labels).observe(seconds);
        let code = code_name(code);
        self.door
            .calls
            .get_or_create(&Counted { method, code })
            .inc();
        self.place = None;
    }
}

impl Drop for Call {
    /// Nobody waits for the rest.
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A body that ends with its time.
pub(super) struct Answer {
    /// `None` when it has ended.
    inner: Option<Body>,
    call: Call,
    limit: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl Answer {
    pub(super) fn new(inner: Body, call: Call, limit: Option<(Instant, Duration)>) -> Answer {
        Answer {
            inner: Some(inner),
            call,
            limit: limit.map(|(at, granted)| (Box::pin(sleep_until(at)), granted)),
        }
    }

    /// The end, with this status: what was going to follow is dropped.
    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.inner = None;
        self.call.end(status.code());
        let mut trailers = HeaderMap::new();
        // All that is ever in it can be sent.
        drop(status.add_header(&mut trailers));
        Frame::trailers(trailers)
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if let Some((limit, granted)) = &mut this.limit
            && limit.as_mut().poll(context).is_ready()
        {
            let status = late(*granted);
            return Poll::Ready(Some(Ok(this.end(&status))));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut *inner).poll_frame(context)
        }));
        let Ok(polled) = polled else {
            return Poll::Ready(Some(Ok(this.end(&fault()))));
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let trailers = frame.trailers_ref();
                if let Some(status) = trailers.and_then(Status::from_header_map) {
                    this.call.end(status.code());
                }
            }
            Poll::Ready(Some(Err(_)) | None) => {
                this.inner = None;
                this.call.end(Code::Unknown);
            }
            Poll::Pending => {}
        }
        polled
    }
}
