//! Keys of providers: a published set (RFC 7517) of which what can be used is used, and the rest left out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::Value;
use tickloom_chassis::token::{Algorithm, PublicKey};

/// Keys of one set that are looked at.
const KEYS_MAX: usize = 64;
/// What an uncompressed point begins with (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A key of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProviderKey {
    /// `EdDSA` with Ed25519, or `ES256`.
    Curve(PublicKey),
    /// `RS256`, of 2048 to 8192 bits, which is looked at when it is used.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// Keys of a provider, with their names where they have some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProviderKeys(Vec<(Option<String>, ProviderKey)>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
}

impl ProviderKey {
    /// The one algorithm that it is for (`alg`).
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            ProviderKey::Curve(key) => key.algorithm().name(),
            ProviderKey::Rsa { .. } => "RS256",
        }
    }

    /// Whether this is the signature of these bytes.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            ProviderKey::Curve(key) => key.verifies(message, signature),
            ProviderKey::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }

    fn of_jwk(jwk: &Jwk) -> Option<ProviderKey> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                // A number has no zeros before it.
                let number = |text| {
                    let bytes: Vec<u8> = bytes(text)?;
                    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
                };
                Some(ProviderKey::Rsa {
                    n: number(&jwk.n)?,
                    e: number(&jwk.e)?,
                })
            }
            ("EC", Some("P-256")) => {
                let point = [vec![UNCOMPRESSED], bytes(&jwk.x)?, bytes(&jwk.y)?].concat();
                PublicKey::new(Algorithm::Es256, &point).map(ProviderKey::Curve)
            }
            ("OKP", Some("Ed25519")) => {
                PublicKey::new(Algorithm::EdDsa, &bytes(&jwk.x)?).map(ProviderKey::Curve)
            }
            _ => None,
        }
    }
}

impl ProviderKeys {
    /// The keys of a set that can be used here; `None` if it is no set.
    pub(super) fn parse(set: &[u8]) -> Option<ProviderKeys> {
        let set: Jwks = serde_json::from_slice(set).ok()?;
        let mut keys = Vec::new();
        for member in set.keys.into_iter().take(KEYS_MAX) {
            let Ok(jwk) = serde_json::from_value::<Jwk>(member) else {
                continue;
            };
            let is_for_signing = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
            let Some(key) = ProviderKey::of_jwk(&jwk).filter(|_| is_for_signing) else {
                continue;
            };
            if jwk.alg.as_deref().is_none_or(|alg| alg == key.algorithm()) {
                keys.push((jwk.kid, key));
            }
        }
        Some(ProviderKeys(keys))
    }

    /// The key of this name for this algorithm. Without a name it is the only one that there is (OpenID Connect Core 1.0, section 10.1).
    pub(super) fn get(&self, kid: Option<&str>, algorithm: &str) -> Option<&ProviderKey> {
        let mut fitting = self.0.iter().filter(|(name, key)| {
            key.algorithm() == algorithm && (kid.is_none() || name.as_deref() == kid)
        });
        let first = fitting.next();
        // Two keys of one name, or none to tell them apart, are no reason to try which one it is.
        first
            .filter(|_| fitting.next().is_none())
            .map(|(_, key)| key)
    }
}
