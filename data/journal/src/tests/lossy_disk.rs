//! A disk that keeps what was forced to it, and of the rest what chance leaves: pages that were written, lost or torn, lengths in
//! between, and names in any order.

use crate::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// `SplitMix64`.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    pub(super) fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// One file: what programs see, and what is on the disk for sure.
#[derive(Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    synced: Vec<u8>,
}

/// A change of names that is not yet on the disk for sure.
#[derive(Clone)]
enum Change {
    Put(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    /// Names as programs see them, and as they are on the disk for sure.
    seen: BTreeMap<PathBuf, usize>,
    synced: BTreeMap<PathBuf, usize>,
    changes: Vec<Change>,
    /// Operations until the power fails.
    left: usize,
}

/// The disk, over a real directory, which shows what programs see.
#[derive(Clone)]
pub(super) struct LossyDisk(Arc<Mutex<State>>);

impl LossyDisk {
    /// A disk that holds the files of `dir`, and fails after so many operations.
    pub(super) fn new(dir: &Path, left: usize) -> LossyDisk {
        let mut state = State {
            left,
            ..State::default()
        };
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let number = state.inodes.len();
            state.inodes.push(Inode {
                seen: bytes.clone(),
                synced: bytes,
            });
            state.seen.insert(path.clone(), number);
            state.synced.insert(path, number);
        }
        LossyDisk(Arc::new(Mutex::new(state)))
    }

    /// Does one operation, which is the last before the power fails if none is left. Of that one it is not known whether it was
    /// done: all after it are not.
    fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        if state.left == 0 {
            return Err(io::Error::other("the power has failed"));
        }
        state.left -= 1;
        Ok(step(&mut state))
    }

    /// Whether the power has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().left == 0
    }

    /// Puts into `dir` what is left after a power failure now.
    pub(super) fn crash(&self, dir: &Path, random: &mut Random) {
        let state = self.0.lock().unwrap();
        let mut names = state.synced.clone();
        // Each change of a name gets to the disk or does not, whatever becomes of those before it.
        for change in &state.changes {
            if random.chance(2) {
                continue;
            }
            match change {
                Change::Put(path, number) => {
                    names.insert(path.clone(), *number);
                }
                Change::Rename(from, to, number) => {
                    names.remove(from);
                    names.insert(to.clone(), *number);
                }
                Change::Remove(path) => {
                    names.remove(path);
                }
            }
        }
        for (path, number) in names {
            let bytes = state.inodes[number].survives(random);
            fs::write(dir.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

impl Inode {
    /// What is left of it: page by page as it was seen, as it was synced, or torn.
    fn survives(&self, random: &mut Random) -> Vec<u8> {
        let (seen, synced) = (&self.seen, &self.synced);
        let page = if random.chance(2) { 512 } else { 4096 };
        let len = if seen.len() < synced.len() || random.chance(2) {
            [seen.len(), synced.len()][random.below(2)]
        } else {
            synced.len() + random.below(seen.len() - synced.len() + 1)
        };
        let at = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
        let mut left = Vec::with_capacity(len);
        for start in (0..len).step_by(page) {
            let end = (start + page).min(len);
            let torn_at = match random.below(3) {
                0 => start,
                1 => end,
                _ => start + random.below(end - start),
            };
            // The beginning of a page may have got there, or its end.
            let is_turned = random.chance(4);
            for byte in start..end {
                let is_new = (byte < torn_at) != is_turned;
                left.push(if is_new {
                    at(seen, byte)
                } else {
                    at(synced, byte)
                });
            }
        }
        left
    }
}

impl Disk for LossyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenDir {
            disk: self.clone(),
            dir: dir.to_owned(),
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let number = self.step(|state| {
            if let Some(number) = state.seen.get(path) {
                state.inodes[*number].seen.clear();
                return *number;
            }
            let number = state.inodes.len();
            state.inodes.push(Inode::default());
            state.seen.insert(path.to_owned(), number);
            state.changes.push(Change::Put(path.to_owned(), number));
            number
        })?;
        drop(fs::remove_file(path));
        let real = File::create(path)?;
        Ok(Box::new(OpenFile {
            disk: self.clone(),
            number,
            real,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let number = self.0.lock().unwrap().seen.get(path).copied();
        Ok(Box::new(OpenFile {
            disk: self.clone(),
            number: number.ok_or(io::ErrorKind::NotFound)?,
            real: OpenOptions::new().write(true).open(path)?,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|state| {
            let number = state.seen.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.seen.insert(to.to_owned(), number);
            let change = Change::Rename(from.to_owned(), to.to_owned(), number);
            state.changes.push(change);
            // Some file systems write a file to the disk at once that takes the place of another: here nothing has to get there.
            drop(fs::remove_file(to));
            fs::rename(from, to)
        })?
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|state| {
            state.seen.remove(path);
            state.changes.push(Change::Remove(path.to_owned()));
            fs::remove_file(path)
        })?
    }
}

struct OpenFile {
    disk: LossyDisk,
    number: usize,
    real: File,
}

impl DiskFile for OpenFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let number = self.number;
        self.disk
            .step(|state| state.inodes[number].seen.extend_from_slice(bytes))?;
        Write::write_all(&mut self.real, bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let number = self.number;
        self.disk.step(|state| {
            let len = usize::try_from(len).unwrap();
            state.inodes[number].seen.truncate(len);
        })?;
        self.real.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let number = self.number;
        self.disk.step(|state| {
            let inode = &mut state.inodes[number];
            inode.synced = inode.seen.clone();
        })
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

struct OpenDir {
    disk: LossyDisk,
    dir: PathBuf,
}

impl DiskFile for OpenDir {
    fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::IsADirectory.into())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::IsADirectory.into())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        assert!(self.dir.is_dir());
        self.disk.step(|state| {
            state.synced = state.seen.clone();
            state.changes.clear();
        })
    }
}
