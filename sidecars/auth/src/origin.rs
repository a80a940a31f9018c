//! From where something was done, as the audit log keeps it: sealed, so that it cannot be read once the person is deleted. The key is
//! that of the account that did it, or else of that to which it was done; for everybody else there is one of the day, which is dropped
//! after 90 days.

use crate::change::By;
use crate::seal::PersonKey;
use crate::{AuthError, store};
use serde_json::Value;
use sqlx::AnyConnection;
use std::collections::HashMap;
use tickloom_chassis::{AuditEntry, ChassisError, Write};

/// The member of an entry's detail that has it: the id of the account, or the day since 1970, whose key it is sealed with; a colon; and
/// what is sealed.
pub(crate) const FROM: &str = "from";
const DAY_NS: i64 = 86_400_000_000_000;
/// Days for which keys of strangers are kept.
pub(crate) const KEPT_DAYS: i64 = 90;

/// The day since 1970 of a time in nanoseconds.
pub(crate) fn day(nanos: i64) -> i64 {
    nanos.div_euclid(DAY_NS)
}

/// From where something was done, sealed; `None` for programs on this machine, and for whoever is deleted.
pub(crate) async fn sealed(
    write: &mut Write,
    by: &By,
    resource: &str,
) -> Result<Option<String>, AuthError> {
    let Some(address) = by.from else {
        return Ok(None);
    };
    let (name, key) = match account_of(&by.actor).or_else(|| account_of(resource)) {
        Some(account) => {
            let key = store::account::person_key(write.connection(), account).await?;
            (account.to_owned(), key)
        }
        None => {
            let day = day(by.now.0);
            (day.to_string(), Some(stranger_key(write, day).await?))
        }
    };
    match key {
        Some(key) => Ok(Some(format!("{name}:{}", key.seal(&address.to_string())?))),
        None => Ok(None),
    }
}

async fn stranger_key(write: &mut Write, day: i64) -> Result<PersonKey, AuthError> {
    let known = store::refusal::stranger_key(write.connection(), day).await?;
    if let Some(key) = known {
        return Ok(key);
    }
    store::refusal::add_stranger_key(write, day, &PersonKey::make()?).await?;
    let kept = store::refusal::stranger_key(write.connection(), day).await?;
    kept.ok_or_else(|| ChassisError::Start("a key that was just kept is gone".to_owned()).into())
}

/// The account that a text of an entry names: `account/usr_…`, or something below.
fn account_of(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("account/")?;
    let id = rest.split('/').next()?;
    let is_one = ["usr_", "mch_"].iter().any(|start| id.starts_with(start));
    is_one.then_some(id)
}

/// Opens what is sealed in entries, with each key read once.
#[derive(Default)]
pub(crate) struct Opener {
    keys: HashMap<String, Option<PersonKey>>,
}

impl Opener {
    /// From where an entry says that it was done; `None` if it does not say it, or the key was dropped.
    pub(crate) async fn open(
        &mut self,
        at: &mut AnyConnection,
        entry: &AuditEntry,
    ) -> Result<Option<String>, ChassisError> {
        let detail: Option<Value> = serde_json::from_str(&entry.detail).ok();
        let sealed = detail.as_ref().and_then(|detail| detail[FROM].as_str());
        let Some((name, sealed)) = sealed.and_then(|text| text.split_once(':')) else {
            return Ok(None);
        };
        if !self.keys.contains_key(name) {
            let key = match name.parse() {
                Ok(day) => store::refusal::stranger_key(&mut *at, day).await?,
                Err(_) => store::account::person_key(&mut *at, name).await?,
            };
            self.keys.insert(name.to_owned(), key);
        }
        let key = self.keys.get(name).and_then(Option::as_ref);
        Ok(key.and_then(|key| key.open(sealed).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_in_what_names_it() {
        for (text, account) in [
            ("account/usr_1", Some("usr_1")),
            ("account/mch_2/keys/key_3", Some("mch_2")),
            ("account/local", None),
            ("account/*", None),
            ("account/service/activity", None),
            ("client/cli_1", None),
            ("anonymous", None),
            ("", None),
        ] {
            assert_eq!(account_of(text), account, "{text}");
        }
        assert_eq!(
            (day(-1), day(0), day(DAY_NS - 1), day(DAY_NS)),
            (-1, 0, 0, 1)
        );
    }
}
