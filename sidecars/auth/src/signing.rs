//! The keys that sign, in memory: what they sign is checked with them, and they change by the clock.

use crate::AuthError;
use crate::credential::encryption::EncryptionKeys;
use crate::credential::keyring::{KeyPolicy, KeyRing, TokenRequest};
use crate::store;
use serde::Deserialize;
use std::sync::{Arc, PoisonError, RwLock};
use tickloom_chassis::token::{Algorithm, Claims, TokenError, Verifier};
use tickloom_chassis::{Database, Write, hold_events};
use tickloom_types::Ts;

/// Whom tokens are for: the services of this process.
pub(crate) const AUDIENCE: &str = "tickloom";

/// The `typ` of an ID token (RFC 7519, section 5.1).
pub(crate) const ID_TOKEN_TYPE: &str = "JWT";

/// What an ID token of ours says of whom it is about.
#[derive(Debug, Deserialize)]
pub(crate) struct IdToken {
    iss: String,
    /// The account.
    pub(crate) sub: String,
    /// The application.
    pub(crate) aud: String,
    /// The login of the application.
    pub(crate) sid: String,
}

/// What is signed and checked with now.
#[derive(Debug)]
struct State {
    ring: KeyRing,
    verifier: Verifier,
    /// The public keys, as they are published.
    jwks: String,
}

/// The keys that sign.
#[derive(Debug)]
pub(crate) struct Signing {
    policy: KeyPolicy,
    issuer: String,
    keys: Arc<EncryptionKeys>,
    state: RwLock<Arc<State>>,
}

impl Signing {
    /// Those that are stored; made and stored if there are none. What is not encrypted with the first of `keys` is now.
    pub(crate) async fn begin(
        database: &Database,
        keys: Arc<EncryptionKeys>,
        (issuer, algorithm): (&str, Algorithm),
        now: Ts,
    ) -> Result<Signing, AuthError> {
        let policy = KeyPolicy::new(issuer).with_algorithm(algorithm);
        let mut write = database.write().await?;
        // Of several processes that look at the same time one makes or changes keys, and the others see what it did.
        hold_events(&mut write).await?;
        let (stored, is_present) =
            store::signing::all(write.connection(), &keys, EncryptionKeys::decrypt_or_take).await?;
        let is_new = stored.is_empty();
        let ring = if is_new {
            KeyRing::begin(policy.clone(), now)?
        } else {
            KeyRing::restore(policy.clone(), stored)?
        };
        if is_new || !is_present {
            store::signing::replace(&mut write, &ring.stored(), &keys).await?;
        }
        store::factor::encrypt_factors(&mut write, &keys).await?;
        write.commit().await?;
        let state = Arc::new(state(issuer, ring)?);
        Ok(Signing {
            policy,
            issuer: issuer.to_owned(),
            keys,
            state: RwLock::new(state),
        })
    }

    /// Changes the keys that are stored if it is time, and returns when it is time next.
    pub(crate) async fn rotate(&self, write: &mut Write, now: Ts) -> Result<Ts, AuthError> {
        let (stored, _) =
            store::signing::all(write.connection(), &self.keys, EncryptionKeys::decrypt).await?;
        let ring = KeyRing::restore(self.policy.clone(), stored)?;
        let Some(next) = ring.rotate(now)? else {
            return Ok(ring.next_rotation());
        };
        store::signing::replace(write, &next.stored(), &self.keys).await?;
        Ok(next.next_rotation())
    }

    /// Takes the keys that are stored: those to which a timer changed, here or in another process.
    pub(crate) async fn reload(&self, database: &Database) -> Result<(), AuthError> {
        let (stored, _) =
            store::signing::all(database.reader(), &self.keys, EncryptionKeys::decrypt).await?;
        let ring = KeyRing::restore(self.policy.clone(), stored)?;
        let state = Arc::new(state(&self.issuer, ring)?);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    /// A token, and what it says.
    pub(crate) fn issue(
        &self,
        request: TokenRequest,
        now: Ts,
    ) -> Result<(String, Claims), AuthError> {
        Ok(self.now().ring.issue(request, now)?)
    }

    /// Who makes tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What is signed with now.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.now().ring.algorithm()
    }

    /// A JWT of this type; `claims` is told what it will be signed with.
    pub(crate) fn sign_jwt<T: serde::Serialize>(
        &self,
        typ: &str,
        claims: impl FnOnce(Algorithm) -> T,
    ) -> Result<String, AuthError> {
        let ring = &self.now().ring;
        Ok(ring.sign_jwt(typ, &claims(ring.algorithm()))?)
    }

    /// What a token for anybody says, if it is one of ours.
    pub(crate) fn verify_for_any(&self, token: &str, now: Ts) -> Result<Claims, TokenError> {
        self.now().verifier.verify_for_any(token, now)
    }

    /// What an ID token says that was made here, whether it is over or not: a hint of who is meant, and no proof of who asks. One whose key
    /// is not published any more is as none.
    pub(crate) fn id_token_of_ours(&self, token: &str) -> Option<IdToken> {
        let keys = self.now().ring.key_set();
        let payload = keys.signed_payload(token, ID_TOKEN_TYPE).ok()?;
        let said: IdToken = serde_json::from_slice(&payload).ok()?;
        (said.iss == self.issuer).then_some(said)
    }

    /// What a token says, if it is to be believed.
    pub(crate) fn verify(&self, token: &str, now: Ts) -> Result<Claims, TokenError> {
        self.now().verifier.verify(token, now)
    }

    /// The public keys, as they are published (RFC 7517).
    pub(crate) fn jwks(&self) -> String {
        self.now().jwks.clone()
    }

    fn now(&self) -> Arc<State> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state)
    }
}

fn state(issuer: &str, ring: KeyRing) -> Result<State, AuthError> {
    Ok(State {
        verifier: Verifier::new(issuer, AUDIENCE, ring.key_set()),
        jwks: ring.jwks()?,
        ring,
    })
}
