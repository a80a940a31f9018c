//! Gives up a part that was begun, so that the catalog is as it was.

use super::leftover::remove_files;
use super::{OpenFile, RunWriter};
use crate::Result;
use crate::index::read_index;
use crate::part::{PartFile, meta_path, unmark_begun};

impl RunWriter {
    /// Gives up what was written so far: an earlier writing of the part stays as it is. In an object store, where nothing is listed before the
    /// end, files that were sent stay unlisted.
    ///
    /// # Errors
    /// [`crate::CatalogError::Io`]; what is left then is removed by the next writer of the part.
    pub fn abandon(mut self) -> Result<()> {
        let open: Vec<OpenFile> = self.open.take_all().collect();
        let (store, run) = (&self.store, &self.meta.run);
        for file in open {
            store.discard(file.writer.path())?;
        }
        if store.is_remote() {
            return Ok(());
        }
        let counting: Vec<PartFile> = read_index(store, run)?.into_files().collect();
        remove_files(store, &self.files, &counting)?;
        match &self.meta_before {
            Some((before, version)) => {
                store.swap(&meta_path(run), before, Some(version))?;
            }
            None => store.remove(&meta_path(run))?,
        }
        if !self.has_leftovers {
            unmark_begun(store, run, self.part)?;
        }
        Ok(())
    }
}
