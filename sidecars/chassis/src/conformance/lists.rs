//! Lists are whole however they are walked.

use super::{Conforms, Harness};
use crate::database::Place;
use serde_json::Value;

/// Items that are there before a list is walked.
const ITEMS: usize = 7;

/// Walks a list two items at a time while more are added: each that was there before is met once, and none twice.
pub(super) fn walked_whole<S: Conforms>(place: &Place) {
    let Some(list) = S::list() else {
        return;
    };
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    let page = |after: Option<&str>, limit: usize| {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("{}?limit={limit}{after}", list.path);
        harness.client.get(&path, Some(&token)).is(200).json()
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let ids = |page: &Value| {
        let items = page["items"].as_array().expect("items");
        let id = |item: &Value| text(&item[list.id]);
        items.iter().map(id).collect::<Vec<_>>()
    };
    (0..ITEMS).for_each(|number| (list.add)(&harness, &token, number));
    let there = ids(&page(None, 1000));
    assert!(there.len() >= ITEMS, "{there:?}");
    let (mut met, mut after, mut number) = (Vec::new(), None, ITEMS);
    loop {
        let found = page(after.as_deref(), 2);
        let here = ids(&found);
        assert!(here.len() <= 2, "{found}");
        let next = match list.next {
            Some(next) => Some(text(&found[next])),
            None => here.last().cloned(),
        };
        met.extend(here);
        if found["more"] != true {
            break;
        }
        after = next;
        // New things are added for as long as those of before are walked.
        if number < 2 * ITEMS {
            (list.add)(&harness, &token, number);
            number += 1;
        }
    }
    let once: Vec<_> = met.iter().filter(|id| there.contains(id)).collect();
    assert_eq!(once, there.iter().collect::<Vec<_>>());
    let mut different = met.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), met.len(), "{met:?}");
    for wrong in ["0", "1001"] {
        let path = format!("{}?limit={wrong}", list.path);
        let reply = harness.client.get(&path, Some(&token));
        reply.refused(400, "bad_request");
    }
}
