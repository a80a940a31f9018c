//! Seals what is personal with a key per person: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits, as
//! `NONCE || CIPHERTEXT || TAG` in base64url. A person has few events, far fewer than the 2^32 that a random nonce allows a key.

use crate::credential::random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;
use thiserror::Error;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// Why something cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SealError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// It was sealed with another key, or changed.
    #[error("what is sealed cannot be opened with this key")]
    Sealed,
    /// The key has another length than keys have.
    #[error("a key of a person has another length than {KEY_BYTES} bytes")]
    Key,
}

/// The key with which what is personal of one account is sealed.
pub(crate) struct PersonKey {
    bytes: [u8; KEY_BYTES],
}

impl PersonKey {
    pub(crate) fn make() -> Result<PersonKey, SealError> {
        let bytes = random().map_err(|_| SealError::NoRandomness)?;
        Ok(PersonKey { bytes })
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<PersonKey, SealError> {
        let bytes = bytes.try_into().map_err(|_| SealError::Key)?;
        Ok(PersonKey { bytes })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn seal(&self, text: &str) -> Result<String, SealError> {
        let nonce: [u8; NONCE_LEN] = random().map_err(|_| SealError::NoRandomness)?;
        let mut sealed = text.as_bytes().to_vec();
        let at = Nonce::assume_unique_for_key(nonce);
        let done = self
            .key()?
            .seal_in_place_append_tag(at, Aad::empty(), &mut sealed);
        done.map_err(|_| SealError::Sealed)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub(crate) fn open(&self, sealed: &str) -> Result<String, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed);
        let bytes = bytes.map_err(|_| SealError::Sealed)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Sealed)?;
        let mut rest = rest.to_vec();
        let opened = self.key()?.open_in_place(nonce, Aad::empty(), &mut rest);
        let opened = opened.map_err(|_| SealError::Sealed)?;
        String::from_utf8(opened.to_vec()).map_err(|_| SealError::Sealed)
    }

    fn key(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.bytes);
        Ok(LessSafeKey::new(key.map_err(|_| SealError::Key)?))
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_comes_back_and_nothing_else_does() {
        let key = PersonKey::make().unwrap();
        let sealed = key.seal("Ada").unwrap();
        assert_ne!(sealed, key.seal("Ada").unwrap());
        assert_eq!(key.open(&sealed).unwrap(), "Ada");
        let same = PersonKey::of_bytes(key.bytes()).unwrap();
        assert_eq!(same.open(&sealed).unwrap(), "Ada");
        let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(&bytes);
            assert_eq!(key.open(&changed), Err(SealError::Sealed), "byte {at}");
            bytes[at] ^= 1;
        }
        for wrong in ["", "AAAA", "~"] {
            assert_eq!(key.open(wrong), Err(SealError::Sealed), "{wrong}");
        }
        assert_eq!(PersonKey::of_bytes(&[0; 31]).unwrap_err(), SealError::Key);
    }
}
