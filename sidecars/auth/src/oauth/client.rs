//! Applications as administrators register them, and what of it can be.

use super::error::{OAuthCode, OAuthError};
use super::scope::{OFFLINE, OPENID, Scopes};
use super::uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tickloom_chassis::ActionPattern;
use tickloom_chassis::token::KeySet;
use utoipa::ToSchema;

/// Most redirect URIs, resources and so on of an application, each.
const LIST_MAX: usize = 20;

/// Whether an application can keep a secret (OAuth 2.1, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// It runs on a server, and shows a secret.
    Confidential,
    /// It runs with people, in a browser, on a phone or desktop, and has no secret.
    Public,
}

/// How an application gets tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum GrantType {
    /// With a code from a person's browser (OAuth 2.1, section 4.1).
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// With the refresh token that came last (OAuth 2.1, section 4.3).
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// For its own account (OAuth 2.1, section 4.2).
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// With a code that a person approves on another device (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

/// An application, as an administrator describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// What people read that it is called: 1 to 200 characters.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// How it gets tokens.
    pub grant_types: Vec<GrantType>,
    /// Where a browser is sent back to, letter by letter. Of a public application the port of `http://127.0.0.1` and `http://[::1]` may
    /// be any.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What its tokens may be for: `openid`, `profile`, `email`, `offline_access`, and actions such as `run.read` or `run.*`.
    pub scopes: Vec<String>,
    /// Other services, as URIs, for which it may ask tokens (RFC 8707); tokens for this one need nothing here.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Services, as URIs, that it is: it may introspect tokens that are for them. The issuer's own URI stands for this one.
    #[serde(default)]
    pub serves: Vec<String>,
    /// The account of a program for which it gets tokens with `client_credentials`.
    #[serde(default)]
    pub account: Option<String>,
    /// Where a browser may go after somebody signed out at the wish of the application, letter by letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where its server is told that somebody's session is over (OpenID Connect Back-Channel Logout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Public keys by which it shows who it is in the place of a secret (`private_key_jwt`): a set of them (RFC 7517), each with `kid`, of
    /// Ed25519 or P-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// Whether it is our own: people are not asked whether they allow it.
    #[serde(default)]
    pub is_first_party: bool,
}

impl ClientSettings {
    /// Why it cannot be so; `None` if it can.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let has = |kind: GrantType| self.grant_types.contains(&kind);
        let scopes = match Scopes::of(self.scopes.iter().map(String::as_str)) {
            Ok(scopes) => scopes,
            Err(error) => return Some(format!("`scopes`: {error}")),
        };
        let words = if self.grant_types.is_empty() {
            "`grant_types` is empty"
        } else if has(GrantType::AuthorizationCode) == self.redirect_uris.is_empty() {
            "`redirect_uris` and `authorization_code` go together"
        } else if has(GrantType::ClientCredentials) != self.account.is_some() {
            "`account` and `client_credentials` go together"
        } else if has(GrantType::ClientCredentials) && self.kind == ClientKind::Public {
            "`client_credentials` is for confidential applications: a public one has no secret"
        } else if !self.serves.is_empty() && self.kind == ClientKind::Public {
            "`serves` is for confidential applications: a public one has no secret"
        } else if self.jwks.is_some() && self.kind == ClientKind::Public {
            "`jwks` is for confidential applications: a public one shows no key"
        } else if has(GrantType::RefreshToken) != scopes.has(OFFLINE) {
            "`refresh_token` and the scope `offline_access` go together"
        } else if has(GrantType::RefreshToken)
            && !has(GrantType::AuthorizationCode)
            && !has(GrantType::DeviceCode)
        {
            "`refresh_token` goes on with `authorization_code` or `device_code`"
        } else if self.has_logout() && !scopes.has(OPENID) {
            "`post_logout_redirect_uris` and `backchannel_logout_uri` go with the scope `openid`"
        } else {
            let lists = self.list_fault();
            return lists
                .or_else(|| self.logout_fault())
                .or_else(|| self.keys_fault())
                .or_else(|| self.scope_fault());
        };
        Some(words.to_owned())
    }

    fn list_fault(&self) -> Option<String> {
        for (name, list) in [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
            ("resources", &self.resources),
            ("serves", &self.serves),
        ] {
            if list.len() > LIST_MAX {
                return Some(format!("`{name}` has more than {LIST_MAX}"));
            }
            for one in list {
                let fault = if name.ends_with("uris") {
                    uri::redirect_fault(one)
                } else if uri::is_resource(one) {
                    None
                } else {
                    Some("it is no absolute URI without fragment")
                };
                if let Some(fault) = fault {
                    return Some(format!("`{name}`: `{one}`: {fault}"));
                }
            }
        }
        None
    }

    /// Whether it wants to know of the end of sessions, or to end them.
    fn has_logout(&self) -> bool {
        !self.post_logout_redirect_uris.is_empty() || self.backchannel_logout_uri.is_some()
    }

    fn logout_fault(&self) -> Option<String> {
        let uri = self.backchannel_logout_uri.as_ref()?;
        let fault = match uri::redirect_fault(uri) {
            None if !uri.starts_with("http") => Some("it is neither https nor http"),
            fault => fault,
        };
        fault.map(|fault| format!("`backchannel_logout_uri`: `{uri}`: {fault}"))
    }

    fn keys_fault(&self) -> Option<String> {
        let set = self.jwks.as_ref()?;
        let keys = set.get("keys").and_then(Value::as_array);
        let is_private = |key: &Value| key.get("d").is_some() || key.get("k").is_some();
        if keys.is_some_and(|keys| keys.iter().any(is_private)) {
            return Some("`jwks` has a private key: keep it, and send the public half".to_owned());
        }
        let fault = KeySet::parse(&set.to_string()).err()?;
        Some(format!("`jwks`: {fault}"))
    }

    /// The keys by which it shows who it is, if it has some.
    #[must_use]
    pub fn keys(&self) -> Option<KeySet> {
        // They were checked when it was registered; a set that is none lets nobody in.
        let set = self.jwks.as_ref()?;
        Some(KeySet::parse(&set.to_string()).unwrap_or_default())
    }

    /// Whether the browser may be sent back there.
    #[must_use]
    pub fn has_redirect(&self, sent: &str) -> bool {
        let is_native = self.kind == ClientKind::Public;
        let mut known = self.redirect_uris.iter();
        known.any(|registered| uri::is_same(registered, sent, is_native))
    }

    /// Whether it may get tokens in this way.
    ///
    /// # Errors
    /// [`OAuthCode::UnauthorizedClient`].
    pub fn may(&self, grant_type: GrantType) -> Result<(), OAuthError> {
        if self.grant_types.contains(&grant_type) {
            return Ok(());
        }
        let words = "the application is not registered for this grant type";
        Err(OAuthError::new(OAuthCode::UnauthorizedClient, words))
    }

    /// What its tokens may be for.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        // They were checked when it was registered; one that is none allows nothing.
        Scopes::of(self.scopes.iter().map(String::as_str)).unwrap_or_default()
    }

    /// Which scope no service of ours knows; other services have words of their own.
    fn scope_fault(&self) -> Option<String> {
        if !self.resources.is_empty() {
            return None;
        }
        let patterns = self.scopes.iter().filter_map(|scope| scope.parse().ok());
        let unknown = patterns
            .filter_map(|pattern: ActionPattern| pattern.check_known().err())
            .next()?;
        Some(format!("`scopes`: {unknown}"))
    }

    /// The scopes that are asked for, which have to be there and to be of its own.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidScope`].
    pub fn asked_scopes(&self, text: Option<&str>) -> Result<Scopes, OAuthError> {
        let asked = Scopes::parse(text.unwrap_or_default())?;
        if asked.is_empty() {
            return Err(OAuthError::new(
                OAuthCode::InvalidScope,
                "`scope` is missing",
            ));
        }
        if !self.scopes().covers(&asked) {
            let words = "`scope` has more than the application is registered for";
            return Err(OAuthError::new(OAuthCode::InvalidScope, words));
        }
        Ok(asked)
    }

    /// The resources that are asked for, each of which has to be one of its own, or this service under its issuer's URI.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidTarget`].
    pub fn asked_resources<'a>(
        &self,
        asked: impl Iterator<Item = &'a str>,
        issuer: &str,
    ) -> Result<Vec<String>, OAuthError> {
        let mut resources: Vec<String> = Vec::new();
        for one in asked {
            if one != issuer && !self.resources.iter().any(|own| own == one) {
                let words = "`resource` is none that the application is registered for";
                return Err(OAuthError::new(OAuthCode::InvalidTarget, words));
            }
            if !resources.iter().any(|other| other == one) {
                resources.push(one.to_owned());
            }
        }
        Ok(resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ClientSettings {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        ClientSettings {
            name: "x".to_owned(),
            kind: ClientKind::Confidential,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: list(&["https://a.example/cb"]),
            scopes: list(&["openid", "offline_access", "run.*"]),
            resources: list(&["https://api.example"]),
            serves: Vec::new(),
            account: None,
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            jwks: None,
            is_first_party: false,
        }
    }

    fn fault(change: fn(&mut ClientSettings)) -> String {
        let mut changed = settings();
        change(&mut changed);
        changed.fault().unwrap()
    }

    #[test]
    fn logout_and_keys_that_cannot_be_are_named() {
        for (expected, change) in [
            (
                "`post_logout_redirect_uris` and `backchannel_logout_uri` go with the scope `openid`",
                (|s| {
                    s.scopes.retain(|scope| scope != "openid");
                    s.post_logout_redirect_uris = vec!["https://a.example/out".to_owned()];
                }) as fn(&mut ClientSettings),
            ),
            (
                "`post_logout_redirect_uris`: `http://a.example`: http is for 127.0.0.1, [::1] and localhost alone; elsewhere it is https",
                |s| s.post_logout_redirect_uris = vec!["http://a.example".to_owned()],
            ),
            (
                "`backchannel_logout_uri`: `com.example.app:/out`: it is neither https nor http",
                |s| s.backchannel_logout_uri = Some("com.example.app:/out".to_owned()),
            ),
            (
                "`backchannel_logout_uri`: `https://u@a.example/`: it has a user, or no host",
                |s| s.backchannel_logout_uri = Some("https://u@a.example/".to_owned()),
            ),
            (
                "`jwks` has a private key: keep it, and send the public half",
                |s| s.jwks = Some(serde_json::json!({"keys": [{"kty": "OKP", "d": "x"}]})),
            ),
            ("`jwks`: the set has no key for Ed25519 or P-256", |s| {
                s.jwks = Some(serde_json::json!({"keys": []}));
            }),
        ] {
            assert_eq!(fault(change), expected);
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        assert_eq!(settings().fault(), None);
        for (expected, change) in [
            (
                "`grant_types` is empty",
                (|s| s.grant_types.clear()) as fn(&mut ClientSettings),
            ),
            (
                "`redirect_uris` and `authorization_code` go together",
                |s| s.redirect_uris.clear(),
            ),
            ("`account` and `client_credentials` go together", |s| {
                s.grant_types.push(GrantType::ClientCredentials);
            }),
            ("`account` and `client_credentials` go together", |s| {
                s.account = Some("mch_1".to_owned())
            }),
            (
                "`client_credentials` is for confidential applications: a public one has no secret",
                |s| {
                    s.kind = ClientKind::Public;
                    s.account = Some("mch_1".to_owned());
                    s.grant_types.push(GrantType::ClientCredentials);
                },
            ),
            (
                "`serves` is for confidential applications: a public one has no secret",
                |s| {
                    s.kind = ClientKind::Public;
                    s.serves.push("https://api.example".to_owned());
                },
            ),
            (
                "`refresh_token` and the scope `offline_access` go together",
                |s| {
                    s.scopes.retain(|scope| scope != "offline_access");
                },
            ),
            (
                "`redirect_uris`: `http://evil.example`: http is for 127.0.0.1, [::1] and localhost alone; elsewhere it is https",
                |s| {
                    s.redirect_uris.push("http://evil.example".to_owned());
                },
            ),
            (
                "`resources`: `tickloom`: it is no absolute URI without fragment",
                |s| {
                    s.resources.push("tickloom".to_owned());
                },
            ),
            ("`resources` has more than 20", |s| {
                s.resources = vec!["a:b".to_owned(); 21]
            }),
        ] {
            assert_eq!(fault(change), expected);
        }
        assert!(
            fault(|s| s.scopes.push("admin".to_owned()))
                .starts_with("`scopes`: `admin` is no scope")
        );
    }

    #[test]
    fn what_is_asked_is_of_what_was_registered() {
        let own = settings();
        assert_eq!(
            own.asked_scopes(Some("run.read openid")).unwrap().text(),
            "run.read openid"
        );
        for wrong in [
            None,
            Some(""),
            Some("*"),
            Some("run.read account.read"),
            Some("email"),
        ] {
            assert_eq!(
                own.asked_scopes(wrong).unwrap_err().code,
                OAuthCode::InvalidScope,
                "{wrong:?}"
            );
        }
        let issuer = "https://auth.example";
        let asked = |list: &[&str]| own.asked_resources(list.iter().copied(), issuer);
        let both = ["https://api.example", issuer];
        assert_eq!(asked(&[both[0], both[1], both[0]]).unwrap(), both);
        assert_eq!(
            asked(&["https://other.example"]).unwrap_err().code,
            OAuthCode::InvalidTarget
        );
    }
}
