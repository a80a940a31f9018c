//! The keys that sign access tokens, and how one takes the place of another. A key is `next` while whoever checks tokens learns of it,
//! `current` while it signs, `retired` while a token that it signed may be valid, and then gone.
//!
//! A ring is a value: [`KeyRing::rotate`] gives the ring that is right at a time. The service stores what [`KeyRing::stored`] gives in
//! one transaction, in the place of the ring that it was made of and of no other, and signs with it only after that.

mod policy;
mod signing;

pub use policy::{KeyPolicy, ROTATE_AFTER_S, TOKEN_LIFETIME_MAX_S, TOKEN_LIFETIME_S};
pub use signing::SigningKey;

use super::{NoRandomness, time_id};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use tickloom_chassis::token::{
    Algorithm, Claims, JWKS_AGE_MAX_S, KeySet, LEEWAY_MAX_S, TOKEN_BYTES_MAX,
};
use tickloom_types::{NANOS_PER_SECOND, Ts};
use zeroize::Zeroizing;

/// Seconds that a key is published before it signs: as long as a set of keys is kept elsewhere, and half as long again.
pub const PUBLISHED_AHEAD_S: i64 = JWKS_AGE_MAX_S + JWKS_AGE_MAX_S / 2;

/// Seconds that a retired key is still published: as long as any token may be valid, whatever the configuration was when it was made.
const RETIRED_FOR_S: i64 = TOKEN_LIFETIME_MAX_S as i64 + LEEWAY_MAX_S as i64;

/// What can go wrong with keys.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A setting that is out of its range.
    #[error("{name} is {value} s, expected {least} to {most}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What was asked for.
        value: u32,
        /// The least that is taken.
        least: u32,
        /// The most that is taken.
        most: u32,
    },
    /// A stored key that cannot be used.
    #[error("the stored key {kid} cannot be used: {why}")]
    Stored {
        /// Its name.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Stored keys that are no ring.
    #[error(
        "the stored keys are {current} current and {next} next ones, expected one current and at most one next"
    )]
    Ring {
        /// Current ones.
        current: usize,
        /// Next ones.
        next: usize,
    },
    /// A token would be so long that nobody looks at it.
    #[error("an access token would have {bytes} bytes, expected at most {TOKEN_BYTES_MAX}")]
    TokenTooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// A key does not sign.
    #[error("a key does not sign")]
    Sign,
    /// What a token or a set says cannot be written as JSON.
    #[error("JSON cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// It is published, and signs nothing yet.
    Next,
    /// It signs.
    Current,
    /// It signs no more, and is published while a token that it signed may be valid.
    Retired,
}

impl KeyState {
    /// Its name, to be stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Current => "current",
            KeyState::Retired => "retired",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<KeyState> {
        [KeyState::Next, KeyState::Current, KeyState::Retired]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its private half, as PKCS#8 (RFC 5958) in DER. Whoever reads it can make tokens.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// Where it stands.
    pub state: KeyState,
    /// Since when it stands there.
    pub since: Ts,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("state", &self.state)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// Who gets a token, and for what. The rest of its [`Claims`] comes from the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whom it is about: the id of a user or of a machine's account.
    pub subject: String,
    /// Whom it is for.
    pub audience: Vec<String>,
    /// The program that asked for it.
    pub client_id: String,
    /// The session that it belongs to.
    pub session: Option<String>,
    /// What it allows: names with a space between them.
    pub scope: String,
    /// When the person last authenticated.
    pub auth_time: Option<Ts>,
    /// How (RFC 8176).
    pub amr: Vec<String>,
}

#[derive(Clone, Debug)]
struct RingKey {
    key: Arc<SigningKey>,
    state: KeyState,
    since: Ts,
}

impl RingKey {
    fn new(algorithm: Algorithm, state: KeyState, since: Ts) -> Result<RingKey, KeyError> {
        Ok(RingKey {
            key: Arc::new(SigningKey::make(algorithm)?),
            state,
            since,
        })
    }

    /// Whether it has stood where it is for so many seconds.
    fn has_been(&self, seconds: i64, now: Ts) -> bool {
        now >= after(self.since, seconds)
    }
}

/// So many seconds later.
fn after(since: Ts, seconds: i64) -> Ts {
    Ts(since
        .0
        .saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
}

/// All keys that sign or have signed tokens that may be valid.
#[derive(Clone, Debug)]
pub struct KeyRing {
    policy: KeyPolicy,
    /// The one that signs.
    current: RingKey,
    /// The one that will.
    next: Option<RingKey>,
    retired: Vec<RingKey>,
}

impl KeyRing {
    /// The first ring, made at `now`: a key that signs, and the next one.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn begin(policy: KeyPolicy, now: Ts) -> Result<KeyRing, KeyError> {
        Ok(KeyRing {
            current: RingKey::new(policy.algorithm, KeyState::Current, now)?,
            next: Some(RingKey::new(policy.algorithm, KeyState::Next, now)?),
            retired: Vec::new(),
            policy,
        })
    }

    /// The ring that was stored.
    ///
    /// # Errors
    /// [`KeyError::Stored`] if a key is not what its name says, [`KeyError::Ring`] if there is not one current and at most one next.
    pub fn restore(policy: KeyPolicy, stored: Vec<StoredKey>) -> Result<KeyRing, KeyError> {
        let (mut current, mut next, mut retired) = (Vec::new(), Vec::new(), Vec::new());
        for stored in stored {
            let key = SigningKey::from_pkcs8(stored.algorithm, &stored.pkcs8);
            let wrong = |why| KeyError::Stored {
                kid: stored.kid.clone(),
                why,
            };
            let key = key.ok_or_else(|| wrong("it is no PKCS#8 of its algorithm"))?;
            if key.kid() != stored.kid {
                return Err(wrong("its name is that of another key"));
            }
            let place = match stored.state {
                KeyState::Next => &mut next,
                KeyState::Current => &mut current,
                KeyState::Retired => &mut retired,
            };
            place.push(RingKey {
                key: Arc::new(key),
                state: stored.state,
                since: stored.since,
            });
        }
        let wrong = KeyError::Ring {
            current: current.len(),
            next: next.len(),
        };
        let (Some(signs), true, next_key) = (current.pop(), current.is_empty(), next.pop()) else {
            return Err(wrong);
        };
        if !next.is_empty() {
            return Err(wrong);
        }
        Ok(KeyRing {
            policy,
            current: signs,
            next: next_key,
            retired,
        })
    }

    fn keys(&self) -> impl Iterator<Item = &RingKey> {
        let signs = std::iter::once(&self.current);
        signs.chain(&self.next).chain(&self.retired)
    }

    /// Its keys, to be stored: all of them, in the place of all that were.
    #[must_use]
    pub fn stored(&self) -> Vec<StoredKey> {
        self.keys()
            .map(|held| StoredKey {
                kid: held.key.kid().to_owned(),
                algorithm: held.key.algorithm(),
                pkcs8: held.key.pkcs8().clone(),
                state: held.state,
                since: held.since,
            })
            .collect()
    }

    /// The ring that is right at `now`, if it is another than this: keys go whose tokens are all over, a current key that is old
    /// enough is retired and the next one signs, and a next one is made. A key signs only after it was published for
    /// [`PUBLISHED_AHEAD_S`], so that whoever checks tokens with a set that was right at some moment of the last [`JWKS_AGE_MAX_S`]
    /// seconds finds every valid token's key. It may be called as often and as late as one likes.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`]; this ring is as good as before then.
    pub fn rotate(&self, now: Ts) -> Result<Option<KeyRing>, KeyError> {
        let mut ring = self.clone();
        ring.retired.retain(|key| !key.has_been(RETIRED_FOR_S, now));
        let mut is_other = ring.retired.len() != self.retired.len();
        // It has signed nothing: nobody misses it.
        let is_of_policy = |key: &RingKey| key.key.algorithm() == self.policy.algorithm;
        ring.next = ring.next.filter(is_of_policy);
        let is_old = self
            .current
            .has_been(i64::from(self.policy.rotate_after_s), now)
            || !is_of_policy(&self.current);
        if is_old
            && let Some(next) = ring
                .next
                .take_if(|next| next.has_been(PUBLISHED_AHEAD_S, now))
        {
            let before = std::mem::replace(&mut ring.current, next);
            ring.retired.push(RingKey {
                state: KeyState::Retired,
                since: now,
                ..before
            });
            ring.current.state = KeyState::Current;
            ring.current.since = now;
        }
        if ring.next.is_none() {
            ring.next = Some(RingKey::new(self.policy.algorithm, KeyState::Next, now)?);
            is_other = true;
        }
        Ok(is_other.then_some(ring))
    }

    /// When [`KeyRing::rotate`] will next give another ring.
    #[must_use]
    pub fn next_rotation(&self) -> Ts {
        let replaced = after(self.current.since, i64::from(self.policy.rotate_after_s));
        let published = |next: &RingKey| after(next.since, PUBLISHED_AHEAD_S);
        let turn = self.next.as_ref().map_or(Ts(i64::MIN), published);
        let is_of_policy = |key: &RingKey| key.key.algorithm() == self.policy.algorithm;
        let signs = match &self.next {
            Some(next) if !is_of_policy(next) => Ts(i64::MIN),
            None => Ts(i64::MIN),
            Some(_) if !is_of_policy(&self.current) => turn,
            Some(_) => replaced.max(turn),
        };
        let gone = self
            .retired
            .iter()
            .map(|key| after(key.since, RETIRED_FOR_S));
        gone.fold(signs, Ts::min)
    }

    /// The public keys, to check tokens with.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        KeySet::of_keys(self.keys().map(|held| held.key.public()))
    }

    /// The public keys as they are published (RFC 7517). Who fetches them may keep them for [`JWKS_AGE_MAX_S`] seconds.
    ///
    /// # Errors
    /// [`KeyError::Json`].
    pub fn jwks(&self) -> Result<String, KeyError> {
        Ok(self.key_set().to_jwks()?)
    }

    /// A JWT of this type, signed by the current key. What it says is the caller's.
    ///
    /// # Errors
    /// [`KeyError::TokenTooLong`], [`KeyError::Sign`], [`KeyError::Json`].
    pub fn sign_jwt<T: serde::Serialize>(&self, typ: &str, claims: &T) -> Result<String, KeyError> {
        self.current.key.sign_jwt(typ, claims)
    }

    /// What the current key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.current.key.algorithm()
    }

    /// A token, made at `now` and signed by the current key, and what it says.
    ///
    /// # Errors
    /// [`KeyError::TokenTooLong`], [`KeyError::NoRandomness`], [`KeyError::Sign`].
    pub fn issue(&self, request: TokenRequest, now: Ts) -> Result<(String, Claims), KeyError> {
        let seconds = |at: Ts| at.0.div_euclid(NANOS_PER_SECOND);
        let claims = Claims {
            iss: self.policy.issuer.clone(),
            sub: request.subject,
            aud: request.audience,
            client_id: request.client_id,
            exp: seconds(now) + i64::from(self.policy.lifetime_s),
            iat: seconds(now),
            nbf: None,
            jti: format!("tok_{}", time_id(now)?.simple()),
            sid: request.session,
            scope: request.scope,
            auth_time: request.auth_time.map(seconds),
            amr: request.amr,
        };
        Ok((self.current.key.sign_token(&claims)?, claims))
    }
}

#[cfg(test)]
mod tests;
