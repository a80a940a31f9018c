//! Each timer has who does what is to be done at it, and it is done when the clock is moved there.

use super::commands::drive;
use super::{Conforms, Harness};
use crate::database::{Database, Place};
use crate::service::Health;
use crate::timer::TimerHandler;
use sqlx::Row;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tickloom_types::Ts;

/// All timers that are set.
const SET: &str = "SELECT kind, key, next_at, failures FROM timer ORDER BY next_at, key";
/// Moments at which something fires, at most: timers that set others, or themselves, come to no end.
const MOMENTS_MAX: usize = 100;

/// Drives every command, and moves the clock to each moment at which something is to be done: it is done, and nothing fails.
pub(super) fn fire<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    for sample in S::commands() {
        drive(&harness, &sample, &token);
    }
    let database = harness.database();
    let timers = harness.timers();
    for handler in timers.handlers() {
        let kind = handler.kind();
        let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(!kind.is_empty() && kind.chars().all(letter), "`{kind}`");
        let every = handler.every();
        assert!(
            every != Some(Duration::ZERO),
            "{kind} fires without a pause"
        );
    }
    let mut fired = BTreeSet::new();
    for _ in 0..MOMENTS_MAX {
        let left = harness.runtime.block_on(set(&database));
        for (kind, key, _) in &left {
            let is_known = timers.handlers().iter().any(|one| one.kind() == kind);
            assert!(
                is_known,
                "nobody does what is to be done at `{key}` of the kind `{kind}`"
            );
        }
        // Each once is enough of those that come again and again.
        let Some((kind, key, at)) = left
            .into_iter()
            .find(|(kind, key, _)| !fired.contains(&(kind.clone(), key.clone())))
        else {
            break;
        };
        let now = harness.clock.now();
        harness.advance(at.0.max(now.0) - now.0);
        let done = harness.runtime.block_on(timers.fire_due());
        done.expect("timers are looked at");
        fired.insert((kind, key));
        let mut health = Health::default();
        timers.add_health(&mut health);
        assert_eq!(health.troubles, [""; 0]);
    }
    harness.runtime.block_on(database.close());
}

/// Kinds of timers that no driven command has set, and that are not always there, in order.
pub(super) async fn never_set(
    database: &Database,
    handlers: &[Arc<dyn TimerHandler>],
) -> BTreeSet<&'static str> {
    let set = set(database).await;
    let kinds = handlers.iter().map(|handler| handler.kind());
    kinds
        .filter(|kind| set.iter().all(|(set, ..)| set != kind))
        .collect()
}

async fn set(database: &Database) -> Vec<(String, String, Ts)> {
    let rows = sqlx::query(SET).fetch_all(database.reader()).await;
    let rows = rows.expect("timers");
    let one = |row: &sqlx::any::AnyRow| (row.get(0), row.get(1), Ts(row.get(2)));
    rows.iter().map(one).collect()
}
