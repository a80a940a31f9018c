//! Any text is a secret, a recovery code, a public key of CURVE or a one-time code, or an error, never a crash; and what is read is written again
//! as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_auth::credential::curve::CurveKey;
use tickloom_auth::credential::recovery::RecoveryCode;
use tickloom_auth::credential::secret::{SECRET_BYTES, parse};
use tickloom_auth::credential::totp::TotpSecret;
use tickloom_types::Ts;

fuzz_target!(|text: &str| {
    if let Ok(presented) = parse(text) {
        assert_eq!(text.len(), SECRET_BYTES);
        let rest = text.strip_prefix(&presented.id);
        assert!(rest.is_some_and(|rest| rest.starts_with('_')));
    }
    if let Ok(code) = RecoveryCode::parse(text) {
        let again = RecoveryCode::parse(&code.shown()).expect("own codes are read");
        assert_eq!(again.hash(), code.hash());
    }
    if let Ok(key) = text.parse::<CurveKey>() {
        assert_eq!(key.to_string(), text);
        assert_eq!(CurveKey::from_bytes(*key.as_bytes()), Ok(key));
    }
    let secret = TotpSecret::from_bytes(*b"12345678901234567890");
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    assert!(secret.verify(text, Ts(59_000_000_000), None).is_none() || digits == 6);
});
