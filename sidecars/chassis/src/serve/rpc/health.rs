//! `grpc.health.v1.Health`: whether a service does all that it should, as `/ready` has it.

use super::super::root::Root;
use crate::problem::{Problem, ProblemCode};
use crate::service::Stop;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Pause between looks for somebody who watches.
const LOOK: Duration = Duration::from_millis(500);

/// Callers that watch at a time: each asks the databases again and again.
const WATCHERS_MAX: usize = 64;

/// What may be asked for, and which service answers for it. The empty name is all of them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    services: BTreeMap<String, &'static str>,
}

impl Checks {
    /// A service: by its own name, and by the full names of what it offers.
    pub(super) fn add(&mut self, service: &'static str, offered: &[&'static str]) {
        for name in offered.iter().copied().chain([service]) {
            self.services.insert(name.to_owned(), service);
        }
    }
}

/// Whoever asks is told.
pub(super) struct RpcHealth {
    shared: Arc<Shared>,
    watchers: Arc<Semaphore>,
    stop: Stop,
}

struct Shared {
    root: Arc<Root>,
    checks: Checks,
}

impl RpcHealth {
    pub(super) fn new(root: Arc<Root>, checks: Checks, stop: Stop) -> RpcHealth {
        let shared = Arc::new(Shared { root, checks });
        RpcHealth {
            shared,
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            stop,
        }
    }
}

impl Shared {
    async fn status(&self, name: &str) -> ServingStatus {
        let asked = match self.checks.services.get(name) {
            Some(service) => Some(*service),
            None if name.is_empty() => None,
            None => return ServingStatus::ServiceUnknown,
        };
        match self.root.is_ready(asked).await {
            Some(true) => ServingStatus::Serving,
            Some(false) => ServingStatus::NotServing,
            None => ServingStatus::ServiceUnknown,
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl Health for RpcHealth {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let name = &request.get_ref().service;
        match self.shared.status(name).await {
            ServingStatus::ServiceUnknown => {
                Err(Status::not_found(format!("there is no service `{name}`")))
            }
            status => Ok(Response::new(answer(status))),
        }
    }

    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    /// Tells of each change until the caller goes, or the process ends: then it tells that nothing is served, as the last.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let place = Arc::clone(&self.watchers).try_acquire_owned();
        let place = place.map_err(|_| {
            let detail = format!("{WATCHERS_MAX} callers are watching: try again");
            Problem::new(ProblemCode::Overloaded, detail)
        })?;
        let name = request.into_inner().service;
        let (shared, mut stop) = (Arc::clone(&self.shared), self.stop.clone());
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let _place = place;
            let mut told = None;
            while !sender.is_closed() {
                let status = if stop.is_told() {
                    ServingStatus::NotServing
                } else {
                    shared.status(&name).await
                };
                if told != Some(status) && sender.send(Ok(answer(status))).await.is_err() {
                    return;
                }
                told = Some(status);
                if stop.is_told() {
                    return;
                }
                tokio::select! {
                    () = sender.closed() => return,
                    () = stop.or_after(LOOK) => {}
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
