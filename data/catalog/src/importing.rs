//! Imports of one instrument come one after the other, so that each is held to what the others have: [`Catalog::importing`].

use crate::Catalog;
use crate::Result;
use crate::part::{read_meta, runs_dir};
use crate::store::Lock;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// Locks by which instruments are kept apart; many may share one.
const LOCKS: u64 = 32;

/// Keeps other imports away from instruments while it lives.
#[must_use = "others are kept away while it lives"]
pub struct Importing {
    _locks: Vec<Lock>,
}

impl Catalog {
    /// Waits until no other import on this machine writes one of these instruments into the catalog, keeps others from it, and takes note of
    /// what they have written. In an object store nobody waits for anybody: there, imports of one instrument at the same time do not know of
    /// each other.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn importing<'a>(
        &self,
        instruments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Importing> {
        let numbers = instruments.into_iter();
        let numbers: BTreeSet<u64> = numbers
            .map(|name| xxh3_64(name.as_bytes()) % LOCKS)
            .collect();
        // In one order, so that no two wait for each other.
        let locks = numbers.into_iter().map(|number| {
            let name = format!("instruments-{number:02}.lock");
            self.store().lock(&runs_dir().join(name))
        });
        let locks = locks.collect::<Result<_>>()?;
        self.note_others()?;
        Ok(Importing { _locks: locks })
    }

    /// Takes note of runs that others have begun since it was first asked which there are.
    fn note_others(&self) -> Result<()> {
        let Some(known) = self.known_names() else {
            return Ok(());
        };
        for name in self.store().names(&runs_dir())? {
            // One that says nothing of itself yet is of other instruments.
            if !known.contains(&name)
                && let Ok(meta) = read_meta(self.store(), &name)
            {
                self.note(&meta);
            }
        }
        Ok(())
    }
}
