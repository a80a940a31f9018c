//! Second factors, encrypted, and the recovery codes beside them.

use super::account::unreadable;
use crate::credential::encryption::{Encrypted, EncryptionKeys};
use crate::credential::totp::{TOTP_SECRET_BYTES, TotpSecret};
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};
use zeroize::Zeroizing;

const SET_FACTOR: &str = "INSERT INTO second_factor (account, secret, encrypted_with, is_confirmed) VALUES ($1, $2, $3, 0) \
    ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, encrypted_with = excluded.encrypted_with, last_step = NULL \
    WHERE second_factor.is_confirmed = 0";
const FACTOR: &str =
    "SELECT secret, is_confirmed, last_step, encrypted_with FROM second_factor WHERE account = $1";
/// Those that are not encrypted with this key.
const OTHERS: &str = "SELECT account, secret, encrypted_with FROM second_factor \
    WHERE account > $1 AND (encrypted_with IS NULL OR encrypted_with <> $2) ORDER BY account LIMIT 1000";
const ENCRYPT_FACTOR: &str =
    "UPDATE second_factor SET secret = $2, encrypted_with = $3 WHERE account = $1";
const CONFIRM_FACTOR: &str = "UPDATE second_factor SET is_confirmed = 1 \
    WHERE account = $1 AND secret = $2 AND is_confirmed = 0 RETURNING account";
/// Takes a step that is newer than all that were taken: of two at the same time one.
const TAKE_STEP: &str = "UPDATE second_factor SET last_step = $2 \
    WHERE account = $1 AND (last_step IS NULL OR last_step < $2) RETURNING last_step";
const DROP_FACTOR: &str = "DELETE FROM second_factor WHERE account = $1";
const ADD_CODE: &str = "INSERT INTO recovery_code (account, hash) VALUES ($1, $2)";
const TAKE_CODE: &str =
    "DELETE FROM recovery_code WHERE account = $1 AND hash = $2 RETURNING account";
const COUNT_CODES: &str = "SELECT CAST(count(*) AS BIGINT) FROM recovery_code WHERE account = $1";
const DROP_CODES: &str = "DELETE FROM recovery_code WHERE account = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    SET_FACTOR,
    FACTOR,
    OTHERS,
    ENCRYPT_FACTOR,
    CONFIRM_FACTOR,
    TAKE_STEP,
    DROP_FACTOR,
    ADD_CODE,
    TAKE_CODE,
    COUNT_CODES,
    DROP_CODES,
];

/// A second factor.
#[derive(Debug)]
pub(crate) struct Factor {
    pub(crate) secret: TotpSecret,
    /// The secret as it is kept.
    pub(crate) stored: Vec<u8>,
    pub(crate) is_confirmed: bool,
    /// The newest step whose code was taken.
    pub(crate) last_step: Option<u64>,
}

/// Keeps a second factor that is not confirmed yet. Whether it could: one that is confirmed stays.
pub(crate) async fn set_factor(
    write: &mut Write,
    account: &str,
    (secret, keys): (&TotpSecret, &EncryptionKeys),
) -> Result<bool> {
    let encrypted = encrypt(keys, account, secret.as_bytes())?;
    let set = sqlx::query(SET_FACTOR)
        .bind(account)
        .bind(encrypted.bytes)
        .bind(encrypted.key);
    let done = set.execute(write.connection()).await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn factor<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    keys: &EncryptionKeys,
) -> Result<Option<Factor>> {
    let Some(row) = sqlx::query(FACTOR).bind(account).fetch_optional(at).await? else {
        return Ok(None);
    };
    let kept = Encrypted {
        key: row.try_get(3)?,
        bytes: row.try_get(0)?,
    };
    let stored = kept.bytes.clone();
    let secret = decrypt(keys, account, kept)?;
    let wrong = |_| unreadable("second_factor", account, "the secret has another length");
    let secret: [u8; TOTP_SECRET_BYTES] = secret.as_slice().try_into().map_err(wrong)?;
    let last_step: Option<i64> = row.try_get(2)?;
    Ok(Some(Factor {
        secret: TotpSecret::from_bytes(secret),
        stored,
        is_confirmed: row.try_get::<i64, _>(1)? == 1,
        last_step: last_step.and_then(|step| u64::try_from(step).ok()),
    }))
}

/// Encrypts with the present key the secrets that are not yet, and returns how many.
pub(crate) async fn encrypt_factors(write: &mut Write, keys: &EncryptionKeys) -> Result<u64> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let others = sqlx::query(OTHERS).bind(&after).bind(keys.name());
        let rows = others.fetch_all(write.connection()).await?;
        if rows.is_empty() {
            return Ok(count);
        }
        for row in rows {
            let account: String = row.try_get(0)?;
            let kept = Encrypted {
                key: row.try_get(2)?,
                bytes: row.try_get(1)?,
            };
            let place = format!("second_factor/{account}");
            let secret = keys.decrypt_or_take(&place, kept);
            let secret = secret.map_err(|error| unreadable("second_factor", &account, error))?;
            let encrypted = encrypt(keys, &account, &secret)?;
            let update = sqlx::query(ENCRYPT_FACTOR)
                .bind(&account)
                .bind(encrypted.bytes)
                .bind(encrypted.key);
            update.execute(write.connection()).await?;
            (after, count) = (account, count + 1);
        }
    }
}

fn encrypt(keys: &EncryptionKeys, account: &str, secret: &[u8]) -> Result<Encrypted> {
    let encrypted = keys.encrypt(&format!("second_factor/{account}"), secret);
    encrypted.map_err(|error| unreadable("second_factor", account, error))
}

fn decrypt(keys: &EncryptionKeys, account: &str, kept: Encrypted) -> Result<Zeroizing<Vec<u8>>> {
    let secret = keys.decrypt(&format!("second_factor/{account}"), kept);
    secret.map_err(|error| unreadable("second_factor", account, error))
}

/// Whether this secret waited to be confirmed; it is now.
pub(crate) async fn confirm_factor(
    write: &mut Write,
    account: &str,
    factor: &Factor,
) -> Result<bool> {
    let confirmed = sqlx::query(CONFIRM_FACTOR)
        .bind(account)
        .bind(factor.stored.as_slice());
    Ok(confirmed
        .fetch_optional(write.connection())
        .await?
        .is_some())
}

/// Whether the step was not taken before, nor a newer one.
pub(crate) async fn take_step(write: &mut Write, account: &str, step: u64) -> Result<bool> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let taken = sqlx::query(TAKE_STEP).bind(account).bind(step);
    Ok(taken.fetch_optional(write.connection()).await?.is_some())
}

/// Puts new recovery codes in the place of those that there are.
pub(crate) async fn set_codes(write: &mut Write, account: &str, hashes: &[[u8; 32]]) -> Result<()> {
    let dropped = sqlx::query(DROP_CODES).bind(account);
    dropped.execute(write.connection()).await?;
    for hash in hashes {
        let added = sqlx::query(ADD_CODE).bind(account).bind(hash.as_slice());
        added.execute(write.connection()).await?;
    }
    Ok(())
}

/// How many recovery codes there are.
pub(crate) async fn count_codes<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<i64> {
    let row = sqlx::query(COUNT_CODES).bind(account).fetch_one(at).await?;
    Ok(row.try_get(0)?)
}

/// Whether there was such a recovery code; there is none any more.
pub(crate) async fn take_code(write: &mut Write, account: &str, hash: &[u8; 32]) -> Result<bool> {
    let taken = sqlx::query(TAKE_CODE).bind(account).bind(hash.as_slice());
    Ok(taken.fetch_optional(write.connection()).await?.is_some())
}

pub(crate) async fn drop_factor(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_FACTOR).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}

pub(crate) async fn drop_codes(write: &mut Write, account: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_CODES).bind(account);
    dropped.execute(write.connection()).await?;
    Ok(())
}
