//! What applications were given: authorisations, the codes and refresh tokens that come of them, and tokens that were revoked.

use super::organisation::GrantVersion;
use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const ADD: &str = "INSERT INTO authorisation \
    (id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const ONE: &str = "SELECT id, client, account, session, scopes, resources, nonce, authenticated_at, methods, began, expires \
    FROM authorisation WHERE id = $1";
/// One whose token somebody shows, with its account, whether the token itself was revoked, and its session if it has one.
const SHOWN: &str = "SELECT authorisation.client, authorisation.account, authorisation.expires, authorisation.session, \
    account.version, account.state, revoked_token.id, session.expires, session.last_used, \
    (SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = account.id) FROM authorisation \
    JOIN account ON account.id = authorisation.account \
    LEFT JOIN revoked_token ON revoked_token.id = $2 \
    LEFT JOIN session ON session.id = authorisation.session WHERE authorisation.id = $1";
const EXTEND: &str = "UPDATE authorisation SET expires = $2 WHERE id = $1";
const PART_CODE: &str = "DELETE FROM authorisation_code WHERE authorisation = $1";
const PART_REFRESH: &str = "DELETE FROM authorisation_refresh WHERE authorisation = $1";
const DROP: &str = "DELETE FROM authorisation WHERE id = $1 RETURNING id";
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
const REVOKE_TOKEN: &str =
    "INSERT INTO revoked_token (id, expires) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
const REVOKED: &str = "SELECT id FROM revoked_token WHERE id = $1";
const DROP_OLD_REVOKED: &str = "DELETE FROM revoked_token WHERE expires <= $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    ONE,
    SHOWN,
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
    ADD_CODE,
    CODE,
    USE_CODE,
    ADD_REFRESH,
    REFRESH,
    USE_REFRESH,
    REVOKE_TOKEN,
    REVOKED,
    DROP_OLD_REVOKED,
];

/// What an application was given by a person, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorisation {
    /// Its id: `aut_…`. In tokens it is `sid`.
    pub(crate) id: String,
    /// Id of the application.
    pub(crate) client: String,
    pub(crate) account: String,
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
    pub(crate) is_token_revoked: bool,
    /// When its session ends, and when it was last used, if there is such a session.
    pub(crate) session: Option<(i64, i64)>,
}

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
        .bind(new.expires);
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
        is_token_revoked: row.try_get::<Option<String>, _>(6)?.is_some(),
        session: expires.zip(last_used),
    }))
}

pub(crate) async fn extend(write: &mut Write, id: &str, expires: i64) -> Result<()> {
    let extended = sqlx::query(EXTEND).bind(id).bind(expires);
    extended.execute(write.connection()).await?;
    Ok(())
}

/// Ends an authorisation, with all that came of it. Whether there was such a one.
pub(crate) async fn end(write: &mut Write, id: &str) -> Result<bool> {
    for part in [PART_CODE, PART_REFRESH] {
        let dropped = sqlx::query(part).bind(id);
        dropped.execute(write.connection()).await?;
    }
    let dropped = sqlx::query(DROP).bind(id);
    Ok(dropped.fetch_optional(write.connection()).await?.is_some())
}

/// Ends all authorisations of an application, and returns how many.
pub(crate) async fn end_of_client(write: &mut Write, client: &str) -> Result<u64> {
    end_all(write, END_OF_CLIENT, &[client]).await
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

/// Forgets tokens that were revoked and expired before a time.
pub(crate) async fn drop_old_revoked(write: &mut Write, before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD_REVOKED).bind(before);
    dropped.execute(write.connection()).await?;
    Ok(())
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
    })
}
