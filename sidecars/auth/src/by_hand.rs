//! What an operator does with the database of auth, whether the service runs or not.

use crate::Auth;
use crate::credential::encryption::EncryptionKeys;
use crate::flows::grants::{Explained, explain};
use crate::flows::links::LINK_REQUEST;
use crate::store;
use crate::store::encrypted::EncryptedSecrets;
use tickloom_chassis::{ChassisError, Database, MAIL, Problem, Result, retry_given_up};
use tickloom_types::Ts;

impl Auth {
    /// Lets mail, and what leads to mail, be tried again from now on that was given up, and returns how many.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn retry_mail(database: &Database, now: Ts) -> Result<u64> {
        let mut write = database.write().await?;
        let mut count = 0;
        for kind in [LINK_REQUEST, MAIL] {
            count += retry_given_up(&mut write, kind, now).await?;
        }
        write.commit().await?;
        Ok(count)
    }

    /// Whether keys open every secret that is encrypted in a database, which is not changed.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn encrypted_secrets(
        database: &Database,
        keys: &EncryptionKeys,
    ) -> Result<EncryptedSecrets> {
        store::encrypted::read(database, keys).await
    }

    /// Whether an account, by its id or e-mail address, may do an action (`run.read`) on a resource (`run/today`) at a time, and why.
    ///
    /// # Errors
    /// The problem that the API tells: there is no such account, or the database is away.
    pub async fn explain(
        database: &Database,
        account: &str,
        (action, resource): (&str, &str),
        now: Ts,
    ) -> std::result::Result<Explained, Problem> {
        let connection = database.reader().acquire().await;
        let mut connection = connection.map_err(ChassisError::from)?;
        Ok(explain(&mut connection, account, (action, resource), now).await?)
    }
}
