//! The keys that sign tokens.

use super::account::unreadable;
use crate::credential::keyring::{KeyState, StoredKey};
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{Result, Write};
use tickloom_types::Ts;
use zeroize::Zeroizing;

const ALL: &str = "SELECT kid, algorithm, pkcs8, state, since FROM signing_key ORDER BY since, kid";
const DROP: &str = "DELETE FROM signing_key";
const ADD: &str =
    "INSERT INTO signing_key (kid, algorithm, pkcs8, state, since) VALUES ($1, $2, $3, $4, $5)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ALL, DROP, ADD];

pub(crate) async fn all<'e>(at: impl Executor<'e, Database = Any>) -> Result<Vec<StoredKey>> {
    let rows = sqlx::query(ALL).fetch_all(at).await?;
    rows.iter().map(key).collect()
}

/// Puts keys in the place of all that there are.
pub(crate) async fn replace(write: &mut Write, keys: &[StoredKey]) -> Result<()> {
    sqlx::query(DROP).execute(write.connection()).await?;
    for key in keys {
        let added = sqlx::query(ADD)
            .bind(&key.kid)
            .bind(key.algorithm.name())
            .bind(key.pkcs8.as_slice())
            .bind(key.state.name())
            .bind(key.since.0);
        added.execute(write.connection()).await?;
    }
    Ok(())
}

fn key(row: &AnyRow) -> Result<StoredKey> {
    let kid: String = row.try_get(0)?;
    let (algorithm, state): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    let wrong =
        |found: &str| unreadable("signing_key", &kid, format!("`{found}` is no word of ours"));
    Ok(StoredKey {
        algorithm: Algorithm::of_name(&algorithm).ok_or_else(|| wrong(&algorithm))?,
        pkcs8: Zeroizing::new(row.try_get(2)?),
        state: KeyState::of_name(&state).ok_or_else(|| wrong(&state))?,
        since: Ts(row.try_get(4)?),
        kid,
    })
}
