//! Lists have one form, and are whole however they are walked.

use super::document::{Operation, document, named, operations};
use super::{Conforms, Harness, List};
use crate::database::Place;
use serde_json::Value;
use std::collections::BTreeSet;
use url::form_urlencoded::byte_serialize;

/// Items that are there before a list is walked.
const ITEMS: usize = 5;
/// Items that are added while it is.
const MORE_ITEMS: usize = 3;

/// Each list takes and gives the same members as all others, and those that are named are walked two items at a time while more are
/// added: each that was there before is met once, and none twice.
pub(super) fn walked_whole<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    let document = document(&harness);
    let mut operations = operations(&harness);
    operations.retain(|operation| is_list(&document, operation));
    for operation in &operations {
        has_the_form(&document, operation);
        for wrong in [
            "limit=0",
            "limit=1001",
            "after=%00",
            &after(&"x".repeat(1025)),
        ] {
            let path = at(&operation.target::<S>(None), wrong);
            let token = Some(token.as_str()).filter(|_| !operation.is_public::<S>());
            let reply = harness.client.get(&path, token);
            reply.refused(400, "bad_request");
        }
    }
    for list in S::lists() {
        let is_one = |operation: &Operation| operation.name() == list.operation;
        assert!(
            operations.iter().any(is_one),
            "{} is no list",
            list.operation
        );
        walk(&harness, &token, &list);
    }
}

/// Lists of the document that are not walked, in order.
pub(super) fn never_walked<S: Conforms>(harness: &Harness<S>) -> BTreeSet<String> {
    let document = document(harness);
    let walked: BTreeSet<&str> = S::lists().iter().map(|list| list.operation).collect();
    let all = operations(harness).into_iter();
    let lists = all.filter(|operation| is_list(&document, operation));
    lists
        .map(|operation| operation.name())
        .filter(|name| !walked.contains(name.as_str()))
        .collect()
}

/// Whether an operation answers with a page, or takes what says which one.
fn is_list(document: &Value, operation: &Operation) -> bool {
    let takes = ["after", "limit"].map(|name| parameter(operation, name).is_some());
    let answers = page(document, operation)["items"].is_object();
    operation.method == "GET" && (answers || takes.contains(&true))
}

fn parameter<'a>(operation: &'a Operation, name: &str) -> Option<&'a Value> {
    let parameters = operation.says["parameters"].as_array()?;
    parameters.iter().find(|one| one["name"] == name)
}

/// The members of what it answers with.
fn page<'a>(document: &'a Value, operation: &'a Operation) -> &'a Value {
    let body = &operation.says["responses"]["200"]["content"]["application/json"];
    &named(document, &body["schema"])["properties"]
}

fn has_the_form(document: &Value, operation: &Operation) {
    let name = operation.name();
    for (parameter_name, kind) in [("after", "string"), ("limit", "integer")] {
        let parameter = parameter(operation, parameter_name);
        let parameter = parameter.unwrap_or_else(|| panic!("{name} takes no `{parameter_name}`"));
        assert_eq!(parameter["schema"]["type"], kind, "{name}: {parameter}");
        assert_ne!(parameter["required"], true, "{name}: {parameter}");
    }
    let page = page(document, operation);
    let kinds = ["items", "next", "more"].map(|member| page[member]["type"].as_str());
    let expected = ["array", "string", "boolean"].map(Some);
    assert_eq!(kinds, expected, "{name}: {page}");
}

/// A path with one more pair in its query.
fn at(path: &str, pair: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{pair}")
}

fn after(next: &str) -> String {
    let encoded = byte_serialize(next.as_bytes());
    format!("after={}", encoded.collect::<String>())
}

fn walk<S: Conforms>(harness: &Harness<S>, token: &str, list: &List<S>) {
    let path = (list.path)(harness, token);
    let page = |next: &str, limit: usize| {
        let path = at(&at(&path, &after(next)), &format!("limit={limit}"));
        harness.client.get(&path, Some(token)).is(200).json()
    };
    let ids = |page: &Value| {
        let items = page["items"].as_array().expect("items");
        let id = |item: &Value| item[list.id].to_string();
        items.iter().map(id).collect::<Vec<_>>()
    };
    let add = |number| (list.add)(harness, (token, &path), number);
    (0..ITEMS).for_each(add);
    let there = ids(&page("", 1000));
    assert!(there.len() >= ITEMS, "{path}: {there:?}");
    let is_more = |limit| page("", limit)["more"] == true;
    assert!(is_more(there.len() - 1), "{path}");
    assert!(!is_more(there.len()), "{path}");
    let (mut met, mut next, mut number) = (Vec::new(), String::new(), ITEMS);
    loop {
        let found = page(&next, 2);
        let here = ids(&found);
        assert!(here.len() <= 2, "{path}: {found}");
        found["next"]
            .as_str()
            .expect("what follows")
            .clone_into(&mut next);
        met.extend(here);
        if found["more"] != true {
            break;
        }
        // New things are added for as long as those of before are walked.
        if number < ITEMS + MORE_ITEMS {
            add(number);
            number += 1;
        }
    }
    let once: Vec<_> = met.iter().filter(|id| there.contains(id)).collect();
    assert_eq!(once, there.iter().collect::<Vec<_>>(), "{path}");
    let different: BTreeSet<&String> = met.iter().collect();
    assert_eq!(different.len(), met.len(), "{path}: {met:?}");
    // Nothing follows, and one goes on from where one was.
    let none = page(&next, 2);
    assert_eq!((ids(&none).len(), &none["more"]), (0, &Value::Bool(false)));
    assert_eq!(none["next"], next, "{path}");
}
