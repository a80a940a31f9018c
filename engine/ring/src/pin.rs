//! Pins a thread to a core. Which thread goes where is the caller's configuration.

/// Pins the calling thread to one core; false when the system has no such core or refuses.
#[must_use]
pub fn pin_current_thread(core: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: core })
}
