//! A person's browser comes from an application, and goes back with a code or with a reason (OAuth 2.1, section 4.1).

use super::approval::{Approved, approve, remembered, services};
use crate::Auth;
use crate::change::By;
use crate::credential::secret::{self, SecretKind};
use crate::flows::authentication::recent;
use crate::oauth::client::ClientKind;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::oauth::request::{AuthoriseRequest, Target};
use crate::oauth::scope::OFFLINE;
use crate::store::authorisation::Code;
use crate::store::client::Client;
use crate::{AuthError, store};
use sqlx::AnyConnection;
use tickloom_chassis::{ChassisError, Problem, ProblemCode, Subject};
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// How long a code is good: a minute (OAuth 2.1, section 4.1.2: at most ten).
const CODE_NS: i64 = 60 * NANOS_PER_SECOND;
/// The parameter of ours that stands in the place of `prompt=login` once the person was sent to sign in: since when, in seconds.
const SIGNED_IN_SINCE: &str = "signed_in_since";

/// What is to be done with a browser.
pub(crate) enum Step {
    /// It goes back to the application, there.
    Answer(String),
    /// The person signs in, or authenticates once more, and comes back with this request.
    SignIn(Form),
    /// The application means somebody else than the person who is signed in: they sign in as that one, and come back with this request.
    OtherAccount(Box<Other>, Form),
    /// The person is asked.
    Ask(Box<Asked>),
}

/// Whom an application means, where that is not who is signed in.
pub(crate) struct Other {
    /// The application.
    pub(crate) asked: Asked,
    /// Id of the account that it means.
    pub(crate) account: String,
    /// Where the browser goes of somebody who is not that one: with `login_required`.
    pub(crate) place: String,
}

/// A request that a person is asked about.
pub(crate) struct Asked {
    /// The application.
    pub(crate) client: Client,
    /// What it asks.
    pub(crate) request: AuthoriseRequest,
}

impl Asked {
    /// Whether anything on the person's machine could say that it is this application: its redirect does not show that it is (RFC 8252,
    /// section 8.6).
    pub(crate) fn could_be_anybody(&self) -> bool {
        self.client.settings.kind == ClientKind::Public
            && !self.request.target.redirect_uri.starts_with("https:")
    }
}

impl Auth {
    /// What is to be done with a browser that comes from an application.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] where it is not known where the browser may go back to: nothing is sent anywhere then.
    pub(crate) async fn authorise(
        &self,
        by: &By,
        subject: Option<&Subject>,
        form: &Form,
    ) -> Result<Step, AuthError> {
        let asked = match self.read_request(form).await? {
            Ok(asked) => asked,
            Err(place) => return Ok(Step::Answer(place)),
        };
        let refuse = |code: OAuthCode, words: &str| {
            let error = OAuthError::new(code, words);
            asked.request.target.refuse(self.signing.issuer(), &error)
        };
        let since = signed_in_since(form);
        let whom = self.whom(form, subject);
        if asked.request.is_silent {
            let is_fresh = |subject: &Subject| is_fresh(subject, &asked.request, since, by.now);
            if whom != Whom::Anybody || !subject.is_some_and(is_fresh) {
                let words = "nobody is signed in, or not recently, or somebody else";
                return Ok(Step::Answer(refuse(OAuthCode::LoginRequired, words)));
            }
        }
        match whom {
            Whom::Anybody => {}
            Whom::Nobody => {
                let words = "`id_token_hint` is no ID token that was made here, or its key is not published any more: send none";
                return Ok(Step::Answer(refuse(OAuthCode::InvalidRequest, words)));
            }
            Whom::Other(account) => {
                let words = "somebody else is signed in than whom `id_token_hint` means";
                let place = refuse(OAuthCode::LoginRequired, words);
                let form = after_sign_in(form, &asked.request, by.now);
                let other = Other {
                    asked,
                    account,
                    place,
                };
                return Ok(Step::OtherAccount(Box::new(other), form));
            }
        }
        let is_fresh = |subject: &&Subject| is_fresh(subject, &asked.request, since, by.now);
        let Some(subject) = subject.filter(is_fresh) else {
            return Ok(Step::SignIn(after_sign_in(form, &asked.request, by.now)));
        };
        if subject.lacks_second_factor {
            if asked.request.is_silent {
                let words = "the person has to set up a second factor";
                return Ok(Step::Answer(refuse(OAuthCode::InteractionRequired, words)));
            }
            let detail = "a second factor is demanded of the account, which has none";
            return Err(Problem::new(ProblemCode::SecondFactorDemanded, detail).into());
        }
        let connection = self.database.reader().acquire().await;
        let mut connection = connection.map_err(ChassisError::from)?;
        let is_to_be_asked = self.is_to_be_asked(&mut connection, subject, &asked);
        if !is_to_be_asked.await? {
            drop(connection);
            let place = self.answer_code(by, subject, (&asked, Consent::Before));
            return Ok(Step::Answer(place.await?));
        }
        if asked.request.is_silent {
            let words = "the person has to be asked";
            return Ok(Step::Answer(refuse(OAuthCode::ConsentRequired, words)));
        }
        Ok(Step::Ask(Box::new(asked)))
    }

    /// What becomes of the person's answer: where the browser goes.
    ///
    /// # Errors
    /// As [`Auth::authorise`]; [`ProblemCode::Refused`] if the request asks for a sign-in that was not, or means somebody else;
    /// [`ProblemCode::Conflict`] if the application is of another version than the one that was shown.
    pub(crate) async fn answer_consent(
        &self,
        by: &By,
        (subject, is_allowed): (&Subject, bool),
        (form, seen): (&Form, Option<i64>),
    ) -> Result<String, AuthError> {
        let asked = match self.read_request(form).await? {
            Ok(asked) => asked,
            Err(place) => return Ok(place),
        };
        if !is_allowed {
            let error = OAuthError::new(OAuthCode::AccessDenied, "the person said no");
            return Ok(asked.request.target.refuse(self.signing.issuer(), &error));
        }
        if !is_fresh(subject, &asked.request, signed_in_since(form), by.now) {
            let detail = "the sign-in is too long ago: go back to the application and begin again";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        if self.whom(form, Some(subject)) != Whom::Anybody {
            let detail = "the application means somebody else than who is signed in: go back to it and begin again";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        if seen != Some(asked.client.version) {
            return Err(changed_meanwhile());
        }
        self.answer_code(by, subject, (&asked, Consent::Now)).await
    }

    /// Whom an application means, beside whoever is signed in: it would take somebody for somebody else otherwise (OpenID Connect Core,
    /// section 3.1.2.1).
    fn whom(&self, form: &Form, subject: Option<&Subject>) -> Whom {
        let Some(hint) = form.get("id_token_hint") else {
            return Whom::Anybody;
        };
        match (self.signing.id_token_of_ours(hint), subject) {
            (None, _) => Whom::Nobody,
            // Who signs in now is looked at then.
            (Some(_), None) => Whom::Anybody,
            (Some(meant), Some(subject)) if meant.sub == subject.account => Whom::Anybody,
            (Some(meant), Some(_)) => Whom::Other(meant.sub),
        }
    }

    /// A request whose application and redirect URI belong together; or where the browser goes with what is wrong with the rest.
    async fn read_request(&self, form: &Form) -> Result<Result<Asked, String>, AuthError> {
        let target = Target::of(form)?;
        let client = store::client::one(self.database.reader(), &target.client).await?;
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let client = client.ok_or_else(|| wrong("there is no such application"))?;
        if !client.settings.has_redirect(&target.redirect_uri) {
            let detail = "the application is not registered for this `redirect_uri`";
            return Err(wrong(detail).into());
        }
        let issuer = self.signing.issuer();
        let read = AuthoriseRequest::parse(form, target.clone(), (&client.settings, issuer));
        Ok(match read {
            Ok(request) => Ok(Asked { client, request }),
            Err(error) => Err(target.refuse(issuer, &error)),
        })
    }

    /// Whether the person is to be asked: unless they allowed it before, or it is our own.
    async fn is_to_be_asked(
        &self,
        at: &mut AnyConnection,
        subject: &Subject,
        asked: &Asked,
    ) -> Result<bool, AuthError> {
        let settings = &asked.client.settings;
        if asked.could_be_anybody() || asked.request.wants_consent {
            return Ok(true);
        }
        if settings.is_first_party {
            return Ok(false);
        }
        for resource in services(&asked.request.resources, self.signing.issuer()) {
            let of = (subject.account.as_str(), asked.client.id.as_str(), resource);
            let allowed = remembered(store::client::consent(&mut *at, of).await?);
            if !allowed.covers(&asked.request.scopes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the application a code, and remembers what was allowed.
    async fn answer_code(
        &self,
        by: &By,
        subject: &Subject,
        (asked, consent): (&Asked, Consent),
    ) -> Result<String, AuthError> {
        let request = &asked.request;
        let mut write = self.write().await?;
        // It may have been removed or changed meanwhile.
        let now = super::clients::known_client(&mut write, &asked.client.id).await?;
        if now.version != asked.client.version {
            return Err(changed_meanwhile());
        }
        // So may what the person allowed before.
        if consent == Consent::Before
            && self
                .is_to_be_asked(write.connection(), subject, asked)
                .await?
        {
            return Err(changed_meanwhile());
        }
        let approved = Approved {
            issuer: self.signing.issuer(),
            client: &asked.client,
            scopes: &request.scopes,
            resources: &request.resources,
            nonce: request.nonce.as_deref(),
            is_on_device: false,
        };
        let until = by.now.0.saturating_add(CODE_NS);
        let authorisation = approve(&mut write, by, subject, (&approved, until)).await?;
        let (shown, stored) = secret::make(SecretKind::Code, by.now)?;
        let code = Code {
            authorisation: authorisation.id,
            hash: stored.hash,
            redirect_uri: request.target.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            expires: until,
        };
        store::authorisation::add_code(&mut write, &stored.id, &code).await?;
        write.commit().await?;
        let issuer = self.signing.issuer();
        Ok(request.target.answer(issuer, &[("code", shown.expose())]))
    }
}

/// Whom an application means.
#[derive(PartialEq, Eq)]
enum Whom {
    /// Whoever is signed in, or will be.
    Anybody,
    /// Nobody who could be known.
    Nobody,
    /// This account, and another one is signed in.
    Other(String),
}

/// When the person allowed what is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    /// Before, or nobody has to be asked.
    Before,
    /// Just now.
    Now,
}

pub(super) fn changed_meanwhile() -> AuthError {
    let detail = "the application was changed meanwhile: look at what it asks for once more";
    Problem::new(ProblemCode::Conflict, detail).into()
}

/// Whether whoever is signed in authenticated as recently as the request asks, and as what goes on without them needs.
fn is_fresh(subject: &Subject, request: &AuthoriseRequest, since: Option<i64>, now: Ts) -> bool {
    let at = subject.authenticated_at.0.div_euclid(NANOS_PER_SECOND);
    let age = now.0.div_euclid(NANOS_PER_SECOND).saturating_sub(at);
    let is_new = since.is_some_and(|since| at >= since);
    subject.session.is_some()
        && !(request.scopes.has(OFFLINE) && recent(subject, now).is_err())
        && (!request.wants_sign_in || is_new)
        && request
            .max_age
            .is_none_or(|most| age <= most || (is_new && most == 0))
}

/// Since when the person was sent to sign in, if they were. Whoever writes it themselves gets tokens that say when they signed in.
fn signed_in_since(form: &Form) -> Option<i64> {
    form.get(SIGNED_IN_SINCE)?.parse().ok()
}

/// The request with which a person comes back who is sent to sign in.
fn after_sign_in(form: &Form, request: &AuthoriseRequest, now: Ts) -> Form {
    let form = form.without(&[SIGNED_IN_SINCE]);
    if !request.wants_sign_in && request.max_age.is_none() {
        return form;
    }
    let since = now.0.div_euclid(NANOS_PER_SECOND);
    form.with(SIGNED_IN_SINCE, &since.to_string())
}
