//! Blocks that are read on a thread of their own, while those before them are worked on.

use crate::blocks::Stream;
use crate::{DataError, Result};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use tickloom_catalog::{RecordBlock, RecordBlocks};
use tickloom_types::{Record, Seq};

/// Records of a block that is given on.
const ROWS_AT_ONCE: usize = 4_096;
/// Blocks that are read and not yet taken, at most.
const BLOCKS_AHEAD: usize = 2;

/// Reads records on a thread of their own, if there is more than one core to run on: the same records in the same order, in blocks of
/// a few thousand, of which no more than four are held.
#[must_use]
pub fn read_ahead(blocks: Stream) -> Stream {
    match thread::available_parallelism() {
        Ok(cores) if cores.get() > 1 => Box::new(Ahead::new(blocks)),
        _ => blocks,
    }
}

/// Blocks of a thread that reads.
struct Ahead {
    /// What the thread has read; `None` once it is to end.
    filled: Option<Receiver<Filled>>,
    /// Where what was taken goes back, to be filled again.
    emptied: SyncSender<Filled>,
    current: Filled,
    reader: Option<JoinHandle<()>>,
}

/// Records, and what comes after them.
#[derive(Default)]
struct Filled {
    seqs: Vec<Seq>,
    records: Vec<Record>,
    /// Why these are the last, if they are.
    end: Option<Result<()>>,
}

/// The thread's part: what it reads, and the way to whoever takes it.
struct Reader {
    blocks: Stream,
    give: SyncSender<Filled>,
    emptied: Receiver<Filled>,
    next: Filled,
}

impl Reader {
    /// Reads until the end, or until nobody takes it.
    fn run(mut self) {
        while self.go_on().is_some() {}
    }

    /// Reads a block; `None` if that was all.
    fn go_on(&mut self) -> Option<()> {
        let end = match self.blocks.next_block() {
            Ok(Some(block)) => {
                let (mut seqs, mut records) = (block.seqs, block.records);
                while !records.is_empty() {
                    let room = ROWS_AT_ONCE.saturating_sub(self.next.records.len());
                    let count = room.min(records.len());
                    let (now, later) = records.split_at(count);
                    self.next.records.extend_from_slice(now);
                    records = later;
                    let (now, later) = seqs.split_at(count);
                    self.next.seqs.extend_from_slice(now);
                    seqs = later;
                    if self.next.records.len() >= ROWS_AT_ONCE {
                        give(&self.give, &self.emptied, &mut self.next)?;
                    }
                }
                return Some(());
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.next.end = Some(end);
        give(&self.give, &self.emptied, &mut self.next);
        None
    }
}

/// Gives records on, and takes emptied lists for the next ones; `None` if nobody takes them.
fn give(to: &SyncSender<Filled>, emptied: &Receiver<Filled>, filled: &mut Filled) -> Option<()> {
    let mut next = emptied.try_recv().unwrap_or_default();
    next.seqs.clear();
    next.records.clear();
    to.send(std::mem::replace(filled, next)).ok()
}

impl Ahead {
    fn new(blocks: Stream) -> Ahead {
        let (give, filled) = sync_channel(BLOCKS_AHEAD);
        let (emptied, take) = sync_channel(BLOCKS_AHEAD + 1);
        let reader = Reader {
            blocks,
            give,
            emptied: take,
            next: Filled::default(),
        };
        Ahead {
            filled: Some(filled),
            emptied,
            current: Filled::default(),
            reader: Some(thread::spawn(move || reader.run())),
        }
    }

    /// Waits for the thread, and panics as it did if it did.
    fn join(&mut self) {
        self.filled = None;
        if let Some(Err(panic)) = self.reader.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl RecordBlocks for Ahead {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        if let Some(end) = self.current.end.take() {
            self.current = Filled::default();
            self.join();
            return end.map(|()| None);
        }
        let Some(filled) = &self.filled else {
            return Ok(None);
        };
        let Ok(next) = filled.recv() else {
            self.join();
            return Ok(None);
        };
        // Where the thread is faster there is no place for it, and it is dropped.
        let taken = std::mem::replace(&mut self.current, next);
        drop(self.emptied.try_send(taken));
        if self.current.records.is_empty() {
            return self.next_block();
        }
        Ok(Some(RecordBlock {
            seqs: &self.current.seqs,
            records: &self.current.records,
        }))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, BLOCKS_AHEAD, ROWS_AT_ONCE};
    use crate::{DataError, Result};
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tickloom_catalog::{RecordBlock, RecordBlocks};
    use tickloom_types::{Header, InstrumentId, Kind, Record, Seq, SourceId, TradeBody, Ts};

    /// Records in blocks of these sizes, numbered from 7 on, and how they end.
    struct Source {
        sizes: std::vec::IntoIter<usize>,
        end: End,
        seqs: Vec<Seq>,
        records: Vec<Record>,
        given: Arc<AtomicUsize>,
    }

    #[derive(Clone, Copy, Debug)]
    enum End {
        Well,
        Failing,
        Panicking,
    }

    fn record(seq: Seq) -> Record {
        let ts = Ts(i64::try_from(seq).unwrap());
        let header = Header::new(Kind::Trade, InstrumentId(1), SourceId(2), ts, ts);
        TradeBody {
            trade_id: seq,
            ..TradeBody::default()
        }
        .record(header)
    }

    fn ahead(sizes: &[usize], end: End) -> (Ahead, Arc<AtomicUsize>) {
        let given = Arc::new(AtomicUsize::new(0));
        let source = Source {
            sizes: Vec::from(sizes).into_iter(),
            end,
            seqs: Vec::new(),
            records: Vec::new(),
            given: Arc::clone(&given),
        };
        (Ahead::new(Box::new(source)), given)
    }

    impl RecordBlocks for Source {
        type Error = DataError;

        fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
            let Some(size) = self.sizes.next() else {
                return match self.end {
                    End::Well => Ok(None),
                    End::Failing => Err(DataError::Io {
                        action: "read",
                        path: "a file".into(),
                        source: std::io::Error::other("it is gone"),
                    }),
                    End::Panicking => panic!("as it was told to"),
                };
            };
            let first = 7 + self.given.fetch_add(size, Ordering::SeqCst);
            self.seqs = (first as Seq..).take(size).collect();
            self.records = self.seqs.iter().map(|seq| record(*seq)).collect();
            Ok(Some(RecordBlock {
                seqs: &self.seqs,
                records: &self.records,
            }))
        }
    }

    proptest! {
        /// The same records in the same order, then the same end, and nothing after it.
        #[test]
        fn what_is_read_ahead_is_what_was_there(
            sizes in prop::collection::vec(1_usize..3_000, 0..30),
            fails: bool,
        ) {
            let end = if fails { End::Failing } else { End::Well };
            let (mut ahead, _) = ahead(&sizes, end);
            let (mut seqs, mut records) = (Vec::new(), Vec::new());
            let ended = loop {
                match ahead.next_block() {
                    Ok(Some(block)) => {
                        prop_assert!(!block.records.is_empty());
                        seqs.extend_from_slice(block.seqs);
                        records.extend_from_slice(block.records);
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error.to_string()),
                }
            };
            let count = sizes.iter().sum::<usize>() as Seq;
            let expected: Vec<Seq> = (7..7 + count).collect();
            prop_assert_eq!(&seqs, &expected);
            prop_assert_eq!(records, expected.into_iter().map(record).collect::<Vec<_>>());
            prop_assert_eq!(ended.is_err(), fails);
            prop_assert!(matches!(ahead.next_block(), Ok(None)));
        }
    }

    /// However slowly they are taken.
    #[test]
    fn no_more_is_read_than_is_held() {
        let (mut ahead, given) = ahead(&[ROWS_AT_ONCE; 50], End::Well);
        // Those that wait, the one that waits for a place, and the one that is read meanwhile.
        for taken in 1..=20 {
            assert!(ahead.next_block().unwrap().is_some());
            let most = (taken + BLOCKS_AHEAD + 1) * ROWS_AT_ONCE;
            assert!(given.load(Ordering::SeqCst) <= most, "after {taken}");
        }
        drop(ahead);
        assert!(given.load(Ordering::SeqCst) < 50 * ROWS_AT_ONCE);
    }

    #[test]
    #[should_panic(expected = "as it was told to")]
    fn a_panic_is_not_the_end() {
        let (mut ahead, _) = ahead(&[10], End::Panicking);
        while ahead.next_block().unwrap().is_some() {}
    }
}
