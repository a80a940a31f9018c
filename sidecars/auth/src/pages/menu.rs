//! What the pages of the service are in the menu.

use super::{ACCOUNTS, organisations};
use tickloom_chassis::console::{MenuGroup, MenuItem};

/// The menu; outside identities are in it where there are providers.
pub(super) fn menu(has_providers: bool) -> Vec<MenuGroup> {
    let item = |label, path, about, needs| MenuItem {
        label,
        path,
        about,
        needs,
    };
    let mut own = vec![
        item(
            "Profile",
            "/console/auth/profile",
            "Your name, your password, your data",
            None,
        ),
        item(
            "Sessions",
            "/console/auth/accounts/me/sessions",
            "Where you are signed in",
            None,
        ),
        item(
            "Passkeys",
            "/console/auth/passkeys",
            "Signing in without a password",
            None,
        ),
        item(
            "Second factor",
            "/console/auth/second-factor",
            "Codes of an authenticator beside the password",
            None,
        ),
        item(
            "Keys",
            "/console/auth/accounts/me/keys",
            "What your programs show",
            None,
        ),
        item(
            "CURVE keys",
            "/console/auth/accounts/me/curve-keys",
            "By which your ZeroMQ clients are known",
            None,
        ),
        item(
            "Applications",
            "/console/auth/accounts/me/applications",
            "Applications and devices that act for you",
            None,
        ),
        item(
            "Organisations",
            organisations::PATH,
            "Whom you work with: members, invitations, programs",
            None,
        ),
    ];
    if has_providers {
        own.push(item(
            "Outside identities",
            "/console/auth/accounts/me/identities",
            "Providers with which you sign in here",
            None,
        ));
    }
    let accounts = Some(("account.read", "account/*"));
    let audit = Some(("audit.read", "audit/*"));
    let administration = vec![
        item(
            "Accounts",
            ACCOUNTS,
            "People and programs, and what they may do",
            accounts,
        ),
        item("Audit log", "/console/auth/audit", "Who did what", audit),
    ];
    let group = |label, items| MenuGroup { label, items };
    vec![
        group("Your account", own),
        group("Administration", administration),
    ]
}
