//! Passwords: what one is, and its hash. Argon2id (RFC 9106) with a random salt of 16 bytes, kept as a PHC text:
//! `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.

mod breached;
mod common;
mod hasher;
mod memory;
mod rules;

pub use breached::{BreachedError, BreachedList};
pub use hasher::Hasher;
use memory::Memory;
pub use rules::Rules;

use super::{NoRandomness, random};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHash, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::hint::black_box;
use subtle::ConstantTimeEq;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Longest password that is taken, in bytes of UTF-8 as it was sent. None is ever cut.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Fewest characters of a new password, in Unicode code points.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;

/// Memory, passes and lanes that OWASP's cheat sheet on password storage asks for at least.
const OWASP: HashParams = HashParams {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};
/// What a hash may cost at most, so that a damaged or planted one does not take the machine: 1 GiB, 16 passes, 16 lanes.
const MOST: HashParams = HashParams {
    memory_kib: 1_048_576,
    passes: 16,
    lanes: 16,
};
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// A password as somebody typed it, in the form NFKC of Unicode (UAX #15), as NIST SP 800-63B asks: the same password typed on
/// another keyboard or system is the same one. It is never shown, and its memory is overwritten when it goes.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password; the text that it came in is overwritten.
    ///
    /// # Errors
    /// [`PasswordRefused::TooLong`].
    pub fn new(text: String) -> Result<Password, PasswordRefused> {
        let text = Zeroizing::new(text);
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::TooLong);
        }
        // Made in one piece: a text that grows leaves parts of itself behind.
        let bytes = text.nfkc().map(char::len_utf8).sum();
        let mut normal = Zeroizing::new(String::with_capacity(bytes));
        normal.extend(text.nfkc());
        Ok(Password(normal))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

/// Why a password is not taken, for the person who chose it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PasswordRefused {
    /// Too few characters.
    #[error(
        "the password has {characters} characters, it needs at least {PASSWORD_CHARACTERS_MIN}: take a few words more"
    )]
    TooShort {
        /// How many it has, in code points.
        characters: usize,
    },
    /// Too many bytes.
    #[error("the password is longer than {PASSWORD_BYTES_MAX} bytes: take a shorter one")]
    TooLong,
    /// A character that another system may write otherwise, so that nobody could sign in there.
    #[error(
        "the password has a character (U+{code:04X}) that not every system knows: leave it out"
    )]
    Unassigned {
        /// Its number in Unicode.
        code: u32,
    },
    /// It is easy to guess.
    #[error("the password is easy to guess: {advice}")]
    Guessable {
        /// What is wrong with it, or what to do, in whole sentences.
        advice: String,
    },
    /// It is among the most common ones.
    #[error(
        "the password is one of those that are tried first: take a few words that have nothing to do with each other"
    )]
    Common,
    /// It is known from a breach of another site.
    #[error(
        "the password was found {times} times in data stolen elsewhere: take one that is used nowhere else"
    )]
    Breached {
        /// How often it was found.
        times: u64,
    },
}

/// What can go wrong with a password. Only [`PasswordError::Refused`] is for the person who chose it.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// A new password is not taken.
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
    /// So many hashes are waiting to be made that one more is not taken. Trying again later helps.
    #[error("too many passwords are being checked at this moment")]
    Busy,
    /// What is stored is no hash of Argon2id, or one that costs more than is allowed.
    #[error("the stored hash of a password cannot be used: {0}")]
    Stored(&'static str),
    /// Parameters that are too weak or too costly.
    #[error("{name} of a password's hash is {value}, expected {least} to {most}")]
    Params {
        /// Which one.
        name: &'static str,
        /// What was asked for.
        value: u32,
        /// The least that is taken.
        least: u32,
        /// The most that is taken.
        most: u32,
    },
    /// The system gives no random bytes for a salt.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// There is no memory for a hash.
    #[error("the hash of a password cannot be made: {0}")]
    Hash(#[from] argon2::Error),
    /// The list of breached passwords.
    #[error(transparent)]
    Breached(#[from] BreachedError),
    /// The thread that made a hash ended without one.
    #[error("the process ends")]
    Stopping,
}

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for HashParams {
    /// The least that is allowed: 19,456 KiB, two passes, one lane (OWASP, password storage).
    fn default() -> HashParams {
        OWASP
    }
}

impl HashParams {
    /// Parameters: memory in KiB (19,456 to 1,048,576), passes over it (2 to 16), lanes (1 to 16).
    ///
    /// # Errors
    /// [`PasswordError::Params`] names the one that is out of its range.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<HashParams, PasswordError> {
        let ranges = [
            ("the memory", memory_kib, OWASP.memory_kib, MOST.memory_kib),
            ("the number of passes", passes, OWASP.passes, MOST.passes),
            ("the number of lanes", lanes, OWASP.lanes, MOST.lanes),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(PasswordError::Params {
                    name,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(HashParams {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// Memory in KiB, passes over it, and lanes.
    #[must_use]
    pub fn parts(self) -> (u32, u32, u32) {
        (self.memory_kib, self.passes, self.lanes)
    }

    /// Makes a hash of the length of `made`.
    fn fill(
        self,
        (password, salt): (&Password, &[u8]),
        made: &mut [u8],
        memory: &mut Memory,
    ) -> Result<(), PasswordError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(made.len()))?;
        let blocks = memory.blocks(params.block_count())?;
        let context = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let password = password.as_str().as_bytes();
        Ok(context.hash_password_into_with_memory(password, salt, made, blocks)?)
    }

    /// Blocks of memory of one hash, 1 KiB each.
    fn blocks(self) -> usize {
        usize::try_from(self.memory_kib).unwrap_or(usize::MAX)
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the password.
    pub matches: bool,
    /// Whether the hash is to be made again with the present parameters, now that the password is known: it matches, and its
    /// parameters are lower.
    pub rehash: bool,
}

/// The hash of a password, with a salt of its own, to be stored. It takes memory and time on purpose: see [`Hasher`].
///
/// # Errors
/// [`PasswordError::NoRandomness`], [`PasswordError::Hash`].
pub fn hash(password: &Password, params: HashParams) -> Result<String, PasswordError> {
    hash_in(password, params, &mut Memory::default())
}

fn hash_in(
    password: &Password,
    params: HashParams,
    memory: &mut Memory,
) -> Result<String, PasswordError> {
    let salt: [u8; SALT_BYTES] = random()?;
    let mut made = Zeroizing::new([0; HASH_BYTES]);
    params.fill((password, &salt), made.as_mut(), memory)?;
    let (salt, made) = (
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(&made[..]),
    );
    let HashParams {
        memory_kib,
        passes,
        lanes,
    } = params;
    Ok(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${made}"
    ))
}

/// Whether a password is the one that `stored` was made of. The comparison takes the same time whatever it finds.
///
/// # Errors
/// [`PasswordError::Stored`], [`PasswordError::Hash`]; a hash that cannot be read matches nothing.
pub fn verify(
    stored: &str,
    password: &Password,
    params: HashParams,
) -> Result<Verdict, PasswordError> {
    verify_in((stored, password), params, &mut Memory::default())
}

fn verify_in(
    (stored, password): (&str, &Password),
    params: HashParams,
    memory: &mut Memory,
) -> Result<Verdict, PasswordError> {
    let stored = StoredHash::parse(stored)?;
    let mut made = Zeroizing::new(vec![0; stored.hash.len()]);
    stored
        .params
        .fill((password, &stored.salt), &mut made, memory)?;
    let matches = bool::from(made.ct_eq(&stored.hash));
    let is_lower = stored.params.memory_kib < params.memory_kib
        || stored.params.passes < params.passes
        || stored.params.lanes < params.lanes
        || stored.hash.len() < HASH_BYTES
        || stored.salt.len() < SALT_BYTES;
    Ok(Verdict {
        matches,
        rehash: matches && is_lower,
    })
}

/// The same work as [`verify`] for an account that does not exist, so that the time of an answer does not tell which ones do.
///
/// # Errors
/// [`PasswordError::Hash`].
pub fn burn(password: &Password, params: HashParams) -> Result<(), PasswordError> {
    burn_in(password, params, &mut Memory::default())
}

fn burn_in(
    password: &Password,
    params: HashParams,
    memory: &mut Memory,
) -> Result<(), PasswordError> {
    let mut made = Zeroizing::new([0; HASH_BYTES]);
    params.fill((password, &[0; SALT_BYTES]), made.as_mut(), memory)?;
    black_box(&made);
    Ok(())
}

/// What a stored text says.
struct StoredHash {
    params: HashParams,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl StoredHash {
    fn parse(text: &str) -> Result<StoredHash, PasswordError> {
        let wrong = PasswordError::Stored;
        let stored = PasswordHash::new(text).map_err(|_| wrong("it is no PHC text"))?;
        if stored.algorithm != ARGON2ID_IDENT {
            return Err(wrong("it is not of Argon2id"));
        }
        if stored.version != Some(Version::V0x13.into()) {
            return Err(wrong("it is not of version 19 of Argon2"));
        }
        if stored
            .params
            .iter()
            .any(|(name, _)| !["m", "t", "p"].contains(&name.as_str()))
        {
            return Err(wrong("it has parameters other than m, t and p"));
        }
        let number = |name: &str| stored.params.get_decimal(name);
        let (Some(memory_kib), Some(passes), Some(lanes)) = (number("m"), number("t"), number("p"))
        else {
            return Err(wrong("m, t or p is missing"));
        };
        if memory_kib > MOST.memory_kib || passes > MOST.passes || lanes > MOST.lanes {
            return Err(wrong("it costs more than is allowed"));
        }
        let (Some(salt), Some(hash)) = (stored.salt, stored.hash) else {
            return Err(wrong("the salt or the hash is missing"));
        };
        Ok(StoredHash {
            params: HashParams {
                memory_kib,
                passes,
                lanes,
            },
            salt: salt.as_ref().to_vec(),
            hash: hash.as_bytes().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests;
