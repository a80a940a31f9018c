//! An application lets a person sign out here too (OpenID Connect RP-Initiated Logout 1.0).

use crate::change::By;
use crate::oauth::form::{Form, encode};
use crate::oauth::uri::with_query;
use crate::store::client::Client;
use crate::store::client_login::ClientLogin;
use crate::{Auth, AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject};

/// Longest `state`, in bytes.
const STATE_BYTES_MAX: usize = 1024;

/// What an application wants, as far as it can be believed.
pub(crate) struct Logout {
    /// Which application asks, if it says so.
    pub(crate) client: Option<Client>,
    /// Where the browser goes then: an address of this application.
    pub(crate) place: Option<String>,
    /// The session that is meant, by an ID token of ours.
    login: Option<ClientLogin>,
}

impl Logout {
    /// Whether it is shown that this very session is meant: nobody has to be asked then (RP-Initiated Logout, section 2).
    pub(crate) fn is_of(&self, subject: &Subject) -> bool {
        self.login.as_ref().is_some_and(|login| {
            login.account == subject.account && Some(&login.session) == subject.session.as_ref()
        })
    }
}

impl Auth {
    /// Reads what an application wants.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] where its parts contradict each other, or are malformed.
    pub(crate) async fn read_logout(&self, form: &Form) -> Result<Logout, AuthError> {
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let at = self.database.reader();
        // One that is over is as good: it tells what session it was of (RP-Initiated Logout, section 4).
        let hint = form.get("id_token_hint");
        let hint = hint.and_then(|hint| self.signing.id_token_of_ours(hint));
        let named = form.get("client_id");
        let id = match (&hint, named) {
            (Some(hint), Some(named)) if hint.aud != named => {
                let detail = "`client_id` is another application than that of `id_token_hint`";
                return Err(wrong(detail).into());
            }
            (Some(hint), _) => Some(hint.aud.as_str()),
            (None, named) => named,
        };
        let client = match id {
            Some(id) => store::client::one(at, id).await?,
            None => None,
        };
        let place = match (form.get("post_logout_redirect_uri"), &client) {
            (Some(uri), Some(client)) => {
                let known = &client.settings.post_logout_redirect_uris;
                if !known.iter().any(|known| known == uri) {
                    let detail =
                        "the application is not registered for this `post_logout_redirect_uri`";
                    return Err(wrong(detail).into());
                }
                Some(with_state(uri, form.get("state"))?)
            }
            // Nobody says whose it is: it is not gone to.
            _ => None,
        };
        let login = match &hint {
            Some(hint) => store::client_login::one(at, &hint.sid).await?,
            None => None,
        };
        let is_same = |login: &ClientLogin| {
            let hint = hint.as_ref();
            hint.is_some_and(|hint| hint.sub == login.account && hint.aud == login.client)
        };
        Ok(Logout {
            client,
            place,
            login: login.filter(is_same),
        })
    }

    /// Ends the session of somebody who signs out.
    ///
    /// # Errors
    /// [`AuthError::Chassis`]. One that is over already is no error.
    pub(crate) async fn sign_out(&self, by: &By, subject: &Subject) -> Result<(), AuthError> {
        let Some(session) = &subject.session else {
            return Ok(());
        };
        let mut write = self.write().await?;
        // It may have ended since it was asked who is there.
        let living = store::session::one(write.connection(), session).await?;
        if living.is_none() {
            return Ok(());
        }
        let ended = (subject, subject.account.as_str(), session.as_str());
        self.end_session(&mut write, by, ended).await?;
        Ok(write.commit().await?)
    }
}

fn with_state(uri: &str, state: Option<&str>) -> Result<String, AuthError> {
    let Some(state) = state else {
        return Ok(uri.to_owned());
    };
    if state.len() > STATE_BYTES_MAX {
        let detail = format!("`state` has more than {STATE_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemCode::BadRequest, detail).into());
    }
    Ok(with_query(uri, &encode([("state", state)])))
}
