//! Outside identities, and requests to sign in at a provider.

use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

/// Requests that are kept; of more the oldest go.
const REQUESTS_MAX: i64 = 50_000;

const OF_SUBJECT: &str = "SELECT id, account, issuer, subject, email, created FROM identity WHERE issuer = $1 AND subject = $2";
const OF_ACCOUNT: &str = "SELECT id, account, issuer, subject, email, created FROM identity \
    WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";
const ADD_REQUEST: &str = "INSERT INTO provider_request (id, hash, provider, purpose, state, account, session, began) \
    VALUES ($1, $2, $3, $4, 'begun', $5, $6, $7)";
const DROP_MORE: &str = "DELETE FROM provider_request WHERE began < \
    (SELECT began FROM provider_request ORDER BY began DESC LIMIT 1 OFFSET $1)";
const REQUEST: &str = "SELECT hash, provider, purpose, state, account, session, methods, authenticated_at, began \
    FROM provider_request WHERE id = $1";
/// Of two who use it at the same time one gets it.
const USE_REQUEST: &str =
    "UPDATE provider_request SET state = 'used' WHERE id = $1 AND state = $2 RETURNING id";
const HOLD_REQUEST: &str = "UPDATE provider_request SET state = 'waits', account = $2, methods = $3, authenticated_at = $4 \
    WHERE id = $1 AND state = 'used'";
const DROP_OLD: &str = "DELETE FROM provider_request WHERE began <= $1";
const DROP_OF: &str = "DELETE FROM provider_request WHERE account = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    OF_SUBJECT,
    OF_ACCOUNT,
    ADD_REQUEST,
    DROP_MORE,
    REQUEST,
    USE_REQUEST,
    HOLD_REQUEST,
    DROP_OLD,
    DROP_OF,
];

/// Who somebody is at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Identity {
    /// Its id: `idn_…`.
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) account: String,
    /// The provider, by its issuer identifier.
    pub(crate) issuer: String,
    /// Who somebody is there, in its own words.
    pub(crate) subject: String,
    /// E-mail address that the provider said when it was linked.
    pub(crate) email: Option<String>,
    /// When it was linked, in nanoseconds since the epoch.
    pub(crate) created: i64,
}

/// A request to sign in at a provider.
#[derive(Debug)]
pub(crate) struct ProviderRequest {
    pub(crate) hash: [u8; 32],
    pub(crate) provider: String,
    pub(crate) purpose: String,
    /// `begun`, `used`, or `waits` for the second factor.
    pub(crate) state: String,
    pub(crate) account: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) methods: Option<String>,
    pub(crate) authenticated_at: Option<i64>,
    pub(crate) began: i64,
}

/// The identity of a subject of a provider, if it is linked.
pub(crate) async fn of_subject<'e>(
    at: impl Executor<'e, Database = Any>,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identity>> {
    let row = sqlx::query(OF_SUBJECT).bind(issuer).bind(subject);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(identity).transpose()
}

/// Identities of an account with ids above one, by id.
pub(crate) async fn of_account<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    after: &str,
    rows: i64,
) -> Result<Vec<Identity>> {
    let rows = sqlx::query(OF_ACCOUNT).bind(account).bind(after).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(identity).collect()
}

pub(crate) async fn add_request(
    write: &mut Write,
    stored: &StoredSecret,
    (provider, purpose): (&str, &str),
    (account, session): (Option<&str>, Option<&str>),
    now: i64,
) -> Result<()> {
    let added = sqlx::query(ADD_REQUEST)
        .bind(&stored.id)
        .bind(stored.hash.as_slice())
        .bind(provider)
        .bind(purpose)
        .bind(account)
        .bind(session)
        .bind(now);
    added.execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_MORE).bind(REQUESTS_MAX);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn request<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<ProviderRequest>> {
    let Some(row) = sqlx::query(REQUEST).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(ProviderRequest {
        hash: hash_of("provider_request", id, &row.try_get::<Vec<u8>, _>(0)?)?,
        provider: row.try_get(1)?,
        purpose: row.try_get(2)?,
        state: row.try_get(3)?,
        account: row.try_get(4)?,
        session: row.try_get(5)?,
        methods: row.try_get(6)?,
        authenticated_at: row.try_get(7)?,
        began: row.try_get(8)?,
    }))
}

/// Whether the request was in this state; it is used up now.
pub(crate) async fn use_request(write: &mut Write, id: &str, state: &str) -> Result<bool> {
    let used = sqlx::query(USE_REQUEST).bind(id).bind(state);
    Ok(used.fetch_optional(write.connection()).await?.is_some())
}

/// Lets a request that the provider answered wait for the second factor of an account.
pub(crate) async fn hold_request(
    write: &mut Write,
    id: &str,
    account: &str,
    (methods, authenticated_at): (&str, i64),
) -> Result<()> {
    let held = sqlx::query(HOLD_REQUEST)
        .bind(id)
        .bind(account)
        .bind(methods)
        .bind(authenticated_at);
    held.execute(write.connection()).await?;
    Ok(())
}

/// Removes requests that were begun before.
pub(crate) async fn drop_old(write: &mut Write, before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD).bind(before);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Removes requests of an account.
pub(crate) async fn drop_of(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_OF).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn identity(row: &AnyRow) -> Result<Identity> {
    Ok(Identity {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        issuer: row.try_get(2)?,
        subject: row.try_get(3)?,
        email: row.try_get(4)?,
        created: row.try_get(5)?,
    })
}
