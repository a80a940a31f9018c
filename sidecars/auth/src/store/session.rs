//! Sessions and what continues them.

use super::organisation::GrantVersion;
use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

const ADD: &str = "INSERT INTO session (id, account, device, began, last_used, expires, authenticated_at, methods) \
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
const OF_ACCOUNT: &str = "SELECT id, account, device, began, last_used, expires, authenticated_at, methods FROM session \
    WHERE account = $1 AND id > $2 AND expires > $3 AND last_used > $4 ORDER BY id LIMIT $5";
const ONE: &str = "SELECT id, account, device, began, last_used, expires, authenticated_at, methods FROM session WHERE id = $1";
/// A session whose token somebody shows, with its account.
const SHOWN: &str = concat!(
    "SELECT session.account, expires, last_used, authenticated_at, version, state, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    ", methods FROM session \
    JOIN account ON account.id = session.account WHERE session.id = $1"
);
const TOUCH: &str = "UPDATE session SET last_used = $2 WHERE id = $1";
const STEP_UP: &str = "UPDATE session SET authenticated_at = $2, methods = $3 WHERE id = $1";
const DROP: &str = "DELETE FROM session WHERE id = $1 AND account = $2 RETURNING id";
const DROP_REFRESH: &str = "DELETE FROM refresh WHERE session = $1";
const DROP_REFRESH_OF: &str =
    "DELETE FROM refresh WHERE session IN (SELECT id FROM session WHERE account = $1 AND id <> $2)";
const DROP_OTHERS: &str = "DELETE FROM session WHERE account = $1 AND id <> $2";
const DROP_REFRESH_OLD: &str = "DELETE FROM refresh WHERE session IN (SELECT id FROM session WHERE expires <= $1 OR last_used <= $2)";
const DROP_OLD: &str = "DELETE FROM session WHERE expires <= $1 OR last_used <= $2";
/// Those of an account but for one and those beside it that were used last: of those that are over first.
const BEYOND: &str = "SELECT id FROM session WHERE account = $1 AND id <> $2 \
    ORDER BY CASE WHEN expires > $3 AND last_used > $4 THEN 0 ELSE 1 END, last_used DESC, id DESC LIMIT $5 OFFSET $6";
const ADD_REFRESH: &str = "INSERT INTO refresh (id, session, hash) VALUES ($1, $2, $3)";
const REFRESH: &str = "SELECT session, hash FROM refresh WHERE id = $1";
/// Of two who use it at the same time one gets it.
const USE_REFRESH: &str =
    "UPDATE refresh SET used = $2 WHERE id = $1 AND used IS NULL RETURNING session";
const THIN_REFRESH: &str = "DELETE FROM refresh WHERE session = $1 AND used <= $2";

/// Those that are too many and are looked for at once, at most: one comes at a time.
const BEYOND_MAX: i64 = 1000;

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    OF_ACCOUNT,
    ONE,
    SHOWN,
    TOUCH,
    STEP_UP,
    DROP,
    DROP_REFRESH,
    DROP_REFRESH_OF,
    DROP_OTHERS,
    DROP_REFRESH_OLD,
    DROP_OLD,
    BEYOND,
    ADD_REFRESH,
    REFRESH,
    USE_REFRESH,
    THIN_REFRESH,
];

/// A session: somebody who signed in, on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its id: `ses_…`.
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) account: String,
    /// What the device says that it is.
    pub(crate) device: String,
    /// When it began, in nanoseconds since the epoch.
    pub(crate) began: i64,
    /// When it was last continued, in nanoseconds since the epoch.
    pub(crate) last_used: i64,
    /// When it ends at the latest, in nanoseconds since the epoch.
    pub(crate) expires: i64,
    /// When the person last authenticated, in nanoseconds since the epoch.
    pub(crate) authenticated_at: i64,
    /// How, in the words of RFC 8176, with a space between them.
    pub(crate) methods: String,
}

/// A session whose token somebody shows.
#[derive(Debug)]
pub(crate) struct ShownSession {
    pub(crate) account: String,
    pub(crate) expires: i64,
    pub(crate) last_used: i64,
    pub(crate) authenticated_at: i64,
    /// Versions of the account and of its organisations.
    pub(crate) version: GrantVersion,
    /// State of the account.
    pub(crate) state: String,
    /// Whether a second factor is demanded of the account, and it has none.
    pub(crate) lacks_factor: bool,
    /// How the person authenticated, in the words of RFC 8176.
    pub(crate) methods: String,
}

/// What continues a session, once.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) session: String,
    pub(crate) hash: [u8; 32],
}

pub(crate) async fn add(write: &mut Write, session: &Session) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(&session.id)
        .bind(&session.account)
        .bind(&session.device)
        .bind(session.began)
        .bind(session.expires)
        .bind(session.authenticated_at)
        .bind(&session.methods);
    added.execute(write.connection()).await?;
    Ok(())
}

/// Sessions of an account with ids above one, by id, that have not expired and were used since `idle`.
pub(crate) async fn of_account<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    (now, idle): (i64, i64),
    rows: i64,
) -> Result<Vec<Session>> {
    let rows = sqlx::query(OF_ACCOUNT)
        .bind(account)
        .bind(id)
        .bind(now)
        .bind(idle)
        .bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(session).collect()
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Session>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(session).transpose()
}

pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<ShownSession>> {
    let Some(row) = sqlx::query(SHOWN).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(ShownSession {
        account: row.try_get(0)?,
        expires: row.try_get(1)?,
        last_used: row.try_get(2)?,
        authenticated_at: row.try_get(3)?,
        version: (row.try_get(4)?, row.try_get(6)?),
        state: row.try_get(5)?,
        lacks_factor: row.try_get::<i64, _>(7)? != 0,
        methods: row.try_get(8)?,
    }))
}

pub(crate) async fn touch(write: &mut Write, id: &str, now: i64) -> Result<()> {
    let touched = sqlx::query(TOUCH).bind(id).bind(now);
    touched.execute(write.connection()).await?;
    Ok(())
}

/// Notes that the person authenticated now.
pub(crate) async fn step_up(write: &mut Write, id: &str, now: i64, methods: &str) -> Result<()> {
    let done = sqlx::query(STEP_UP).bind(id).bind(now).bind(methods);
    done.execute(write.connection()).await?;
    Ok(())
}

/// Ends a session of an account. Whether there was such a one.
pub(crate) async fn end(write: &mut Write, id: &str, account: &str) -> Result<bool> {
    let dropped = sqlx::query(DROP).bind(id).bind(account);
    let was_there = dropped.fetch_optional(write.connection()).await?.is_some();
    if was_there {
        let dropped = sqlx::query(DROP_REFRESH).bind(id);
        dropped.execute(write.connection()).await?;
    }
    Ok(was_there)
}

/// Ends all sessions of an account but one (none has an empty id), and returns how many.
pub(crate) async fn end_others(write: &mut Write, account: &str, but: &str) -> Result<u64> {
    let dropped = sqlx::query(DROP_REFRESH_OF).bind(account).bind(but);
    dropped.execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_OTHERS).bind(account).bind(but);
    Ok(dropped.execute(write.connection()).await?.rows_affected())
}

/// Removes sessions that have expired or were not used since `idle`.
pub(crate) async fn end_old(write: &mut Write, now: i64, idle: i64) -> Result<()> {
    for statement in [DROP_REFRESH_OLD, DROP_OLD] {
        let dropped = sqlx::query(statement).bind(now).bind(idle);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

/// The ids of sessions of an account beside a new one, but for those that were used last, so that with it there are `kept`; those that are
/// over, or were not used since `idle`, count as the oldest.
pub(crate) async fn beyond(
    write: &mut Write,
    new: &Session,
    (now, idle): (i64, i64),
    kept: i64,
) -> Result<Vec<String>> {
    let found = sqlx::query(BEYOND)
        .bind(&new.account)
        .bind(&new.id)
        .bind(now)
        .bind(idle)
        .bind(BEYOND_MAX)
        .bind(kept - 1);
    let rows = found.fetch_all(write.connection()).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(crate) async fn add_refresh(
    write: &mut Write,
    stored: &StoredSecret,
    session: &str,
) -> Result<()> {
    let added = sqlx::query(ADD_REFRESH)
        .bind(&stored.id)
        .bind(session)
        .bind(stored.hash.as_slice());
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn refresh<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Refresh>> {
    let Some(row) = sqlx::query(REFRESH).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(Refresh {
        session: row.try_get(0)?,
        hash: hash_of("refresh", id, &row.try_get::<Vec<u8>, _>(1)?)?,
    }))
}

/// Whether it was not used before.
pub(crate) async fn use_refresh(write: &mut Write, id: &str, now: i64) -> Result<bool> {
    let used = sqlx::query(USE_REFRESH).bind(id).bind(now);
    Ok(used.fetch_optional(write.connection()).await?.is_some())
}

/// Forgets refresh tokens of a session that were used up to a time.
pub(crate) async fn thin_refresh(write: &mut Write, session: &str, used: i64) -> Result<()> {
    let thinned = sqlx::query(THIN_REFRESH).bind(session).bind(used);
    thinned.execute(write.connection()).await?;
    Ok(())
}

fn session(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        device: row.try_get(2)?,
        began: row.try_get(3)?,
        last_used: row.try_get(4)?,
        expires: row.try_get(5)?,
        authenticated_at: row.try_get(6)?,
        methods: row.try_get(7)?,
    })
}
