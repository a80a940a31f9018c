//! Rows of more partitions than files can be open for: held in memory, and beyond that in temporary files that have no name, so that
//! nothing is left of them whatever happens. At the end they come out partition after partition, each in the order in which its rows came.

use super::key::Key;
use super::partition::Partition;
use super::writer::Room;
use crate::limits::SPILL_BUFFER_BYTES;
use crate::order::Placed;
use crate::{CatalogError, Result};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use tickloom_types::{RECORD_LEN, Record};

/// A row: number of its partition, `more`, sequence, output, `held`, the record.
const ROW_BYTES: usize = 4 + 4 + 8 + 8 + 8 + RECORD_LEN;

/// Rows by partition.
pub(super) struct Spill {
    /// Where temporary files are.
    dir: PathBuf,
    room: Room,
    numbers: HashMap<Partition, u32>,
    partitions: Vec<Partition>,
    /// Rows in memory, in the order in which they came.
    rows: Vec<u8>,
    /// Files of rows, each sorted by partition; those of a partition in an earlier file came before those in a later one.
    files: Vec<File>,
}

impl Spill {
    pub(super) fn new(dir: PathBuf, room: Room) -> Spill {
        Spill {
            dir,
            room,
            numbers: HashMap::new(),
            partitions: Vec::new(),
            rows: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Whether it has rows of this partition.
    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.numbers.contains_key(partition)
    }

    pub(super) fn push(&mut self, partition: Partition, placed: &Placed) -> Result<()> {
        let next = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(partition).or_insert(next);
        if number == next {
            self.partitions.push(partition);
        }
        let Placed {
            key,
            record,
            held,
            more,
        } = placed;
        self.rows.extend_from_slice(&number.to_le_bytes());
        self.rows.extend_from_slice(&more.to_le_bytes());
        self.rows.extend_from_slice(&key.seq.to_le_bytes());
        self.rows.extend_from_slice(&key.output.to_le_bytes());
        self.rows.extend_from_slice(&held.to_le_bytes());
        self.rows.extend_from_slice(record.as_bytes());
        if self.rows.len() >= self.room.spill_bytes {
            self.write_file()?;
        }
        Ok(())
    }

    /// The rows in memory, sorted by partition.
    fn sorted(&self) -> impl Iterator<Item = &[u8]> {
        let mut order: Vec<(u32, usize)> = self
            .rows
            .chunks_exact(ROW_BYTES)
            .enumerate()
            .map(|(at, row)| (number(row), at))
            .collect();
        order.sort_unstable();
        order
            .into_iter()
            .map(|(_, at)| &self.rows[at * ROW_BYTES..(at + 1) * ROW_BYTES])
    }

    fn write_file(&mut self) -> Result<()> {
        let failed = |error| CatalogError::io("write a temporary file in", &self.dir)(error);
        let file = tempfile::tempfile_in(&self.dir).map_err(failed)?;
        let mut writer = BufWriter::with_capacity(SPILL_BUFFER_BYTES, file);
        for row in self.sorted() {
            writer.write_all(row).map_err(failed)?;
        }
        let mut file = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(failed)?;
        self.files.push(file);
        self.rows.clear();
        Ok(())
    }

    /// Gives all rows to `take`, partition after partition.
    pub(super) fn drain(
        mut self,
        take: &mut dyn FnMut(Partition, &Placed) -> Result<()>,
    ) -> Result<()> {
        let failed = CatalogError::io("read a temporary file in", &self.dir);
        let mut runs = Vec::new();
        let files = std::mem::take(&mut self.files);
        let buffer = self.room.spill_buffer(files.len());
        for file in files {
            runs.push(Run::new(Box::new(BufReader::with_capacity(buffer, file))));
        }
        let mut in_memory = Vec::with_capacity(self.rows.len());
        for row in self.sorted() {
            in_memory.extend_from_slice(row);
        }
        self.rows = Vec::new();
        runs.push(Run::new(Box::new(std::io::Cursor::new(in_memory))));
        let mut drain = || -> std::io::Result<Result<()>> {
            for (number, partition) in (0..).zip(&self.partitions) {
                for run in &mut runs {
                    while let Some(placed) = run.next_of(number)? {
                        if let Err(error) = take(*partition, &placed) {
                            return Ok(Err(error));
                        }
                    }
                }
            }
            Ok(Ok(()))
        };
        drain().map_err(failed)?
    }
}

/// Rows sorted by partition, read one after the other.
struct Run {
    source: Box<dyn Read>,
    /// The next one, if it was read.
    next: Option<[u8; ROW_BYTES]>,
    is_over: bool,
}

impl Run {
    fn new(source: Box<dyn Read>) -> Run {
        Run {
            source,
            next: None,
            is_over: false,
        }
    }

    /// The next row, if it is of this partition.
    fn next_of(&mut self, partition: u32) -> std::io::Result<Option<Placed>> {
        if self.next.is_none() && !self.is_over {
            let mut row = [0; ROW_BYTES];
            let got = read_whole(&mut self.source, &mut row)?;
            self.is_over = !got;
            self.next = got.then_some(row);
        }
        let row = self.next.take_if(|row| number(row) == partition);
        Ok(row.map(|row| placed(&row)))
    }
}

/// Fills the row; false at the end.
fn read_whole(source: &mut dyn Read, row: &mut [u8]) -> std::io::Result<bool> {
    let mut filled = 0;
    while filled < row.len() {
        match source.read(&mut row[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            got => filled += got,
        }
    }
    Ok(true)
}

fn bytes<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&row[at..at + N]);
    bytes
}

fn number(row: &[u8]) -> u32 {
    u32::from_le_bytes(bytes(row, 0))
}

fn placed(row: &[u8; ROW_BYTES]) -> Placed {
    Placed {
        more: i32::from_le_bytes(bytes(row, 4)),
        key: Key {
            seq: u64::from_le_bytes(bytes(row, 8)),
            output: u64::from_le_bytes(bytes(row, 16)),
        },
        held: u64::from_le_bytes(bytes(row, 24)),
        record: Record::from_bytes(bytes(row, 32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;
    use tickloom_types::{Header, InstrumentId, Kind, SourceId, TradeBody, Ts};

    #[test]
    fn rows_come_out_by_partition_in_their_order_whatever_fits_into_memory() {
        let rows = 1_000_u64;
        for spill_bytes in [ROW_BYTES, 7 * ROW_BYTES, usize::MAX] {
            let dir = tempfile::tempdir().unwrap();
            let room = Room {
                spill_bytes,
                ..Room::default()
            };
            let mut spill = Spill::new(dir.path().to_owned(), room);
            let partition = |seq: u64| Partition {
                table: Table::Trades,
                instrument: InstrumentId(u32::try_from(seq * 7 % 13).unwrap()),
                day: 0,
                bar: None,
            };
            let placed = |seq: u64| {
                let id = partition(seq).instrument;
                let header = Header::new(Kind::Trade, id, SourceId(1), Ts(3), Ts(4));
                let body = TradeBody {
                    price: -5,
                    trade_id: seq,
                    ..TradeBody::default()
                };
                Placed {
                    key: Key { seq, output: 2 },
                    record: body.record(header),
                    held: u64::MAX - seq,
                    more: -1,
                }
            };
            for seq in 0..rows {
                spill.push(partition(seq), &placed(seq)).unwrap();
            }
            assert!(spill.has(&partition(0)));
            // Temporary files have no name.
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
            let mut all: Vec<(Partition, Placed)> = Vec::new();
            let mut take = |partition, placed: &Placed| {
                all.push((partition, *placed));
                Ok(())
            };
            spill.drain(&mut take).unwrap();
            assert_eq!(all.len() as u64, rows);
            for (of, row) in &all {
                assert_eq!((*of, *row), (partition(row.key.seq), placed(row.key.seq)));
            }
            let changes = all.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
            assert_eq!(changes, 12);
            let is_sorted = |pair: &[(Partition, Placed)]| {
                pair[0].0 != pair[1].0 || pair[0].1.key < pair[1].1.key
            };
            assert!(all.windows(2).all(is_sorted));
        }
    }
}
