//! Public keys of CURVE: by which account a ZeroMQ client is known, and what it may do.

use super::accounts::good_name;
use super::grants::Explained;
use super::keys::{expiry_of_next, key_owner, scopes};
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::curve::CurveKey;
use crate::events::AuthEvent;
use crate::model::{Account, AccountState};
use crate::store::account::unreadable;
use crate::store::curve::CurvePublicKey;
use crate::{AuthError, store};
use serde::Deserialize;
use tickloom_chassis::{ActionPattern, Problem, ProblemCode, Subject, Unauthenticated, Write};
use tickloom_types::Ts;
use utoipa::ToSchema;
use uuid::Uuid;

/// Keys of an account, at most.
const KEYS_MAX: i64 = 100;

/// A public key that is to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCurveKey {
    /// The public half of the client's pair, in 40 characters of Z85 (ZeroMQ RFC 32), as `zmq_curve_keypair` writes it.
    pub(crate) public_key: String,
    /// What it is called: 1 to 200 characters.
    pub(crate) name: String,
    /// What it is for: patterns of actions, such as `topic.read`, `topic.*`, `*.read` or `*`.
    pub(crate) scopes: Vec<String>,
    /// From when on it is not valid, in nanoseconds since the epoch; never if it is left out.
    pub(crate) expires: Option<i64>,
}

impl Auth {
    /// Registers a public key of an account: of one's own, or of a program's.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what is no key; [`ProblemCode::Conflict`] if it is registered already, whosever it is.
    pub(crate) async fn register_curve_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account): (&Subject, &str),
        new: NewCurveKey,
    ) -> Result<CurvePublicKey, AuthError> {
        let account = key_owner(write, by, subject, account).await?;
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let public_key = parsed(&new.public_key)?;
        let name = good_name(&new.name)?;
        if new.expires.is_some_and(|at| at <= by.now.0) {
            return Err(wrong("`expires` is not later than now").into());
        }
        let scopes = scopes(&new.scopes)?;
        add(write, by, account, (public_key, name, scopes, new.expires)).await
    }

    /// Registers a public key that is for the same as another, which is valid for so many seconds more.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::Refused`] if the other is over; [`ProblemCode::Conflict`] if it is registered already.
    pub(crate) async fn rotate_curve_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
        (public_key, grace_s, expires): (&str, u32, Option<i64>),
    ) -> Result<CurvePublicKey, AuthError> {
        let account = key_owner(write, by, subject, account).await?;
        let old = known_key(write, &account.id, id).await?;
        let next = expiry_of_next(old.expires, expires, by.now)?;
        let public_key = parsed(public_key)?;
        let until = by.now.0.saturating_add(i64::from(grace_s) * 1_000_000_000);
        let moved = AuthEvent::CurveKeyExpiryMoved {
            id: old.id,
            expires: old.expires.map_or(until, |at| at.min(until)),
        };
        let account = apply(write, by, account, moved).await?;
        let new = (public_key, old.name, old.scopes, next);
        add(write, by, account, new).await
    }

    /// Takes a key back: its client is nobody's from now on.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn revoke_curve_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        super::authentication::recent_for_others(subject, account, by.now)?;
        let account = known(write, account).await?;
        let key = known_key(write, &account.id, id).await?;
        apply(
            write,
            by,
            account,
            AuthEvent::CurveKeyRevoked { id: key.id },
        )
        .await?;
        Ok(())
    }

    /// Whose client this is, by the public key with which it made itself known, and what it may do: its scopes and its account's grants.
    /// Whoever asks has seen that the client has the secret key, as the handshake of CURVE shows (ZeroMQ RFC 26, section 4.2).
    ///
    /// # Errors
    /// [`Unauthenticated::Refused`] for a key that is nobody's, or not any more.
    pub async fn subject_of_curve_key(
        &self,
        key: &CurveKey,
        now: Ts,
    ) -> Result<Subject, Unauthenticated> {
        let failed = Unauthenticated::Failed;
        let shown = store::curve::shown(self.database.reader(), &key.to_string()).await;
        let shown = shown.map_err(failed)?.ok_or(Unauthenticated::Refused)?;
        let is_over = shown.expires.is_some_and(|at| at <= now.0);
        if is_over || shown.state != AccountState::Active {
            return Err(Unauthenticated::Refused);
        }
        let scopes: Result<Vec<ActionPattern>, _> =
            shown.scopes.split(' ').map(str::parse).collect();
        let wrong = |error| failed(unreadable("curve_key", &shown.id, error));
        let scopes = scopes.map_err(wrong)?;
        let of = (shown.account.as_str(), shown.version);
        let grants = self.grants.of(&self.database, of.0, of.1);
        Ok(Subject {
            session: None,
            scopes,
            grants: grants.await.map_err(failed)?,
            authenticated_at: Ts(i64::MIN),
            lacks_second_factor: shown.lacks_factor,
            account: shown.account,
            key: Some(shown.id),
        })
    }

    /// Whether the client with this public key may do something now, and why.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`] for a key that is nobody's, or not any more.
    pub(crate) async fn explain_curve_key(
        &self,
        public_key: &str,
        asked: (&str, &str),
    ) -> Result<Explained, AuthError> {
        let key = parsed(public_key)?;
        let now = self.clock.now();
        match self.subject_of_curve_key(&key, now).await {
            Ok(subject) => Ok(Explained::of(subject, asked, now)),
            Err(Unauthenticated::Failed(error)) => Err(error.into()),
            Err(Unauthenticated::Refused) => {
                let detail = "no account has this public key, or it is not valid any more";
                Err(Problem::new(ProblemCode::NotFound, detail).into())
            }
        }
    }
}

fn parsed(public_key: &str) -> Result<CurveKey, AuthError> {
    public_key.parse().map_err(|error| {
        let detail = format!("`public_key`: {error}");
        Problem::new(ProblemCode::BadRequest, detail).into()
    })
}

async fn add(
    write: &mut Write,
    by: &By,
    account: Account,
    (public_key, name, scopes, expires): (CurveKey, String, String, Option<i64>),
) -> Result<CurvePublicKey, AuthError> {
    if store::curve::count(write.connection(), &account.id, by.now.0).await? >= KEYS_MAX {
        let detail = format!("an account has at most {KEYS_MAX} valid public keys: revoke one");
        return Err(Problem::new(ProblemCode::Refused, detail).into());
    }
    let key = CurvePublicKey {
        id: format!("crv_{}", Uuid::now_v7().simple()),
        public_key: public_key.to_string(),
        name,
        scopes,
        created: by.now.0,
        expires,
    };
    let event = AuthEvent::CurveKeyCreated {
        id: key.id.clone(),
        public_key: key.public_key.clone(),
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        expires,
    };
    apply(write, by, account, event).await?;
    Ok(key)
}

async fn known_key(
    write: &mut Write,
    account: &str,
    id: &str,
) -> Result<CurvePublicKey, AuthError> {
    let found = store::curve::one(write.connection(), account, id).await?;
    found.ok_or_else(|| {
        let detail = format!("the account has no public key `{id}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}
