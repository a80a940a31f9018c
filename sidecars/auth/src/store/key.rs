//! Keys of accounts, for programs.

use super::organisation::GrantVersion;
use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

const KEYS_AFTER: &str = "SELECT access_key.id, name, scopes, created, expires, last_used FROM access_key \
    LEFT JOIN key_secret ON key_secret.id = access_key.id \
    WHERE account = $1 AND access_key.id > $2 ORDER BY access_key.id LIMIT $3";
const KEY: &str = "SELECT access_key.id, name, scopes, created, expires, last_used FROM access_key \
    LEFT JOIN key_secret ON key_secret.id = access_key.id WHERE account = $1 AND access_key.id = $2";
/// A key that somebody shows, with the account that it is of.
const SHOWN: &str = concat!(
    "SELECT access_key.account, scopes, expires, hash, last_used, version, state, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    " FROM access_key \
    JOIN key_secret ON key_secret.id = access_key.id JOIN account ON account.id = access_key.account WHERE access_key.id = $1"
);
const COUNT: &str = "SELECT CAST(count(*) AS BIGINT) FROM access_key WHERE account = $1 AND (expires IS NULL OR expires > $2)";
const ADD_SECRET: &str = "INSERT INTO key_secret (id, hash) VALUES ($1, $2)";
const DROP_SECRET: &str = "DELETE FROM key_secret WHERE id = $1";
const USED: &str =
    "UPDATE key_secret SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] =
    &[KEYS_AFTER, KEY, SHOWN, COUNT, ADD_SECRET, DROP_SECRET, USED];

/// A key of an account, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id, with which its secret begins: `tlk_…`.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// What it is for: patterns of actions with a space between them.
    pub(crate) scopes: String,
    /// When it was created, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// From when on it is not valid, in nanoseconds since the epoch; never if it is null.
    pub(crate) expires: Option<i64>,
    /// When it was last used, to a minute, in nanoseconds since the epoch; null if it never was.
    pub(crate) last_used: Option<i64>,
}

/// A key that somebody shows.
#[derive(Debug)]
pub(crate) struct ShownKey {
    pub(crate) account: String,
    pub(crate) scopes: String,
    pub(crate) expires: Option<i64>,
    pub(crate) hash: [u8; 32],
    pub(crate) last_used: Option<i64>,
    /// Versions of the account and of its organisations.
    pub(crate) version: GrantVersion,
    /// State of the account.
    pub(crate) state: String,
    /// Whether a second factor is demanded of the account, and it has none.
    pub(crate) lacks_factor: bool,
}

/// Keys of an account with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Key>> {
    let rows = sqlx::query(KEYS_AFTER).bind(account).bind(id).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(key).collect()
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
) -> Result<Option<Key>> {
    let row = sqlx::query(KEY).bind(account).bind(id);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(key).transpose()
}

pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<ShownKey>> {
    let Some(row) = sqlx::query(SHOWN).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(ShownKey {
        account: row.try_get(0)?,
        scopes: row.try_get(1)?,
        expires: row.try_get(2)?,
        hash: hash_of("key_secret", id, &row.try_get::<Vec<u8>, _>(3)?)?,
        last_used: row.try_get(4)?,
        version: (row.try_get(5)?, row.try_get(7)?),
        state: row.try_get(6)?,
        lacks_factor: row.try_get::<i64, _>(8)? != 0,
    }))
}

/// How many keys of an account are valid.
pub(crate) async fn count<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    now: i64,
) -> Result<i64> {
    let row = sqlx::query(COUNT).bind(account).bind(now);
    Ok(row.fetch_one(at).await?.try_get(0)?)
}

pub(crate) async fn add_secret(write: &mut Write, stored: &StoredSecret) -> Result<()> {
    let added = sqlx::query(ADD_SECRET)
        .bind(&stored.id)
        .bind(stored.hash.as_slice());
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_secret(write: &mut Write, id: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_SECRET).bind(id);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn used(write: &mut Write, id: &str, at: i64) -> Result<()> {
    let used = sqlx::query(USED).bind(id).bind(at);
    used.execute(write.connection()).await?;
    Ok(())
}

fn key(row: &AnyRow) -> Result<Key> {
    Ok(Key {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scopes: row.try_get(2)?,
        created: row.try_get(3)?,
        expires: row.try_get(4)?,
        last_used: row.try_get(5)?,
    })
}
