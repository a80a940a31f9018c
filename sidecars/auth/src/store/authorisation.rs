//! What applications were given: authorisations, with the codes and refresh tokens that come of them, and tokens that were revoked.

pub(crate) mod token;

use super::client::settings;
use super::organisation::GrantVersion;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
pub(crate) use token::{
    AppRefresh, Code, add_code, add_refresh, code, drop_old_revoked, is_revoked, refresh,
    revoke_token, thin_refresh, use_code, use_refresh,
};
use utoipa::ToSchema;

const ADD: &str = "INSERT INTO authorisation \
    (id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires, login) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const ONE: &str = "SELECT id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires, login \
    FROM authorisation WHERE id = $1";
/// One whose token somebody shows, with its account, whether the token itself was revoked, and its session if it has one.
const SHOWN: &str = concat!(
    "SELECT authorisation.client, authorisation.account, authorisation.expires, authorisation.session, \
    account.version, account.state, revoked_token.id, session.expires, session.last_used, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id), ",
    lacks_factor!(),
    ", authorisation.methods FROM authorisation \
    JOIN account ON account.id = authorisation.account \
    LEFT JOIN revoked_token ON revoked_token.id = $2 \
    LEFT JOIN session ON session.id = authorisation.session WHERE authorisation.id = $1"
);
/// Those of an account that go on, with their applications.
const GIVEN: &str = "SELECT authorisation.id, authorisation.client, client.settings, authorisation.scopes, authorisation.resources, \
    authorisation.began, authorisation.expires, authorisation.session FROM authorisation \
    JOIN client ON client.id = authorisation.client LEFT JOIN session ON session.id = authorisation.session \
    WHERE authorisation.account = $1 AND authorisation.id > $2 AND authorisation.expires > $3 \
    AND (authorisation.session IS NULL OR (session.expires > $3 AND session.last_used > $5)) ORDER BY authorisation.id LIMIT $4";
const EXTEND: &str = "UPDATE authorisation SET expires = $2 WHERE id = $1";
const PART_CODE: &str = "DELETE FROM authorisation_code WHERE authorisation = $1";
const PART_REFRESH: &str = "DELETE FROM authorisation_refresh WHERE authorisation = $1";
const DROP: &str = "DELETE FROM authorisation WHERE id = $1";
/// Many that end together, however many they are: first what came of them.
const END_OF_CLIENT: [&str; 3] = [
    "DELETE FROM authorisation_code WHERE authorisation IN (SELECT id FROM authorisation WHERE client = $1)",
    "DELETE FROM authorisation_refresh WHERE authorisation IN (SELECT id FROM authorisation WHERE client = $1)",
    "DELETE FROM authorisation WHERE client = $1",
];
const END_OF_BOTH: [&str; 3] = [
    "DELETE FROM authorisation_code WHERE authorisation IN (SELECT id FROM authorisation WHERE account = $1 AND client = $2)",
    "DELETE FROM authorisation_refresh WHERE authorisation IN (SELECT id FROM authorisation WHERE account = $1 AND client = $2)",
    "DELETE FROM authorisation WHERE account = $1 AND client = $2",
];
const END_OF_ACCOUNT: [&str; 3] = [
    "DELETE FROM authorisation_code WHERE authorisation IN (SELECT id FROM authorisation WHERE account = $1)",
    "DELETE FROM authorisation_refresh WHERE authorisation IN (SELECT id FROM authorisation WHERE account = $1)",
    "DELETE FROM authorisation WHERE account = $1",
];
const END_OLD: [&str; 3] = [
    "DELETE FROM authorisation_code WHERE authorisation IN (SELECT id FROM authorisation WHERE expires <= $1)",
    "DELETE FROM authorisation_refresh WHERE authorisation IN (SELECT id FROM authorisation WHERE expires <= $1)",
    "DELETE FROM authorisation WHERE expires <= $1",
];
/// Those of an account with an application whose code nobody has redeemed yet, but for the newest.
const WAITING_BEYOND: &str = "SELECT id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires, login \
    FROM authorisation WHERE account = $1 AND client = $2 AND expires > $3 AND id <> $4 \
    AND (id IN (SELECT authorisation FROM device_code WHERE client = $2 AND authorisation IS NOT NULL) \
    OR EXISTS (SELECT 1 FROM authorisation_code AS code WHERE code.authorisation = authorisation.id AND code.used IS NULL)) \
    ORDER BY CASE WHEN session IS NULL OR EXISTS (SELECT 1 FROM session AS own WHERE own.id = authorisation.session \
    AND own.expires > $3 AND own.last_used > $7) THEN 0 ELSE 1 END, began DESC, id DESC LIMIT $5 OFFSET $6";
/// Those of which there are tokens and that go on, but for the newest.
const GOING_ON_BEYOND: &str = "SELECT id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires, login \
    FROM authorisation WHERE account = $1 AND client = $2 AND expires > $3 AND id <> $4 \
    AND id NOT IN (SELECT authorisation FROM device_code WHERE client = $2 AND authorisation IS NOT NULL) \
    AND NOT EXISTS (SELECT 1 FROM authorisation_code AS code WHERE code.authorisation = authorisation.id AND code.used IS NULL) \
    ORDER BY CASE WHEN session IS NULL OR EXISTS (SELECT 1 FROM session AS own WHERE own.id = authorisation.session \
    AND own.expires > $3 AND own.last_used > $7) THEN 0 ELSE 1 END, began DESC, id DESC LIMIT $5 OFFSET $6";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    ONE,
    SHOWN,
    GIVEN,
    EXTEND,
    PART_CODE,
    PART_REFRESH,
    DROP,
    END_OF_CLIENT[0],
    END_OF_CLIENT[1],
    END_OF_CLIENT[2],
    END_OF_BOTH[0],
    END_OF_BOTH[1],
    END_OF_BOTH[2],
    END_OF_ACCOUNT[0],
    END_OF_ACCOUNT[1],
    END_OF_ACCOUNT[2],
    END_OLD[0],
    END_OLD[1],
    END_OLD[2],
    WAITING_BEYOND,
    GOING_ON_BEYOND,
];

/// Those beyond the newest that are ended at once, at most: one comes at a time.
const BEYOND_MAX: i64 = 1000;

/// What an application was given by a person, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorisation {
    /// Its id: `aut_…`. In access tokens it is `sid`.
    pub(crate) id: String,
    /// Id of the application.
    pub(crate) client: String,
    pub(crate) account: String,
    /// The login of the application, which ID tokens name as `sid`; none of a device that goes on alone.
    pub(crate) login: Option<String>,
    /// The session with which it ends; null if it goes on without one.
    pub(crate) session: Option<String>,
    /// What it is for, with a space between scopes.
    pub(crate) scopes: String,
    /// Services that its tokens are for, with a space between them; empty for this one.
    pub(crate) resources: String,
    pub(crate) nonce: Option<String>,
    pub(crate) authenticated_at: i64,
    pub(crate) methods: String,
    /// When it began, in nanoseconds since the epoch.
    pub(crate) began: i64,
    /// When it ends unless it is gone on with, in nanoseconds since the epoch.
    pub(crate) expires: i64,
}

/// An authorisation whose token somebody shows.
#[derive(Debug)]
pub(crate) struct ShownAuthorisation {
    pub(crate) client: String,
    pub(crate) account: String,
    pub(crate) expires: i64,
    /// Whether it ends with a session.
    pub(crate) has_session: bool,
    /// Versions of the account and of its organisations.
    pub(crate) version: GrantVersion,
    /// State of the account.
    pub(crate) state: String,
    /// Whether a second factor is demanded of the account, and it has none.
    pub(crate) lacks_factor: bool,
    /// How the person had authenticated who allowed it.
    pub(crate) methods: String,
    pub(crate) is_token_revoked: bool,
    /// When its session ends, and when it was last used, if there is such a session.
    pub(crate) session: Option<(i64, i64)>,
}

/// What an application has of a person now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Given {
    /// Its id: `aut_…`.
    pub(crate) id: String,
    /// Id of the application.
    pub(crate) client: String,
    /// What it is called.
    pub(crate) name: String,
    /// What it is for, with a space between scopes.
    pub(crate) scopes: String,
    /// Services that its tokens are for, with a space between them; empty for this one.
    pub(crate) resources: String,
    /// When it began, in nanoseconds since the epoch.
    pub(crate) began: i64,
    /// When it ends unless it is gone on with, in nanoseconds since the epoch.
    pub(crate) expires: i64,
    /// Whether it ends with the session in which it was allowed.
    pub(crate) ends_with_session: bool,
}

pub(crate) async fn add(write: &mut Write, new: &Authorisation) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(&new.id)
        .bind(&new.client)
        .bind(&new.account)
        .bind(&new.session)
        .bind(&new.scopes)
        .bind(&new.resources)
        .bind(&new.nonce)
        .bind(new.authenticated_at)
        .bind(&new.methods)
        .bind(new.began)
        .bind(new.expires)
        .bind(&new.login);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Authorisation>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(authorisation).transpose()
}

pub(crate) async fn shown<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    token: &str,
) -> Result<Option<ShownAuthorisation>> {
    let row = sqlx::query(SHOWN).bind(id).bind(token);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    let expires: Option<i64> = row.try_get(7)?;
    let last_used: Option<i64> = row.try_get(8)?;
    Ok(Some(ShownAuthorisation {
        client: row.try_get(0)?,
        account: row.try_get(1)?,
        expires: row.try_get(2)?,
        has_session: row.try_get::<Option<String>, _>(3)?.is_some(),
        version: (row.try_get(4)?, row.try_get(9)?),
        state: row.try_get(5)?,
        lacks_factor: row.try_get::<i64, _>(10)? != 0,
        methods: row.try_get(11)?,
        is_token_revoked: row.try_get::<Option<String>, _>(6)?.is_some(),
        session: expires.zip(last_used),
    }))
}

/// What applications have of an account now, with ids above one, by id; not of sessions that were not used since `idle`.
pub(crate) async fn given<'e>(
    at: impl Executor<'e, Database = Any>,
    (account, now, idle): (&str, i64, i64),
    id: &str,
    rows: i64,
) -> Result<Vec<Given>> {
    let rows = sqlx::query(GIVEN)
        .bind(account)
        .bind(id)
        .bind(now)
        .bind(rows)
        .bind(idle);
    let given = |row: &AnyRow| {
        let client: String = row.try_get(1)?;
        Ok(Given {
            id: row.try_get(0)?,
            name: settings(&client, row.try_get(2)?)?.name,
            client,
            scopes: row.try_get(3)?,
            resources: row.try_get(4)?,
            began: row.try_get(5)?,
            expires: row.try_get(6)?,
            ends_with_session: row.try_get::<Option<String>, _>(7)?.is_some(),
        })
    };
    rows.fetch_all(at).await?.iter().map(given).collect()
}

pub(crate) async fn extend(write: &mut Write, id: &str, expires: i64) -> Result<()> {
    let extended = sqlx::query(EXTEND).bind(id).bind(expires);
    extended.execute(write.connection()).await?;
    Ok(())
}

/// Ends an authorisation, with all that came of it. Whether there was such a one.
pub(crate) async fn end(write: &mut Write, id: &str) -> Result<()> {
    for part in [PART_CODE, PART_REFRESH, DROP] {
        let dropped = sqlx::query(part).bind(id);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

/// Ends all authorisations of an application, and returns how many.
pub(crate) async fn end_of_client(write: &mut Write, client: &str) -> Result<()> {
    end_all(write, END_OF_CLIENT, &[client]).await?;
    Ok(())
}

/// Ends the authorisations of an account with one application, or with all, and returns how many.
pub(crate) async fn end_of_account(
    write: &mut Write,
    account: &str,
    client: Option<&str>,
) -> Result<u64> {
    match client {
        Some(client) => end_all(write, END_OF_BOTH, &[account, client]).await,
        None => end_all(write, END_OF_ACCOUNT, &[account]).await,
    }
}

/// Removes authorisations that have ended.
pub(crate) async fn drop_old(write: &mut Write, now: i64) -> Result<()> {
    for statement in END_OLD {
        let ended = sqlx::query(statement).bind(now);
        ended.execute(write.connection()).await?;
    }
    Ok(())
}

/// Those of the same account and application as one that just came, but for it and the newest: of those whose code nobody has redeemed, or
/// of those of which there are tokens. Those of sessions that are over count as the oldest.
pub(crate) async fn beyond(
    write: &mut Write,
    new: &Authorisation,
    (is_waiting, kept): (bool, i64),
    (now, idle): (i64, i64),
) -> Result<Vec<Authorisation>> {
    let statement = if is_waiting {
        WAITING_BEYOND
    } else {
        GOING_ON_BEYOND
    };
    let found = sqlx::query(statement)
        .bind(&new.account)
        .bind(&new.client)
        .bind(now)
        .bind(&new.id)
        .bind(BEYOND_MAX)
        .bind(kept - 1)
        .bind(idle);
    let rows = found.fetch_all(write.connection()).await?;
    rows.iter().map(authorisation).collect()
}

async fn end_all(write: &mut Write, statements: [&'static str; 3], ids: &[&str]) -> Result<u64> {
    let mut count = 0;
    for statement in statements {
        let ended = ids
            .iter()
            .fold(sqlx::query(statement), |query, id| query.bind(*id));
        // That of the last one, which are the authorisations.
        count = ended.execute(write.connection()).await?.rows_affected();
    }
    Ok(count)
}

fn authorisation(row: &AnyRow) -> Result<Authorisation> {
    Ok(Authorisation {
        id: row.try_get(0)?,
        client: row.try_get(1)?,
        account: row.try_get(2)?,
        session: row.try_get(3)?,
        scopes: row.try_get(4)?,
        resources: row.try_get(5)?,
        nonce: row.try_get(6)?,
        authenticated_at: row.try_get(7)?,
        methods: row.try_get(8)?,
        began: row.try_get(9)?,
        expires: row.try_get(10)?,
        login: row.try_get(11)?,
    })
}
