//! What applications do with accounts: registered, authorised, given tokens, and taken them away (OAuth 2.1, OpenID Connect).

mod approval;
pub(crate) mod authorise;
pub(crate) mod bearer;
mod bound;
pub(crate) mod clients;
pub(crate) mod device;
pub(crate) mod issue;
pub(crate) mod logout;
pub(crate) mod presented;
pub(crate) mod token;
pub(crate) mod tokens;

use crate::AuthError;
use crate::change::By;
use serde_json::Value;
use tickloom_chassis::{AuditOutcome, Write};

/// Notes something of an application, with what there is to know of it.
async fn audit(
    write: &mut Write,
    by: &By,
    (action, resource): (&str, &str),
    outcome: AuditOutcome,
    detail: &Value,
) -> Result<(), AuthError> {
    by.audit_with(write, (action, resource), outcome, detail.to_string())
        .await
}
