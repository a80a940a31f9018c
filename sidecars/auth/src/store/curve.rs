//! Public keys of CURVE, by account and by key.

use super::account::state_of;
use super::organisation::GrantVersion;
use crate::model::AccountState;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::Result;
use utoipa::ToSchema;

const AFTER: &str = "SELECT id, public_key, name, scopes, created, expires FROM curve_key \
    WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";
const ONE: &str = "SELECT id, public_key, name, scopes, created, expires FROM curve_key WHERE account = $1 AND id = $2";
/// A key that somebody shows, with the account that it is of.
const SHOWN: &str = concat!(
    "SELECT curve_key.id, curve_key.account, scopes, expires, version, state, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    " FROM curve_key \
    JOIN account ON account.id = curve_key.account WHERE curve_key.public_key = $1"
);
const COUNT: &str = "SELECT CAST(count(*) AS BIGINT) FROM curve_key WHERE account = $1 AND (expires IS NULL OR expires > $2)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[AFTER, ONE, SHOWN, COUNT];

/// A public key of an account's ZeroMQ client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CurvePublicKey {
    /// Its id: `crv_…`.
    pub(crate) id: String,
    /// The key: 40 characters of Z85.
    pub(crate) public_key: String,
    /// What it is called.
    pub(crate) name: String,
    /// What it is for: patterns of actions with a space between them.
    pub(crate) scopes: String,
    /// When it was registered, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// From when on it is not valid, in nanoseconds since the epoch; never if it is null.
    pub(crate) expires: Option<i64>,
}

/// A key that somebody shows.
#[derive(Debug)]
pub(crate) struct ShownCurveKey {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) scopes: String,
    pub(crate) expires: Option<i64>,
    /// Versions of the account and of its organisations.
    pub(crate) version: GrantVersion,
    pub(crate) state: AccountState,
    /// Whether a second factor is demanded of the account, and it has none.
    pub(crate) lacks_factor: bool,
}

/// Keys of an account with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<CurvePublicKey>> {
    let rows = sqlx::query(AFTER).bind(account).bind(id).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(key).collect()
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
) -> Result<Option<CurvePublicKey>> {
    let row = sqlx::query(ONE).bind(account).bind(id);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(key).transpose()
}

/// The key that is written so in Z85.
pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    public_key: &str,
) -> Result<Option<ShownCurveKey>> {
    let row = sqlx::query(SHOWN).bind(public_key);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    let account: String = row.try_get(1)?;
    let state: String = row.try_get(5)?;
    Ok(Some(ShownCurveKey {
        id: row.try_get(0)?,
        scopes: row.try_get(2)?,
        expires: row.try_get(3)?,
        version: (row.try_get(4)?, row.try_get(6)?),
        state: state_of(&account, &state)?,
        lacks_factor: row.try_get::<i64, _>(7)? != 0,
        account,
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

fn key(row: &AnyRow) -> Result<CurvePublicKey> {
    Ok(CurvePublicKey {
        id: row.try_get(0)?,
        public_key: row.try_get(1)?,
        name: row.try_get(2)?,
        scopes: row.try_get(3)?,
        created: row.try_get(4)?,
        expires: row.try_get(5)?,
    })
}
