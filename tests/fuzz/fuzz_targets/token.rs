//! Any text is a token that is believed or an error, never a crash. Half of the inputs are payloads that are rightly signed, so that
//! what is behind the signature is reached too; a token that is believed says the same when it is signed again. The keys that it is
//! checked with may be any text as well.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickloom_auth::credential::keyring::SigningKey;
use tickloom_chassis::token::{Algorithm, KeySet, TokenError, Verifier};
use tickloom_types::Ts;

/// 2025-09-13T12:26:40Z, when a token of the seeds is valid.
const NOW: Ts = Ts(1_757_766_400_000_000_000);

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::make(Algorithm::EdDsa).expect("the system gives random bytes"));

/// Base64url without padding (RFC 4648, section 5).
fn encode(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for symbol in 0..=group.len() {
            let value = bits >> (18 - 6 * symbol) & 63;
            text.push(char::from(alphabet[value as usize]));
        }
    }
    text
}

fn signed(payload: &[u8]) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, KEY.kid());
    let message = format!("{}.{}", encode(header.as_bytes()), encode(payload));
    let signature = KEY.sign(message.as_bytes()).expect("Ed25519 needs nothing");
    format!("{message}.{}", encode(&signature))
}

fuzz_target!(|bytes: &[u8]| {
    let keys = KeySet::of_keys([KEY.public()]);
    let verifier = Verifier::new("https://auth.example", "tickloom", keys);
    let text = String::from_utf8_lossy(bytes);
    assert!(verifier.verify(&text, NOW).is_err());
    if let Ok(keys) = KeySet::parse(&text) {
        let written = keys.to_jwks().expect("texts can be written");
        assert_eq!(KeySet::parse(&written).expect("own keys"), keys);
    }
    match verifier.verify(&signed(bytes), NOW) {
        Ok(claims) => {
            let payload = serde_json::to_vec(&claims).expect("claims can be written");
            assert_eq!(verifier.verify(&signed(&payload), NOW), Ok(claims));
        }
        Err(error) => assert_ne!(error, TokenError::UnknownKey),
    }
});
