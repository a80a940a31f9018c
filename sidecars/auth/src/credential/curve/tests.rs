//! Tests of public keys of CURVE: the keys of libzmq's manual (`zmq_curve`), and keys that nobody has.

use super::*;
use proptest::prelude::*;

const CLIENT: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const CLIENT_HEX: &str = "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518";
const SERVER: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const SERVER_HEX: &str = "54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652";

fn bytes(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..64).step_by(2).map(byte).collect();
    bytes.try_into().unwrap()
}

#[test]
fn keys_of_the_manual_are_read_and_written() {
    for (text, hex) in [(CLIENT, CLIENT_HEX), (SERVER, SERVER_HEX)] {
        let key: CurveKey = text.parse().unwrap();
        assert_eq!(key.as_bytes(), &bytes(hex));
        assert_eq!(key.to_string(), text);
        assert_eq!(CurveKey::from_bytes(bytes(hex)), Ok(key));
    }
    let key: CurveKey = CLIENT.parse().unwrap();
    // By Python's hashlib.
    assert_eq!(
        key.fingerprint(),
        "SHA256:67OvTdmc7/Nun5C12z5FDkr9NWhEMfqfDsnuWvXD6MM"
    );
}

#[test]
fn texts_that_are_no_key() {
    let with = |from: &str, to: &str| CLIENT.replacen(from, to, 1);
    for (text, expected) in [
        (String::new(), CurveKeyError::Length { characters: 0 }),
        (
            CLIENT[1..].to_owned(),
            CurveKeyError::Length { characters: 39 },
        ),
        (
            format!("{CLIENT}0"),
            CurveKeyError::Length { characters: 41 },
        ),
        (with("Y", "é"), CurveKeyError::Length { characters: 40 }),
        (with("Y", "~"), CurveKeyError::Character { at: 1 }),
        (with("D", "\\"), CurveKeyError::Character { at: 40 }),
        // Five digits of 84 are more than 2^32: the last of them is too much.
        (with("w-vo<", "#####"), CurveKeyError::Character { at: 10 }),
    ] {
        let said: Result<CurveKey, CurveKeyError> = text.parse();
        assert_eq!(said, Err(expected), "{text}");
    }
}

#[test]
fn keys_with_which_nothing_is_secret() {
    // Of small order: 0, 1, and two more (Bernstein, "Curve25519", "May I check ... ?"); then p - 1.
    for hex in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // Spelled otherwise: p, p + 9, and a right key with the highest bit.
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc598",
    ] {
        assert_eq!(
            CurveKey::from_bytes(bytes(hex)),
            Err(CurveKeyError::Weak),
            "{hex}"
        );
    }
    // 9, the base point, and p - 2 are right ones.
    for hex in [
        "0900000000000000000000000000000000000000000000000000000000000000",
        "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        assert!(CurveKey::from_bytes(bytes(hex)).is_ok(), "{hex}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_key_that_is_written_again_or_none(text in any::<String>(), likely in "[0-9a-zA-Z.:+=^!/*?&<>()@%$#-]{40}") {
        for text in [text, likely] {
            if let Ok(key) = text.parse::<CurveKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
