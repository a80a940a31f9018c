//! Size and waiting of a ring, checked once; not where the threads are started.

use serde::{Deserialize, Serialize};

use crate::wait::Wait;

/// Fewest slots of a ring: the multi-producer ring keeps its marks in words of 64 slots.
pub const RING_CAPACITY_MIN: usize = 64;

/// Most slots of a ring: one gibibyte of 64-byte records.
pub const RING_CAPACITY_MAX: usize = 1 << 24;

/// Size and waiting of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RingConfig {
    /// Number of slots, a power of two.
    pub capacity: usize,
    /// What consumers do while the ring is empty, and producers while it is full.
    pub wait: Wait,
}

impl Default for RingConfig {
    /// One mebibyte of 64-byte records: a burst of several order book snapshots fits.
    fn default() -> Self {
        Self {
            capacity: 1 << 14,
            wait: Wait::default(),
        }
    }
}

impl RingConfig {
    pub(crate) fn check(&self, consumers: usize) -> Result<(), RingError> {
        let in_range = (RING_CAPACITY_MIN..=RING_CAPACITY_MAX).contains(&self.capacity);
        if !in_range || !self.capacity.is_power_of_two() {
            return Err(RingError::Capacity {
                capacity: self.capacity,
            });
        }
        if consumers == 0 {
            return Err(RingError::NoConsumer);
        }
        Ok(())
    }
}

/// Why a ring cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The capacity is out of range or no power of two.
    #[error(
        "ring capacity {capacity}: expected a power of two from {RING_CAPACITY_MIN} to {RING_CAPACITY_MAX}"
    )]
    Capacity {
        /// The capacity that was asked for.
        capacity: usize,
    },
    /// Nobody would read.
    #[error("ring consumers 0: expected at least one")]
    NoConsumer,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(capacity: usize, consumers: usize, expected: Result<(), RingError>) {
        let config = RingConfig {
            capacity,
            wait: Wait::Spin,
        };
        assert_eq!(config.check(consumers), expected);
    }

    #[test]
    fn capacity_is_a_power_of_two_within_limits() {
        check(64, 1, Ok(()));
        check(1 << 24, 1, Ok(()));
        for capacity in [0, 1, 32, 63, 65, 100, 1 << 25, usize::MAX] {
            check(capacity, 1, Err(RingError::Capacity { capacity }));
        }
        check(64, 0, Err(RingError::NoConsumer));
    }

    #[test]
    fn error_names_value_and_expectation() {
        assert_eq!(
            RingError::Capacity { capacity: 100 }.to_string(),
            "ring capacity 100: expected a power of two from 64 to 16777216"
        );
    }

    #[test]
    fn config_reads_from_toml_and_refuses_unknown_fields() {
        let config: RingConfig = toml::from_str("wait = 'yield'").expect("known fields");
        assert_eq!(
            config,
            RingConfig {
                capacity: 16_384,
                wait: Wait::Yield
            }
        );
        assert!(toml::from_str::<RingConfig>("size = 64").is_err());
    }

    #[test]
    fn default_passes_its_own_check() {
        assert_eq!(RingConfig::default().check(1), Ok(()));
        assert_eq!(RingConfig::default().wait, Wait::Park);
    }
}
