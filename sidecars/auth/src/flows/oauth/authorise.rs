//! A person's browser comes from an application, and goes back with a code or with a reason (OAuth 2.1, section 4.1).

use super::audit;
use crate::Auth;
use crate::change::{By, known};
use crate::credential::secret::{self, SecretKind};
use crate::flows::authentication::goes_on;
use crate::oauth::client::ClientKind;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::oauth::request::{AuthoriseRequest, Target};
use crate::oauth::scope::{OFFLINE, SCOPES_MAX, Scopes};
use crate::store::authorisation::{Authorisation, Code};
use crate::store::client::Client;
use crate::{AuthError, store};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write};
use tickloom_types::{NANOS_PER_SECOND, Ts};
use uuid::Uuid;

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
    /// The person is asked.
    Ask(Box<Asked>),
}

/// A request that a person is asked about.
pub(crate) struct Asked {
    /// The application.
    pub(crate) client: Client,
    /// What it asks.
    pub(crate) request: AuthoriseRequest,
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
            Step::Answer(asked.request.target.refuse(self.signing.issuer(), &error))
        };
        let since = signed_in_since(form);
        let Some(subject) =
            subject.filter(|subject| is_fresh(subject, &asked.request, since, by.now))
        else {
            if asked.request.is_silent {
                return Ok(refuse(
                    OAuthCode::LoginRequired,
                    "nobody is signed in, or not recently",
                ));
            }
            return Ok(Step::SignIn(after_sign_in(form, &asked.request, by.now)));
        };
        if !self.is_to_be_asked(subject, &asked).await? {
            return Ok(Step::Answer(self.answer_code(by, subject, &asked).await?));
        }
        if asked.request.is_silent {
            return Ok(refuse(
                OAuthCode::ConsentRequired,
                "the person has to be asked",
            ));
        }
        Ok(Step::Ask(Box::new(asked)))
    }

    /// What becomes of the person's answer: where the browser goes.
    ///
    /// # Errors
    /// As [`Auth::authorise`]; [`ProblemCode::Refused`] if the request asks for a sign-in that was not.
    pub(crate) async fn answer_consent(
        &self,
        by: &By,
        (subject, is_allowed): (&Subject, bool),
        form: &Form,
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
        self.answer_code(by, subject, &asked).await
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
    async fn is_to_be_asked(&self, subject: &Subject, asked: &Asked) -> Result<bool, AuthError> {
        let settings = &asked.client.settings;
        // Anything on the person's machine can say that it is this application: its redirect does not show that it is (RFC 8252, section
        // 8.6).
        let is_anybodys = settings.kind == ClientKind::Public
            && !asked.request.target.redirect_uri.starts_with("https:");
        if is_anybodys || asked.request.wants_consent {
            return Ok(true);
        }
        if settings.is_first_party {
            return Ok(false);
        }
        let at = self.database.reader();
        let allowed = store::client::consent(at, &subject.account, &asked.client.id).await?;
        let allowed = remembered(allowed);
        Ok(!allowed.covers(&asked.request.scopes))
    }

    /// Gives the application a code, and remembers what was allowed.
    async fn answer_code(
        &self,
        by: &By,
        subject: &Subject,
        asked: &Asked,
    ) -> Result<String, AuthError> {
        let request = &asked.request;
        let mut write = self.write().await?;
        // It may have been removed meanwhile.
        super::clients::known_client(&mut write, &asked.client.id).await?;
        let approved = Approved {
            client: &asked.client,
            scopes: &request.scopes,
            resources: &request.resources,
            nonce: request.nonce.as_deref(),
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

/// What a person allows an application.
pub(crate) struct Approved<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scopes: &'a Scopes,
    pub(crate) resources: &'a [String],
    pub(crate) nonce: Option<&'a str>,
}

/// Writes down that a person allowed an application something in their session: for now, and for the next time.
pub(crate) async fn approve(
    write: &mut Write,
    by: &By,
    subject: &Subject,
    (approved, until): (&Approved<'_>, i64),
) -> Result<Authorisation, AuthError> {
    let session = crate::flows::authentication::session(subject)?;
    goes_on(write, session).await?;
    let account = known(write, &subject.account).await?;
    account.person()?;
    let session = store::session::one(write.connection(), session).await?;
    let session = session.ok_or_else(crate::error::wrong_credentials)?;
    let before = store::client::consent(write.connection(), &account.id, &approved.client.id);
    let before = remembered(before.await?);
    // What the application is not registered for any more is not allowed for ever.
    let before = approved.client.settings.scopes().narrow(&before);
    let all = before.and(approved.scopes);
    // No more is remembered than can be asked for at once: otherwise what was allowed before is asked about again.
    let all = if all.names().count() > SCOPES_MAX {
        approved.scopes.text()
    } else {
        all.text()
    };
    let both = (account.id.as_str(), approved.client.id.as_str());
    store::client::set_consent(write, both, &all, by.now.0).await?;
    let authorisation = Authorisation {
        id: format!("aut_{}", Uuid::now_v7().simple()),
        client: approved.client.id.clone(),
        session: (!approved.scopes.has(OFFLINE)).then(|| session.id.clone()),
        scopes: approved.scopes.text(),
        resources: approved.resources.join(" "),
        nonce: approved.nonce.map(str::to_owned),
        authenticated_at: session.authenticated_at,
        methods: session.methods,
        began: by.now.0,
        expires: until,
        account: account.id,
    };
    store::authorisation::add(write, &authorisation).await?;
    let resource = format!(
        "account/{}/authorisations/{}",
        authorisation.account, authorisation.id
    );
    let detail = json!({"client": authorisation.client, "scopes": authorisation.scopes});
    let action = ("authorised", resource.as_str());
    audit(write, by, action, AuditOutcome::Done, &detail).await?;
    Ok(authorisation)
}

/// What was allowed before; what cannot be read is asked about again.
fn remembered(scopes: Option<String>) -> Scopes {
    Scopes::parse(&scopes.unwrap_or_default()).unwrap_or_default()
}

/// Whether whoever is signed in authenticated as recently as the request asks.
fn is_fresh(subject: &Subject, request: &AuthoriseRequest, since: Option<i64>, now: Ts) -> bool {
    let at = subject.authenticated_at.0.div_euclid(NANOS_PER_SECOND);
    let age = now.0.div_euclid(NANOS_PER_SECOND).saturating_sub(at);
    let is_new = since.is_some_and(|since| at >= since);
    subject.session.is_some()
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
