//! One root: the key that signs, and the certificate that says so. Pure, but for the randomness of new keys.

use super::spiffe::{SpiffeId, TrustDomain};
use super::{IdentityError, IdentityResult};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use std::fmt::Write;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// How long a root is valid, in seconds: ten years of 365.25 days.
pub(super) const ROOT_LIFE: i64 = 315_576_000;
/// How long before it is made a certificate is valid already, in seconds: clocks differ.
pub(super) const SKEW: i64 = 300;
/// How long a new root is known before it signs, in seconds: whoever has to accept it hears of it in that time.
pub(super) const ROOT_WAIT: i64 = 3_600;
/// How long a root that signs no more is accepted, in seconds: as long as a certificate can live.
pub(super) const ROOT_OVERLAP: i64 = 604_800;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A root. It has a key in it, and so no `Debug`.
pub(super) struct Root {
    key: KeyPair,
    /// Its certificate.
    pub(super) certificate: CertificateDer<'static>,
    /// What it is called in the certificates that it signs.
    pub(super) name: String,
    /// When it was made, in seconds since the epoch.
    pub(super) made: i64,
    /// Until when it is valid, in seconds since the epoch.
    pub(super) until: i64,
    /// Key and certificate as they are in the file.
    text: String,
}

impl Root {
    /// A new one.
    pub(super) fn make(domain: &TrustDomain, now: i64) -> IdentityResult<Root> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        let mut name = "Tickloom authority ".to_owned();
        for byte in params.key_identifier(&key).iter().take(8) {
            write!(name, "{byte:02x}").expect("a text takes all");
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = called(&name);
        params.subject_alt_names = vec![uri(domain.uri())?];
        let until = now.saturating_add(ROOT_LIFE);
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now - SKEW);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(until);
        let certificate = params.self_signed(&key).map_err(IdentityError::make)?;
        let text = format!("{}{}", key.serialize_pem(), certificate.pem());
        Ok(Root {
            certificate: certificate.der().clone(),
            key,
            name,
            made: now,
            until,
            text,
        })
    }

    /// The roots of a file, in its order; in words what is wrong with it, never with a part of it.
    pub(super) fn read_all(text: &str) -> Result<Vec<Root>, String> {
        let mut roots = Vec::new();
        for (number, part) in (1..).zip(text.split_inclusive(END)) {
            if part.trim().is_empty() {
                continue;
            }
            let root = Root::read(part).map_err(|why| format!("root {number}: {why}"))?;
            roots.push(root);
        }
        if roots.is_empty() {
            return Err("it has no root certificate".to_owned());
        }
        Ok(roots)
    }

    fn read(text: &str) -> Result<Root, String> {
        // What is said of a key is not told.
        let key = KeyPair::from_pem(text).map_err(|_| "its private key cannot be read")?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "its certificate cannot be read")?;
        let parsed = x509_parser::parse_x509_certificate(&certificate);
        let (_, parsed) = parsed.map_err(|error| format!("its certificate: {error}"))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err("its private key is not that of its certificate".to_owned());
        }
        let name = parsed.subject().iter_common_name().next();
        let name = name.and_then(|name| name.as_str().ok());
        let name = name.ok_or("its certificate has no common name")?.to_owned();
        let validity = parsed.validity();
        let (from, until) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        Ok(Root {
            certificate: certificate.clone(),
            key,
            name,
            made: from.saturating_add(SKEW),
            until,
            text: format!("{}\n", text.trim()),
        })
    }

    /// Key and certificate, as they are in the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The certificate, as it is in files for others.
    pub(super) fn public_text(&self) -> &str {
        let begin = self.text.find(BEGIN).unwrap_or(self.text.len());
        self.text.get(begin..).unwrap_or_default()
    }

    /// Whether it may sign at a time.
    pub(super) fn is_valid(&self, now: i64) -> bool {
        (self.made - SKEW..self.until).contains(&now)
    }

    /// A new key, and a certificate of it for a service, valid from and until these seconds since the epoch: as texts of PEM.
    pub(super) fn sign(
        &self,
        id: &SpiffeId,
        from: i64,
        until: i64,
    ) -> IdentityResult<(String, String)> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.distinguished_name = called(id.name());
        // The name of a host is for clients of others, which check nothing else; ours do not look at it.
        let host = id.name().try_into().map_err(IdentityError::make)?;
        params.subject_alt_names = vec![uri(id.to_string())?, SanType::DnsName(host)];
        params.use_authority_key_identifier_extension = true;
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(from);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(until);
        let mut signer = CertificateParams::default();
        signer.distinguished_name = called(&self.name);
        signer.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = Issuer::from_params(&signer, &self.key);
        let signed = params.signed_by(&key, &issuer);
        let certificate = signed.map_err(IdentityError::make)?;
        Ok((key.serialize_pem(), certificate.pem()))
    }
}

/// Of the roots, newest first, the one that signs at a time: the newest that others have had the time to hear of, or else the oldest.
pub(super) fn signer(roots: &[Root], now: i64) -> Option<&Root> {
    let known = roots
        .iter()
        .find(|root| now >= root.made.saturating_add(ROOT_WAIT));
    known.or(roots.last())
}

/// How many of the roots, newest first, may still be needed: those that sign no more only as long as what they signed may live.
pub(super) fn needed(made: &[i64], now: i64) -> usize {
    let is_over = |made: &i64| {
        let signs_from = made.saturating_add(ROOT_WAIT);
        now >= signs_from.saturating_add(ROOT_OVERLAP)
    };
    // All before the first that has long been signing, and that one.
    made.iter()
        .position(is_over)
        .map_or(made.len(), |at| at + 1)
}

fn new_key() -> IdentityResult<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::make)
}

fn called(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn uri(text: String) -> IdentityResult<SanType> {
    let text = text.try_into().map_err(IdentityError::make)?;
    Ok(SanType::URI(text))
}

/// Seconds since the epoch; those before it are it.
fn since_epoch(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_new_root_waits_before_it_signs_and_the_first_does_not() {
        let domain = TrustDomain::default();
        let old = Root::make(&domain, NOW).unwrap();
        let old_name = old.name.clone();
        let roots = [old];
        assert_eq!(signer(&roots, NOW).unwrap().name, old_name);
        let [old] = roots;
        let new = Root::make(&domain, NOW + 10_000).unwrap();
        let new_name = new.name.clone();
        assert_ne!(old_name, new_name);
        let roots = [new, old];
        let signs = |at| signer(&roots, at).unwrap().name.clone();
        assert_eq!(signs(NOW + 10_000), old_name);
        assert_eq!(signs(NOW + 13_599), old_name);
        assert_eq!(signs(NOW + 13_600), new_name);
        assert!(signer(&[], NOW).is_none());
    }

    #[test]
    fn an_old_root_is_needed_as_long_as_what_it_signed_may_live() {
        // The newest signs from NOW + 3600, and the last signature before lives for 604800 s.
        assert_eq!(needed(&[NOW, NOW - 1_000_000], NOW), 2);
        assert_eq!(needed(&[NOW, NOW - 1_000_000], NOW + 608_399), 2);
        assert_eq!(needed(&[NOW, NOW - 1_000_000], NOW + 608_400), 1);
        assert_eq!(needed(&[NOW], NOW + 608_400), 1);
        assert_eq!(needed(&[NOW, NOW - 1_000_000, NOW - 2_000_000], NOW), 2);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_the_key() {
        let root = Root::make(&TrustDomain::default(), NOW).unwrap();
        let other = Root::make(&TrustDomain::default(), NOW).unwrap();
        let said = |text: &str| Root::read_all(text).err().unwrap();
        assert_eq!(said(""), "it has no root certificate");
        let (key, certificate) = root.text().split_once(BEGIN).unwrap();
        let (other_key, _) = other.text().split_once(BEGIN).unwrap();
        assert_eq!(
            said(&format!("{other_key}{BEGIN}{certificate}")),
            "root 1: its private key is not that of its certificate"
        );
        assert_eq!(said(key), "root 1: its certificate cannot be read");
        assert_eq!(
            said(root.public_text()),
            "root 1: its private key cannot be read"
        );
        let both = format!("{}{}", root.text(), other.text());
        let both = Root::read_all(&both).unwrap();
        assert_eq!((both[0].made, both[0].until), (NOW, NOW + ROOT_LIFE));
        assert_eq!(both[1].text(), other.text());
    }
}
