//! Access tokens: what one says, and whether it is to be believed. A token is a JWT of the profile of RFC 9068, signed with Ed25519
//! or with ECDSA over P-256; whoever has the public keys ([`KeySet`]) can check one, alone and without asking anybody.
//!
//! There is no secret here, and no clock: what time it is, is an argument. Tokens are made by the auth service.
//!
//! The check is stricter than the RFCs ask: a header has the members `alg`, `typ` and `kid` and no other, so that a token can name no
//! key of its own (`jwk`, `jku`, `x5u`, `x5c`) and no extension (`crit`); the algorithm is the one of the key, whatever the header says.

mod claims;
mod key;
mod members;

pub use claims::Claims;
pub use key::{Algorithm, JWKS_AGE_MAX_S, JwksError, KeySet, PublicKey};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use thiserror::Error;
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// The `typ` of an access token (RFC 9068, section 2.1).
pub const TOKEN_TYPE: &str = "at+jwt";
/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most that the clock of who checks may differ from that of who signed, in seconds.
pub const LEEWAY_MAX_S: u8 = 30;

/// Why a token is not believed. The text may go to whoever sent it: it says what they need and not more.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is longer than [`TOKEN_BYTES_MAX`], or no token of this form.
    #[error("this is no access token")]
    Malformed,
    /// It is signed by a key that is not in the set. A set that was fetched a while ago may be fetched again, but not for each such token.
    #[error("the access token is not signed by a known key")]
    UnknownKey,
    /// Its signature is wrong, or it is meant for another use, issuer or audience.
    #[error("the access token is not for here")]
    Refused,
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the access token is not valid yet")]
    NotYetValid,
}

/// What stands in the header of a token: this, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// Checks tokens of one issuer for one audience.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway_s: u8,
    keys: KeySet,
}

impl Verifier {
    /// One that believes tokens of `issuer` that are meant for `audience` and signed by one of `keys`, with no leeway in time.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, keys: KeySet) -> Verifier {
        Verifier {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            leeway_s: 0,
            keys,
        }
    }

    /// The same, whose clock may differ by so many seconds from that of the issuer; more than [`LEEWAY_MAX_S`] counts as that.
    #[must_use]
    pub fn with_leeway(mut self, seconds: u8) -> Verifier {
        self.leeway_s = seconds.min(LEEWAY_MAX_S);
        self
    }

    /// What a token says, if it is to be believed at `now`.
    ///
    /// # Errors
    /// [`TokenError`]. Nothing of what it says is looked at before its signature is found right.
    pub fn verify(&self, token: &str, now: Ts) -> Result<Claims, TokenError> {
        let claims = self.signed_claims(token)?;
        if !claims.aud.contains(&self.audience) {
            return Err(TokenError::Refused);
        }
        self.check_time(&claims, now)?;
        Ok(claims)
    }

    /// What a token of the issuer says that is valid at `now`, whomever it is for: to tell somebody of it, and never to let anybody in.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_for_any(&self, token: &str, now: Ts) -> Result<Claims, TokenError> {
        let claims = self.signed_claims(token)?;
        self.check_time(&claims, now)?;
        Ok(claims)
    }

    /// What a token of the issuer says, at any time and for anybody.
    fn signed_claims(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = read_claims(&self.keys.signed_payload(token, TOKEN_TYPE)?)?;
        if claims.iss == self.issuer {
            return Ok(claims);
        }
        Err(TokenError::Refused)
    }

    fn check_time(&self, claims: &Claims, now: Ts) -> Result<(), TokenError> {
        let nanos = |seconds: i64| i128::from(seconds) * i128::from(NANOS_PER_SECOND);
        let (now, leeway) = (i128::from(now.0), nanos(i64::from(self.leeway_s)));
        if now >= nanos(claims.exp) + leeway {
            return Err(TokenError::Expired);
        }
        let begin = claims.iat.max(claims.nbf.unwrap_or(claims.iat));
        if now < nanos(begin) - leeway {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

impl KeySet {
    /// The payload of a JWT of this type (`typ`), once the signature over it is found right by one of these keys. Whether it is meant for
    /// here, and still, is for whoever reads it to judge.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn signed_payload(&self, token: &str, typ: &str) -> Result<Vec<u8>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        if header.typ != typ {
            return Err(TokenError::Refused);
        }
        let key = self.get(&header.kid).ok_or(TokenError::UnknownKey)?;
        let is_right =
            header.alg == key.algorithm().name() && key.verifies(message.as_bytes(), &signature);
        if is_right {
            Ok(payload)
        } else {
            Err(TokenError::Refused)
        }
    }
}

/// Base64url without padding, in its one canonical form (RFC 7515, section 2).
fn decode(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::Malformed)
}

fn read_claims(payload: &[u8]) -> Result<Claims, TokenError> {
    members::are_unique(payload).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(payload).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests;
