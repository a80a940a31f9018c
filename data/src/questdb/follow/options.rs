//! How a server is kept up to date.

use std::time::Duration;

/// How a journal is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Rows from which on a batch is sent.
    pub batch_rows: usize,
    /// Longest time that a row waits for its batch to fill.
    pub batch_wait: Duration,
    /// Pause after a first failure; it doubles with each further one.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// Time between two looks at suspended tables and at what the journal has.
    pub check_every: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        FollowOptions {
            batch_rows: 20_000,
            batch_wait: Duration::from_millis(200),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            check_every: Duration::from_millis(500),
        }
    }
}
