//! How long to wait before trying again: doubling, with jitter from a seed. It does not wait itself.

use std::time::Duration;

/// Waits of a connection that fails again and again.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
    random: u64,
}

impl Backoff {
    /// Waits from about `first`, doubling up to about `longest`; the same seed gives the same waits.
    #[must_use]
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Backoff {
            first,
            longest,
            attempt: 0,
            random: seed,
        }
    }

    /// The next wait: between half and all of the doubled time, so that many clients do not come back at once.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << self.attempt.min(20));
        self.attempt = self.attempt.saturating_add(1);
        let half = doubled.min(self.longest) / 2;
        let step = u32::try_from(self.next_random() >> 48).unwrap_or(0);
        half + half.saturating_mul(step) / 65_536
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 8 * second, 7);
        for longest in [1, 2, 4, 8, 8, 8] {
            let wait = backoff.next_wait();
            assert!(
                wait >= longest * second / 2 && wait <= longest * second,
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= second);
    }

    #[test]
    fn the_seed_decides_the_jitter() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), seed);
            [
                backoff.next_wait(),
                backoff.next_wait(),
                backoff.next_wait(),
            ]
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
