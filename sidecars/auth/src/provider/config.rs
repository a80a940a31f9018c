//! Settings of a provider of sign-in, checked at the start.

use super::ProviderError;
use std::fmt;

/// Longest name of a provider, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// How this service shows a provider who it is (OpenID Connect Core 1.0, section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// User and password of HTTP (`client_secret_basic`).
    #[default]
    Basic,
    /// Fields of the form (`client_secret_post`).
    Post,
}

/// The secret by which a provider knows this service. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

/// A provider of sign-in: who it is, and what it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Its issuer identifier, to the letter as it says itself.
    pub issuer: String,
    /// What people read: "Sign in with …".
    pub title: String,
    /// What it calls this service.
    pub client_id: String,
    /// The secret of this service there; none if it is a public client.
    pub client_secret: Option<ClientSecret>,
    /// How the secret is shown.
    pub client_authentication: ClientAuthentication,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<String>,
    /// Whether somebody whose address it verified, and that no account has, gets an account.
    pub sign_up: bool,
    /// Methods (`amr`, RFC 8176) and classes (`acr`) of its that stand for a second factor of ours.
    pub second_factor: Vec<String>,
}

impl ClientSecret {
    /// A secret.
    #[must_use]
    pub fn new(text: String) -> ClientSecret {
        ClientSecret(text)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

impl ProviderConfig {
    pub(crate) fn check(&self, name: &str) -> Result<(), ProviderError> {
        let wrong = |why: &str| ProviderError::Setting {
            provider: name.to_owned(),
            why: why.to_owned(),
        };
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(wrong(
                "has another name than 1 to 32 small letters, digits and hyphens",
            ));
        }
        let is_url = ["https://", "http://"].iter().any(|scheme| {
            let rest = self.issuer.strip_prefix(scheme);
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', '@']))
        });
        if !is_url {
            return Err(wrong(
                "has an `issuer` that is no URL of https without a query",
            ));
        }
        if self.client_id.is_empty() {
            return Err(wrong("has no `client_id`"));
        }
        let is_scope =
            |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.scopes.iter().all(is_scope) || !self.scopes.iter().any(|one| one == "openid") {
            return Err(wrong(
                "has `scopes` without `openid`, or with one that is none",
            ));
        }
        Ok(())
    }
}
