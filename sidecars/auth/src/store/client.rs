//! Applications, their secrets, and what people allowed them.

use super::account::unreadable;
use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use crate::oauth::client::ClientSettings;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use utoipa::ToSchema;

const ADD: &str =
    "INSERT INTO client (id, version, settings, created, created_by) VALUES ($1, $2, $3, $4, $5)";
const SET: &str = "UPDATE client SET version = $2, settings = $3 WHERE id = $1";
const DROP: [&str; 3] = [
    "DELETE FROM client WHERE id = $1",
    "DELETE FROM client_secret WHERE client = $1",
    "DELETE FROM consent WHERE client = $1",
];
const ONE: &str = "SELECT id, version, settings, created, created_by FROM client WHERE id = $1";
const AFTER: &str = "SELECT id, version, settings, created, created_by FROM client WHERE id > $1 ORDER BY id LIMIT $2";
const ADD_SECRET: &str =
    "INSERT INTO client_secret (id, client, hash, created) VALUES ($1, $2, $3, $4)";
const SECRET: &str = "SELECT hash FROM client_secret WHERE id = $1 AND client = $2 AND (expires IS NULL OR expires > $3)";
/// Those that were to end sooner still do.
const END_SECRETS: &str =
    "UPDATE client_secret SET expires = $2 WHERE client = $1 AND (expires IS NULL OR expires > $2)";
const DROP_OLD_SECRETS: &str = "DELETE FROM client_secret WHERE expires <= $1";
const TAKE_ASSERTION: &str = "INSERT INTO client_assertion (client, jti, expires) VALUES ($1, $2, $3) ON CONFLICT (client, jti) DO NOTHING";
const DROP_OLD_ASSERTIONS: &str = "DELETE FROM client_assertion WHERE expires <= $1";
const SET_CONSENT: &str = "INSERT INTO consent (account, client, resource, scopes, created) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (account, client, resource) DO UPDATE SET scopes = excluded.scopes, created = excluded.created";
const CONSENT: &str =
    "SELECT scopes FROM consent WHERE account = $1 AND client = $2 AND resource = $3";
const DROP_CONSENTS_AT: &str = "DELETE FROM consent WHERE client = $1 AND resource = $2";
const DROP_CONSENT: &str =
    "DELETE FROM consent WHERE account = $1 AND client = $2 RETURNING client";
const DROP_CONSENTS: &str = "DELETE FROM consent WHERE account = $1";
/// All of each of some applications.
const CONSENTS_AFTER: &str = "SELECT consent.client, client.settings, consent.resource, consent.scopes, consent.created FROM consent \
    JOIN client ON client.id = consent.client WHERE consent.account = $1 AND consent.client IN \
    (SELECT DISTINCT client FROM consent WHERE account = $1 AND client > $2 ORDER BY client LIMIT $3) \
    ORDER BY consent.client, consent.resource";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    SET,
    DROP[0],
    DROP[1],
    DROP[2],
    ONE,
    AFTER,
    ADD_SECRET,
    SECRET,
    END_SECRETS,
    DROP_OLD_SECRETS,
    TAKE_ASSERTION,
    DROP_OLD_ASSERTIONS,
    SET_CONSENT,
    CONSENT,
    DROP_CONSENTS_AT,
    DROP_CONSENT,
    DROP_CONSENTS,
    CONSENTS_AFTER,
];

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Client {
    /// Its id, which it shows as `client_id`: `cli_…`.
    pub(crate) id: String,
    /// How many changes it had.
    pub(crate) version: i64,
    /// How it was described.
    #[serde(flatten)]
    pub(crate) settings: ClientSettings,
    /// When it was registered, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// Who registered it.
    pub(crate) created_by: String,
}

/// An application that a person allowed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Consent {
    /// Id of the application.
    pub(crate) client: String,
    /// What it is called.
    pub(crate) name: String,
    /// What was allowed, at each service.
    pub(crate) allowed: Vec<AllowedAt>,
}

/// What a person allowed an application at a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AllowedAt {
    /// The URI of the service; empty for this one.
    pub(crate) resource: String,
    /// What was allowed, with a space between scopes.
    pub(crate) scopes: String,
    /// When, in nanoseconds since the epoch.
    pub(crate) created: i64,
}

pub(crate) async fn add(write: &mut Write, client: &Client, settings: &str) -> Result<()> {
    let added = sqlx::query(ADD)
        .bind(&client.id)
        .bind(client.version)
        .bind(settings)
        .bind(client.created)
        .bind(&client.created_by);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn set(write: &mut Write, client: &Client, settings: &str) -> Result<()> {
    let set = sqlx::query(SET)
        .bind(&client.id)
        .bind(client.version)
        .bind(settings);
    set.execute(write.connection()).await?;
    Ok(())
}

/// Drops an application with its secrets and with what people allowed it.
pub(crate) async fn drop_client(write: &mut Write, id: &str) -> Result<()> {
    for statement in DROP {
        let dropped = sqlx::query(statement).bind(id);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Client>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(client).transpose()
}

/// Applications with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    rows: i64,
) -> Result<Vec<Client>> {
    let rows = sqlx::query(AFTER).bind(id).bind(rows).fetch_all(at).await?;
    rows.iter().map(client).collect()
}

pub(crate) async fn add_secret(
    write: &mut Write,
    stored: &StoredSecret,
    client: &str,
    now: i64,
) -> Result<()> {
    let added = sqlx::query(ADD_SECRET)
        .bind(&stored.id)
        .bind(client)
        .bind(stored.hash.as_slice())
        .bind(now);
    added.execute(write.connection()).await?;
    Ok(())
}

/// What is kept of a secret of an application, while it is good.
pub(crate) async fn secret<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    client: &str,
    now: i64,
) -> Result<Option<[u8; 32]>> {
    let row = sqlx::query(SECRET).bind(id).bind(client).bind(now);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    hash_of("client_secret", id, &row.try_get::<Vec<u8>, _>(0)?).map(Some)
}

/// Lets all secrets of an application end at a time, if they would not sooner.
pub(crate) async fn end_secrets(write: &mut Write, client: &str, at: i64) -> Result<()> {
    let ended = sqlx::query(END_SECRETS).bind(client).bind(at);
    ended.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_old_secrets(write: &mut Write, now: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD_SECRETS).bind(now);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Forgets assertions that were over before a time.
pub(crate) async fn drop_old_assertions(write: &mut Write, before: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD_ASSERTIONS).bind(before);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Whether an application had not shown this assertion before.
pub(crate) async fn take_assertion(
    write: &mut Write,
    (client, jti): (&str, &str),
    expires: i64,
) -> Result<bool> {
    let taken = sqlx::query(TAKE_ASSERTION)
        .bind(client)
        .bind(jti)
        .bind(expires);
    Ok(taken.execute(write.connection()).await?.rows_affected() == 1)
}

pub(crate) async fn set_consent(
    write: &mut Write,
    (account, client, resource): (&str, &str, &str),
    scopes: &str,
    now: i64,
) -> Result<()> {
    let set = sqlx::query(SET_CONSENT)
        .bind(account)
        .bind(client)
        .bind(resource)
        .bind(scopes)
        .bind(now);
    set.execute(write.connection()).await?;
    Ok(())
}

/// The scopes that a person allowed an application at a service.
pub(crate) async fn consent<'e>(
    at: impl Executor<'e, Database = Any>,
    (account, client, resource): (&str, &str, &str),
) -> Result<Option<String>> {
    let row = sqlx::query(CONSENT)
        .bind(account)
        .bind(client)
        .bind(resource);
    let row = row.fetch_optional(at).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Whether the person had allowed the application something.
pub(crate) async fn drop_consent(write: &mut Write, account: &str, client: &str) -> Result<bool> {
    let dropped = sqlx::query(DROP_CONSENT).bind(account).bind(client);
    Ok(!dropped.fetch_all(write.connection()).await?.is_empty())
}

/// Forgets what people allowed an application.
pub(crate) async fn drop_consents_of(write: &mut Write, client: &str) -> Result<()> {
    let dropped = sqlx::query(DROP[2]).bind(client);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Forgets what people allowed an application at a service.
pub(crate) async fn drop_consents_at(
    write: &mut Write,
    client: &str,
    resource: &str,
) -> Result<()> {
    let dropped = sqlx::query(DROP_CONSENTS_AT).bind(client).bind(resource);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_consents(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_CONSENTS).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// What a person allowed up to `rows` applications with ids above one, by id.
pub(crate) async fn consents_after<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Consent>> {
    let rows = sqlx::query(CONSENTS_AFTER)
        .bind(account)
        .bind(id)
        .bind(rows);
    let rows = rows.fetch_all(at).await?;
    let mut consents: Vec<Consent> = Vec::new();
    for row in &rows {
        let client: String = row.try_get(0)?;
        let allowed = AllowedAt {
            resource: row.try_get(2)?,
            scopes: row.try_get(3)?,
            created: row.try_get(4)?,
        };
        match consents.last_mut().filter(|last| last.client == client) {
            Some(last) => last.allowed.push(allowed),
            None => consents.push(Consent {
                name: settings(&client, row.try_get(1)?)?.name,
                allowed: vec![allowed],
                client,
            }),
        }
    }
    Ok(consents)
}

fn client(row: &AnyRow) -> Result<Client> {
    let id: String = row.try_get(0)?;
    Ok(Client {
        version: row.try_get(1)?,
        settings: settings(&id, row.try_get(2)?)?,
        created: row.try_get(3)?,
        created_by: row.try_get(4)?,
        id,
    })
}

pub(super) fn settings(id: &str, text: String) -> Result<ClientSettings> {
    serde_json::from_str(&text).map_err(|error| unreadable("client", id, error))
}
