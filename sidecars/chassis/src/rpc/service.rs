//! What a service offers over gRPC, and who calls.

use crate::identity::SpiffeId;
use axum::response::IntoResponse;
use std::convert::Infallible;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::Routes;

/// Bytes of a message, as gRPC has it: 4 MiB. A service sets it on what it makes for both directions.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// What a service offers over gRPC.
#[derive(Clone, Debug, Default)]
pub struct Rpc {
    pub(crate) routes: Routes,
    /// Names of what is offered, with their packages.
    pub(crate) names: Vec<&'static str>,
    /// What is offered, as encoded sets of file descriptors, for reflection.
    pub(crate) descriptors: Vec<&'static [u8]>,
}

/// Who calls: a service that has shown a certificate, or one of this process. It is in the extensions of a request; there is none for
/// a call over plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    id: SpiffeId,
}

impl Rpc {
    /// Nothing yet of what an encoded `google.protobuf.FileDescriptorSet` describes.
    #[must_use]
    pub fn new(descriptors: &'static [u8]) -> Rpc {
        Rpc {
            descriptors: vec![descriptors],
            ..Rpc::default()
        }
    }

    /// This too: a server that tonic generated.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Rpc
    where
        S: Service<http::Request<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The routes, to be called without the network.
    #[must_use]
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }
}

impl Caller {
    /// The service of this id.
    #[must_use]
    pub fn new(id: SpiffeId) -> Caller {
        Caller { id }
    }

    /// Which service it is.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// Who called, if the caller has shown who it is.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Option<&Caller> {
        request.extensions().get()
    }
}
