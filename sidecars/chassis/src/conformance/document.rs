//! What a service promises: the document of its API, and who may do what. Both are files that only change on purpose: with
//! `UPDATE_GOLDEN=1` they are written anew.

use super::{Conforms, Harness, Person, Reply};
use crate::database::Place;
use crate::service::Service;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// An operation of the document.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Upper case.
    pub(super) method: String,
    /// With its parts in braces.
    pub(super) path: String,
    /// What the document says of it.
    pub(super) says: Value,
}

impl Operation {
    /// Method and path.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn changes(&self) -> bool {
        self.method != "GET"
    }

    pub(super) fn is_public<S: Conforms>(&self) -> bool {
        S::PUBLIC.contains(&self.name().as_str())
    }

    /// Its path and query with ids of things that are not there, but for one part.
    pub(super) fn target<S: Conforms>(&self, only: Option<(&str, &str)>) -> String {
        let mut target = String::new();
        for (at, piece) in self.path.split(['{', '}']).enumerate() {
            target += match only {
                _ if at % 2 == 0 => piece,
                Some((part, value)) if part == piece => value,
                _ => S::path_part(piece),
            };
        }
        target + S::query(&self.path)
    }
}

/// Compares with a file, or writes it.
pub(super) fn golden<S: Conforms>(name: &str, found: &str) {
    let path = Path::new(S::FOLDER).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} is not what the service does; if that is meant, write it anew with UPDATE_GOLDEN=1. Found:\n{found}"
    );
}

pub(super) fn document<S: Conforms>(harness: &Harness<S>) -> Value {
    let path = format!("/{}/openapi.json", S::Service::NAME);
    harness.client.get(&path, None).is(200).json()
}

pub(super) fn operations<S: Conforms>(harness: &Harness<S>) -> Vec<Operation> {
    let document = document(harness);
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, says) in operations.as_object().expect("operations") {
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                says: says.clone(),
            });
        }
    }
    assert!(!found.is_empty(), "{} has no operation", S::Service::NAME);
    found
}

/// The document is the file, and each operation says what it does, has an id of its own, and how it is refused.
pub(super) fn is_as_promised<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let document = document(&harness);
    let version = document["openapi"].as_str().unwrap_or_default();
    assert!(version.starts_with("3.1"), "{version}");
    let shown = serde_json::to_string_pretty(&document).expect("a document is JSON");
    golden::<S>("openapi.json", &(shown + "\n"));
    let mut ids = BTreeSet::new();
    for operation in operations(&harness) {
        let (name, says) = (operation.name(), &operation.says);
        assert!(
            operation
                .path
                .starts_with(&format!("/{}/v1/", S::Service::NAME)),
            "{name}"
        );
        let is_told = says["summary"].is_string() || says["description"].is_string();
        assert!(is_told, "{name} does not say what it does");
        let id = says["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(
            !id.is_empty() && ids.insert(id),
            "{name} has no id of its own"
        );
        let is_open = says["security"].as_array();
        let is_open = is_open.is_some_and(|ways| ways.contains(&serde_json::json!({})));
        assert_eq!(
            is_open,
            S::PUBLIC.contains(&name.as_str()),
            "{name}: whether everybody may do it, as `security(())` says in the document"
        );
        let answers = says["responses"].as_object().expect("responses");
        let refusals = answers.iter().filter(|(status, _)| status.starts_with('4'));
        let are_problems = refusals
            .map(|(_, refusal)| named(&document, refusal))
            .map(|refusal| refusal["content"]["application/problem+json"].is_object())
            .collect::<Vec<_>>();
        assert!(
            !are_problems.is_empty(),
            "{name} does not say how it is refused"
        );
        assert!(are_problems.iter().all(|is_problem| *is_problem), "{name}");
    }
}

/// What a part of the document says, or what it names elsewhere in it (RFC 6901).
pub(super) fn named<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let place = part["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    place.map_or(part, |place| {
        document.pointer(place).unwrap_or(&Value::Null)
    })
}

/// Whether somebody is let in, whatever is said of the rest of the request.
fn verdict(reply: &Reply) -> &'static str {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    match body["code"].as_str() {
        Some("unauthenticated") => "who?",
        Some("forbidden") => "no",
        Some("internal" | "method_not_allowed") => panic!("{reply:?}"),
        _ => "yes",
    }
}

/// Every operation by everybody is as the file has it, and nobody is let in where it is not said.
pub(super) fn who_may_do_what<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let people = S::people(&harness);
    assert!(people.iter().any(|person| person.token.is_none()));
    let mut found = format!("# {}\n", S::AUTHZ_NOTE);
    let mut open = BTreeSet::new();
    for operation in operations(&harness) {
        write!(found, "{}:", operation.name()).expect("a text takes all");
        for Person { name, token, only } in &people {
            if only.is_some_and(|(part, _)| !operation.path.contains(&format!("{{{part}}}"))) {
                continue;
            }
            let target = operation.target::<S>(*only);
            let asked = (operation.method.as_str(), target.as_str());
            let verdict = verdict(&harness.client.send(asked, token.as_deref(), &[], None));
            write!(found, " {name}={verdict}").expect("a text takes all");
            if token.is_none() && verdict == "yes" {
                open.insert(operation.name());
            }
        }
        found.push('\n');
    }
    let promised: BTreeSet<String> = S::PUBLIC.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(open, promised, "operations that everybody may do");
    golden::<S>("authz.txt", &found);
}
