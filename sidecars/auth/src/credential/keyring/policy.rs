//! How keys are made and replaced, and how long what they sign is valid.

use super::KeyError;
use tickloom_chassis::token::Algorithm;

/// Seconds that an access token is valid, unless the configuration says otherwise.
pub const TOKEN_LIFETIME_S: u32 = 300;
/// Longest that an access token may be valid, in seconds.
pub const TOKEN_LIFETIME_MAX_S: u32 = 3600;
/// Seconds after which a key is replaced, unless the configuration says otherwise: 30 days.
pub const ROTATE_AFTER_S: u32 = 30 * 86_400;

const ROTATE_AFTER_MIN_S: u32 = 3600;
const ROTATE_AFTER_MAX_S: u32 = 366 * 86_400;

/// How keys are made and replaced, and what they sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    pub(super) issuer: String,
    pub(super) algorithm: Algorithm,
    pub(super) rotate_after_s: u32,
    pub(super) lifetime_s: u32,
}

impl KeyPolicy {
    /// The policy of this issuer (the URL of the auth service), with Ed25519 and the times of [`ROTATE_AFTER_S`] and [`TOKEN_LIFETIME_S`].
    #[must_use]
    pub fn new(issuer: &str) -> KeyPolicy {
        KeyPolicy {
            issuer: issuer.to_owned(),
            algorithm: Algorithm::EdDsa,
            rotate_after_s: ROTATE_AFTER_S,
            lifetime_s: TOKEN_LIFETIME_S,
        }
    }

    /// The same, with keys of this algorithm from now on. A ring takes it up at its next rotation.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> KeyPolicy {
        self.algorithm = algorithm;
        self
    }

    /// The same, with other times, in seconds: a key is replaced after one hour to 366 days, a token is valid for 1 second to one hour.
    ///
    /// # Errors
    /// [`KeyError::Setting`].
    pub fn with_times(self, rotate_after_s: u32, lifetime_s: u32) -> Result<KeyPolicy, KeyError> {
        let (age, lifetime) = ("the age at which a key is replaced", "the life of a token");
        let ranges = [
            (age, rotate_after_s, ROTATE_AFTER_MIN_S, ROTATE_AFTER_MAX_S),
            (lifetime, lifetime_s, 1, TOKEN_LIFETIME_MAX_S),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(KeyError::Setting {
                    name,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(KeyPolicy {
            rotate_after_s,
            lifetime_s,
            ..self
        })
    }
}
