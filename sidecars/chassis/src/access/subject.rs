//! Who asks.

use super::grants::{Grant, Grants};
use super::pattern::{ActionPattern, ResourcePattern, Role, What};
use std::sync::Arc;
use tickloom_types::Ts;

/// The account that asks when nobody has to say who they are.
const LOCAL: &str = "local";

/// Who asks, and what they were granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The account: `usr_…`, or `local` where nobody has to say who they are.
    pub account: String,
    /// The session whose token was shown, if it was one.
    pub session: Option<String>,
    /// The key that was shown, if it was one.
    pub key: Option<String>,
    /// What the token or key is for: an action has to be in one of these too.
    pub scopes: Vec<ActionPattern>,
    /// What the account was granted.
    pub grants: Arc<Grants>,
    /// When the account last proved who it is, with a password and what else was asked.
    pub proved: Ts,
}

impl Subject {
    /// Whoever asks where nobody has to say who they are; may do everything.
    #[must_use]
    pub fn local() -> Subject {
        let all: ResourcePattern = "*".parse().expect("a pattern");
        let grant = Grant {
            id: LOCAL.to_owned(),
            what: What::Role(Role::Administrator),
            resource: all,
            expires: None,
        };
        Subject {
            account: LOCAL.to_owned(),
            session: None,
            key: None,
            scopes: vec![ActionPattern::ALL],
            grants: Arc::new(Grants::new([grant])),
            proved: Ts(0),
        }
    }

    /// As it is in logs: `account/usr_…`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("account/{}", self.account)
    }
}
