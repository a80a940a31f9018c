//! What a subscriber has seen of each topic, and so what it missed and what was taken back. Pure: messages in, gaps out.

use crate::envelope::{Announcement, Envelope, Message, NO_RECORD, Payload, TopicSeq};
use crate::numbers::{Numbers, without};
use crate::session::Session;
use crate::topic::{JSON_PREFIX, is_output};
use std::collections::HashMap;
use std::ops::Range;

/// Messages of one topic that were published in this epoch and did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic, with its JSON prefix if that is what was subscribed to.
    pub topic: String,
    /// How many.
    pub missed: u64,
}

/// What one message revealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What was lost before it: of its own topic, or for an epoch, heartbeat or hello of any topic.
    pub gaps: Vec<Gap>,
    /// Whether it is the first after a restart of the publisher.
    pub restarted: bool,
    /// How the run went on, with the first message that tells the session after a restart within one run.
    pub continued: Option<Continued>,
    /// Whether its sequence is not above the last one of its topic: it came before.
    pub repeated: bool,
}

/// How a run went on after a restart, for one who has received something of it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continued {
    /// The run.
    pub run: String,
    /// Market records that came and were taken back, by their sequences.
    pub retracted_inputs: Vec<Range<u64>>,
    /// Outputs that came and were taken back, by their numbers.
    pub retracted_outputs: Vec<Range<u64>>,
    /// Outputs that stand, after the last one that came before the restart. Those of subscribed topics are lost; how many
    /// these are nobody can tell but the journal.
    pub unseen_outputs: Vec<Range<u64>>,
}

/// Follows the messages of one publisher in the order in which they came.
pub struct Tracker {
    prefixes: Vec<String>,
    hello: String,
    epoch: Option<u64>,
    run: u64,
    /// Whether every message of this epoch from now on is ours to see: after the hello, or after a restart.
    synced: bool,
    /// Where the sequences of all topics begin, once this epoch's session is known.
    base: Option<u64>,
    /// Whether the session is awaited to tell how the run went on.
    is_continuing: bool,
    last: HashMap<String, u64>,
    /// Topics whose first message of this epoch came before its session, with that message's sequence.
    early: Vec<(String, u64)>,
    inputs: Numbers,
    outputs: Numbers,
    last_output: Option<u64>,
    last_before_restart: Option<u64>,
}

impl Tracker {
    /// Tracks topics with these prefixes; `hello` is the topic of the answer that is for this subscriber alone.
    #[must_use]
    pub fn new(prefixes: Vec<String>, hello: String) -> Tracker {
        Tracker {
            prefixes,
            hello,
            epoch: None,
            run: 0,
            synced: false,
            base: None,
            is_continuing: false,
            last: HashMap::new(),
            early: Vec::new(),
            inputs: Numbers::default(),
            outputs: Numbers::default(),
            last_output: None,
            last_before_restart: None,
        }
    }

    /// Whether every message that is lost from now on is counted.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Takes the next message.
    pub fn observe(&mut self, message: &Message) -> Observed {
        let mut observed = Observed {
            restarted: self.enter_epoch(&message.envelope),
            ..Observed::default()
        };
        match &message.payload {
            Payload::Announcement(Announcement { session, topics }) => {
                observed.continued = self.take_session(session, &mut observed.gaps);
                let is_hello = message.topic == self.hello;
                observed.gaps.extend(self.compare(topics, is_hello));
            }
            Payload::Record(_) | Payload::Json(_) if message.envelope.kind != NO_RECORD => {
                self.advance(&message.topic, &message.envelope, &mut observed);
            }
            Payload::Record(_) | Payload::Json(_) | Payload::State(_) => {}
        }
        observed
    }

    fn enter_epoch(&mut self, envelope: &Envelope) -> bool {
        if self.epoch == Some(envelope.epoch) {
            return false;
        }
        let restarted = self.epoch.is_some();
        if restarted {
            // Our subscriptions outlived the publisher's restart: all of the new epoch is ours.
            self.last.clear();
            self.early.clear();
            self.base = None;
            self.synced = true;
            let is_same_run = envelope.run != 0 && envelope.run == self.run;
            if !is_same_run {
                self.inputs.clear();
                self.outputs.clear();
                self.last_output = None;
            }
            if !is_same_run || !self.is_continuing {
                self.last_before_restart = self.last_output;
            }
            self.is_continuing = is_same_run;
        }
        self.epoch = Some(envelope.epoch);
        self.run = envelope.run;
        restarted
    }

    /// Learns where the epoch's sequences began, and what became of what had come before.
    fn take_session(&mut self, session: &Session, gaps: &mut Vec<Gap>) -> Option<Continued> {
        if self.base.is_none() {
            self.base = Some(session.topic_base);
            let first_of_all = session.topic_base.saturating_add(1);
            for (topic, seq) in self.early.drain(..) {
                gaps.extend(gap(&topic, seq.saturating_sub(first_of_all)));
            }
        }
        let continued = std::mem::take(&mut self.is_continuing).then(|| self.go_on(session));
        self.inputs.drop_below(session.watermark.inputs);
        self.outputs.drop_below(session.watermark.outputs);
        continued.flatten()
    }

    fn go_on(&mut self, session: &Session) -> Option<Continued> {
        let retracted = session.retracted.iter();
        let inputs: Vec<_> = retracted.clone().map(|r| r.inputs.clone()).collect();
        let outputs: Vec<_> = retracted.map(|r| r.outputs.clone()).collect();
        let unseen = self
            .last_before_restart
            .map_or(0..0, |last| last.saturating_add(1)..session.first.outputs);
        let continued = Continued {
            run: session.run.clone()?,
            retracted_inputs: self.inputs.within(&inputs),
            retracted_outputs: self.outputs.within(&outputs),
            unseen_outputs: without(unseen, &outputs),
        };
        // What is not taken back now stands.
        self.inputs.drop_below(session.first.inputs);
        self.outputs.drop_below(session.first.outputs);
        Some(continued)
    }

    fn advance(&mut self, topic: &str, envelope: &Envelope, observed: &mut Observed) {
        let seq = envelope.topic_seq;
        self.keep_number(envelope);
        let Some(last) = self.last.get_mut(topic) else {
            let before = match self.base {
                Some(base) if self.synced => base,
                _ => seq.saturating_sub(1),
            };
            if self.synced && self.base.is_none() {
                self.early.push((topic.to_owned(), seq));
            }
            self.last.insert(topic.to_owned(), seq);
            observed.gaps.extend(gap_between(topic, before, seq));
            return;
        };
        observed.repeated = seq <= *last;
        observed.gaps.extend(gap_between(topic, *last, seq));
        *last = seq.max(*last);
    }

    /// Keeps a number that may still be taken back.
    fn keep_number(&mut self, envelope: &Envelope) {
        let number = envelope.number;
        if envelope.run == 0 {
            return; // it names nothing once the epoch is over
        }
        if is_output(envelope.kind) {
            self.outputs.add(number);
            self.last_output = self.last_output.max(Some(number));
        } else {
            self.inputs.add(number);
        }
    }

    /// Messages are in order: what a table names and we have not seen by now is lost.
    fn compare(&mut self, table: &[TopicSeq], is_hello: bool) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for TopicSeq { topic, seq } in table {
            for topic in [topic.clone(), format!("{JSON_PREFIX}{topic}")] {
                if self.prefixes.iter().any(|p| topic.starts_with(p)) {
                    gaps.extend(self.catch_up(&topic, *seq, is_hello));
                }
            }
        }
        self.synced |= is_hello;
        gaps
    }

    fn catch_up(&mut self, topic: &str, seq: u64, is_hello: bool) -> Option<Gap> {
        let missed = match self.last.get_mut(topic) {
            Some(last) => {
                let missed = seq.saturating_sub(*last);
                *last = seq.max(*last);
                missed
            }
            None if self.synced || is_hello => {
                self.last.insert(topic.to_owned(), seq);
                match self.base {
                    Some(base) if self.synced => seq.saturating_sub(base),
                    _ => 0,
                }
            }
            None => 0,
        };
        gap(topic, missed)
    }
}

/// What is missing of a topic between two of its messages.
fn gap_between(topic: &str, last: u64, seq: u64) -> Option<Gap> {
    gap(topic, seq.saturating_sub(last.saturating_add(1)))
}

fn gap(topic: &str, missed: u64) -> Option<Gap> {
    (missed > 0).then(|| Gap {
        topic: topic.to_owned(),
        missed,
    })
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::single_range_in_vec_init,
        reason = "lists of one range are meant"
    )]

    use super::*;
    use crate::envelope::Encoding;
    use crate::session::{Retracted, RunPosition, run_id};

    const HELLO: &str = "~hello/1";

    fn tracker() -> Tracker {
        Tracker::new(
            vec!["signal/".to_owned(), "json/bar/".to_owned()],
            HELLO.to_owned(),
        )
    }

    fn message(topic: &str, epoch: u64, topic_seq: u64, payload: Payload) -> Message {
        let (encoding, kind) = match payload {
            Payload::Record(_) => (Encoding::Record, 64),
            Payload::Json(_) => (Encoding::Json, 64),
            Payload::Announcement(_) => (Encoding::Announcement, NO_RECORD),
            Payload::State(_) => (Encoding::State, NO_RECORD),
        };
        Message {
            topic: topic.to_owned(),
            envelope: Envelope {
                encoding,
                kind,
                flags: 0,
                tier: 0,
                epoch,
                topic_seq,
                ts_event: 0,
                ts_recv: 0,
                ts_output: 0,
                ts_publish: 0,
                number: topic_seq,
                run: 0,
                key_epoch: 0,
            },
            payload,
        }
    }

    fn data(topic: &str, epoch: u64, seq: u64) -> Message {
        message(topic, epoch, seq, Payload::Json(String::new()))
    }

    /// A message of a recorded run: an output, or with a kind below 64 a market record.
    fn recorded(topic: &str, epoch: u64, seq: u64, kind: u8, number: u64) -> Message {
        let mut message = data(topic, epoch, seq);
        message.envelope.run = run_id("r");
        message.envelope.kind = kind;
        message.envelope.number = number;
        message
    }

    fn table(topic: &str, epoch: u64, topics: &[(&str, u64)]) -> Message {
        state(topic, epoch, Session::unrecorded(), topics)
    }

    fn state(topic: &str, epoch: u64, session: Session, topics: &[(&str, u64)]) -> Message {
        let run = session.run_id();
        let topics = topics.iter().map(|&(topic, seq)| TopicSeq {
            topic: topic.to_owned(),
            seq,
        });
        let topics = topics.collect();
        let mut message = message(
            topic,
            epoch,
            0,
            Payload::Announcement(Announcement { session, topics }),
        );
        message.envelope.run = run;
        message
    }

    /// A session of the run `r` whose outputs begin at `first`, and with it its inputs and topics.
    fn session(first: u64, watermark: u64, retracted: &[Range<u64>]) -> Session {
        let place = |at| RunPosition {
            inputs: at,
            outputs: at,
        };
        let retracted = retracted.iter().map(|range| Retracted {
            inputs: range.clone(),
            outputs: range.clone(),
        });
        Session {
            run: Some("r".to_owned()),
            topic_base: first,
            first: place(first),
            watermark: place(watermark),
            retracted: retracted.collect(),
        }
    }

    /// Feeds messages and compares the gaps of each, as (topic, missed).
    fn check(tracker: &mut Tracker, message: &Message, expected: &[(&str, u64)]) -> bool {
        let observed = tracker.observe(message);
        let gaps: Vec<_> = observed
            .gaps
            .iter()
            .map(|gap| (gap.topic.as_str(), gap.missed))
            .collect();
        assert_eq!(gaps, expected, "{message:?}");
        observed.restarted
    }

    #[test]
    fn a_joiner_counts_from_the_first_message_that_it_sees() {
        let mut t = tracker();
        check(&mut t, &data("signal/a", 1, 500), &[]);
        check(&mut t, &data("signal/a", 1, 501), &[]);
        check(&mut t, &data("signal/a", 1, 504), &[("signal/a", 2)]);
        assert!(!t.is_synced());
    }

    #[test]
    fn after_the_hello_nothing_is_missed_unseen() {
        let mut t = tracker();
        check(&mut t, &data("signal/a", 1, 5), &[]);
        let hello = table(
            HELLO,
            1,
            &[("signal/a", 5), ("signal/b", 3), ("trade/x", 9)],
        );
        check(&mut t, &hello, &[]);
        assert!(t.is_synced());
        check(&mut t, &data("signal/b", 1, 5), &[("signal/b", 1)]);
        check(&mut t, &data("signal/new", 1, 3), &[("signal/new", 2)]);
    }

    #[test]
    fn a_heartbeat_reveals_losses_of_quiet_topics() {
        let mut t = tracker();
        check(&mut t, &table(HELLO, 1, &[("bar/x/1m", 7)]), &[]);
        check(&mut t, &data("signal/a", 1, 1), &[]);
        let beat = table(
            "heartbeat",
            1,
            &[
                ("signal/a", 4),
                ("bar/x/1m", 9),
                ("signal/c", 2),
                ("trade/x", 8),
            ],
        );
        let expected = [("signal/a", 3), ("json/bar/x/1m", 2), ("signal/c", 2)];
        check(&mut t, &beat, &expected);
        check(&mut t, &beat, &[]);
        check(&mut t, &data("signal/a", 1, 5), &[]);
    }

    #[test]
    fn a_heartbeat_before_the_hello_blames_nobody() {
        let mut t = tracker();
        check(&mut t, &table("heartbeat", 1, &[("signal/a", 4)]), &[]);
        check(&mut t, &data("signal/a", 1, 6), &[]);
    }

    #[test]
    fn the_hello_of_another_subscriber_is_no_baseline() {
        let mut t = tracker();
        check(&mut t, &table("~hello/2", 1, &[("signal/a", 4)]), &[]);
        assert!(!t.is_synced());
    }

    #[test]
    fn a_restart_shows_and_counts_once_its_session_is_known() {
        let mut t = tracker();
        assert!(!check(&mut t, &data("signal/a", 1, 500), &[]));
        assert!(check(&mut t, &data("signal/a", 2, 3), &[]));
        assert!(!check(&mut t, &data("signal/a", 2, 5), &[("signal/a", 1)]));
        let beat = table("heartbeat", 2, &[("signal/a", 5), ("signal/b", 2)]);
        check(&mut t, &beat, &[("signal/a", 2), ("signal/b", 2)]);
        check(&mut t, &beat, &[]);
        check(&mut t, &data("signal/c", 2, 2), &[("signal/c", 1)]);
    }

    #[test]
    fn sequences_begin_at_the_sessions_base() {
        let mut t = tracker();
        check(&mut t, &recorded("signal/a", 1, 40, 64, 30), &[]);
        let first = state("epoch", 2, session(100, 31, &[]), &[]);
        assert!(check(&mut t, &first, &[]));
        let next = recorded("signal/a", 2, 103, 64, 105);
        check(&mut t, &next, &[("signal/a", 2)]);
        let beat = state(
            "heartbeat",
            2,
            session(100, 31, &[]),
            &[("signal/a", 103), ("signal/b", 104)],
        );
        check(&mut t, &beat, &[("signal/b", 4)]);
    }

    #[test]
    fn what_came_and_was_taken_back_is_named() {
        let mut t = tracker();
        for (seq, number) in [(1, 3), (2, 4), (3, 7), (4, 9)] {
            t.observe(&recorded("signal/a", 1, seq, 64, number));
        }
        t.observe(&recorded("json/trade/x", 1, 1, 1, 11));
        t.observe(&state("heartbeat", 1, session(0, 4, &[]), &[]));
        // Data of the new epoch may come before its session.
        let early = t.observe(&recorded("signal/a", 2, 101, 64, 100));
        assert_eq!((early.restarted, early.continued), (true, None));
        let told = state("heartbeat", 2, session(100, 7, &[7..100]), &[]);
        let continued = t.observe(&told).continued.unwrap();
        assert_eq!(continued.run, "r");
        assert_eq!(continued.retracted_outputs, [7..8, 9..10]);
        assert_eq!(continued.retracted_inputs, [11..12]);
        assert_eq!(continued.unseen_outputs, [], "the last that came is above");
        assert_eq!(t.observe(&told).continued, None, "told once");
        // The output of the new epoch is not on disk yet, and the next crash takes it back.
        let again = state("epoch", 3, session(200, 7, &[7..100, 100..200]), &[]);
        let continued = t.observe(&again).continued.unwrap();
        assert_eq!(continued.retracted_outputs, [100..101]);
    }

    #[test]
    fn what_is_on_disk_is_not_kept() {
        let mut t = tracker();
        for (seq, number) in [(1, 3), (2, 4), (3, 9)] {
            t.observe(&recorded("signal/a", 1, seq, 64, number));
            t.observe(&recorded("json/trade/x", 1, seq, 1, number));
        }
        t.observe(&state("heartbeat", 1, session(0, 5, &[]), &[]));
        assert_eq!(t.outputs.within(&[0..100]), [9..10]);
        assert_eq!(t.inputs.within(&[0..100]), [9..10]);
        // Nor what nobody records.
        t.observe(&data("signal/a", 2, 1));
        assert_eq!(t.outputs.within(&[0..100]), []);
    }

    #[test]
    fn outputs_that_stand_and_did_not_come_are_named() {
        let mut t = tracker();
        t.observe(&recorded("signal/a", 1, 5, 64, 9));
        let told = state("epoch", 2, session(100, 40, &[40..100]), &[]);
        let continued = t.observe(&told).continued.unwrap();
        assert_eq!(continued.retracted_outputs, []);
        assert_eq!(continued.unseen_outputs, [10..40]);
    }

    #[test]
    fn a_retraction_that_was_told_while_nobody_listened_is_learned_later() {
        let mut t = tracker();
        t.observe(&recorded("signal/a", 1, 5, 64, 50));
        let told = state("epoch", 3, session(200, 120, &[40..100, 120..200]), &[]);
        let continued = t.observe(&told).continued.unwrap();
        assert_eq!(continued.retracted_outputs, [50..51]);
        assert_eq!(continued.unseen_outputs, [100..120]);
    }

    #[test]
    fn another_run_starts_anew() {
        let mut t = tracker();
        t.observe(&recorded("signal/a", 1, 5, 64, 50));
        let mut other = session(0, 0, &[40..100]);
        other.run = Some("other".to_owned());
        let observed = t.observe(&state("epoch", 2, other, &[]));
        assert_eq!((observed.restarted, observed.continued), (true, None));
        // And what is not recorded has no number that outlives its epoch.
        let observed = t.observe(&table("epoch", 3, &[]));
        assert_eq!((observed.restarted, observed.continued), (true, None));
        t.observe(&data("signal/a", 3, 1));
        let observed = t.observe(&table("epoch", 4, &[]));
        assert_eq!((observed.restarted, observed.continued), (true, None));
    }

    #[test]
    fn what_comes_again_shows() {
        let mut t = tracker();
        assert!(!t.observe(&data("signal/a", 1, 5)).repeated);
        assert!(t.observe(&data("signal/a", 1, 5)).repeated);
        assert!(t.observe(&data("signal/a", 1, 3)).repeated);
        assert!(!t.observe(&data("signal/a", 1, 6)).repeated);
    }

    #[test]
    fn a_reconnect_in_the_same_epoch_counts_what_went_by() {
        let mut t = tracker();
        check(&mut t, &table(HELLO, 1, &[]), &[]);
        check(&mut t, &data("signal/a", 1, 1), &[]);
        let again = table(HELLO, 1, &[("signal/a", 6), ("signal/b", 2)]);
        check(&mut t, &again, &[("signal/a", 5), ("signal/b", 2)]);
    }

    #[test]
    fn sequences_at_their_end_do_not_overflow() {
        let mut t = tracker();
        check(&mut t, &data("signal/a", 1, u64::MAX), &[]);
        check(&mut t, &data("signal/a", 1, 0), &[]);
        check(&mut t, &data("signal/a", 1, u64::MAX), &[]);
    }
}
