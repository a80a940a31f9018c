//! What a subscriber has seen of each topic, and so what it missed. Pure: messages in, gaps out.

use crate::envelope::{Envelope, Message, NO_RECORD, Payload, TopicSeq};
use crate::topic::JSON_PREFIX;
use std::collections::HashMap;

/// Messages of one topic that were published in this epoch and did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic, with its JSON prefix if that is what was subscribed to.
    pub topic: String,
    /// How many.
    pub missed: u64,
}

/// What one message revealed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) gaps: Vec<Gap>,
    pub(crate) restarted: bool,
}

pub(crate) struct Tracker {
    prefixes: Vec<String>,
    hello: String,
    epoch: Option<u64>,
    /// Whether every message of this epoch from now on is ours to see: after the hello, or after a restart.
    synced: bool,
    last: HashMap<String, u64>,
}

impl Tracker {
    /// Tracks topics with these prefixes; `hello` is the topic of the answer that is for us alone.
    pub(crate) fn new(prefixes: Vec<String>, hello: String) -> Tracker {
        Tracker {
            prefixes,
            hello,
            epoch: None,
            synced: false,
            last: HashMap::new(),
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced
    }

    pub(crate) fn observe(&mut self, message: &Message) -> Observed {
        let restarted = self.enter_epoch(message.envelope.epoch);
        let gaps = match &message.payload {
            Payload::Sequences(table) => self.compare(table, message.topic == self.hello),
            Payload::Record(_) | Payload::Json(_) => {
                self.advance(&message.topic, &message.envelope)
            }
        };
        Observed { gaps, restarted }
    }

    fn enter_epoch(&mut self, epoch: u64) -> bool {
        let restarted = self.epoch.is_some_and(|known| known != epoch);
        if restarted {
            // Our subscriptions outlived the publisher's restart: all of the new epoch is ours.
            self.last.clear();
            self.synced = true;
        }
        self.epoch = Some(epoch);
        restarted
    }

    fn advance(&mut self, topic: &str, envelope: &Envelope) -> Vec<Gap> {
        if envelope.kind == NO_RECORD {
            return Vec::new();
        }
        let seq = envelope.topic_seq;
        let last = match self.last.get_mut(topic) {
            Some(last) => last,
            None => {
                let before = if self.synced {
                    0
                } else {
                    seq.saturating_sub(1)
                };
                self.last.entry(topic.to_owned()).or_insert(before)
            }
        };
        let missed = seq.saturating_sub(last.saturating_add(1));
        *last = seq.max(*last);
        gap(topic, missed).into_iter().collect()
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
                if self.synced { seq } else { 0 }
            }
            None => 0,
        };
        gap(topic, missed)
    }
}

fn gap(topic: &str, missed: u64) -> Option<Gap> {
    (missed > 0).then(|| Gap {
        topic: topic.to_owned(),
        missed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Encoding;

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
            Payload::Sequences(_) => (Encoding::Sequences, NO_RECORD),
        };
        Message {
            topic: topic.to_owned(),
            envelope: Envelope {
                encoding,
                kind,
                flags: 0,
                epoch,
                topic_seq,
                ts_event: 0,
                ts_recv: 0,
                ts_output: 0,
                ts_publish: 0,
            },
            payload,
        }
    }

    fn data(topic: &str, epoch: u64, seq: u64) -> Message {
        message(topic, epoch, seq, Payload::Json(String::new()))
    }

    fn table(topic: &str, epoch: u64, topics: &[(&str, u64)]) -> Message {
        let topics = topics.iter().map(|&(topic, seq)| TopicSeq {
            topic: topic.to_owned(),
            seq,
        });
        message(topic, epoch, 0, Payload::Sequences(topics.collect()))
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
    fn a_restart_shows_and_counts_from_one() {
        let mut t = tracker();
        assert!(!check(&mut t, &data("signal/a", 1, 500), &[]));
        assert!(check(&mut t, &data("signal/a", 2, 3), &[("signal/a", 2)]));
        assert!(!check(&mut t, &data("signal/a", 2, 4), &[]));
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
