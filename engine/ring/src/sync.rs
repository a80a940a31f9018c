//! The primitives that the bell is made of. `tests/bell_model.rs` puts loom's in their place.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
