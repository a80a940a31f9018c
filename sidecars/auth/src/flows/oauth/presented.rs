//! Which application asks, and whether it is the one (OAuth 2.1, section 2.4).

use crate::Auth;
use crate::change::By;
use crate::credential::hashed;
use crate::credential::secret::{self, SecretKind};
use crate::oauth::assertion::{self, ASSERTION_TYPE, Assertion};
use crate::oauth::client::ClientKind;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::{Form, decode};
use crate::store::client::Client;
use crate::{AuthError, store};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tickloom_types::Ts;

/// Who an application says that it is, and what it shows.
pub(crate) struct Presented {
    id: String,
    proof: Proof,
}

/// What an application shows.
enum Proof {
    Nothing,
    Secret(String),
    /// A JWT that it signed (RFC 7523).
    Assertion(String),
}

impl Presented {
    /// From the head or the body of a request, and not from both (RFC 6749, section 2.3.1).
    ///
    /// # Errors
    /// [`OAuthCode::InvalidClient`]; [`OAuthCode::InvalidRequest`].
    pub(crate) fn of(headers: &HeaderMap, form: &Form) -> Result<Presented, OAuthError> {
        let in_form = form.get("client_secret").map(str::to_owned);
        let asserted = asserted(form)?;
        let Some(basic) = basic(headers)? else {
            if in_form.is_some() && asserted.is_some() {
                let words = "there is a secret and an assertion";
                return Err(OAuthError::request(words));
            }
            if let Some(asserted) = asserted {
                return Ok(asserted);
            }
            let id = form.get("client_id").map(str::to_owned);
            return Ok(Presented {
                id: id.ok_or_else(|| refused("the request does not say which application asks"))?,
                proof: in_form.map_or(Proof::Nothing, Proof::Secret),
            });
        };
        if asserted.is_some() {
            return Err(OAuthError::request(
                "there is an assertion and `Authorization`",
            ));
        }
        if in_form.is_some() {
            return Err(OAuthError::request(
                "the secret is there twice: in `Authorization` and in the body",
            ));
        }
        if form.get("client_id").is_some_and(|id| id != basic.id) {
            return Err(OAuthError::request(
                "`client_id` is another one than in `Authorization`",
            ));
        }
        Ok(basic)
    }
}

impl Auth {
    /// The application that asks: a confidential one shows its secret, or an assertion, a public one has none. What is wrong is noted.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidClient`], whatever is wrong.
    pub(crate) async fn presenting(
        &self,
        headers: &HeaderMap,
        form: &Form,
        by: &By,
    ) -> Result<Client, AuthError> {
        let (found, known) = match Presented::of(headers, form) {
            Ok(presented) => {
                let client = store::client::one(self.database.reader(), &presented.id).await?;
                let on = client.as_ref().map(Client::resource);
                let found = self.proved(client, presented.proof, by.now).await;
                (found, on.unwrap_or_default())
            }
            Err(error) => (Err(error.into()), String::new()),
        };
        if let Err(AuthError::OAuth(why)) = &found
            && why.code == OAuthCode::InvalidClient
        {
            let detail = json!({"why": why.description});
            self.note_refused(by, ("client_refused", &known), &detail)
                .await?;
        }
        found
    }

    /// The application, if it shows that it is the one.
    async fn proved(
        &self,
        client: Option<Client>,
        proof: Proof,
        now: Ts,
    ) -> Result<Client, AuthError> {
        let at = self.database.reader();
        let wrong = || refused("there is no such application, or its secret is wrong");
        let client = client.ok_or_else(wrong)?;
        match (client.settings.kind, &proof) {
            (ClientKind::Public, Proof::Nothing) => Ok(client),
            (ClientKind::Confidential, Proof::Assertion(text)) => {
                let keys = client.settings.keys().ok_or_else(wrong)?;
                let of = (client.id.as_str(), self.signing.issuer());
                let assertion = assertion::verify(text, &keys, of, now)?;
                self.take_assertion(&client, &assertion).await?;
                Ok(client)
            }
            (ClientKind::Confidential, Proof::Secret(text)) => {
                let shown = secret::parse(text).map_err(|_| wrong())?;
                let hash = store::client::secret(at, &shown.id, &client.id, now.0).await?;
                let is_right = hash.is_some_and(|hash| shown.matches(SecretKind::Client, &hash));
                is_right.then_some(client).ok_or_else(|| wrong().into())
            }
            (ClientKind::Public, _) | (ClientKind::Confidential, Proof::Nothing) => {
                Err(wrong().into())
            }
        }
    }

    /// Takes an assertion, which is good once.
    async fn take_assertion(
        &self,
        client: &Client,
        assertion: &Assertion,
    ) -> Result<(), AuthError> {
        let id = hashed(&assertion.jti);
        let mut write = self.database.write().await?;
        let until = assertion.expires.0;
        let is_new = store::client::take_assertion(&mut write, (&client.id, &id), until).await?;
        write.commit().await?;
        if is_new {
            return Ok(());
        }
        Err(refused("the assertion was shown before").into())
    }
}

/// An application that shows an assertion, if one does.
fn asserted(form: &Form) -> Result<Option<Presented>, OAuthError> {
    let Some(kind) = form.get("client_assertion_type") else {
        return Ok(None);
    };
    if kind != ASSERTION_TYPE {
        return Err(refused(
            "`client_assertion_type` is none that is known here",
        ));
    }
    let text = form.need("client_assertion")?;
    let id = assertion::claimed_client(text);
    let id = id.ok_or_else(|| refused("the assertion does not say whose it is"))?;
    if form.get("client_id").is_some_and(|named| named != id) {
        return Err(OAuthError::request(
            "`client_id` is another one than in the assertion",
        ));
    }
    Ok(Some(Presented {
        id,
        proof: Proof::Assertion(text.to_owned()),
    }))
}

/// Id and secret of `Authorization: Basic`, each of which is encoded as in a form (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<Presented>, OAuthError> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = shown.next() else {
        return Ok(None);
    };
    let wrong = || refused("expected one header `Authorization: Basic` with id and secret");
    let (scheme, text) = first
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(wrong)?;
    if shown.next().is_some() || !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let bytes = STANDARD.decode(text.trim()).map_err(|_| wrong())?;
    let mut halves = bytes.splitn(2, |byte| *byte == b':');
    let (Some(id), Some(secret)) = (halves.next(), halves.next()) else {
        return Err(wrong());
    };
    Ok(Some(Presented {
        id: decode(id).map_err(|_| wrong())?,
        proof: Proof::Secret(decode(secret).map_err(|_| wrong())?),
    }))
}

fn refused(words: &str) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidClient, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSERTED: &str =
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    #[test]
    fn an_application_says_who_it_is_in_one_place() {
        let of = |authorization: Option<&str>, form: &str| {
            let mut headers = HeaderMap::new();
            if let Some(value) = authorization {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            let form = Form::parse(form.as_bytes()).unwrap();
            let read = Presented::of(&headers, &form);
            let secret = |proof| match proof {
                Proof::Secret(secret) => Some(secret),
                Proof::Nothing | Proof::Assertion(_) => None,
            };
            read.map(|read| (read.id, secret(read.proof)))
                .map_err(|error| error.code)
        };
        let pair = |id: &str, secret: Option<&str>| Ok((id.to_owned(), secret.map(str::to_owned)));
        // By Python: base64.b64encode(b"a%3Ab:c%2Bd+e")
        let basic = "Basic YSUzQWI6YyUyQmQrZQ==";
        assert_eq!(of(Some(basic), ""), pair("a:b", Some("c+d e")));
        assert_eq!(
            of(Some(basic), "client_id=a%3Ab"),
            pair("a:b", Some("c+d e"))
        );
        assert_eq!(of(None, "client_id=a"), pair("a", None));
        assert_eq!(
            of(None, "client_id=a&client_secret=b"),
            pair("a", Some("b"))
        );
        for (authorization, form, expected) in [
            (None, "", OAuthCode::InvalidClient),
            (None, "client_secret=b", OAuthCode::InvalidClient),
            (Some("Bearer x"), "client_id=a", OAuthCode::InvalidClient),
            (Some("Basic ~"), "", OAuthCode::InvalidClient),
            (Some("Basic YQ=="), "", OAuthCode::InvalidClient),
            (Some(basic), "client_secret=b", OAuthCode::InvalidRequest),
            (Some(basic), "client_id=b", OAuthCode::InvalidRequest),
            (None, "client_assertion_type=x", OAuthCode::InvalidClient),
            (None, ASSERTED, OAuthCode::InvalidRequest),
            (
                None,
                &format!("{ASSERTED}&client_assertion=a.b.c"),
                OAuthCode::InvalidClient,
            ),
            (
                None,
                &format!("{ASSERTED}&client_assertion=a.eyJzdWIiOiJhIn0.c&client_id=b"),
                OAuthCode::InvalidRequest,
            ),
            (
                None,
                &format!("{ASSERTED}&client_assertion=a.eyJzdWIiOiJhIn0.c&client_secret=b"),
                OAuthCode::InvalidRequest,
            ),
            (
                Some(basic),
                &format!("{ASSERTED}&client_assertion=a.eyJzdWIiOiJhIn0.c"),
                OAuthCode::InvalidRequest,
            ),
        ] {
            assert_eq!(
                of(authorization, form),
                Err(expected),
                "{authorization:?} {form}"
            );
        }
    }
}
