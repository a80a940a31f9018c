//! Runs services in one process: one address for HTTP, each service below its name, and what is asked of the process as a whole at the
//! root; and one for gRPC, if it is asked for.

mod connections;
mod https;
mod page;
mod root;
mod rpc;
mod test_clock;

use crate::access::Gate;
use crate::clock::Clock;
use crate::http::{BODY_BYTES_MAX, Door, HttpOptions, pass};
use crate::identity::{Identity, Peers};
use crate::outgoing::count_outgoing;
use crate::rpc::RpcDoor;
use crate::service::{Runner, Stop};
use crate::{ChassisError, Result};
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::{Extension, Router};
pub use https::Entrance;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use test_clock::TestClock;
pub use test_clock::{check_test_clock, test_clock_at};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

/// Where and how services are reached.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// HTTP.
    pub http: HttpOptions,
    /// gRPC, if it is served.
    pub grpc: Option<RpcOptions>,
    /// How long requests may go on once it is told to stop.
    pub drain: Duration,
}

/// Where and how gRPC is reached.
#[derive(Clone, Debug)]
pub struct RpcOptions {
    /// Its address; port 0 is any that is free.
    pub address: SocketAddr,
    /// Who this process is to those who call, and who may call. Without it there is plain text, on loopback alone.
    pub identity: Option<(Arc<Identity>, Peers)>,
}

/// Services that run.
pub struct Serving {
    /// Where HTTP is reached.
    pub http: SocketAddr,
    /// Where gRPC is reached, if it is served.
    pub grpc: Option<SocketAddr>,
    running: JoinHandle<()>,
}

impl Serving {
    /// Whether it has come to its end by itself, which is a fault.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running.is_finished()
    }

    /// Waits until all of it has come to its end, after the stop was told.
    pub async fn ended(self) {
        // A panic is told where it happens.
        drop(self.running.await);
    }
}

/// Serves the services until the stop is told: then no more connections are taken, requests that are being answered may end, and the
/// services' own work comes to its end.
///
/// # Errors
/// [`ChassisError::Io`] if an address cannot be bound; [`ChassisError::PlainHttp`], [`ChassisError::PlainRpc`],
/// [`ChassisError::Https`], [`ChassisError::Identity`], [`ChassisError::Descriptors`], [`ChassisError::TestClock`].
pub async fn serve(runners: Vec<Runner>, options: ServeOptions, stop: Stop) -> Result<Serving> {
    let entrance = Entrance::bind(&options.http).await?;
    serve_at(entrance, runners, options, stop).await
}

/// The same at an address that was bound before with the same options, as for services that have to know their port when they start.
///
/// # Errors
/// As [`serve`].
pub async fn serve_at(
    entrance: Entrance,
    runners: Vec<Runner>,
    options: ServeOptions,
    stop: Stop,
) -> Result<Serving> {
    let http = entrance.address();
    let rpc_listener = match &options.grpc {
        Some(options) => Some(rpc::Listener::bind(options).await?),
        None => None,
    };
    let grpc = rpc_listener.as_ref().map(|listener| listener.address);
    let identity = options.grpc.and_then(|options| Some(options.identity?.0));
    let mut registry = Registry::default();
    let door = Door::new(&options.http, &mut registry)?;
    let outgoing = runners.iter().map(|runner| runner.outgoing.clone());
    count_outgoing(&mut registry, outgoing);
    let gate = Gate {
        authenticator: runners
            .iter()
            .find_map(|runner| runner.authenticator.clone()),
        clock: runners
            .first()
            .map_or(Clock::System, |runner| runner.clock.clone()),
    };
    let rpc_door = grpc.map(|_| RpcDoor::new(&mut registry));
    let moved = test_clock(&runners, &options.http)?;
    let (router, rest) = root::router(runners, identity.clone(), &options.http, registry);
    let router = moved.into_iter().fold(router, Router::merge);
    let router = around(router, gate.clone(), door);
    let rpc_router = match rpc_door {
        Some(door) => Some(rpc::router(rest.rpc, &rest.root, (gate, door), &stop)?),
        None => None,
    };
    let running = tokio::spawn(async move {
        let keeping = identity.map(|identity| tokio::spawn(identity.keep(stop.clone())));
        let certificate = options.http.certificate;
        let shown = certificate.map(|shown| tokio::spawn(shown.keep(stop.clone())));
        let calls = async {
            if let (Some(listener), Some(router)) = (rpc_listener, rpc_router) {
                listener.serve(router, stop.clone(), options.drain).await;
            }
        };
        let requests = entrance.serve(router, stop.clone(), options.drain);
        tokio::join!(requests, calls);
        for task in rest.tasks.into_iter().chain(keeping).chain(shown) {
            // A panic is told where it happens.
            drop(task.await);
        }
        for database in rest.databases {
            let error = match database.empty_log().await {
                Ok(true) => None,
                Ok(false) => Some("somebody reads it".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = error {
                tracing::warn!(error, "the log of a database was not emptied at the end");
            }
            database.close().await;
        }
    });
    Ok(Serving {
        http,
        grpc,
        running,
    })
}

/// The path at which time is moved, if it is asked for.
fn test_clock(runners: &[Runner], options: &HttpOptions) -> Result<Option<Router>> {
    if !options.moves_clock {
        return Ok(None);
    }
    options.check()?;
    let clock = match runners.first() {
        Some(Runner {
            clock: clock @ Clock::Set(_),
            ..
        }) => clock.clone(),
        _ => return Err(ChassisError::TestClock),
    };
    Ok(Some(test_clock::router(TestClock::new(clock, runners))))
}

async fn listen(at: SocketAddr) -> Result<TcpListener> {
    let text = at.to_string();
    let failed = ChassisError::io("listen on", Path::new(&text));
    TcpListener::bind(at).await.map_err(failed)
}

/// Where it listens: with the port that it was given.
fn address(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr> {
    let text = asked.to_string();
    let failed = ChassisError::io("listen on", Path::new(&text));
    listener.local_addr().map_err(failed)
}

/// What every request goes through, outermost last.
fn around(router: Router, gate: Gate, door: Door) -> Router {
    router
        .layer(Extension(gate))
        .layer(CatchPanicLayer::new())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(door, pass))
}
