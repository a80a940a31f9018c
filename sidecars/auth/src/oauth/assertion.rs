//! Assertions: JWTs by which an application shows that it is the one, with a key of its own in the place of a secret (RFC 7523, section 3;
//! `private_key_jwt` in OpenID Connect Core, section 9).

use super::error::{OAuthCode, OAuthError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tickloom_chassis::token::{Algorithm, KeySet};
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// The `client_assertion_type` of these (RFC 7523, section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What they may be signed with, in the words of a header; `Ed25519` is EdDSA with that curve (RFC 9864).
pub const ASSERTION_ALGORITHMS: [&str; 3] = ["EdDSA", "Ed25519", "ES256"];
/// Longest assertion, in bytes.
pub const ASSERTION_BYTES_MAX: usize = 8 << 10;
/// Longest time that one may be good for, in seconds: for so long it is remembered.
pub const ASSERTION_LIFETIME_MAX_S: i64 = 600;
/// Most that the clock of an application may differ from ours, in seconds.
const LEEWAY_S: i64 = 30;
/// Longest id of one, in bytes.
const ID_BYTES_MAX: usize = 512;
/// The types that one may have; another one says that it is meant for something else.
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// An assertion that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its own id, by which it is good once.
    pub jti: String,
    /// Until when it has to be remembered.
    pub expires: Ts,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    /// Extensions that have to be understood; none is.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claimed {
    sub: String,
}

/// The application that an assertion says it is of, before anything of it is believed.
#[must_use]
pub fn claimed_client(text: &str) -> Option<String> {
    if text.len() > ASSERTION_BYTES_MAX {
        return None;
    }
    let payload = text.split('.').nth(1)?;
    let claimed: Claimed = serde_json::from_slice(&decode(payload)?).ok()?;
    Some(claimed.sub)
}

/// An assertion of this application for this service, signed by one of its keys.
///
/// # Errors
/// [`OAuthCode::InvalidClient`], with what is wrong.
pub fn verify(
    text: &str,
    keys: &KeySet,
    (client, issuer): (&str, &str),
    now: Ts,
) -> Result<Assertion, OAuthError> {
    let payload = signed_payload(text, keys)?;
    let claims: Claims = serde_json::from_slice(&payload)
        .map_err(|_| refused("it says not who makes it, for whom, until when, or has no id"))?;
    if claims.iss != client || claims.sub != client {
        return Err(refused("`iss` and `sub` are not the application"));
    }
    // Whoever is sent one for somebody else as well could show it here.
    let is_for_here = match &claims.aud {
        Audience::One(one) => one == issuer,
        Audience::Many(all) => matches!(all.as_slice(), [one] if one == issuer),
    };
    if !is_for_here {
        return Err(refused("`aud` is not the issuer alone"));
    }
    if claims.jti.is_empty() || claims.jti.len() > ID_BYTES_MAX {
        return Err(refused("`jti` is empty, or too long"));
    }
    let now = now.0.div_euclid(NANOS_PER_SECOND);
    let until = claims.exp.saturating_add(LEEWAY_S);
    if now >= until || claims.exp > now.saturating_add(ASSERTION_LIFETIME_MAX_S) {
        return Err(refused("`exp` is past, or more than 10 minutes ahead"));
    }
    let latest = now.saturating_add(LEEWAY_S);
    if claims.iat.is_some_and(|at| at > latest) || claims.nbf.is_some_and(|at| at > latest) {
        return Err(refused("it is of a time that has not come"));
    }
    Ok(Assertion {
        jti: claims.jti,
        expires: Ts(until.saturating_mul(NANOS_PER_SECOND)),
    })
}

fn signed_payload(text: &str, keys: &KeySet) -> Result<Vec<u8>, OAuthError> {
    let malformed = || refused("it is no signed JWT with `alg` and `kid`");
    if text.len() > ASSERTION_BYTES_MAX {
        return Err(malformed());
    }
    let (message, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
    let header = decode(header).ok_or_else(malformed)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| malformed())?;
    let (payload, signature) = decode(payload)
        .zip(decode(signature))
        .ok_or_else(malformed)?;
    let typ = header.typ.map(|typ| typ.to_ascii_lowercase());
    if header.crit.is_some() || typ.is_some_and(|typ| !TYPES.contains(&typ.as_str())) {
        return Err(refused(
            "`typ` or `crit` says that it is meant for something else",
        ));
    }
    let wrong = || refused("it is not signed by a key of the application");
    let key = keys.get(&header.kid).ok_or_else(wrong)?;
    let is_alg = match key.algorithm() {
        Algorithm::EdDsa => ["EdDSA", "Ed25519"].contains(&header.alg.as_str()),
        Algorithm::Es256 => header.alg == "ES256",
    };
    if is_alg && key.verifies(message.as_bytes(), &signature) {
        Ok(payload)
    } else {
        Err(wrong())
    }
}

/// Base64url without padding, in its one canonical form (RFC 7515, section 2).
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn refused(why: &str) -> OAuthError {
    OAuthError::new(
        OAuthCode::InvalidClient,
        format!("the assertion is not taken: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use serde_json::{Value, json};
    use tickloom_chassis::token::PublicKey;

    const ISSUER: &str = "https://auth.example";
    const NOW: i64 = 1_700_000_000;

    fn pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
    }

    fn key() -> PublicKey {
        PublicKey::new(Algorithm::EdDsa, pair().public_key().as_ref()).unwrap()
    }

    fn signed(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair().sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn header() -> Value {
        json!({"alg": "EdDSA", "kid": key().thumbprint()})
    }

    fn claims() -> Value {
        json!({"iss": "cli_1", "sub": "cli_1", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "j"})
    }

    fn check(text: &str) -> Result<Assertion, OAuthError> {
        let keys = KeySet::of_keys([&key()]);
        let now = Ts(NOW * NANOS_PER_SECOND);
        verify(text, &keys, ("cli_1", ISSUER), now)
    }

    #[test]
    fn one_that_is_right_is_taken() {
        let expected = Assertion {
            jti: "j".to_owned(),
            expires: Ts((NOW + 90) * NANOS_PER_SECOND),
        };
        let text = signed(&header(), &claims());
        assert_eq!(check(&text).unwrap(), expected);
        assert_eq!(claimed_client(&text).as_deref(), Some("cli_1"));
        for (name, value) in [
            ("aud", json!([ISSUER])),
            ("exp", json!(NOW + 600)),
            ("exp", json!(NOW - 29)),
            ("iat", json!(NOW + 30)),
            ("other", json!({"a": 1})),
        ] {
            let mut claims = claims();
            claims[name] = value;
            check(&signed(&header(), &claims)).unwrap();
        }
        for (name, value) in [
            ("typ", "JWT"),
            ("typ", "client-authentication+jwt"),
            ("alg", "Ed25519"),
        ] {
            let mut header = header();
            header[name] = json!(value);
            check(&signed(&header, &claims())).unwrap();
        }
    }

    #[test]
    fn one_that_is_wrong_in_anything_is_refused() {
        for (name, value) in [
            ("iss", json!("cli_2")),
            ("sub", json!("cli_2")),
            ("aud", json!("https://auth.example/auth/oauth/token")),
            ("aud", json!([ISSUER, "https://other.example"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("exp", json!(NOW - 30)),
            ("exp", json!(NOW + 601)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(i64::MIN)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("iat", json!(NOW + 31)),
            ("nbf", json!(NOW + 31)),
            ("jti", json!("")),
            ("jti", json!("j".repeat(513))),
            ("jti", Value::Null),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let refused = check(&signed(&header(), &claims)).unwrap_err();
            assert_eq!(refused.code, OAuthCode::InvalidClient, "{name} {value}");
        }
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("ES256")),
            ("alg", json!("HS256")),
            ("kid", json!("other")),
            ("kid", Value::Null),
            ("typ", json!("at+jwt")),
            ("typ", json!("logout+jwt")),
            ("crit", json!(["exp"])),
        ] {
            let mut header = header();
            header[name] = value.clone();
            let refused = check(&signed(&header, &claims())).unwrap_err();
            assert_eq!(refused.code, OAuthCode::InvalidClient, "{name} {value}");
        }
        let text = signed(&header(), &claims());
        for wrong in [
            String::new(),
            "a.b.c".to_owned(),
            text.replace('.', ".."),
            text[..text.len() - 1].to_owned(),
            format!("{text}A"),
            format!("{text}{}", "A".repeat(ASSERTION_BYTES_MAX)),
        ] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
    }
}
