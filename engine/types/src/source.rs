//! Where records come from, and when what comes from there was available.

use crate::bar_spec::BarSpec;
use crate::record::{Kind, Record};
use crate::time::{DurationNs, Ts};
use serde::{Deserialize, Serialize};

/// What kind of thing a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A live or recorded connection to a venue.
    Feed,
    /// A file that was imported.
    File,
    /// Bars of this size, from a venue or a file, or made by the core.
    Bars(BarSpec),
}

/// Which of a record's times says when it was available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// `ts_recv`: arrival was recorded by us, or is given by the vendor.
    Recv,
    /// `ts_event`: only the venue's time is known.
    Venue,
}

/// Where records come from; a bar's source says its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct SourceDef {
    /// Unique name within the run.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Which time says when its records were available.
    pub clock: Clock,
    /// Nanoseconds from the venue's time to arrival, as declared; only for [`Clock::Venue`].
    #[serde(skip_serializing_if = "is_zero")]
    pub feed_latency: DurationNs,
}

/// A source as journals and catalogs have it. Before clocks were written, only feeds and vendors' files knew arrival.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    kind: SourceKind,
    clock: Option<Clock>,
    #[serde(default)]
    feed_latency: DurationNs,
}

impl From<Written> for SourceDef {
    fn from(written: Written) -> SourceDef {
        let plain = SourceDef::new(written.name, written.kind);
        let clock = match written.clock {
            Some(clock) => clock,
            None if plain.kind == SourceKind::File && plain.name.starts_with("dbn/") => Clock::Recv,
            None => plain.clock,
        };
        SourceDef {
            clock,
            feed_latency: written.feed_latency,
            ..plain
        }
    }
}

fn is_zero(latency: &DurationNs) -> bool {
    *latency == 0
}

impl SourceDef {
    /// A source whose arrival is known if it is a feed, and not if it is a file or bars.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: SourceKind) -> SourceDef {
        SourceDef {
            name: name.into(),
            kind,
            clock: match kind {
                SourceKind::Feed => Clock::Recv,
                SourceKind::File | SourceKind::Bars(_) => Clock::Venue,
            },
            feed_latency: 0,
        }
    }

    /// The same with this clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> SourceDef {
        SourceDef { clock, ..self }
    }

    /// The same with this feed latency if only the venue's time is known; otherwise unchanged.
    #[must_use]
    pub fn with_feed_latency(self, feed_latency: DurationNs) -> SourceDef {
        match self.clock {
            Clock::Recv => self,
            Clock::Venue => SourceDef {
                feed_latency,
                ..self
            },
        }
    }

    /// When a record of this source was available: on arrival or, where that is not known, at the venue's time and the
    /// declared latency; a bar not before its close. Within a run the sequence rules over this: what comes later in the
    /// sequence was not available before.
    #[must_use]
    #[inline]
    pub fn release(&self, record: &Record) -> Ts {
        let ts = match self.clock {
            Clock::Recv => record.header.ts_recv,
            Clock::Venue => record.header.ts_event.saturating_add(self.feed_latency),
        };
        if record.header.kind == Kind::Bar as u8 {
            Ts(ts.max(record.header.ts_event))
        } else {
            Ts(ts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BarBody, Header, InstrumentId, SourceId, TradeBody};

    fn record(kind: Kind, ts_event: i64, ts_recv: i64) -> Record {
        let (id, source) = (InstrumentId(0), SourceId(0));
        let header = Header::new(kind, id, source, Ts(ts_event), Ts(ts_recv));
        match kind {
            Kind::Bar => BarBody::default().record(header),
            _ => TradeBody::default().record(header),
        }
    }

    #[test]
    fn arrival_counts_where_it_is_known_and_a_bar_waits_for_its_close() {
        let feed = SourceDef::new("feed", SourceKind::Feed);
        let file = SourceDef::new("file", SourceKind::File).with_feed_latency(30);
        let cases = [
            (Kind::Trade, 100, 120, 120, 130),
            (Kind::Trade, 100, 80, 80, 130),
            (Kind::Trade, i64::MAX, 80, 80, i64::MAX),
            (Kind::Bar, 100, 120, 120, 130),
            (Kind::Bar, 100, 80, 100, 130),
        ];
        for (kind, ts_event, ts_recv, of_feed, of_file) in cases {
            let record = record(kind, ts_event, ts_recv);
            assert_eq!(feed.release(&record), Ts(of_feed), "{kind:?}");
            assert_eq!(file.release(&record), Ts(of_file), "{kind:?}");
        }
        assert_eq!(feed.with_feed_latency(9).feed_latency, 0);
    }

    #[test]
    fn what_was_written_without_a_clock_gets_one() {
        let read = |text: &str| serde_json::from_str::<SourceDef>(text).unwrap();
        let clock = |text: &str| read(text).clock;
        assert_eq!(clock(r#"{"name":"x","kind":"feed"}"#), Clock::Recv);
        assert_eq!(clock(r#"{"name":"file/csv","kind":"file"}"#), Clock::Venue);
        assert_eq!(clock(r#"{"name":"dbn/glbx","kind":"file"}"#), Clock::Recv);
        let minutes = SourceDef::new("bars/1m", SourceKind::Bars("1m".parse().unwrap()));
        let text = serde_json::to_string(&minutes).unwrap();
        assert!(text.ends_with(r#""clock":"venue"}"#), "{text}");
        assert_eq!(read(&text), minutes);
        let late = minutes.with_feed_latency(5);
        assert_eq!(read(&serde_json::to_string(&late).unwrap()), late);
        assert!(serde_json::from_str::<SourceDef>(r#"{"name":"x","kind":"feed","q":1}"#).is_err());
    }
}
