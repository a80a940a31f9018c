//! What operations need: an action on a resource, each under a name.

use super::account_of;
use tickloom_chassis::{Access, PathParts, Subject};

/// The words of an operation's permission.
macro_rules! access {
    ($(#[$doc:meta])* $name:ident, $action:literal, $resource:expr) => {
        access!($(#[$doc])* $name, $action, $resource, false);
    };
    ($(#[$doc:meta])* $name:ident, $action:literal, $resource:expr, $enrols:literal) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Access for $name {
            const ACTION: &'static str = $action;
            const ENROLS: bool = $enrols;

            fn resource(path: &PathParts, subject: &Subject) -> String {
                let resource: fn(&PathParts, &Subject) -> String = $resource;
                resource(path, subject)
            }
        }
    };
}

access!(
    /// Reads what is known of an account.
    ReadAccount,
    "account.read",
    |path, subject| format!("account/{}", account_of(path.get("account"), subject))
);
access!(
    /// Changes an account.
    ChangeAccount,
    "account.change",
    |path, subject| format!("account/{}", account_of(path.get("account"), subject))
);
access!(
    /// Does something in one's own session.
    OwnSession,
    "account.change",
    |_, subject| format!("account/{}", subject.account)
);
access!(
    /// Reads what somebody has to know to set up a second factor.
    ReadToEnrol,
    "account.read",
    |path, subject| own_or_named(path, subject),
    true
);
access!(
    /// Sets up a second factor, or does what that takes: authenticating once more, and ending sessions.
    Enrol,
    "account.change",
    |path, subject| own_or_named(path, subject),
    true
);
access!(
    /// Reads what is known of one's own account.
    OwnAccount,
    "account.read",
    |_, subject| format!("account/{}", subject.account)
);
access!(
    /// Reads which accounts there are.
    ReadAccounts,
    "account.read",
    |_, _| "account/*".to_owned()
);
access!(
    /// Makes accounts.
    CreateAccounts,
    "account.create",
    |_, _| "account/*".to_owned()
);
access!(
    /// Keeps an account from being used.
    SuspendAccount,
    "account.suspend",
    |path, subject| format!("account/{}", account_of(path.get("account"), subject))
);
access!(
    /// Creates grants, and revokes them.
    ChangeGrants,
    "grant.change",
    |_, _| "grant/*".to_owned()
);
access!(
    /// Reads who did what.
    ReadAudit,
    "audit.read",
    |_, _| "audit/*".to_owned()
);

access!(
    /// Verifies who did what.
    VerifyAudit,
    "audit.verify",
    |_, _| "audit/*".to_owned()
);
access!(
    /// Reads how far work is that takes long.
    ReadJobs,
    "job.read",
    |path, _| format!("job/{}", some(path.get("job")))
);
access!(
    /// Cancels it.
    CancelJobs,
    "job.cancel",
    |path, _| format!("job/{}", some(path.get("job")))
);

access!(
    /// Creates an organisation in one's own name.
    CreateOrganisation,
    "organisation.create",
    |_, subject| format!("account/{}", subject.account)
);
access!(
    /// Reads which organisations there are.
    ReadOrganisations,
    "organisation.read",
    |_, _| "organisation/*".to_owned()
);
access!(
    /// Reads what is known of an organisation.
    ReadOrganisation,
    "organisation.read",
    |path, _| in_organisation(path, "")
);
access!(
    /// Changes an organisation.
    ChangeOrganisation,
    "organisation.change",
    |path, _| in_organisation(path, "")
);
access!(
    /// Makes programs of an organisation.
    AddMachines,
    "organisation.change",
    |path, _| in_organisation(path, "/machines")
);
access!(
    /// Reads what was granted to an organisation.
    ReadOrganisationGrants,
    "organisation.read",
    |path, _| in_organisation(path, "/grants")
);
access!(
    /// Reads who is a member of an organisation.
    ReadMembers,
    "member.read",
    |path, _| in_organisation(path, "/members")
);
access!(
    /// Changes roles of members, and removes some.
    ChangeMembers,
    "member.change",
    |path, _| in_organisation(path, "/members")
);
access!(
    /// Reads who is invited to an organisation.
    ReadInvitations,
    "invitation.read",
    |path, _| in_organisation(path, "/invitations")
);
access!(
    /// Invites somebody, or takes that back.
    ChangeInvitations,
    "invitation.change",
    |path, _| in_organisation(path, "/invitations")
);
access!(
    /// Reads which applications there are.
    ReadClients,
    "client.read",
    |path, _| format!("client/{}", some(path.get("client")))
);
access!(
    /// Registers applications, and changes them.
    ChangeClients,
    "client.change",
    |path, _| format!("client/{}", some(path.get("client")))
);

/// The account that a path names, or one's own if it names none.
fn own_or_named(path: &PathParts, subject: &Subject) -> String {
    let account = match path.get("account") {
        "" => subject.account.clone(),
        named => account_of(named, subject),
    };
    format!("account/{account}")
}

/// A name, or a star for all.
fn some(name: &str) -> &str {
    if name.is_empty() { "*" } else { name }
}

/// The organisation that a path names, or what of it is below.
fn in_organisation(path: &PathParts, below: &str) -> String {
    format!("organisation/{}{below}", path.get("organisation"))
}
