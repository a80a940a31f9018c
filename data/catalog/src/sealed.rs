//! Entries of the index as JSON with a hash of themselves, so that no byte of one can change unnoticed.
//!
//! The last field of such an entry is `xxh3`, the XXH3-128 of the text without it. Entries of earlier versions have none, and are read as
//! they are. Pure: whoever reads and writes files calls this.

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_128;

/// What stands between the fields and the hash.
const BEFORE: &str = ",\n  \"xxh3\": \"";
/// What stands behind it.
const AFTER: &str = "\"\n}";
/// How the text without it ends.
const END: &str = "\n}";
/// Digits of the hash.
const DIGITS: usize = 32;

/// An entry as text. The type is a struct with at least one field, and is read by one that refuses unknown fields.
pub(crate) fn seal<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain fields are JSON");
    let hash = xxh3_128(&text);
    if text.ends_with(END.as_bytes()) {
        text.truncate(text.len() - END.len());
        text.extend_from_slice(format!("{BEFORE}{hash:032x}{AFTER}").as_bytes());
    }
    text
}

/// Whether an entry has a hash.
pub(crate) fn is_sealed(text: &[u8]) -> bool {
    part(text).is_some()
}

/// An entry from its text; what is wrong with it, in words, if it is none or is not as it was written.
pub(crate) fn unseal<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let Some((fields, hash)) = part(text) else {
        return serde_json::from_slice(text).map_err(|error| error.to_string());
    };
    let whole = [fields, END.as_bytes()].concat();
    let found = format!("{:032x}", xxh3_128(&whole));
    if found.as_bytes() != hash {
        let told = String::from_utf8_lossy(hash);
        return Err(format!(
            "content with the hash {found}, where it says {told}"
        ));
    }
    serde_json::from_slice(&whole).map_err(|error| error.to_string())
}

/// The fields and the digits of the hash.
fn part(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_suffix(AFTER.as_bytes())?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let is_hash = hash.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let fields = rest.strip_suffix(BEFORE.as_bytes())?;
    is_hash.then_some((fields, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        name: String,
        rows: u64,
        more: serde_json::Value,
    }

    fn entry() -> Entry {
        Entry {
            name: "é \"xxh3\": \"0\"\n}".to_owned(),
            rows: 10,
            more: serde_json::json!({"a": [1, 2, {"b": null}]}),
        }
    }

    #[test]
    fn its_text_is_a_contract() {
        let text = String::from_utf8(seal(&std::collections::BTreeMap::from([("a", 1)]))).unwrap();
        let hash = format!("{:032x}", xxh3_128(b"{\n  \"a\": 1\n}"));
        assert_eq!(text, format!("{{\n  \"a\": 1,\n  \"xxh3\": \"{hash}\"\n}}"));
    }

    #[test]
    fn what_is_sealed_is_read_and_without_a_hash_too() {
        let text = seal(&entry());
        assert!(is_sealed(&text));
        assert_eq!(unseal::<Entry>(&text), Ok(entry()));
        let plain = serde_json::to_vec_pretty(&entry()).unwrap();
        assert!(!is_sealed(&plain));
        assert_eq!(unseal::<Entry>(&plain), Ok(entry()));
    }

    #[test]
    fn every_byte_that_is_another_is_noticed() {
        let text = seal(&entry());
        for at in 0..text.len() {
            for by in 1..=u8::MAX {
                let mut other = text.clone();
                other[at] ^= by;
                assert!(unseal::<Entry>(&other).is_err(), "byte {at} by {by}");
            }
            assert!(unseal::<Entry>(&text[..at]).is_err(), "cut at {at}");
        }
    }
}
