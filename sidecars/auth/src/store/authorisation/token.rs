//! Codes and refresh tokens of authorisations, and access tokens that were revoked one by one.

use crate::credential::secret::StoredSecret;
use crate::store::secret::hash_of;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const ADD_CODE: &str = "INSERT INTO authorisation_code (id, authorisation, hash, redirect_uri, challenge, expires) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const CODE: &str = "SELECT authorisation, hash, redirect_uri, challenge, expires FROM authorisation_code WHERE id = $1";
/// Of two who use it at the same time one gets it.
const USE_CODE: &str =
    "UPDATE authorisation_code SET used = $2 WHERE id = $1 AND used IS NULL RETURNING id";
const ADD_REFRESH: &str =
    "INSERT INTO authorisation_refresh (id, authorisation, hash) VALUES ($1, $2, $3)";
const REFRESH: &str = "SELECT authorisation, hash, used FROM authorisation_refresh WHERE id = $1";
const USE_REFRESH: &str =
    "UPDATE authorisation_refresh SET used = $2 WHERE id = $1 AND used IS NULL RETURNING id";
const THIN_REFRESH: &str =
    "DELETE FROM authorisation_refresh WHERE authorisation = $1 AND used <= $2";
const REVOKE_TOKEN: &str =
    "INSERT INTO revoked_token (id, expires) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
const REVOKED: &str = "SELECT id FROM revoked_token WHERE id = $1";
const DROP_OLD_REVOKED: &str = "DELETE FROM revoked_token WHERE expires <= $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD_CODE,
    CODE,
    USE_CODE,
    ADD_REFRESH,
    REFRESH,
    USE_REFRESH,
    THIN_REFRESH,
    REVOKE_TOKEN,
    REVOKED,
    DROP_OLD_REVOKED,
];

/// A code, as it is kept.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) authorisation: String,
    pub(crate) hash: [u8; 32],
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) expires: i64,
}

/// A refresh token, as it is kept.
#[derive(Debug)]
pub(crate) struct AppRefresh {
    pub(crate) authorisation: String,
    pub(crate) hash: [u8; 32],
    pub(crate) is_used: bool,
}

pub(crate) async fn add_code(write: &mut Write, id: &str, code: &Code) -> Result<()> {
    let added = sqlx::query(ADD_CODE)
        .bind(id)
        .bind(&code.authorisation)
        .bind(code.hash.as_slice())
        .bind(&code.redirect_uri)
        .bind(&code.challenge)
        .bind(code.expires);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn code<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Code>> {
    let Some(row) = sqlx::query(CODE).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(Code {
        authorisation: row.try_get(0)?,
        hash: hash_of("authorisation_code", id, &row.try_get::<Vec<u8>, _>(1)?)?,
        redirect_uri: row.try_get(2)?,
        challenge: row.try_get(3)?,
        expires: row.try_get(4)?,
    }))
}

/// Whether the code was not used before.
pub(crate) async fn use_code(write: &mut Write, id: &str, now: i64) -> Result<bool> {
    let used = sqlx::query(USE_CODE).bind(id).bind(now);
    Ok(used.fetch_optional(write.connection()).await?.is_some())
}

pub(crate) async fn add_refresh(
    write: &mut Write,
    stored: &StoredSecret,
    authorisation: &str,
) -> Result<()> {
    let added = sqlx::query(ADD_REFRESH)
        .bind(&stored.id)
        .bind(authorisation)
        .bind(stored.hash.as_slice());
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn refresh<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<AppRefresh>> {
    let Some(row) = sqlx::query(REFRESH).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(AppRefresh {
        authorisation: row.try_get(0)?,
        hash: hash_of("authorisation_refresh", id, &row.try_get::<Vec<u8>, _>(1)?)?,
        is_used: row.try_get::<Option<i64>, _>(2)?.is_some(),
    }))
}

/// Whether the refresh token was not used before.
pub(crate) async fn use_refresh(write: &mut Write, id: &str, now: i64) -> Result<bool> {
    let used = sqlx::query(USE_REFRESH).bind(id).bind(now);
    Ok(used.fetch_optional(write.connection()).await?.is_some())
}

/// Forgets refresh tokens of an authorisation that were used up to a time.
pub(crate) async fn thin_refresh(write: &mut Write, authorisation: &str, used: i64) -> Result<()> {
    let thinned = sqlx::query(THIN_REFRESH).bind(authorisation).bind(used);
    thinned.execute(write.connection()).await?;
    Ok(())
}

/// Revokes one access token, which would be valid until then.
pub(crate) async fn revoke_token(write: &mut Write, id: &str, expires: i64) -> Result<()> {
    let revoked = sqlx::query(REVOKE_TOKEN).bind(id).bind(expires);
    revoked.execute(write.connection()).await?;
    Ok(())
}

/// Whether an access token was revoked on its own.
pub(crate) async fn is_revoked<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<bool> {
    let found = sqlx::query(REVOKED).bind(id).fetch_optional(at).await?;
    Ok(found.is_some())
}

/// Forgets tokens that were revoked and expired before a time.
pub(crate) async fn drop_old_revoked(write: &mut Write, before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD_REVOKED).bind(before);
    dropped.execute(write.connection()).await?;
    Ok(())
}
