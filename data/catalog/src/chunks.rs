//! The bytes of one Parquet file as its reader asks for them: from a local file, or from an object store in blocks, since the
//! columns that are read lie side by side and each request costs a round trip.

use super::cache::{Cache, CacheKey, Cached, Piece};
use super::store::Store;
use crate::limits::BLOCK_BYTES;
use crate::{CatalogError, Result};
use bytes::{Buf, Bytes, BytesMut};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are read on at a time where it is not known how many will be wanted.
const READ_ON_BYTES: usize = 16 << 10;

/// An open file of a store. Clones share it.
#[derive(Clone)]
pub(crate) enum Chunks {
    /// On a local disk.
    Local(Arc<File>),
    /// All of a small file of a local disk.
    Held(Bytes),
    /// In an object store.
    Remote(Arc<RemoteChunks>),
}

/// A file in an object store.
pub(crate) struct RemoteChunks {
    store: Store,
    path: PathBuf,
    /// Names this writing of the file in the cache.
    file: u64,
    cache: Arc<Cache>,
    block_bytes: u64,
    len: u64,
    /// The last bytes of the file, where it says what it has.
    end: Bytes,
}

impl Chunks {
    /// Opens a file that is read once.
    pub(crate) fn open_once(store: &Store, path: &Path) -> Result<Chunks> {
        Chunks::open(store, path, 0, &Arc::new(Cache::new(0)), BLOCK_BYTES)
    }

    pub(crate) fn open(
        store: &Store,
        path: &Path,
        file: u64,
        cache: &Arc<Cache>,
        block_bytes: u64,
    ) -> Result<Chunks> {
        if let Some(whole) = store.local_path(path) {
            let file = File::open(&whole).map_err(CatalogError::io("open", &whole))?;
            return Ok(Chunks::Local(Arc::new(file)));
        }
        let piece = Piece::End;
        let (end, len) = match cache.get(&CacheKey { file, piece }) {
            Some(Cached::End(end, len)) => (end, len),
            _ => {
                let (end, len) = store.read_end(path, block_bytes)?;
                cache.count_fetched(end.len());
                let value = Cached::End(end.clone(), len);
                cache.insert(CacheKey { file, piece }, value);
                (end, len)
            }
        };
        Ok(Chunks::Remote(Arc::new(RemoteChunks {
            store: store.clone(),
            path: path.to_owned(),
            file,
            cache: Arc::clone(cache),
            block_bytes,
            len,
            end,
        })))
    }
}

/// Bytes of a file that are read at once when it is opened.
pub(crate) const HELD_BYTES: u64 = 64 << 10;

impl Chunks {
    /// The same, in memory if it is a small file of a local disk.
    pub(crate) fn held(self) -> Result<Chunks, ParquetError> {
        match &self {
            Chunks::Local(file) => match Length::len(file.as_ref()) {
                length if length <= HELD_BYTES => {
                    Ok(Chunks::Held(self.get_bytes(0, place(length))?))
                }
                _ => Ok(self),
            },
            _ => Ok(self),
        }
    }
}

impl RemoteChunks {
    fn read(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.saturating_add(length as u64).min(self.len);
        let end_at = self.len - self.end.len() as u64;
        if start >= end_at {
            let from = place(start.min(self.len) - end_at);
            return Ok(self
                .end
                .slice(from..from + place(end.saturating_sub(start))));
        }
        if !self.cache.is_on() {
            let bytes = self.store.read_range(&self.path, start..end)?;
            self.cache.count_fetched(bytes.len());
            return Ok(bytes);
        }
        let mut all = BytesMut::new();
        let mut at = start;
        while at < end {
            let number = at / self.block_bytes;
            let block = self.block(number)?;
            let from = place(at - number * self.block_bytes);
            let to = block.len().min(from + place(end - at));
            if from >= to {
                break;
            }
            if to - from == place(end - start) {
                return Ok(block.slice(from..to));
            }
            all.extend_from_slice(&block[from..to]);
            at += (to - from) as u64;
        }
        Ok(all.freeze())
    }

    fn block(&self, number: u64) -> Result<Bytes> {
        let key = CacheKey {
            file: self.file,
            piece: Piece::Block {
                bytes: self.block_bytes,
                number,
            },
        };
        if let Some(Cached::Block(block)) = self.cache.get(&key) {
            return Ok(block);
        }
        let start = number * self.block_bytes;
        let end = self.len.min(start + self.block_bytes);
        let block = self.store.read_range(&self.path, start..end)?;
        self.cache.count_fetched(block.len());
        self.cache.insert(key, Cached::Block(block.clone()));
        Ok(block)
    }
}

/// A distance within what is in memory.
fn place(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Reads at a place, without moving the place that clones of the file share.
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, into, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, into, at);
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        match self {
            Chunks::Local(file) => Length::len(file.as_ref()),
            Chunks::Held(bytes) => bytes.len() as u64,
            Chunks::Remote(remote) => remote.len,
        }
    }
}

impl ChunkReader for Chunks {
    type T = ReadOn;

    fn get_read(&self, start: u64) -> parquet::errors::Result<ReadOn> {
        Ok(ReadOn {
            chunks: self.clone(),
            at: start,
            ahead: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // A hostile length must not make room for what the file does not have.
        let end = start.saturating_add(length as u64);
        if end > self.len() {
            return Err(ParquetError::EOF(format!(
                "the file ends before byte {end}"
            )));
        }
        match self {
            Chunks::Held(bytes) => Ok(bytes.slice(place(start)..place(end))),
            Chunks::Local(file) => {
                let mut bytes = vec![0; length];
                let mut done = 0;
                while done < length {
                    let read = read_at(file, &mut bytes[done..], start + done as u64)?;
                    if read == 0 {
                        return Err(ParquetError::EOF(format!(
                            "the file ends before byte {end}"
                        )));
                    }
                    done += read;
                }
                Ok(bytes.into())
            }
            Chunks::Remote(remote) => remote
                .read(start, length)
                .map_err(|error| ParquetError::External(Box::new(error))),
        }
    }
}

/// Reads on from a place in a file.
pub(crate) struct ReadOn {
    chunks: Chunks,
    at: u64,
    ahead: Bytes,
}

impl Read for ReadOn {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            let left = place(self.chunks.len().saturating_sub(self.at));
            let bytes = self
                .chunks
                .get_bytes(self.at, left.min(READ_ON_BYTES.max(into.len())));
            self.ahead = bytes.map_err(io::Error::other)?;
        }
        let count = self.ahead.len().min(into.len());
        self.ahead.copy_to_slice(&mut into[..count]);
        self.at += count as u64;
        Ok(count)
    }
}
