//! Devices that wait to be approved (RFC 8628).

use super::secret::hash_of;
use crate::credential::secret::StoredSecret;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const ADD: &str = "INSERT INTO device_code (id, hash, user_code, client, scopes, resources, interval_s, expires, state, address) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9) ON CONFLICT DO NOTHING";
const COUNTS: &str = "SELECT CAST(count(*) AS BIGINT), \
    CAST(coalesce(sum(CASE WHEN address = $2 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM device_code WHERE client = $1 AND expires > $3";
/// The oldest of those from the address that has the most.
const DROP_OF_MOST: &str = "DELETE FROM device_code WHERE id = (SELECT id FROM device_code WHERE client = $1 AND state = 'waiting' AND expires > $2 \
    AND address = (SELECT address FROM device_code WHERE client = $1 AND state = 'waiting' AND expires > $2 \
    GROUP BY address ORDER BY count(*) DESC, address LIMIT 1) ORDER BY expires, id LIMIT 1) RETURNING id";
const BY_ID: &str = "SELECT id, hash, client, scopes, resources, interval_s, last_polled, expires, state, authorisation, address \
    FROM device_code WHERE id = $1";
const BY_USER_CODE: &str = "SELECT id, hash, client, scopes, resources, interval_s, last_polled, expires, state, authorisation, address \
    FROM device_code WHERE user_code = $1";
const POLLED: &str = "UPDATE device_code SET last_polled = $2, interval_s = $3 WHERE id = $1";
/// Of two who decide at the same time one does.
const DECIDE: &str = "UPDATE device_code SET state = $2, authorisation = $3 WHERE id = $1 AND state = 'waiting' RETURNING id";
const DROP: &str = "DELETE FROM device_code WHERE id = $1";
const DROP_OF_CLIENT: &str = "DELETE FROM device_code WHERE client = $1";
const DROP_OLD: &str = "DELETE FROM device_code WHERE expires <= $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD,
    COUNTS,
    DROP_OF_MOST,
    BY_ID,
    BY_USER_CODE,
    POLLED,
    DECIDE,
    DROP,
    DROP_OF_CLIENT,
    DROP_OLD,
];

/// A device that waits, or was decided on.
#[derive(Debug)]
pub(crate) struct DeviceCode {
    pub(crate) id: String,
    pub(crate) hash: [u8; 32],
    pub(crate) client: String,
    pub(crate) scopes: String,
    pub(crate) resources: String,
    /// Seconds between two questions of the device, at least.
    pub(crate) interval_s: i64,
    pub(crate) last_polled: Option<i64>,
    pub(crate) expires: i64,
    /// `waiting`, `approved` or `denied`.
    pub(crate) state: String,
    pub(crate) authorisation: Option<String>,
    /// From where it was begun, hashed; empty if that is not known.
    pub(crate) address: String,
}

/// Whether the code for people is no other device's.
pub(crate) async fn add(
    write: &mut Write,
    stored: &StoredSecret,
    user_code: &[u8; 32],
    device: &DeviceCode,
) -> Result<bool> {
    let added = sqlx::query(ADD)
        .bind(&stored.id)
        .bind(stored.hash.as_slice())
        .bind(user_code.as_slice())
        .bind(&device.client)
        .bind(&device.scopes)
        .bind(&device.resources)
        .bind(device.interval_s)
        .bind(device.expires)
        .bind(&device.address);
    let added = added.execute(write.connection()).await?;
    Ok(added.rows_affected() == 1)
}

/// How many devices of an application there are that have not expired, and how many of them from an address.
pub(crate) async fn counts(
    write: &mut Write,
    (client, address): (&str, &str),
    now: i64,
) -> Result<(i64, i64)> {
    let row = sqlx::query(COUNTS).bind(client).bind(address).bind(now);
    let row = row.fetch_one(write.connection()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Removes the oldest device that waits of those from the address that has the most. Whether there was one.
pub(crate) async fn drop_of_most(write: &mut Write, client: &str, now: i64) -> Result<bool> {
    let dropped = sqlx::query(DROP_OF_MOST).bind(client).bind(now);
    Ok(dropped.fetch_optional(write.connection()).await?.is_some())
}

pub(crate) async fn by_id<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<DeviceCode>> {
    let row = sqlx::query(BY_ID).bind(id).fetch_optional(at).await?;
    row.as_ref().map(device).transpose()
}

pub(crate) async fn by_user_code<'e>(
    at: impl Executor<'e, Database = Any>,
    user_code: &[u8; 32],
) -> Result<Option<DeviceCode>> {
    let row = sqlx::query(BY_USER_CODE).bind(user_code.as_slice());
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(device).transpose()
}

pub(crate) async fn polled(write: &mut Write, id: &str, now: i64, interval_s: i64) -> Result<()> {
    let polled = sqlx::query(POLLED).bind(id).bind(now).bind(interval_s);
    polled.execute(write.connection()).await?;
    Ok(())
}

/// Whether nobody had decided on it.
pub(crate) async fn decide(
    write: &mut Write,
    id: &str,
    state: &str,
    authorisation: Option<&str>,
) -> Result<bool> {
    let decided = sqlx::query(DECIDE).bind(id).bind(state).bind(authorisation);
    Ok(decided.fetch_optional(write.connection()).await?.is_some())
}

pub(crate) async fn drop_one(write: &mut Write, id: &str) -> Result<()> {
    let dropped = sqlx::query(DROP).bind(id);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_of_client(write: &mut Write, client: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_OF_CLIENT).bind(client);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_old(write: &mut Write, now: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_OLD).bind(now);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn device(row: &sqlx::any::AnyRow) -> Result<DeviceCode> {
    let id: String = row.try_get(0)?;
    Ok(DeviceCode {
        hash: hash_of("device_code", &id, &row.try_get::<Vec<u8>, _>(1)?)?,
        client: row.try_get(2)?,
        scopes: row.try_get(3)?,
        resources: row.try_get(4)?,
        interval_s: row.try_get(5)?,
        last_polled: row.try_get(6)?,
        expires: row.try_get(7)?,
        state: row.try_get(8)?,
        authorisation: row.try_get(9)?,
        address: row.try_get(10)?,
        id,
    })
}
