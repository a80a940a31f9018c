//! What came of a load: from both ends, what is missing, and how it looks as text and as JSON.

use super::count::Recorded;
use super::memory::Memory;
use crate::metrics::{Percentiles, StageView};
use crate::table::{duration, grouped};
use serde_json::{Value, json};
use tickloom_feeds::local_venue::{Sent, Tally};
use tickloom_wire::Received;

/// Stages in the order in which a record passes them.
const STAGES: [&str; 4] = ["decode", "core", "record", "publish"];

/// What the subscriber beside the load has heard: signals and bars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    pub(super) messages: u64,
    pub(super) missed: u64,
}

impl Heard {
    pub(super) fn take(&mut self, received: &Received) {
        self.messages += 1;
        self.missed += received.missed();
    }
}

/// What the stages have counted and measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays {
    stages: Vec<StageView>,
}

impl Delays {
    pub(super) fn of(mut stages: Vec<StageView>) -> Delays {
        let place = |view: &StageView| {
            let is_of = |stage: &&str| view.stage.starts_with(*stage);
            STAGES.iter().position(is_of)
        };
        stages.sort_by_key(|view| place(view).unwrap_or(STAGES.len()));
        Delays { stages }
    }

    fn publish(&self) -> Option<&StageView> {
        self.stages.iter().find(|view| view.stage == "publish")
    }
}

/// Everything that is known in the end.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// From the first message after the snapshot to the last that arrived.
    pub(super) seconds: f64,
    pub(super) sent: Sent,
    /// Messages that arrived.
    pub(super) received: u64,
    pub(super) bad_frames: u64,
    pub(super) recorded: Recorded,
    pub(super) delays: Delays,
    pub(super) heard: Heard,
    pub(super) memory: Memory,
}

impl Found {
    /// What was published, and what could not be.
    fn published(&self) -> (u64, u64) {
        let view = self.delays.publish();
        view.map_or((0, 0), |view| (view.records, view.dropped))
    }

    /// Kinds of records with what was sent and what is in the journal.
    fn kinds(&self) -> [(&'static str, Tally, Tally); 3] {
        let (sent, recorded) = (&self.sent, &self.recorded);
        [
            ("trades", sent.trades, recorded.trades),
            ("quotes", sent.quotes, recorded.quotes),
            ("levels", sent.levels, recorded.levels),
        ]
    }

    /// Events that are not in the journal.
    fn lost(&self) -> u64 {
        let missing =
            |(_, sent, recorded): (_, Tally, Tally)| sent.count.saturating_sub(recorded.count);
        self.kinds().into_iter().map(missing).sum()
    }

    /// What is not as it has to be, each in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut compare = |what: &str, wanted: u64, got: u64| {
            if wanted > got {
                let missing = grouped(wanted - got);
                faults.push(format!("{missing} of {} {what} were lost", grouped(wanted)));
            } else if got > wanted {
                let more = grouped(got - wanted);
                faults.push(format!("{more} {what} more than there were"));
            }
        };
        compare("messages", self.sent.messages, self.received);
        for (kind, sent, recorded) in self.kinds() {
            compare(
                &format!("{kind} on the way to the journal"),
                sent.count,
                recorded.count,
            );
        }
        let (published, _) = self.published();
        compare(
            "records to publish",
            self.recorded.for_subscribers(),
            published,
        );
        for (kind, sent, recorded) in self.kinds() {
            if sent.count == recorded.count && sent.id_sum != recorded.id_sum {
                faults.push(format!("the journal has other {kind} than were sent"));
            }
        }
        for (count, what) in [
            (self.bad_frames, "messages were refused"),
            (self.recorded.gaps, "gaps were told"),
            (self.heard.missed, "messages of a subscriber were missed"),
        ] {
            if count > 0 {
                faults.push(format!("{} {what}", grouped(count)));
            }
        }
        faults
    }

    fn per_second(&self, count: u64) -> u64 {
        if self.seconds <= 0.0 {
            return 0;
        }
        // From a float it is cut to what fits.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not below zero, and a cast saturates"
        )]
        let rate = (count as f64 / self.seconds) as u64;
        rate
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let (sent, recorded) = (&self.sent, &self.recorded);
        let (published, dropped) = self.published();
        let mut lines = vec![
            format!(
                "sent       {} messages, {} events, {} MB in {:.1} s: {} messages and {} events a second",
                grouped(sent.messages),
                grouped(sent.events()),
                sent.bytes / 1_000_000,
                self.seconds,
                grouped(self.per_second(sent.messages)),
                grouped(self.per_second(sent.events())),
            ),
            format!(
                "received   {} messages, {} refused",
                grouped(self.received),
                grouped(self.bad_frames)
            ),
            format!(
                "recorded   {} events, {} levels of snapshots, {} outputs, {} MB of journal",
                grouped(recorded.events()),
                grouped(recorded.snapshot_levels),
                grouped(recorded.outputs),
                recorded.bytes / 1_000_000
            ),
            format!(
                "published  {} of {} records, {} dropped; a subscriber of signals and bars got {} messages and missed {}",
                grouped(published),
                grouped(recorded.for_subscribers()),
                grouped(dropped),
                grouped(self.heard.messages),
                grouped(self.heard.missed),
            ),
            format!("lost       {} events", grouped(self.lost())),
            format!("memory     {}", memory_line(&self.memory)),
            format!(
                "{:<10} {:>10} {:>10} {:>10} {:>10}",
                "delay", "p50", "p99", "p99.9", "max"
            ),
        ];
        for view in &self.delays.stages {
            let Percentiles {
                p50,
                p99,
                p999,
                max,
            } = view.latency_ns;
            let stage = view.stage.split('/').next().unwrap_or_default();
            lines.push(format!(
                "  {stage:<8} {:>10} {:>10} {:>10} {:>10}",
                duration(p50),
                duration(p99),
                duration(p999),
                duration(max)
            ));
        }
        lines
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let (sent, recorded) = (&self.sent, &self.recorded);
        let (published, dropped) = self.published();
        let kinds: serde_json::Map<String, Value> = self
            .kinds()
            .into_iter()
            .map(|(kind, sent, recorded)| {
                let both = json!({ "sent": sent.count, "recorded": recorded.count });
                (kind.to_owned(), both)
            })
            .collect();
        let faults = self.faults();
        json!({
            "seconds": self.seconds,
            "sent": { "messages": sent.messages, "events": sent.events(), "bytes": sent.bytes },
            "received": { "messages": self.received, "refused": self.bad_frames },
            "recorded": {
                "events": recorded.events(),
                "snapshot_levels": recorded.snapshot_levels,
                "inputs": recorded.inputs,
                "outputs": recorded.outputs,
                "gaps": recorded.gaps,
            },
            "kinds": kinds,
            "published": {
                "records": published,
                "expected": recorded.for_subscribers(),
                "dropped": dropped,
            },
            "subscriber": { "messages": self.heard.messages, "missed": self.heard.missed },
            "lost": self.lost(),
            "messages_per_second": self.per_second(sent.messages),
            "events_per_second": self.per_second(sent.events()),
            "memory_bytes": self.memory,
            "journal_bytes": recorded.bytes,
            "stages": self.delays.stages,
            "faults": faults,
            "holds": faults.is_empty(),
        })
    }
}

fn memory_line(memory: &Memory) -> String {
    let mb = |bytes: Option<u64>| match bytes {
        Some(bytes) => format!("{} MB", bytes / 1_000_000),
        None => "unknown".to_owned(),
    };
    let Memory {
        start,
        middle,
        end,
        peak,
    } = *memory;
    format!(
        "{} at the start, {} in the middle, {} at the end, {} at most",
        mb(start),
        mb(middle),
        mb(end),
        mb(peak)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(ids: &[u64]) -> Tally {
        let mut tally = Tally::default();
        ids.iter().for_each(|id| tally.add(1, *id));
        tally
    }

    fn whole() -> Found {
        let sent = Sent {
            messages: 4,
            trades: tally(&[1, 2, 3]),
            levels: tally(&[7, 7]),
            ..Sent::default()
        };
        let recorded = Recorded {
            trades: sent.trades,
            levels: sent.levels,
            inputs_for_subscribers: 3,
            outputs: 2,
            ..Recorded::default()
        };
        let publish = StageView {
            stage: "publish".to_owned(),
            records: 5,
            dropped: 0,
            waits: 0,
            lag: 0,
            latency_ns: Percentiles::default(),
        };
        Found {
            seconds: 2.0,
            sent,
            received: 4,
            bad_frames: 0,
            recorded,
            delays: Delays::of(vec![publish]),
            heard: Heard::default(),
            memory: Memory::default(),
        }
    }

    #[track_caller]
    fn fault(change: impl FnOnce(&mut Found), expected: &str) {
        let mut found = whole();
        change(&mut found);
        assert_eq!(found.faults(), [expected]);
        assert_eq!(found.json()["holds"], false);
    }

    #[test]
    fn whatever_is_not_whole_is_a_fault() {
        assert_eq!(whole().faults(), Vec::<String>::new());
        assert_eq!((whole().lost(), whole().per_second(5)), (0, 2));
        assert_eq!(whole().json()["holds"], true);
        fault(
            |found| found.recorded.trades = tally(&[1, 3]),
            "1 of 3 trades on the way to the journal were lost",
        );
        fault(
            |found| found.recorded.levels = tally(&[7, 7, 7]),
            "1 levels on the way to the journal more than there were",
        );
        fault(
            |found| found.recorded.trades = tally(&[1, 1, 3]),
            "the journal has other trades than were sent",
        );
        fault(|found| found.received = 3, "1 of 4 messages were lost");
        fault(
            |found| found.recorded.outputs = 3,
            "1 of 6 records to publish were lost",
        );
        fault(|found| found.recorded.gaps = 2, "2 gaps were told");
        fault(|found| found.bad_frames = 1, "1 messages were refused");
        fault(
            |found| found.heard.missed = 9,
            "9 messages of a subscriber were missed",
        );
    }
}
