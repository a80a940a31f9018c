//! Public keys that signatures are checked with, one or as a set (JWKS: RFC 7517, RFC 7518 section 6.2, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// How long whoever checks tokens may keep a set of keys before it fetches it again, in seconds.
pub const JWKS_AGE_MAX_S: i64 = 600;

/// Longest text of a set that is read, in bytes.
const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a coordinate, and of a key of Ed25519.
const COORDINATE_BYTES: usize = 32;
/// What an uncompressed point begins with (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032, RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA over P-256 with SHA-256 (RFC 7518, section 3.4).
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    /// Its name in a header (`alg`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Algorithm> {
        [Algorithm::EdDsa, Algorithm::Es256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Algorithm::EdDsa => &ED25519,
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        }
    }
}

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

/// A key as it stands in a set. Members that are not named here say nothing that matters.
#[derive(Deserialize, Serialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// Why a text is no set of keys.
#[derive(Debug, Error)]
pub enum JwksError {
    /// It is too long.
    #[error("a set of keys has {bytes} bytes, expected at most {JWKS_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is not the JSON of RFC 7517.
    #[error("not a set of keys: {0}")]
    Json(#[from] serde_json::Error),
    /// A key of a known kind is wrong.
    #[error("key {number} of the set: {why}")]
    Key {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No key of it can be used here.
    #[error("the set has no key for Ed25519 or P-256")]
    Empty,
}

impl PublicKey {
    /// From the bytes of a key: 32 of Ed25519 (RFC 8032, section 5.1.5), or the 65 of an uncompressed point of P-256 (SEC 1, section
    /// 2.3.3). `None` if they are not so many.
    #[must_use]
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<PublicKey> {
        let is_whole = match algorithm {
            Algorithm::EdDsa => bytes.len() == COORDINATE_BYTES,
            Algorithm::Es256 => {
                bytes.len() == 1 + 2 * COORDINATE_BYTES && bytes.first() == Some(&UNCOMPRESSED)
            }
        };
        is_whole.then(|| PublicKey {
            algorithm,
            bytes: bytes.to_vec(),
        })
    }

    /// What it checks signatures of.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is the signature of these bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm.verification(), &self.bytes)
            .verify(message, signature)
            .is_ok()
    }

    /// Its name: SHA-256 of its members in their one order (RFC 7638), as base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let Jwk { kty, crv, x, y, .. } = self.jwk();
        let y = y.map_or_else(String::new, |y| format!(r#","y":"{y}""#));
        let members = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"{y}}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }

    fn jwk(&self) -> Jwk {
        let (kty, crv, x, y) = match self.algorithm {
            Algorithm::EdDsa => ("OKP", "Ed25519", self.bytes.as_slice(), None),
            Algorithm::Es256 => {
                let point = self.bytes.get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                ("EC", "P-256", x, Some(URL_SAFE_NO_PAD.encode(y)))
            }
        };
        Jwk {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x: URL_SAFE_NO_PAD.encode(x),
            y,
            kid: None,
            alg: None,
            usage: None,
        }
    }

    /// The key that a member of a set is: `None` if it is of a kind, or for a use, that is not known here.
    fn of_jwk(jwk: &Jwk) -> Result<Option<PublicKey>, &'static str> {
        let coordinate = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok();
            let bytes = bytes.filter(|bytes| bytes.len() == COORDINATE_BYTES);
            bytes.ok_or("a coordinate is not 32 bytes in base64url")
        };
        let algorithm = match (jwk.kty.as_str(), jwk.crv.as_str()) {
            ("OKP", "Ed25519") => Algorithm::EdDsa,
            ("EC", "P-256") => Algorithm::Es256,
            _ => return Ok(None),
        };
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Ok(None);
        }
        let named = jwk.alg.as_deref();
        if named.is_some_and(|name| name != algorithm.name()) {
            return Err("`alg` is not the algorithm of its curve");
        }
        let mut bytes = coordinate(&jwk.x)?;
        if algorithm == Algorithm::Es256 {
            let y = jwk.y.as_deref().ok_or("`y` is missing")?;
            bytes.insert(0, UNCOMPRESSED);
            bytes.extend(coordinate(y)?);
        }
        Ok(PublicKey::new(algorithm, &bytes))
    }
}

/// Public keys by their names (`kid`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: BTreeMap<String, PublicKey>,
}

impl KeySet {
    /// Reads a set as it is published (RFC 7517, section 5). Keys of kinds that are not known here are left out.
    ///
    /// # Errors
    /// [`JwksError`] if it is none, if a key of a known kind is wrong or has no name or the name of another, or if no key is left.
    pub fn parse(text: &str) -> Result<KeySet, JwksError> {
        let bytes = text.len();
        if bytes > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong { bytes });
        }
        let set: Jwks = serde_json::from_str(text)?;
        let mut keys = BTreeMap::new();
        for (number, jwk) in (1..).zip(set.keys) {
            let wrong = |why| JwksError::Key { number, why };
            let Some(key) = PublicKey::of_jwk(&jwk).map_err(wrong)? else {
                continue;
            };
            let name = jwk.kid.ok_or_else(|| wrong("`kid` is missing"))?;
            if keys.insert(name, key).is_some() {
                return Err(wrong("`kid` is that of another key"));
            }
        }
        if keys.is_empty() {
            return Err(JwksError::Empty);
        }
        Ok(KeySet { keys })
    }

    /// The set of these keys, each under its thumbprint.
    #[must_use]
    pub fn of_keys<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> KeySet {
        let named = keys.into_iter().map(|key| (key.thumbprint(), key.clone()));
        KeySet {
            keys: named.collect(),
        }
    }

    /// The set as it is published (RFC 7517, section 5).
    ///
    /// # Errors
    /// What `serde_json` says; it has nothing to say of texts.
    pub fn to_jwks(&self) -> serde_json::Result<String> {
        let keys: Vec<Jwk> = self
            .keys
            .iter()
            .map(|(name, key)| Jwk {
                kid: Some(name.clone()),
                alg: Some(key.algorithm.name().to_owned()),
                usage: Some("sig".to_owned()),
                ..key.jwk()
            })
            .collect();
        serde_json::to_string(&BTreeMap::from([("keys", keys)]))
    }

    /// The key of this name.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid)
    }
}
