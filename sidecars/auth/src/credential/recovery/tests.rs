//! Tests of recovery codes.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Eighty bits, their spelling and their SHA-256, by Python.
const BITS: [u8; 10] = [0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf];
const SPELLED: &str = "0123-4567-89AB-CDEF";
const HASH: &str = "753acb23ddc73c0765ec6569178758dec47432007e6858a1f0a43443242c3037";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_code_is_spelled_and_hashed_as_elsewhere() {
    let code = RecoveryCode(Zeroizing::new(BITS));
    assert_eq!(*code.shown(), SPELLED);
    assert_eq!(hex(&code.hash()), HASH);
    let bits = [0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x78, 0xff];
    let code = RecoveryCode(Zeroizing::new(bits));
    assert_eq!(*code.shown(), "Y3GX-5GXM-MPB8-EY7Z");
    assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
}

#[test]
fn it_is_read_however_it_is_typed() {
    for typed in [
        SPELLED,
        "0123456789ABCDEF",
        "0123456789abcdef",
        "oi23 4567 89ab cdef",
        "OL23-4567-89AB-CDEF",
        " 0l23--45 67 89AB-cdef-",
    ] {
        let code = RecoveryCode::parse(typed).unwrap();
        assert_eq!(hex(&code.hash()), HASH, "{typed}");
    }
    for typed in [
        "",
        "0123-4567-89AB-CDE",
        "0123-4567-89AB-CDEF-0",
        "0123-4567-89AB-CDEU",
        "0123_4567_89AB_CDEF",
        "0123-4567-89AB-CDEé",
        &"0123-4567-89AB-CDEF".replace('-', &"-".repeat(50)),
    ] {
        assert_eq!(
            RecoveryCode::parse(typed).unwrap_err(),
            NoRecoveryCode,
            "{typed}"
        );
    }
}

#[test]
fn ten_different_codes_each_found_by_itself() {
    let codes = make().unwrap();
    let hashes: Vec<[u8; 32]> = codes.iter().map(RecoveryCode::hash).collect();
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), RECOVERY_CODES);
    for (number, code) in codes.iter().enumerate() {
        let typed = RecoveryCode::parse(&code.shown().to_lowercase()).unwrap();
        let found = hashes.iter().position(|hash| *hash == typed.hash());
        assert_eq!(found, Some(number));
    }
}

proptest! {
    #[test]
    fn any_bits_are_read_as_they_are_shown(bits in any::<[u8; 10]>()) {
        let code = RecoveryCode(Zeroizing::new(bits));
        prop_assert_eq!(*RecoveryCode::parse(&code.shown()).unwrap().0, bits);
    }

    #[test]
    fn any_text_is_a_code_or_none(text in any::<String>(), likely in "[0-9A-Za-z \\-]{14,24}") {
        RecoveryCode::parse(&text).ok();
        if let Ok(code) = RecoveryCode::parse(&likely) {
            let again = RecoveryCode::parse(&code.shown()).unwrap();
            prop_assert_eq!(*again.0, *code.0);
        }
    }
}
