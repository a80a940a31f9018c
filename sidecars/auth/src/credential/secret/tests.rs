//! Tests of secrets.

use super::*;
use proptest::prelude::*;

const NOW: Ts = Ts(1_757_766_400_123_000_000);
/// With its checksum and SHA-256 by Python's zlib and hashlib.
const KNOWN: &str =
    "tlk_01981c4f2d7a7c3e9f1b2a3c4d5e6f70_Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9x_0HNPLZ";
const KNOWN_HASH: &str = "afe76f01a3a365e9ad73ab52527503080fd0c962084405dbebd76649ef414cb4";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_known_secret_is_read() {
    let presented = parse(KNOWN).unwrap();
    assert_eq!(presented.kind, SecretKind::Key);
    assert_eq!(presented.id, "tlk_01981c4f2d7a7c3e9f1b2a3c4d5e6f70");
    assert_eq!(hex(&presented.hash), KNOWN_HASH);
}

#[test]
fn what_is_made_is_read_and_matches_only_itself() {
    for kind in [
        SecretKind::Key,
        SecretKind::Refresh,
        SecretKind::Browser,
        SecretKind::Link,
        SecretKind::Device,
        SecretKind::Client,
        SecretKind::Code,
        SecretKind::AppRefresh,
        SecretKind::DeviceCode,
    ] {
        let (secret, stored) = make(kind, NOW).unwrap();
        let (other, other_stored) = make(kind, NOW).unwrap();
        let presented = parse(secret.expose()).unwrap();
        assert_eq!((presented.kind, &presented.id), (kind, &stored.id));
        assert!(secret.expose().starts_with(&format!("{}_", stored.id)));
        // The id begins with the time in milliseconds.
        assert!(
            stored
                .id
                .starts_with(&format!("{}_{:012x}7", kind.prefix(), NOW.0 / 1_000_000))
        );
        assert!(presented.matches(kind, &stored.hash));
        assert!(!presented.matches(kind, &other_stored.hash));
        let other = parse(other.expose()).unwrap();
        assert!(!other.matches(kind, &stored.hash));
        // A secret of one kind is none of another.
        let others = [
            SecretKind::Key,
            SecretKind::Refresh,
            SecretKind::Browser,
            SecretKind::Link,
            SecretKind::Device,
            SecretKind::Client,
            SecretKind::Code,
            SecretKind::AppRefresh,
            SecretKind::DeviceCode,
        ];
        for other in others.into_iter().filter(|other| *other != kind) {
            assert!(!presented.matches(other, &stored.hash));
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(!format!("{presented:?}{stored:?}").contains(secret.expose()));
    }
}

#[test]
fn letters_and_digits_come_equally_often() {
    let mut counts = [0_u32; 62];
    for _ in 0..10_000 {
        let mut text = String::new();
        push_random(&mut text).unwrap();
        assert_eq!(text.len(), RANDOM_SYMBOLS);
        for byte in text.bytes() {
            counts[ALPHABET.iter().position(|known| *known == byte).unwrap()] += 1;
        }
    }
    // 430,000 draws, 6935 each, with a standard deviation of 83: ten of them is never. Without the bound of 248 the first eight letters
    // would come 8398 times.
    assert!(
        counts.iter().all(|count| (6035..=7835).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn what_is_no_secret() {
    let known = KNOWN.to_owned();
    for (text, expected) in [
        (String::new(), SecretError::Form),
        (known[1..].to_owned(), SecretError::Form),
        (format!("{known}0"), SecretError::Form),
        (format!(" {}", &known[1..]), SecretError::Form),
        (known.replace("tlk", "tlx"), SecretError::Form),
        (known.replace("0198", "019A"), SecretError::Form),
        (known.replace("_0H", "00H"), SecretError::Form),
        (known.replace("9x_", "_x_"), SecretError::Form),
        (known.replace("Qm3vT9x", "Qm3vT-x"), SecretError::Form),
        ("é".repeat(SECRET_BYTES / 2) + "0", SecretError::Form),
        (known.replace("tlk", "tlr"), SecretError::Checksum),
        (known.replace("9x_", "9y_"), SecretError::Checksum),
        (known.replace("LZ", "ZL"), SecretError::Checksum),
    ] {
        assert_eq!(parse(&text), Err(expected), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_no_secret(text in any::<String>(), likely in "tl[acdgkorv]_[0-9a-f]{32}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}") {
        prop_assert_eq!(parse(&text), Err(SecretError::Form));
        // One of 2^32 such has the right checksum by chance.
        prop_assert_eq!(parse(&likely), Err(SecretError::Checksum));
    }

    #[test]
    fn one_other_letter_is_seen(place in any::<prop::sample::Index>(), letter in "[0-9A-Za-z_]") {
        let place = place.index(KNOWN.len());
        prop_assume!(KNOWN[place..=place] != letter);
        let text = format!("{}{letter}{}", &KNOWN[..place], &KNOWN[place + 1..]);
        prop_assert!(parse(&text).is_err());
    }

    #[test]
    fn two_letters_that_changed_places_are_seen(place in 0..KNOWN.len() - 1) {
        let mut bytes = KNOWN.as_bytes().to_vec();
        bytes.swap(place, place + 1);
        prop_assume!(bytes != KNOWN.as_bytes());
        prop_assert!(parse(std::str::from_utf8(&bytes).unwrap()).is_err());
    }
}
