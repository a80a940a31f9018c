//! Who a service is to other services: a certificate of the authority with a SPIFFE id in it, and TLS in which both sides show one.
//!
//! A [`Authority`] is a folder with the key that signs. An [`Identity`] is the newest certificate of one service: it is renewed while
//! connections are open, and those that begin later have the new one. What is checked is the SPIFFE id, and never the name of a host.

mod authority;
mod credential;
mod error;
mod folder;
mod root;
mod source;
mod spiffe;
mod tls;
mod trust;

pub(crate) use authority::ts;
pub use authority::{Authority, CERTIFICATE_LIFE, Issued, RootState};
pub(crate) use credential::Newest;
pub use credential::{Identity, IdentityState};
pub use error::IdentityError;
pub(crate) use folder::{Version, read_certificates, read_key, version};
pub use spiffe::{SpiffeId, TrustDomain};
pub(crate) use tls::{ClockTime, provider};
pub use tls::{HANDSHAKE_TIME_MAX, accept_peer, connect_peer};
pub use trust::Peers;

/// What a fallible call of this module returns.
pub(crate) type IdentityResult<T> = std::result::Result<T, IdentityError>;
