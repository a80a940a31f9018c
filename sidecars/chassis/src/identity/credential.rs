//! Who a service is now: its newest certificate, which is renewed while it runs, and the roots that it accepts.

use super::authority::{Authority, seconds};
use super::folder::Version;
use super::source::{Source, read_service, versions};
use super::spiffe::SpiffeId;
use super::tls::{self, ClockTime};
use super::trust::{ByName, Peers, Trust};
use super::{IdentityError, IdentityResult};
use crate::clock::Clock;
use crate::service::Stop;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tickloom_types::Ts;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, ServerConfig, SignatureScheme};

/// Pause between looks at the clock and the files.
const LOOK: Duration = Duration::from_secs(1);

/// Who a service is. Configurations of TLS that it makes follow its renewals; connections that are open stay.
pub struct Identity {
    id: SpiffeId,
    clock: Clock,
    source: Source,
    provider: Arc<CryptoProvider>,
    newest: Arc<Newest>,
    trust: Arc<Trust>,
    now: Mutex<Now>,
}

/// How an identity is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityState {
    /// From when its certificate is valid.
    pub from: Ts,
    /// Until when its certificate is valid.
    pub until: Ts,
    /// When it is to be replaced.
    pub renew: Ts,
    /// How many certificates it has had before this one.
    pub renewals: u64,
    /// Why it could not be replaced at the last look, if it could not.
    pub trouble: Option<String>,
}

/// What there is of it now, beside what TLS uses.
struct Now {
    state: IdentityState,
    roots: Vec<CertificateDer<'static>>,
    versions: Option<(Version, Version)>,
}

/// The newest key and certificate, for connections that begin.
#[derive(Debug)]
pub(crate) struct Newest(RwLock<Arc<CertifiedKey>>);

impl Newest {
    pub(crate) fn new(key: Arc<CertifiedKey>) -> Arc<Newest> {
        Arc::new(Newest(RwLock::new(key)))
    }

    pub(crate) fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, key: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl ResolvesServerCert for Newest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl ResolvesClientCert for Newest {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Identity");
        shown.field("id", &self.id).finish_non_exhaustive()
    }
}

impl Identity {
    /// A service's identity from an authority that is here: a certificate is signed now, and replaced after two thirds of its life.
    ///
    /// # Errors
    /// As [`Authority::issue`], and [`IdentityError::Tls`].
    pub fn of_authority(
        authority: &Arc<Authority>,
        name: &str,
        life: Duration,
        clock: Clock,
    ) -> Result<Arc<Identity>, IdentityError> {
        let source = Source::Authority {
            authority: Arc::clone(authority),
            life,
        };
        Identity::new(authority.domain().id(name)?, source, clock)
    }

    /// A service's identity from `NAME.pem` and `roots.pem` of a folder, as `tickloom admin ca issue` writes them. Whoever replaces
    /// them keeps them fresh; they are read again when they change.
    ///
    /// # Errors
    /// [`IdentityError::File`], [`IdentityError::Io`], [`IdentityError::SecretFile`], [`IdentityError::Name`], [`IdentityError::Tls`].
    pub fn of_folder(
        folder: &Path,
        name: &str,
        clock: Clock,
    ) -> Result<Arc<Identity>, IdentityError> {
        // Whose it is says the certificate; that it is of this name is checked below.
        let id = SpiffeId::of_certificate(&read_service(folder, name)?.1)?;
        let id = id.domain().id(name)?;
        Identity::new(id, Source::Folder(folder.to_owned()), clock)
    }

    fn new(id: SpiffeId, source: Source, clock: Clock) -> IdentityResult<Arc<Identity>> {
        let provider = tls::provider();
        let loaded = source.load(&id, &provider)?;
        let state = IdentityState {
            from: loaded.from,
            until: loaded.until,
            renew: loaded.renew,
            renewals: 0,
            trouble: None,
        };
        Ok(Arc::new(Identity {
            id,
            clock,
            source,
            newest: Newest::new(loaded.key),
            trust: Arc::new(Trust::new(Arc::clone(&provider), &loaded.roots)?),
            provider,
            now: Mutex::new(Now {
                state,
                roots: loaded.roots,
                versions: loaded.versions,
            }),
        }))
    }

    /// Which service it is.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> IdentityState {
        self.lock().state.clone()
    }

    /// That its certificate is not valid any more, if so.
    pub(crate) fn expired(&self) -> Option<String> {
        let state = self.state();
        let is_expired = self.clock.now() >= state.until;
        is_expired.then(|| {
            let trouble = state.trouble.unwrap_or_default();
            format!("the certificate of {} has expired: {trouble}", self.id)
        })
    }

    /// Gets a new certificate now, and the roots that are accepted now.
    ///
    /// # Errors
    /// As where it comes from; what there was is used on.
    pub fn renew(&self) -> Result<(), IdentityError> {
        if let Source::Authority { authority, .. } = &self.source {
            authority.refresh()?;
        }
        let loaded = self.source.load(&self.id, &self.provider)?;
        // Roots first: who shows the new certificate accepts those of others that are as new.
        self.trust.set(&loaded.roots)?;
        self.newest.set(loaded.key);
        let mut now = self.lock();
        now.roots = loaded.roots;
        now.versions = loaded.versions;
        now.state = IdentityState {
            from: loaded.from,
            until: loaded.until,
            renew: loaded.renew,
            renewals: now.state.renewals + 1,
            trouble: None,
        };
        Ok(())
    }

    /// Renews it if it is time, and accepts roots that are new. What goes wrong is in the state, and is tried again at the next look.
    pub fn look(&self) {
        let looked = self.look_once();
        let mut now = self.lock();
        match looked {
            Ok(()) => now.state.trouble = None,
            Err(error) => {
                let trouble = error.to_string();
                if now.state.trouble.as_ref() != Some(&trouble) {
                    let id = self.id.to_string();
                    tracing::warn!(id, error = trouble, "a certificate is not renewed");
                }
                now.state.trouble = Some(trouble);
            }
        }
    }

    fn look_once(&self) -> IdentityResult<()> {
        match &self.source {
            Source::Authority { authority, .. } => {
                if self.clock.now() >= self.state().renew {
                    return self.renew();
                }
                authority.refresh()?;
                let roots = authority.roots();
                if self.lock().roots != roots {
                    self.trust.set(&roots)?;
                    self.lock().roots = roots;
                }
            }
            Source::Folder(folder) => {
                if self.lock().versions != versions(folder, self.id.name())? {
                    return self.renew();
                }
                let until = self.state().until;
                if self.clock.now() >= until {
                    return Err(IdentityError::File {
                        path: folder.join(format!("{}.pem", self.id.name())),
                        why: format!(
                            "its certificate was valid until {} s after 1970",
                            seconds(until)
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// Keeps it fresh until it is told to stop.
    pub async fn keep(self: Arc<Identity>, mut stop: Stop) {
        while !stop.is_told() {
            let identity = Arc::clone(&self);
            // A panic is told where it happens.
            drop(tokio::task::spawn_blocking(move || identity.look()).await);
            stop.or_after(LOOK).await;
        }
    }

    /// TLS for a server, which takes these callers and nobody else. It follows renewals: it is made once.
    ///
    /// # Errors
    /// [`IdentityError::Tls`].
    pub fn server_config(&self, callers: Peers) -> Result<Arc<ServerConfig>, IdentityError> {
        let time = ClockTime(self.clock.clone());
        let newest = Arc::clone(&self.newest);
        tls::server(&self.provider, time, self.by_name(callers), newest)
    }

    /// TLS for a client, which talks to these services and nobody else. It follows renewals: it is made once.
    ///
    /// # Errors
    /// [`IdentityError::Tls`].
    pub fn client_config(&self, servers: Peers) -> Result<Arc<ClientConfig>, IdentityError> {
        let time = ClockTime(self.clock.clone());
        let newest = Arc::clone(&self.newest);
        tls::client(&self.provider, time, self.by_name(servers), newest)
    }

    fn by_name(&self, peers: Peers) -> ByName {
        ByName::new(Arc::clone(&self.trust), self.id.domain().clone(), peers)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
