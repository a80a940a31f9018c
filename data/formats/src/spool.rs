//! Records in the order in which they came, packed: so many bytes of them in memory, and the rest in a temporary file that has no name, so
//! that nothing is left of it whatever happens. What is read back is what was put in, bit for bit.
//!
//! A record is eight words of 64 bits. Each is kept as its difference to what the record before lets expect, in as few bytes as that
//! needs: `lengths of the eight differences, four bits each (u32) | the bytes of each`, all little-endian. Records are packed into pieces
//! that are read on their own.

pub(crate) mod columns;
mod pieces;

use pieces::{PIECE_BYTES, Pieces, PiecesRead};

use crate::Result;
use tickloom_types::{RECORD_LEN, Record, Seq};

/// Words of a record.
const WORDS: usize = RECORD_LEN / 8;
/// Bytes of a packed record at most, and of what is written behind it.
const PACKED_MAX: usize = 4 + WORDS * 8;
const SLACK: usize = 8;

/// Takes records, to give them back.
pub struct Spool {
    packing: Packing,
    /// The piece that is being filled, and how much of it is.
    piece: Vec<u8>,
    used: usize,
    pieces: Pieces,
    count: u64,
}

impl Spool {
    /// Holds so many bytes in memory; what is more goes into a file in the system's directory for temporary files.
    #[must_use]
    pub fn new(bytes_max: u64) -> Spool {
        Spool {
            packing: Packing::default(),
            piece: Vec::new(),
            used: 0,
            pieces: Pieces::new(bytes_max),
            count: 0,
        }
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes a record.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`] if there is no room for a temporary file.
    pub fn push(&mut self, record: &Record) -> Result<()> {
        if self.used + PACKED_MAX + SLACK > self.piece.len() {
            self.next_piece()?;
        }
        self.used += self.packing.pack(record, &mut self.piece[self.used..]);
        self.count += 1;
        Ok(())
    }

    /// Puts the piece by and begins another.
    fn next_piece(&mut self) -> Result<()> {
        self.put_by()?;
        self.piece = vec![0; PIECE_BYTES];
        self.used = 0;
        self.packing = Packing::default();
        Ok(())
    }

    /// Puts by what is still being filled, so that a spool that holds nothing in memory holds nothing.
    ///
    /// # Errors
    /// As [`Spool::push`].
    pub(crate) fn put_by(&mut self) -> Result<()> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.truncate(self.used);
        self.used = 0;
        self.pieces.push(piece)
    }

    /// All records, in the order in which they came, with their place among them as their sequence.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`]; that is what an item is, too, if the temporary file cannot be read.
    pub fn read(mut self) -> Result<Spooled> {
        self.put_by()?;
        Ok(Spooled {
            pieces: self.pieces.read()?,
            packing: Packing::default(),
            piece: Vec::new(),
            at: 0,
            end: 0,
            seq: 0,
        })
    }
}

/// The records of a [`Spool`].
pub struct Spooled {
    pieces: PiecesRead,
    packing: Packing,
    /// The piece that is being read, with [`SLACK`] behind its end.
    piece: Vec<u8>,
    at: usize,
    end: usize,
    seq: Seq,
}

impl Spooled {
    /// Goes on to the next piece; false if there is none.
    fn next_piece(&mut self) -> Result<bool> {
        self.packing = Packing::default();
        self.at = 0;
        let is_one = self.pieces.next(&mut self.piece)?;
        self.end = self.piece.len();
        self.piece.resize(self.end + SLACK, 0);
        Ok(is_one)
    }
}

impl Iterator for Spooled {
    type Item = Result<(Seq, Record)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            match self.next_piece() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let Some((record, bytes)) = self.packing.unpack(&self.piece[self.at..]) else {
            self.at = self.end;
            return Some(Err(self.pieces.cut()));
        };
        self.at += bytes;
        let seq = self.seq;
        self.seq += 1;
        Some(Ok((seq, record)))
    }
}

/// What the records so far let expect of the next.
#[derive(Clone, Copy, Default)]
struct Packing {
    /// The words of the last record; of its second time, what it lies after the first.
    words: [u64; WORDS],
    /// How far its time lies after that of the one before.
    step: u64,
}

impl Packing {
    /// Packs a record to the beginning of `into`, which has room: its bytes.
    #[inline]
    fn pack(&mut self, record: &Record, into: &mut [u8]) -> usize {
        let words: [u64; WORDS] = zerocopy::transmute!(*record);
        let now = [
            words[0],
            words[1].wrapping_sub(words[0]),
            words[2],
            words[3],
            words[4],
            words[5],
            words[6],
            words[7],
        ];
        let step = words[0].wrapping_sub(self.words[0]);
        let mut lengths = 0_u32;
        let mut at = 4;
        for (word, (now, before)) in now.iter().zip(self.words).enumerate() {
            let difference = match word {
                0 => step.wrapping_sub(self.step),
                // Of identifiers bits change, and not amounts.
                2 => *now ^ before,
                _ => now.wrapping_sub(before),
            };
            let folded = fold(difference, word);
            let length = (71 - folded.leading_zeros()) / 8;
            lengths |= length << (4 * word);
            if let Some(place) = into.get_mut(at..at + 8) {
                place.copy_from_slice(&folded.to_le_bytes());
            }
            at += length as usize;
        }
        if let Some(place) = into.first_chunk_mut() {
            *place = lengths.to_le_bytes();
        }
        self.words = now;
        self.step = step;
        at
    }

    /// The record that is packed at the beginning of these bytes, which have [`SLACK`] behind its end, and how many bytes it has.
    #[inline]
    fn unpack(&mut self, bytes: &[u8]) -> Option<(Record, usize)> {
        let lengths = u32::from_le_bytes(*bytes.first_chunk()?);
        let mut at = 4;
        let mut words = [0; WORDS];
        for (word, value) in words.iter_mut().enumerate() {
            let length = (lengths >> (4 * word) & 0xf) as usize;
            let raw = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
            let folded = raw & MASKS[length.min(8)];
            at += length.min(8);
            let difference = unfold(folded, word);
            let before = self.words[word];
            *value = match word {
                0 => {
                    self.step = self.step.wrapping_add(difference);
                    before.wrapping_add(self.step)
                }
                2 => before ^ difference,
                _ => before.wrapping_add(difference),
            };
        }
        self.words = words;
        words[1] = words[1].wrapping_add(words[0]);
        Some((zerocopy::transmute!(words), at))
    }
}

/// The lowest bytes of a word, by how many they are.
const MASKS: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut at = 0;
    while at < 8 {
        masks[at] = (1 << (8 * at)) - 1;
        at += 1;
    }
    masks
};

/// A difference with its sign in the lowest bit, so that small ones have few bytes whatever their sign is.
#[inline]
fn fold(difference: u64, word: usize) -> u64 {
    match word {
        2 => difference,
        _ => (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned(),
    }
}

#[inline]
fn unfold(folded: u64, word: usize) -> u64 {
    match word {
        2 => folded,
        _ => (folded >> 1) ^ (folded & 1).wrapping_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickloom_types::{BarBody, Header, InstrumentId, Kind, SourceId, Ts};

    fn back(records: &[Record], bytes_max: u64) -> (Vec<Record>, bool) {
        let mut spool = Spool::new(bytes_max);
        for record in records {
            spool.push(record).unwrap();
        }
        assert_eq!(spool.len(), records.len() as u64);
        let has_file = spool.pieces.has_file();
        let read = spool.read().unwrap();
        let mut found = Vec::new();
        for (at, next) in read.enumerate() {
            let (seq, record) = next.unwrap();
            assert_eq!(seq, at as u64);
            found.push(record);
        }
        (found, has_file)
    }

    #[test]
    fn bars_take_little_and_come_back() {
        let bar = |minute: i64| {
            let ts = Ts(minute * 60_000_000_000);
            let close = 10_000 + minute * 7_919 % 61;
            let body = BarBody {
                open: close - 3,
                high: close + 5,
                low: close - 9,
                close,
                volume: minute * 31 % 997,
            };
            body.record(Header::new(Kind::Bar, InstrumentId(0), SourceId(1), ts, ts))
        };
        let records: Vec<Record> = (0..50_000).map(bar).collect();
        let mut spool = Spool::new(u64::MAX);
        records.iter().for_each(|r| spool.push(r).unwrap());
        let bytes = spool.pieces.held() + spool.used;
        assert!(bytes < 13 * records.len(), "{bytes}");
        for (bytes_max, has_file) in [(u64::MAX, false), (0, true), (300_000, true)] {
            assert!(back(&records, bytes_max) == (records.clone(), has_file));
        }
        assert_eq!(back(&[], 0), (Vec::new(), false));
    }

    proptest! {
        #[test]
        fn any_record_comes_back(
            words in prop::collection::vec(prop::array::uniform8(prop_oneof![any::<u64>(), 0_u64..300, Just(u64::MAX), Just(1 << 63)]), 0..200),
        ) {
            let records: Vec<Record> = words.into_iter().map(|words| zerocopy::transmute!(words)).collect();
            for bytes_max in [0, u64::MAX] {
                prop_assert_eq!(&back(&records, bytes_max).0, &records);
            }
        }

        #[test]
        fn any_bytes_are_no_fault(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut packing = Packing::default();
            let mut at = 0;
            while let Some((_, length)) = packing.unpack(&bytes[at.min(bytes.len())..]) {
                at += length;
            }
        }
    }
}
