//! What is shown to browsers and programs over TLS: a certificate and its key from files, which are read again when they change.

use crate::clock::Clock;
use crate::identity::{
    ClockTime, IdentityError, Newest, Version, provider, read_certificates, read_key, ts, version,
};
use crate::service::Stop;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tickloom_types::Ts;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

/// Pause between looks at the files.
const LOOK: Duration = Duration::from_secs(1);
/// What is spoken over it (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
/// Which files they were: of the certificate, and of its key.
type Versions = (Version, Version);

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum HttpsError {
    /// A file.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// What is in the files does not fit.
    #[error("{path}: {why}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong; never part of a key.
        why: String,
    },
    /// TLS itself.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate with its chain and its key, as PEM in two files. Whoever replaces them renews it: connections that begin later have the
/// new one. What cannot be used is told, and what there was is shown on.
pub struct Certificate {
    files: Files,
    clock: Clock,
    newest: Arc<Newest>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What was read, beside what TLS uses.
struct Now {
    versions: Versions,
    until: Ts,
    trouble: Option<String>,
}

/// How a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateState {
    /// Until when it is valid.
    pub(crate) until: Ts,
    /// Why it could not be replaced at the last look, if it could not.
    pub(crate) trouble: Option<String>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Certificate");
        shown.field("files", &self.files).finish_non_exhaustive()
    }
}

struct Loaded {
    key: Arc<CertifiedKey>,
    versions: Versions,
    until: Ts,
}

impl Files {
    fn versions(&self) -> Result<Option<Versions>, HttpsError> {
        Ok(version(&self.certificate)?.zip(version(&self.key)?))
    }

    fn load(&self) -> Result<Loaded, HttpsError> {
        let wrong = |path: &Path, why: &str| HttpsError::Content {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        let absent = "it is not there";
        let read = read_certificates(&self.certificate)?;
        let (text, certificate_version) = read.ok_or_else(|| wrong(&self.certificate, absent))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let chain = chain.map_err(|error| wrong(&self.certificate, &error.to_string()))?;
        let Some(first) = chain.first() else {
            return Err(wrong(&self.certificate, "it has no certificate in PEM"));
        };
        let until = until(first).map_err(|why| wrong(&self.certificate, &why))?;
        let read = read_key(&self.key)?;
        let (text, key_version) = read.ok_or_else(|| wrong(&self.key, absent))?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
        let key =
            key.map_err(|_| wrong(&self.key, "it has no private key in PEM that can be read"))?;
        let key = CertifiedKey::from_der(chain, key, &provider());
        let key = key.map_err(|error| {
            wrong(
                &self.key,
                &format!(
                    "it is not the key of {}: {error}",
                    self.certificate.display()
                ),
            )
        })?;
        Ok(Loaded {
            key: Arc::new(key),
            versions: (certificate_version, key_version),
            until,
        })
    }
}

/// Until when a certificate is valid.
fn until(certificate: &CertificateDer<'_>) -> Result<Ts, String> {
    let parsed = x509_parser::parse_x509_certificate(certificate);
    let (_, parsed) = parsed.map_err(|error| error.to_string())?;
    Ok(ts(parsed.validity().not_after.timestamp()))
}

impl Certificate {
    /// What the files say: the certificate with its chain, and its key, which others cannot read.
    ///
    /// # Errors
    /// [`HttpsError`] if a file is not there, cannot be read, can be read by others though it has the key, or does not fit the other.
    pub fn of_files(
        certificate: &Path,
        key: &Path,
        clock: Clock,
    ) -> Result<Arc<Certificate>, HttpsError> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let loaded = files.load()?;
        Ok(Arc::new(Certificate {
            files,
            clock,
            newest: Newest::new(loaded.key),
            now: Mutex::new(Now {
                versions: loaded.versions,
                until: loaded.until,
                trouble: None,
            }),
        }))
    }

    /// TLS 1.3 and 1.2 for a server that shows the newest certificate.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, HttpsError> {
        let time = Arc::new(ClockTime(self.clock.clone()));
        let newest = Arc::clone(&self.newest);
        let mut config = ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(newest);
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }

    /// How it is.
    pub(crate) fn state(&self) -> CertificateState {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        CertificateState {
            until: now.until,
            trouble: now.trouble.clone(),
        }
    }

    /// That it is not valid any more, if so.
    pub(crate) fn expired(&self) -> Option<String> {
        let file = self.files.certificate.display();
        let is_expired = self.clock.now() >= self.state().until;
        is_expired.then(|| format!("the certificate in {file} has expired"))
    }

    /// Reads the files again if they have changed.
    pub(crate) fn look(&self) {
        let read = match (self.files.versions(), self.versions()) {
            (Ok(found), known) if found == Some(known) => {
                let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
                now.trouble = None;
                return;
            }
            (Ok(_), _) => self.files.load(),
            (Err(error), _) => Err(error),
        };
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(loaded) => {
                self.newest.set(loaded.key);
                *now = Now {
                    versions: loaded.versions,
                    until: loaded.until,
                    trouble: None,
                };
            }
            Err(error) => {
                let trouble = error.to_string();
                if now.trouble.as_ref() != Some(&trouble) {
                    tracing::warn!(error = trouble, "the certificate of HTTP is not renewed");
                }
                now.trouble = Some(trouble);
            }
        }
    }

    fn versions(&self) -> Versions {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .versions
    }

    /// Keeps it fresh until it is told to stop.
    pub(crate) async fn keep(self: Arc<Certificate>, mut stop: Stop) {
        while !stop.is_told() {
            let certificate = Arc::clone(&self);
            // A panic is told where it happens.
            drop(tokio::task::spawn_blocking(move || certificate.look()).await);
            stop.or_after(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Seconds since the epoch at which the certificates end: the first of January 2100.
    const UNTIL_S: i64 = 4_102_444_800;

    /// Writes a certificate of its own and its key.
    fn write(folder: &Path, name: &str) {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let made = rcgen::KeyPair::generate().unwrap();
        // New files, as tools that renew make them: whether one that is written again has changed tells the clock of the disk alone.
        let replace = |name: &str, text: String| {
            let beside = folder.join("beside");
            std::fs::write(&beside, text).unwrap();
            std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::rename(beside, folder.join(name)).unwrap();
        };
        replace("chain.pem", params.self_signed(&made).unwrap().pem());
        replace("key.pem", made.serialize_pem());
    }

    fn of(folder: &Path, clock: &Clock) -> Result<Arc<Certificate>, HttpsError> {
        Certificate::of_files(
            &folder.join("chain.pem"),
            &folder.join("key.pem"),
            clock.clone(),
        )
    }

    #[test]
    fn files_that_do_not_fit_are_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let clock = Clock::standing(Ts(0));
        let told = || of(folder, &clock).unwrap_err().to_string();
        assert!(told().ends_with("chain.pem: it is not there"), "{}", told());
        write(folder, "id.example.com");
        assert!(of(folder, &clock).is_ok());
        let key = folder.join("key.pem");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(told().contains("key.pem has mode 640"), "{}", told());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
        std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        assert!(
            told().contains("key.pem: it is not the key of"),
            "{}",
            told()
        );
        std::fs::write(folder.join("chain.pem"), "no certificate").unwrap();
        assert!(
            told().ends_with("chain.pem: it has no certificate in PEM"),
            "{}",
            told()
        );
    }

    #[test]
    fn what_replaces_it_is_shown_and_what_cannot_be_used_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "id.example.com");
        let clock = Clock::standing(Ts(0));
        let certificate = of(folder, &clock).unwrap();
        let shown = || certificate.newest.get().cert[0].clone();
        let first = shown();
        certificate.look();
        assert_eq!(shown(), first);
        std::fs::write(folder.join("chain.pem"), "half of").unwrap();
        certificate.look();
        assert_eq!(shown(), first);
        let trouble = certificate.state().trouble.unwrap();
        assert!(
            trouble.contains("it has no certificate in PEM"),
            "{trouble}"
        );
        write(folder, "id.example.com");
        certificate.look();
        assert_ne!(shown(), first);
        assert_eq!(
            certificate.state(),
            CertificateState {
                until: ts(UNTIL_S),
                trouble: None
            }
        );
        // What was away for a while is no trouble any more.
        let (chain, away) = (folder.join("chain.pem"), folder.join("away.pem"));
        std::fs::rename(&chain, &away).unwrap();
        certificate.look();
        assert!(certificate.state().trouble.is_some());
        std::fs::rename(&away, &chain).unwrap();
        certificate.look();
        assert_eq!(certificate.state().trouble, None);
        // As certbot and Kubernetes do it: what is there is a link, which leads to another file.
        let third = tempfile::tempdir().unwrap();
        write(third.path(), "id.example.com");
        for name in ["chain.pem", "key.pem"] {
            std::fs::remove_file(folder.join(name)).unwrap();
            std::os::unix::fs::symlink(third.path().join(name), folder.join(name)).unwrap();
        }
        let second = shown();
        certificate.look();
        assert_ne!(shown(), second);
        assert_eq!(certificate.state().trouble, None);
        assert_eq!(certificate.expired(), None);
        assert!(clock.advance_to(ts(UNTIL_S)));
        let expired = certificate.expired().unwrap();
        assert!(expired.ends_with("chain.pem has expired"), "{expired}");
    }
}
