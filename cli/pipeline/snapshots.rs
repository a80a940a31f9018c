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
    /// The segment that was begun when the wish was made, and the hash of the block before it.
    wished: Option<(u32, ChainHash)>,
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
        if !self.is_told && self.wished.is_none_or(|(number, _)| number != segment.0) {
            self.wished = Some(segment);
            self.wish.make();
        }
        Ok(())
    }

    fn write(&mut self, recorder: &mut Recorder, taken: &Taken) -> Result<()> {
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
        let Some((segment, before)) = self.wished else {
            return Ok(());
        };
        let known = &self.known;
        let head = SnapshotHead {
            run: known.run.clone(),
            next_seq: taken.next_seq,
            inputs: known.inputs + (taken.next_seq - known.session.start.inputs),
            segment,
            before: hex(before),
            retracted: known.retracted.clone(),
        };
        recorder.snapshot(&head, state)
    }
}
