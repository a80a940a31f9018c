//! Rows of public keys of CURVE.

use super::drop_rows;
use crate::events::AuthEvent;
use tickloom_chassis::{Result, Write};
use tickloom_types::Ts;

/// A public key is one account's; of two that take it the second adds nothing.
const ADD: &str = "INSERT INTO curve_key (id, account, public_key, name, scopes, created, expires) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const SET: &str = "UPDATE curve_key SET expires = $2 WHERE id = $1";
const DROP: &str = "DELETE FROM curve_key WHERE id = $1";
const DROP_OF: &str = "DELETE FROM curve_key WHERE account = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ADD, SET, DROP, DROP_OF];

/// Writes down what became of a key. Whether it could: a public key may be another account's.
pub(super) async fn project(
    write: &mut Write,
    account: &str,
    event: &AuthEvent,
    at: Ts,
) -> Result<bool> {
    match event {
        AuthEvent::CurveKeyCreated {
            id,
            public_key,
            name,
            scopes,
            expires,
        } => {
            // Of an account that was deleted later it is not known any more, and may be another's now.
            if public_key.is_empty() {
                return Ok(true);
            }
            let added = sqlx::query(ADD)
                .bind(id)
                .bind(account)
                .bind(public_key)
                .bind(name)
                .bind(scopes)
                .bind(at.0)
                .bind(*expires);
            let added = added.execute(write.connection()).await?;
            return Ok(added.rows_affected() == 1);
        }
        AuthEvent::CurveKeyExpiryMoved { id, expires } => {
            let moved = sqlx::query(SET).bind(id).bind(*expires);
            moved.execute(write.connection()).await?;
        }
        AuthEvent::CurveKeyRevoked { id } => drop_rows(write, &[DROP], id).await?,
        _ => {}
    }
    Ok(true)
}

/// An account that was deleted has none.
pub(super) async fn drop_of(write: &mut Write, account: &str) -> Result<()> {
    drop_rows(write, &[DROP_OF], account).await
}
