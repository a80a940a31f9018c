//! What is looked at where no provider of a test gets: keys of the RFCs.

use super::*;

/// RFC 7515, appendix A.2: signed with RS256.
const RSA_MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

fn expected() -> Expected<'static> {
    Expected {
        issuer: "joe",
        client_id: "us",
        nonce: "n",
        access_token: None,
        now: Ts(1_300_819_300 * SECOND_NS),
        fresh_since: None,
    }
}

#[test]
fn a_signature_of_rsa_is_checked_with_the_key_of_its_set() {
    // The token of the RFC is right until its audience, of which it has none.
    let set = |more: &str| {
        let set = format!(r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{RSA_N}"{more}}}]}}"#);
        ProviderKeys::parse(set.as_bytes()).unwrap()
    };
    let token = format!("{RSA_MESSAGE}.{RSA_SIGNATURE}");
    let verdict = |token: &str, more: &str| verify(token, &set(more), &expected()).err().unwrap();
    assert_eq!(verdict(&token, ""), TokenFault::Audience);
    assert_eq!(
        verdict(&token, r#","kid":"a","alg":"RS256","use":"sig""#),
        TokenFault::Audience
    );
    assert_eq!(verdict(&token, r#","alg":"PS256""#), TokenFault::UnknownKey);
    assert_eq!(verdict(&token, r#","use":"enc""#), TokenFault::UnknownKey);
    let other = token.replacen("cC4h", "cC5h", 1);
    assert_eq!(verdict(&other, ""), TokenFault::Signature);
}

#[test]
fn of_a_set_what_can_be_used_is_used_and_a_name_is_one_keys() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    let set = |text: &str| ProviderKeys::parse(text.as_bytes());
    assert!(set("{}").is_none() && set("[]").is_none() && set("x").is_none());
    let odd = format!(
        r#"{{"keys":[1,{{"kty":"oct","k":"AA"}},{{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}},{{"kty":"RSA"}},{key},"kid":"a"}}]}}"#
    );
    let keys = set(&odd).unwrap();
    assert!(keys.get(Some("a"), "EdDSA").is_some());
    assert!(keys.get(None, "EdDSA").is_some());
    assert!(keys.get(Some("b"), "EdDSA").is_none());
    assert!(keys.get(Some("a"), "ES256").is_none());
    let twice = set(&format!(
        r#"{{"keys":[{key},"kid":"a"}},{key},"kid":"a"}}]}}"#
    ))
    .unwrap();
    assert!(twice.get(Some("a"), "EdDSA").is_none() && twice.get(None, "EdDSA").is_none());
}

#[test]
fn the_half_of_a_hash_is_that_of_the_algorithm() {
    // Worked out with Python's hashlib: the left halves of SHA-256 and SHA-512 of "access".
    assert_eq!(left_half("ES256", "access"), "oFYf1knNtrqnhAVfBRuteQ");
    assert_eq!(left_half("RS256", "access"), "oFYf1knNtrqnhAVfBRuteQ");
    assert_eq!(
        left_half("EdDSA", "access"),
        "kyd4-h3ZoV2sH212kLKbcOnCBajStKQ38Ae_bfT-PFI"
    );
}

#[test]
fn whether_an_address_is_verified_is_said_plainly_or_not_at_all() {
    for (text, expected) in [
        (r#"{"email_verified":true}"#, true),
        (r#"{"email_verified":"true"}"#, true),
        (r#"{"email_verified":"false"}"#, false),
        (r#"{"email_verified":1}"#, false),
        (r#"{"email_verified":"TRUE"}"#, false),
        (r#"{"email_verified":null}"#, false),
        ("{}", false),
    ] {
        let profile: Profile = serde_json::from_str(text).unwrap();
        assert_eq!(profile.email_verified, expected, "{text}");
    }
}
