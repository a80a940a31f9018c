//! Lists are whole however they are walked, and rows that come from the log of events are those that it gives.

use super::logs::planted;
use super::{Conforms, Harness};
use crate::database::Place;
use crate::event::head;
use crate::service::Service;
use crate::tables::all_rows;
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

/// Drives every command, and compares all tables before and after they are made again from the log. Nothing secret is in them.
pub(super) fn rebuild_is_live<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    // Each as often as a rebuild has to tell one from another.
    for sample in S::commands().into_iter().chain(S::commands()) {
        let (method, _) = sample.operation.split_once(' ').expect("a method");
        let (path, body) = (sample.make)(&harness, &token);
        let asked = (method, path.as_str());
        let reply = harness.client.send(asked, Some(&token), &[], body.as_ref());
        assert!(reply.is_success(), "{}: {reply:?}", sample.operation);
    }
    let database = harness.database();
    harness.runtime.block_on(async {
        let events = head(&database).await.expect("the head of the log");
        let live = all_rows(&database).await.expect("rows");
        for secret in planted() {
            for (table, rows) in &live {
                let row = rows.iter().find(|row| row.contains(&secret));
                assert!(row.is_none(), "a secret is kept in {table}: {row:?}");
            }
        }
        let rebuilt = S::Service::rebuild(&database).await.expect("a rebuild");
        let expected = (events > 0).then(|| u64::try_from(events).expect("it counts"));
        assert_eq!(rebuilt.filter(|count| *count > 0), expected, "events");
        let again = all_rows(&database).await.expect("rows");
        for (table, rows) in &live {
            assert_eq!(again.get(table), Some(rows), "{table}");
        }
        assert_eq!(again.len(), live.len());
        database.close().await;
    });
}
