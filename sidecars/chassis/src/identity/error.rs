//! What can go wrong with certificates. No message ever has a key in it.

use crate::secret_file::SecretFileError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can go wrong with certificates.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A word that cannot be the name of a service.
    #[error(
        "`{name}` is no name of a service, expected 1 to 63 lower-case letters, digits, `-` and `_`, beginning with a letter, and neither `authority` nor `roots`"
    )]
    Name {
        /// The word.
        name: String,
    },

    /// A word that cannot be a trust domain.
    #[error(
        "`{domain}` is no trust domain, expected 1 to 255 lower-case letters, digits, `.`, `-` and `_`"
    )]
    Domain {
        /// The word.
        domain: String,
    },

    /// A text that is no SPIFFE id of a service.
    #[error("`{id}` is no id of a service, expected spiffe://DOMAIN/NAME")]
    Id {
        /// The text.
        id: String,
    },

    /// A certificate that does not have exactly one SPIFFE id.
    #[error("the certificate has {found} URIs, expected one, which is its SPIFFE id")]
    Ids {
        /// How many it has.
        found: usize,
    },

    /// A certificate that cannot be read.
    #[error("the certificate cannot be read: {why}")]
    Certificate {
        /// What is wrong with it.
        why: String,
    },

    /// A folder or file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot ... the file".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file with keys or certificates that is not of their form.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never part of a key.
        why: String,
    },

    /// The file of a key that is not read, as others can open it, or as it is no file.
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),

    /// There is no authority in the folder.
    #[error("there is no authority in {path}: `tickloom admin ca init` makes one")]
    Absent {
        /// The folder.
        path: PathBuf,
    },

    /// The authority is of another trust domain.
    #[error("the authority in {path} is of trust domain `{found}`, expected `{expected}`")]
    OtherDomain {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it was to be.
        expected: String,
    },

    /// The root certificate is not valid now, so nothing is signed with it.
    #[error(
        "the newest root certificate is valid from {from} to {until} (seconds since 1970), and now it is {now}"
    )]
    RootTime {
        /// Seconds since the epoch from which it is valid.
        from: i64,
        /// Seconds since the epoch until which it is valid.
        until: i64,
        /// What the clock says.
        now: i64,
    },

    /// A life that a certificate cannot have.
    #[error("a certificate cannot live for {seconds} s, expected 60 to 604800")]
    Life {
        /// Seconds that were asked for.
        seconds: u64,
    },

    /// A certificate could not be made.
    #[error("cannot make a certificate: {why}")]
    Make {
        /// What is wrong.
        why: String,
    },

    /// The other side is somebody else than it should be.
    #[error("the certificate is of {found}, expected {expected}")]
    Peer {
        /// Whose certificate it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },

    /// TLS refused.
    #[error("TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),

    /// The connection broke while it was being set up, or the other side refused.
    #[error("no connection could be set up: {0}")]
    Connection(std::io::Error),

    /// The other side did not do its part in time.
    #[error("the other side did not set up the connection within {seconds} s")]
    Stalled {
        /// How long it had.
        seconds: f64,
    },
}

impl IdentityError {
    /// As a closure for `map_err`: what was tried, and on what.
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> IdentityError {
        let path = path.to_owned();
        move |source| IdentityError::Io {
            action,
            path,
            source,
        }
    }

    /// As a closure for `map_err`: a certificate that could not be made.
    pub(crate) fn make(error: rcgen::Error) -> IdentityError {
        IdentityError::Make {
            why: error.to_string(),
        }
    }
}
