//! What a recorded stream says of itself: that topics' sequences have no holes but the losses that were counted, that nothing
//! came twice, and what its sessions took back.

use super::{Checked, Faults, Retraction, Stream, words};
use anyhow::{Result, anyhow};
use std::ops::Range;
use tickloom_wire::{
    Gap, Message, NO_RECORD, Payload, Retracted, RunPosition, StreamEntry, Tracker,
};

/// What the comparison needs to know of the whole file.
pub(crate) struct Outline {
    /// Prefixes of the topics that were subscribed to.
    pub(crate) prefixes: Vec<String>,
    /// What sessions of the run have taken back, each once.
    pub(crate) retractions: Vec<Retraction>,
    /// The run, as envelopes name it.
    pub(crate) run: u64,
    /// Whether anything in the file is of the run.
    pub(crate) is_of_run: bool,
    /// Place of the message from which on all subscriptions were in force; the last there can be if none says so.
    pub(crate) synced_at: u64,
}

impl Outline {
    /// Reads the whole file; what is wrong with it goes into `checked`.
    ///
    /// # Errors
    /// It does not say what was subscribed to.
    pub(crate) fn read(mut stream: Stream, run: u64, checked: &mut Checked) -> Result<Outline> {
        let Some((_, StreamEntry::Subscription { prefixes, hello })) =
            stream.next(Some(&mut checked.faults))
        else {
            let why = checked.faults.texts.join("; ");
            return Err(anyhow!("the file does not begin with a subscription {why}"));
        };
        let mut tracker = Tracker::new(prefixes.clone(), hello);
        let mut outline = Outline {
            prefixes,
            retractions: Vec::new(),
            run,
            is_of_run: false,
            synced_at: u64::MAX,
        };
        let mut losses = Vec::new();
        while let Some((at, entry)) = stream.next(Some(&mut checked.faults)) {
            match entry {
                StreamEntry::Subscription { .. } => {
                    let text = format!("entry {at}: a second subscription");
                    checked.faults.add(text);
                }
                StreamEntry::Loss { topic, missed } => losses.push(Gap { topic, missed }),
                StreamEntry::Message { message, .. } => {
                    outline.take(at, &message, checked);
                    let observed = tracker.observe(&message);
                    if tracker.is_synced() {
                        outline.synced_at = outline.synced_at.min(at);
                    }
                    if observed.repeated {
                        let text = format!("{}: came again or too late", words(&message));
                        checked.faults.add(text);
                    }
                    compare_losses(&message, &observed.gaps, &losses, &mut checked.faults);
                    losses.clear();
                    checked.losses += observed.gaps.iter().map(|gap| gap.missed).sum::<u64>();
                }
            }
        }
        checked.torn = stream.torn();
        Ok(outline)
    }

    fn take(&mut self, at: u64, message: &Message, checked: &mut Checked) {
        let is_of_run = message.envelope.run == self.run;
        self.is_of_run |= is_of_run;
        if message.envelope.kind != NO_RECORD {
            checked.messages += 1;
            checked.of_other_runs += u64::from(!is_of_run);
        }
        if let Payload::Announcement(state) = &message.payload
            && is_of_run
        {
            for retracted in &state.session.retracted {
                self.retract(at, retracted);
            }
        }
    }

    /// Whether a state that is the file's entry `at` is of inputs or outputs that were taken back after it came.
    pub(crate) fn is_gone(&self, at: u64, next: RunPosition) -> bool {
        let gone = |range: &Range<u64>, next: u64| range.start < next && next <= range.end;
        let has_taken = |taken: &&Retraction| {
            at < taken.told_at
                && (gone(&taken.inputs, next.inputs) || gone(&taken.outputs, next.outputs))
        };
        self.retractions.iter().find(has_taken).is_some()
    }

    fn retract(&mut self, at: u64, retracted: &Retracted) {
        let is_same = |known: &&Retraction| {
            known.inputs == retracted.inputs && known.outputs == retracted.outputs
        };
        // Sessions tell the same ones again and again, the newest last.
        if self.retractions.iter().rev().find(is_same).is_none() {
            self.retractions.push(Retraction {
                inputs: retracted.inputs.clone(),
                outputs: retracted.outputs.clone(),
                told_at: at,
            });
        }
    }
}

/// Holds the losses that the subscriber counted to what the messages show.
fn compare_losses(message: &Message, gaps: &[Gap], told: &[Gap], faults: &mut Faults) {
    let of = |gaps: &[Gap], topic: &str| {
        let of_topic = gaps.iter().filter(|gap| gap.topic == topic);
        of_topic.fold(0_u64, |sum, gap| sum.saturating_add(gap.missed))
    };
    let mut topics: Vec<&str> = gaps
        .iter()
        .chain(told)
        .map(|gap| gap.topic.as_str())
        .collect();
    topics.sort_unstable();
    topics.dedup();
    for topic in topics {
        let (shown, counted) = (of(gaps, topic), of(told, topic));
        if shown != counted {
            faults.add(format!(
                "{}: {shown} of {topic} missing before it, and the file tells of {counted}",
                words(message)
            ));
        }
    }
}
