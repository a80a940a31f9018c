//! Whether the service can run as it is set, which is asked before anything is made or written.

use crate::credential::encryption::EncryptionKeySource;
use crate::credential::password::BreachedList;
use crate::site::{Site, check_issuer};
use crate::{Auth, AuthConfig, start, store};
use tickloom_chassis::{ChassisError, Database, Mailer, Result, Service as _, pending_migrations};

/// Steps of the schema after which all is encrypted that has to be.
const ENCRYPTED_SINCE: [&str; 2] = ["encryption", "challenge_key"];

/// Whether settings can be, by themselves.
pub(crate) fn settings(config: &AuthConfig) -> Result<()> {
    if config.sign_up && config.mail.is_none() {
        let why = "people cannot sign up on their own where no mail is sent: set `auth.mail` too";
        return Err(ChassisError::Start(why.to_owned()));
    }
    check_issuer(&config.issuer).map_err(|error| start(&error))?;
    Site::all(&config.sites, &config.issuer).map_err(|error| start(&error))?;
    for (name, provider) in &config.providers {
        provider.check(name).map_err(|error| start(&error))?;
    }
    if let Some(mail) = &config.mail {
        Mailer::new(mail).map_err(|error| start(&error))?;
    }
    if let Some(breached) = &config.breached {
        BreachedList::open(breached).map_err(|error| start(&error))?;
    }
    Ok(())
}

/// Whether keys open what the start has to read, if there is something.
pub(crate) async fn keys(existing: Option<&Database>, source: &EncryptionKeySource) -> Result<()> {
    let keys = source.existing().map_err(|error| start(&error))?;
    let Some(database) = existing else {
        return Ok(());
    };
    let pending = pending_migrations(database, Auth::NAME, Auth::MIGRATIONS).await?;
    if ENCRYPTED_SINCE.iter().any(|step| pending.contains(step)) {
        return Ok(());
    }
    let Some(keys) = keys else {
        return match store::encrypted::is_there(database).await? {
            false => Ok(()),
            true => Err(ChassisError::Start(missing(source))),
        };
    };
    match store::encrypted::needed(database, &keys).await?.why {
        None => Ok(()),
        Some(why) => Err(ChassisError::Start(why)),
    }
}

/// A new key would open nothing: where a database was put back, or the file is elsewhere, the old one is needed.
fn missing(source: &EncryptionKeySource) -> String {
    let EncryptionKeySource::File(path) = source else {
        return String::new();
    };
    format!(
        "{} is not there, and secrets in the database of auth are encrypted with a key of it: put it there, or name it \
         (`auth.encryption_keys`); it is in no backup of the databases",
        path.display()
    )
}
