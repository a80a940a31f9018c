//! The words of permissions that there are: the actions of all services, and on which kind of resource each is asked. What is granted in
//! other words would allow nothing, without anybody noticing.

use super::pattern::{ActionPattern, ResourcePattern, What};
use strsim::levenshtein;
use thiserror::Error;

/// Every action, with the kind of resource on which it is asked. A new service adds its own.
const ACTIONS: &[(&str, &str)] = &[
    ("account.change", "account"),
    ("account.create", "account"),
    ("account.read", "account"),
    ("account.suspend", "account"),
    ("audit.read", "audit"),
    ("audit.verify", "audit"),
    ("client.change", "client"),
    ("client.read", "client"),
    ("grant.change", "grant"),
    ("invitation.change", "organisation"),
    ("invitation.read", "organisation"),
    ("job.cancel", "job"),
    ("job.read", "job"),
    ("member.change", "organisation"),
    ("member.read", "organisation"),
    ("organisation.change", "organisation"),
    ("organisation.create", "account"),
    ("organisation.read", "organisation"),
    ("run.read", "run"),
    ("site.open", "site"),
    ("topic.read", "topic"),
];

/// A word that no service knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownWord {
    /// No action is one of these.
    #[error("no service knows an action `{found}`: perhaps `{nearest}`")]
    Action {
        /// What was given.
        found: String,
        /// The action that is spelled most like it.
        nearest: &'static str,
    },
    /// No resource is of this kind.
    #[error("no service knows resources `{found}`: perhaps `{nearest}/…`; there are {known}")]
    Kind {
        /// What was given.
        found: String,
        /// The kind that is spelled most like it.
        nearest: &'static str,
        /// All kinds.
        known: String,
    },
    /// The actions are asked on other resources.
    #[error("`{what}` is never asked on `{resource}`: it is asked on {kinds}")]
    Apart {
        /// The pattern of actions.
        what: String,
        /// The pattern of resources.
        resource: String,
        /// On which kinds the actions are asked.
        kinds: String,
    },
}

impl ActionPattern {
    /// Whether some service knows an action of these.
    ///
    /// # Errors
    /// [`UnknownWord::Action`].
    pub fn check_known(&self) -> Result<(), UnknownWord> {
        if ACTIONS.iter().any(|(action, _)| self.covers(action)) {
            return Ok(());
        }
        let found = self.to_string();
        let nearest = nearest(&found, ACTIONS.iter().map(|(action, _)| *action));
        Err(UnknownWord::Action { found, nearest })
    }
}

impl What {
    /// Whether this on these resources allows something that some service asks.
    ///
    /// # Errors
    /// [`UnknownWord`], with the nearest words that are known.
    pub fn check_known_on(&self, resource: &ResourcePattern) -> Result<(), UnknownWord> {
        if let What::Actions(pattern) = self {
            pattern.check_known()?;
        }
        let Some(kind) = resource.kind() else {
            return Ok(());
        };
        let kinds = || kinds_of(|_| true);
        if !kinds().contains(&kind) {
            return Err(UnknownWord::Kind {
                found: resource.to_string(),
                nearest: nearest(kind, kinds().into_iter()),
                known: listed(&kinds()),
            });
        }
        let asked = kinds_of(|action| self.covers(action));
        if asked.contains(&kind) {
            return Ok(());
        }
        Err(UnknownWord::Apart {
            what: self.to_string(),
            resource: resource.to_string(),
            kinds: listed(&asked),
        })
    }
}

/// The kinds on which some of these actions are asked, each once.
fn kinds_of(is_one: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut kinds: Vec<&str> = ACTIONS
        .iter()
        .filter(|(action, _)| is_one(action))
        .map(|(_, kind)| *kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn listed(kinds: &[&str]) -> String {
    let each: Vec<_> = kinds.iter().map(|kind| format!("`{kind}/…`")).collect();
    each.join(", ")
}

/// The word that is spelled most like another, the first of several.
fn nearest(found: &str, words: impl Iterator<Item = &'static str>) -> &'static str {
    words
        .min_by_key(|word| levenshtein(found, word))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn what_would_allow_nothing_is_told_with_what_it_may_mean() {
        let told = |what: &str, resource: &str| {
            let what: What = what.parse().unwrap();
            let resource = resource.parse().unwrap();
            what.check_known_on(&resource)
                .map_err(|error| error.to_string())
                .err()
        };
        for (what, resource) in [
            ("administrator", "*"),
            ("viewer", "run/*"),
            ("*", "account/usr_1"),
            ("run.read", "*"),
            ("run.*", "run/today"),
            ("*.read", "organisation/org_1/members"),
            ("organisation.create", "account/*"),
            ("site.open", "site/app.example.com"),
            ("topic.*", "topic/es"),
        ] {
            assert_eq!(told(what, resource), None, "{what} {resource}");
        }
        let all = "there are `account/…`, `audit/…`, `client/…`, `grant/…`, `job/…`, `organisation/…`, `run/…`, `site/…`, `topic/…`";
        for (what, resource, expected) in [
            ("run.reed", "run/*", "no service knows an action `run.reed`: perhaps `run.read`".to_owned()),
            ("runs.*", "*", "no service knows an action `runs.*`: perhaps `run.read`".to_owned()),
            ("*", "accoun/*", format!("no service knows resources `accoun/*`: perhaps `account/…`; {all}")),
            ("*", "Audit/*", format!("no service knows resources `Audit/*`: perhaps `audit/…`; {all}")),
            ("viewer", "runs/x", format!("no service knows resources `runs/x`: perhaps `run/…`; {all}")),
            ("run.read", "account/*", "`run.read` is never asked on `account/*`: it is asked on `run/…`".to_owned()),
            ("viewer", "site/a.example", "`viewer` is never asked on `site/a.example`: it is asked on `account/…`, `audit/…`, `client/…`, `job/…`, `organisation/…`, `run/…`, `topic/…`".to_owned()),
        ] {
            assert_eq!(told(what, resource), Some(expected), "{what} {resource}");
        }
        let none: ActionPattern = "note.read".parse().unwrap();
        assert!(none.check_known().is_err());
        assert!(ActionPattern::ALL.check_known().is_ok());
    }

    /// The literals of a source that are actions.
    fn actions(source: &str, into: &mut BTreeSet<String>) {
        for text in source.split('"').skip(1).step_by(2) {
            let is_word =
                |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
            let is_one = text
                .split_once('.')
                .is_some_and(|(noun, verb)| is_word(noun) && is_word(verb));
            if is_one {
                into.insert(text.to_owned());
            }
        }
    }

    #[test]
    fn every_action_that_a_service_asks_is_known_and_no_other() {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = BTreeSet::new();
        for service in std::fs::read_dir(&services).unwrap() {
            let service = service.unwrap().path();
            // What a new service begins as is served by nobody.
            if service.ends_with("template") {
                continue;
            }
            for file in ["src/access.rs", "src/rest.rs", "src/rest/access.rs"] {
                if let Ok(source) = std::fs::read_to_string(service.join(file)) {
                    actions(&source, &mut found);
                }
            }
        }
        // These are no operations of ours: the proxy of a site asks, and whoever guards a publisher (`curve-keys/decision`).
        found.extend(["site.open", "topic.read"].map(str::to_owned));
        let known: BTreeSet<String> = ACTIONS
            .iter()
            .map(|(action, _)| (*action).to_owned())
            .collect();
        assert_eq!(known, found);
    }
}
