//! What is kept of secrets: hashes of passwords, links, known devices, and attempts that failed.

use super::account::unreadable;
use super::factor::{drop_codes, drop_factor};
use crate::credential::secret::StoredSecret;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

const SET_PASSWORD: &str = "INSERT INTO password (account, hash, changed) VALUES ($1, $2, $3) \
    ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, changed = excluded.changed";
const PASSWORD: &str = "SELECT hash FROM password WHERE account = $1";
const ADD_LINK: &str =
    "INSERT INTO link (id, account, purpose, hash, expires) VALUES ($1, $2, $3, $4, $5)";
const ADD_EMAIL_LINK: &str =
    "INSERT INTO link (id, account, purpose, hash, expires, email) VALUES ($1, $2, $3, $4, $5, $6)";
const DROP_LINKS_FOR: &str = "DELETE FROM link WHERE account = $1 AND purpose = $2";
const LINK: &str = "SELECT account, purpose, hash, expires, email FROM link WHERE id = $1";
const TAKE_LINK: &str = "DELETE FROM link WHERE id = $1 RETURNING id";
const DROP_LINKS: &str = "DELETE FROM link WHERE account = $1";
const DROP_SETUP_LINKS: &str = "DELETE FROM link WHERE purpose = 'setup'";
const ADD_DEVICE: &str =
    "INSERT INTO device (id, account, hash, expires, is_recovered) VALUES ($1, $2, $3, $4, $5)";
const DEVICE: &str =
    "SELECT hash, is_recovered FROM device WHERE id = $1 AND account = $2 AND expires > $3";
const DROP_DEVICES: &str = "DELETE FROM device WHERE account = $1";
const DROP_PASSWORD: &str = "DELETE FROM password WHERE account = $1";
const FAILED: &str = "INSERT INTO failure (subject, failures, last) VALUES ($1, 1, $2) \
    ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN failure.last < $3 THEN 1 ELSE failure.failures + 1 END, \
    last = excluded.last";
const FAILURES: &str = "SELECT failures, last FROM failure WHERE subject = $1";
/// How many there are, and a lock on them until the transaction ends.
const HOLD: &str = "INSERT INTO failure (subject, failures, last) VALUES ($1, 0, $2) \
    ON CONFLICT (subject) DO UPDATE SET failures = failure.failures RETURNING failures, last";
/// Nobody may have counted since.
const UNDO: &str = "UPDATE failure SET failures = failures - 1, last = CASE WHEN last = $3 THEN $2 ELSE last END \
    WHERE subject = $1 AND failures > 0";
const DROP_OLD_FAILURES: &str = "DELETE FROM failure WHERE last < $1";
/// One of signing up is kept while the account has another that is good: once that is over too, the account was never wanted.
const DROP_OLD_LINKS: &str = "DELETE FROM link WHERE expires <= $1 AND NOT (purpose = 'sign_up' \
    AND EXISTS (SELECT 1 FROM link AS other WHERE other.account = link.account AND other.expires > $1))";
const DROP_OLD_DEVICES: &str = "DELETE FROM device WHERE expires <= $1";
const DROP_MORE_DEVICES: &str = "DELETE FROM device WHERE account = $1 AND id NOT IN \
    (SELECT id FROM device WHERE account = $1 ORDER BY id DESC LIMIT 20)";
const COUNT_REQUEST: &str = "INSERT INTO mail_request (subject, minute, requests) VALUES ($1, $2, 1) \
    ON CONFLICT (subject) DO UPDATE SET requests = CASE WHEN mail_request.minute = excluded.minute \
    THEN mail_request.requests + 1 ELSE 1 END, minute = excluded.minute RETURNING requests";
const DROP_REQUESTS: &str = "DELETE FROM mail_request WHERE minute < $1";
/// Whether an account has a link for who signed up: it is there from when sign-up made the account until somebody chose a password, or
/// an administrator took the account on by another address.
const SIGNED_UP: &str = "SELECT 1 FROM link WHERE account = $1 AND purpose = 'sign_up' LIMIT 1";
/// Accounts of people who signed up and never chose a password, with a link that is over and none that is good. To whom somebody granted
/// anything meanwhile, or whom an organisation has, is no stranger.
const UNFINISHED: &str = "SELECT DISTINCT link.account FROM link JOIN account ON account.id = link.account \
    WHERE link.purpose = 'sign_up' AND link.expires <= $1 AND account.state <> 'deleted' AND account.passkeys = 0 \
    AND NOT EXISTS (SELECT 1 FROM password WHERE password.account = link.account) \
    AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.account = link.account) \
    AND NOT EXISTS (SELECT 1 FROM granted WHERE granted.account = link.account) \
    AND NOT EXISTS (SELECT 1 FROM member WHERE member.account = link.account) \
    AND NOT EXISTS (SELECT 1 FROM link AS other WHERE other.account = link.account AND other.expires > $1) LIMIT 100";
const CLEAR: &str = "DELETE FROM failure WHERE subject = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    SET_PASSWORD,
    PASSWORD,
    ADD_LINK,
    ADD_EMAIL_LINK,
    DROP_LINKS_FOR,
    LINK,
    TAKE_LINK,
    DROP_LINKS,
    DROP_SETUP_LINKS,
    ADD_DEVICE,
    DEVICE,
    DROP_DEVICES,
    DROP_PASSWORD,
    FAILED,
    FAILURES,
    CLEAR,
    HOLD,
    UNDO,
    DROP_OLD_FAILURES,
    DROP_OLD_LINKS,
    DROP_OLD_DEVICES,
    DROP_MORE_DEVICES,
    COUNT_REQUEST,
    DROP_REQUESTS,
    SIGNED_UP,
    UNFINISHED,
];

/// A link that is good once.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whose it is; nobody's yet if it sets up the first administrator.
    pub(crate) account: Option<String>,
    pub(crate) purpose: String,
    pub(crate) hash: [u8; 32],
    pub(crate) expires: i64,
    /// The address that the account is to have.
    pub(crate) email: Option<String>,
}

/// A device on which an account was signed in, or on which its password was chosen with a link.
#[derive(Debug)]
pub(crate) struct KnownDevice {
    pub(crate) hash: [u8; 32],
    /// Whether a link was all that was shown on it, and the account has a second factor.
    pub(crate) is_recovered: bool,
}

pub(crate) async fn set_password(
    write: &mut Write,
    account: &str,
    hash: &str,
    at: i64,
) -> Result<()> {
    let set = sqlx::query(SET_PASSWORD).bind(account).bind(hash).bind(at);
    set.execute(write.connection()).await?;
    Ok(())
}

/// The hash of an account's password, if it has one.
pub(crate) async fn password<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Option<String>> {
    let row = sqlx::query(PASSWORD)
        .bind(account)
        .fetch_optional(at)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(crate) async fn add_link(
    write: &mut Write,
    stored: &StoredSecret,
    account: Option<&str>,
    purpose: &str,
    expires: i64,
) -> Result<()> {
    let added = sqlx::query(ADD_LINK)
        .bind(&stored.id)
        .bind(account)
        .bind(purpose)
        .bind(stored.hash.as_slice())
        .bind(expires);
    added.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn link<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Link>> {
    let Some(row) = sqlx::query(LINK).bind(id).fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(Link {
        account: row.try_get(0)?,
        purpose: row.try_get(1)?,
        hash: hash_of("link", id, &row.try_get::<Vec<u8>, _>(2)?)?,
        expires: row.try_get(3)?,
        email: row.try_get(4)?,
    }))
}

/// Adds the link that gives an account an address, in the place of those for this purpose that it has.
pub(crate) async fn add_email_link(
    write: &mut Write,
    stored: &StoredSecret,
    (account, email): (&str, &str),
    (purpose, expires): (&str, i64),
) -> Result<()> {
    let dropped = sqlx::query(DROP_LINKS_FOR).bind(account).bind(purpose);
    dropped.execute(write.connection()).await?;
    let added = sqlx::query(ADD_EMAIL_LINK)
        .bind(&stored.id)
        .bind(account)
        .bind(purpose)
        .bind(stored.hash.as_slice())
        .bind(expires)
        .bind(email);
    added.execute(write.connection()).await?;
    Ok(())
}

/// Whether the link was there; it is not any more.
pub(crate) async fn take_link(write: &mut Write, id: &str) -> Result<bool> {
    let taken = sqlx::query(TAKE_LINK).bind(id);
    Ok(taken.fetch_optional(write.connection()).await?.is_some())
}

pub(crate) async fn drop_links(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_LINKS).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_setup_links(write: &mut Write) -> Result<()> {
    sqlx::query(DROP_SETUP_LINKS)
        .execute(write.connection())
        .await?;
    Ok(())
}

pub(crate) async fn add_device(
    write: &mut Write,
    stored: &StoredSecret,
    (account, is_recovered): (&str, bool),
    expires: i64,
) -> Result<()> {
    let added = sqlx::query(ADD_DEVICE)
        .bind(&stored.id)
        .bind(account)
        .bind(stored.hash.as_slice())
        .bind(expires)
        .bind(i64::from(is_recovered));
    added.execute(write.connection()).await?;
    let dropped = sqlx::query(DROP_MORE_DEVICES).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// What is kept of a device on which this account was signed in, while it is remembered.
pub(crate) async fn device<'e>(
    at: impl Executor<'e, Database = Any>,
    (id, account): (&str, &str),
    now: i64,
) -> Result<Option<KnownDevice>> {
    let row = sqlx::query(DEVICE).bind(id).bind(account).bind(now);
    let Some(row) = row.fetch_optional(at).await? else {
        return Ok(None);
    };
    Ok(Some(KnownDevice {
        hash: hash_of("device", id, &row.try_get::<Vec<u8>, _>(0)?)?,
        is_recovered: row.try_get::<i64, _>(1)? != 0,
    }))
}

/// Drops all that an account authenticates with.
pub(crate) async fn drop_all(write: &mut Write, account: &str) -> Result<()> {
    drop_factor(write, account).await?;
    drop_codes(write, account).await?;
    for statement in [DROP_LINKS, DROP_DEVICES, DROP_PASSWORD] {
        let dropped = sqlx::query(statement).bind(account);
        dropped.execute(write.connection()).await?;
    }
    super::passkey::drop_all(write, account).await
}

/// Whether there was a password; there is none any more.
pub(crate) async fn drop_password(write: &mut Write, account: &str) -> Result<bool> {
    let dropped = sqlx::query(DROP_PASSWORD).bind(account);
    Ok(dropped.execute(write.connection()).await?.rows_affected() == 1)
}

pub(crate) async fn drop_devices(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_DEVICES).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Counts a try that failed; those before `forgotten` count no more once there was none since.
pub(crate) async fn failed(
    write: &mut Write,
    subject: &str,
    now: i64,
    forgotten: i64,
) -> Result<()> {
    let failed = sqlx::query(FAILED).bind(subject).bind(now).bind(forgotten);
    failed.execute(write.connection()).await?;
    Ok(())
}

/// How many attempts failed, and when the last of them did.
pub(crate) async fn failures<'e>(
    at: impl Executor<'e, Database = Any>,
    subject: &str,
) -> Result<Option<(i64, i64)>> {
    let row = sqlx::query(FAILURES)
        .bind(subject)
        .fetch_optional(at)
        .await?;
    let both = |row: sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    row.map(both).transpose()
}

/// How many attempts failed, and when the last of them did; nobody else counts until the transaction ends.
pub(crate) async fn hold_failures(
    write: &mut Write,
    subject: &str,
    now: i64,
) -> Result<(i64, i64)> {
    let held = sqlx::query(HOLD).bind(subject).bind(now);
    let row = held.fetch_one(write.connection()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Takes back one that was counted at a time, and, if it was the last, that it was: the one before is again.
pub(crate) async fn undo(
    write: &mut Write,
    subject: &str,
    (before, counted): (i64, i64),
) -> Result<()> {
    let taken = sqlx::query(UNDO).bind(subject).bind(before).bind(counted);
    taken.execute(write.connection()).await?;
    Ok(())
}

/// Removes what is over: attempts of before a time, links and devices that have expired.
pub(crate) async fn drop_old(write: &mut Write, now: i64, attempts_before: i64) -> Result<()> {
    for (statement, at) in [
        (DROP_OLD_FAILURES, attempts_before),
        (DROP_OLD_LINKS, now),
        (DROP_OLD_DEVICES, now),
    ] {
        let dropped = sqlx::query(statement).bind(at);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

/// Counts one more request of a minute since the epoch, and returns how many of it there are.
pub(crate) async fn count_request(write: &mut Write, subject: &str, minute: i64) -> Result<i64> {
    let counted = sqlx::query(COUNT_REQUEST).bind(subject).bind(minute);
    let row = counted.fetch_one(write.connection()).await?;
    Ok(row.try_get(0)?)
}

/// Forgets requests of minutes before one.
pub(crate) async fn drop_requests(write: &mut Write, minute: i64) -> Result<()> {
    let dropped = sqlx::query(DROP_REQUESTS).bind(minute);
    dropped.execute(write.connection()).await?;
    Ok(())
}

/// Whether sign-up made an account that nobody has used yet.
pub(crate) async fn signed_up<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<bool> {
    let found = sqlx::query(SIGNED_UP).bind(account).fetch_optional(at);
    Ok(found.await?.is_some())
}

/// Some accounts of people who signed up and let their link run out unused.
pub(crate) async fn unfinished(write: &mut Write, now: i64) -> Result<Vec<String>> {
    let rows = sqlx::query(UNFINISHED).bind(now);
    let rows = rows.fetch_all(write.connection()).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(crate) async fn clear(write: &mut Write, subject: &str) -> Result<()> {
    let cleared = sqlx::query(CLEAR).bind(subject);
    cleared.execute(write.connection()).await?;
    Ok(())
}

pub(crate) fn hash_of(table: &'static str, id: &str, bytes: &[u8]) -> Result<[u8; 32]> {
    let wrong = |_| unreadable(table, id, "a hash has another length than 32 bytes");
    bytes.try_into().map_err(wrong)
}
