//! TLS 1.3 in which both sides show a certificate. Nothing older is spoken, and nothing is resumed: each connection shows who is there.

use super::credential::Newest;
use super::spiffe::SpiffeId;
use super::trust::ByName;
use super::{IdentityError, IdentityResult};
use crate::clock::Clock;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, OtherError, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Time for a connection to be set up.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// What is spoken inside: HTTP/2 (RFC 7301, RFC 9113).
const ALPN: &[u8] = b"h2";
/// TLS wants the name of a host. It is neither sent nor checked.
const HOST: &str = "service.invalid";

/// The time of day, for TLS.
#[derive(Debug)]
pub(crate) struct ClockTime(pub(crate) Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let nanos = u64::try_from(self.0.now().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(nanos)))
    }
}

/// The one kind of cryptography that is used.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

pub(super) fn server(
    provider: &Arc<CryptoProvider>,
    time: ClockTime,
    callers: ByName,
    newest: Arc<Newest>,
) -> IdentityResult<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider), Arc::new(time))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(callers))
        .with_cert_resolver(newest);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

pub(super) fn client(
    provider: &Arc<CryptoProvider>,
    time: ClockTime,
    servers: ByName,
    newest: Arc<Newest>,
) -> IdentityResult<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider), Arc::new(time))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(servers))
        .with_client_cert_resolver(newest);
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Sets up a connection that somebody began, within a time, and says who that is.
///
/// # Errors
/// [`IdentityError::Peer`] if the caller is somebody else than is expected; [`IdentityError::Connection`] if it shows no certificate
/// that is taken, or speaks something else than TLS 1.3; [`IdentityError::Stalled`].
pub async fn accept_peer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    time: Duration,
) -> Result<(server::TlsStream<TcpStream>, SpiffeId), IdentityError> {
    let accepted = TlsAcceptor::from(config).accept(stream);
    let stream = within(time, accepted).await?;
    let id = peer(stream.get_ref().1.peer_certificates())?;
    Ok((stream, id))
}

/// Sets up a connection to a server, within a time, and says who answers there.
///
/// # Errors
/// [`IdentityError::Peer`] if the server is somebody else than is expected; [`IdentityError::Connection`] if it shows no certificate
/// that is taken, or speaks something else than TLS 1.3; [`IdentityError::Stalled`]. A server that does not take our certificate says so later, when the stream is read.
pub async fn connect_peer(
    stream: TcpStream,
    config: Arc<ClientConfig>,
    time: Duration,
) -> Result<(client::TlsStream<TcpStream>, SpiffeId), IdentityError> {
    let host = ServerName::try_from(HOST).map_err(|error| {
        IdentityError::Connection(io::Error::new(io::ErrorKind::InvalidInput, error))
    })?;
    let connected = TlsConnector::from(config).connect(host, stream);
    let stream = within(time, connected).await?;
    let id = peer(stream.get_ref().1.peer_certificates())?;
    Ok((stream, id))
}

async fn within<T>(
    time: Duration,
    set_up: impl Future<Output = io::Result<T>>,
) -> IdentityResult<T> {
    match tokio::time::timeout(time, set_up).await {
        Ok(done) => done.map_err(refused),
        Err(_) => Err(IdentityError::Stalled {
            seconds: time.as_secs_f64(),
        }),
    }
}

/// What went wrong, as our own error if it is one that our check of names made.
fn refused(error: io::Error) -> IdentityError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) = inner
        && let Some(IdentityError::Peer { found, expected }) = inner.downcast_ref()
    {
        return IdentityError::Peer {
            found: found.clone(),
            expected: expected.clone(),
        };
    }
    IdentityError::Connection(error)
}

fn peer(certificates: Option<&[CertificateDer<'_>]>) -> IdentityResult<SpiffeId> {
    let first = certificates.and_then(<[_]>::first);
    let first = first.ok_or(IdentityError::Ids { found: 0 })?;
    SpiffeId::of_certificate(first)
}
