//! Tells applications that somebody's session is over (OpenID Connect Back-Channel Logout 1.0): a signed token is sent to their server,
//! after the transaction in which the session ended, and again until it is taken.

use crate::signing::Signing;
use crate::store::authorisation::Authorisation;
use crate::store::client_login::{Logins, take};
use crate::{AuthError, store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::{
    Clock, Database, Effect, EffectAnswer, EffectFuture, EffectHandler, EffectPolicy, NewEffect,
    Outgoing, OutgoingError, OutgoingRequest, Problem, Write, enqueue, waiting_effects,
};
use tickloom_types::{NANOS_PER_SECOND, Ts};
use uuid::Uuid;

/// The kind of these effects.
pub(crate) const LOGOUT_NOTICE: &str = "logout_notice";
/// The `typ` of a logout token (Back-Channel Logout, section 2.4).
const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";
/// What a logout token is about (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds that a logout token is good (section 2.4: at most two minutes).
const LIFETIME_S: i64 = 120;
/// Applications that are told at the same time.
const AT_ONCE: usize = 8;
/// How long an application may take to answer: what else it is told waits meanwhile.
const TIME_MAX: Duration = Duration::from_secs(5);
/// What is read of an answer, in bytes: nothing is made of it.
const ANSWER_BYTES_MAX: usize = 4096;

/// Notices of one account that may wait for one application: with more it is told that all of that person's sessions are over. Whoever
/// signs in and out again and again, at an application that does not answer, keeps nobody else's waiting.
const WAITING_MAX: i64 = 20;

/// What is to be told.
#[derive(Serialize, Deserialize)]
struct Notice {
    /// All logins of the account if there is none.
    login: Option<String>,
    client: String,
    account: String,
}

/// What a logout token says. It has no `nonce`, so that it is never taken for an ID token.
#[derive(Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    /// Without it all sessions of the person are over (section 2.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    events: Value,
}

/// Ends logins, and has their applications told that want to know.
pub(crate) async fn end_logins(
    write: &mut Write,
    logins: Logins<'_>,
    now: Ts,
) -> Result<(), AuthError> {
    for login in take(write, logins).await? {
        let notice = Notice {
            login: Some(login.id.clone()),
            client: login.client,
            account: login.account,
        };
        tell(write, (notice, &login.id), now).await?;
    }
    Ok(())
}

/// Ends an authorisation, with all that came of it, and has its application told. Its login stays while others are of it: their
/// application is told when they end, too.
pub(crate) async fn end_authorisation(
    write: &mut Write,
    ended: &Authorisation,
    now: Ts,
) -> Result<(), AuthError> {
    store::authorisation::end(write, &ended.id).await?;
    let Some(login) = &ended.login else {
        return Ok(());
    };
    store::client_login::drop_unless_used(write, (login, &ended.account, &ended.client)).await?;
    tell_of(write, (login, ended), now).await
}

/// Ends an authorisation without anybody's wish to be signed out: at the wish of its application, or as there are too many. If it was the
/// last of its login that ends too, and its application is told if it knows of it; while others are of it the person is signed in there.
pub(crate) async fn end_last_authorisation(
    write: &mut Write,
    (ended, is_known): (&Authorisation, bool),
    now: Ts,
) -> Result<(), AuthError> {
    store::authorisation::end(write, &ended.id).await?;
    let Some(login) = &ended.login else {
        return Ok(());
    };
    let of = (login.as_str(), &*ended.account, &*ended.client);
    if !store::client_login::drop_unless_used(write, of).await? || !is_known {
        return Ok(());
    }
    tell_of(write, (login, ended), now).await
}

/// Has the application of an authorisation told that it ended.
async fn tell_of(
    write: &mut Write,
    (login, ended): (&str, &Authorisation),
    now: Ts,
) -> Result<(), AuthError> {
    let notice = Notice {
        login: Some(login.to_owned()),
        client: ended.client.clone(),
        account: ended.account.clone(),
    };
    tell(write, (notice, &ended.id), now).await
}

/// Has an application told that wants to know; of what ended it is told once.
async fn tell(
    write: &mut Write,
    (mut notice, ended): (Notice, &str),
    now: Ts,
) -> Result<(), AuthError> {
    let client = store::client::one(write.connection(), &notice.client).await?;
    if client.is_none_or(|client| client.settings.backchannel_logout_uri.is_none()) {
        return Ok(());
    }
    let place = format!("{LOGOUT_NOTICE}/{}/{}", notice.client, notice.account);
    let all = format!("{place}/all");
    let (waiting, of_all) = waiting_effects(write, LOGOUT_NOTICE, (&place, &all)).await?;
    let key = if waiting < WAITING_MAX {
        format!("{place}/{ended}")
    } else if of_all > 0 {
        return Ok(());
    } else {
        notice.login = None;
        format!("{all}/{ended}")
    };
    let payload = serde_json::to_string(&notice);
    let effect = NewEffect {
        key,
        kind: LOGOUT_NOTICE,
        payload: payload.map_err(|error| Problem::internal(error.to_string()))?,
        at: now,
    };
    enqueue(write, &effect).await?;
    Ok(())
}

/// The handler of such notices.
pub(crate) struct LogoutNotices {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) signing: Arc<Signing>,
    pub(crate) outgoing: Outgoing,
}

impl EffectHandler for LogoutNotices {
    fn kind(&self) -> &'static str {
        LOGOUT_NOTICE
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            let Ok(notice) = serde_json::from_str::<Notice>(&effect.payload) else {
                return EffectAnswer::Refused("the payload is no notice".to_owned());
            };
            match self.send(&notice).await {
                Ok(answer) => answer,
                Err(error) => EffectAnswer::Later(error.to_string()),
            }
        })
    }

    /// An application that does not answer keeps nobody else's notices waiting.
    fn at_once(&self) -> usize {
        AT_ONCE
    }

    /// Of each application one at a time: `logout_notice/CLIENT`.
    fn lane<'a>(&self, key: &'a str) -> &'a str {
        let mut slashes = key.match_indices('/').map(|(at, _)| at);
        let end = slashes.nth(1).unwrap_or(key.len());
        key.get(..end).unwrap_or(key)
    }

    /// Ten attempts, within an hour or two: a session of an application seldom lasts longer than somebody waits for it to be ended.
    fn policy(&self) -> EffectPolicy {
        EffectPolicy {
            attempts_max: 10,
            time_max: TIME_MAX * 2,
            ..EffectPolicy::default()
        }
    }
}

impl LogoutNotices {
    async fn send(&self, notice: &Notice) -> Result<EffectAnswer, AuthError> {
        let client = store::client::one(self.database.reader(), &notice.client).await?;
        let uri = client.and_then(|client| client.settings.backchannel_logout_uri);
        let Some(uri) = uri else {
            let words = "the application is gone, or wants to be told no more";
            return Ok(EffectAnswer::Refused(words.to_owned()));
        };
        let token = self.token(notice)?;
        let request = OutgoingRequest::form(LOGOUT_NOTICE, &uri, &[("logout_token", &token)]);
        let request = request.map(|request| request.within(TIME_MAX).at_most(ANSWER_BYTES_MAX));
        let answered = match request {
            Ok(request) => self.outgoing.send(&request).await,
            Err(error) => Err(error),
        };
        Ok(match answered {
            Ok(answer) if answer.is_success() => EffectAnswer::Done("it was told".to_owned()),
            Ok(answer) => {
                let status = answer.status.as_u16();
                let words = format!("the application answered with the status {status}");
                // Whoever says that it is wrong says so of the next one too (Back-Channel Logout, section 2.8).
                if status >= 500 || [408, 425, 429].contains(&status) {
                    EffectAnswer::Later(words)
                } else {
                    EffectAnswer::Refused(words)
                }
            }
            // An answer that is too long or of another form is one: it was told.
            Err(OutgoingError::TooLong { .. } | OutgoingError::Encoded { .. }) => {
                EffectAnswer::Done("it was told, and answered more than is read".to_owned())
            }
            Err(error @ (OutgoingError::Url { .. } | OutgoingError::Address { .. })) => {
                EffectAnswer::Refused(error.to_string())
            }
            Err(error) => EffectAnswer::Later(error.to_string()),
        })
    }

    fn token(&self, notice: &Notice) -> Result<String, AuthError> {
        let now = self.clock.now().0.div_euclid(NANOS_PER_SECOND);
        self.signing.sign_jwt(LOGOUT_TOKEN_TYPE, |_| LogoutClaims {
            iss: self.signing.issuer(),
            sub: &notice.account,
            aud: &notice.client,
            iat: now,
            exp: now + LIFETIME_S,
            jti: Uuid::now_v7().simple().to_string(),
            sid: notice.login.as_deref(),
            events: json!({EVENT: {}}),
        })
    }
}
