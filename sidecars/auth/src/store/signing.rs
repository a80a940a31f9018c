//! The keys that sign tokens.

use super::account::unreadable;
use crate::credential::encryption::{Encrypted, EncryptionError, EncryptionKeys};
use crate::credential::keyring::{KeyState, StoredKey};
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{Result, Write};
use tickloom_types::Ts;
use zeroize::Zeroizing;

const ALL: &str = "SELECT kid, algorithm, pkcs8, state, since, encrypted_with FROM signing_key ORDER BY since, kid";
const DROP: &str = "DELETE FROM signing_key";
const ADD: &str = "INSERT INTO signing_key (kid, algorithm, pkcs8, state, since, encrypted_with) VALUES ($1, $2, $3, $4, $5, $6)";

/// How a secret is read: [`EncryptionKeys::decrypt`], and at the start [`EncryptionKeys::decrypt_or_take`].
pub(crate) type Decrypt =
    fn(&EncryptionKeys, &str, Encrypted) -> Result<Zeroizing<Vec<u8>>, EncryptionError>;

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ALL, DROP, ADD];

/// Every key, and whether all are encrypted with the present key.
pub(crate) async fn all<'e>(
    at: impl Executor<'e, Database = Any>,
    keys: &EncryptionKeys,
    decrypt: Decrypt,
) -> Result<(Vec<StoredKey>, bool)> {
    let rows = sqlx::query(ALL).fetch_all(at).await?;
    let mut is_present = true;
    let mut stored = Vec::new();
    for row in &rows {
        let with: Option<String> = row.try_get(5)?;
        is_present &= with.as_deref() == Some(keys.name());
        stored.push(key(row, with, (keys, decrypt))?);
    }
    Ok((stored, is_present))
}

/// Puts keys in the place of all that there are.
pub(crate) async fn replace(
    write: &mut Write,
    stored: &[StoredKey],
    keys: &EncryptionKeys,
) -> Result<()> {
    sqlx::query(DROP).execute(write.connection()).await?;
    for key in stored {
        let encrypted = keys.encrypt(&place(&key.kid), &key.pkcs8);
        let encrypted = encrypted.map_err(|error| unreadable("signing_key", &key.kid, error))?;
        let added = sqlx::query(ADD)
            .bind(&key.kid)
            .bind(key.algorithm.name())
            .bind(encrypted.bytes)
            .bind(key.state.name())
            .bind(key.since.0)
            .bind(encrypted.key);
        added.execute(write.connection()).await?;
    }
    Ok(())
}

/// What a key is encrypted for.
fn place(kid: &str) -> String {
    format!("signing_key/{kid}")
}

fn key(
    row: &AnyRow,
    with: Option<String>,
    (keys, decrypt): (&EncryptionKeys, Decrypt),
) -> Result<StoredKey> {
    let kid: String = row.try_get(0)?;
    let (algorithm, state): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    let wrong =
        |found: &str| unreadable("signing_key", &kid, format!("`{found}` is no word of ours"));
    let kept = Encrypted {
        key: with,
        bytes: row.try_get(2)?,
    };
    let pkcs8 = decrypt(keys, &place(&kid), kept);
    Ok(StoredKey {
        algorithm: Algorithm::of_name(&algorithm).ok_or_else(|| wrong(&algorithm))?,
        pkcs8: pkcs8.map_err(|error| unreadable("signing_key", &kid, error))?,
        state: KeyState::of_name(&state).ok_or_else(|| wrong(&state))?,
        since: Ts(row.try_get(4)?),
        kid,
    })
}
