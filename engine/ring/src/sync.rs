//! The primitives that the bell and the turns are made of. `tests/bell_model.rs` and `tests/turns_model.rs` put loom's in their
//! place.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
