//! Calls between services of one process: the same routes, bounds and checks of who calls, without the network.

use super::door::{RpcDoor, around};
use super::service::Caller;
use crate::trace;
use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::routing::future::RouteFuture;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tonic::codegen::{Service, http};
use tonic::service::Routes;

/// A way to a service of this process, for a client that tonic generated.
#[derive(Clone, Debug)]
pub struct LocalChannel {
    router: Router,
}

/// A way to the routes of a service of this process. The service sees `caller` as the one who calls.
#[must_use]
pub fn local_channel(routes: Routes, caller: Caller) -> LocalChannel {
    let router = around(routes.into_axum_router(), RpcDoor::uncounted());
    LocalChannel {
        router: router.layer(Extension(caller)),
    }
}

impl Service<http::Request<tonic::body::Body>> for LocalChannel {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<http::Request<tonic::body::Body>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> RouteFuture<Infallible> {
        trace::hand_on(request.headers_mut());
        self.router.call(request)
    }
}
