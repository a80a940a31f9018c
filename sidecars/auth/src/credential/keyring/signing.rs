//! A key that signs, by ring.

use super::KeyError;
use crate::credential::NoRandomness;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde::Serialize;
use std::fmt;
use tickloom_chassis::token::{Algorithm, Claims, PublicKey, TOKEN_BYTES_MAX, TOKEN_TYPE};
use zeroize::Zeroizing;

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A private key with its public half and its name.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
    kid: String,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn make(algorithm: Algorithm) -> Result<SigningKey, NoRandomness> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
            Algorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            }
        };
        // What was just made can be read: only randomness can be missing.
        let pkcs8 = pkcs8.map_err(|_| NoRandomness)?;
        SigningKey::from_pkcs8(algorithm, pkcs8.as_ref()).ok_or(NoRandomness)
    }

    /// A key from its PKCS#8 in DER (RFC 5958, RFC 8410); `None` if it is none of this algorithm.
    #[must_use]
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Option<SigningKey> {
        let (pair, public) = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
                let public = PublicKey::new(algorithm, pair.public_key().as_ref())?;
                (Pair::Ed25519(pair), public)
            }
            Algorithm::Es256 => {
                let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
                let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8, &random).ok()?;
                let public = PublicKey::new(algorithm, pair.public_key().as_ref())?;
                (Pair::P256(pair), public)
            }
        };
        Some(SigningKey {
            pair,
            kid: public.thumbprint(),
            public,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
        })
    }

    /// Its name: the thumbprint of its public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The signature of these bytes: 64 bytes of either algorithm (RFC 8032; RFC 7518, section 3.4).
    ///
    /// # Errors
    /// [`KeyError::Sign`] if the system gives no random bytes for ECDSA.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                Ok(signature.map_err(|_| KeyError::Sign)?.as_ref().to_vec())
            }
        }
    }

    /// An access token that says this (RFC 7515, section 7.1; RFC 9068, section 2.1).
    pub(super) fn sign_token(&self, claims: &Claims) -> Result<String, KeyError> {
        self.sign_jwt(TOKEN_TYPE, claims)
    }

    /// A JWT of this type that says this (RFC 7515, section 7.1).
    pub(super) fn sign_jwt<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, KeyError> {
        let header = Header {
            alg: self.algorithm().name(),
            typ,
            kid: &self.kid,
        };
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        let bytes = token.len();
        if bytes > TOKEN_BYTES_MAX {
            return Err(KeyError::TokenTooLong { bytes });
        }
        Ok(token)
    }
}
