//! What an operator does with the database of auth, whether the service runs or not.

use crate::change::By;
use crate::credential::encryption::EncryptionKeys;
use crate::error::AuthError;
use crate::flows::grants::{Explained, explain, named};
use crate::flows::links::{BY_HAND, LINK_REQUEST, expires, make_link};
use crate::flows::recovery::lose_factor;
use crate::pages::links::LINK;
use crate::store::encrypted::EncryptedSecrets;
use crate::{Auth, mails, store};
use serde::Serialize;
use tickloom_chassis::{
    AuditOutcome, ChassisError, Database, MAIL, Problem, Result, hold_events, retry_given_up,
};
use tickloom_types::Ts;

/// Who did it, in the audit log: whoever can write to the database.
const OPERATOR: &str = "operator";

/// A link with which somebody chooses a new password.
#[derive(Debug, Serialize)]
pub struct PasswordLink {
    /// Id of the account.
    pub account: String,
    /// The address to open, with the code of the link behind its `#`.
    pub link: String,
    /// From when on it is not good any more, in nanoseconds since the epoch.
    pub expires: i64,
}

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

    /// Makes a link with which the person of an account, by its id or e-mail address, chooses a new password, good once and for an hour; the
    /// address of its page is below `issuer`. What is a second factor stays, and the audit log says that an operator did it.
    ///
    /// # Errors
    /// The problem that the API tells: there is no such account, it is no person's or cannot be used, or the database is away.
    pub async fn password_link(
        database: &Database,
        account: &str,
        issuer: &str,
        now: Ts,
    ) -> std::result::Result<PasswordLink, Problem> {
        let by = By::named(OPERATOR, String::new(), now);
        Ok(make_password_link(database, account, issuer, &by).await?)
    }

    /// Gives up the second factor of an account, by its id or e-mail address, that its person lost: app, passkeys and recovery codes. Its
    /// sessions end; the password stays. Returns the account's id.
    ///
    /// # Errors
    /// The problem that the API tells: there is no such account, it is no person's or has no second factor, or the database is away.
    pub async fn drop_second_factor(
        database: &Database,
        account: &str,
        now: Ts,
    ) -> std::result::Result<String, Problem> {
        let by = By::named(OPERATOR, String::new(), now);
        Ok(drop_factor(database, account, &by).await?)
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

async fn make_password_link(
    database: &Database,
    account: &str,
    issuer: &str,
    by: &By,
) -> std::result::Result<PasswordLink, AuthError> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    let account = named(write.connection(), account).await?;
    account.person()?;
    let link = make_link(&mut write, by, Some(&account.id), BY_HAND).await?;
    let of = account.resource();
    by.audit(&mut write, "link_made", &of, AuditOutcome::Done)
        .await?;
    write.commit().await?;
    Ok(PasswordLink {
        account: account.id,
        link: mails::address(issuer, LINK, &link),
        expires: expires(BY_HAND, by.now),
    })
}

async fn drop_factor(
    database: &Database,
    account: &str,
    by: &By,
) -> std::result::Result<String, AuthError> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    let account = named(write.connection(), account).await?;
    let account = lose_factor(&mut write, by, account).await?;
    write.commit().await?;
    Ok(account.id)
}
