//! Tests of one-time codes: the vectors of RFC 6238, appendix B, and which steps count.

use super::*;
use proptest::prelude::*;

/// The secret of the RFC.
fn secret() -> TotpSecret {
    TotpSecret::from_bytes(*b"12345678901234567890")
}

fn at(seconds: i64) -> Ts {
    Ts::from_secs(seconds).unwrap()
}

/// Of its eight digits, the last six.
const VECTORS: [(i64, &str); 5] = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
];

#[test]
fn the_vectors_of_rfc_6238() {
    for (seconds, code) in VECTORS {
        let step = u64::try_from(seconds / 30).unwrap();
        assert_eq!(
            secret().verify(code, at(seconds), None),
            Some(step),
            "{code}"
        );
    }
}

#[test]
fn a_code_counts_one_step_before_and_after_and_only_once() {
    // 1,111,111,109 is second 19 of step 37,037,036.
    let (code, step) = ("081804", 37_037_036);
    let begin = 37_037_036 * 30;
    let check = |now: Ts, last| secret().verify(code, now, last);
    assert_eq!(check(at(begin - 30), None), Some(step));
    assert_eq!(check(Ts(at(begin - 30).0 - 1), None), None);
    assert_eq!(check(at(begin + 59), None), Some(step));
    assert_eq!(check(Ts(at(begin + 60).0 - 1), None), Some(step));
    assert_eq!(check(at(begin + 60), None), None);
    for last in [0, step - 2, step - 1] {
        assert_eq!(check(at(begin), Some(last)), Some(step), "{last}");
    }
    for last in [step, step + 1, u64::MAX] {
        assert_eq!(check(at(begin), Some(last)), None, "{last}");
    }
}

#[test]
fn codes_are_six_digits_with_or_without_spaces() {
    let check = |code: &str| secret().verify(code, at(59), None);
    for code in ["287082", "287 082", " 2 8 7 0 8 2 "] {
        assert_eq!(check(code), Some(1), "{code}");
    }
    for code in [
        "", "28708", "2870820", "94287082", "+87082", "287-082", "28708２", "287083", "abcdef",
    ] {
        assert_eq!(check(code), None, "{code}");
    }
    // Before the epoch there is no code; at its beginning there is no step before.
    assert_eq!(secret().verify("287082", Ts(-1), None), None);
    assert_eq!(secret().verify("755224", at(0), None), Some(0));
    assert_eq!(secret().verify("755224", Ts(i64::MAX), None), None);
}

#[test]
fn an_app_reads_the_uri() {
    let uri = secret()
        .uri("Tickloom Example", "ada+1@engine.example")
        .unwrap();
    // Base 32 of the RFC's secret, by Python's base64.
    let expected = "otpauth://totp/Tickloom%20Example:ada%2B1%40engine.example\
                    ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tickloom%20Example";
    assert_eq!(*uri, expected);
    assert_eq!(*secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    for (issuer, account, what) in [
        ("a:b", "ada", "the issuer"),
        ("", "ada", "the issuer"),
        ("Tickloom", "a:b", "the account"),
        ("Tickloom", "", "the account"),
    ] {
        assert_eq!(secret().uri(issuer, account).unwrap_err().what, what);
    }
    assert_eq!(format!("{:?}", secret()), "TotpSecret(..)");
    let (one, other) = (TotpSecret::make().unwrap(), TotpSecret::make().unwrap());
    assert_ne!(one.as_bytes(), other.as_bytes());
}

proptest! {
    #[test]
    fn any_text_is_a_code_or_none(code in any::<String>(), now in any::<i64>(), last in any::<Option<u64>>()) {
        let found = secret().verify(&code, Ts(now), last);
        prop_assert!(found.is_none() || code.len() >= 6);
    }
}
