//! The words of permissions: actions are `NOUN.VERB`, resources `NOUN/NAME`, and a star stands for all.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Longest word of an action.
const WORD_MAX: usize = 40;
/// The verb of actions that change nothing.
const READ: &str = "read";
/// Longest name of a resource.
const RESOURCE_MAX: usize = 256;

/// Which actions: `run.read`, `run.*`, `*.read` or `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionPattern {
    /// All nouns if `None`.
    noun: Option<String>,
    /// All verbs if `None`.
    verb: Option<String>,
}

/// Which resources: one (`run/today`), all below a name (`run/*`) or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourcePattern {
    /// The resource, or what all of them begin with: then it is empty or ends with a slash.
    place: String,
}

/// A set of actions with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Administrator,
    /// Everything that changes nothing.
    Viewer,
}

/// What a grant allows: a role, or some actions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The actions of a role.
    Role(Role),
    /// These.
    Actions(ActionPattern),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{found}` is no {kind}, expected {expected}")]
pub struct PatternError {
    /// What it should have been.
    pub kind: &'static str,
    /// What it is.
    pub found: String,
    /// How one looks.
    pub expected: &'static str,
}

impl ActionPattern {
    /// All actions.
    pub const ALL: ActionPattern = ActionPattern {
        noun: None,
        verb: None,
    };

    /// Whether the action, `NOUN.VERB`, is one of these.
    #[must_use]
    pub fn covers(&self, action: &str) -> bool {
        let (noun, verb) = action.split_once('.').unwrap_or((action, ""));
        let same = |own: &Option<String>, other: &str| own.as_ref().is_none_or(|own| own == other);
        same(&self.noun, noun) && same(&self.verb, verb)
    }
}

impl FromStr for ActionPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<ActionPattern, PatternError> {
        let wrong = || PatternError {
            kind: "pattern of actions",
            found: text.to_owned(),
            expected: "`run.read`, `run.*`, `*.read` or `*`",
        };
        if text == "*" {
            return Ok(ActionPattern::ALL);
        }
        let part = |part: &str| match part {
            "*" => Ok(None),
            part if is_word(part) => Ok(Some(part.to_owned())),
            _ => Err(wrong()),
        };
        let (noun, verb) = text.split_once('.').ok_or_else(wrong)?;
        Ok(ActionPattern {
            noun: part(noun)?,
            verb: part(verb)?,
        })
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        match (&self.noun, &self.verb) {
            (None, None) => f.write_str("*"),
            (noun, verb) => write!(f, "{}.{}", part(noun), part(verb)),
        }
    }
}

impl ResourcePattern {
    /// All resources.
    #[must_use]
    pub fn all() -> ResourcePattern {
        ResourcePattern {
            place: String::new(),
        }
    }

    /// The kind that all of them are of, unless they are all there are: `run` of `run/*`.
    pub(super) fn kind(&self) -> Option<&str> {
        let kind = self.place.split('/').next()?;
        (!kind.is_empty()).then_some(kind)
    }

    /// What it is kept under: the resource itself, or the beginning of all of them.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether the resource is one of these. `run/*` as a resource is all runs, which `run/today` does not have.
    #[must_use]
    pub fn covers(&self, resource: &str) -> bool {
        places(resource).any(|place| place == self.place)
    }
}

impl FromStr for ResourcePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<ResourcePattern, PatternError> {
        let wrong = || PatternError {
            kind: "pattern of resources",
            found: text.to_owned(),
            expected: "`run/today`, `run/*` or `*`, of letters, digits and `-_.:@`",
        };
        if text == "*" {
            return Ok(ResourcePattern::all());
        }
        let place = text.strip_suffix('*').unwrap_or(text);
        let names = match place.strip_suffix('/') {
            Some(names) if place != text => names,
            _ => text,
        };
        let is_one = text.len() <= RESOURCE_MAX && text.contains('/');
        if !is_one || !names.split('/').all(is_name) {
            return Err(wrong());
        }
        Ok(ResourcePattern {
            place: place.to_owned(),
        })
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_many = self.place.is_empty() || self.place.ends_with('/');
        write!(f, "{}{}", self.place, if is_many { "*" } else { "" })
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 2] = [Role::Administrator, Role::Viewer];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::Viewer => "viewer",
        }
    }

    fn covers(self, action: &str) -> bool {
        match self {
            Role::Administrator => true,
            Role::Viewer => action.ends_with(".read"),
        }
    }
}

impl What {
    /// Whether it has the action.
    #[must_use]
    pub fn covers(&self, action: &str) -> bool {
        match self {
            What::Role(role) => role.covers(action),
            What::Actions(pattern) => pattern.covers(action),
        }
    }

    /// What of it changes nothing, if anything: what is left of it for a viewer.
    #[must_use]
    pub fn reading(&self) -> Option<What> {
        let What::Actions(pattern) = self else {
            return Some(What::Role(Role::Viewer));
        };
        let verb = pattern.verb.as_deref().unwrap_or(READ);
        (verb == READ).then(|| {
            What::Actions(ActionPattern {
                noun: pattern.noun.clone(),
                verb: Some(READ.to_owned()),
            })
        })
    }
}

impl FromStr for What {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<What, PatternError> {
        if let Some(role) = Role::ALL.into_iter().find(|role| role.name() == text) {
            return Ok(What::Role(role));
        }
        text.parse()
            .map(What::Actions)
            .map_err(|error: PatternError| PatternError {
                kind: "role or pattern of actions",
                expected: "`administrator`, `viewer`, `run.read`, `run.*`, `*.read` or `*`",
                ..error
            })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Role(role) => f.write_str(role.name()),
            What::Actions(pattern) => write!(f, "{pattern}"),
        }
    }
}

/// The places under which grants for a resource are kept: its own, and the beginnings of it up to each slash, longest first.
pub(super) fn places(resource: &str) -> impl Iterator<Item = &str> {
    // All of a kind, `run/*`, is kept where patterns of it are.
    let own = resource.strip_suffix('*').unwrap_or(resource);
    let above = own
        .char_indices()
        .rev()
        .filter(|(_, letter)| *letter == '/')
        .filter_map(|(at, _)| own.get(..=at));
    let above = above.filter(move |place| *place != own);
    std::iter::once(own)
        .chain(above)
        .chain((!own.is_empty()).then_some(""))
}

fn is_word(text: &str) -> bool {
    (1..=WORD_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:@".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str) -> ActionPattern {
        text.parse().unwrap()
    }

    fn resources(text: &str) -> ResourcePattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_comes_back_as_it_was_written() {
        for text in ["*", "run.read", "run.*", "*.read"] {
            assert_eq!(actions(text).to_string(), text);
        }
        for text in [
            "*",
            "run/*",
            "run/today",
            "topic/acme/*",
            "run/BTC-USD.x:1@v",
        ] {
            assert_eq!(resources(text).to_string(), text);
        }
        for text in ["administrator", "viewer", "run.read"] {
            assert_eq!(text.parse::<What>().unwrap().to_string(), text);
        }
        assert_eq!(actions("*.*").to_string(), "*");
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for text in [
            "",
            "run",
            "Run.read",
            "run.",
            ".read",
            "run.read.x",
            "r*.read",
        ] {
            let error = text.parse::<ActionPattern>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{text}` is no pattern of actions")),
                "{error}"
            );
        }
        for text in [
            "", "run", "/", "run/", "run//x", "/x", "run/to*", "run/*/x", "run/a b", "a/\u{fc}",
        ] {
            assert!(text.parse::<ResourcePattern>().is_err(), "{text}");
        }
        let error = "root".parse::<What>().unwrap_err();
        assert!(
            error.to_string().contains("`administrator`, `viewer`"),
            "{error}"
        );
    }

    #[test]
    fn a_star_stands_for_all_of_its_place_and_no_more() {
        for (pattern, action, is_covered) in [
            ("run.read", "run.read", true),
            ("run.read", "run.change", false),
            ("run.*", "run.change", true),
            ("run.*", "runs.change", false),
            ("*.read", "grant.read", true),
            ("*", "grant.change", true),
        ] {
            assert_eq!(
                actions(pattern).covers(action),
                is_covered,
                "{pattern} {action}"
            );
        }
        for (pattern, resource, is_covered) in [
            ("*", "run/today", true),
            ("*", "run/*", true),
            ("run/*", "run/today", true),
            ("run/*", "run/today/fills", true),
            ("run/*", "run/*", true),
            ("run/today", "run/today", true),
            ("run/today", "run/*", false),
            ("run/today", "run/today2", false),
            ("run/*", "runs/today", false),
            ("topic/acme/*", "topic/acme2/x", false),
            ("topic/acme/*", "topic/acme", false),
        ] {
            assert_eq!(
                resources(pattern).covers(resource),
                is_covered,
                "{pattern} {resource}"
            );
        }
    }

    #[test]
    fn what_is_left_for_a_viewer_is_what_changes_nothing() {
        for (text, expected) in [
            ("administrator", Some("viewer")),
            ("viewer", Some("viewer")),
            ("*", Some("*.read")),
            ("run.*", Some("run.read")),
            ("run.read", Some("run.read")),
            ("*.read", Some("*.read")),
            ("run.change", None),
            ("*.change", None),
        ] {
            let what: What = text.parse().unwrap();
            let left = what.reading().map(|what| what.to_string());
            assert_eq!(left.as_deref(), expected, "{text}");
        }
    }
}
