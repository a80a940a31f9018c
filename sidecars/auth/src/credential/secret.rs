//! Secrets that programs and links carry: keys of an account, refresh tokens, links that are good once, what applications show. Each says what it is, has a
//! public id by which it is found, 256 random bits, and a checksum:
//!
//! ```text
//! tlk_01981c4f2d7a7c3e9f1b2a3c4d5e6f70_Qm3…43 letters and digits…x9_0Zk3Qw
//! tl[abcdgkoprsv]_[0-9a-f]{32}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}
//! ```
//!
//! A scanner finds one that leaked by the pattern and the checksum, without the database, and a slip of the keyboard is told from a
//! secret that was revoked. What is stored is SHA-256 of the whole text: a slow hash protects what people choose, and nobody goes
//! through 2^256; a fast one lets each request be checked.

use super::{NoRandomness, random, time_id};
use ring::digest::{SHA256, digest};
use std::fmt;
use subtle::ConstantTimeEq;
use thiserror::Error;
use tickloom_types::Ts;
use zeroize::Zeroizing;

/// Bytes of a stored hash.
pub const SECRET_HASH_BYTES: usize = 32;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is more than 2^256.
const RANDOM_SYMBOLS: usize = 43;
/// 62^6 is more than 2^32.
const CHECK_SYMBOLS: usize = 6;
const PREFIX_BYTES: usize = 3;
const ID_DIGITS: usize = 32;
/// Bytes up to the end of the id, and of the whole.
const ID_BYTES: usize = PREFIX_BYTES + 1 + ID_DIGITS;
const CHECKED_BYTES: usize = ID_BYTES + 1 + RANDOM_SYMBOLS;
/// Bytes of every secret.
pub const SECRET_BYTES: usize = CHECKED_BYTES + 1 + CHECK_SYMBOLS;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// A key of an account, for programs: `tlk`.
    Key,
    /// What a session is continued with, once: `tlr`.
    Refresh,
    /// What a browser shows of a session, in a cookie: `tlb`.
    Browser,
    /// A link that is good once, sent by mail: `tlo`.
    Link,
    /// What a device keeps on which an account was signed in: `tld`.
    Device,
    /// The secret of an application: `tlc`.
    Client,
    /// A code that an application exchanges for tokens, once: `tla`.
    Code,
    /// What an application continues with, once: `tlg`.
    AppRefresh,
    /// What a device asks with whether it was approved (RFC 8628): `tlv`.
    DeviceCode,
    /// What a request to sign in at a provider is finished with: `tlp`.
    ProviderRequest,
    /// What a browser shows at another site, or on the way there: `tls`.
    Site,
}

impl SecretKind {
    /// The three letters that it begins with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            SecretKind::Key => "tlk",
            SecretKind::Refresh => "tlr",
            SecretKind::Browser => "tlb",
            SecretKind::Link => "tlo",
            SecretKind::Device => "tld",
            SecretKind::Client => "tlc",
            SecretKind::Code => "tla",
            SecretKind::AppRefresh => "tlg",
            SecretKind::DeviceCode => "tlv",
            SecretKind::ProviderRequest => "tlp",
            SecretKind::Site => "tls",
        }
    }

    fn of_prefix(prefix: &str) -> Option<SecretKind> {
        [
            SecretKind::Key,
            SecretKind::Refresh,
            SecretKind::Browser,
            SecretKind::Link,
            SecretKind::Device,
            SecretKind::Client,
            SecretKind::Code,
            SecretKind::AppRefresh,
            SecretKind::DeviceCode,
            SecretKind::ProviderRequest,
            SecretKind::Site,
        ]
        .into_iter()
        .find(|kind| kind.prefix() == prefix)
    }
}

/// A new secret, to be shown once.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for the one who gets it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// What is stored of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// What it is called: its beginning, as in `tlk_01981c4f2d7a7c3e9f1b2a3c4d5e6f70`. It may be shown and logged.
    pub id: String,
    /// SHA-256 of the whole text.
    pub hash: [u8; SECRET_HASH_BYTES],
}

/// What somebody sent as a secret: of the right form, which does not mean that there is such a one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// What it is for.
    pub kind: SecretKind,
    /// What it is called: by this its [`StoredSecret`] is found.
    pub id: String,
    hash: [u8; SECRET_HASH_BYTES],
}

/// Why a text is no secret of ours. It says nothing of which ones there are.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// It does not look like one.
    #[error(
        "this is no secret of Tickloom: one begins with tl, another letter and _, and has {SECRET_BYTES} letters, digits and underscores"
    )]
    Form,
    /// It looks like one, but a letter is wrong.
    #[error("the secret has a slip in it: its checksum is wrong")]
    Checksum,
}

/// A new secret, made at `now`, and what to store of it.
///
/// # Errors
/// [`NoRandomness`].
pub fn make(kind: SecretKind, now: Ts) -> Result<(Secret, StoredSecret), NoRandomness> {
    let id = format!("{}_{}", kind.prefix(), time_id(now)?.simple());
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES));
    text.push_str(&id);
    text.push('_');
    push_random(&mut text)?;
    let check = checksum(&text);
    text.push('_');
    text.push_str(&check);
    let hash = hash(&text);
    Ok((Secret(text), StoredSecret { id, hash }))
}

/// Reads what somebody sent.
///
/// # Errors
/// [`SecretError`].
pub fn parse(text: &str) -> Result<Presented, SecretError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if text.len() != SECRET_BYTES || !text.bytes().all(is_plain) {
        return Err(SecretError::Form);
    }
    let (checked, check) = text.split_at(CHECKED_BYTES);
    let (id, symbols) = checked.split_at(ID_BYTES);
    let (prefix, digits) = id.split_at(PREFIX_BYTES);
    let kind = SecretKind::of_prefix(prefix).ok_or(SecretError::Form)?;
    let parts = [digits, symbols, check].map(|part| part.strip_prefix('_'));
    let [Some(digits), Some(symbols), Some(check)] = parts else {
        return Err(SecretError::Form);
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !digits.bytes().all(is_digit) || symbols.contains('_') || check.contains('_') {
        return Err(SecretError::Form);
    }
    if check != checksum(checked) {
        return Err(SecretError::Checksum);
    }
    Ok(Presented {
        kind,
        id: id.to_owned(),
        hash: hash(text),
    })
}

impl Presented {
    /// Whether it is the secret of this kind of which the hash is stored under its id. The time that it takes does not tell how much of
    /// it is right.
    #[must_use]
    pub fn matches(&self, kind: SecretKind, stored: &[u8; SECRET_HASH_BYTES]) -> bool {
        let same_hash = bool::from(stored.ct_eq(&self.hash));
        self.kind == kind && same_hash
    }
}

/// Letters and digits, each as likely as any other: of a random byte, those of 62 * 4 = 248 values are taken.
fn push_random(text: &mut String) -> Result<(), NoRandomness> {
    let mut wanted = RANDOM_SYMBOLS;
    while wanted > 0 {
        let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(random()?);
        let fair = bytes.iter().filter(|byte| **byte < 248);
        for byte in fair.take(wanted) {
            text.push(char::from(ALPHABET[usize::from(byte % 62)]));
            wanted -= 1;
        }
    }
    Ok(())
}

/// CRC-32 (ISO-HDLC) of a text in base 62, the highest digit first.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut symbols = [b'0'; CHECK_SYMBOLS];
    for symbol in symbols.iter_mut().rev() {
        *symbol = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    symbols.iter().map(|symbol| char::from(*symbol)).collect()
}

fn hash(text: &str) -> [u8; SECRET_HASH_BYTES] {
    let mut hash = [0; SECRET_HASH_BYTES];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests;
