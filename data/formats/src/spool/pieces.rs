//! Pieces of bytes in the order in which they came: so many bytes of them in memory, and the rest in a temporary file that has no name.

use crate::{FormatError, Result};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::PathBuf;

/// Bytes that a piece has at most.
pub(crate) const PIECE_BYTES: usize = 128 << 10;

/// Takes pieces, to give them back.
pub(crate) struct Pieces {
    dir: PathBuf,
    bytes_max: usize,
    /// Those in memory, after those in the file.
    pieces: Vec<Vec<u8>>,
    held: usize,
    file: Option<File>,
}

impl Pieces {
    /// Holds so many bytes in memory; what is more goes into a file in the system's directory for temporary files.
    pub(crate) fn new(bytes_max: u64) -> Pieces {
        Pieces {
            dir: std::env::temp_dir(),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            pieces: Vec::new(),
            held: 0,
            file: None,
        }
    }

    /// Takes a piece of at most [`PIECE_BYTES`]; an empty one is none.
    pub(crate) fn push(&mut self, mut piece: Vec<u8>) -> Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        piece.shrink_to_fit();
        self.held += piece.len();
        self.pieces.push(piece);
        if self.held > self.bytes_max {
            self.write_pieces()?;
        }
        Ok(())
    }

    fn write_pieces(&mut self) -> Result<()> {
        let failed = |error| FormatError::io("write a temporary file in", &self.dir)(error);
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile_in(&self.dir).map_err(failed)?;
                self.file.insert(file)
            }
        };
        for piece in self.pieces.drain(..) {
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            file.write_all(&length.to_le_bytes())
                .and_then(|()| file.write_all(&piece))
                .map_err(|error| FormatError::io("write a temporary file in", &self.dir)(error))?;
        }
        self.held = 0;
        Ok(())
    }

    /// All pieces, in the order in which they came.
    pub(crate) fn read(mut self) -> Result<PiecesRead> {
        let file = match self.file.take() {
            Some(mut file) => {
                file.rewind()
                    .map_err(FormatError::io("read a temporary file in", &self.dir))?;
                Some(BufReader::with_capacity(PIECE_BYTES, file))
            }
            None => None,
        };
        Ok(PiecesRead {
            dir: self.dir,
            file,
            pieces: self.pieces.into_iter(),
        })
    }

    /// Bytes in memory.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Whether some are in a file.
    #[cfg(test)]
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }
}

/// The pieces of [`Pieces`].
pub(crate) struct PiecesRead {
    dir: PathBuf,
    file: Option<BufReader<File>>,
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl PiecesRead {
    /// Puts the next piece into `piece`, whatever was in it; false if there is none.
    pub(crate) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        if let Some(file) = &mut self.file {
            let mut length = [0; 4];
            let failed = || FormatError::io("read a temporary file in", &self.dir);
            match read_length(file, &mut length).map_err(failed())? {
                false => self.file = None,
                true => {
                    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
                    piece.clear();
                    piece.resize(length.min(PIECE_BYTES), 0);
                    file.read_exact(piece).map_err(failed())?;
                    return Ok(true);
                }
            }
        }
        let next = self.pieces.next();
        let is_one = next.is_some();
        *piece = next.unwrap_or_default();
        Ok(is_one)
    }

    /// The error for a piece that ends too early.
    pub(crate) fn cut(&self) -> FormatError {
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        FormatError::io("read a temporary file in", &self.dir)(cut)
    }
}

/// Fills the length; false at the end of the file.
fn read_length(file: &mut impl Read, length: &mut [u8; 4]) -> io::Result<bool> {
    let got = file.read(length)?;
    if got == 0 {
        return Ok(false);
    }
    file.read_exact(&mut length[got..])?;
    Ok(true)
}
