//! An authenticator in a few lines, and everything that it could say wrong.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Encoder;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

const NOW: Ts = Ts(1_700_000_000_000_000_000);
const ISSUER: &str = "https://auth.example";
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;
const ED: u8 = 0x80;

/// Who asks, and with what.
struct Asking {
    relying_party: RelyingParty,
    key: ChallengeKey,
}

impl Asking {
    fn new() -> Asking {
        Asking {
            relying_party: RelyingParty::of_issuer(ISSUER).unwrap(),
            key: ChallengeKey::of_bytes([7; 32]),
        }
    }

    fn ceremony(&self, purpose: Purpose) -> Ceremony<'_> {
        Ceremony {
            relying_party: &self.relying_party,
            key: &self.key,
            purpose,
            session: "ses_1",
            now: NOW,
        }
    }

    fn client_data(&self, kind: &str, purpose: Purpose) -> String {
        let challenge = self.key.challenge((purpose, "ses_1"), NOW).unwrap();
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://auth.example","crossOrigin":false,"more":[1]}}"#
        )
    }
}

/// A key of an authenticator.
struct Pair(EcdsaKeyPair);

impl Pair {
    fn make() -> Pair {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Pair(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn cose(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let numbers = [(1, 2), (3, -7), (-1, 1)];
        cose(&numbers, &[(-2, &point[1..33]), (-3, &point[33..])])
    }

    fn sign(&self, data: &[u8], client_data: &str) -> Vec<u8> {
        let message = signed_bytes(data, client_data.as_bytes());
        let signed = self.0.sign(&SystemRandom::new(), &message).unwrap();
        signed.as_ref().to_vec()
    }
}

fn cose(numbers: &[(i64, i64)], bytes: &[(i64, &[u8])]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let count = numbers.len() + bytes.len();
    encoder.map(u64::try_from(count).unwrap()).unwrap();
    for (label, number) in numbers {
        encoder.i64(*label).unwrap().i64(*number).unwrap();
    }
    for (label, bytes) in bytes {
        encoder.i64(*label).unwrap().bytes(bytes).unwrap();
    }
    encoder.into_writer()
}

fn data(flags: u8, count: u32, more: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, b"auth.example");
    [hash.as_ref(), &[flags], &count.to_be_bytes(), more].concat()
}

fn attested(id: &[u8], cose: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [&[0; 16], length.as_slice(), id, cose].concat()
}

fn object(format: &str, statement: &[u8], data: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .map(3)
        .unwrap()
        .str("fmt")
        .unwrap()
        .str(format)
        .unwrap();
    encoder.str("attStmt").unwrap();
    encoder.writer_mut().extend(statement);
    encoder.str("authData").unwrap().bytes(data).unwrap();
    encoder.into_writer()
}

fn register(asking: &Asking, object: &[u8], client_data: &str) -> Result<Credential, PasskeyError> {
    let shown = Attestation {
        client_data_json: client_data.as_bytes(),
        attestation_object: object,
    };
    let registered = asking.ceremony(Purpose::Register).register(&shown)?;
    assert_eq!(registered.1.expires, NOW.0 + CHALLENGE_LIFETIME_NS);
    Ok(registered.0)
}

const EMPTY: &[u8] = &[0xa0];

#[test]
fn a_passkey_is_registered_and_signs() {
    let (asking, pair) = (Asking::new(), Pair::make());
    let client_data = asking.client_data("webauthn.create", Purpose::Register);
    let made = data(UP | UV | AT | BE, 4, &attested(b"id", &pair.cose()));
    let credential = register(&asking, &object("none", EMPTY, &made), &client_data).unwrap();
    let expected = Credential {
        id: b"id".to_vec(),
        public_key: pair.cose(),
        sign_count: 4,
        is_backup_eligible: true,
        is_backed_up: false,
    };
    assert_eq!(credential, expected);
    let authenticate = |flags, count, purpose: Purpose, signer: &Pair| {
        let client_data = asking.client_data("webauthn.get", purpose);
        let said = data(flags, count, &[]);
        let shown = Assertion {
            client_data_json: client_data.as_bytes(),
            authenticator_data: &said,
            signature: &signer.sign(&said, &client_data),
        };
        let signed = asking.ceremony(purpose).authenticate(&shown, &credential)?;
        Ok((signed.sign_count, signed.is_backed_up))
    };
    let all = UP | UV | BE;
    assert_eq!(
        authenticate(all | BS, 5, Purpose::SignIn, &pair),
        Ok((5, true))
    );
    for (flags, count, purpose, expected) in [
        (UP | BE, 5, Purpose::SignIn, PasskeyError::NotVerified),
        (UP | BE, 5, Purpose::StepUp, PasskeyError::NotVerified),
        (UV | BE, 5, Purpose::SignIn, PasskeyError::NotPresent),
        (UP | UV, 5, Purpose::SignIn, PasskeyError::Backup),
        (UP | UV | BS, 5, Purpose::SignIn, PasskeyError::Backup),
        (all, 4, Purpose::SignIn, PasskeyError::CounterBack),
        (all, 0, Purpose::SignIn, PasskeyError::CounterBack),
    ] {
        let found = authenticate(flags, count, purpose, &pair);
        assert_eq!(found, Err(expected), "{flags} {count} {purpose:?}");
    }
    let second = authenticate(UP | BE, 5, Purpose::SecondFactor, &pair);
    assert_eq!(second, Ok((5, false)));
    // The counter says nothing until the signature is right.
    let other = authenticate(all, 4, Purpose::SignIn, &Pair::make());
    assert_eq!(other, Err(PasskeyError::Signature));
}

#[test]
fn a_counter_of_zero_is_none() {
    let (asking, pair) = (Asking::new(), Pair::make());
    let known = Credential {
        id: b"id".to_vec(),
        public_key: pair.cose(),
        sign_count: 0,
        is_backup_eligible: false,
        is_backed_up: false,
    };
    let client_data = asking.client_data("webauthn.get", Purpose::SignIn);
    let said = data(UP | UV, 0, &[]);
    let shown = Assertion {
        client_data_json: client_data.as_bytes(),
        authenticator_data: &said,
        signature: &pair.sign(&said, &client_data),
    };
    let signed = asking
        .ceremony(Purpose::SignIn)
        .authenticate(&shown, &known);
    assert_eq!(signed.map(|signed| signed.sign_count), Ok(0));
}

#[test]
fn what_the_browser_saw_has_to_be_what_was_asked() {
    let (asking, pair) = (Asking::new(), Pair::make());
    let made = data(UP | UV | AT, 0, &attested(b"id", &pair.cose()));
    let made = object("none", EMPTY, &made);
    let good = asking.client_data("webauthn.create", Purpose::Register);
    assert!(register(&asking, &made, &good).is_ok());
    let other_purpose = asking.client_data("webauthn.create", Purpose::StepUp);
    for (from, to, expected) in [
        (
            "webauthn.create",
            "webauthn.get",
            PasskeyError::Type("webauthn.get".to_owned()),
        ),
        (
            "https://auth.example",
            "https://auth.example:8443",
            PasskeyError::Origin("https://auth.example:8443".to_owned()),
        ),
        (
            "https://auth.example",
            "http://auth.example",
            PasskeyError::Origin("http://auth.example".to_owned()),
        ),
        ("false", "true", PasskeyError::CrossOrigin),
        (
            "\"more\"",
            "\"topOrigin\":\"https://auth.example\",\"more\"",
            PasskeyError::CrossOrigin,
        ),
        (
            "\"more\"",
            "\"origin\":\"https://auth.example\",\"more\"",
            PasskeyError::ClientData,
        ),
        (
            "\"challenge\":\"",
            "\"challenge\":\"A",
            PasskeyError::Challenge,
        ),
        (
            "\"challenge\":\"",
            "\"challenge\":\"+",
            PasskeyError::ClientData,
        ),
        ("{", "[", PasskeyError::ClientData),
    ] {
        let found = register(&asking, &made, &good.replacen(from, to, 1));
        assert_eq!(found, Err(expected), "{from} {to}");
    }
    let found = register(&asking, &made, &other_purpose);
    assert_eq!(found, Err(PasskeyError::Challenge));
    let other_session = Ceremony {
        session: "ses_2",
        ..asking.ceremony(Purpose::Register)
    };
    let late = Ceremony {
        now: Ts(NOW.0 + CHALLENGE_LIFETIME_NS),
        ..asking.ceremony(Purpose::Register)
    };
    let shown = Attestation {
        client_data_json: good.as_bytes(),
        attestation_object: &made,
    };
    assert_eq!(other_session.register(&shown), Err(PasskeyError::Challenge));
    assert_eq!(late.register(&shown), Err(PasskeyError::Expired));
}

#[test]
fn what_an_authenticator_makes_is_whole_or_nothing() {
    let (asking, pair) = (Asking::new(), Pair::make());
    let client_data = asking.client_data("webauthn.create", Purpose::Register);
    let made = data(UP | UV | AT, 0, &attested(b"id", &pair.cose()));
    let whole = object("none", EMPTY, &made);
    assert!(register(&asking, &whole, &client_data).is_ok());
    for end in 0..whole.len() {
        assert!(
            register(&asking, &whole[..end], &client_data).is_err(),
            "{end}"
        );
    }
    for end in 0..made.len() {
        let cut = object("none", EMPTY, &made[..end]);
        assert!(register(&asking, &cut, &client_data).is_err(), "{end}");
    }
    let extensions = [made.as_slice(), b"\xa1\x61x\xf5"].concat();
    let mut with = extensions.clone();
    with[32] |= ED;
    assert!(register(&asking, &object("none", EMPTY, &with), &client_data).is_ok());
    let no_credential = data(UP | UV, 0, &[]);
    let no_id = data(UP | UV | AT, 0, &attested(b"", &pair.cose()));
    let long = data(UP | UV | AT, 0, &attested(&[1; 1024], &pair.cose()));
    let mut elsewhere = made.clone();
    elsewhere[0] ^= 1;
    let wrong = |what| Err(PasskeyError::Bytes(what));
    for (object, expected) in [
        (
            [whole.as_slice(), &[0]].concat(),
            wrong("the attestation object"),
        ),
        (
            object("none", EMPTY, &extensions),
            wrong("the authenticator data"),
        ),
        (
            object("none", EMPTY, &no_credential),
            wrong("the new credential"),
        ),
        (
            object("none", EMPTY, &no_id),
            wrong("the authenticator data"),
        ),
        (
            object("none", EMPTY, &long),
            wrong("the authenticator data"),
        ),
        (
            object("none", EMPTY, &elsewhere),
            Err(PasskeyError::RelyingParty),
        ),
        (
            object("none", b"\xa1\x61x\xf5", &made),
            Err(PasskeyError::Attestation("none".to_owned())),
        ),
        (
            object("fido-u2f", EMPTY, &made),
            Err(PasskeyError::Attestation("fido-u2f".to_owned())),
        ),
        // A map whose length is not said.
        (b"\xbf\xff".to_vec(), wrong("the attestation object")),
    ] {
        assert_eq!(
            register(&asking, &object, &client_data),
            expected,
            "{object:x?}"
        );
    }
}

#[test]
fn a_key_that_attests_itself_has_to_have_signed() {
    let (asking, pair) = (Asking::new(), Pair::make());
    let client_data = asking.client_data("webauthn.create", Purpose::Register);
    let made = data(UP | UV | AT, 0, &attested(b"id", &pair.cose()));
    let statement = |algorithm: i64, signature: &[u8]| {
        let mut encoder = Encoder::new(Vec::new());
        encoder
            .map(2)
            .unwrap()
            .str("alg")
            .unwrap()
            .i64(algorithm)
            .unwrap();
        encoder.str("sig").unwrap().bytes(signature).unwrap();
        encoder.into_writer()
    };
    let good = pair.sign(&made, &client_data);
    let other = Pair::make().sign(&made, &client_data);
    for (statement, expected) in [
        (statement(-7, &good), Ok(())),
        (statement(-8, &good), Err(PasskeyError::Algorithm)),
        (statement(-7, &other), Err(PasskeyError::Signature)),
    ] {
        let found = register(&asking, &object("packed", &statement, &made), &client_data);
        assert_eq!(found.map(|_| ()), expected);
    }
    // With a certificate it is another one.
    let mut certified = statement(-7, &good);
    certified[0] = 0xa3;
    certified.extend(b"\x63x5c\x80");
    let found = register(&asking, &object("packed", &certified, &made), &client_data);
    assert_eq!(found, Err(PasskeyError::Attestation("packed".to_owned())));
}

#[test]
fn a_key_is_of_its_algorithm_and_of_no_other() {
    let (x, y) = ([1; 32], [2; 32]);
    let wrong = PasskeyError::Bytes("the public key");
    let es256 = [(1, 2), (3, -7), (-1, 1)];
    let xy: [(i64, &[u8]); 2] = [(-2, &x), (-3, &y)];
    let parse = |numbers: &[(i64, i64)], bytes: &[(i64, &[u8])]| {
        let cose = cose(numbers, bytes);
        let found = PublicKey::parse(&[cose.as_slice(), b"more"].concat());
        found.map(|(key, length)| {
            assert_eq!(length, cose.len());
            key
        })
    };
    let point = [&[4], x.as_slice(), &y].concat();
    assert_eq!(parse(&es256, &xy), Ok(PublicKey::Es256(point)));
    let ed25519 = parse(&[(1, 1), (3, -8), (-1, 6)], &[(-2, &x)]);
    assert_eq!(ed25519, Ok(PublicKey::EdDsa(x.to_vec())));
    let rsa = parse(&[(1, 3), (3, -257)], &[(-1, &[9; 256]), (-2, &[1, 0, 1])]);
    assert_eq!(rsa, Ok(PublicKey::Rs256(vec![9; 256], vec![1, 0, 1])));
    for (numbers, bytes, expected) in [
        // Of Ed25519 with a key of P-256, the other way round, and other kinds, curves and algorithms.
        (
            vec![(1, 2), (3, -8), (-1, 1)],
            &xy[..],
            PasskeyError::Algorithm,
        ),
        (
            vec![(1, 1), (3, -7), (-1, 6)],
            &xy[..1],
            PasskeyError::Algorithm,
        ),
        (
            vec![(1, 2), (3, -7), (-1, 2)],
            &xy[..],
            PasskeyError::Algorithm,
        ),
        (
            vec![(1, 2), (3, -35), (-1, 1)],
            &xy[..],
            PasskeyError::Algorithm,
        ),
        (vec![(1, 2), (-1, 1)], &xy[..], PasskeyError::Algorithm),
        (
            vec![(1, 2), (3, -7), (-1, 1)],
            &xy[..1],
            PasskeyError::Algorithm,
        ),
        (
            vec![(1, 2), (3, -7), (-1, 1)],
            &[(-2, &x[..31]), (-3, &y)],
            PasskeyError::Algorithm,
        ),
        (vec![(1, 2), (3, -7), (3, -7)], &xy[..], wrong.clone()),
        (
            vec![(1, 2), (3, -7), (-1, 1), (4, 1)],
            &xy[..],
            wrong.clone(),
        ),
    ] {
        assert_eq!(parse(&numbers, bytes), Err(expected), "{numbers:?}");
    }
}

#[test]
fn other_algorithms_sign_too() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let key = PublicKey::EdDsa(pair.public_key().as_ref().to_vec());
    let signature = pair.sign(b"message");
    assert_eq!(key.verify(b"message", signature.as_ref()), Ok(()));
    let wrong = Err(PasskeyError::Signature);
    assert_eq!(key.verify(b"Message", signature.as_ref()), wrong);
    let short = PublicKey::Rs256(vec![9; 128], vec![1, 0, 1]);
    assert_eq!(short.verify(b"message", &[1; 128]), wrong);
    assert_eq!(short.algorithm(), -257);
}

#[test]
fn the_relying_party_is_a_name() {
    for (issuer, id, origin) in [
        (
            "https://auth.example",
            "auth.example",
            "https://auth.example",
        ),
        (
            "https://Auth.Example:443/",
            "auth.example",
            "https://auth.example",
        ),
        (
            "https://auth.example:8443/x",
            "auth.example",
            "https://auth.example:8443",
        ),
        (
            "http://127.0.0.1:8080",
            "localhost",
            "http://localhost:8080",
        ),
        ("http://127.8.0.1", "localhost", "http://localhost"),
        ("http://[::1]:80", "localhost", "http://localhost"),
        (
            "http://localhost:8080",
            "localhost",
            "http://localhost:8080",
        ),
        ("https://localhost:80", "localhost", "https://localhost:80"),
        (
            "http://auth.localhost",
            "auth.localhost",
            "http://auth.localhost",
        ),
        // As browsers read them (WHATWG URL, section 3.5).
        ("https://127.1", "localhost", "https://localhost"),
        ("https://0x7f.1:8443", "localhost", "https://localhost:8443"),
        (
            "https://b\u{fc}cher.example",
            "xn--bcher-kva.example",
            "https://xn--bcher-kva.example",
        ),
    ] {
        let found = RelyingParty::of_issuer(issuer).unwrap();
        assert_eq!((found.id(), found.origin()), (id, origin), "{issuer}");
    }
    let address = "passkeys need a name: `auth.issuer` is `https://192.0.2.1`, and an IP address cannot have passkeys";
    let found = RelyingParty::of_issuer("https://192.0.2.1").unwrap_err();
    assert_eq!(found.to_string(), address);
    for issuer in [
        "https://[2001:db8::1]",
        "https://1.2.3",
        "https://a.0x10",
        "http://auth.example",
        "ftp://auth.example",
        "auth.example",
        "/auth",
        "",
    ] {
        assert!(RelyingParty::of_issuer(issuer).is_err(), "{issuer}");
    }
}
