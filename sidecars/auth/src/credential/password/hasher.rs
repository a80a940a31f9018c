//! Hashing off the threads that serve requests, and only so much of it at once: a flood of sign-ins takes bounded memory (19 MiB a
//! hash at the least parameters, kept for the next), waits, and is told so when too many wait.

use super::memory::{Memories, Memory};
use super::{HashParams, Password, PasswordError, Rules, Verdict, burn_in, hash_in, verify_in};
use std::num::NonZeroU16;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

/// Makes and checks hashes of passwords, a bounded number at a time. Clones share the bound. It needs a runtime of tokio.
#[derive(Clone, Debug)]
pub struct Hasher {
    params: HashParams,
    rules: Rules,
    memories: Memories,
    /// Those that run and those that wait.
    places: Arc<Semaphore>,
    /// Those that run.
    running: Arc<Semaphore>,
}

impl Hasher {
    /// One that runs at most `at_once` hashes at a time, while at most `waiting` more wait.
    #[must_use]
    pub fn new(params: HashParams, rules: Rules, at_once: NonZeroU16, waiting: u16) -> Hasher {
        let at_once = usize::from(at_once.get());
        Hasher {
            memories: Memories::new(params.blocks()),
            params,
            rules,
            places: Arc::new(Semaphore::new(at_once + usize::from(waiting))),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// The hash of a new password, if somebody of whom these `words` are known (e-mail address, names) may take it.
    ///
    /// # Errors
    /// [`PasswordError`]; [`PasswordError::Refused`] is for the person.
    pub async fn set(
        &self,
        password: Password,
        words: Vec<String>,
    ) -> Result<String, PasswordError> {
        let (rules, params) = (self.rules.clone(), self.params);
        self.run(move |memory| {
            rules.check(&password, &words)?;
            hash_in(&password, params, memory)
        })
        .await
    }

    /// The hash of a password that is known to be right, with the present parameters: for [`Verdict::rehash`]. No rule is applied.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn rehash(&self, password: Password) -> Result<String, PasswordError> {
        let params = self.params;
        self.run(move |memory| hash_in(&password, params, memory))
            .await
    }

    /// Whether a password is the one that `stored` was made of: [`verify`](super::verify).
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(
        &self,
        stored: String,
        password: Password,
    ) -> Result<Verdict, PasswordError> {
        let params = self.params;
        self.run(move |memory| verify_in((&stored, &password), params, memory))
            .await
    }

    /// The same work for an account that does not exist: [`burn`](super::burn).
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn burn(&self, password: Password) -> Result<(), PasswordError> {
        let params = self.params;
        self.run(move |memory| burn_in(&password, params, memory))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (place, turn) = self.turn().await?;
        tracing::trace!("a password is hashed");
        let memories = self.memories.clone();
        let done = spawn_blocking(move || {
            // They go when the work ends, even if nobody waits for it any more: the memory is taken until then.
            let _held = (place, turn);
            memories.with(work)
        });
        done.await.map_err(|_| PasswordError::Stopping)?
    }

    async fn turn(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), PasswordError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        Ok((place, turn.map_err(|_| PasswordError::Stopping)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::password::PasswordRefused;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    fn hasher(waiting: u16) -> Hasher {
        let at_once = NonZeroU16::new(1).unwrap();
        Hasher::new(HashParams::default(), Rules::default(), at_once, waiting)
    }

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().build().unwrap()
    }

    #[test]
    fn passwords_are_set_checked_and_hashed_again() {
        runtime().block_on(async {
            let hasher = hasher(0);
            let stored = hasher
                .set(password("lamp orbit velvet canyon"), Vec::new())
                .await
                .unwrap();
            let right = hasher
                .verify(stored.clone(), password("lamp orbit velvet canyon"))
                .await;
            assert!(right.unwrap().matches);
            let wrong = hasher.verify(stored, password("lamp orbit velvet")).await;
            assert!(!wrong.unwrap().matches);
            hasher.burn(password("lamp")).await.unwrap();
            let again = hasher.rehash(password("short")).await.unwrap();
            assert!(
                hasher
                    .verify(again, password("short"))
                    .await
                    .unwrap()
                    .matches
            );
            let refused = hasher.set(password("short"), Vec::new()).await.unwrap_err();
            let expected = PasswordRefused::TooShort { characters: 5 };
            assert!(matches!(refused, PasswordError::Refused(why) if why == expected));
            let damaged = hasher.verify("x".to_owned(), password("short")).await;
            assert!(matches!(damaged, Err(PasswordError::Stored(_))));
        });
    }

    /// Whether one more is not taken, told at once.
    fn is_busy(hasher: &Hasher) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let one_more = pin!(hasher.run(|_| Ok(3))).poll(&mut context);
        matches!(one_more, Poll::Ready(Err(PasswordError::Busy)))
    }

    #[test]
    fn one_runs_one_waits_and_more_are_told_so() {
        runtime().block_on(async {
            let hasher = hasher(1);
            let (open, gate) = mpsc::channel::<()>();
            let (started, has_started) = mpsc::channel();
            let mut first = Box::pin(hasher.run(move |_| {
                started.send(()).unwrap();
                gate.recv().unwrap();
                Ok(1)
            }));
            let mut second = pin!(hasher.run(|_| Ok(2)));
            let mut context = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(second.as_mut().poll(&mut context).is_pending());
            has_started.recv().unwrap();
            assert!(is_busy(&hasher));
            // Nobody waits for the first any more; while it runs it has its place all the same.
            drop(first);
            assert!(matches!(second.as_mut().poll(&mut context), Poll::Pending));
            assert!(is_busy(&hasher));
            open.send(()).unwrap();
            assert_eq!(second.await.unwrap(), 2);
            let place = hasher.places.acquire_many(2).await.unwrap();
            drop(place);
            assert_eq!(hasher.run(|_| Ok(3)).await.unwrap(), 3);
        });
    }
}
