//! Each effect has who does it, and whoever does effects of a kind reads what is asked for and refuses what it cannot read.

use super::commands::drive;
use super::{Conforms, Harness};
use crate::database::{Database, Place};
use crate::effect::{Effect, EffectAnswer, EffectHandler};
use sqlx::Row;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Keys and kinds of all effects that were ever asked for.
const ASKED: &str = "SELECT key, kind FROM effect ORDER BY key";

/// Drives every command: whatever it asks for somebody does, as a policy says that can be.
pub(super) fn have_handlers<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    for sample in S::commands() {
        drive(&harness, &sample, &token);
    }
    let database = harness.database();
    let handlers = harness.effects().handlers();
    for (key, kind) in harness.runtime.block_on(asked(&database)) {
        let handler = handlers.iter().find(|handler| handler.kind() == kind);
        let handler = handler.unwrap_or_else(|| panic!("nobody does `{key}` of the kind `{kind}`"));
        let lane = handler.lane(&key);
        let rest = key.strip_prefix(lane);
        let is_part = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(
            !lane.is_empty() && is_part,
            "`{lane}` is no lane of `{key}`"
        );
    }
    for handler in handlers {
        can_be_done(handler);
        let answer = harness
            .runtime
            .block_on(refuses(handler, harness.clock.now()));
        let kind = handler.kind();
        let is_refused = matches!(answer, EffectAnswer::Refused(_));
        assert!(is_refused, "{kind}: what it cannot read is {answer:?}");
    }
    harness.runtime.block_on(database.close());
}

/// Kinds of effects that no driven command has asked for, in order.
pub(super) async fn never_asked(
    database: &Database,
    handlers: &[Arc<dyn EffectHandler>],
) -> BTreeSet<&'static str> {
    let asked = asked(database).await;
    let kinds = handlers.iter().map(|handler| handler.kind());
    kinds
        .filter(|kind| asked.iter().all(|(_, asked)| asked != kind))
        .collect()
}

async fn asked(database: &Database) -> Vec<(String, String)> {
    let rows = sqlx::query(ASKED).fetch_all(database.reader()).await;
    let rows = rows.expect("effects");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// What is said of how it is done lets it be done.
fn can_be_done(handler: &Arc<dyn EffectHandler>) {
    let (kind, policy) = (handler.kind(), handler.policy());
    let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    assert!(!kind.is_empty() && kind.chars().all(letter), "`{kind}`");
    assert!(policy.attempts_max >= 1, "{kind}: {policy:?}");
    assert!(policy.first_pause > Duration::ZERO, "{kind}: {policy:?}");
    let is_longer = policy.longest_pause >= policy.first_pause;
    assert!(is_longer, "{kind}: {policy:?}");
    assert!(policy.time_max > Duration::ZERO, "{kind}: {policy:?}");
    let at_once = handler.at_once();
    assert!((1..=8).contains(&at_once), "{kind}: {at_once} at a time");
}

/// What it says to a payload that nobody wrote for it.
async fn refuses(handler: &Arc<dyn EffectHandler>, at: tickloom_types::Ts) -> EffectAnswer {
    let effect = Effect {
        key: format!("{}/conformance/none", handler.kind()),
        payload: "what nobody asked for".to_owned(),
        at,
        attempt: 1,
    };
    let answer = tokio::time::timeout(handler.policy().time_max, handler.perform(&effect));
    answer.await.expect("an answer in time")
}
