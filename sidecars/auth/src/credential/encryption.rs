//! Encrypts what has to be kept secret and yet read again, which is the keys that sign and the secrets of second factors, with keys
//! that are in a file and not in the database: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits, kept as
//! `NONCE || CIPHERTEXT || TAG`. What it belongs to is authenticated with it, so that nothing encrypted is good in another place.
//!
//! The file has keys of 256 bits in base64url, one a line, `#` before remarks. The first encrypts, all decrypt: a key is changed by a
//! new line above it, and is not needed any more after the next start.

mod file;

pub use file::{EncryptionKeySource, KeyFileError};

use super::{NoRandomness, random};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of the hash that names a key.
const NAME_BYTES: usize = 8;
/// What the name of a key is the hash of, before the key: names tell nothing of keys.
const NAME_CONTEXT: &[u8] = b"tickloom auth encryption key";

/// A key, and its name.
struct Key {
    name: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// The keys that encrypt what is kept: at least one.
pub struct EncryptionKeys {
    first: Key,
    older: Vec<Key>,
}

/// What is kept of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// The name of the key that it was encrypted with; `None` for what is not encrypted.
    pub key: Option<String>,
    /// As it is kept.
    pub bytes: Vec<u8>,
}

/// Why a secret cannot be read or kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncryptionError {
    /// The key is not in the file.
    #[error(
        "{place} was encrypted with the key {name}, which is not in the file of keys (`auth.encryption_keys`): put back the file that had it"
    )]
    UnknownKey {
        /// What was encrypted.
        place: String,
        /// The name of the key.
        name: String,
    },
    /// It was changed, or belongs to something else.
    #[error("{0} is not as it was encrypted")]
    Changed(String),
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why a text is no file of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyTextError {
    /// A line is no key.
    #[error("line {0} is no key of 32 bytes in base64url")]
    Line(usize),
    /// There is no key in it.
    #[error("there is no key in it")]
    Empty,
}

impl EncryptionKeys {
    /// One new key.
    fn make() -> Result<EncryptionKeys, NoRandomness> {
        let bytes = Zeroizing::new(random()?);
        Ok(EncryptionKeys {
            first: Key::new(bytes),
            older: Vec::new(),
        })
    }

    /// The keys of a text as it is in a file.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse(text: &str) -> Result<EncryptionKeys, KeyTextError> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|(at, line)| Key::parse(line).ok_or(KeyTextError::Line(at)));
        let mut keys = keys.collect::<Result<Vec<Key>, _>>()?.into_iter();
        Ok(EncryptionKeys {
            first: keys.next().ok_or(KeyTextError::Empty)?,
            older: keys.collect(),
        })
    }

    /// The name of the key that encrypts: 16 digits of its hash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.first.name
    }

    /// Encrypts a secret of a place, such as `second_factor/usr_1`.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandomness`].
    pub fn encrypt(&self, place: &str, secret: &[u8]) -> Result<Encrypted, EncryptionError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut bytes = secret.to_vec();
        let changed = |_| EncryptionError::Changed(place.to_owned());
        let (at, aad) = (
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
        );
        let sealed = self.first.cipher().map_err(changed)?;
        sealed
            .seal_in_place_append_tag(at, aad, &mut bytes)
            .map_err(changed)?;
        Ok(Encrypted {
            key: Some(self.first.name.clone()),
            bytes: [nonce.as_slice(), &bytes].concat(),
        })
    }

    /// The secret that was encrypted for this place, or as it was kept by a version that encrypted nothing: for the start, which encrypts
    /// it.
    ///
    /// # Errors
    /// [`EncryptionError::UnknownKey`], [`EncryptionError::Changed`].
    pub fn decrypt_or_take(
        &self,
        place: &str,
        kept: Encrypted,
    ) -> Result<Zeroizing<Vec<u8>>, EncryptionError> {
        match kept.key {
            Some(_) => self.decrypt(place, kept),
            None => Ok(Zeroizing::new(kept.bytes)),
        }
    }

    /// The secret that was encrypted for this place.
    ///
    /// # Errors
    /// [`EncryptionError::UnknownKey`]; [`EncryptionError::Changed`], also for what is not encrypted: whoever can write to the database
    /// and has no key cannot put a secret of their own there.
    pub fn decrypt(
        &self,
        place: &str,
        kept: Encrypted,
    ) -> Result<Zeroizing<Vec<u8>>, EncryptionError> {
        let Some(name) = kept.key else {
            return Err(EncryptionError::Changed(place.to_owned()));
        };
        let mut keys = std::iter::once(&self.first).chain(&self.older);
        let Some(key) = keys.find(|key| key.name == name) else {
            let place = place.to_owned();
            return Err(EncryptionError::UnknownKey { place, name });
        };
        let changed = || EncryptionError::Changed(place.to_owned());
        let nonce = kept.bytes.get(..NONCE_LEN).ok_or_else(changed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| changed())?;
        let mut rest = Zeroizing::new(kept.bytes);
        rest.drain(..NONCE_LEN);
        let cipher = key.cipher().map_err(|_| changed())?;
        let opened = cipher.open_in_place(nonce, Aad::from(place.as_bytes()), &mut rest);
        let length = opened.map_err(|_| changed())?.len();
        rest.truncate(length);
        Ok(rest)
    }
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Key {
        let hash = digest(&SHA256, &[NAME_CONTEXT, bytes.as_slice()].concat());
        let name = hash.as_ref().iter().take(NAME_BYTES);
        Key {
            name: name.map(|byte| format!("{byte:02x}")).collect(),
            bytes,
        }
    }

    fn parse(line: &str) -> Option<Key> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(line).ok()?);
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()?;
        Some(Key::new(Zeroizing::new(bytes)))
    }

    fn line(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.bytes.as_slice()))
    }

    fn cipher(&self) -> Result<LessSafeKey, ring::error::Unspecified> {
        UnboundKey::new(&AES_256_GCM, self.bytes.as_slice()).map(LessSafeKey::new)
    }
}

impl PartialEq for EncryptionKeys {
    /// Whether they have the same names, which are hashes of them.
    fn eq(&self, other: &EncryptionKeys) -> bool {
        let names = |keys: &EncryptionKeys| -> Vec<String> {
            let all = std::iter::once(&keys.first).chain(&keys.older);
            all.map(|key| key.name.clone()).collect()
        };
        names(self) == names(other)
    }
}

impl Eq for EncryptionKeys {}

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptionKeys").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests;
