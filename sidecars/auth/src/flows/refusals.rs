//! What is noted of attempts that failed.
//!
//! Those on an account are bounded by the waits between them. Of those that name no account there may be any number, by whoever wants to
//! fill the disk: the audit log takes so many of a kind in a minute, and then one entry that says how many it left out.

use crate::change::By;
use crate::credential::passkey::PasskeyError;
use crate::model::Account;
use crate::store::refusal::Counted;
use crate::{Auth, AuthError, store};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Write};
use tickloom_types::Ts;

/// Entries of attempts of one kind that name no account, in a minute.
const NOTED_A_MINUTE: i64 = 60;
const MINUTE_NS: i64 = 60_000_000_000;

/// On what something was shown that is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On<'a> {
    Account(&'a Account),
    /// The name of a provider that is set.
    Provider(&'a str),
    /// An address that no account has.
    Nothing,
}

impl<'a> On<'a> {
    pub(crate) fn known(account: Option<&'a Account>) -> On<'a> {
        account.map_or(On::Nothing, On::Account)
    }

    fn resource(self) -> String {
        match self {
            On::Account(account) => account.resource(),
            On::Provider(name) => format!("provider/{name}"),
            On::Nothing => String::new(),
        }
    }
}

impl Auth {
    /// Notes that something was shown that is wrong.
    pub(crate) async fn note_refusal(
        &self,
        by: &By,
        (action, why): (&str, &AuthError),
        on: On<'_>,
    ) -> Result<(), AuthError> {
        let resource = on.resource();
        let mut write = self.write().await?;
        let (action, detail) = match why {
            // Somebody may have a copy of it, whatever it was shown for.
            AuthError::WrongPasskey(id, why @ PasskeyError::CounterBack) => {
                ("passkey_counter_back", passkey_detail(id, why))
            }
            AuthError::WrongPasskey(id, why) => (action, passkey_detail(id, why)),
            _ => (action, String::new()),
        };
        let what = (action, resource.as_str());
        if matches!(on, On::Account(_)) || has_room(&mut write, what, by.now).await? {
            by.audit_with(&mut write, what, AuditOutcome::Refused, detail)
                .await?;
        }
        write.commit().await?;
        Ok(())
    }
}

/// Counts an attempt that names no account, and says whether the log takes it.
async fn has_room(
    write: &mut Write,
    (action, resource): (&str, &str),
    now: Ts,
) -> Result<bool, AuthError> {
    tell_left_out(write, now).await?;
    let minute = now.0.div_euclid(MINUTE_NS);
    let count = store::refusal::count(write, (action, resource), minute).await?;
    Ok(count <= NOTED_A_MINUTE)
}

/// Notes how many attempts of minutes that are over were left out.
pub(crate) async fn tell_left_out(write: &mut Write, now: Ts) -> Result<(), AuthError> {
    let by = By::named("anonymous", String::new(), now);
    for counted in store::refusal::take_before(write, now.0.div_euclid(MINUTE_NS)).await? {
        let Counted {
            action,
            resource,
            minute,
            count,
        } = counted;
        if count > NOTED_A_MINUTE {
            let since = minute.saturating_mul(MINUTE_NS);
            let detail = json!({"left_out": count - NOTED_A_MINUTE, "since": since}).to_string();
            let what = (action.as_str(), resource.as_str());
            by.audit_with(write, what, AuditOutcome::Refused, detail)
                .await?;
        }
    }
    Ok(())
}

/// What an entry says of a passkey that showed something wrong.
fn passkey_detail(id: &str, why: &PasskeyError) -> String {
    json!({"passkey": id, "why": why.to_string()}).to_string()
}
