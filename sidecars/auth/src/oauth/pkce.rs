//! Proof that who exchanges a code is who asked for it (RFC 7636), with S256 alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

/// Bytes of SHA-256.
const CHALLENGE_BYTES: usize = 32;
/// Characters of a verifier (RFC 7636, section 4.1).
const VERIFIER_MIN: usize = 43;
const VERIFIER_MAX: usize = 128;

/// Whether this can be a challenge of S256: base64url of 32 bytes, in its one form.
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.is_ok_and(|bytes| bytes.len() == CHALLENGE_BYTES)
}

/// Whether the verifier is the one of the challenge (RFC 7636, section 4.6).
#[must_use]
pub fn verifies(verifier: &str, challenge: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_one =
        (VERIFIER_MIN..=VERIFIER_MAX).contains(&verifier.len()) && verifier.bytes().all(is_plain);
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let is_right = bool::from(hash.as_bytes().ct_eq(challenge.as_bytes()));
    is_one && is_right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_standard() {
        assert!(is_challenge(CHALLENGE));
        assert!(verifies(VERIFIER, CHALLENGE));
    }

    #[test]
    fn what_is_no_proof() {
        assert!(!verifies(CHALLENGE, CHALLENGE), "plain");
        assert!(!verifies("", CHALLENGE));
        assert!(!verifies(&VERIFIER[1..], CHALLENGE));
        assert!(!verifies(VERIFIER, ""));
        let short = "a".repeat(42);
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, short.as_bytes()));
        assert!(!verifies(&short, &hash));
        for wrong in [
            "",
            "x",
            VERIFIER.get(1..).unwrap(),
            &format!("{CHALLENGE}="),
        ] {
            assert!(!is_challenge(wrong), "{wrong}");
        }
    }
}
