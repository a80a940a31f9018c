//! Where HTTP is asked: as plain text on loopback, over TLS anywhere.

use super::connections::{accept, talk_http};
use super::{address, listen};
use crate::Result;
use crate::http::{HttpOptions, Peer};
use crate::identity::HANDSHAKE_TIME_MAX;
use crate::network::Network;
use crate::service::Stop;
use axum::Router;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A bound address of HTTP. Whoever asks there waits until services are served at it.
pub struct Entrance {
    address: SocketAddr,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    proxies: Vec<Network>,
}

impl Entrance {
    /// Binds the address of these options.
    ///
    /// # Errors
    /// [`ChassisError::Io`](crate::ChassisError::Io) if it cannot be bound; as [`HttpOptions::check`];
    /// [`ChassisError::Https`](crate::ChassisError::Https).
    pub async fn bind(options: &HttpOptions) -> Result<Entrance> {
        options.check()?;
        let certificate = options.certificate.as_ref();
        let tls = certificate.map(|shown| shown.server_config()).transpose()?;
        let listener = listen(options.address).await?;
        Ok(Entrance {
            address: address(&listener, options.address)?,
            listener,
            tls,
            proxies: options.proxies.clone(),
        })
    }

    /// Where it is: with the port that it was given, if any was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes requests until the stop is told; then those that are answered may end, for so long.
    pub(super) async fn serve(self, router: Router, stop: Stop, drain: Duration) {
        let tls = self.tls.map(TlsAcceptor::from);
        accept(&self.listener, stop, drain, &self.proxies, |from, stop| {
            talk(from, tls.clone(), router.clone(), stop)
        })
        .await;
    }
}

/// One connection, until either side ends it.
async fn talk(
    (stream, address): (TcpStream, IpAddr),
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: Stop,
) {
    let is_tls = tls.is_some();
    let peer = Peer { address, is_tls };
    let Some(tls) = tls else {
        return talk_http(TokioIo::new(stream), peer, router, stop).await;
    };
    // Whoever speaks no TLS, or too slowly, is not let in; what it did wrong is its own affair.
    if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
        talk_http(TokioIo::new(stream), peer, router, stop).await;
    }
}
