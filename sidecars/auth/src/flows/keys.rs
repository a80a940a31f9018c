//! Keys for programs.

use super::accounts::good_name;
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::secret::{self, Secret, SecretKind};
use crate::events::AuthEvent;
use crate::model::{Account, AccountKind, KEYS_MAX, Refusal};
use crate::store::key::Key;
use crate::{AuthError, store};
use serde::Deserialize;
use tickloom_chassis::{ActionPattern, Problem, ProblemCode, Subject, Write};
use tickloom_types::Ts;
use utoipa::ToSchema;

/// Patterns of actions that a key may have, at most.
const SCOPES_MAX: usize = 20;

/// What a new key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is called: 1 to 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(crate) name: String,
    /// What it is for: patterns of actions, such as `run.read`, `run.*`, `*.read` or `*`.
    #[schema(min_items = 1)]
    pub(crate) scopes: Vec<String>,
    /// From when on it is not valid, in nanoseconds since the epoch; never if it is left out.
    pub(crate) expires: Option<i64>,
}

impl Auth {
    /// Makes a key of an account: of one's own, or of a program's.
    ///
    /// # Errors
    /// [`Refusal::NotAMachine`] for the account of another person; [`Refusal::TooManyKeys`]; [`ProblemCode::BadRequest`] for what cannot
    /// be.
    pub(crate) async fn create_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account): (&Subject, &str),
        new: NewKey,
    ) -> Result<(Key, Secret), AuthError> {
        let account = key_owner(write, by, subject, account).await?;
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let name = good_name(&new.name)?;
        if new.expires.is_some_and(|at| at <= by.now.0) {
            return Err(wrong("`expires` is not later than now").into());
        }
        let scopes = scopes(&new.scopes)?;
        self.add_key(write, by, account, (name, scopes, new.expires))
            .await
    }

    async fn add_key(
        &self,
        write: &mut Write,
        by: &By,
        account: Account,
        (name, scopes, expires): (String, String, Option<i64>),
    ) -> Result<(Key, Secret), AuthError> {
        if store::key::count(write.connection(), &account.id, by.now.0).await? >= KEYS_MAX {
            return Err(Refusal::TooManyKeys.into());
        }
        let (shown, stored) = secret::make(SecretKind::Key, by.now)?;
        let event = AuthEvent::KeyCreated {
            id: stored.id.clone(),
            name: name.clone(),
            scopes: scopes.clone(),
            expires,
        };
        apply(write, by, account, event).await?;
        store::key::add_secret(write, &stored).await?;
        let key = Key {
            id: stored.id,
            name,
            scopes,
            created: by.now.0,
            expires,
            last_used: None,
        };
        Ok((key, shown))
    }

    /// Makes a key that is as another, which is valid for so many seconds more, and is over then or as the other.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::Refused`] if the other is over; [`Refusal::TooManyKeys`].
    pub(crate) async fn rotate_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
        (grace_s, expires): (u32, Option<i64>),
    ) -> Result<(Key, Secret), AuthError> {
        let account = key_owner(write, by, subject, account).await?;
        let old = known_key(write, &account.id, id).await?;
        let next = expiry_of_next(old.expires, expires, by.now)?;
        let until = by.now.0.saturating_add(i64::from(grace_s) * 1_000_000_000);
        let expires = old.expires.map_or(until, |at| at.min(until));
        let moved = AuthEvent::KeyExpiryMoved {
            id: old.id.clone(),
            expires,
        };
        let account = apply(write, by, account, moved).await?;
        self.add_key(write, by, account, (old.name, old.scopes, next))
            .await
    }

    /// Takes a key back: it is not valid from now on.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) async fn revoke_key(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        super::authentication::recent_for_others(subject, account, by.now)?;
        let account = known(write, account).await?;
        let key = known_key(write, &account.id, id).await?;
        store::key::drop_secret(write, &key.id).await?;
        store::refusal::add_revoked_key(write, (&key.id, &account.id), by.now.0).await?;
        apply(write, by, account, AuthEvent::KeyRevoked { id: key.id }).await?;
        Ok(())
    }
}

/// From when on a key that takes the place of another is not valid: as is asked for, or else as the other.
pub(super) fn expiry_of_next(
    old: Option<i64>,
    asked: Option<i64>,
    now: Ts,
) -> Result<Option<i64>, AuthError> {
    if old.is_some_and(|at| at <= now.0) {
        let detail = "the key is not valid any more: make a new one";
        return Err(Problem::new(ProblemCode::Refused, detail).into());
    }
    if asked.is_some_and(|at| at <= now.0) {
        let detail = "`expires` is not later than now";
        return Err(Problem::new(ProblemCode::BadRequest, detail).into());
    }
    Ok(asked.or(old))
}

/// Patterns of actions as they are stored: with a space between them.
pub(super) fn scopes(all: &[String]) -> Result<String, AuthError> {
    if !(1..=SCOPES_MAX).contains(&all.len()) {
        let detail = "`scopes` has none, or more than 20";
        return Err(Problem::new(ProblemCode::BadRequest, detail).into());
    }
    let mut scopes = Vec::new();
    for scope in all {
        let pattern = scope.parse::<ActionPattern>()?;
        pattern.check_known()?;
        scopes.push(pattern.to_string());
    }
    Ok(scopes.join(" "))
}

/// The account whose key is to be created: nobody makes one for another person, as it would let them act as that person.
pub(super) async fn key_owner(
    write: &mut Write,
    by: &By,
    subject: &Subject,
    account: &str,
) -> Result<Account, AuthError> {
    super::authentication::recent(subject, by.now)?;
    let account = known(write, account).await?;
    account.usable()?;
    if account.id != subject.account {
        if account.kind == AccountKind::Person {
            return Err(Refusal::NotAMachine.into());
        }
        // Whoever has the key does what the program may do: that of an organisation never more than what its administrators may.
        let of = store::organisation::of_machine(write.connection(), &account.id).await?;
        let machines = of.map(|organisation| format!("organisation/{organisation}/machines"));
        let needed = match &machines {
            Some(machines) => ("organisation.change", machines.as_str()),
            None => ("grant.change", "grant/*"),
        };
        super::authentication::require(subject, needed, by.now)?;
    }
    Ok(account)
}

async fn known_key(write: &mut Write, account: &str, id: &str) -> Result<Key, AuthError> {
    let found = store::key::one(write.connection(), account, id).await?;
    found.ok_or_else(|| {
        let detail = format!("the account has no key `{id}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}
