//! A provider of sign-in, asked as OpenID Connect Core 1.0 and RFC 9700 want it: authorisation code with PKCE (RFC 7636), a `nonce` and
//! a `state`, and `iss` in the answer (RFC 9207). It knows nothing of accounts.
//!
//! What a provider publishes is asked for when it is first needed, and kept; nothing is asked at the start, so that a provider that is
//! away keeps nobody from starting.

mod config;
mod id_token;
mod keys;
mod metadata;

use crate::credential::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use config::{ClientAuthentication, ClientSecret, ProviderConfig};
pub(crate) use id_token::{Claims, Profile};
use id_token::{Expected, TokenFault, verify};
use keys::ProviderKeys;
use metadata::Metadata;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use thiserror::Error;
use tickloom_chassis::{Outgoing, OutgoingError, OutgoingRequest};
use tickloom_types::Ts;
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// What requests to providers are called in metrics.
const ABOUT: &str = "provider";
const SECOND_NS: i64 = 1_000_000_000;
/// What a provider published is asked for anew after an hour, and is good for a day while it is away.
const FRESH_NS: i64 = 3_600 * SECOND_NS;
const KEPT_NS: i64 = 86_400 * SECOND_NS;
/// After it could not be had it is not asked for again for so long.
const AGAIN_NS: i64 = 5 * SECOND_NS;
/// Keys are not asked for more often than this because one is not known.
const PAUSE_NS: i64 = 60 * SECOND_NS;
/// Longest code that a provider may answer with, in bytes.
const CODE_BYTES_MAX: usize = 2048;

/// Why a provider does not say who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProviderError {
    #[error("the provider `{provider}` {why}")]
    Setting { provider: String, why: String },
    #[error("the provider cannot be asked now: {0}")]
    Away(#[from] OutgoingError),
    #[error("the provider is not set up as it should be: {0}")]
    Metadata(&'static str),
    #[error("the provider did not sign you in")]
    Denied,
    #[error("this is not the answer to your sign-in: begin again")]
    NotYours,
    #[error("the provider is not believed: {0}")]
    Token(#[from] TokenFault),
}

/// A provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) config: ProviderConfig,
    /// Where it sends people back to.
    redirect: String,
    outgoing: Outgoing,
    metadata: Published<Metadata>,
    keys: Published<ProviderKeys>,
}

/// Something that it publishes. Of many who need it at a time one asks, and the others wait for what comes of that.
#[derive(Debug)]
struct Published<T>(Mutex<Asked<T>>);

/// What came of asking for something, and when that was.
#[derive(Debug)]
struct Asked<T> {
    known: Option<(T, Ts)>,
    /// Why it could not be had the last time.
    failed: Option<(ProviderError, Ts)>,
}

/// What came back with somebody whom a provider sent back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returned {
    pub(crate) code: Option<String>,
    pub(crate) state: String,
    pub(crate) iss: Option<String>,
    pub(crate) error: Option<String>,
}

/// What a request is bound by: all of it follows from the one secret that whoever began it keeps.
struct Bound {
    state: String,
    nonce: String,
    verifier: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    profile: Profile,
}

impl Bound {
    fn by(secret: &str) -> Bound {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let part = |name: &str| URL_SAFE_NO_PAD.encode(hmac::sign(&key, name.as_bytes()));
        Bound {
            state: part("state"),
            nonce: part("nonce"),
            verifier: part("code_verifier"),
        }
    }
}

impl Provider {
    /// A provider by its settings, for the service at an address. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ProviderError::Setting`].
    pub(crate) fn new(
        (name, config): (&str, ProviderConfig),
        address: &str,
        outgoing: &Outgoing,
    ) -> Result<Provider, ProviderError> {
        config.check(name)?;
        let address = address.trim_end_matches('/');
        Ok(Provider {
            redirect: format!("{address}/auth/v1/providers/{name}/callback"),
            name: name.to_owned(),
            config,
            outgoing: outgoing.clone(),
            metadata: Published::new(),
            keys: Published::new(),
        })
    }

    /// Where somebody goes to sign in there, for a request of this secret; with `anew` they have to authenticate even if the provider knows them.
    ///
    /// # Errors
    /// [`ProviderError::Away`], [`ProviderError::Metadata`].
    pub(crate) async fn address(
        &self,
        secret: &Secret,
        anew: bool,
        now: Ts,
    ) -> Result<String, ProviderError> {
        let metadata = self.metadata(now).await?;
        let bound = Bound::by(secret.expose());
        let challenge = digest(&SHA256, bound.verifier.as_bytes());
        let mut url = Url::parse(&metadata.authorization_endpoint)
            .map_err(|_| ProviderError::Metadata("`authorization_endpoint` is no URL"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &bound.state)
            .append_pair("nonce", &bound.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        if anew {
            url.query_pairs_mut()
                .append_pair("prompt", "login")
                .append_pair("max_age", "0");
        }
        Ok(url.into())
    }

    /// Whether what came back is of the request of this secret. It is looked at before the request is used up: what others send uses up nothing.
    ///
    /// # Errors
    /// [`ProviderError::NotYours`].
    pub(crate) fn is_of(&self, secret: &str, returned: &Returned) -> Result<(), ProviderError> {
        let bound = Bound::by(secret);
        let is_same = bound.state.as_bytes().ct_eq(returned.state.as_bytes());
        let is_issuer = returned
            .iss
            .as_ref()
            .is_none_or(|iss| *iss == self.config.issuer);
        if bool::from(is_same) && is_issuer {
            return Ok(());
        }
        Err(ProviderError::NotYours)
    }

    /// Who signed in, of a request to which this came back. With `since` they have to have authenticated after that.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub(crate) async fn identify(
        &self,
        secret: &str,
        returned: &Returned,
        (now, fresh_since): (Ts, Option<Ts>),
    ) -> Result<Claims, ProviderError> {
        let metadata = self.metadata(now).await?;
        if metadata.says_issuer && returned.iss.is_none() {
            return Err(ProviderError::NotYours);
        }
        let code = returned
            .code
            .as_deref()
            .filter(|_| returned.error.is_none());
        let code = code.filter(|code| (1..=CODE_BYTES_MAX).contains(&code.len()));
        let code = code.ok_or(ProviderError::Denied)?;
        let bound = Bound::by(secret);
        let answer = self.exchange(&metadata, code, &bound.verifier).await?;
        let token = answer.id_token.ok_or(ProviderError::Denied)?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: &bound.nonce,
            access_token: answer.access_token.as_deref(),
            now,
            fresh_since,
        };
        let mut claims = self.believe(&metadata, &token, &expected).await?;
        claims.access_token = answer.access_token;
        Ok(claims)
    }

    /// What the provider says of the person beyond their ID token, if that does not have their address.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub(crate) async fn with_profile(
        &self,
        mut claims: Claims,
        now: Ts,
    ) -> Result<Claims, ProviderError> {
        let metadata = self.metadata(now).await?;
        let (None, Some(endpoint), Some(access_token)) = (
            &claims.profile.email,
            &metadata.userinfo_endpoint,
            &claims.access_token,
        ) else {
            return Ok(claims);
        };
        claims.profile = self.profile(endpoint, access_token, &claims.sub).await?;
        Ok(claims)
    }

    /// What a provider gives for a code. It is asked once: a code is good once.
    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<TokenAnswer, ProviderError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", verifier),
        ];
        let secret = self.config.client_secret.as_ref().map(ClientSecret::expose);
        let is_basic = self.config.client_authentication == ClientAuthentication::Basic;
        if secret.is_none() || !is_basic {
            fields.push(("client_id", &self.config.client_id));
        }
        if let (Some(secret), false) = (secret, is_basic) {
            fields.push(("client_secret", secret));
        }
        let mut request = OutgoingRequest::form(ABOUT, &metadata.token_endpoint, &fields)?;
        if let (Some(secret), true) = (secret, is_basic) {
            // RFC 6749, section 2.3.1: each is encoded as in a form first.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            request = request.with_basic(&encoded(&self.config.client_id), &encoded(secret))?;
        }
        let answer = self.outgoing.send(&request).await?;
        if answer.status.is_client_error() {
            return Err(ProviderError::Denied);
        }
        Ok(answer.json()?)
    }

    /// What an ID token says, with the keys asked for anew if its key is not known, though not often.
    async fn believe(
        &self,
        metadata: &Metadata,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<Claims, ProviderError> {
        let keys = self.keys(metadata, expected.now, FRESH_NS).await?;
        match verify(token, &keys, expected) {
            Err(TokenFault::UnknownKey) => {
                let keys = self.keys(metadata, expected.now, PAUSE_NS).await?;
                Ok(verify(token, &keys, expected)?)
            }
            verdict => Ok(verdict?),
        }
    }

    async fn profile(
        &self,
        endpoint: &str,
        access_token: &str,
        subject: &str,
    ) -> Result<Profile, ProviderError> {
        let request = OutgoingRequest::get(ABOUT, endpoint)?;
        let bearer = format!("Bearer {access_token}");
        let request = request.with_header(axum::http::header::AUTHORIZATION, &bearer)?;
        let info: UserInfo = self.outgoing.send(&request).await?.json()?;
        // OpenID Connect Core 1.0, section 5.3.2: of another it says nothing.
        if info.sub != subject {
            return Err(TokenFault::Subject.into());
        }
        Ok(info.profile)
    }

    async fn metadata(&self, now: Ts) -> Result<Metadata, ProviderError> {
        let asked = Metadata::ask(&self.outgoing, &self.config.issuer);
        self.metadata.get((now, FRESH_NS), asked).await
    }

    /// Its keys, not older than that, unless it is away.
    async fn keys(
        &self,
        metadata: &Metadata,
        now: Ts,
        age: i64,
    ) -> Result<ProviderKeys, ProviderError> {
        let asked = async {
            let request = OutgoingRequest::get(ABOUT, &metadata.jwks_uri)?;
            let answer = self.outgoing.send(&request).await?;
            let set = ProviderKeys::parse(&answer.body).filter(|_| answer.is_success());
            Ok(set.ok_or_else(|| answer.wrong("is no set of keys"))?)
        };
        self.keys.get((now, age), asked).await
    }
}

impl<T: Clone + Send> Published<T> {
    fn new() -> Published<T> {
        let (known, failed) = (None, None);
        Published(Mutex::new(Asked { known, failed }))
    }

    /// What is published, not older than that: it is asked for otherwise, though not for a while after that failed. While it cannot be, what
    /// is known is good for a day.
    async fn get(
        &self,
        (now, age): (Ts, i64),
        asked: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let mut last = self.0.lock().await;
        let is_younger = |age: i64, at: &Ts| now.0.saturating_sub(at.0) < age;
        if let Some((found, at)) = &last.known
            && is_younger(age, at)
        {
            return Ok(found.clone());
        }
        let failed = last.failed.as_ref();
        let error = match failed.filter(|(_, at)| is_younger(AGAIN_NS, at)) {
            Some((error, _)) => error.clone(),
            None => match asked.await {
                Ok(found) => {
                    last.known = Some((found.clone(), now));
                    last.failed = None;
                    return Ok(found);
                }
                Err(error) => {
                    last.failed = Some((error.clone(), now));
                    error
                }
            },
        };
        match &last.known {
            Some((found, at)) if is_younger(KEPT_NS, at) => Ok(found.clone()),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;

    #[test]
    fn of_many_who_ask_at_a_time_one_waits_for_a_provider_that_is_slow() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let published = Arc::new(Published::<u8>::new());
            let asked = Arc::new(AtomicUsize::new(0));
            let answers = Arc::new(Semaphore::new(0));
            let mut tasks = JoinSet::new();
            for _ in 0..10 {
                let (published, asked) = (Arc::clone(&published), Arc::clone(&asked));
                let answers = Arc::clone(&answers);
                tasks.spawn(async move {
                    let away = async {
                        asked.fetch_add(1, Ordering::Relaxed);
                        answers.acquire().await.unwrap().forget();
                        Err(ProviderError::Denied)
                    };
                    published.get((Ts(0), FRESH_NS), away).await
                });
            }
            while asked.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            answers.add_permits(10);
            while let Some(done) = tasks.join_next().await {
                assert!(matches!(done.unwrap(), Err(ProviderError::Denied)));
            }
            assert_eq!(asked.load(Ordering::Relaxed), 1);
            // It is not asked again at once.
            let there = |now| published.get((Ts(now), FRESH_NS), async { Ok(7) });
            assert!(there(AGAIN_NS - 1).await.is_err());
            assert_eq!(there(AGAIN_NS).await.unwrap(), 7);
        });
    }
}
