//! ID tokens: what a provider says of who signed in, and whether it is to be believed (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Signatures are of `RS256`, `ES256` or `EdDSA`, by the key's kind, whatever the header says; there is no `none`, and no key from the
//! token itself.

use super::keys::ProviderKeys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, SHA512, digest};
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use tickloom_types::Ts;

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Longest subject (OpenID Connect Core 1.0, section 2), in bytes.
const SUBJECT_BYTES_MAX: usize = 255;
/// Most that the clock of a provider may differ from ours.
const LEEWAY_S: i64 = 60;
const SECOND_NS: i64 = 1_000_000_000;
/// Methods of a token that are looked at.
const METHODS_MAX: usize = 16;

/// Why an ID token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum TokenFault {
    #[error("its ID token cannot be read")]
    Malformed,
    #[error("its ID token is signed in a way that is not taken")]
    Algorithm,
    #[error("its ID token is signed by a key that it does not publish")]
    UnknownKey,
    #[error("the signature of its ID token is wrong")]
    Signature,
    #[error("its ID token is of another issuer")]
    Issuer,
    #[error("its ID token is for somebody else")]
    Audience,
    #[error("its ID token has expired")]
    Expired,
    #[error("its ID token is of another time")]
    Time,
    #[error("its ID token is of another sign-in")]
    Nonce,
    #[error("its access token does not belong to its ID token")]
    AccessToken,
    #[error("it does not say who signed in")]
    Subject,
    #[error("it did not authenticate you anew")]
    NotFresh,
}

/// What a token has to be of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: Option<&'a str>,
    pub(super) now: Ts,
    /// Since when the person has to have authenticated, if anew.
    pub(super) fresh_since: Option<Ts>,
}

/// What a provider says of who signed in.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    iss: String,
    /// Who, in the provider's own words.
    #[serde(default)]
    pub(crate) sub: String,
    #[serde(default)]
    aud: Audience,
    azp: Option<String>,
    #[serde(default)]
    exp: i64,
    #[serde(default)]
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    /// When the person authenticated there, in seconds since the epoch.
    pub(crate) auth_time: Option<i64>,
    /// By which methods.
    #[serde(default)]
    amr: Vec<String>,
    acr: Option<String>,
    #[serde(flatten)]
    pub(crate) profile: Profile,
    /// What came with it, to ask for more.
    #[serde(skip)]
    pub(super) access_token: Option<String>,
}

/// What a provider says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Profile {
    /// E-mail address.
    pub(crate) email: Option<String>,
    /// Whether it found out that the address is theirs.
    #[serde(default, deserialize_with = "truth")]
    pub(crate) email_verified: bool,
    /// Name.
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

impl Default for Audience {
    fn default() -> Audience {
        Audience::Some(Vec::new())
    }
}

/// The part of a header that says how it is signed. Others (`jwk`, `jku`, `x5c`) are not looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

/// Some providers write `"true"`.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value == true || value == "true")
}

impl Claims {
    /// Whether one of these stands for a second factor.
    pub(crate) fn has_method(&self, trusted: &[String]) -> bool {
        let mut said = self.amr.iter().take(METHODS_MAX).chain(&self.acr);
        said.any(|method| trusted.contains(method))
    }
}

/// What a token says, if it is to be believed.
///
/// # Errors
/// [`TokenFault`]. Nothing of what it says is looked at before its signature is found right.
pub(super) fn verify(
    token: &str,
    keys: &ProviderKeys,
    expected: &Expected<'_>,
) -> Result<Claims, TokenFault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| TokenFault::Malformed)?;
    if header.crit.is_some() || !["RS256", "ES256", "EdDSA"].contains(&header.alg.as_str()) {
        return Err(TokenFault::Algorithm);
    }
    let key = keys.get(header.kid.as_deref(), &header.alg);
    let key = key.ok_or(TokenFault::UnknownKey)?;
    if !key.verifies(message.as_bytes(), &decode(signature)?) {
        return Err(TokenFault::Signature);
    }
    let claims: Claims =
        serde_json::from_slice(&decode(payload)?).map_err(|_| TokenFault::Malformed)?;
    check(&claims, &header.alg, expected)?;
    Ok(claims)
}

fn check(claims: &Claims, algorithm: &str, expected: &Expected<'_>) -> Result<(), TokenFault> {
    if claims.iss != expected.issuer {
        return Err(TokenFault::Issuer);
    }
    let is_ours = |party: &str| party == expected.client_id;
    let is_alone = match &claims.aud {
        Audience::One(one) => is_ours(one),
        Audience::Some(all) => all.len() == 1 && all.iter().all(|one| is_ours(one)),
    };
    let is_among = match &claims.aud {
        Audience::One(one) => is_ours(one),
        Audience::Some(all) => all.iter().any(|one| is_ours(one)),
    };
    // For several it is only if it says that it was made for us.
    let is_party = claims.azp.as_deref().map_or(is_alone, is_ours);
    if !is_among || !is_party {
        return Err(TokenFault::Audience);
    }
    check_time(claims, expected)?;
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(TokenFault::Nonce);
    }
    if let (Some(hash), Some(access_token)) = (&claims.at_hash, expected.access_token)
        && *hash != left_half(algorithm, access_token)
    {
        return Err(TokenFault::AccessToken);
    }
    let subject = &claims.sub;
    if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || !subject.is_ascii() {
        return Err(TokenFault::Subject);
    }
    Ok(())
}

fn check_time(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenFault> {
    let now = expected.now.0 / SECOND_NS;
    if claims.exp.saturating_add(LEEWAY_S) <= now {
        return Err(TokenFault::Expired);
    }
    let latest = now.saturating_add(LEEWAY_S);
    let begin = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if claims.iat <= 0 || begin > latest {
        return Err(TokenFault::Time);
    }
    if let Some(since) = expected.fresh_since {
        let since = since.0 / SECOND_NS - LEEWAY_S;
        let at = claims.auth_time.ok_or(TokenFault::NotFresh)?;
        if at < since || at > latest {
            return Err(TokenFault::NotFresh);
        }
    }
    Ok(())
}

/// The left half of the hash of the algorithm (OpenID Connect Core 1.0, section 3.1.3.6); Ed25519 has SHA-512 in it.
fn left_half(algorithm: &str, access_token: &str) -> String {
    let kind = if algorithm == "EdDSA" {
        &SHA512
    } else {
        &SHA256
    };
    let hash = digest(kind, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

fn decode(text: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenFault::Malformed)
}

#[cfg(test)]
mod tests;
