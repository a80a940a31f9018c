//! The wall clock, read at the edges of the pipeline only: the core never sees it.

use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_types::Ts;

/// Now, in nanoseconds since the epoch, UTC.
pub(crate) fn now() -> Ts {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ts(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
