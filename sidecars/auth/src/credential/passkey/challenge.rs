//! Challenges that nobody has to keep: each has what it is for and until when in it, and an HMAC of ours. What is kept of one is that it was
//! used, once a passkey has signed it, until it has expired. So asking for challenges costs no row, however often it is done.

use super::PasskeyError;
use crate::credential::{NoRandomness, random};
use ring::hmac;
use std::fmt;
use tickloom_types::Ts;
use zeroize::Zeroizing;

/// How long a challenge is good: 5 minutes (Web Authentication Level 3, section 15.1: at least that long).
pub const CHALLENGE_LIFETIME_NS: i64 = 300_000_000_000;

const TAG: &[u8] = b"tickloom passkey challenge 1\n";
const NONCE_BYTES: usize = 16;
const EXPIRES_BYTES: usize = 8;
const KEY_BYTES: usize = 32;

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new passkey.
    Register,
    /// Signing in with a passkey alone.
    SignIn,
    /// A passkey beside a password.
    SecondFactor,
    /// Authenticating once more in a session.
    StepUp,
}

/// What challenges are made with.
pub struct ChallengeKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    key: hmac::Key,
}

/// A challenge that is used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedChallenge {
    /// Its random part.
    pub nonce: [u8; NONCE_BYTES],
    /// From when on it would not be good any more, in nanoseconds since the epoch.
    pub expires: i64,
}

impl fmt::Debug for ChallengeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeKey(..)")
    }
}

impl Purpose {
    /// Whether the authenticator has to verify who uses it: where a passkey is all that is shown.
    #[must_use]
    pub fn needs_verification(self) -> bool {
        self != Purpose::SecondFactor
    }

    fn byte(self) -> u8 {
        match self {
            Purpose::Register => 1,
            Purpose::SignIn => 2,
            Purpose::SecondFactor => 3,
            Purpose::StepUp => 4,
        }
    }
}

impl ChallengeKey {
    /// A new key.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn make() -> Result<ChallengeKey, NoRandomness> {
        Ok(ChallengeKey::of_bytes(random()?))
    }

    /// A key that was stored.
    #[must_use]
    pub fn of_bytes(bytes: [u8; KEY_BYTES]) -> ChallengeKey {
        ChallengeKey {
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            bytes: Zeroizing::new(bytes),
        }
    }

    /// What to store.
    #[must_use]
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// A new challenge for a purpose in a session (empty before there is one): 16 random bytes, when it expires as 8 bytes with the
    /// highest first, and the HMAC-SHA256 of what it is for, when it expires, the random bytes and the session.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn challenge(
        &self,
        (purpose, session): (Purpose, &str),
        now: Ts,
    ) -> Result<Vec<u8>, NoRandomness> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let expires = now.0.saturating_add(CHALLENGE_LIFETIME_NS).to_be_bytes();
        let message = message((purpose, session), &expires, &nonce);
        let tag = hmac::sign(&self.key, &message);
        Ok([nonce.as_slice(), &expires, tag.as_ref()].concat())
    }

    /// Whether a challenge was made for this purpose in this session, and is good still.
    ///
    /// # Errors
    /// [`PasskeyError::Challenge`]; [`PasskeyError::Expired`].
    pub fn check(
        &self,
        challenge: &[u8],
        bound: (Purpose, &str),
        now: Ts,
    ) -> Result<UsedChallenge, PasskeyError> {
        let none = PasskeyError::Challenge;
        let (nonce, rest) = challenge.split_first_chunk().ok_or(none.clone())?;
        let (expires, tag) = rest
            .split_first_chunk::<EXPIRES_BYTES>()
            .ok_or(none.clone())?;
        let message = message(bound, expires, nonce);
        hmac::verify(&self.key, &message, tag).map_err(|_| none)?;
        let expires = i64::from_be_bytes(*expires);
        if expires <= now.0 {
            return Err(PasskeyError::Expired);
        }
        Ok(UsedChallenge {
            nonce: *nonce,
            expires,
        })
    }
}

/// What the HMAC is of. The session is last, so that no two are the same bytes.
fn message(
    (purpose, session): (Purpose, &str),
    expires: &[u8; EXPIRES_BYTES],
    nonce: &[u8; NONCE_BYTES],
) -> Vec<u8> {
    [TAG, &[purpose.byte()], expires, nonce, session.as_bytes()].concat()
}
