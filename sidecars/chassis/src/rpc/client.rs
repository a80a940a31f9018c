//! Ways to services over the network. They connect when they are first used, and again when a connection is gone.

use crate::identity::{HANDSHAKE_TIME_MAX, Identity, IdentityError, Peers, connect_peer};
use crate::trace;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tonic::codegen::http::{self, Uri};
use tonic::codegen::{BoxFuture, Service};
use tonic::transport::{Channel, Endpoint};

/// Time for the network to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for an answer, if the caller of a call does not say less.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// A connection on which nothing comes is asked for a sign of life after this time, and given up after as long again.
const ALIVE: Duration = Duration::from_secs(10);

/// A way to a service over the network, for a client that tonic generated. Each call says to which trace it belongs.
#[derive(Clone, Debug)]
pub struct PeerChannel(Channel);

impl Service<http::Request<tonic::body::Body>> for PeerChannel {
    type Response = http::Response<tonic::body::Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<http::Request<tonic::body::Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        trace::hand_on(request.headers_mut());
        Service::call(&mut self.0, request)
    }
}

/// A way to a service at an address, over plain text: for loopback.
///
/// # Errors
/// [`IdentityError::Connection`] if the address cannot be one.
pub fn plain_channel(address: SocketAddr) -> Result<PeerChannel, IdentityError> {
    Ok(PeerChannel(endpoint(address)?.connect_lazy()))
}

/// A way to a service at an address: both sides show certificates, and whoever answers there under another name gets nothing. It follows
/// the renewals of `identity`.
///
/// # Errors
/// [`IdentityError::Name`], [`IdentityError::Tls`], [`IdentityError::Connection`] if the address cannot be one.
pub fn peer_channel(
    address: SocketAddr,
    identity: &Identity,
    service: &str,
) -> Result<PeerChannel, IdentityError> {
    let service = identity.id().domain().id(service)?;
    let config = identity.client_config(Peers::named([service.name()]))?;
    let connector = Connector { address, config };
    let channel = endpoint(address)?.connect_with_connector_lazy(connector);
    Ok(PeerChannel(channel))
}

fn endpoint(address: SocketAddr) -> Result<Endpoint, IdentityError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let endpoint =
        endpoint.map_err(|error| IdentityError::Connection(std::io::Error::other(error)))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIME_MAX + HANDSHAKE_TIME_MAX)
        .timeout(ANSWER_TIME_MAX)
        .http2_keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE))
}

/// Connects to one address, and shows and checks certificates.
struct Connector {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = IdentityError;
    type Future = BoxFuture<Self::Response, IdentityError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), IdentityError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (address, config) = (self.address, Arc::clone(&self.config));
        Box::pin(async move {
            let stream = TcpStream::connect(address).await;
            let stream = stream.map_err(IdentityError::Connection)?;
            stream
                .set_nodelay(true)
                .map_err(IdentityError::Connection)?;
            let (stream, _) = connect_peer(stream, config, HANDSHAKE_TIME_MAX).await?;
            Ok(TokioIo::new(stream))
        })
    }
}
