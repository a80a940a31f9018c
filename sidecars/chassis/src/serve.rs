//! Runs services in one process: one address, each service below its name, and what is asked of the process as a whole at the root.

mod connections;
mod root;

use crate::access::Gate;
use crate::clock::Clock;
use crate::http::{BODY_BYTES_MAX, Door, pass};
use crate::service::{Runner, Stop};
use crate::{ChassisError, Result};
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::{Extension, Router};
use connections::accept;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

/// Where and how services are reached.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Address of HTTP; port 0 is any that is free.
    pub http: SocketAddr,
    /// How long requests may go on once it is told to stop.
    pub drain: Duration,
}

/// Services that run.
pub struct Serving {
    /// Where HTTP is reached.
    pub http: SocketAddr,
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
/// [`ChassisError::Io`] if the address cannot be bound.
pub async fn serve(runners: Vec<Runner>, options: ServeOptions, stop: Stop) -> Result<Serving> {
    let address = options.http.to_string();
    let bind = ChassisError::io("listen on", Path::new(&address));
    let listener = TcpListener::bind(options.http).await.map_err(bind)?;
    let local = ChassisError::io("listen on", Path::new(&address));
    let http = listener.local_addr().map_err(local)?;
    let mut registry = Registry::default();
    let door = Door::new(&mut registry);
    let gate = Gate {
        authority: runners.iter().find_map(|runner| runner.authority.clone()),
        clock: runners
            .first()
            .map_or(Clock::System, |runner| runner.clock.clone()),
    };
    let (router, rest) = root::router(runners, registry);
    let router = around(router, gate, door);
    let running = tokio::spawn(async move {
        accept(&listener, router, stop, options.drain).await;
        for task in rest.tasks {
            // A panic is told where it happens.
            drop(task.await);
        }
        for database in rest.databases {
            database.close().await;
        }
    });
    Ok(Serving { http, running })
}

/// What every request goes through, outermost last.
fn around(router: Router, gate: Gate, door: Door) -> Router {
    router
        .layer(Extension(gate))
        .layer(CatchPanicLayer::new())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(door, pass))
}
