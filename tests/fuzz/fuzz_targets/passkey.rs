//! Any bytes are a passkey that is kept, a signature that is believed, or an error, never a crash. Half of what is tried is rightly signed,
//! so that what is behind the signature is reached too. What is kept of a passkey is read again as the same key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::sync::LazyLock;
use tickloom_auth::credential::passkey::{
    Assertion, Attestation, AttestationObject, AuthenticatorData, Ceremony, ChallengeKey,
    ClientData, Credential, PasskeyError, PublicKey, Purpose, RelyingParty,
};
use tickloom_types::Ts;

const NOW: Ts = Ts(1_757_766_400_000_000_000);

static SIGNER: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("any 32 bytes are a seed")
});
static KEY: LazyLock<ChallengeKey> = LazyLock::new(|| ChallengeKey::of_bytes([7; 32]));
static RELYING_PARTY: LazyLock<RelyingParty> =
    LazyLock::new(|| RelyingParty::of_issuer("https://auth.example").expect("it is a name"));

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

fn ceremony(purpose: Purpose) -> Ceremony<'static> {
    Ceremony {
        relying_party: &RELYING_PARTY,
        key: &KEY,
        purpose,
        session: "ses_1",
        now: NOW,
    }
}

/// Client data as a browser would write it.
fn client_data(kind: &str, purpose: Purpose) -> String {
    let challenge = KEY.challenge((purpose, "ses_1"), NOW).expect("random bytes");
    let challenge = encode(&challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://auth.example"}}"#)
}

/// A passkey whose key is the one that signs here.
fn credential(sign_count: u32) -> Credential {
    let mut cose = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".to_vec();
    cose.extend(SIGNER.public_key().as_ref());
    Credential {
        id: vec![1],
        public_key: cose,
        sign_count,
        is_backup_eligible: false,
        is_backed_up: false,
    }
}

fuzz_target!(|bytes: &[u8]| {
    drop(ClientData::parse(bytes));
    drop(AuthenticatorData::parse(bytes));
    if let Ok((key, length)) = PublicKey::parse(bytes) {
        assert_eq!(PublicKey::parse(&bytes[..length]), Ok((key, length)));
    }
    if let Ok(object) = AttestationObject::parse(bytes) {
        drop(object.authenticator_data());
    }
    let seen = client_data("webauthn.create", Purpose::Register);
    let shown = Attestation {
        client_data_json: seen.as_bytes(),
        attestation_object: bytes,
    };
    if let Ok((kept, _)) = ceremony(Purpose::Register).register(&shown) {
        let (_, length) = PublicKey::parse(&kept.public_key).expect("what is kept is a key");
        assert_eq!(length, kept.public_key.len());
    }
    // The same bytes as client data, and as what an authenticator says and rightly signs.
    let seen = client_data("webauthn.get", Purpose::SecondFactor);
    let hash = digest(&SHA256, seen.as_bytes());
    let signature = SIGNER.sign(&[bytes, hash.as_ref()].concat());
    let shown = Assertion {
        client_data_json: seen.as_bytes(),
        authenticator_data: bytes,
        signature: signature.as_ref(),
    };
    let asked = ceremony(Purpose::SecondFactor);
    match asked.authenticate(&shown, &credential(0)) {
        Ok(signed) => {
            let again = asked.authenticate(&shown, &credential(signed.sign_count));
            let is_counted = signed.sign_count > 0;
            assert_eq!(again == Err(PasskeyError::CounterBack), is_counted);
        }
        Err(error) => assert_ne!(error, PasskeyError::Signature),
    }
    let shown = Assertion {
        client_data_json: bytes,
        ..shown
    };
    assert!(asked.authenticate(&shown, &credential(0)).is_err());
});
