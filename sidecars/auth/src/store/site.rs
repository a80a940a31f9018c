//! Browsers at other sites: tickets on the way there, and what they show once they are there.

use super::secret::hash_of;
use super::session::ShownSession;
use crate::credential::secret::StoredSecret;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const ADD_TICKET: &str = "INSERT INTO site_ticket (id, hash, session, site, state, expires) VALUES ($1, $2, $3, $4, $5, $6)";
/// Of two who show it at the same time one gets it.
const TAKE_TICKET: &str =
    "DELETE FROM site_ticket WHERE id = $1 RETURNING hash, session, site, state, expires";
const DROP_OLD_TICKETS: &str = "DELETE FROM site_ticket WHERE expires <= $1";
const ADD: &str = "INSERT INTO site_session (id, hash, session, site) VALUES ($1, $2, $3, $4)";
/// Those of a session at a site but for a new one and the newest beside it: their ids begin with the time.
const DROP_BEYOND: &str = "DELETE FROM site_session WHERE session = $1 AND site = $2 AND id <> $3 AND id NOT IN \
    (SELECT id FROM site_session WHERE session = $1 AND site = $2 AND id <> $3 ORDER BY id DESC LIMIT $4)";
const SHOWN: &str = concat!(
    "SELECT site_session.hash, session.account, session.expires, session.last_used, \
    session.authenticated_at, account.version, account.state, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    ", session.methods FROM site_session \
    JOIN session ON session.id = site_session.session JOIN account ON account.id = session.account \
    WHERE site_session.id = $1 AND site_session.site = $2"
);
const DROP_OVER: &str = "DELETE FROM site_session WHERE session NOT IN (SELECT id FROM session)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD_TICKET,
    TAKE_TICKET,
    DROP_OLD_TICKETS,
    ADD,
    DROP_BEYOND,
    SHOWN,
    DROP_OVER,
];

/// A browser on its way to a site.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) hash: [u8; 32],
    /// The session of whoever is there.
    pub(crate) session: String,
    /// The origin of the site.
    pub(crate) site: String,
    /// SHA-256 of what the browser was given at the site, as base64url.
    pub(crate) state: String,
    pub(crate) expires: i64,
}

/// A browser at a site, with the session that it stands on.
#[derive(Debug)]
pub(crate) struct ShownAtSite {
    pub(crate) hash: [u8; 32],
    pub(crate) session: ShownSession,
}

pub(crate) async fn add_ticket(write: &mut Write, id: &str, ticket: &Ticket) -> Result<()> {
    let added = sqlx::query(ADD_TICKET)
        .bind(id)
        .bind(ticket.hash.as_slice())
        .bind(&ticket.session)
        .bind(&ticket.site)
        .bind(&ticket.state)
        .bind(ticket.expires);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn take_ticket(write: &mut Write, id: &str) -> Result<Option<Ticket>> {
    let taken = sqlx::query(TAKE_TICKET).bind(id);
    let Some(row) = taken.fetch_optional(write.connection()).await? else {
        return Ok(None);
    };
    Ok(Some(Ticket {
        hash: hash_of("site_ticket", id, &row.try_get::<Vec<u8>, _>(0)?)?,
        session: row.try_get(1)?,
        site: row.try_get(2)?,
        state: row.try_get(3)?,
        expires: row.try_get(4)?,
    }))
}

/// Adds a browser at a site; of more than `kept` of a session the oldest go.
pub(crate) async fn add(
    write: &mut Write,
    stored: &StoredSecret,
    (session, site): (&str, &str),
    kept: i64,
) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(&stored.id)
        .bind(stored.hash.as_slice())
        .bind(session)
        .bind(site);
    added.execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_BEYOND)
        .bind(session)
        .bind(site)
        .bind(&stored.id)
        .bind(kept - 1);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// What somebody shows at a site.
pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    (id, site): (&str, &str),
) -> Result<Option<ShownAtSite>> {
    let row = sqlx::query(SHOWN).bind(id).bind(site);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(ShownAtSite {
        hash: hash_of("site_session", id, &row.try_get::<Vec<u8>, _>(0)?)?,
        session: ShownSession {
            account: row.try_get(1)?,
            expires: row.try_get(2)?,
            last_used: row.try_get(3)?,
            authenticated_at: row.try_get(4)?,
            version: (row.try_get(5)?, row.try_get(7)?),
            state: row.try_get(6)?,
            lacks_factor: row.try_get::<i64, _>(8)? != 0,
            methods: row.try_get(9)?,
        },
    }))
}

/// Removes what stands on sessions that are over, and tickets that nobody showed in time.
pub(crate) async fn drop_old(write: &mut Write, now: i64) -> Result<()> {
    sqlx::query(DROP_OVER).execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_OLD_TICKETS).bind(now);
    dropped.execute(write.connection()).await?;
    Ok(())
}
