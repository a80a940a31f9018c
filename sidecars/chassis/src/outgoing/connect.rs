//! Every connection to the outside is made here, and here alone is decided whether it may be: by the address that is connected to,
//! after names were resolved, so that no spelling of a URL and no answer of a name server gets around it.

use super::OutgoingError;
use super::allow::Allowed;
use super::resolve::Resolver;
use axum::http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::codegen::{BoxFuture, Service};
use url::Host;

/// Time for name, connection and TLS together.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for one address of several.
const ADDRESS_TIME_MAX: Duration = Duration::from_secs(2);

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) allowed: Arc<Allowed>,
    pub(super) resolver: Resolver,
    pub(super) tls: Arc<ClientConfig>,
}

/// A connection.
pub(super) struct Link {
    stream: TokioIo<Box<dyn Stream>>,
    is_http2: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = OutgoingError;
    type Future = BoxFuture<Link, OutgoingError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OutgoingError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let named = uri.authority().map_or("", |authority| authority.as_str());
            let late = || OutgoingError::TimedOut {
                host: named.to_owned(),
                within: CONNECT_TIME_MAX,
            };
            let connected = timeout(CONNECT_TIME_MAX, connector.connect(&uri, named));
            connected.await.map_err(|_| late())?
        })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri, named: &str) -> Result<Link, OutgoingError> {
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = uri.host().and_then(|host| Host::parse(host).ok());
        let host = host.ok_or(OutgoingError::Url { why: "has no host" })?;
        let addresses = self.addresses(&host, port, named).await?;
        let tcp = open(&addresses, port).await;
        let tcp = tcp.map_err(|error| unreachable(named, &error))?;
        if !is_tls {
            return Ok(Link {
                stream: TokioIo::new(Box::new(tcp)),
                is_http2: false,
            });
        }
        let name = match &host {
            Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| OutgoingError::Url {
                    why: "has a host that no certificate can name",
                })?,
            Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(*address).into()),
        };
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        let tls = tls.await.map_err(|error| unreachable(named, &error))?;
        let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Link {
            stream: TokioIo::new(Box::new(tls)),
            is_http2,
        })
    }

    /// The addresses of a host, all of which may be reached: one among them that must not be is a reason to trust none.
    async fn addresses(
        &self,
        host: &Host<String>,
        port: u16,
        named: &str,
    ) -> Result<Vec<IpAddr>, OutgoingError> {
        let found = match host {
            Host::Ipv4(address) => vec![(*address).into()],
            Host::Ipv6(address) => vec![(*address).into()],
            Host::Domain(name) => {
                let found = self.resolver.addresses(name).await;
                found.map_err(|_| OutgoingError::Unresolved {
                    host: named.to_owned(),
                })?
            }
        };
        for address in &found {
            if let Some(why) = self.allowed.refusal((host, port), *address) {
                return Err(OutgoingError::Address {
                    host: named.to_owned(),
                    why,
                });
            }
        }
        Ok(found)
    }
}

/// A connection to the first address that takes one.
async fn open(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let until = Instant::now() + ADDRESS_TIME_MAX;
        match timeout_at(until, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failed = error,
            Err(_) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed)
}

fn unreachable(named: &str, error: &io::Error) -> OutgoingError {
    OutgoingError::Connection {
        host: named.to_owned(),
        why: error.to_string(),
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.is_http2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
