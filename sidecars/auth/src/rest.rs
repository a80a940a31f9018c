//! The operations over HTTP: each takes what it needs, asks, and answers.

mod accounts;
mod approvals;
mod audit;
mod clients;
mod curve_keys;
mod discovery;
mod email;
mod factor;
mod grants;
mod invitations;
mod keys;
mod members;
mod oauth;
mod organisations;
mod passkeys;
mod providers;
mod sessions;
mod sites;

use crate::Auth;
use crate::change::By;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;
use tickloom_chassis::{
    Access, Allowed, Answer, Answered, Idempotent, PathParts, Problem, Problems, RequestOrigin,
    Subject, Write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What stands for one's own account in a path.
const ME: &str = "me";

/// The words of an operation's permission.
macro_rules! access {
    ($(#[$doc:meta])* $name:ident, $action:literal, $resource:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Access for $name {
            const ACTION: &'static str = $action;

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

/// A name, or a star for all.
fn some(name: &str) -> &str {
    if name.is_empty() { "*" } else { name }
}

impl Auth {
    /// Runs a command of whoever asks once under its key. In its transaction, once nothing else can change, it is decided again whether
    /// they may: a body may come long after its head, and a session may be over by then.
    async fn run<A: Access, F>(
        &self,
        allowed: &Allowed<A>,
        sent: &Idempotent,
        perform: F,
    ) -> Result<Answered, Problem>
    where
        F: AsyncFnOnce(&mut Write) -> Result<Answer, Problem>,
    {
        let command = sent.command(allowed.subject.actor());
        let done = command.run(&self.database, &self.clock, async |write| {
            let asked = (allowed.action, allowed.resource.as_str());
            self.decide_again(write, &allowed.subject, asked).await?;
            perform(write).await
        });
        done.await
    }

    /// Who asks, in which request, now.
    fn by(&self, subject: &Subject, request: &RequestOrigin) -> By {
        By::new(subject, request, self.clock.now())
    }

    /// Somebody who has not said who they are, now.
    fn by_nobody(&self, request: &RequestOrigin) -> By {
        By::nobody(request, self.clock.now())
    }
}

/// The account that a path names.
pub(crate) fn account_of(name: &str, subject: &Subject) -> String {
    if name == ME {
        return subject.account.clone();
    }
    name.to_owned()
}

/// The organisation that a path names, or what of it is below.
fn in_organisation(path: &PathParts, below: &str) -> String {
    format!("organisation/{}{below}", path.get("organisation"))
}

pub(crate) fn router(auth: &Arc<Auth>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(sessions::sign_in))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::step_up))
        .routes(routes!(passkeys::ask_passkey))
        .routes(routes!(passkeys::sign_in_with_passkey))
        .routes(routes!(passkeys::ask_own_passkey))
        .routes(routes!(sessions::list_sessions, sessions::end_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(accounts::finish_link))
        .routes(routes!(accounts::sign_up))
        .routes(routes!(accounts::recover))
        .routes(routes!(accounts::list_accounts, accounts::create_account))
        .routes(routes!(
            accounts::get_account,
            accounts::rename_account,
            accounts::delete_account
        ))
        .routes(routes!(accounts::export_account))
        .routes(routes!(accounts::suspend_account))
        .routes(routes!(accounts::resume_account))
        .routes(routes!(factor::change_password, factor::remove_password))
        .routes(routes!(factor::begin_factor, factor::remove_factor))
        .routes(routes!(factor::confirm_factor))
        .routes(routes!(factor::count_codes, factor::renew_codes))
        .routes(routes!(factor::drop_lost_factor))
        .routes(routes!(passkeys::begin_passkey))
        .routes(routes!(passkeys::add_passkey))
        .routes(routes!(passkeys::list_passkeys))
        .routes(routes!(passkeys::rename_passkey, passkeys::remove_passkey))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(providers::list_providers))
        .routes(routes!(providers::begin_sign_in))
        .routes(routes!(providers::finish_sign_in))
        .routes(routes!(providers::finish_second_factor))
        .routes(routes!(providers::begin_step_up))
        .routes(routes!(providers::finish_step_up))
        .routes(routes!(providers::begin_identity_link))
        .routes(routes!(providers::finish_identity_link))
        .route(
            "/v1/providers/{provider}/callback",
            get(providers::callback),
        )
        .routes(routes!(providers::list_identities))
        .routes(routes!(providers::unlink))
        .routes(routes!(grants::list_grants, grants::create_grant))
        .routes(routes!(grants::revoke_grant))
        .routes(routes!(grants::decide_access))
        .routes(routes!(audit::list_audit))
        .merge(email::router())
        .merge(organisations::router())
        .merge(members::router())
        .merge(invitations::router())
        .merge(curve_keys::router())
        .routes(routes!(clients::list_clients, clients::create_client))
        .routes(routes!(
            clients::get_client,
            clients::change_client,
            clients::delete_client
        ))
        .routes(routes!(clients::rotate_client_secret))
        .routes(routes!(clients::list_applications))
        .routes(routes!(clients::revoke_application))
        .routes(routes!(clients::list_authorisations))
        .routes(routes!(clients::end_authorisation))
        .routes(routes!(approvals::waiting_device, approvals::decide_device))
        .routes(routes!(approvals::authorise))
        .with_state(Arc::clone(auth))
}

/// What the standards say the form of: how applications find everything, the keys with which tokens are checked, and what applications
/// send. The document of the API is of what has our form.
pub(crate) fn root(auth: &Arc<Auth>) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route(
            "/.well-known/openid-configuration",
            get(discovery::metadata),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(discovery::metadata),
        )
        .route("/auth/oauth/token", post(oauth::token))
        .route("/auth/oauth/introspect", post(oauth::introspect))
        .route("/auth/oauth/revoke", post(oauth::revoke))
        .route("/auth/oauth/device", post(oauth::device))
        .route(
            "/auth/oauth/userinfo",
            get(oauth::user_info).post(oauth::user_info),
        )
        .merge(sites::root())
        .with_state(Arc::clone(auth))
}
