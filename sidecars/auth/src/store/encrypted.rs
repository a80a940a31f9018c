//! All that is encrypted, whatever it is for: whether it can be read.

use crate::credential::encryption::{Encrypted, EncryptionKeys};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, Row};
use tickloom_chassis::{Database, Result};

/// Rows that are read together.
const ROWS: i64 = 1000;
const ALL: &str = "SELECT place, bytes, encrypted_with FROM (\
    SELECT 'second_factor/' || account AS place, secret AS bytes, encrypted_with FROM second_factor \
    UNION ALL SELECT 'signing_key/' || kid AS place, pkcs8 AS bytes, encrypted_with FROM signing_key \
    UNION ALL SELECT 'challenge_key' AS place, key AS bytes, encrypted_with FROM challenge_key) AS encrypted \
    WHERE place > $1 ORDER BY place LIMIT $2";

/// What the start reads: what it signs and checks with, and what it encrypts anew with the first key.
const NEEDED: &str = "SELECT place, bytes, encrypted_with FROM (\
    SELECT 'second_factor/' || account AS place, secret AS bytes, encrypted_with FROM second_factor \
    WHERE encrypted_with IS NULL OR encrypted_with <> $3 \
    UNION ALL SELECT 'signing_key/' || kid AS place, pkcs8 AS bytes, encrypted_with FROM signing_key \
    UNION ALL SELECT 'challenge_key' AS place, key AS bytes, encrypted_with FROM challenge_key) AS encrypted \
    WHERE place > $1 ORDER BY place LIMIT $2";
/// A key that signs is always there.
const HAS: &str = "SELECT kid FROM signing_key WHERE encrypted_with IS NOT NULL LIMIT 1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ALL, NEEDED, HAS];

/// Secrets that are encrypted in a database, as keys open them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptedSecrets {
    /// How many there are.
    pub count: u64,
    /// How many of them no key opens.
    pub unreadable: u64,
    /// Why the first of those is not opened.
    pub why: Option<String>,
}

/// Whether something is encrypted.
pub(crate) async fn is_there(database: &Database) -> Result<bool> {
    let found = sqlx::query(HAS).fetch_optional(database.reader()).await?;
    Ok(found.is_some())
}

/// Whether these keys open what is there.
pub(crate) async fn read(database: &Database, keys: &EncryptionKeys) -> Result<EncryptedSecrets> {
    let page = |after: String| sqlx::query(ALL).bind(after).bind(ROWS);
    read_pages(database, keys, page).await
}

/// Whether these keys open what the start reads: all but what the first of them encrypted of second factors.
pub(crate) async fn needed(database: &Database, keys: &EncryptionKeys) -> Result<EncryptedSecrets> {
    let page = |after: String| {
        let rows = sqlx::query(NEEDED).bind(after).bind(ROWS);
        rows.bind(keys.name().to_owned())
    };
    read_pages(database, keys, page).await
}

async fn read_pages(
    database: &Database,
    keys: &EncryptionKeys,
    page: impl Fn(String) -> Query<'static, Any, AnyArguments>,
) -> Result<EncryptedSecrets> {
    let mut found = EncryptedSecrets::default();
    let mut after = String::new();
    loop {
        let rows = page(after.clone()).fetch_all(database.reader()).await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in rows {
            after = row.try_get(0)?;
            let kept = Encrypted {
                key: row.try_get(2)?,
                bytes: row.try_get(1)?,
            };
            found.count += 1;
            if let Err(error) = keys.decrypt_or_take(&after, kept) {
                found.unreadable += 1;
                found.why.get_or_insert(error.to_string());
            }
        }
    }
}
