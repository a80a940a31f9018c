//! Pages for people, in the frame of the console: the same flows and the same decisions as those of the API.

mod accounts;
mod applications;
mod audit;
pub(crate) mod consent;
mod curve_keys;
mod demand;
mod devices;
pub(crate) mod email;
mod factor;
mod grants;
mod identities;
pub(crate) mod invitations;
mod keys;
pub(crate) mod links;
mod members;
mod menu;
mod organisation_grants;
mod organisations;
mod passkeys;
mod profile;
mod providers;
mod scopes;
mod sessions;
mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sites;
mod views;

use crate::{Auth, AuthError};
use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{FieldError, Form, LocalPath};
use tickloom_chassis::{
    Access, Allowed, Answer as CommandAnswer, Pages, Problem, ProblemCode, Write,
};

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/console/auth/sign-in";
/// Where one signs out.
pub(crate) const SIGN_OUT: &str = "/console/auth/sign-out";
/// Where one authenticates once more.
pub(crate) const STEP_UP: &str = "/console/auth/step-up";
/// Where who lacks a second factor that is demanded sets one up.
pub(crate) const ENROL: &str = "/console/auth/second-factor/demanded";
/// Accounts, by id; `me` is one's own.
const ACCOUNTS: &str = "/console/auth/accounts";

/// What a page answers: a response, or a problem, which becomes a page of its own.
type Answer = Result<axum::response::Response, Problem>;

/// Where to go then, and what was done before.
#[derive(Debug, Default, Deserialize)]
struct Done {
    next: Option<String>,
    done: Option<String>,
}

impl Done {
    /// Where to go then.
    fn next(&self) -> LocalPath {
        next_of(self.next.as_deref())
    }

    /// What was done, in words of ours: whoever makes a link chooses one of these at most.
    fn notice(&self) -> Option<&'static str> {
        Some(match self.done.as_deref()? {
            "signed-out" => "You are signed out.",
            "password-set" => "The password is set. Sign in with it.",
            "mail" => "If there can be one, a mail is on its way to you.",
            "renamed" => "The name is changed.",
            "email" => "The e-mail address is changed.",
            "email-asked" => {
                "If there can be one, a mail is on its way to the new address. The link in it confirms it."
            }
            "password" => "The password is changed. All your other sessions are over.",
            "session" => "The session is over.",
            "sessions" => "All other sessions are over.",
            "passkey-added" => "The passkey is added.",
            "passkey-removed" => "The passkey is removed. All your other sessions are over.",
            "password-removed" => "The password is removed. Passkeys sign you in.",
            "factor-removed" => "The second factor is removed.",
            "revoked" => "It is revoked.",
            "ended" => "It is ended.",
            "granted" => "The grant is created.",
            "linked" => "The outside identity is linked.",
            "unlinked" => "The outside identity is unlinked. All other sessions are over.",
            "registered" => "The public key is registered.",
            "suspended" => "The account is suspended. Its sessions are over.",
            "resumed" => "The account can be used again.",
            "factor-dropped" => "The account has no second factor any more. Its sessions are over.",
            "factor-demanded" => "A second factor is demanded. Who has none sets one up first.",
            "factor-open" => "A second factor is not demanded any more.",
            "deleted" => "The account is deleted.",
            "created" => "The account is created.",
            "device-allowed" => "The device is allowed. Go back to it: it goes on by itself.",
            "device-refused" => "The device is refused. It gets nothing.",
            "organisation-created" => "The organisation is created.",
            "organisation-deleted" => "The organisation is deleted.",
            "invited" => "The invitation is created. A mail with its link is on its way.",
            "joined" => "You are a member now.",
            "left" => "You are a member no more.",
            "role" => "The role is set.",
            "member-removed" => "The member is removed.",
            "before" => "This was done before. What is shown once is not shown again.",
            _ => return None,
        })
    }
}

/// The pages of the service.
pub(crate) fn pages(auth: &Arc<Auth>) -> Pages {
    let router = outside()
        .merge(own())
        .merge(of_account())
        .merge(curve_keys::router())
        .merge(providers::router())
        .merge(identities::router())
        .merge(organisations::router())
        .merge(organisation_grants::router())
        .with_state(Arc::clone(auth));
    Pages {
        router,
        root: consent::root()
            .merge(devices::root())
            .merge(providers::root())
            .merge(sign_out::root())
            .merge(sites::root())
            .with_state(Arc::clone(auth)),
        menu: menu::menu(!auth.providers.is_empty()),
    }
}

/// Pages of somebody who is not signed in yet.
fn outside() -> Router<Arc<Auth>> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::send))
        .route(
            "/sign-in/code",
            get(sign_in::show_code).post(sign_in::send_code),
        )
        .route("/sign-in/passkey", post(sign_in::send_passkey))
        .route("/sign-in/passkey/options", post(passkeys::ask_to_sign_in))
        .route(
            "/sign-in/code/passkey/options",
            post(passkeys::ask_for_factor),
        )
        .route("/passkeys.js", get(passkeys::script))
        .route("/sign-out", post(sign_out::send))
        .route("/logout", post(sign_out::answer))
        .route("/link", get(links::show_link).post(links::send_link))
        .route("/set-up", get(links::show_set_up).post(links::send_set_up))
        .route(
            "/sign-up",
            get(links::show_sign_up).post(links::send_sign_up),
        )
        .route(
            "/recovery",
            get(links::show_recovery).post(links::send_recovery),
        )
        .route(
            "/invitation",
            get(invitations::show_link).post(invitations::look),
        )
        .route("/invitation/sign-up", post(invitations::sign_up))
}

/// Pages of one's own account alone.
fn own() -> Router<Arc<Auth>> {
    Router::new()
        .route(
            "/step-up",
            get(sign_in::show_step_up).post(sign_in::send_step_up),
        )
        .route("/profile", get(profile::show).post(profile::rename))
        .route(
            "/profile/password",
            get(profile::show_password).post(profile::change_password),
        )
        .route("/profile/export", get(profile::export))
        .route("/email", get(email::show_confirm).post(email::confirm))
        .route(
            "/profile/delete",
            get(profile::show_delete).post(profile::delete),
        )
        .route("/step-up/passkey/options", post(passkeys::ask_for_own))
        .route("/profile/password/remove", post(passkeys::remove_password))
        .route("/passkeys", get(passkeys::list).post(passkeys::add))
        .route("/passkeys/new", get(passkeys::show_new))
        .route("/passkeys/options", post(passkeys::begin))
        .route(
            "/passkeys/{passkey}",
            get(passkeys::show).post(passkeys::rename),
        )
        .route("/passkeys/{passkey}/remove", post(passkeys::remove))
        .route("/second-factor", get(factor::show).post(factor::begin))
        .route("/second-factor/confirm", post(factor::confirm))
        .route("/second-factor/demanded", get(demand::show))
        .route("/second-factor/remove", post(factor::remove))
        .route("/second-factor/recovery-codes", post(factor::renew_codes))
        .route("/consent", post(consent::answer))
        .route("/device", get(devices::show).post(devices::look))
        .route("/device/decide", post(devices::decide))
        .route("/invitation/join", post(invitations::join))
}

/// Pages of an account, which may be one's own, and those of administrators.
fn of_account() -> Router<Arc<Auth>> {
    Router::new()
        .route("/accounts", get(accounts::list))
        .route(
            "/accounts/new",
            get(accounts::show_new).post(accounts::create),
        )
        .route("/accounts/{account}", get(accounts::show))
        .route(
            "/accounts/{account}/email",
            get(email::show).post(email::ask),
        )
        .route("/accounts/{account}/suspend", post(accounts::suspend))
        .route("/accounts/{account}/resume", post(accounts::resume))
        .route(
            "/accounts/{account}/second-factor/demand",
            post(demand::demand),
        )
        .route(
            "/accounts/{account}/second-factor/drop",
            get(accounts::show_drop_factor).post(accounts::drop_factor),
        )
        .route(
            "/accounts/{account}/sessions",
            get(sessions::list).post(sessions::end),
        )
        .route("/accounts/{account}/applications", get(applications::list))
        .route(
            "/accounts/{account}/applications/revoke",
            post(applications::revoke),
        )
        .route(
            "/accounts/{account}/applications/end",
            post(applications::end),
        )
        .route("/accounts/{account}/keys", get(keys::list))
        .route(
            "/accounts/{account}/keys/new",
            get(keys::show_new).post(keys::create),
        )
        .route(
            "/accounts/{account}/keys/{key}",
            get(keys::show).post(keys::rotate),
        )
        .route("/accounts/{account}/keys/{key}/revoke", post(keys::revoke))
        .route("/accounts/{account}/grants", get(grants::list))
        .route(
            "/accounts/{account}/grants/new",
            get(grants::show_new).post(grants::create),
        )
        .route("/accounts/{account}/grants/revoke", post(grants::revoke))
        .route("/audit", get(audit::list))
}

impl Auth {
    /// Does what a form asks for once, in one transaction in which it is decided again whether they may. `None` if it was done before:
    /// the same form was sent twice.
    async fn do_once<A: Access, T, F>(
        &self,
        allowed: &Allowed<A>,
        sent: &Form,
        perform: F,
    ) -> Result<Option<T>, Problem>
    where
        F: AsyncFnOnce(&mut Write) -> Result<T, AuthError>,
    {
        let mut done = None;
        let command = sent.command(allowed.subject.actor());
        let answered = command.run(&self.database, &self.clock, async |write| {
            self.decide_again(write, allowed).await?;
            done = Some(perform(write).await?);
            Ok(CommandAnswer::empty(axum::http::StatusCode::NO_CONTENT))
        });
        match answered.await {
            Ok(_) => Ok(done),
            Err(told) => Err(self.refused_within(allowed, told).await),
        }
    }
}

/// What is a person's own affair of what went wrong, for above their form; anything else is a page of its own, or the way to where one
/// authenticates.
fn rejected(error: impl Into<Problem>, field: &'static str) -> Result<FieldError, Problem> {
    let problem = error.into();
    match problem.code {
        ProblemCode::BadRequest
        | ProblemCode::Refused
        | ProblemCode::Conflict
        | ProblemCode::TooManyRequests => Ok(FieldError::new(field, sentence(&problem.detail))),
        _ => Err(problem),
    }
}

/// Where to go, if it is a path of ours: the overview otherwise.
fn next_of(text: Option<&str>) -> LocalPath {
    let path = text.and_then(LocalPath::new);
    path.unwrap_or_else(LocalPath::overview)
}

/// A path of ours.
fn local(path: &str) -> LocalPath {
    next_of(Some(path))
}

/// What the API says, as a sentence.
fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let end = if detail.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str()).replace('`', "")
}
