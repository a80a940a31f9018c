//! The bytes of a file's records. What is in memory stays where it is; what is read is held, if it is not too much, so that the file is
//! read and unpacked once.

use crate::import::input::BUFFER_BYTES;
use bytes::Bytes;
use std::io::{self, Read};

/// Bytes that lie together: they are worked on while they are near. Behind the rest of a record there is room for all that a reader with a
/// buffer hands out past it.
const PIECE_BYTES: usize = BUFFER_BYTES + RECORD_BYTES_MAX;
const RECORD_BYTES_MAX: usize = 1 << 10;

/// Bytes of whole records, one after the other; the last may lack its end.
pub(super) struct Source {
    /// What is at hand, from `at` to `end`.
    piece: Piece,
    at: usize,
    end: usize,
    /// Bytes before the piece.
    before: u64,
    rest: Rest,
}

enum Piece {
    /// Is filled further.
    Filling(Vec<u8>),
    Held(Bytes),
}

enum Rest {
    /// Is read; with it the pieces so far, and how many bytes they may have, unless they are too many.
    Read(Box<dyn Read>, Option<(Vec<Bytes>, usize)>),
    /// Pieces in memory, and how many of them were begun.
    Held(Vec<Bytes>, usize),
}

impl Source {
    /// `before` bytes were read already of a file, which has `size` bytes at least; `held_max` bytes may be held.
    pub(super) fn read(reader: Box<dyn Read>, before: u64, size: u64, held_max: usize) -> Source {
        let can_be_held = size <= held_max as u64;
        Source {
            piece: Piece::Filling(Vec::new()),
            at: 0,
            end: 0,
            before,
            rest: Rest::Read(reader, can_be_held.then_some((Vec::new(), held_max))),
        }
    }

    /// Of records that are in memory, `before` bytes behind the beginning of the file. Records do not lie across pieces.
    pub(super) fn held(pieces: Vec<Bytes>, before: u64) -> Source {
        Source {
            piece: Piece::Held(Bytes::new()),
            at: 0,
            end: 0,
            before,
            rest: Rest::Held(pieces, 0),
        }
    }

    /// All that was read, to be read again from its beginning; none if it was too much to be held.
    pub(super) fn again(self, before: u64) -> Option<Source> {
        let pieces = match self.rest {
            Rest::Held(pieces, _) => pieces,
            Rest::Read(_, pieces) => {
                let (mut pieces, _) = pieces?;
                if let Piece::Filling(mut piece) = self.piece {
                    piece.truncate(self.end);
                    pieces.push(piece.into());
                }
                pieces
            }
        };
        Some(Source::held(pieces, before))
    }

    /// What is at hand; it begins where a record does.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        let piece = match &self.piece {
            Piece::Filling(piece) => piece.as_slice(),
            Piece::Held(piece) => piece,
        };
        piece.get(self.at..self.end).unwrap_or_default()
    }

    /// Leaves so many bytes behind, those of whole records.
    #[inline]
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.end);
    }

    /// How many bytes were left behind, with those before the records.
    pub(super) fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Gets more at hand; false at the end.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        match &mut self.rest {
            Rest::Held(pieces, begun) => {
                // What is left is no whole record, and nothing follows it.
                let Some(next) = pieces.get(*begun).filter(|_| self.at == self.end) else {
                    return Ok(false);
                };
                *begun += 1;
                self.before += self.end as u64;
                (self.at, self.end) = (0, next.len());
                self.piece = Piece::Held(next.clone());
                Ok(true)
            }
            Rest::Read(reader, held) => {
                let Piece::Filling(piece) = &mut self.piece else {
                    return Ok(false);
                };
                if self.end == piece.len() {
                    roll_over(piece, (self.at, self.end), held);
                    self.before += self.at as u64;
                    (self.at, self.end) = (0, self.end - self.at);
                }
                let got = loop {
                    match reader.read(piece.get_mut(self.end..).unwrap_or_default()) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        got => break got?,
                    }
                };
                self.end += got;
                Ok(got > 0)
            }
        }
    }
}

/// Begins a piece with what is left of the one before, of which all before `at` was read; that one is held, if there is room.
fn roll_over(
    piece: &mut Vec<u8>,
    (at, end): (usize, usize),
    held: &mut Option<(Vec<Bytes>, usize)>,
) {
    if let Some((pieces, bytes_max)) = held {
        let mut next = vec![0; PIECE_BYTES];
        let left = piece.get(at..end).unwrap_or_default();
        if let Some(start) = next.get_mut(..left.len()) {
            start.copy_from_slice(left);
        }
        let mut done = std::mem::replace(piece, next);
        done.truncate(at);
        if !done.is_empty() {
            pieces.push(done.into());
        }
        if pieces.len() * PIECE_BYTES > *bytes_max {
            *held = None;
        }
        return;
    }
    piece.copy_within(at..end, 0);
    piece.resize(PIECE_BYTES, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives few bytes at a time.
    struct Slowly(Vec<u8>, usize, usize);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = &self.0[self.1..];
            let got = left.len().min(buffer.len()).min(self.2);
            buffer[..got].copy_from_slice(&left[..got]);
            self.1 += got;
            Ok(got)
        }
    }

    /// All bytes, read in records of so many bytes.
    fn read_through(source: &mut Source, record: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let whole = source.data().len() / record * record;
            assert_eq!(source.offset(), 8 + all.len() as u64);
            all.extend_from_slice(&source.data()[..whole]);
            source.pass(whole);
            if !source.more().unwrap() {
                all.extend_from_slice(source.data());
                return all;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_was_read_is_read_again(
            length in 0..3 * PIECE_BYTES,
            record in 16..200_usize,
            at_once in 1_000..2 * PIECE_BYTES,
        ) {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let mut source = Source::read(Box::new(Slowly(bytes.clone(), 0, at_once)), 8, 0, 32 << 20);
            prop_assert!(read_through(&mut source, record) == bytes);
            let mut again = source.again(8).unwrap();
            prop_assert!(read_through(&mut again, record) == bytes);
            prop_assert!(read_through(&mut again.again(8).unwrap(), record) == bytes);
        }
    }

    #[test]
    fn what_is_too_much_is_not_held() {
        let held_max = 8 * PIECE_BYTES;
        let length = held_max + 3 * PIECE_BYTES;
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        for size in [0, length as u64] {
            let reader = Box::new(io::Cursor::new(bytes.clone()));
            let mut source = Source::read(reader, 8, size, held_max);
            assert!(read_through(&mut source, 56) == bytes);
            assert!(source.again(8).is_none());
        }
    }
}
