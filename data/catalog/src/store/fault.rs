//! Lets a store fail from its n-th change on, as if the process had died there. For tests.

use super::Store;
use crate::{CatalogError, Result};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Changes that are left; none are counted without it.
#[derive(Clone, Debug, Default)]
pub(super) struct Death(Option<Arc<AtomicU32>>);

impl Death {
    /// Fails if no changes are left.
    pub(super) fn step(&self) -> Result<()> {
        let Some(left) = &self.0 else {
            return Ok(());
        };
        let less = |left: u32| left.checked_sub(1);
        match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Ok(()),
            Err(_) => Err(CatalogError::io("change", Path::new("a store that died"))(
                io::Error::other("it died"),
            )),
        }
    }
}

impl Store {
    /// The store, of which all changes after the next `changes` fail.
    pub(crate) fn dying_after(mut self, changes: u32) -> Store {
        self.death = Death(Some(Arc::new(AtomicU32::new(changes))));
        self
    }
}
