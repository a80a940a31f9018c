//! Requests that are answered at a time: so many in all, and of those so many of one address, so that nobody takes the places of all.

use super::caller::CallerAddress;
use crate::problem::{Problem, ProblemCode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that are answered at a time.
const PLACES: usize = 256;
/// Of those, of one address; programs on this machine may take all.
const PLACES_OF_ONE: usize = 64;

/// Who holds how many places.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    places: Places,
    of: Option<IpAddr>,
}

impl Places {
    /// A place, or that there is none now.
    pub(super) fn take(&self, caller: &CallerAddress) -> Result<Place, Problem> {
        let of = caller.counted();
        let mut taken = self.lock();
        let full = |detail: String| Err(Problem::new(ProblemCode::Overloaded, detail));
        if taken.all >= PLACES {
            return full(format!("{PLACES} requests are being answered: try again"));
        }
        if let Some(of) = of {
            let own = taken.by_address.entry(of).or_default();
            if *own >= PLACES_OF_ONE {
                return full(format!(
                    "{PLACES_OF_ONE} requests of this address are being answered: try again"
                ));
            }
            *own += 1;
        }
        taken.all += 1;
        drop(taken);
        Ok(Place {
            places: self.clone(),
            of,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(of) = self.of
            && let Some(own) = taken.by_address.get_mut(&of)
        {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(address: &str, is_local: bool) -> CallerAddress {
        CallerAddress {
            address: address.parse().unwrap(),
            is_local,
            is_observer: is_local,
            is_tls: false,
            is_proxy: false,
            is_silent: false,
            is_unknown_proxy: false,
        }
    }

    #[test]
    fn nobody_takes_the_places_of_all() {
        let places = Places::default();
        let take = |address: &str, is_local: bool, count: usize| -> Vec<Place> {
            let caller = caller(address, is_local);
            (0..count)
                .map_while(|_| places.take(&caller).ok())
                .collect()
        };
        let greedy = take("2001:db8:0:1::1", false, PLACES);
        assert_eq!(greedy.len(), PLACES_OF_ONE);
        // The network of one customer.
        assert_eq!(take("2001:db8:0:1:2::3", false, 1).len(), 0);
        let other = take("2001:db8:0:2::1", false, 1);
        assert_eq!(other.len(), 1);
        let local = take("127.0.0.1", true, PLACES);
        assert_eq!(local.len(), PLACES - PLACES_OF_ONE - 1);
        assert_eq!(take("203.0.113.9", false, 1).len(), 0);
        drop((greedy, local, other));
        let taken = places.lock();
        assert_eq!((taken.all, taken.by_address.len()), (0, 0));
    }
}
