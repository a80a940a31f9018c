//! Rows that come from the log of events and from nothing else: a service names them in one place, and they are made again here.
//!
//! While a service runs it writes these rows itself, in the transaction of the event; that both give the same is checked by conformance
//! and by `tickloom admin doctor`.

use crate::Result;
use crate::database::{Database, Write};
use crate::event::{StoredEvent, events_after, hold_events};
use crate::service::Service;
use sqlx::AssertSqlSafe;
use std::pin::Pin;

/// Events that are read together.
const PORTION: i64 = 500;

/// What [`Projection::replay`] returns.
pub type ProjectionFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Rows of some tables that come from the log of events and from nothing else.
pub trait Projection: Send {
    /// Its tables, in the order in which they can be emptied. They are of no other projection, and no row of them is from elsewhere.
    fn tables(&self) -> &'static [&'static str];

    /// What an event makes of the rows, as when it happened. Events come in order, from the first, to rows of which there are none.
    ///
    /// # Errors
    /// [`StoredEvent::unreadable`] if this version cannot read it; what the database says.
    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a>;
}

/// Drops the rows of all projections of a service and makes them again from its log, in one transaction. Returns how many events there
/// are; `None` if it has no projection.
///
/// # Errors
/// [`ChassisError::Database`](crate::ChassisError::Database), and an event that this version cannot read. Nothing is changed then.
pub async fn rebuild<S: Service>(database: &Database) -> Result<Option<u64>> {
    let projections = S::projections();
    if projections.is_empty() {
        return Ok(None);
    }
    rebuild_rows(database, projections).await.map(Some)
}

/// The same for these projections.
pub(crate) async fn rebuild_rows(
    database: &Database,
    mut projections: Vec<Box<dyn Projection>>,
) -> Result<u64> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    let tables: Vec<&str> = projections
        .iter()
        .flat_map(|one| one.tables().to_vec())
        .collect();
    for table in tables {
        // The name of a table is a word of ours.
        let clear = sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}")));
        clear.execute(write.connection()).await?;
    }
    let (mut position, mut count) = (0, 0);
    loop {
        let events = events_after(database, position, PORTION).await?;
        let Some(last) = events.last() else {
            break;
        };
        position = last.position;
        for event in &events {
            count += 1;
            for projection in &mut projections {
                projection.replay(&mut write, event).await?;
            }
        }
    }
    write.commit().await?;
    Ok(count)
}
