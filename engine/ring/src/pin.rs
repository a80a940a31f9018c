//! Pins a thread to a core. Which thread goes where is the caller's configuration.

use core_affinity::CoreId;

/// Cores that fit into the system's set of cores.
const CORES_MAX: usize = 1_024;

/// Pins the calling thread to one core; false when the system has no such core or refuses.
#[must_use]
pub fn pin_current_thread(core: usize) -> bool {
    core < CORES_MAX && core_affinity::set_for_current(CoreId { id: core })
}

/// The cores that this process may use, in ascending order; empty when the system does not say.
#[must_use]
pub fn cores() -> Vec<usize> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let mut cores: Vec<usize> = ids.into_iter().map(|core| core.id).collect();
    cores.sort_unstable();
    cores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_there_takes_a_thread() {
        // Linux always says which cores there are.
        assert!(!cfg!(target_os = "linux") || !cores().is_empty());
        for core in cores() {
            let pinned = std::thread::spawn(move || pin_current_thread(core));
            assert!(pinned.join().expect("pinning does not panic"), "{core}");
        }
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        assert!(!pin_current_thread(CORES_MAX));
        assert!(!pin_current_thread(usize::MAX));
    }
}
