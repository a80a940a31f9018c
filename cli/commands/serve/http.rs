//! Settings of HTTP: where it is served, over what, to whom, and how much of it.

use anyhow::anyhow;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use tickloom_chassis::{Certificate, Clock, HttpOptions, Network, RateLimit};

/// Keys of the configuration about HTTP, beside its address.
#[derive(Debug)]
pub(super) struct HttpKeys {
    pub(super) hosts: Vec<String>,
    pub(super) proxies: Vec<Network>,
    pub(super) observers: Vec<Network>,
    pub(super) tls: Option<TlsFiles>,
    pub(super) rate: RateLimit,
    /// Whether time is moved over HTTP.
    pub(super) moves_clock: bool,
}

/// What is shown over TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// PEM file of the certificate, followed by those that lead to a root.
    pub(crate) certificate: PathBuf,
    /// PEM file of its key, which only its owner may open.
    pub(crate) key: PathBuf,
}

/// The address under which people reach it, where nothing else is said: its port may not be known before it is bound.
#[derive(Clone, Debug)]
pub(super) struct OwnIssuer {
    is_tls: bool,
    host: Option<String>,
}

impl OwnIssuer {
    /// Of who shows a certificate or does not, under the first of these names.
    pub(super) fn new(is_tls: bool, hosts: &[String]) -> OwnIssuer {
        OwnIssuer {
            is_tls,
            host: hosts.first().cloned(),
        }
    }

    pub(super) fn at(&self, address: SocketAddr) -> String {
        if !self.is_tls {
            return format!("http://{address}");
        }
        let port = address.port();
        match &self.host {
            Some(host) if port == 443 => format!("https://{host}"),
            Some(host) => format!("https://{host}:{port}"),
            None => format!("https://{address}"),
        }
    }
}

impl HttpKeys {
    /// The options, checked. `issuer` is that of auth, if auth runs: under its name it is asked too.
    pub(super) fn options(
        self,
        address: SocketAddr,
        issuer: Option<&str>,
    ) -> Result<HttpOptions, anyhow::Error> {
        if self.tls.is_none() && !address.ip().is_loopback() {
            return Err(anyhow!(
                "--http {address}: HTTP is plain text, so only addresses of loopback are served, such as 127.0.0.1:{}; [tls] in the \
                 configuration has a certificate with which others are served",
                address.port()
            ));
        }
        let is_shared =
            !address.ip().is_loopback() || !self.hosts.is_empty() || !self.proxies.is_empty();
        if issuer.is_none() && is_shared {
            return Err(anyhow!(
                "--http, hosts or proxies let others ask, and where auth does not run nobody is asked who they are: serve auth too"
            ));
        }
        let named = issuer
            .and_then(|issuer| issuer.split_once("://"))
            .and_then(|(_, rest)| rest.split('/').next());
        let mut hosts = self.hosts;
        hosts.extend(named.map(str::to_owned));
        let certificate = self
            .tls
            .map(|files| Certificate::of_files(&files.certificate, &files.key, Clock::System));
        let options = HttpOptions {
            address,
            certificate: certificate.transpose()?,
            hosts,
            proxies: self.proxies,
            observers: self.observers,
            rate: self.rate,
            moves_clock: self.moves_clock,
        };
        options.check()?;
        Ok(options)
    }
}
