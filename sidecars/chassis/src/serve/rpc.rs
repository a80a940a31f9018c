//! gRPC of all services at one address, with what every gRPC server has: reflection, and health that is that of `/ready`.

mod health;

use super::connections::{HEAD_BYTES_MAX, HEAD_TIME_MAX, accept};
use super::root::Root;
use super::{RpcOptions, address, listen};
use crate::access::Gate;
use crate::identity::{HANDSHAKE_TIME_MAX, accept_peer};
use crate::rpc::{Caller, Rpc, RpcDoor, around};
use crate::service::Stop;
use crate::{ChassisError, Result};
use axum::{Extension, Router};
use health::{Checks, RpcHealth};
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::ServerConfig;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

/// Calls at a time on one connection.
const STREAMS_MAX: u32 = 100;
/// A connection on which nothing comes is asked for a sign of life after this time, and closed after as long again.
const ALIVE: Duration = Duration::from_secs(20);

/// A bound address, and how callers show who they are there.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
}

impl Listener {
    pub(super) async fn bind(options: &RpcOptions) -> Result<Listener> {
        let tls = match &options.identity {
            Some((identity, callers)) => Some(identity.server_config(callers.clone())?),
            None if options.address.ip().is_loopback() => None,
            None => {
                return Err(ChassisError::PlainRpc {
                    address: options.address,
                });
            }
        };
        let listener = listen(options.address).await?;
        Ok(Listener {
            address: address(&listener, options.address)?,
            listener,
            tls,
        })
    }

    /// Takes calls until the stop is told; then those that are answered may end, for so long.
    pub(super) async fn serve(self, router: Router, stop: Stop, drain: Duration) {
        accept(&self.listener, stop, drain, &[], |(stream, _), stop| {
            talk(stream, self.tls.clone(), router.clone(), stop)
        })
        .await;
    }
}

/// All that is offered, and what describes it.
pub(super) fn router(
    services: Vec<(&'static str, Rpc)>,
    root: &Arc<Root>,
    (gate, door): (Gate, RpcDoor),
    stop: &Stop,
) -> Result<Router> {
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let mut checks = Checks::default();
    let mut all = Router::new();
    for (service, rpc) in services {
        checks.add(service, &rpc.names);
        for descriptors in rpc.descriptors {
            reflection = reflection.register_encoded_file_descriptor_set(descriptors);
        }
        if !rpc.names.is_empty() {
            all = all.merge(rpc.routes.into_axum_router().reset_fallback());
        }
    }
    let reflection = reflection.build_v1();
    let reflection = reflection.map_err(|error| ChassisError::Descriptors {
        why: error.to_string(),
    })?;
    let health = RpcHealth::new(Arc::clone(root), checks, stop.clone());
    let own = Routes::new(reflection).add_service(HealthServer::new(health));
    // The fallback of these routes answers what nobody offers.
    let all = own.into_axum_router().merge(all).layer(Extension(gate));
    Ok(around(all, door))
}

/// One connection, until either side ends it.
async fn talk(stream: TcpStream, tls: Option<Arc<ServerConfig>>, router: Router, stop: Stop) {
    // An answer is small and waits for nothing.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(tls) = tls else {
        // Whoever says nothing does not keep its place for ever.
        let begun = tokio::time::timeout(HEAD_TIME_MAX, stream.readable()).await;
        if matches!(begun, Ok(Ok(()))) {
            talk_http2(TokioIo::new(stream), router, stop).await;
        }
        return;
    };
    match accept_peer(stream, tls, HANDSHAKE_TIME_MAX).await {
        Ok((stream, id)) => {
            let router = router.layer(Extension(Caller::new(id)));
            talk_http2(TokioIo::new(stream), router, stop).await;
        }
        Err(error) => {
            let error = error.to_string();
            tracing::warn!(error, "a caller was not let in");
        }
    }
}

async fn talk_http2(stream: impl Read + Write + Unpin, router: Router, mut stop: Stop) {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(server.serve_connection(stream, service));
    // Whatever the other side did wrong is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.told() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
