//! The files that are being written, by their partitions. Mostly a row goes where the one before it went.

use super::FileWriter;
use crate::partition::Partition;
use std::collections::HashMap;

/// A file that is being written.
pub(super) struct OpenFile {
    pub(super) writer: FileWriter,
    /// The row of the run that it got last.
    pub(super) last_row: u64,
}

/// Files that are being written.
#[derive(Default)]
pub(super) struct OpenFiles {
    files: Vec<(Partition, OpenFile)>,
    places: HashMap<Partition, usize>,
    /// Place of the file that was found last.
    last: usize,
}

impl OpenFiles {
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The file of a partition.
    #[inline]
    pub(super) fn get(&mut self, partition: &Partition) -> Option<&mut OpenFile> {
        let is_last = self.files.get(self.last).map(|(of, _)| of == partition);
        if is_last != Some(true) {
            self.last = *self.places.get(partition)?;
        }
        self.files.get_mut(self.last).map(|(_, file)| file)
    }

    pub(super) fn insert(&mut self, partition: Partition, file: OpenFile) {
        self.last = self.files.len();
        self.places.insert(partition, self.last);
        self.files.push((partition, file));
    }

    /// Takes the file out that has had no row for the longest, if its last one was so long ago.
    pub(super) fn take_idle(&mut self, rows: u64, idle_rows: u64) -> Option<OpenFile> {
        let files = self.files.iter().enumerate();
        let (at, (oldest, file)) = files.min_by_key(|(_, (_, file))| file.last_row)?;
        if rows - file.last_row < idle_rows {
            return None;
        }
        self.places.remove(oldest);
        let (_, taken) = self.files.swap_remove(at);
        if let Some((moved, _)) = self.files.get(at) {
            self.places.insert(*moved, at);
        }
        Some(taken)
    }

    /// Takes all files out.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = OpenFile> + use<> {
        self.places.clear();
        std::mem::take(&mut self.files)
            .into_iter()
            .map(|(_, file)| file)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OpenFile> {
        self.files.iter().map(|(_, file)| file)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OpenFile> {
        self.files.iter_mut().map(|(_, file)| file)
    }
}
