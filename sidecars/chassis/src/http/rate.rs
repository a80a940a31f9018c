//! How many requests one address may make in a time, so that nobody takes the places of all.

use super::caller::CallerAddress;
use crate::problem::{Problem, ProblemCode};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use serde::Deserialize;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Addresses that are remembered. Those whose allowance is whole again are forgotten.
const ADDRESSES_MAX: usize = 100_000;
/// Requests after which what can be forgotten is.
const FORGET_EVERY: u32 = 4_096;

/// How many requests one address may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// So many in a second, for as long as it likes.
    pub per_second: NonZeroU32,
    /// So many at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for RateLimit {
    fn default() -> RateLimit {
        RateLimit {
            per_second: const { NonZeroU32::new(50).expect("not zero") },
            burst: const { NonZeroU32::new(200).expect("not zero") },
        }
    }
}

type Limiter<C> =
    RateLimiter<IpAddr, HashMapStateStore<IpAddr>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What is left of the allowance of each address (GCRA).
#[derive(Clone)]
pub(super) struct Rates<C: Clock + Clone = DefaultClock> {
    limiter: Arc<Limiter<C>>,
    clock: C,
    asked: Arc<AtomicU32>,
}

impl Rates {
    pub(super) fn new(limit: RateLimit) -> Rates {
        Rates::with(limit, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with(limit: RateLimit, clock: C) -> Rates<C> {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Rates {
            limiter: Arc::new(limiter),
            clock,
            asked: Arc::default(),
        }
    }

    /// [`ProblemCode::TooManyRequests`] if the address has made all that it may.
    pub(super) fn check(&self, caller: &CallerAddress) -> Result<(), Problem> {
        let Some(mut key) = caller.counted() else {
            return Ok(());
        };
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked.is_multiple_of(FORGET_EVERY) {
            self.limiter.retain_recent();
        }
        // While very many addresses ask at once, all share one allowance.
        if self.limiter.len() >= ADDRESSES_MAX {
            key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
        self.limiter.check_key(&key).map_err(|until| {
            let detail = "there were too many requests from this address";
            let wait = until.wait_time_from(self.clock.now());
            Problem::new(ProblemCode::TooManyRequests, detail).retry_after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn caller(address: &str) -> CallerAddress {
        let address = address.parse().unwrap();
        CallerAddress {
            address,
            is_local: false,
            is_observer: false,
            is_tls: false,
            is_proxy: false,
            is_silent: false,
            is_unknown_proxy: false,
        }
    }

    #[test]
    fn each_address_has_an_allowance_of_its_own_that_grows_again() {
        let limit = RateLimit {
            per_second: NonZeroU32::new(2).unwrap(),
            burst: NonZeroU32::new(3).unwrap(),
        };
        let clock = FakeRelativeClock::default();
        let rates = Rates::with(limit, clock.clone());
        let taken = |address: &str| {
            (0..10)
                .take_while(|_| rates.check(&caller(address)).is_ok())
                .count()
        };
        assert_eq!(taken("203.0.113.9"), 3);
        assert_eq!(taken("203.0.113.10"), 3);
        // One network of a customer.
        assert_eq!(taken("2001:db8:0:1::1"), 3);
        assert_eq!(taken("2001:db8:0:1:ffff::2"), 0);
        assert_eq!(taken("2001:db8:0:2::1"), 3);
        clock.advance(Duration::from_millis(499));
        assert_eq!(taken("203.0.113.9"), 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!(taken("203.0.113.9"), 1);
        clock.advance(Duration::from_secs(60));
        assert_eq!(taken("203.0.113.9"), 3);
        let local = CallerAddress {
            is_local: true,
            ..caller("127.0.0.1")
        };
        assert!((0..10).all(|_| rates.check(&local).is_ok()));
    }

    #[test]
    fn a_refusal_says_when_to_try_again() {
        let limit = RateLimit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::MIN,
        };
        let rates = Rates::with(limit, FakeRelativeClock::default());
        assert!(rates.check(&caller("203.0.113.9")).is_ok());
        let refused = rates.check(&caller("203.0.113.9")).unwrap_err();
        assert_eq!(refused.code, ProblemCode::TooManyRequests);
        let response = axum::response::IntoResponse::into_response(refused);
        assert_eq!(response.headers()["retry-after"], "1");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let rates = Rates::with(RateLimit::default(), FakeRelativeClock::default());
        for number in 0..150_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            drop(rates.check(&CallerAddress {
                address,
                ..caller("0.0.0.0")
            }));
        }
        assert!(
            rates.limiter.len() <= ADDRESSES_MAX + 1,
            "{}",
            rates.limiter.len()
        );
    }
}
