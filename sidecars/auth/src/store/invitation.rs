//! Invitations to organisations. Those that were accepted, revoked or replaced have no address any more.

use super::account::unreadable;
use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use crate::model::organisation::MemberRole;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

const ADD: &str = "INSERT INTO invitation \
    (id, organisation, email, role, hash, makes_account, is_mailed, created, created_by, expires) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const OPEN: &str = "SELECT id, organisation, email, role, created, created_by, expires, hash, makes_account, is_mailed FROM invitation \
    WHERE id = $1 AND email IS NOT NULL AND expires > $2";
const OPEN_AFTER: &str = "SELECT id, organisation, email, role, created, created_by, expires FROM invitation \
    WHERE organisation = $1 AND id > $2 AND email IS NOT NULL AND expires > $3 ORDER BY id LIMIT $4";
const OPEN_TO: &str = "SELECT id, organisation, email, role, created, created_by, expires FROM invitation \
    WHERE email = $1 AND expires > $2 ORDER BY id LIMIT $3";
/// Of two who close it at the same time one does.
const CLOSE: &str = "UPDATE invitation SET email = NULL WHERE id = $1 AND organisation = $2 AND email IS NOT NULL RETURNING id";
const REPLACE: &str =
    "UPDATE invitation SET email = NULL WHERE organisation = $1 AND email = $2 RETURNING id";
const CLOSE_OF: &str = "UPDATE invitation SET email = NULL WHERE organisation = $1";
const CLOSE_TO: &str = "UPDATE invitation SET email = NULL WHERE email = $1";
const COUNT_SINCE: &str =
    "SELECT CAST(count(*) AS BIGINT) FROM invitation WHERE created_by = $1 AND created > $2";
const DROP_OLD: &str =
    "DELETE FROM invitation WHERE created <= $2 AND (email IS NULL OR expires <= $1)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    OPEN,
    OPEN_AFTER,
    OPEN_TO,
    CLOSE,
    REPLACE,
    CLOSE_OF,
    CLOSE_TO,
    COUNT_SINCE,
    DROP_OLD,
];

/// An invitation that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Its id, with which its link begins: `tlo_…`.
    pub(crate) id: String,
    /// Id of the organisation.
    pub(crate) organisation: String,
    /// Who is invited: the account of this e-mail address, and nobody else.
    pub(crate) email: String,
    /// Which role they will have.
    pub(crate) role: MemberRole,
    /// When it was created, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// Id of the account that created it.
    pub(crate) created_by: String,
    /// From when on it is not good any more, in nanoseconds since the epoch.
    pub(crate) expires: i64,
}

/// The same, with what is asked when it is accepted.
#[derive(Debug)]
pub(crate) struct OpenInvitation {
    pub(crate) invitation: Invitation,
    pub(crate) hash: [u8; 32],
    /// Whether who has no account gets one by it.
    pub(crate) makes_account: bool,
    /// Whether its link was sent to the address, and shown to nobody.
    pub(crate) is_mailed: bool,
}

pub(crate) async fn add(
    write: &mut Write,
    stored: &StoredSecret,
    open: &OpenInvitation,
) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(&stored.id)
        .bind(&open.invitation.organisation)
        .bind(&open.invitation.email)
        .bind(open.invitation.role.name())
        .bind(stored.hash.as_slice())
        .bind(i64::from(open.makes_account))
        .bind(i64::from(open.is_mailed))
        .bind(open.invitation.created)
        .bind(&open.invitation.created_by)
        .bind(open.invitation.expires);
    added.execute(write.connection()).await?;
    Ok(())
}

/// The invitation of this id, if it is open.
pub(crate) async fn open<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    now: i64,
) -> Result<Option<OpenInvitation>> {
    let row = sqlx::query(OPEN)
        .bind(id)
        .bind(now)
        .fetch_optional(at)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(OpenInvitation {
        invitation: invitation(&row)?,
        hash: hash_of("invitation", id, &row.try_get::<Vec<u8>, _>(7)?)?,
        makes_account: row.try_get::<i64, _>(8)? == 1,
        is_mailed: row.try_get::<i64, _>(9)? == 1,
    }))
}

/// Open invitations of an organisation with ids above one, by id.
pub(crate) async fn open_after<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
    id: &str,
    now: i64,
    rows: i64,
) -> Result<Vec<Invitation>> {
    let found = sqlx::query(OPEN_AFTER)
        .bind(organisation)
        .bind(id)
        .bind(now)
        .bind(rows);
    let rows = found.fetch_all(at).await?;
    rows.iter().map(invitation).collect()
}

/// Open invitations of an address.
pub(crate) async fn open_to<'e>(
    at: impl Executor<'e, Database = Any>,
    email: &str,
    now: i64,
    rows: i64,
) -> Result<Vec<Invitation>> {
    let found = sqlx::query(OPEN_TO).bind(email).bind(now).bind(rows);
    let rows = found.fetch_all(at).await?;
    rows.iter().map(invitation).collect()
}

/// Whether it was open; it is not any more.
pub(crate) async fn close(write: &mut Write, id: &str, organisation: &str) -> Result<bool> {
    let closed = sqlx::query(CLOSE).bind(id).bind(organisation);
    Ok(closed.fetch_optional(write.connection()).await?.is_some())
}

/// Closes the one to this address, which another takes the place of; returns its id.
pub(crate) async fn replace(
    write: &mut Write,
    organisation: &str,
    email: &str,
) -> Result<Option<String>> {
    let closed = sqlx::query(REPLACE).bind(organisation).bind(email);
    let row = closed.fetch_optional(write.connection()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Closes all of an organisation.
pub(crate) async fn close_of(write: &mut Write, organisation: &str) -> Result<()> {
    let closed = sqlx::query(CLOSE_OF).bind(organisation);
    closed.execute(write.connection()).await?;
    Ok(())
}

/// Closes all to an address.
pub(crate) async fn close_to(write: &mut Write, email: &str) -> Result<()> {
    let closed = sqlx::query(CLOSE_TO).bind(email);
    closed.execute(write.connection()).await?;
    Ok(())
}

/// How many an account created since a time, whatever became of them.
pub(crate) async fn count_since<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    since: i64,
) -> Result<i64> {
    let row = sqlx::query(COUNT_SINCE).bind(account).bind(since);
    Ok(row.fetch_one(at).await?.try_get(0)?)
}

/// Removes those that are over and were created before a time.
pub(crate) async fn drop_old(write: &mut Write, now: i64, created_before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD).bind(now).bind(created_before);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn invitation(row: &AnyRow) -> Result<Invitation> {
    let id: String = row.try_get(0)?;
    let role: String = row.try_get(3)?;
    let known = MemberRole::of_name(&role);
    let role = known
        .ok_or_else(|| unreadable("invitation", &id, format!("`{role}` is no word of ours")))?;
    Ok(Invitation {
        organisation: row.try_get(1)?,
        email: row.try_get(2)?,
        role,
        created: row.try_get(4)?,
        created_by: row.try_get(5)?,
        expires: row.try_get(6)?,
        id,
    })
}
