//! Scopes: what a token is for. Four of them are OpenID Connect's; all others are patterns of actions, such as `run.read`.

use super::error::{OAuthCode, OAuthError};
use tickloom_chassis::ActionPattern;

/// That an ID token is wanted (OpenID Connect Core, section 3.1.2.1).
pub const OPENID: &str = "openid";
/// That the name is told (OpenID Connect Core, section 5.4).
pub const PROFILE: &str = "profile";
/// That the e-mail address is told (OpenID Connect Core, section 5.4).
pub const EMAIL: &str = "email";
/// That it goes on when the person is not there (OpenID Connect Core, section 11): with a refresh token, beyond the session.
pub const OFFLINE: &str = "offline_access";

/// Most scopes of a request or of an application.
pub const SCOPES_MAX: usize = 20;
const WORDS: [&str; 4] = [OPENID, PROFILE, EMAIL, OFFLINE];

/// Scopes in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    names: Vec<String>,
}

impl Scopes {
    /// From names with a space between them (RFC 6749, section 3.3).
    ///
    /// # Errors
    /// [`OAuthCode::InvalidScope`].
    pub fn parse(text: &str) -> Result<Scopes, OAuthError> {
        Scopes::of(text.split(' ').filter(|name| !name.is_empty()))
    }

    /// From names.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidScope`] for a name that is none, or more than [`SCOPES_MAX`].
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Scopes, OAuthError> {
        let mut scopes = Scopes::default();
        for name in names {
            let is_one = WORDS.contains(&name) || name.parse::<ActionPattern>().is_ok();
            if !is_one {
                let words = format!(
                    "`{name}` is no scope, expected openid, profile, email, offline_access, or actions such as run.read"
                );
                return Err(OAuthError::new(OAuthCode::InvalidScope, words));
            }
            if !scopes.has(name) {
                scopes.names.push(name.to_owned());
            }
        }
        if scopes.names.len() > SCOPES_MAX {
            let words = format!("there are more than {SCOPES_MAX} scopes");
            return Err(OAuthError::new(OAuthCode::InvalidScope, words));
        }
        Ok(scopes)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether this very one is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Each name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Those that are patterns of actions.
    pub fn actions(&self) -> impl Iterator<Item = ActionPattern> {
        let is_action = |name: &&String| !WORDS.contains(&name.as_str());
        self.names
            .iter()
            .filter(is_action)
            .filter_map(|name| name.parse().ok())
    }

    /// Whether all that the other allows is allowed by these: `run.*` covers `run.read`, and not the other way round.
    #[must_use]
    pub fn covers(&self, other: &Scopes) -> bool {
        other.names().all(|name| self.covers_one(name))
    }

    /// Those of the other that are allowed by these.
    #[must_use]
    pub fn narrow(&self, other: &Scopes) -> Scopes {
        let kept = other.names().filter(|name| self.covers_one(name));
        Scopes {
            names: kept.map(str::to_owned).collect(),
        }
    }

    /// These without one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Scopes {
        self.names.retain(|own| own != name);
        self
    }

    /// These and the others.
    #[must_use]
    pub fn and(mut self, other: &Scopes) -> Scopes {
        for name in other.names() {
            if !self.has(name) {
                self.names.push(name.to_owned());
            }
        }
        self
    }

    /// With a space between them.
    #[must_use]
    pub fn text(&self) -> String {
        self.names.join(" ")
    }

    fn covers_one(&self, name: &str) -> bool {
        if WORDS.contains(&name) {
            return self.has(name);
        }
        // A pattern is an action to another pattern: a star in it is covered by a star alone.
        self.actions().any(|own| own.covers(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn more_is_never_covered_by_less() {
        for (own, other, expected) in [
            ("run.read", "run.read", true),
            ("run.*", "run.read run.*", true),
            ("*", "run.read *.read run.* *", true),
            ("*.read", "run.read", true),
            ("run.read", "run.*", false),
            ("run.read", "*.read", false),
            ("run.*", "*", false),
            ("*.read", "run.*", false),
            ("run.read", "run.read account.read", false),
            ("*", "openid", false),
            ("openid", "openid", true),
            ("openid", "email", false),
            ("openid", "*", false),
            ("", "", true),
        ] {
            assert_eq!(
                scopes(own).covers(&scopes(other)),
                expected,
                "{own} {other}"
            );
        }
        let narrowed = scopes("run.* openid").narrow(&scopes("openid email run.read account.read"));
        assert_eq!(narrowed.text(), "openid run.read");
    }

    #[test]
    fn what_is_a_scope() {
        assert_eq!(scopes("a.b  openid a.b ").text(), "a.b openid");
        for wrong in [
            "admin",
            "a.b.c",
            "run.read\topenid",
            "run:read",
            "\u{fc}.read",
            "Run.read",
        ] {
            let refused = Scopes::parse(wrong).unwrap_err();
            assert_eq!(refused.code, OAuthCode::InvalidScope, "{wrong}");
        }
        let many: Vec<String> = (0..21)
            .map(|number| format!("a.b{}", "c".repeat(number)))
            .collect();
        assert!(Scopes::parse(&many[..20].join(" ")).is_ok());
        assert!(Scopes::parse(&many.join(" ")).is_err());
    }
}
