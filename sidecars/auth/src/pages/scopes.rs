//! What applications ask for, in plain words.

use crate::oauth::scope::{EMAIL, OFFLINE, OPENID, PROFILE};
use maud::{Markup, html};

/// What actions are on, as people call it.
const NOUNS: [(&str, &str); 8] = [
    ("run", "runs, with their fills and signals"),
    ("account", "accounts, with their sessions and keys"),
    ("grant", "what accounts may do"),
    ("organisation", "organisations"),
    ("member", "members of organisations"),
    ("invitation", "invitations to organisations"),
    ("client", "applications"),
    ("audit", "the audit log"),
];

/// Scopes, each with its words, and the services that they are for.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>, resources: &[String]) -> Markup {
    let names: Vec<&str> = names.collect();
    let has_actions = names.iter().any(|name| name.contains(['.', '*']));
    html! {
        h2 { "It could" }
        ul.plain-list {
            @for name in &names { li { (words(name)) " " code { (name) } } }
        }
        @if has_actions { p.quiet-text { "Never more than you may do yourself." } }
        @if !resources.is_empty() {
            h2 { "At" }
            ul.plain-list { @for resource in resources { li { code { (resource) } } } }
        }
    }
}

/// What a scope lets an application do.
pub(super) fn words(scope: &str) -> String {
    let told = match scope {
        OPENID => "Know which account is yours",
        PROFILE => "See your name",
        EMAIL => "See your e-mail address",
        OFFLINE => "Go on for up to 30 days when you are not there",
        "*" => "Do everything that you may do",
        _ => return of_action(scope),
    };
    told.to_owned()
}

fn of_action(scope: &str) -> String {
    let (noun, verb) = scope.split_once('.').unwrap_or((scope, "*"));
    let known = NOUNS.iter().find(|(name, _)| *name == noun);
    let noun = match noun {
        "*" => "everything",
        _ => known.map_or(noun, |(_, words)| *words),
    };
    match verb {
        "read" => format!("See {noun}"),
        "create" => format!("Create {noun}"),
        "change" => format!("Change {noun}"),
        "suspend" => format!("Suspend {noun}"),
        "*" => format!("See and change {noun}"),
        _ => format!("{verb} on {noun}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_has_words() {
        for (scope, expected) in [
            ("openid", "Know which account is yours"),
            ("*", "Do everything that you may do"),
            ("*.read", "See everything"),
            ("run.read", "See runs, with their fills and signals"),
            ("run.*", "See and change runs, with their fills and signals"),
            ("grant.change", "Change what accounts may do"),
            (
                "account.suspend",
                "Suspend accounts, with their sessions and keys",
            ),
            ("topic.publish", "publish on topic"),
        ] {
            assert_eq!(words(scope), expected);
        }
    }
}
