//! Steps of a whole core over records as they could have been recorded.

mod any_bytes;
mod no_alloc;
mod parallel;
mod recorded;
