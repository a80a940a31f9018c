//! Rows that come from the log of events are those that it gives, each projection for itself and all together; and what a version cannot
//! read it refuses.

use super::commands::drive;
use super::logs::planted;
use super::{Conforms, Harness};
use crate::ChassisError;
use crate::database::{Database, Place};
use crate::event::{StoredEvent, events_after, head};
use crate::projection::{Projection, rebuild, rebuild_rows};
use crate::service::Service;
use crate::tables::{all_rows, tables};
use std::collections::{BTreeMap, BTreeSet};

/// Tables that change on their own while a service runs, as they are the chassis's and not of the log.
const MOVING: [&str; 2] = ["effect", "timer"];

/// Drives every command, and compares all tables before and after they are made again from the log. Nothing secret is in them.
pub(super) fn rebuild_is_live<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    // Each as often as a rebuild has to tell one from another.
    for sample in S::commands().iter().chain(&S::commands()) {
        drive(&harness, sample, &token);
    }
    let database = harness.database();
    harness.runtime.block_on(async {
        name_their_tables::<S>(&database).await;
        let events = head(&database).await.expect("the head of the log");
        let live = all_rows(&database).await.expect("rows");
        for secret in planted() {
            for (table, rows) in &live {
                let row = rows.iter().find(|row| row.contains(&secret));
                assert!(row.is_none(), "a secret is kept in {table}: {row:?}");
            }
        }
        for (at, one) in S::Service::projections().into_iter().enumerate() {
            let made = rebuild_rows(&database, vec![one]).await;
            made.unwrap_or_else(|error| panic!("the projection {at}, alone: {error}"));
            assert_same(&database, &live).await;
        }
        let rebuilt = rebuild::<S::Service>(&database).await.expect("a rebuild");
        let expected = (events > 0).then(|| u64::try_from(events).expect("it counts"));
        assert_eq!(rebuilt.filter(|count| *count > 0), expected, "events");
        assert_same(&database, &live).await;
        refuse_what_they_cannot_read::<S>(&database).await;
        database.close().await;
    });
}

/// All tables have the rows that they had.
async fn assert_same(database: &Database, live: &BTreeMap<String, Vec<String>>) {
    let again = all_rows(database).await.expect("rows");
    for (table, rows) in live {
        if !MOVING.contains(&table.as_str()) {
            assert_eq!(again.get(table), Some(rows), "{table}");
        }
    }
    assert_eq!(again.len(), live.len());
}

/// Each table is of one projection, and is there; none is the chassis's.
async fn name_their_tables<S: Conforms>(database: &Database) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Folder(folder.path().to_owned());
    let common = Database::open(&place, "common", &[]).await;
    let common = common.expect("a database of the chassis alone");
    let chassis = tables(&common).await.expect("tables");
    common.close().await;
    let there = tables(database).await.expect("tables");
    let mut seen = BTreeSet::new();
    for projection in S::Service::projections() {
        let named = projection.tables();
        assert!(!named.is_empty(), "a projection names no table");
        for table in named.iter().copied() {
            let is = |tables: &[String]| tables.iter().any(|one| one == table);
            assert!(is(&there), "there is no table {table}");
            assert!(!is(&chassis), "{table} is the chassis's");
            assert!(seen.insert(table), "{table} is named twice");
        }
    }
}

/// An event of a kind or a form that this version does not know stops a rebuild, whatever else is in it.
async fn refuse_what_they_cannot_read<S: Conforms>(database: &Database) {
    let events = events_after(database, 0, 1).await.expect("events");
    let Some(known) = events.into_iter().next() else {
        return;
    };
    let of_another_kind = StoredEvent {
        kind: "kind_of_another_version".to_owned(),
        ..known.clone()
    };
    let of_another_form = StoredEvent {
        v: known.v + 1000,
        ..known
    };
    for event in [of_another_kind, of_another_form] {
        let mut refused = false;
        for projection in S::Service::projections() {
            refused |= is_refused(database, projection, &event).await;
        }
        let (kind, v) = (&event.kind, event.v);
        assert!(refused, "an event `{kind}` of version {v} is passed over");
    }
}

/// Whether a projection says that it cannot read an event, which is a fresh log for it. Nothing is kept of it.
async fn is_refused(
    database: &Database,
    mut projection: Box<dyn Projection>,
    event: &StoredEvent,
) -> bool {
    let mut write = database.write().await.expect("a transaction");
    for table in projection.tables() {
        // As before a rebuild: nothing of the event is there.
        let clear = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
        let cleared = sqlx::query(clear).execute(write.connection()).await;
        cleared.expect("a table is emptied");
    }
    let read = projection.replay(&mut write, event).await;
    matches!(read, Err(ChassisError::Row { .. }))
}
