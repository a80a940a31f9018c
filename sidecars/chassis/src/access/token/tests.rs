//! Tests of access tokens: vectors of the RFCs, tokens that are wrong in one thing, and bytes of all kinds.

use super::*;
use proptest::prelude::*;
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

const ISSUER: &str = "https://auth.example";
/// 2025-09-13T12:26:40Z, in seconds.
const NOW_S: i64 = 1_757_766_400;
/// RFC 8037, appendix A.1 and A.2.
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 8037, appendix A.3.
const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn at(seconds: i64) -> Ts {
    Ts::from_secs(seconds).unwrap()
}

fn jwks() -> String {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": X, "kid": KID, "alg": "EdDSA", "use": "sig"}]})
        .to_string()
}

fn verifier() -> Verifier {
    Verifier::new(ISSUER, "tickloom", KeySet::parse(&jwks()).unwrap())
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": KID})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "usr_1", "aud": "tickloom", "client_id": "pages", "exp": NOW_S + 300, "iat": NOW_S,
        "jti": "tok_1", "sid": "ses_1", "scope": "runs:read orders:write", "auth_time": NOW_S - 60,
        "amr": ["pwd", "otp"],
    })
}

/// A token with these texts as header and payload, rightly signed.
fn signed(header: &str, payload: &str) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&decoded(SEED)).unwrap();
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(pair.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn token() -> String {
    signed(&header().to_string(), &claims().to_string())
}

/// What is said of a token whose header or claims have this member instead, or, if it is null, have none.
fn with_member(of_header: bool, name: &str, value: Value) -> Result<Claims, TokenError> {
    let (mut header, mut claims) = (header(), claims());
    let changed = if of_header { &mut header } else { &mut claims };
    let changed = changed.as_object_mut().unwrap();
    if value.is_null() {
        changed.remove(name).unwrap();
    } else {
        changed.insert(name.to_owned(), value);
    }
    let token = signed(&header.to_string(), &claims.to_string());
    verifier().verify(&token, at(NOW_S))
}

#[test]
fn the_vectors_of_rfc_8037_and_rfc_7515() {
    let key = PublicKey::new(Algorithm::EdDsa, &decoded(X)).unwrap();
    assert_eq!(key.thumbprint(), KID);
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(key.verifies(message.as_bytes(), &decoded(signature)));
    assert!(!key.verifies(&message.as_bytes()[1..], &decoded(signature)));

    let coordinates = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ];
    let point = [vec![4], decoded(coordinates[0]), decoded(coordinates[1])].concat();
    let key = PublicKey::new(Algorithm::Es256, &point).unwrap();
    // RFC 7638 over these coordinates, by Python's hashlib.
    assert_eq!(
        key.thumbprint(),
        "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    );
    let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(key.verifies(message.as_bytes(), &decoded(signature)));
    assert!(!key.verifies(&message.as_bytes()[1..], &decoded(signature)));
}

#[test]
fn a_right_token_says_what_it_says() {
    let said = verifier().verify(&token(), at(NOW_S)).unwrap();
    let expected = Claims {
        iss: ISSUER.to_owned(),
        sub: "usr_1".to_owned(),
        aud: vec!["tickloom".to_owned()],
        client_id: "pages".to_owned(),
        exp: NOW_S + 300,
        iat: NOW_S,
        nbf: None,
        jti: "tok_1".to_owned(),
        sid: Some("ses_1".to_owned()),
        scope: "runs:read orders:write".to_owned(),
        auth_time: Some(NOW_S - 60),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
    };
    assert_eq!(said, expected);
    assert_eq!(
        said.scopes().collect::<Vec<_>>(),
        ["runs:read", "orders:write"]
    );
    assert_eq!(serde_json::to_value(&said).unwrap(), claims());
    // Several audiences, and what a later version may say beside.
    let said = with_member(false, "aud", json!(["other", "tickloom"])).unwrap();
    assert_eq!(said.aud, ["other", "tickloom"]);
    assert!(with_member(false, "later", json!({"a": 1})).is_ok());
    for absent in ["sid", "scope", "auth_time", "amr"] {
        assert!(with_member(false, absent, Value::Null).is_ok(), "{absent}");
    }
}

#[test]
fn it_is_valid_from_the_first_moment_to_before_the_last() {
    let nanosecond = |at: Ts, step: i64| Ts(at.0 + step);
    let (strict, lax) = (verifier(), verifier().with_leeway(10));
    let token = token();
    let check = |verifier: &Verifier, now: Ts| verifier.verify(&token, now).map(|_| ());
    let (begin, end) = (at(NOW_S), at(NOW_S + 300));
    assert_eq!(check(&strict, begin), Ok(()));
    assert_eq!(
        check(&strict, nanosecond(begin, -1)),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(check(&strict, nanosecond(end, -1)), Ok(()));
    assert_eq!(check(&strict, end), Err(TokenError::Expired));
    let (begin, end) = (at(NOW_S - 10), at(NOW_S + 310));
    assert_eq!(check(&lax, begin), Ok(()));
    assert_eq!(
        check(&lax, nanosecond(begin, -1)),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(check(&lax, nanosecond(end, -1)), Ok(()));
    assert_eq!(check(&lax, end), Err(TokenError::Expired));
    // More leeway than is allowed counts as the most; times at the ends of what can be told are times.
    let most = verifier().with_leeway(255);
    assert_eq!(check(&most, at(NOW_S + 329)), Ok(()));
    assert_eq!(check(&most, at(NOW_S + 330)), Err(TokenError::Expired));
    assert_eq!(check(&most, Ts(i64::MIN)), Err(TokenError::NotYetValid));
    assert_eq!(check(&most, Ts(i64::MAX)), Err(TokenError::Expired));
    // `nbf` counts beside `iat`, whichever is later.
    assert_eq!(
        with_member(false, "nbf", json!(NOW_S + 1)),
        Err(TokenError::NotYetValid)
    );
    assert!(with_member(false, "nbf", json!(NOW_S - 1)).is_ok());
    assert_eq!(
        with_member(false, "iat", json!(NOW_S + 1)),
        Err(TokenError::NotYetValid)
    );
    assert!(with_member(false, "exp", json!(i64::MAX)).is_ok());
    assert_eq!(
        with_member(false, "exp", json!(i64::MIN)),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_header_with_anything_else_is_not_believed() {
    let own_key = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
    for (name, value, expected) in [
        ("alg", json!("none"), TokenError::Refused),
        ("alg", json!("ES256"), TokenError::Refused),
        ("alg", json!("Ed25519"), TokenError::Refused),
        ("typ", json!("JWT"), TokenError::Refused),
        ("typ", Value::Null, TokenError::Malformed),
        ("kid", Value::Null, TokenError::Malformed),
        ("kid", json!("another"), TokenError::UnknownKey),
        ("jwk", own_key, TokenError::Malformed),
        (
            "jku",
            json!("https://evil.example/jwks"),
            TokenError::Malformed,
        ),
        (
            "x5u",
            json!("https://evil.example/x"),
            TokenError::Malformed,
        ),
        ("x5c", json!(["MII"]), TokenError::Malformed),
        ("crit", json!(["exp"]), TokenError::Malformed),
        ("b64", json!(false), TokenError::Malformed),
    ] {
        assert_eq!(with_member(true, name, value), Err(expected), "{name}");
    }
}

#[test]
fn a_public_key_is_no_secret_of_hmac_and_no_signature_is_none() {
    for secret in [decoded(X), X.as_bytes().to_vec(), jwks().into_bytes()] {
        let mut header = header();
        header["alg"] = json!("HS256");
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims().to_string())
        );
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &secret),
            message.as_bytes(),
        );
        let token = format!("{message}.{}", encode(tag));
        let said = verifier().verify(&token, at(NOW_S));
        assert_eq!(said, Err(TokenError::Refused));
    }
    let token = token();
    let (message, _) = token.rsplit_once('.').unwrap();
    let unsigned = verifier().verify(&format!("{message}."), at(NOW_S));
    assert_eq!(unsigned, Err(TokenError::Refused));
}

#[test]
fn claims_that_are_wrong_or_missing() {
    for (name, value, expected) in [
        ("iss", json!("https://auth.example/"), TokenError::Refused),
        ("aud", json!("billing"), TokenError::Refused),
        ("aud", json!([]), TokenError::Refused),
        ("aud", json!(7), TokenError::Malformed),
        ("exp", json!("soon"), TokenError::Malformed),
        ("exp", json!(1.5), TokenError::Malformed),
        ("exp", json!(u64::MAX), TokenError::Malformed),
        ("scope", json!(["a"]), TokenError::Malformed),
    ] {
        assert_eq!(with_member(false, name, value), Err(expected), "{name}");
    }
    for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"] {
        let said = with_member(false, name, Value::Null);
        assert_eq!(said, Err(TokenError::Malformed), "{name}");
    }
}

#[test]
fn a_name_that_comes_twice_is_not_read_either_way() {
    let twice = |text: String, name: &str| format!(r#"{{"{name}":"twice",{}"#, &text[1..]);
    let (header, claims) = (header().to_string(), claims().to_string());
    for name in ["sub", "unknown", "\\u0073ub"] {
        let payload = twice(twice(claims.clone(), "unknown"), name);
        let said = verifier().verify(&signed(&header, &payload), at(NOW_S));
        assert_eq!(said, Err(TokenError::Malformed), "{name}");
    }
    let once = signed(&header, &twice(claims.clone(), "unknown"));
    assert!(verifier().verify(&once, at(NOW_S)).is_ok());
    let said = verifier().verify(&signed(&twice(header, "kid"), &claims), at(NOW_S));
    assert_eq!(said, Err(TokenError::Malformed));
}

#[test]
fn texts_that_are_no_token() {
    let right = token();
    let parts: Vec<&str> = right.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for wrong in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{right}."),
        format!("{right}.{signature}"),
        format!(".{right}"),
        format!(" {right}"),
        format!("{right}=="),
        format!("{header}=.{payload}.{signature}"),
        signed("[]", "{}"),
        signed("null", &claims().to_string()),
        signed(&super::tests::header().to_string(), "[]"),
        signed(&super::tests::header().to_string(), ""),
        signed(
            &super::tests::header().to_string(),
            &format!("{} {{}}", claims()),
        ),
    ] {
        let said = verifier().verify(&wrong, at(NOW_S));
        assert_eq!(said, Err(TokenError::Malformed), "{wrong}");
    }
}

/// A rightly signed token of so many bytes.
fn of_length(length: usize) -> String {
    let (mut claims, mut token) = (claims(), token());
    let mut filling = 0;
    while token.len() < length {
        filling += (length - token.len()).div_ceil(2);
        claims["filling"] = json!("x".repeat(filling));
        token = signed(&header().to_string(), &claims.to_string());
    }
    token
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let longest = (TOKEN_BYTES_MAX - 3..=TOKEN_BYTES_MAX).rev().map(of_length);
    let longest = longest.map(|token| (token.len(), verifier().verify(&token, at(NOW_S))));
    let longest: Vec<_> = longest
        .filter(|(length, _)| *length <= TOKEN_BYTES_MAX)
        .collect();
    assert!(!longest.is_empty() && longest.iter().all(|(_, said)| said.is_ok()));
    let longer = of_length(TOKEN_BYTES_MAX + 1);
    let said = verifier().verify(&longer, at(NOW_S));
    assert_eq!(said, Err(TokenError::Malformed));
}

#[test]
fn a_set_is_written_as_it_is_read_and_other_kinds_are_left_out() {
    let own: Value = serde_json::from_str(&jwks()).unwrap();
    let set = KeySet::parse(&jwks()).unwrap();
    let written: Value = serde_json::from_str(&set.to_jwks().unwrap()).unwrap();
    assert_eq!(written, own);
    let key = own["keys"][0].clone();
    let set_of = |keys: Value| KeySet::parse(&json!({"keys": keys, "more": 1}).to_string());
    let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"});
    let mut sealing = key.clone();
    sealing["use"] = json!("enc");
    sealing["kid"] = json!("sealing");
    assert_eq!(set_of(json!([rsa, key, sealing])).unwrap(), set);
    assert!(matches!(
        set_of(json!([rsa, sealing])),
        Err(JwksError::Empty)
    ));
    assert!(matches!(set_of(json!([])), Err(JwksError::Empty)));
    assert!(matches!(KeySet::parse("{}"), Err(JwksError::Json(_))));
    let long = KeySet::parse(&" ".repeat(65_537));
    assert!(matches!(long, Err(JwksError::TooLong { bytes: 65_537 })));
    for (name, value) in [
        ("kid", Value::Null),
        ("alg", json!("ES256")),
        ("x", json!("AAAA")),
        ("x", json!("!")),
        ("crv", json!("P-256")),
    ] {
        let mut wrong = key.clone();
        wrong[name] = value;
        wrong["kty"] = json!(if name == "crv" { "EC" } else { "OKP" });
        let said = set_of(json!([rsa, wrong]));
        assert!(
            matches!(said, Err(JwksError::Key { number: 2, .. })),
            "{name}"
        );
    }
    assert!(matches!(
        set_of(json!([key, key])),
        Err(JwksError::Key { number: 2, .. })
    ));
    assert_eq!(Algorithm::of_name("EdDSA"), Some(Algorithm::EdDsa));
    assert_eq!(Algorithm::of_name("HS256"), None);
}

proptest! {
    #[test]
    fn any_text_is_no_token(text in any::<String>(), parts in prop::collection::vec(any::<Vec<u8>>(), 3)) {
        prop_assert!(verifier().verify(&text, at(NOW_S)).is_err());
        let token = parts.iter().map(encode).collect::<Vec<_>>().join(".");
        prop_assert!(verifier().verify(&token, at(NOW_S)).is_err());
        prop_assert!(KeySet::parse(&text).is_err());
    }

    #[test]
    fn any_payload_that_is_signed_is_read_or_refused(payload in any::<Vec<u8>>()) {
        let payload = String::from_utf8_lossy(&payload).into_owned();
        let said = verifier().verify(&signed(&header().to_string(), &payload), at(NOW_S));
        prop_assert_eq!(said, Err(TokenError::Malformed));
    }

    #[test]
    fn a_token_with_another_byte_is_not_believed(place in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = token().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(verifier().verify(&changed, at(NOW_S)).is_err());
    }
}
