//! Snapshots of a live run: the recorder wants one whenever it has begun a segment, a feed puts a record for it into the input
//! ring, workers and core save what they remember when they meet that record, and the recorder writes it down.

use crate::output;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_core::CannotSave;
use tickloom_data::{Recorder, Result};
use tickloom_journal::{ChainHash, Session, SnapshotHead, hex};
use tickloom_types::Seq;
use tickloom_wire::limits::RETRACTIONS_MAX;

/// Whether a snapshot is wanted; whoever puts its record into the input ring takes the wish away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish(Arc<AtomicBool>);

impl Wish {
    /// Takes the wish away, if there is one.
    pub(crate) fn take(&self) -> bool {
        // Nearly always there is none, which one load tells.
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::AcqRel)
    }

    fn make(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a core remembered before this input.
pub(crate) struct Taken {
    pub(crate) next_seq: Seq,
    pub(crate) state: std::result::Result<Vec<u8>, CannotSave>,
}

/// The recorder's side.
pub(crate) struct Snapshots {
    wish: Wish,
    taken: Receiver<Taken>,
    /// The segment that was begun when the wish was made that is under way, and the hash of the block before it. What is saved
    /// comes later, so this segment is not behind it, however many were begun meanwhile.
    wished: Option<(u32, ChainHash)>,
    /// The last segment of which one was wanted.
    last: Option<u32>,
    /// One that waits until all that it was made of is in the journal.
    pending: Option<Taken>,
    known: Known,
    is_told: bool,
}

/// What is known of the run when it goes on.
pub(crate) struct Known {
    pub(crate) run: String,
    /// Inputs of the sessions before.
    pub(crate) inputs: u64,
    pub(crate) session: Session,
    /// Sessions that took numbers back, this one among them if it did.
    pub(crate) retracted: Vec<Session>,
}

impl Snapshots {
    /// Both ends: the recorder's, the core's, and the wish for those who feed the input ring.
    pub(crate) fn new(known: Known) -> (Snapshots, Sender<Taken>, Wish) {
        let (sender, taken) = bounded(1);
        let wish = Wish::default();
        let snapshots = Snapshots {
            wish: wish.clone(),
            taken,
            wished: None,
            last: None,
            pending: None,
            known,
            is_told: false,
        };
        (snapshots, sender, wish)
    }

    /// Takes what the core has saved; to be called before the rings are read, so that what it was made of is read with them.
    pub(crate) fn look(&mut self) {
        if self.pending.is_none() {
            self.pending = self.taken.try_recv().ok();
        }
    }

    /// Wants a snapshot of each new segment, and writes the one that waits once the inputs that it was made of are taken, which
    /// end before `next_seq`. Its outputs are taken then too: they were in their ring before it came.
    ///
    /// # Errors
    /// As [`Recorder::snapshot`].
    pub(crate) fn go_on(&mut self, recorder: &mut Recorder, next_seq: Seq) -> Result<()> {
        if let Some(taken) = self.pending.take_if(|taken| taken.next_seq <= next_seq) {
            self.write(recorder, &taken)?;
        }
        let segment = recorder.segment();
        if !self.is_told && self.wished.is_none() && self.last != Some(segment.0) {
            self.wished = Some(segment);
            self.last = Some(segment.0);
            self.wish.make();
        }
        Ok(())
    }

    fn write(&mut self, recorder: &mut Recorder, taken: &Taken) -> Result<()> {
        let wished = self.wished.take();
        let state = match &taken.state {
            Ok(state) => state,
            Err(error) => {
                if !self.is_told {
                    let text = format!(
                        "snapshot   none is taken: {error}; a start reads the whole journal"
                    );
                    output::note(&text);
                }
                self.is_told = true;
                return Ok(());
            }
        };
        let Some((segment, before)) = wished else {
            return Ok(());
        };
        let known = &self.known;
        let head = SnapshotHead {
            run: known.run.clone(),
            next_seq: taken.next_seq,
            inputs: known.inputs + (taken.next_seq - known.session.start.inputs),
            segment,
            before: hex(before),
            retracted: newest(&known.retracted).to_vec(),
        };
        recorder.snapshot(&head, state)
    }
}

/// Those that a session tells of: a run that crashes often does not start more slowly for it.
fn newest(retracted: &[Session]) -> &[Session] {
    let older = retracted.len().saturating_sub(RETRACTIONS_MAX);
    retracted.get(older..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_data::{RecorderOptions, journal_dir};
    use tickloom_journal::{JournalOptions, Numbers, RunMeta, read_snapshot, snapshot_files};
    use tickloom_types::{Instruments, Record, Ts};

    #[test]
    fn a_snapshot_is_read_on_from_a_segment_that_is_not_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let meta = RunMeta::new("run", Ts(0), Instruments::new()).unwrap();
        let options = RecorderOptions {
            journal: JournalOptions {
                segment_bytes_max: 1,
                ..JournalOptions::default()
            },
            ..RecorderOptions::default()
        };
        let (mut recorder, _) = Recorder::open(dir.path(), &meta, options).unwrap();
        let known = Known {
            run: "run".to_owned(),
            inputs: 0,
            session: Session {
                session: 1,
                kept: Numbers::default(),
                start: Numbers::default(),
                orders: None,
                lost: false,
            },
            retracted: Vec::new(),
        };
        let (mut snapshots, sender, wish) = Snapshots::new(known);
        let segment = |recorder: &Recorder| recorder.segment().0;
        snapshots.go_on(&mut recorder, 0).unwrap();
        assert!(wish.take());
        let begun = segment(&recorder);
        // The record that asks for it, and then two more segments before the core has saved.
        for seq in 0..2 {
            recorder.inputs(seq, &[Record::default()]).unwrap();
            recorder.flush().unwrap();
            snapshots.go_on(&mut recorder, seq + 1).unwrap();
            assert!(!wish.take(), "one is under way");
        }
        assert_eq!(segment(&recorder), begun + 2);
        let state = Ok(vec![1]);
        sender.send(Taken { next_seq: 1, state }).unwrap();
        snapshots.look();
        snapshots.go_on(&mut recorder, 2).unwrap();
        let files = snapshot_files(&journal_dir(dir.path(), "run")).unwrap();
        let head = read_snapshot(&files[0]).unwrap().head;
        assert_eq!((head.segment, head.next_seq), (begun, 1));
        assert!(wish.take(), "and now one of the newest segment is wanted");
    }
}
