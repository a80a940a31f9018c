//! Every statement of the service is one on both engines, over its own schema.

#![cfg(test)]

#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use postgres::Postgres;
use sqlx::{Executor, SqlStr};
use tickloom_activity::Activity;
use tickloom_chassis::{Database, Place, Service};

async fn prepare_all(place: &Place) {
    let database = Database::open(place, Activity::NAME, Activity::MIGRATIONS)
        .await
        .unwrap();
    assert_eq!(Activity::STATEMENTS.iter().copied().flatten().count(), 6);
    for statement in Activity::STATEMENTS.iter().copied().flatten() {
        let text = SqlStr::from_static(statement);
        let prepared = database.reader().prepare(text).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

#[test]
fn statements_prepare_on_both_engines() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(prepare_all(&Place::Folder(folder.path().to_owned())));
    if let Some(server) = Postgres::start() {
        runtime.block_on(prepare_all(&Place::Server(server.url())));
    }
}
