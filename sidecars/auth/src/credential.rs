//! What somebody authenticates with: passwords, passkeys, one-time codes, recovery codes, secrets of programs, access tokens and the keys
//! that sign them, and what secrets are encrypted with. There is no network, no SQL and no clock here; what time it is, is an argument.
//!
//! Formats and parameters, and why they are so, are in `docs/credentials.md`.

pub mod curve;
pub mod encryption;
pub mod keyring;
pub mod passkey;
pub mod password;
pub mod recovery;
pub mod secret;
pub mod totp;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;
use tickloom_types::Ts;
use uuid::Uuid;

/// The system gave no random bytes. Nothing secret can be made then.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// So many bytes that nobody can foresee.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// SHA-256 of a text as base64url, where the text itself is not to be kept.
pub(crate) fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// An id that sorts by time (UUIDv7: RFC 9562, section 5.7), made at `now`. A time before the epoch counts as the epoch.
fn time_id(now: Ts) -> Result<Uuid, NoRandomness> {
    let millis = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
    let builder = uuid::Builder::from_unix_timestamp_millis(millis, &random()?);
    Ok(builder.into_uuid())
}

/// `bytes` in 32 symbols of five bits each (RFC 4648, section 6), without padding. Only whole groups of five bits are expected.
fn base32(bytes: &[u8], alphabet: &[u8; 32]) -> String {
    let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            let symbol = (bits >> held & 31) as usize;
            text.push(char::from(alphabet[symbol]));
        }
        bits &= (1 << held) - 1;
    }
    text
}
