//! QuestDB, the optional server: what a journal or a catalog holds becomes rows of tables that are named as in the catalog, and
//! comes back as records for a backtest.
//!
//! Rows go in by the client's line protocol over HTTP, answers to queries come back over HTTP too. The tables take a row that they
//! have already in its place (`DEDUP UPSERT KEYS` with the sequence), so that sending at least once keeps it exactly once. The
//! journal is the buffer: nothing waits in memory for a server that is away. `docs/questdb.md` has the guarantees.

mod address;
mod copy;
mod cursor;
mod fields;
mod follow;
mod history;
mod merge;
mod page;
mod row;
mod sink;
mod sql;
mod status;
mod tables;

pub use address::QuestDbAddress;
pub use copy::{CopyReport, copy_catalog};
pub use cursor::check_cursor;
pub use follow::{FollowOptions, Follower, Turn};
pub use history::QuestDb;
pub use merge::QuestDbScan;
pub use sink::{QuestDbSink, SuspendedTable};
pub use status::{FollowState, FollowStatus};
