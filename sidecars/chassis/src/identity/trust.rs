//! Whose certificates are taken: signed by one of the roots, valid now, and of a service that is expected.

use super::spiffe::{SpiffeId, TrustDomain};
use super::{IdentityError, IdentityResult};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

/// Which services may be on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peers {
    /// Any of the trust domain.
    All,
    /// Those of these names.
    Named(BTreeSet<String>),
}

impl Peers {
    /// Those of these names.
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Peers {
        Peers::Named(names.into_iter().map(Into::into).collect())
    }

    fn expected(&self, domain: &TrustDomain) -> String {
        match self {
            Peers::All => format!("a service of {domain}"),
            Peers::Named(names) => {
                let ids: Vec<String> = names
                    .iter()
                    .map(|name| format!("spiffe://{domain}/{name}"))
                    .collect();
                ids.join(" or ")
            }
        }
    }
}

/// The roots that are accepted now.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    accepted: RwLock<Accepted>,
}

#[derive(Clone, Debug)]
struct Accepted {
    roots: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    pub(super) fn new(
        provider: Arc<CryptoProvider>,
        roots: &[CertificateDer<'static>],
    ) -> IdentityResult<Trust> {
        let accepted = RwLock::new(accepted(&provider, roots)?);
        Ok(Trust { provider, accepted })
    }

    /// Accepts these roots, and no others, from now on.
    pub(super) fn set(&self, roots: &[CertificateDer<'static>]) -> IdentityResult<()> {
        let accepted = accepted(&self.provider, roots)?;
        *self
            .accepted
            .write()
            .unwrap_or_else(PoisonError::into_inner) = accepted;
        Ok(())
    }

    fn accepted(&self) -> Accepted {
        let accepted = self.accepted.read();
        accepted.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn accepted(
    provider: &Arc<CryptoProvider>,
    certificates: &[CertificateDer<'static>],
) -> IdentityResult<Accepted> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    let roots = Arc::new(roots);
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .clear_root_hint_subjects()
            .build();
    let clients = clients.map_err(|error| IdentityError::Certificate {
        why: error.to_string(),
    })?;
    Ok(Accepted { roots, clients })
}

/// Checks who is on the other side, on both sides of a connection.
#[derive(Debug)]
pub(super) struct ByName {
    trust: Arc<Trust>,
    domain: TrustDomain,
    peers: Peers,
}

impl ByName {
    pub(super) fn new(trust: Arc<Trust>, domain: TrustDomain, peers: Peers) -> ByName {
        ByName {
            trust,
            domain,
            peers,
        }
    }

    /// Whether the certificate, which is known to be the authority's, is of one who is expected.
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let refuse = |error| {
            let error = OtherError(Arc::new(error));
            Error::InvalidCertificate(CertificateError::Other(error))
        };
        let id = SpiffeId::of_certificate(certificate).map_err(refuse)?;
        let is_expected = *id.domain() == self.domain
            && match &self.peers {
                Peers::All => true,
                Peers::Named(names) => names.contains(id.name()),
            };
        if is_expected {
            return Ok(());
        }
        Err(refuse(IdentityError::Peer {
            found: id.to_string(),
            expected: self.peers.expected(&self.domain),
        }))
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// TLS 1.2 is never spoken.
fn no_tls12() -> Error {
    Error::General("only TLS 1.3 is spoken".to_owned())
}

impl ServerCertVerifier for ByName {
    /// The name of the host is not looked at: who answers there is told by the id in the certificate.
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        let roots = self.trust.accepted().roots;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, between, now, algorithms.all)?;
        self.check(certificate)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for ByName {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let clients = self.trust.accepted().clients;
        let verified = clients.verify_client_cert(certificate, between, now)?;
        self.check(certificate)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
