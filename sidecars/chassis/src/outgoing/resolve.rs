//! The addresses of a host, as the system has them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Look-ups at a time: each keeps a thread until the system has an answer, whether anybody still waits or not.
const LOOKUPS_MAX: usize = 16;
/// Addresses of one host that are looked at.
const ADDRESSES_MAX: usize = 16;

/// Knows addresses of hosts.
#[derive(Clone, Debug)]
pub(super) enum Resolver {
    System(Arc<Semaphore>),
    /// Gives the first list the first time, and so on; the last one for ever.
    #[cfg(test)]
    Script(Arc<std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>>),
}

impl Resolver {
    pub(super) fn system() -> Resolver {
        Resolver::System(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }

    /// The addresses of a host.
    ///
    /// # Errors
    /// What the system says; no addresses are an error too.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = match self {
            Resolver::System(places) => look_up(Arc::clone(places), host.to_owned()).await?,
            #[cfg(test)]
            Resolver::Script(script) => {
                let mut script = script.lock().unwrap();
                let first = script.pop_front().unwrap_or_default();
                if script.is_empty() {
                    script.push_back(first.clone());
                }
                first
            }
        };
        if found.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(found)
    }
}

async fn look_up(places: Arc<Semaphore>, host: String) -> io::Result<Vec<IpAddr>> {
    let place = places.acquire_owned().await.map_err(io::Error::other)?;
    // Its own task, as it goes on when nobody waits any more, and keeps its place until then.
    let lookup = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host, 0)).await;
        drop(place);
        found.map(|found| {
            found
                .map(|at: SocketAddr| at.ip())
                .take(ADDRESSES_MAX)
                .collect()
        })
    });
    lookup.await.map_err(io::Error::other)?
}
