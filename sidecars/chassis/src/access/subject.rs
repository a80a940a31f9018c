//! Who asks.

use super::grants::{Grant, Grants, Origin};
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
    /// The key that was shown, or what the token of an application stands on, if it was one.
    pub key: Option<String>,
    /// What the token or key is for: an action has to be in one of these too.
    pub scopes: Vec<ActionPattern>,
    /// What the account was granted.
    pub grants: Arc<Grants>,
    /// When the person last authenticated, with a password and what else was asked.
    pub authenticated_at: Ts,
    /// Whether a second factor is demanded of the account, and it has none: until it has one, only what it takes to set one up is allowed.
    pub lacks_second_factor: bool,
}

impl Subject {
    /// Whoever asks where nobody has to say who they are; may do everything.
    #[must_use]
    pub fn local() -> Subject {
        Subject::with_role(LOCAL.to_owned(), Role::Administrator)
    }

    /// Another service: a viewer of everything.
    #[must_use]
    pub fn service(name: &str) -> Subject {
        Subject::with_role(format!("service/{name}"), Role::Viewer)
    }

    fn with_role(account: String, role: Role) -> Subject {
        let grant = Grant {
            id: account.clone(),
            origin: Origin::Account,
            what: What::Role(role),
            resource: ResourcePattern::all(),
            expires: None,
        };
        Subject {
            account,
            session: None,
            key: None,
            scopes: vec![ActionPattern::ALL],
            grants: Arc::new(Grants::new([grant])),
            authenticated_at: Ts(0),
            lacks_second_factor: false,
        }
    }

    /// What was shown, of an account that may have many: `session/ses_…` or `key/key_…`; the key of an application's token is what the
    /// token stands on.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let key = self.key.as_ref().map(|key| format!("key/{key}"));
        key.or_else(|| Some(format!("session/{}", self.session.as_ref()?)))
    }

    /// As it is in logs: `account/usr_…`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("account/{}", self.account)
    }
}
