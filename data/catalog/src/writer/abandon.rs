//! Gives up a part that was begun, so that the catalog is as it was.

use super::leftover::remove_files;
use super::{OpenFile, RunWriter};
use crate::index::read_index;
use crate::part::{PartFile, meta_path, unmark_begun};
use crate::{CatalogError, Result};

impl RunWriter {
    /// This writer, if the part was not there when it began; otherwise nothing is changed.
    ///
    /// # Errors
    /// [`CatalogError::Outrun`] if it was; as [`RunWriter::abandon`].
    pub fn only_if_new(self) -> Result<RunWriter> {
        if self.before.is_none() {
            return Ok(self);
        }
        let outrun = CatalogError::Outrun {
            run: self.meta.run.clone(),
            part: self.part,
        };
        if !self.store.is_remote() {
            // The part is complete, and nothing of this one was begun.
            unmark_begun(&self.store, &self.meta.run, self.part)?;
        }
        self.abandon()?;
        Err(outrun)
    }

    /// Gives up what was written so far: an earlier writing of the part stays as it is. In an object store, where nothing is listed before the
    /// end, files that were sent by no import stay unlisted.
    ///
    /// # Errors
    /// [`crate::CatalogError::Io`]; what is left then is removed by the next writer of the part.
    pub fn abandon(mut self) -> Result<()> {
        let open: Vec<OpenFile> = self.open.take_all().collect();
        let (store, run) = (&self.store, &self.meta.run);
        for file in open {
            store.discard(file.writer.path())?;
        }
        if self.seen.is_some() {
            // Nothing of it was ever listed, and nobody else has any of these names.
            return remove_files(store, &self.files, &[]);
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
