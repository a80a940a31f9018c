//! Where HTTP is served, to whom, and how much of it.

use super::certificate::Certificate;
use super::hosts::Hosts;
use super::rate::RateLimit;
use crate::network::Network;
use crate::{ChassisError, Result};
use std::net::SocketAddr;
use std::sync::Arc;

/// Where and how HTTP is reached.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Its address; port 0 is any that is free.
    pub address: SocketAddr,
    /// What it shows over TLS. Without it there is plain text, on loopback alone.
    pub certificate: Option<Arc<Certificate>>,
    /// Names of hosts under which it is asked, beside those of this machine to itself.
    pub hosts: Vec<String>,
    /// Proxies in front of it, which say for whom they ask (`X-Forwarded-For`). What others say of that is not believed.
    pub proxies: Vec<Network>,
    /// Who sees `/metrics` and `/health`, and why it is not ready, and whose traces are gone on with, beside this machine.
    pub observers: Vec<Network>,
    /// How many requests one address may make. Programs on this machine that ask it directly have no such bound.
    pub rate: RateLimit,
    /// Whether whoever reaches it moves the time of its services (`/test/clock`): on loopback alone, without proxies, and never for what is real.
    pub moves_clock: bool,
}

impl HttpOptions {
    /// Plain text on this machine, for itself.
    #[must_use]
    pub fn local(address: SocketAddr) -> HttpOptions {
        HttpOptions {
            address,
            certificate: None,
            hosts: Vec::new(),
            proxies: Vec::new(),
            observers: Vec::new(),
            rate: RateLimit::default(),
            moves_clock: false,
        }
    }

    /// Whether it can be served so.
    ///
    /// # Errors
    /// [`ChassisError::PlainHttp`], [`ChassisError::TestClock`], [`ChassisError::Host`].
    pub fn check(&self) -> Result<()> {
        if self.certificate.is_none() && !self.address.ip().is_loopback() {
            return Err(ChassisError::PlainHttp {
                address: self.address,
            });
        }
        if self.moves_clock && !(self.address.ip().is_loopback() && self.proxies.is_empty()) {
            return Err(ChassisError::TestClock);
        }
        Hosts::new(&self.hosts).map(drop)
    }
}
