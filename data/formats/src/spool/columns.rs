//! Rows of whole numbers as columns, packed: what is read back is what was put in, whatever the numbers are.
//!
//! Some rows at a time make a block: `rows (u16) | for each column: how it is packed (u8), its first number (i64), and for each other
//! row how much it differs from the one before`, all little-endian, in as few bytes as the greatest difference of the block needs. Of the
//! first column, which is of times, it is how much a step differs from the step before, in as large a unit as all of them have, and the
//! first step (i64) comes before them.

use super::pieces::{PIECE_BYTES, Pieces, PiecesRead};
use crate::Result;

/// Columns of a block.
pub(crate) const COLUMNS: usize = 8;
/// Rows of a block at most.
pub(crate) const BLOCK_ROWS: usize = 1024;
/// Bytes of a packed block at most.
const BLOCK_BYTES: usize = 2 + 8 + COLUMNS * (9 + 8 * BLOCK_ROWS);
/// Nanoseconds of the units in which times are packed.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
/// Bytes that a difference may have.
const WIDTHS: [u8; 6] = [0, 1, 2, 3, 4, 8];

const _: () = assert!(BLOCK_BYTES <= PIECE_BYTES);

/// Columns of equal length.
pub(crate) type Columns = [Vec<i64>; COLUMNS];

/// Takes rows, to give them back.
pub(crate) struct ColumnSpool {
    block: Columns,
    differences: Vec<i64>,
    piece: Vec<u8>,
    pieces: Pieces,
    count: u64,
}

impl ColumnSpool {
    /// Holds so many bytes in memory; what is more goes into a temporary file.
    pub(crate) fn new(bytes_max: u64) -> ColumnSpool {
        ColumnSpool {
            block: Columns::default(),
            differences: Vec::new(),
            piece: Vec::new(),
            pieces: Pieces::new(bytes_max),
            count: 0,
        }
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// Takes a row.
    #[inline]
    pub(crate) fn push(&mut self, row: [i64; COLUMNS]) -> Result<()> {
        for (column, value) in self.block.iter_mut().zip(row) {
            column.push(value);
        }
        self.count += 1;
        match self.room() {
            0 => self.end_block(),
            _ => Ok(()),
        }
    }

    /// Takes so many rows: `fill` appends those of a range to each column.
    pub(crate) fn extend(
        &mut self,
        rows: usize,
        mut fill: impl FnMut(&mut Columns, std::ops::Range<usize>),
    ) -> Result<()> {
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + self.room());
            fill(&mut self.block, from..to);
            self.count += (to - from) as u64;
            from = to;
            if self.room() == 0 {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Rows for which the block has room.
    #[inline]
    fn room(&self) -> usize {
        BLOCK_ROWS.saturating_sub(self.block[0].len())
    }

    fn end_block(&mut self) -> Result<()> {
        let rows = self.block[0].len();
        if rows == 0 {
            return Ok(());
        }
        if self.piece.len() + BLOCK_BYTES > PIECE_BYTES {
            self.pieces.push(std::mem::take(&mut self.piece))?;
            self.piece.reserve(PIECE_BYTES);
        }
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        self.piece.extend_from_slice(&rows.to_le_bytes());
        for (at, column) in self.block.iter_mut().enumerate() {
            pack(column, at == 0, &mut self.differences, &mut self.piece);
            column.clear();
        }
        Ok(())
    }

    /// All rows, in the order in which they came.
    pub(crate) fn read(mut self) -> Result<ColumnsRead> {
        self.end_block()?;
        self.pieces.push(std::mem::take(&mut self.piece))?;
        Ok(ColumnsRead {
            pieces: self.pieces.read()?,
            piece: Vec::new(),
            at: 0,
        })
    }

    /// Bytes in memory.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.pieces.held() + self.piece.len()
    }
}

/// The rows of a [`ColumnSpool`].
pub(crate) struct ColumnsRead {
    pieces: PiecesRead,
    piece: Vec<u8>,
    at: usize,
}

impl ColumnsRead {
    /// Puts the next rows into columns, whatever was in them: how many they are, none at the end.
    pub(crate) fn next(&mut self, columns: &mut Columns) -> Result<usize> {
        if self.at >= self.piece.len() {
            self.at = 0;
            if !self.pieces.next(&mut self.piece)? {
                return Ok(0);
            }
        }
        let bytes = self.piece.get(self.at..).unwrap_or_default();
        let Some((rows, length)) = unpack_block(bytes, columns) else {
            self.at = self.piece.len();
            return Err(self.pieces.cut());
        };
        self.at += length;
        Ok(rows)
    }
}

/// Packs a column of at least one row.
fn pack(values: &[i64], are_times: bool, differences: &mut Vec<i64>, piece: &mut Vec<u8>) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    differences.clear();
    let pairs = values.iter().zip(rest);
    differences.extend(pairs.map(|(before, now)| now.wrapping_sub(*before)));
    let mut unit = 0;
    let first_step = differences.first().copied().unwrap_or_default();
    if are_times {
        let mut before = first_step;
        for step in differences.iter_mut() {
            (before, *step) = (*step, step.wrapping_sub(before));
        }
        unit = unit_of(differences);
    }
    // The bits that any of them has beside its sign, without a comparison for each.
    let magnitude = |difference: &i64| (difference ^ (difference >> 63)).cast_unsigned();
    let all = differences.iter().fold(0, |all, d| all | magnitude(d));
    let any = differences.iter().fold(0, |any, d| any | d);
    let fits = |width: &u8| match u32::from(*width) {
        0 => any == 0,
        width => all.checked_shr(8 * width - 1).unwrap_or(0) == 0,
    };
    let code = WIDTHS.iter().position(fits).unwrap_or(WIDTHS.len() - 1);
    piece.push(u8::try_from(code | unit << 4).unwrap_or_default());
    piece.extend_from_slice(&first.to_le_bytes());
    if are_times {
        piece.extend_from_slice(&first_step.to_le_bytes());
    }
    match WIDTHS.get(code) {
        Some(0) => {}
        Some(1) => write::<1>(differences, piece),
        Some(2) => write::<2>(differences, piece),
        Some(3) => write::<3>(differences, piece),
        Some(4) => write::<4>(differences, piece),
        _ => write::<8>(differences, piece),
    }
}

/// Divides times by the largest unit that all of them have: which one.
fn unit_of(times: &mut [i64]) -> usize {
    fn divide<const UNIT: i64>(times: &mut [i64]) -> bool {
        let are_whole = times.iter().all(|time| *time % UNIT == 0);
        if are_whole {
            times.iter_mut().for_each(|time| *time /= UNIT);
        }
        are_whole
    }
    if divide::<1_000_000_000>(times) {
        return 3;
    }
    if divide::<1_000_000>(times) {
        return 2;
    }
    usize::from(divide::<1_000>(times))
}

#[inline]
fn write<const N: usize>(differences: &[i64], piece: &mut Vec<u8>) {
    let from = piece.len();
    piece.resize(from + N * differences.len(), 0);
    let places = piece[from..].chunks_exact_mut(N);
    for (place, difference) in places.zip(differences) {
        place.copy_from_slice(&difference.to_le_bytes()[..N]);
    }
}

/// The rows of the block at the beginning of these bytes, and how many bytes it has.
fn unpack_block(bytes: &[u8], columns: &mut Columns) -> Option<(usize, usize)> {
    let rows = usize::from(u16::from_le_bytes(*bytes.first_chunk()?));
    let differences = rows.checked_sub(1)?;
    let mut at = 2;
    for (place, column) in columns.iter_mut().enumerate() {
        let code = *bytes.get(at)?;
        let width = usize::from(*WIDTHS.get(usize::from(code & 0xf))?);
        let unit = *UNITS.get(usize::from(code >> 4))?;
        let first = i64::from_le_bytes(*bytes.get(at + 1..)?.first_chunk()?);
        at += 9;
        let mut step = 0_i64;
        if place == 0 {
            step = i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
            at += 8;
        }
        let packed = bytes.get(at..at + width * differences)?;
        at += packed.len();
        column.clear();
        column.push(first);
        if place == 0 {
            let mut now = first;
            let next = |difference: i64| {
                step = step.wrapping_add(difference.wrapping_mul(unit));
                now = now.wrapping_add(step);
                now
            };
            read(packed, width, differences, column, next);
        } else {
            let mut now = first;
            let next = |difference: i64| {
                now = now.wrapping_add(difference);
                now
            };
            read(packed, width, differences, column, next);
        }
    }
    Some((rows, at))
}

/// Appends what `next` makes of each difference.
#[inline]
fn read(
    packed: &[u8],
    width: usize,
    count: usize,
    column: &mut Vec<i64>,
    mut next: impl FnMut(i64) -> i64,
) {
    match width {
        0 => column.extend((0..count).map(|_| next(0))),
        1 => column.extend(
            packed
                .iter()
                .map(|byte| next(i64::from(byte.cast_signed()))),
        ),
        2 => column.extend(packed.chunks_exact(2).map(|bytes| next(number::<2>(bytes)))),
        3 => column.extend(packed.chunks_exact(3).map(|bytes| next(number::<3>(bytes)))),
        4 => column.extend(packed.chunks_exact(4).map(|bytes| next(number::<4>(bytes)))),
        _ => column.extend(packed.chunks_exact(8).map(|bytes| next(number::<8>(bytes)))),
    }
}

/// A number of so many bytes, the highest bit of which is its sign.
#[inline]
fn number<const N: usize>(bytes: &[u8]) -> i64 {
    let mut word = [0; 8];
    word[8 - N..].copy_from_slice(bytes);
    i64::from_le_bytes(word) >> (64 - 8 * N)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spool(rows: &[[i64; COLUMNS]], bytes_max: u64, at_once: usize) -> ColumnSpool {
        let mut spool = ColumnSpool::new(bytes_max);
        for rows in rows.chunks(at_once.max(1)) {
            match rows {
                [row] => spool.push(*row).unwrap(),
                rows => {
                    let fill = |block: &mut Columns, range: std::ops::Range<usize>| {
                        for row in &rows[range] {
                            for (column, value) in block.iter_mut().zip(row) {
                                column.push(*value);
                            }
                        }
                    };
                    spool.extend(rows.len(), fill).unwrap();
                }
            }
        }
        assert_eq!(spool.len(), rows.len() as u64);
        spool
    }

    fn back(spool: ColumnSpool) -> Vec<[i64; COLUMNS]> {
        let mut read = spool.read().unwrap();
        let (mut columns, mut found) = (Columns::default(), Vec::new());
        loop {
            let rows = read.next(&mut columns).unwrap();
            if rows == 0 {
                return found;
            }
            assert!(columns.iter().all(|column| column.len() == rows));
            found.extend((0..rows).map(|row| std::array::from_fn(|at| columns[at][row])));
        }
    }

    #[test]
    fn bars_take_little_and_come_back() {
        let bar = |minute: i64| {
            let close = 10_000 + minute * 7_919 % 61;
            let volume = minute * 31 % 997;
            [
                minute * 60_000_000_000,
                0,
                0,
                close - 3,
                close + 5,
                close - 9,
                close,
                volume,
            ]
        };
        let rows: Vec<_> = (0..50_000).map(bar).collect();
        let packed = spool(&rows, u64::MAX, 1).held();
        // Four prices of one byte and a volume of two; times, lags and instruments take none.
        assert!(packed < 50_000 * 62 / 10, "{packed}");
        for bytes_max in [u64::MAX, 0, 100_000] {
            for at_once in [1, 700, 5_000] {
                assert!(back(spool(&rows, bytes_max, at_once)) == rows);
            }
        }
        assert_eq!(back(spool(&[], 0, 1)), Vec::<[i64; COLUMNS]>::new());
    }

    #[test]
    fn times_are_packed_in_their_unit() {
        // A step differs by no more than 99 units from that before it.
        let check = |unit: i64, bytes: usize| {
            let row = |at: i64| [(at * at % 97 + at * 200) * unit, 0, 0, 0, 0, 0, 0, 0];
            let rows: Vec<_> = (0..1_025).map(row).collect();
            let spool = spool(&rows, u64::MAX, 1);
            assert_eq!(spool.held(), 2 + 8 + COLUMNS * 9 + bytes * 1_023, "{unit}");
            assert!(back(spool) == rows);
        };
        check(1_000_000_000, 1);
        check(1_000_000, 1);
        check(1_000, 1);
        check(1, 1);
        check(1_234, 3);
        check(500_021, 4);
    }

    proptest! {
        #[test]
        fn any_rows_come_back(
            rows in prop::collection::vec(prop::array::uniform8(prop_oneof![any::<i64>(), 0_i64..300, Just(i64::MIN), Just(i64::MAX), (0_i64..9).prop_map(|n| n * 1_000_000)]), 0..200),
            at_once in 1_usize..50,
        ) {
            for bytes_max in [0, u64::MAX] {
                prop_assert_eq!(&back(spool(&rows, bytes_max, at_once)), &rows);
            }
        }

        #[test]
        fn differences_of_each_width_come_back(shift in 0_u32..63, signs in prop::collection::vec(any::<bool>(), 1..100)) {
            let mut now = 0_i64;
            let rows: Vec<_> = signs.iter().map(|sign| {
                now = now.wrapping_add((1 << shift) * if *sign { 1 } else { -1 });
                [now, 0, now, now.wrapping_neg(), now.wrapping_sub(1), 0, 1, now / 2]
            }).collect();
            prop_assert_eq!(&back(spool(&rows, u64::MAX, 1)), &rows);
        }

        #[test]
        fn any_bytes_are_no_fault(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            unpack_block(&bytes, &mut Columns::default());
        }
    }
}
