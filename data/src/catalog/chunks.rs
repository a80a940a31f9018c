//! The bytes of one Parquet file as its reader asks for them: from a local file, or by ranges from an object store.

use super::store::Store;
use crate::limits::BLOCK_BYTES;
use crate::{DataError, Result};
use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// An open file of a store.
pub(crate) enum Chunks {
    /// On a local disk.
    Local(File),
    /// In an object store.
    Remote(RemoteChunks),
}

/// A file in an object store, read in blocks so that neighbouring small reads cost one request.
#[derive(Clone)]
pub(crate) struct RemoteChunks {
    store: Store,
    path: PathBuf,
    len: u64,
}

impl Chunks {
    pub(crate) fn open(store: &Store, path: &Path) -> Result<Chunks> {
        if !store.is_remote() {
            let whole = store.url(path);
            let file = File::open(&whole).map_err(DataError::io("open", &whole))?;
            return Ok(Chunks::Local(file));
        }
        let (_, len) = store.read_end(path, 1)?;
        Ok(Chunks::Remote(RemoteChunks {
            store: store.clone(),
            path: path.to_owned(),
            len,
        }))
    }
}

impl RemoteChunks {
    /// Bytes from `start` on: at least one unless the file ends there, at most `len`.
    fn some(&self, start: u64, len: u64) -> Result<Bytes> {
        let end = self.len.min(start.saturating_add(len));
        self.store.read_range(&self.path, start..end.max(start))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        match self {
            Chunks::Local(file) => Length::len(file),
            Chunks::Remote(remote) => remote.len,
        }
    }
}

impl ChunkReader for Chunks {
    type T = ChunkRead;

    fn get_read(&self, start: u64) -> parquet::errors::Result<ChunkRead> {
        Ok(match self {
            Chunks::Local(file) => ChunkRead::Local(file.get_read(start)?),
            Chunks::Remote(remote) => ChunkRead::Remote {
                chunks: remote.clone(),
                at: start,
                block: Bytes::new(),
            },
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        match self {
            Chunks::Local(file) => file.get_bytes(start, length),
            Chunks::Remote(remote) => {
                let bytes = remote
                    .some(start, length as u64)
                    .map_err(|error| ParquetError::External(Box::new(error)))?;
                if bytes.len() < length {
                    let end = start.saturating_add(length as u64);
                    return Err(ParquetError::EOF(format!(
                        "the file ends before byte {end}"
                    )));
                }
                Ok(bytes)
            }
        }
    }
}

/// Reads on from a place in a file.
pub(crate) enum ChunkRead {
    Local(BufReader<File>),
    Remote {
        chunks: RemoteChunks,
        at: u64,
        block: Bytes,
    },
}

impl Read for ChunkRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            ChunkRead::Local(file) => file.read(into),
            ChunkRead::Remote { chunks, at, block } => {
                if block.is_empty() {
                    *block = chunks.some(*at, BLOCK_BYTES).map_err(io::Error::other)?;
                }
                let count = block.len().min(into.len());
                block.copy_to_slice(&mut into[..count]);
                *at += count as u64;
                Ok(count)
            }
        }
    }
}
