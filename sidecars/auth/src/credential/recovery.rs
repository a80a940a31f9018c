//! Recovery codes: ten codes of 80 random bits, each good for one sign-in without the second factor. They are written in Crockford's
//! base 32 in groups of four, `7N3K-0QZD-X4HM-9WTB`, and read with tolerance: any case, `O` for 0, `I` and `L` for 1, spaces and dashes anywhere.
//!
//! What is stored is SHA-256 of the 80 bits. A slow hash is for what people choose; nobody goes through 2^80.

use super::{NoRandomness, base32, random};
use ring::digest::{SHA256, digest};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// How many codes a person gets.
pub const RECOVERY_CODES: usize = 10;
/// Bytes of a stored code.
pub const RECOVERY_HASH_BYTES: usize = 32;

const BYTES: usize = 10;
/// Symbols of a code: 80 bits, five a symbol.
const SYMBOLS: usize = BYTES * 8 / 5;
const GROUP: usize = 4;
/// Crockford's: without I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// More than a code with a space after every symbol has: longer input is not looked at.
const INPUT_BYTES_MAX: usize = 64;

/// A text that is no recovery code.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this is no recovery code: it has {SYMBOLS} letters and digits")]
pub struct NoRecoveryCode;

/// A code, as it is shown once or as somebody typed it.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<[u8; BYTES]>);

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode(..)")
    }
}

/// Ten new codes, which take the place of all before them.
///
/// # Errors
/// [`NoRandomness`].
pub fn make() -> Result<Vec<RecoveryCode>, NoRandomness> {
    (0..RECOVERY_CODES)
        .map(|_| Ok(RecoveryCode(Zeroizing::new(random()?))))
        .collect()
}

impl RecoveryCode {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// [`NoRecoveryCode`] if it is none, whatever was stored.
    pub fn parse(text: &str) -> Result<RecoveryCode, NoRecoveryCode> {
        if text.len() > INPUT_BYTES_MAX {
            return Err(NoRecoveryCode);
        }
        let (mut bits, mut symbols) = (0_u128, 0);
        for letter in text
            .chars()
            .filter(|letter| *letter != ' ' && *letter != '-')
        {
            let value = value(letter).ok_or(NoRecoveryCode)?;
            symbols += 1;
            if symbols > SYMBOLS {
                return Err(NoRecoveryCode);
            }
            bits = bits << 5 | value;
        }
        if symbols != SYMBOLS {
            return Err(NoRecoveryCode);
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        let all = Zeroizing::new(bits.to_be_bytes());
        bytes.copy_from_slice(&all[16 - BYTES..]);
        Ok(RecoveryCode(bytes))
    }

    /// The code for the eyes of its owner, in groups of four.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        let symbols = Zeroizing::new(base32(&*self.0, ALPHABET));
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS + SYMBOLS / GROUP));
        for (number, symbol) in symbols.chars().enumerate() {
            if number > 0 && number % GROUP == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }

    /// What to store of it.
    #[must_use]
    pub fn hash(&self) -> [u8; RECOVERY_HASH_BYTES] {
        let mut hash = [0; RECOVERY_HASH_BYTES];
        hash.copy_from_slice(digest(&SHA256, &*self.0).as_ref());
        hash
    }
}

/// The five bits of a symbol.
fn value(letter: char) -> Option<u128> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        letter => letter,
    };
    let at = ALPHABET
        .iter()
        .position(|known| char::from(*known) == letter)?;
    u128::try_from(at).ok()
}

#[cfg(test)]
mod tests;
