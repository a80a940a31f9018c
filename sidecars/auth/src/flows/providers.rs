//! Signing in with a provider, and authenticating once more there.
//!
//! A request is bound to whoever began it by a secret that they keep (a browser in a cookie): what a provider sends back is worth nothing
//! without it. It is used up before the provider is asked, so that it is good once whatever comes of it.

use super::authentication::{SecondFactor, session};
use super::continuation::Continuation;
use super::identities::link;
use super::passkey_proofs::Showing;
use super::refusals::On;
use super::sessions::NewSession;
use super::throttle::Attempts;
use crate::change::{By, apply, create_account, known};
use crate::credential::passkey;
use crate::credential::secret::{self, Secret, SecretKind};
use crate::events::AuthEvent;
use crate::model::{self, Account, AccountKind};
use crate::provider::{Claims, Provider, ProviderError, Returned};
use crate::store::identity::ProviderRequest;
use crate::{Auth, AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write};
use tickloom_types::Ts;

/// How long a request is good: ten minutes.
pub(crate) const REQUEST_NS: i64 = 600_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
/// What signing in with a provider is called among the methods. RFC 8176 has no word for it; this is the one that others use.
pub(super) const FEDERATED: &str = "fed";
/// That a password was shown (RFC 8176).
const PASSWORD: &str = "pwd";
/// That a second factor was shown there (RFC 8176).
pub(super) const SEVERAL: &str = "mfa";

/// What a request to a provider is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    StepUp,
    Link,
}

/// A request to a provider that was begun.
pub(crate) struct BegunRequest {
    /// Where to go.
    pub(crate) url: String,
    /// What it is finished with.
    pub(crate) secret: Secret,
}

/// What somebody finishes a request with: its secret, and what came back from the provider.
pub(crate) struct Finished {
    pub(crate) secret: String,
    pub(crate) returned: Returned,
}

impl Purpose {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Purpose::SignIn => "sign_in",
            Purpose::StepUp => "step_up",
            Purpose::Link => "link",
        }
    }

    /// That of a word.
    pub(crate) fn of_word(word: &str) -> Option<Purpose> {
        let all = [Purpose::SignIn, Purpose::StepUp, Purpose::Link];
        all.into_iter().find(|purpose| purpose.word() == word)
    }
}

impl Auth {
    /// The provider of this name.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`].
    pub(crate) fn provider(&self, name: &str) -> Result<&Provider, AuthError> {
        let found = self.providers.iter().find(|provider| provider.name == name);
        found.ok_or_else(|| {
            let detail = format!("there is no provider `{name}`");
            Problem::new(ProblemCode::NotFound, detail).into()
        })
    }

    /// Begins a request to a provider: of anybody who wants to sign in, or of somebody in their session.
    ///
    /// # Errors
    /// [`ProblemCode::Unavailable`] if the provider cannot be asked.
    pub(crate) async fn begin_provider(
        &self,
        (name, purpose): (&str, Purpose),
        subject: Option<&Subject>,
        now: Ts,
    ) -> Result<BegunRequest, AuthError> {
        let provider = self.provider(name)?;
        let (shown, stored) = secret::make(SecretKind::ProviderRequest, now)?;
        let anew = purpose == Purpose::StepUp;
        let url = provider.address(&shown, anew, now).await?;
        let account = subject.map(|subject| subject.account.as_str());
        let session = subject.map(session).transpose()?;
        let mut write = self.database.write().await?;
        let what = (name, purpose.word());
        store::identity::add_request(&mut write, &stored, what, (account, session), now.0).await?;
        write.commit().await?;
        let secret = shown;
        Ok(BegunRequest { url, secret })
    }

    /// Uses up a request, and asks its provider who that is. Returns the id of the request too.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] for what is not the answer to it; as [`Provider::identify`].
    pub(crate) async fn identify(
        &self,
        (name, purpose): (&str, Purpose),
        (finished, subject): (&Finished, Option<&Subject>),
        now: Ts,
    ) -> Result<(String, Claims), AuthError> {
        let provider = self.provider(name)?;
        let (id, request) = self.request(&finished.secret, now).await?;
        let is_same = request.provider == name
            && request.purpose == purpose.word()
            && request.session.as_deref() == subject.map(session).transpose()?;
        if !is_same {
            return Err(ProviderError::NotYours.into());
        }
        provider.is_of(&finished.secret, &finished.returned)?;
        let mut write = self.database.write().await?;
        if !store::identity::use_request(&mut write, &id, "begun").await? {
            return Err(ProviderError::NotYours.into());
        }
        write.commit().await?;
        let since = (purpose == Purpose::StepUp).then_some(Ts(request.began));
        let identified = provider.identify(&finished.secret, &finished.returned, (now, since));
        Ok((id, identified.await?))
    }

    /// The same of somebody who wants to sign in, with what is needed for an account if they have none.
    async fn identify_with_profile(
        &self,
        name: &str,
        finished: &Finished,
        now: Ts,
    ) -> Result<(String, Claims), AuthError> {
        let what = (name, Purpose::SignIn);
        let (id, claims) = self.identify(what, (finished, None), now).await?;
        let provider = self.provider(name)?;
        let (at, issuer) = (self.database.reader(), &provider.config.issuer);
        let linked = store::identity::of_subject(at, issuer, &claims.sub).await?;
        if linked.is_some() || !provider.config.sign_up {
            return Ok((id, claims));
        }
        Ok((id, provider.with_profile(claims, now).await?))
    }

    /// The request of this secret, while it is good.
    async fn request(&self, secret: &str, now: Ts) -> Result<(String, ProviderRequest), AuthError> {
        let presented = secret::parse(secret).map_err(|_| ProviderError::NotYours)?;
        let found = store::identity::request(self.database.reader(), &presented.id).await?;
        let found = found.filter(|found| {
            presented.matches(SecretKind::ProviderRequest, &found.hash)
                && found.began > now.0.saturating_sub(REQUEST_NS)
        });
        Ok((presented.id, found.ok_or(ProviderError::NotYours)?))
    }

    /// Signs somebody in whom a provider identifies: into the account with which that is linked, or into a new one if the provider may
    /// make some. An account is never found by its address alone.
    ///
    /// # Errors
    /// [`ProblemCode::SecondFactorRequired`] if the account has one for which the provider does not stand: the request waits for it;
    /// [`ProblemCode::Refused`], [`ProblemCode::Unavailable`].
    pub(crate) async fn finish_sign_in<C: Continuation>(
        &self,
        by: By,
        name: &str,
        (finished, device): (Finished, &str),
    ) -> Result<C, AuthError> {
        // Of names that somebody makes up nothing is noted.
        let on = On::Provider(&self.provider(name)?.name);
        let (id, claims) = match self.identify_with_profile(name, &finished, by.now).await {
            Ok(identified) => identified,
            Err(error) => {
                self.note_refusal(&by, ("sign_in", &error), on).await?;
                return Err(error);
            }
        };
        let mut write = self.write().await?;
        let account = self.account_of(&mut write, &by, (name, &claims)).await;
        let account = match account {
            Ok(account) => account,
            Err(error) => {
                drop(write);
                self.note_refusal(&by, ("sign_in", &error), on).await?;
                return Err(error);
            }
        };
        let by = by.account(&account.id);
        if let Err(refusal) = account.person() {
            drop(write);
            return Err(self.not_usable(&by, &account, refusal).await?);
        }
        let at = authenticated_at(&claims, by.now);
        let config = &self.provider(name)?.config;
        let is_trusted = claims.has_method(&config.second_factor);
        if account.needs_second_factor() && !is_trusted {
            let waits = (FEDERATED, at);
            store::identity::hold_request(&mut write, &id, &account.id, waits).await?;
            write.commit().await?;
            return Err(needs_second_factor());
        }
        let methods = if is_trusted {
            format!("{FEDERATED} {SEVERAL}")
        } else {
            FEDERATED.to_owned()
        };
        let new = NewSession {
            methods: &methods,
            device,
            authenticated_at: Ts(at),
            remember: false,
        };
        let tokens = self.begin_session(&mut write, &by, &account, new).await?;
        write.commit().await?;
        Ok(tokens)
    }

    /// Signs somebody in whom a provider identified and whose account has a second factor, which is shown now.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] if it is wrong, and it may be tried again; [`ProblemCode::TooManyRequests`].
    pub(crate) async fn finish_with_second_factor<C: Continuation>(
        &self,
        by: By,
        name: &str,
        (secret, factor, device): (&str, SecondFactor<'_>, &str),
    ) -> Result<C, AuthError> {
        let (id, request) = self.request(secret, by.now).await?;
        let account = request.account.filter(|_| request.state == "waits");
        let account = account.filter(|_| request.provider == name);
        let account = account.ok_or(ProviderError::NotYours)?;
        let account = store::account::by_id(self.database.reader(), &account).await?;
        let account = account.ok_or(ProviderError::NotYours)?;
        let by = by.account(&account.id);
        let attempts = Attempts::of_identified(&account.id);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "sign_in", on)).await?;
        let at = Ts(request.authenticated_at.unwrap_or(0));
        let methods = request.methods.unwrap_or_default();
        let done = async {
            let mut write = self.write().await?;
            let account = known(&mut write, &account.id).await?;
            account
                .person()
                .map_err(|refusal| Problem::new(ProblemCode::Forbidden, refusal.to_string()))?;
            if !store::identity::use_request(&mut write, &id, "waits").await? {
                return Err(ProviderError::NotYours.into());
            }
            let showing = Showing {
                purpose: passkey::Purpose::SecondFactor,
                session: "",
                now: by.now,
            };
            let shown = (factor, showing);
            let more = self.second_method(&mut write, &account, shown).await?;
            attempts.clear(&mut write).await?;
            let new = NewSession {
                methods: &format!("{methods} {more}"),
                device,
                authenticated_at: at,
                remember: false,
            };
            let tokens = self.begin_session(&mut write, &by, &account, new).await?;
            write.commit().await?;
            Ok(tokens)
        };
        let done = done.await;
        self.settle(&by, "sign_in", (&account, &attempts), done)
            .await
    }

    /// Takes the second factor, and returns what it is called among the methods.
    pub(super) async fn second_method(
        &self,
        write: &mut Write,
        account: &Account,
        (factor, showing): (SecondFactor<'_>, Showing<'_>),
    ) -> Result<String, AuthError> {
        let methods = self
            .take_second_factor(write, account, factor, showing)
            .await?;
        // No password was shown here.
        let shown: Vec<&str> = methods
            .split(' ')
            .filter(|method| *method != PASSWORD)
            .collect();
        Ok(shown.join(" "))
    }

    /// The account of whom a provider identified.
    async fn account_of(
        &self,
        write: &mut Write,
        by: &By,
        (name, claims): (&str, &Claims),
    ) -> Result<Account, AuthError> {
        let provider = self.provider(name)?;
        let config = &provider.config;
        let linked =
            store::identity::of_subject(write.connection(), &config.issuer, &claims.sub).await?;
        if let Some(linked) = linked {
            return known(write, &linked.account).await;
        }
        let address = claims.profile.email.as_deref().and_then(model::email);
        let address = address.filter(|_| config.sign_up && claims.profile.email_verified);
        let address = address.ok_or_else(not_linked)?;
        if store::account::by_email(write.connection(), &address)
            .await?
            .is_some()
        {
            let detail = "an account has your e-mail address: sign in to it in another way, and link this provider there";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        let called = claims.profile.name.as_deref().and_then(model::name);
        let called = called.unwrap_or_else(|| address.clone());
        let person = AccountKind::Person;
        let account = create_account(write, by, person, Some(address), called).await?;
        let by = by.clone().account(&account.id);
        let account = apply(write, &by, account, AuthEvent::EmailVerified).await?;
        let (account, _) = link(write, &by, account, (provider, claims)).await?;
        Ok(account)
    }
}

/// When the person authenticated at the provider; long ago if it does not say, so that what is delicate needs it once more.
fn authenticated_at(claims: &Claims, now: Ts) -> i64 {
    let at = claims.auth_time.unwrap_or(0).max(0);
    at.saturating_mul(SECOND_NS).min(now.0)
}

fn needs_second_factor() -> AuthError {
    let detail = "the account has a second factor: send `code` of its app, or `passkey`, with the same request";
    Problem::new(ProblemCode::SecondFactorRequired, detail).into()
}

/// The same whether there is an account or not, unless the provider says that the address is theirs.
pub(super) fn not_linked() -> AuthError {
    let detail = "no account is linked with who you are there: sign in in another way and link it, or ask an administrator";
    Problem::new(ProblemCode::Refused, detail).into()
}
