//! The authority: a folder whose one file `authority.pem` has the roots, newest first, each with its key. What is in that file is true;
//! it is replaced whole. Beside it `roots.pem` has the certificates alone, for hosts that check and do not sign.

use super::folder::{self, Version};
use super::root::{self, ROOT_OVERLAP, Root, SKEW};
use super::spiffe::{SpiffeId, TrustDomain};
use super::{IdentityError, IdentityResult};
use crate::clock::Clock;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tickloom_types::Ts;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// How long a certificate of a service lives, unless another life is asked for.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(86_400);
/// Shortest life that a certificate can have, in seconds; the longest is that for which roots overlap.
const LIFE_MIN: u64 = 60;
const SECOND: i64 = 1_000_000_000;
const AUTHORITY: &str = "authority.pem";
const ROOTS: &str = "roots.pem";

/// Who signs the certificates of services.
pub struct Authority {
    folder: PathBuf,
    domain: TrustDomain,
    clock: Clock,
    state: RwLock<Arc<State>>,
}

/// What was in the file.
struct State {
    /// Newest first; never empty.
    roots: Vec<Root>,
    version: Version,
}

/// A certificate of a service that was just signed, with its key.
pub struct Issued {
    /// Whose it is.
    pub id: SpiffeId,
    /// From when it is valid.
    pub from: Ts,
    /// Until when it is valid.
    pub until: Ts,
    /// When it is to be replaced: after two thirds of its life.
    pub renew: Ts,
    pub(super) key: String,
    pub(super) certificate: String,
}

/// A root certificate, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootState {
    /// What it is called in the certificates that it signs.
    pub name: String,
    /// When it was made.
    pub made: Ts,
    /// Until when it is valid.
    pub until: Ts,
    /// Whether it signs now. One that does not is accepted all the same.
    pub signs: bool,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Authority");
        shown
            .field("folder", &self.folder)
            .field("domain", &self.domain);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Issued");
        shown.field("id", &self.id).field("until", &self.until);
        shown.finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of a folder, which is made at the first use. Of several processes that do so at once, one makes it.
    ///
    /// # Errors
    /// [`IdentityError::Io`], [`IdentityError::File`], [`IdentityError::SecretFile`], [`IdentityError::OtherDomain`].
    pub fn open(
        folder: &Path,
        domain: &TrustDomain,
        clock: Clock,
    ) -> Result<Authority, IdentityError> {
        folder::make(folder)?;
        let lock = folder::lock(folder)?;
        let path = folder.join(AUTHORITY);
        if folder::read_key(&path)?.is_none() {
            let first = Root::make(domain, seconds(clock.now()))?;
            folder::write_key(&path, first.text())?;
        }
        let authority = Authority::existing(folder, clock)?;
        if authority.domain != *domain {
            return Err(IdentityError::OtherDomain {
                path: folder.to_owned(),
                found: authority.domain.to_string(),
                expected: domain.to_string(),
            });
        }
        authority.write_roots()?;
        drop(lock);
        Ok(authority)
    }

    /// The authority of a folder, which has to be there.
    ///
    /// # Errors
    /// As [`Authority::open`], and [`IdentityError::Absent`].
    pub fn existing(folder: &Path, clock: Clock) -> Result<Authority, IdentityError> {
        let state = read(folder)?;
        let newest = state.roots.first().ok_or_else(|| IdentityError::Absent {
            path: folder.to_owned(),
        })?;
        Ok(Authority {
            folder: folder.to_owned(),
            domain: TrustDomain::of_root(&newest.certificate)?,
            clock,
            state: RwLock::new(Arc::new(state)),
        })
    }

    /// Whose services it signs for.
    #[must_use]
    pub fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new key and a certificate for a service, which lives so long (60 s to 7 days), but not longer than the root.
    ///
    /// # Errors
    /// [`IdentityError::Name`], [`IdentityError::Life`], [`IdentityError::RootTime`], [`IdentityError::Make`].
    pub fn issue(&self, name: &str, life: Duration) -> Result<Issued, IdentityError> {
        let id = self.domain.id(name)?;
        let wrong = IdentityError::Life {
            seconds: life.as_secs(),
        };
        let seconds_max = ROOT_OVERLAP.unsigned_abs();
        if !(LIFE_MIN..=seconds_max).contains(&life.as_secs()) {
            return Err(wrong);
        }
        let life = i64::try_from(life.as_secs()).map_err(|_| wrong)?;
        let now = seconds(self.clock.now());
        let state = self.state();
        let newest = state.roots.first();
        let (made, until) = newest.map_or((0, 0), |root| (root.made, root.until));
        let signer = root::signer(&state.roots, now).filter(|root| root.is_valid(now));
        let signer = signer.ok_or(IdentityError::RootTime {
            from: made.saturating_sub(SKEW),
            until,
            now,
        })?;
        let from = (now - SKEW).max(signer.made - SKEW);
        let until = now.saturating_add(life).min(signer.until);
        let (key, certificate) = signer.sign(&id, from, until)?;
        let renew = now + (until - now) / 3 * 2;
        Ok(Issued {
            id,
            from: ts(from),
            until: ts(until),
            renew: ts(renew),
            key,
            certificate,
        })
    }

    /// The root certificates that are accepted, newest first.
    #[must_use]
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        let state = self.state();
        let all = state.roots.iter().map(|root| root.certificate.clone());
        all.collect()
    }

    /// The root certificates that are accepted, newest first, for people.
    #[must_use]
    pub fn show(&self) -> Vec<RootState> {
        let state = self.state();
        let signer = root::signer(&state.roots, seconds(self.clock.now()));
        let signer = signer.map(|root| root.name.clone());
        let shown = state.roots.iter().map(|root| RootState {
            name: root.name.clone(),
            made: ts(root.made),
            until: ts(root.until),
            signs: signer.as_ref() == Some(&root.name),
        });
        shown.collect()
    }

    /// Makes a new root beside the old ones. It is accepted at once, and signs after an hour; an old one is dropped by a rotation that
    /// comes after all that it signed has expired.
    ///
    /// # Errors
    /// As [`Authority::existing`], and [`IdentityError::Make`].
    pub fn rotate(&self) -> Result<(), IdentityError> {
        let lock = folder::lock(&self.folder)?;
        let now = seconds(self.clock.now());
        let old = read(&self.folder)?.roots;
        let made: Vec<i64> = old.iter().map(|root| root.made).collect();
        let new = Root::make(&self.domain, now)?;
        let mut text = new.text().to_owned();
        for root in old.iter().take(root::needed(&made, now)) {
            text.push_str(root.text());
        }
        folder::write_key(&self.folder.join(AUTHORITY), &text)?;
        self.refresh()?;
        self.write_roots()?;
        drop(lock);
        Ok(())
    }

    /// Reads the file again, if another process has replaced it. Whether it has.
    ///
    /// # Errors
    /// As [`Authority::existing`]; what was read before is used on.
    pub fn refresh(&self) -> Result<bool, IdentityError> {
        let version = folder::version(&self.folder.join(AUTHORITY))?;
        if version == Some(self.state().version) {
            return Ok(false);
        }
        let state = Arc::new(read(&self.folder)?);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(true)
    }

    /// Writes a service's key and certificate to `NAME.pem`, for its owner alone, and the roots to `roots.pem`, in another folder.
    ///
    /// # Errors
    /// [`IdentityError::Io`].
    pub fn export(&self, issued: &Issued, to: &Path) -> Result<PathBuf, IdentityError> {
        folder::make(to)?;
        // Whoever takes the new certificate has the root that it needs already.
        folder::write_certificates(&to.join(ROOTS), &self.roots_text())?;
        let path = to.join(format!("{}.pem", issued.id.name()));
        folder::write_key(&path, &format!("{}{}", issued.key, issued.certificate))?;
        Ok(path)
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn roots_text(&self) -> String {
        let state = self.state();
        state.roots.iter().map(Root::public_text).collect()
    }

    /// Writes `roots.pem`, unless it says so already.
    fn write_roots(&self) -> IdentityResult<()> {
        let path = self.folder.join(ROOTS);
        let text = self.roots_text();
        match folder::read_certificates(&path)? {
            Some((found, _)) if found == text => Ok(()),
            _ => folder::write_certificates(&path, &text),
        }
    }
}

fn read(folder: &Path) -> IdentityResult<State> {
    let path = folder.join(AUTHORITY);
    let (text, version) = folder::read_key(&path)?.ok_or_else(|| IdentityError::Absent {
        path: folder.to_owned(),
    })?;
    let roots = Root::read_all(&text).map_err(|why| IdentityError::File { path, why })?;
    Ok(State { roots, version })
}

/// Whole seconds since the epoch.
pub(super) fn seconds(at: Ts) -> i64 {
    at.0.div_euclid(SECOND)
}

/// A time in whole seconds since the epoch.
pub(crate) fn ts(seconds: i64) -> Ts {
    Ts(seconds.saturating_mul(SECOND))
}
