//! Which parts a catalog has, and the begin of another.

use crate::bundles::Bundles;
use crate::end::end_path;
use crate::index::{read_checkpoint, read_index};
use crate::part::{Part, Written, lock_run, meta_path, unmark_begun};
use crate::writer::Target;
use crate::{Catalog, Result, RunWriter};
use tickloom_journal::RunMeta;

impl Catalog {
    /// Begins to write a part of a run. `source` says what its records come from; a part that is there from the same source is
    /// complete ([`Catalog::has_part`]), one from another is replaced when the writer finishes.
    ///
    /// # Errors
    /// [`crate::CatalogError::Journal`] if a run of this name with other instruments has other parts; [`crate::CatalogError::Io`].
    pub fn writer(&self, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        self.note(meta);
        let target = Target {
            store: self.store().clone(),
            room: self.room(),
            seen: None,
        };
        RunWriter::new(target, meta, part, source)
    }

    /// What was written as this part, if it is complete and comes from `source`. Of one of which retention dropped rows nothing, as what
    /// is imported again is wanted again; whether it did is not known of one that went into a bundle.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn has_part(&self, run: &str, part: u32, source: &str) -> Result<Option<Written>> {
        // In this order: a part that is covered in between is found in the checkpoint, whose word it is.
        let entry = Part::read(self.store(), run, part)?;
        if let Some((checkpoint, _)) = read_checkpoint(self.store(), run)?
            && let Some(covered) = checkpoint.parts.get(&part)
        {
            let own = checkpoint
                .files
                .iter()
                .filter(|live| live.parts == (part, part));
            let dropped = checkpoint.dropped.iter().map(|one| one.parts);
            let is_dropped = |(first, last): (u32, u32)| (first..=last).contains(&part);
            let is_whole = !dropped.into_iter().any(is_dropped);
            return Ok((covered.source == source && is_whole).then(|| Written {
                rows: covered.rows.clone(),
                files: own.map(|live| self.store().url(&live.file.path)).collect(),
            }));
        }
        if let Some(found) = entry {
            return Ok((found.source == source).then(|| found.written(self.store())));
        }
        let bundles = Bundles::read(self.store())?;
        let covered = bundles
            .bundle_of(run)
            .and_then(|(_, member)| member.parts.get(&part));
        let covered = covered.filter(|covered| covered.source == source);
        Ok(covered.map(|covered| Written {
            rows: covered.rows.clone(),
            files: Vec::new(),
        }))
    }

    /// What a part was made from, if it is complete.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn source_of_part(&self, run: &str, part: u32) -> Result<Option<String>> {
        // In this order: a part that is covered in between is found in the checkpoint, whose word it is.
        let entry = Part::read(self.store(), run, part)?;
        if let Some((checkpoint, _)) = read_checkpoint(self.store(), run)?
            && let Some(covered) = checkpoint.parts.get(&part)
        {
            return Ok(Some(covered.source.clone()));
        }
        if let Some(found) = entry {
            return Ok(Some(found.source));
        }
        let bundles = Bundles::read(self.store())?;
        let member = bundles.bundle_of(run).map(|(_, member)| member);
        Ok(member.and_then(|member| Some(member.parts.get(&part)?.source.clone())))
    }

    /// Forgets a run that was begun and of which no part was completed, so that its name is free; one that has any part stays. Files that
    /// it may have are listed nowhere.
    ///
    /// # Errors
    /// As [`Catalog::runs`]; [`crate::CatalogError::Io`].
    pub fn forget_begun(&self, run: &str) -> Result<()> {
        let store = self.store();
        let _lock = lock_run(store, run)?;
        let index = read_index(store, run)?;
        if index.version.is_some() || !index.parts.is_empty() {
            return Ok(());
        }
        store.remove(&end_path(run))?;
        unmark_begun(store, run, 0)?;
        store.remove(&meta_path(run))
    }

    /// The bundle that has the rows of a run.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn bundle_of(&self, run: &str) -> Result<Option<String>> {
        let bundles = Bundles::read(self.store())?;
        Ok(bundles.bundle_of(run).map(|(bundle, _)| bundle.to_owned()))
    }

    /// Whether retention has dropped rows of a run.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn has_dropped(&self, run: &str) -> Result<bool> {
        let checkpoint = read_checkpoint(self.store(), run)?;
        Ok(checkpoint.is_some_and(|(checkpoint, _)| !checkpoint.dropped.is_empty()))
    }

    /// The bundle that has the rows of a run, if retention has dropped rows of it.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn dropped_bundle(&self, run: &str) -> Result<Option<String>> {
        let bundle = self.bundle_of(run)?;
        Ok(match bundle {
            Some(bundle) if self.has_dropped(&bundle)? => Some(bundle),
            _ => None,
        })
    }

    /// Whether a part is complete, wherever it comes from.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn holds_part(&self, run: &str, part: u32) -> Result<bool> {
        Ok(self.source_of_part(run, part)?.is_some())
    }
}
