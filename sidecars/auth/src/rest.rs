//! The operations over HTTP: each takes what it needs, asks, and answers.

mod access;
mod accounts;
mod approvals;
mod audit;
mod clients;
mod curve_keys;
mod demand;
mod discovery;
mod email;
mod factor;
mod grants;
mod invitations;
mod jobs;
mod keys;
mod members;
mod oauth;
mod organisations;
mod passkeys;
pub(crate) mod providers;
mod sessions;
mod sites;

use crate::Auth;
use crate::change::By;
pub(crate) use access::*;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;
use tickloom_chassis::{
    Access, Allowed, Answer, Answered, Idempotent, Problem, Problems, RequestOrigin, Subject, Write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What stands for one's own account in a path.
const ME: &str = "me";

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
            self.decide_again(write, allowed).await?;
            perform(write).await
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(told) => Err(self.refused_within(allowed, told).await),
        }
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
        .routes(routes!(providers::list_identities))
        .routes(routes!(providers::unlink))
        .routes(routes!(grants::list_grants, grants::create_grant))
        .routes(routes!(grants::revoke_grant))
        .routes(routes!(grants::decide_access))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::verify_audit_log))
        .merge(jobs::router())
        .merge(email::router())
        .merge(demand::router())
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
