//! Steps of a whole core over records as they could have been recorded.
#![expect(clippy::unwrap_used, reason = "a panic is a failure of the test")]

mod any_bytes;
mod no_alloc;
mod parallel;
mod recorded;
mod snapshot;
