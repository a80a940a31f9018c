//! How sessions end that nobody ends one by one: all of an account but one, and those that are too many.

use crate::change::By;
use crate::logout_notices::end_logins;
use crate::store::client_login::Logins;
use crate::store::session::Session;
use crate::{AuthError, IDLE_NS, store};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Write};

/// Sessions of one account: with one more, that which was used longest ago ends.
const SESSIONS_MAX: i64 = 100;

/// Ends all sessions of an account but one, with all that applications were given, and returns how many.
pub(crate) async fn end_sessions_of(
    write: &mut Write,
    by: &By,
    (account, but): (&str, &str),
) -> Result<u64, AuthError> {
    let ended = store::session::end_others(write, account, but).await?;
    store::authorisation::end_of_account(write, account, None).await?;
    end_logins(write, Logins::OfAccount(account), by.now).await?;
    if ended > 0 {
        let resource = format!("account/{account}/sessions/*");
        by.audit(write, "sign_out", &resource, AuditOutcome::Done)
            .await?;
    }
    Ok(ended)
}

/// Ends the sessions of an account that are too many with a new one, which stays, and notes it.
pub(super) async fn end_beyond(write: &mut Write, by: &By, new: &Session) -> Result<(), AuthError> {
    let times = (by.now.0, by.now.0 - IDLE_NS);
    let beyond = store::session::beyond(write, new, times, SESSIONS_MAX).await?;
    for id in &beyond {
        store::session::end(write, id, &new.account).await?;
        let resource = format!("account/{}/sessions/{id}", new.account);
        let detail = json!({"for": new.id}).to_string();
        let action = ("session_ended", resource.as_str());
        by.audit_with(write, action, AuditOutcome::Done, detail)
            .await?;
    }
    if !beyond.is_empty() {
        end_logins(write, Logins::OverOf(&new.account), by.now).await?;
    }
    Ok(())
}
