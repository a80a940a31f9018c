//! What browsers show: cookies of sessions, and sign-ins that wait for the second factor.

use super::secret::hash_of;
use super::session::ShownSession;
use crate::credential::secret::StoredSecret;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const SET: &str = "INSERT INTO browser_session (id, session, hash) VALUES ($1, $2, $3) \
    ON CONFLICT (session) DO UPDATE SET id = excluded.id, hash = excluded.hash";
const SHOWN: &str = concat!(
    "SELECT browser_session.session, browser_session.hash, session.account, session.expires, session.last_used, \
    session.authenticated_at, account.version, account.state, account.name, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    ", session.methods FROM browser_session \
    JOIN session ON session.id = browser_session.session JOIN account ON account.id = session.account WHERE browser_session.id = $1"
);
const DROP_OVER: &str = "DELETE FROM browser_session WHERE session NOT IN (SELECT id FROM session)";
const ADD_STEP: &str = "INSERT INTO sign_in_step (id, account, hash, password, attempts, expires) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const STEP: &str =
    "SELECT account, hash, password, attempts FROM sign_in_step WHERE id = $1 AND expires > $2";
const TAKE_STEP: &str = "DELETE FROM sign_in_step WHERE id = $1 RETURNING id";
const DROP_OLD_STEPS: &str = "DELETE FROM sign_in_step WHERE expires <= $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    SET,
    SHOWN,
    DROP_OVER,
    ADD_STEP,
    STEP,
    TAKE_STEP,
    DROP_OLD_STEPS,
];

/// A session whose cookie somebody shows.
#[derive(Debug)]
pub(crate) struct ShownCookie {
    /// Id of the session.
    pub(crate) id: String,
    pub(crate) hash: [u8; 32],
    pub(crate) session: ShownSession,
    /// What the account is called.
    pub(crate) name: String,
}

/// A sign-in that waits for the second factor.
#[derive(Debug)]
pub(crate) struct WaitingSignIn {
    pub(crate) account: String,
    pub(crate) hash: [u8; 32],
    /// SHA-256 of the hash by which the password was found right.
    pub(crate) password: [u8; 32],
    /// Whose attempts are counted.
    pub(crate) attempts: String,
}

/// Gives a session a cookie, in the place of the one that it had.
pub(crate) async fn set(write: &mut Write, stored: &StoredSecret, session: &str) -> Result<()> {
    let set = sqlx::query(SET)
        .bind(&stored.id)
        .bind(session)
        .bind(stored.hash.as_slice());
    set.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<ShownCookie>> {
    let Some(row) = sqlx::query(SHOWN).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(ShownCookie {
        id: row.try_get(0)?,
        hash: hash_of("browser_session", id, &row.try_get::<Vec<u8>, _>(1)?)?,
        session: ShownSession {
            account: row.try_get(2)?,
            expires: row.try_get(3)?,
            last_used: row.try_get(4)?,
            authenticated_at: row.try_get(5)?,
            version: (row.try_get(6)?, row.try_get(9)?),
            state: row.try_get(7)?,
            lacks_factor: row.try_get::<i64, _>(10)? != 0,
            methods: row.try_get(11)?,
        },
        name: row.try_get(8)?,
    }))
}

pub(crate) async fn add_step(
    write: &mut Write,
    stored: &StoredSecret,
    waiting: (&str, &[u8; 32], &str),
    expires: i64,
) -> Result<()> {
    let (account, password, attempts) = waiting;
    let added = sqlx::query(ADD_STEP)
        .bind(&stored.id)
        .bind(account)
        .bind(stored.hash.as_slice())
        .bind(password.as_slice())
        .bind(attempts)
        .bind(expires);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn step<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    now: i64,
) -> Result<Option<WaitingSignIn>> {
    let row = sqlx::query(STEP).bind(id).bind(now);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(WaitingSignIn {
        account: row.try_get(0)?,
        hash: hash_of("sign_in_step", id, &row.try_get::<Vec<u8>, _>(1)?)?,
        password: hash_of("sign_in_step", id, &row.try_get::<Vec<u8>, _>(2)?)?,
        attempts: row.try_get(3)?,
    }))
}

/// Whether it was there: of two who go on with it at the same time one does.
pub(crate) async fn take_step(write: &mut Write, id: &str) -> Result<bool> {
    let taken = sqlx::query(TAKE_STEP).bind(id);
    Ok(taken.fetch_optional(write.connection()).await?.is_some())
}

/// Removes cookies of sessions that are over, and sign-ins that nobody went on with.
pub(crate) async fn drop_old(write: &mut Write, now: i64) -> Result<()> {
    sqlx::query(DROP_OVER).execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_OLD_STEPS).bind(now);
    dropped.execute(write.connection()).await?;
    Ok(())
}
