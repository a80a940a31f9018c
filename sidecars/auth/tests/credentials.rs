//! What we make is read by the programs of others, and the other way round: hashes by argon2-cffi (the reference implementation),
//! tokens and keys by PyJWT (cryptography), one-time codes by pyotp, secrets by their pattern and checksum, public keys of CURVE from libzmq.
//!
//! `cargo xtask test` prepares a Python with them and names it in `TICKLOOM_PYTHON`. Without it these tests say that they were skipped.

#![cfg(test)]

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tickloom_auth::credential::curve::CurveKey;
use tickloom_auth::credential::keyring::{KeyPolicy, KeyRing, TokenRequest};
use tickloom_auth::credential::password::{self, HashParams, Password};
use tickloom_auth::credential::secret::{self, SecretKind};
use tickloom_auth::credential::totp::TotpSecret;
use tickloom_chassis::token::{Algorithm, Claims, KeySet, TokenError, Verifier};
use tickloom_types::Ts;

const ISSUER: &str = "https://auth.example";
/// 2025-09-13T12:26:40Z.
const NOW: Ts = Ts(1_757_766_400_000_000_000);

/// What the script answers to these cases; `None` without a Python that can run it.
fn ask(part: &str, cases: Value) -> Option<Value> {
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!(
            "skipped: TICKLOOM_PYTHON names no Python with argon2-cffi, PyJWT and pyotp; cargo xtask test prepares one"
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/credentials.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let cases = json!({ part: cases }).to_string();
    // The script reads all before it writes anything.
    let mut input = child.stdin.take().unwrap();
    input.write_all(cases.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    Some(answer[part].take())
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

#[test]
fn hashes_are_those_of_the_reference_implementation() {
    // In NFKC already: the script does not normalise.
    let texts = [
        "correct horse",
        "p\u{e4}ssword of many words",
        "\u{436}\u{443}\u{43a} \u{1f600}",
        "",
        &"x".repeat(1023),
    ];
    let costly = HashParams::new(32_768, 3, 2).unwrap();
    let params = [HashParams::default(), costly];
    let hashed = texts
        .iter()
        .flat_map(|text| params.map(|params| (text, params)));
    let cases: Vec<Value> = hashed
        .map(|(text, params)| {
            json!({"password": text, "hash": password::hash(&password(text), params).unwrap()})
        })
        .collect();
    let Some(answer) = ask("passwords", json!(cases)) else {
        return;
    };
    assert_eq!(answer["right"], json!(vec![true; cases.len()]));
    assert_eq!(answer["wrong"], json!(vec![false; cases.len()]));
    for (number, parameters) in answer["parameters"].as_array().unwrap().iter().enumerate() {
        let expected = match number % 2 {
            0 => json!(["ID", 19, 16, 32, 2, 19456, 1]),
            _ => json!(["ID", 19, 16, 32, 3, 32768, 2]),
        };
        assert_eq!(parameters, &expected);
    }
    let theirs = answer["hashes"].as_array().unwrap();
    assert_eq!(theirs.len(), cases.len());
    for (case, hash) in cases.iter().zip(theirs) {
        let (text, hash) = (case["password"].as_str().unwrap(), hash.as_str().unwrap());
        let right = password::verify(hash, &password(text), HashParams::default()).unwrap();
        assert_eq!((right.matches, right.rehash), (true, false), "{text}");
        let wrong = password::verify(hash, &password(&format!("{text} ")), HashParams::default());
        assert!(!wrong.unwrap().matches, "{text}");
    }
}

fn request(number: usize) -> TokenRequest {
    let audience = if number.is_multiple_of(2) {
        vec!["tickloom"]
    } else {
        vec!["other", "tickloom"]
    };
    TokenRequest {
        subject: format!("usr_{number}"),
        audience: audience.into_iter().map(str::to_owned).collect(),
        client_id: "pages".to_owned(),
        session: (!number.is_multiple_of(3)).then(|| "ses_1".to_owned()),
        scope: "runs:read orders:write \u{e4}\u{1f600}\"".to_owned(),
        auth_time: Some(NOW),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
    }
}

#[test]
fn tokens_and_keys_are_those_of_pyjwt() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let policy = KeyPolicy::new(ISSUER).with_algorithm(algorithm);
        let ring = KeyRing::begin(policy, NOW).unwrap();
        let (tokens, claims): (Vec<String>, Vec<Claims>) = (0..6)
            .map(|number| ring.issue(request(number), NOW).unwrap())
            .unzip();
        let case = json!({"issuer": ISSUER, "jwks": ring.jwks().unwrap(), "tokens": tokens});
        let Some(answer) = ask("tokens", case) else {
            return;
        };
        assert_eq!(answer["claims"], json!(claims));
        for header in answer["headers"].as_array().unwrap() {
            assert_eq!(header["typ"], "at+jwt");
            assert_eq!(header["alg"], algorithm.name());
            assert_eq!(header.as_object().unwrap().len(), 3);
        }
        let kids = answer["kids"].as_array().unwrap();
        assert_eq!(kids.len(), 2);
        assert!(kids.iter().all(|pair| pair[0] == pair[1]), "{kids:?}");
        check_theirs(&answer, &claims);
    }
}

/// Their tokens say the same here, and only by their keys.
fn check_theirs(answer: &Value, claims: &[Claims]) {
    let keys = KeySet::parse(answer["jwks"].as_str().unwrap()).unwrap();
    let verifier = Verifier::new(ISSUER, "tickloom", keys);
    let stranger = KeyRing::begin(KeyPolicy::new(ISSUER), NOW).unwrap();
    let stranger = Verifier::new(ISSUER, "tickloom", stranger.key_set());
    let theirs = answer["tokens"].as_array().unwrap();
    assert_eq!(theirs.len(), 2 * claims.len());
    for (token, claims) in theirs.iter().zip(claims.iter().cycle()) {
        let token = token.as_str().unwrap();
        assert_eq!(verifier.verify(token, NOW).as_ref(), Ok(claims));
        assert_eq!(stranger.verify(token, NOW), Err(TokenError::UnknownKey));
    }
}

#[test]
fn codes_are_those_of_pyotp() {
    // Any seconds of 136 years, by a linear congruence.
    let seconds: Vec<u32> = std::iter::successors(Some(7_u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .take(1000)
    .collect();
    // Any secrets, but the same in each run: two codes in a row may be equal.
    let secrets: Vec<TotpSecret> = seconds
        .iter()
        .map(|second| {
            let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &second.to_be_bytes());
            TotpSecret::from_bytes(sum.as_ref().try_into().unwrap())
        })
        .collect();
    let cases: Vec<Value> = secrets
        .iter()
        .zip(&seconds)
        .map(|(secret, second)| {
            let hex: String = secret
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let uri = secret.uri("Tickloom", "ada@engine.example").unwrap();
            json!({"secret": hex, "uri": *uri, "second": second})
        })
        .collect();
    let Some(codes) = ask("codes", json!(cases)) else {
        return;
    };
    let codes = codes.as_array().unwrap();
    assert_eq!(codes.len(), 1000);
    for ((secret, second), code) in secrets.iter().zip(seconds).zip(codes) {
        let (code, step) = (code.as_str().unwrap(), u64::from(second) / 30);
        let now = Ts::from_secs(i64::from(second)).unwrap();
        // The step before is used, so that a code of it by chance does not count.
        assert_eq!(
            secret.verify(code, now, step.checked_sub(1)),
            Some(step),
            "{second}"
        );
    }
}

#[test]
fn secrets_are_found_by_their_pattern() {
    let kinds = [SecretKind::Key, SecretKind::Refresh, SecretKind::Link];
    let made = kinds.into_iter().cycle().take(300);
    let texts: Vec<String> = made
        .map(|kind| secret::make(kind, NOW).unwrap().0.expose().to_owned())
        .collect();
    if let Some(found) = ask("secrets", json!(texts)) {
        assert_eq!(found, json!(vec![true; 300]));
    }
}

#[test]
fn public_keys_of_libzmq_are_read() {
    let Some(keys) = ask("curve_keys", json!(200)) else {
        return;
    };
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), 200);
    for pair in keys {
        let [text, hex] = [0, 1].map(|at| pair[at].as_str().unwrap());
        let key: CurveKey = text.parse().unwrap();
        let found: String = key
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!((key.to_string().as_str(), found.as_str()), (text, hex));
    }
}
