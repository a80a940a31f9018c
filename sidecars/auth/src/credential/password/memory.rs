//! The memory that a hash fills: taken once and used again.
//!
//! An allocator gives some 20 MB to each thread that ever made a hash and does not get them back, so that sign-ins would take ten times
//! the memory that they need.

use super::PasswordError;
use argon2::Block;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroize;

/// Room for the blocks of one hash; empty until it is asked for some.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// So many blocks of 1 KiB, whatever is in them.
    pub(super) fn blocks(&mut self, count: usize) -> Result<&mut [Block], PasswordError> {
        let more = count.saturating_sub(self.0.len());
        let has_room = self.0.try_reserve_exact(more).is_ok();
        if !has_room {
            return Err(argon2::Error::OutOfMemory.into());
        }
        self.0.resize(count, Block::new());
        Ok(&mut self.0)
    }
}

impl Drop for Memory {
    /// What is left of a password is overwritten.
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Memories of hashes that are made by turns.
#[derive(Clone)]
pub(super) struct Memories {
    free: Arc<Mutex<Vec<Memory>>>,
    /// Blocks of a hash with the present parameters: what took more is given back to the system.
    blocks_max: usize,
}

impl Memories {
    /// None yet; each is made when it is first needed, and kept if it is not larger than so many blocks.
    pub(super) fn new(blocks_max: usize) -> Memories {
        Memories {
            free: Arc::default(),
            blocks_max,
        }
    }

    /// Does something with one of them, which nobody else has meanwhile. Afterwards nothing is in it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let mut memory = taken.unwrap_or_default();
        let done = work(&mut memory);
        if memory.0.len() <= self.blocks_max {
            memory.0.iter_mut().zeroize();
            free().push(memory);
        }
        done
    }
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Memories").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_is_used_again_empty_and_a_large_one_is_not_kept() {
        let memories = Memories::new(4);
        let filled = |count: usize| {
            memories.with(|memory| {
                let blocks = memory.blocks(count).unwrap();
                let was_empty = blocks
                    .iter()
                    .all(|block| block.as_ref().iter().all(|word| *word == 0));
                blocks.iter_mut().for_each(|block| block.as_mut().fill(7));
                (blocks.as_ptr(), was_empty)
            })
        };
        let (first, _) = filled(4);
        assert_eq!(filled(4), (first, true));
        assert_eq!(memories.free.lock().unwrap().len(), 1);
        filled(5);
        assert_eq!(memories.free.lock().unwrap().len(), 0);
        // Two at a time have one each.
        memories.with(|one| {
            one.blocks(1).unwrap();
            memories.with(|other| assert_eq!(other.blocks(1).unwrap().len(), 1));
        });
        assert_eq!(memories.free.lock().unwrap().len(), 2);
    }

    #[test]
    fn what_no_machine_has_is_refused() {
        let refused = Memory::default().blocks(usize::MAX / 2048).unwrap_err();
        assert!(matches!(
            refused,
            PasswordError::Hash(argon2::Error::OutOfMemory)
        ));
    }
}
