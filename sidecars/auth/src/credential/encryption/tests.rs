//! Encryption against Python, against itself, and against what is no key.

use super::*;
use std::fs;
use std::path::PathBuf;

/// The key of bytes 0 to 31, and one of zeros.
const KEYS: [&str; 2] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.keys");
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    set_mode(&path, 0o600);
    (folder, path)
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn keys(text: &str) -> EncryptionKeys {
    let (_folder, path) = file(text);
    EncryptionKeys::open(&path).unwrap()
}

#[test]
fn only_the_same_place_and_key_give_a_secret_again() {
    let first = keys(KEYS[0]);
    // SHA-256 of the context and the key, by Python's hashlib.
    assert_eq!(first.name(), "399b33742fba6332");
    let kept = first
        .encrypt("second_factor/usr_1", b"twenty bytes of text")
        .unwrap();
    assert_eq!(kept.key.as_deref(), Some("399b33742fba6332"));
    assert_eq!(kept.bytes.len(), 12 + 20 + 16);
    let again = first
        .encrypt("second_factor/usr_1", b"twenty bytes of text")
        .unwrap();
    assert_ne!(kept, again);
    let read = first.decrypt("second_factor/usr_1", kept.clone()).unwrap();
    assert_eq!(read.as_slice(), b"twenty bytes of text");
    let place = "second_factor/usr_2";
    let changed = EncryptionError::Changed(place.to_owned());
    assert_eq!(first.decrypt(place, kept.clone()), Err(changed));
    let changed = EncryptionError::Changed("second_factor/usr_1".to_owned());
    for at in 0..kept.bytes.len() {
        let mut other = kept.clone();
        other.bytes[at] ^= 1;
        assert_eq!(
            first.decrypt("second_factor/usr_1", other),
            Err(changed.clone())
        );
        let short = Encrypted {
            bytes: kept.bytes[..at].to_vec(),
            ..kept.clone()
        };
        assert_eq!(
            first.decrypt("second_factor/usr_1", short),
            Err(changed.clone())
        );
    }
    let unknown = keys(KEYS[1])
        .decrypt("second_factor/usr_1", kept)
        .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "second_factor/usr_1 was encrypted with the key 399b33742fba6332, which is not in the file of keys \
         (`auth.encryption_keys`): put back the file that had it"
    );
}

#[test]
fn what_python_encrypted_is_read() {
    // AESGCM(bytes(range(32))).encrypt(bytes(range(12)), b"secret", b"place") of the package cryptography.
    let bytes = hex("000102030405060708090a0b3467b569a091e6dd7ef3439cdc3e169f4e72babce5a3");
    let kept = Encrypted {
        key: Some("399b33742fba6332".to_owned()),
        bytes,
    };
    assert_eq!(
        keys(KEYS[0]).decrypt("place", kept).unwrap().as_slice(),
        b"secret"
    );
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_first_key_of_a_file_encrypts_and_all_decrypt() {
    let old = keys(KEYS[0]).encrypt("a", b"old").unwrap();
    let both = keys(&format!("# the new one\n{}\n\n  {}\n", KEYS[1], KEYS[0]));
    assert_eq!(both.decrypt("a", old).unwrap().as_slice(), b"old");
    let new = both.encrypt("a", b"new").unwrap();
    assert_eq!(keys(KEYS[1]).decrypt("a", new).unwrap().as_slice(), b"new");
    let clear = Encrypted {
        key: None,
        bytes: b"clear".to_vec(),
    };
    let changed = EncryptionError::Changed("a".to_owned());
    assert_eq!(both.decrypt("a", clear.clone()), Err(changed));
    assert_eq!(
        both.decrypt_or_take("a", clear).unwrap().as_slice(),
        b"clear"
    );
}

#[test]
fn a_file_is_made_once_and_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services").join("auth.keys");
    let made = EncryptionKeys::open(&path).unwrap();
    assert_eq!(made, EncryptionKeys::open(&path).unwrap());
    // Another process made one meanwhile.
    assert_eq!(made, EncryptionKeys::create(&path).unwrap());
    let other = EncryptionKeys::open(&folder.path().join("other.keys")).unwrap();
    assert_ne!(made, other);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["auth.keys"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let folder = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        set_mode(&path, 0o644);
        let open = EncryptionKeys::open(&path).unwrap_err().to_string();
        assert_eq!(
            open,
            format!(
                "{} has mode 644, so others can open it: chmod 600 it",
                path.display()
            )
        );
    }
}

#[test]
fn a_file_of_something_else_is_refused_with_its_line() {
    for (text, why) in [
        ("", "there is no key in it"),
        ("# AAAA", "there is no key in it"),
        ("\nAAAA\n", "line 2 is no key of 32 bytes in base64url"),
        (
            &format!("{}=", KEYS[0]),
            "line 1 is no key of 32 bytes in base64url",
        ),
    ] {
        let (_folder, path) = file(text);
        let error = EncryptionKeys::open(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {why}", path.display()));
    }
}
