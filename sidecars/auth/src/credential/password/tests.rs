//! Tests of passwords. Hashes of the reference implementation are in `tests/credentials.rs`; those here were made by argon2-cffi.

use super::*;
use proptest::prelude::*;

/// Of "correct horse", with the salt 0123456789abcdef.
const OF_LESS_PASSES: &str = "$argon2id$v=19$m=19456,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$2h8RkkhVjpOcVZb7RJnrqNsRtT7STYUvtSH1I2wJ+p0";
const OF_MORE_MEMORY: &str = "$argon2id$v=19$m=65536,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$Z4525cRa8Jk7GkCXmJenZklXOqW2KxkGKxBQ2gN0vtk";
const OF_ARGON2I: &str = "$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$k3A0Ke+5sl7ZwafSXeKqxs+yQZnuzL2o0YbQttdD+7g";
const BEGIN: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

pub(super) fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn check(stored: &str, text: &str, params: HashParams) -> (bool, bool) {
    let verdict = verify(stored, &password(text), params).unwrap();
    (verdict.matches, verdict.rehash)
}

#[test]
fn a_hash_is_of_its_password_and_has_its_own_salt() {
    let params = HashParams::default();
    let stored = hash(&password("correct horse"), params).unwrap();
    assert!(stored.starts_with(BEGIN), "{stored}");
    // 22 characters of salt, a dollar, 43 of hash.
    assert_eq!(stored.len(), BEGIN.len() + 22 + 1 + 43);
    assert_ne!(stored, hash(&password("correct horse"), params).unwrap());
    assert_eq!(check(&stored, "correct horse", params), (true, false));
    assert_eq!(check(&stored, "correct horsf", params), (false, false));
    assert_eq!(check(&stored, "", params), (false, false));
    burn(&password("correct horse"), params).unwrap();
}

#[test]
fn a_hash_of_lower_parameters_is_to_be_made_again_when_it_matches() {
    let params = HashParams::default();
    assert_eq!(check(OF_LESS_PASSES, "correct horse", params), (true, true));
    assert_eq!(check(OF_LESS_PASSES, "wrong horse", params), (false, false));
    assert_eq!(
        check(OF_MORE_MEMORY, "correct horse", params),
        (true, false)
    );
    for (memory_kib, passes, lanes) in [(65_537, 2, 2), (65_536, 3, 2), (65_536, 2, 3)] {
        let params = HashParams::new(memory_kib, passes, lanes).unwrap();
        assert_eq!(check(OF_MORE_MEMORY, "correct horse", params), (true, true));
    }
    // Memory in KiB, passes and lanes each have their own range, and never go below OWASP's.
    for (memory_kib, passes, lanes, expected) in [
        (
            19_455,
            2,
            1,
            "the memory of a password's hash is 19455, expected 19456 to 1048576",
        ),
        (
            19_456,
            1,
            1,
            "the number of passes of a password's hash is 1, expected 2 to 16",
        ),
        (
            19_456,
            2,
            0,
            "the number of lanes of a password's hash is 0, expected 1 to 16",
        ),
        (
            1_048_577,
            2,
            1,
            "the memory of a password's hash is 1048577, expected 19456 to 1048576",
        ),
    ] {
        let error = HashParams::new(memory_kib, passes, lanes).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_no_usable_hash_is_an_error_and_matches_nothing() {
    let right = hash(&password("correct horse"), HashParams::default()).unwrap();
    let tail = &right[BEGIN.len()..];
    let cases = [
        (String::new(), "it is no PHC text"),
        ("correct horse".to_owned(), "it is no PHC text"),
        (
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
            "it is no PHC text",
        ),
        (OF_ARGON2I.to_owned(), "it is not of Argon2id"),
        (
            format!("$argon2id$m=19456,t=2,p=1${tail}"),
            "it is not of version 19 of Argon2",
        ),
        (
            format!("$argon2id$v=16$m=19456,t=2,p=1${tail}"),
            "it is not of version 19 of Argon2",
        ),
        (
            format!("$argon2id$v=19$m=19456,t=2${tail}"),
            "m, t or p is missing",
        ),
        (
            format!("$argon2id$v=19$m=19456,t=2,p=1,data=AAAA${tail}"),
            "it has parameters other than m, t and p",
        ),
        (
            format!("$argon2id$v=19$m=4194304,t=2,p=1${tail}"),
            "it costs more than is allowed",
        ),
        (
            format!("$argon2id$v=19$m=19456,t=4000000000,p=1${tail}"),
            "it costs more than is allowed",
        ),
        (
            BEGIN.trim_end_matches('$').to_owned(),
            "the salt or the hash is missing",
        ),
        (
            right[..right.len() - 44].to_owned(),
            "the salt or the hash is missing",
        ),
    ];
    for (stored, expected) in cases {
        let said = verify(&stored, &password("correct horse"), HashParams::default());
        match said {
            Err(PasswordError::Stored(why)) => assert_eq!(why, expected, "{stored}"),
            other => panic!("{stored}: {other:?}"),
        }
    }
    // Too little memory for its lanes, and a salt of one byte.
    for stored in [
        format!("$argon2id$v=19$m=8,t=2,p=2${tail}"),
        format!("{BEGIN}AAAA${}", &tail[23..]),
    ] {
        let said = verify(&stored, &password("correct horse"), HashParams::default());
        assert!(said.is_err(), "{stored}");
    }
}

#[test]
fn the_same_password_typed_otherwise_is_the_same() {
    // Composed and decomposed; a ligature; full width; the sign of Ångström. Python's unicodedata says the same.
    for (typed, same) in [
        ("p\u{e4}ssword", "pa\u{308}ssword"),
        ("\u{fb01}nance", "finance"),
        ("\u{ff21}\u{ff22}\u{2460}", "AB1"),
        ("\u{212b}", "\u{c5}"),
    ] {
        assert_eq!(password(typed).as_str(), password(same).as_str());
    }
    assert_ne!(password("Password").as_str(), password("password").as_str());
    assert_ne!(
        password(" password").as_str(),
        password("password").as_str()
    );
}

#[test]
fn none_is_cut_or_shown() {
    let longest = "x".repeat(PASSWORD_BYTES_MAX);
    assert_eq!(password(&longest).as_str(), longest);
    let refused = Password::new(format!("{longest}x")).unwrap_err();
    assert_eq!(refused, PasswordRefused::TooLong);
    assert_eq!(format!("{:?}", password("secret words")), "Password(..)");
    // The last byte counts.
    let stored = hash(&password(&longest), HashParams::default()).unwrap();
    let other = format!("{}y", &longest[1..]);
    assert_eq!(
        check(&stored, &other, HashParams::default()),
        (false, false)
    );
}

proptest! {
    #[test]
    fn no_text_is_a_crash(stored in any::<String>(), typed in any::<String>(), tail in "[$=,a-z0-9]{0,40}") {
        // Of a right form it may cost what it says, so only what cannot be one is tried.
        let stored = stored.replace("argon2id", "");
        let typed = Password::new(typed);
        if let Ok(typed) = typed {
            prop_assert!(verify(&stored, &typed, HashParams::default()).is_err());
            let stored = format!("$argon2id$v=19$m={tail}");
            prop_assert!(verify(&stored, &typed, HashParams::default()).is_err());
        }
    }
}
