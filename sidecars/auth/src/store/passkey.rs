//! Passkeys of accounts, and what challenges are made with.

use super::account::unreadable;
use crate::credential::encryption::{Encrypted, EncryptionKeys};
use crate::credential::passkey::{ChallengeKey, Credential, Signed, UsedChallenge};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

const AFTER: &str = "SELECT passkey.id, name, created, last_used, passkey.is_backup_eligible, is_backed_up FROM passkey \
    JOIN passkey_credential ON passkey_credential.id = passkey.id \
    WHERE passkey.account = $1 AND passkey.id > $2 ORDER BY passkey.id LIMIT $3";
const ONE: &str = "SELECT passkey.id, name, created, last_used, passkey.is_backup_eligible, is_backed_up FROM passkey \
    JOIN passkey_credential ON passkey_credential.id = passkey.id WHERE passkey.account = $1 AND passkey.id = $2";
const OTHER_USED: &str = "SELECT id FROM passkey_credential WHERE account = $1 AND id <> $2 AND last_used IS NOT NULL LIMIT 1";
const NAMED: &str =
    "SELECT credential, transports FROM passkey_credential WHERE account = $1 ORDER BY id";
const SHOWN: &str = "SELECT id, account, credential, public_key, sign_count, is_backup_eligible, is_backed_up \
    FROM passkey_credential WHERE credential = $1";
/// A credential is one account's: whoever comes second adds nothing.
const ADD: &str = "INSERT INTO passkey_credential \
    (id, account, credential, public_key, sign_count, is_backup_eligible, is_backed_up, transports) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
const USED: &str = "UPDATE passkey_credential SET sign_count = $2, is_backed_up = $3, last_used = $4 WHERE id = $1";
const DROP: &str = "DELETE FROM passkey_credential WHERE id = $1";
const DROP_OF: &str = "DELETE FROM passkey_credential WHERE account = $1";
const ADD_HANDLE: &str =
    "INSERT INTO user_handle (account, handle) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const HANDLE: &str = "SELECT handle FROM user_handle WHERE account = $1";
const DROP_HANDLE: &str = "DELETE FROM user_handle WHERE account = $1";
const ADD_KEY: &str = "INSERT INTO challenge_key (number, key, encrypted_with) VALUES (1, $1, $2) ON CONFLICT DO NOTHING";
const KEY: &str = "SELECT key, encrypted_with FROM challenge_key WHERE number = 1";
const SET_KEY: &str = "UPDATE challenge_key SET key = $1, encrypted_with = $2 WHERE number = 1";
/// Of two who use a challenge at the same time one does.
const USE_CHALLENGE: &str =
    "INSERT INTO used_challenge (nonce, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const DROP_OLD_CHALLENGES: &str = "DELETE FROM used_challenge WHERE expires <= $1";

/// What the key of challenges is encrypted for.
const CHALLENGE_KEY: &str = "challenge_key";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    AFTER,
    ONE,
    OTHER_USED,
    NAMED,
    SHOWN,
    ADD,
    USED,
    DROP,
    DROP_OF,
    ADD_HANDLE,
    HANDLE,
    DROP_HANDLE,
    ADD_KEY,
    KEY,
    SET_KEY,
    USE_CHALLENGE,
    DROP_OLD_CHALLENGES,
];

/// A passkey of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Passkey {
    /// Its id: `pky_…`.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// When it was registered, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// When it was last used, in nanoseconds since the epoch; null if it never was.
    pub(crate) last_used: Option<i64>,
    /// Whether it can be on more than one device, as its authenticator says.
    pub(crate) is_backup_eligible: bool,
    /// Whether it was backed up when it was last used.
    pub(crate) is_backed_up: bool,
}

/// A passkey that somebody shows.
#[derive(Debug)]
pub(crate) struct ShownPasskey {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) credential: Credential,
}

/// What a browser is told of a passkey that is known.
#[derive(Debug)]
pub(crate) struct NamedPasskey {
    pub(crate) credential: Vec<u8>,
    /// How its authenticator is reached, with a space between the words.
    pub(crate) transports: String,
}

/// Passkeys of an account with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Passkey>> {
    let rows = sqlx::query(AFTER).bind(account).bind(id).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(passkey).collect()
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
) -> Result<Option<Passkey>> {
    let row = sqlx::query(ONE).bind(account).bind(id);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(passkey).transpose()
}

/// Whether an account has a passkey, other than this one, that has signed for it.
pub(crate) async fn is_other_used<'e>(
    at: impl Executor<'e, Database = Any>,
    (account, id): (&str, &str),
) -> Result<bool> {
    let used = sqlx::query(OTHER_USED).bind(account).bind(id);
    Ok(used.fetch_optional(at).await?.is_some())
}

/// What browsers are told of the passkeys of an account.
pub(crate) async fn named<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Vec<NamedPasskey>> {
    let rows = sqlx::query(NAMED).bind(account).fetch_all(at).await?;
    let one = |row: &AnyRow| {
        Ok(NamedPasskey {
            credential: row.try_get(0)?,
            transports: row.try_get(1)?,
        })
    };
    rows.iter().map(one).collect()
}

/// The passkey that its authenticator calls so.
pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    credential: &[u8],
) -> Result<Option<ShownPasskey>> {
    let row = sqlx::query(SHOWN).bind(credential);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    let id: String = row.try_get(0)?;
    let count: i64 = row.try_get(4)?;
    let wrong = |_| unreadable("passkey_credential", &id, "the counter is none");
    Ok(Some(ShownPasskey {
        account: row.try_get(1)?,
        credential: Credential {
            id: row.try_get(2)?,
            public_key: row.try_get(3)?,
            sign_count: u32::try_from(count).map_err(wrong)?,
            is_backup_eligible: row.try_get::<i64, _>(5)? == 1,
            is_backed_up: row.try_get::<i64, _>(6)? == 1,
        },
        id,
    }))
}

/// Keeps what a new passkey is known by. Whether it could: it may be registered already, for whomever.
pub(crate) async fn add(
    write: &mut Write,
    (id, account): (&str, &str),
    credential: &Credential,
    transports: &str,
) -> Result<bool> {
    let added = sqlx::query(ADD)
        .bind(id)
        .bind(account)
        .bind(credential.id.as_slice())
        .bind(credential.public_key.as_slice())
        .bind(i64::from(credential.sign_count))
        .bind(i64::from(credential.is_backup_eligible))
        .bind(i64::from(credential.is_backed_up))
        .bind(transports);
    Ok(added.execute(write.connection()).await?.rows_affected() == 1)
}

/// Notes that a passkey signed.
pub(crate) async fn used(write: &mut Write, id: &str, signed: &Signed, now: i64) -> Result<()> {
    let used = sqlx::query(USED)
        .bind(id)
        .bind(i64::from(signed.sign_count))
        .bind(i64::from(signed.is_backed_up))
        .bind(now);
    used.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_one(write: &mut Write, id: &str) -> Result<()> {
    let dropped = sqlx::query(DROP).bind(id);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Drops what is kept of the passkeys of an account, and what authenticators know it by.
pub(crate) async fn drop_all(write: &mut Write, account: &str) -> Result<()> {
    for statement in [DROP_OF, DROP_HANDLE] {
        let dropped = sqlx::query(statement).bind(account);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

/// What authenticators know an account by: the bytes that are there, or else these.
pub(crate) async fn set_handle(
    write: &mut Write,
    account: &str,
    handle: &[u8; 32],
) -> Result<Vec<u8>> {
    let added = sqlx::query(ADD_HANDLE)
        .bind(account)
        .bind(handle.as_slice());
    added.execute(write.connection()).await?;
    let found = sqlx::query(HANDLE).bind(account);
    Ok(found.fetch_one(write.connection()).await?.try_get(0)?)
}

/// What authenticators know an account by, if it ever had a passkey.
pub(crate) async fn handle<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Option<Vec<u8>>> {
    let row = sqlx::query(HANDLE).bind(account).fetch_optional(at).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// What challenges are made with: the key that is there, or else this one. It is encrypted with the first of the keys from now on.
pub(crate) async fn set_challenge_key(
    write: &mut Write,
    new: &ChallengeKey,
    keys: &EncryptionKeys,
) -> Result<ChallengeKey> {
    let wrong = |error: String| unreadable("challenge_key", "1", error);
    let encrypted = |key: &ChallengeKey| {
        let encrypted = keys.encrypt(CHALLENGE_KEY, key.bytes());
        encrypted.map_err(|error| wrong(error.to_string()))
    };
    let first = encrypted(new)?;
    let added = sqlx::query(ADD_KEY).bind(first.bytes).bind(first.key);
    added.execute(write.connection()).await?;
    let row = sqlx::query(KEY).fetch_one(write.connection()).await?;
    let kept = Encrypted {
        bytes: row.try_get(0)?,
        key: row.try_get(1)?,
    };
    let is_present = kept.key.as_deref() == Some(keys.name());
    let bytes = keys.decrypt_or_take(CHALLENGE_KEY, kept);
    let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
    let bytes = bytes.as_slice().try_into();
    let bytes = bytes.map_err(|_| wrong("it has another length".to_owned()))?;
    let key = ChallengeKey::of_bytes(bytes);
    if !is_present {
        let again = encrypted(&key)?;
        let set = sqlx::query(SET_KEY).bind(again.bytes).bind(again.key);
        set.execute(write.connection()).await?;
    }
    Ok(key)
}

/// Whether the challenge was not used before.
pub(crate) async fn use_challenge(write: &mut Write, used: &UsedChallenge) -> Result<bool> {
    let added = sqlx::query(USE_CHALLENGE)
        .bind(used.nonce.as_slice())
        .bind(used.expires);
    Ok(added.execute(write.connection()).await?.rows_affected() == 1)
}

/// Removes challenges that expired before a time.
pub(crate) async fn drop_old_challenges(write: &mut Write, before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD_CHALLENGES).bind(before);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn passkey(row: &AnyRow) -> Result<Passkey> {
    Ok(Passkey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        created: row.try_get(2)?,
        last_used: row.try_get(3)?,
        is_backup_eligible: row.try_get::<i64, _>(4)? == 1,
        is_backed_up: row.try_get::<i64, _>(5)? == 1,
    })
}
