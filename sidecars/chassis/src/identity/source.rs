//! Where a service's certificates come from: an authority that is here, or files that somebody else replaces.

use super::authority::{Authority, Issued, ts};
use super::folder::{self, Version};
use super::spiffe::SpiffeId;
use super::{IdentityError, IdentityResult};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tickloom_types::Ts;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

/// Certificates of the roots, beside the files of services.
const ROOTS: &str = "roots.pem";

/// Where certificates come from.
pub(super) enum Source {
    /// The authority is here, and signs.
    Authority {
        authority: Arc<Authority>,
        life: Duration,
    },
    /// Somebody replaces `NAME.pem` and `roots.pem` in a folder.
    Folder(PathBuf),
}

/// What was read or signed.
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) versions: Option<(Version, Version)>,
    pub(super) from: Ts,
    pub(super) until: Ts,
    pub(super) renew: Ts,
}

impl Source {
    pub(super) fn load(
        &self,
        id: &SpiffeId,
        provider: &Arc<CryptoProvider>,
    ) -> IdentityResult<Loaded> {
        match self {
            Source::Authority { authority, life } => {
                let issued = authority.issue(id.name(), *life)?;
                issued.load(authority.roots(), provider)
            }
            Source::Folder(folder) => read_folder(folder, id, provider),
        }
    }
}

impl Issued {
    fn load(
        &self,
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> IdentityResult<Loaded> {
        let unreadable = |_| IdentityError::Make {
            why: "what was made cannot be read".to_owned(),
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(unreadable)?;
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let chain = vec![certificate.map_err(unreadable)?];
        Ok(Loaded {
            key: Arc::new(CertifiedKey::from_der(chain, key, provider)?),
            roots,
            versions: None,
            from: self.from,
            until: self.until,
            renew: self.renew,
        })
    }
}

/// A service's files as they are now.
fn read_folder(
    folder: &Path,
    id: &SpiffeId,
    provider: &Arc<CryptoProvider>,
) -> IdentityResult<Loaded> {
    let (key, certificate, version) = read_service(folder, id.name())?;
    let path = folder.join(format!("{}.pem", id.name()));
    let wrong = |why: String| IdentityError::File { path, why };
    let found = SpiffeId::of_certificate(&certificate)?;
    if found != *id {
        return Err(wrong(format!(
            "its certificate is of {found}, expected {id}"
        )));
    }
    let parsed = x509_parser::parse_x509_certificate(&certificate);
    let (_, parsed) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return Err(wrong(error.to_string())),
    };
    let (from, until) = (
        parsed.validity().not_before.timestamp(),
        parsed.validity().not_after.timestamp(),
    );
    let path = folder.join(ROOTS);
    let (text, roots_version) =
        folder::read_certificates(&path)?.ok_or_else(|| absent(path.clone()))?;
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let roots = roots.map_err(|error| IdentityError::File {
        path,
        why: error.to_string(),
    })?;
    let chain = vec![certificate.clone()];
    Ok(Loaded {
        key: Arc::new(CertifiedKey::from_der(chain, key, provider)?),
        roots,
        versions: Some((version, roots_version)),
        from: ts(from),
        until: ts(until),
        renew: ts(from + (until - from) / 3 * 2),
    })
}

/// Key and certificate of a service, and which file they were in.
type Service = (PrivateKeyDer<'static>, CertificateDer<'static>, Version);

pub(super) fn read_service(folder: &Path, name: &str) -> IdentityResult<Service> {
    let path = folder.join(format!("{name}.pem"));
    let (text, version) = folder::read_key(&path)?.ok_or_else(|| absent(path.clone()))?;
    let wrong = |what: &str| IdentityError::File {
        path: path.clone(),
        why: format!("it has no {what} that can be read"),
    };
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong("private key"))?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes());
    let certificate = certificate.map_err(|_| wrong("certificate"))?;
    Ok((key, certificate, version))
}

fn absent(path: PathBuf) -> IdentityError {
    IdentityError::File {
        path,
        why: "it is not there".to_owned(),
    }
}

pub(super) fn versions(folder: &Path, name: &str) -> IdentityResult<Option<(Version, Version)>> {
    let service = folder::version(&folder.join(format!("{name}.pem")))?;
    let roots = folder::version(&folder.join(ROOTS))?;
    Ok(service.zip(roots))
}
