//! Public keys of CURVE (CurveZMQ, ZeroMQ RFC 26), by which a subscriber of the publisher proves which account it is of. A key is
//! written in Z85 (ZeroMQ RFC 32): 40 characters for 32 bytes.
//!
//! Only public keys are taken. A client makes its pair with its own ZeroMQ library (`zmq_curve_keypair`), so that the secret half is
//! never anywhere else; it could not be made here with ring, whose private keys of X25519 cannot be written down.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Bytes of a key.
pub const CURVE_KEY_BYTES: usize = 32;
/// Characters of a key in Z85.
pub const CURVE_KEY_CHARACTERS: usize = 40;

/// The digits of Z85, by value.
const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// A public key of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurveKey([u8; CURVE_KEY_BYTES]);

/// Why a text is no public key of CURVE.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CurveKeyError {
    /// It is not of the right length.
    #[error("a CURVE key has {CURVE_KEY_CHARACTERS} characters of Z85, this has {characters}")]
    Length {
        /// How many it has.
        characters: usize,
    },
    /// A character that Z85 does not have, or five that are more than 2^32.
    #[error("the CURVE key is wrong at character {at}: expected Z85")]
    Character {
        /// Which one, from 1.
        at: usize,
    },
    /// A key that no client has: with it, anybody could read what is encrypted for it, or it has a second spelling.
    #[error(
        "this is no public key of CURVE: make a pair with your ZeroMQ library and give its public half"
    )]
    Weak,
}

impl CurveKey {
    /// A key from its bytes, as ZeroMQ hands it to an authenticator (ZAP, ZeroMQ RFC 27).
    ///
    /// # Errors
    /// [`CurveKeyError::Weak`].
    pub fn from_bytes(bytes: [u8; CURVE_KEY_BYTES]) -> Result<CurveKey, CurveKeyError> {
        if !is_canonical(&bytes) || !is_of_large_order(&bytes) {
            return Err(CurveKeyError::Weak);
        }
        Ok(CurveKey(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; CURVE_KEY_BYTES] {
        &self.0
    }

    /// What people compare: `SHA256:` and the hash of the bytes in base64 without padding, as OpenSSH shows a key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.0);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(hash))
    }
}

impl FromStr for CurveKey {
    type Err = CurveKeyError;

    /// Reads a key in Z85.
    fn from_str(text: &str) -> Result<CurveKey, CurveKeyError> {
        let characters = text.chars().count();
        if characters != CURVE_KEY_CHARACTERS || text.len() != CURVE_KEY_CHARACTERS {
            return Err(CurveKeyError::Length { characters });
        }
        let mut bytes = [0; CURVE_KEY_BYTES];
        let groups = text
            .as_bytes()
            .chunks_exact(5)
            .zip(bytes.chunks_exact_mut(4));
        for (group, (digits, place)) in groups.enumerate() {
            let mut value = 0_u32;
            for (number, digit) in digits.iter().enumerate() {
                let at = group * 5 + number + 1;
                let wrong = CurveKeyError::Character { at };
                let known = Z85.iter().position(|known| known == digit).ok_or(wrong)?;
                let known = u32::try_from(known).map_err(|_| wrong)?;
                let next = value
                    .checked_mul(85)
                    .and_then(|value| value.checked_add(known));
                value = next.ok_or(wrong)?;
            }
            place.copy_from_slice(&value.to_be_bytes());
        }
        CurveKey::from_bytes(bytes)
    }
}

impl fmt::Display for CurveKey {
    /// Writes it in Z85.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in self.0.chunks_exact(4) {
            let mut value = group
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte));
            let mut digits = [0; 5];
            for digit in digits.iter_mut().rev() {
                *digit = Z85[(value % 85) as usize];
                value /= 85;
            }
            for digit in digits {
                write!(formatter, "{}", char::from(digit))?;
            }
        }
        Ok(())
    }
}

/// Whether it is the one spelling of its point: a number below 2^255 - 19 (RFC 7748, section 5), whose bytes, the lowest first, are
/// 0xed, thirty times 0xff, 0x7f.
fn is_canonical(bytes: &[u8; CURVE_KEY_BYTES]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    let is_at_the_end = *highest == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    *highest < 0x80 && !(is_at_the_end && *lowest >= 0xed)
}

/// Whether a secret that is agreed on with it depends on the other side (RFC 7748, section 6.1): ring refuses to agree otherwise.
fn is_of_large_order(bytes: &[u8; CURVE_KEY_BYTES]) -> bool {
    let Ok(own) = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()) else {
        return false;
    };
    agree_ephemeral(own, &UnparsedPublicKey::new(&X25519, bytes), |_| ()).is_ok()
}

#[cfg(test)]
mod tests;
