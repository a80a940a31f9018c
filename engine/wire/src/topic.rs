//! Topics: the words under which records are published. `docs/wire.md` lists them; a subscription is a prefix.

use crate::error::WireError;
use crate::json;
use crate::limits::{NAME_LEN_MAX, TOPIC_LEN_MAX};
use tickloom_types::{
    FillBody, InstrumentDef, Instruments, Kind, OrderBody, PositionBody, Record, SignalBody,
    VerdictBody,
};

/// Prefixes of all topics that carry records, each once and without [`JSON_PREFIX`].
pub const RECORD_TOPICS: [&str; 12] = [
    "signal/",
    "bar/",
    "quote/",
    "trade/",
    "level/",
    "order_update/",
    "order/",
    "verdict/",
    "fill/",
    "position/",
    "account",
    STATUS,
];

/// Every topic exists a second time under this prefix, with a JSON payload.
pub const JSON_PREFIX: &str = "json/";

/// The topic that says that the publisher lives, in which session, and the last sequence of every topic.
pub const HEARTBEAT: &str = "heartbeat";

/// The topic of the first message of each epoch, which tells the session.
pub const EPOCH: &str = "epoch";

/// The topic of what the run knows, told after the first message of each epoch.
pub const STATE: &str = "state";

/// The topic of records that tell what changed or went wrong at a source or a book.
pub const STATUS: &str = "status";

/// A subscription to this and any unique text is answered once under exactly that topic, after all earlier
/// subscriptions of the same socket are in force. It must sort after all others: a socket that connects sends its
/// subscriptions in the order of their bytes.
pub const HELLO_PREFIX: &str = "~hello/";

/// As [`HELLO_PREFIX`], for an answer as JSON.
pub const JSON_HELLO_PREFIX: &str = "json/~hello/";

/// What the numbers in records are called: fixed for a run.
#[derive(Clone, Debug)]
pub struct Names {
    instruments: Instruments,
    signals: Vec<String>,
    strategies: Vec<String>,
}

/// What decides a record's topic: equal keys have equal topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopicKey {
    kind: u8,
    first: u32,
    second: u32,
}

const _: () = assert!("json/position//".len() + 2 * NAME_LEN_MAX <= TOPIC_LEN_MAX);

impl Names {
    /// The table of a run; signals and strategies in the order of their indices.
    ///
    /// # Errors
    /// [`WireError::Name`] for a signal or strategy name that is empty, over 64 bytes or has other characters than
    /// ASCII letters, digits and `. - _`.
    pub fn new(
        instruments: Instruments,
        signals: Vec<String>,
        strategies: Vec<String>,
    ) -> Result<Names, WireError> {
        for (what, names) in [("signal", &signals), ("strategy", &strategies)] {
            if let Some(name) = names.iter().find(|name| !is_name(name)) {
                let name = name.clone();
                return Err(WireError::Name { what, name });
            }
        }
        Ok(Names {
            instruments,
            signals,
            strategies,
        })
    }

    /// The topic of a record, without the JSON prefix; `None` for kinds that are not published: timers.
    ///
    /// # Errors
    /// [`WireError::Unnamed`] if it is of no known kind or refers to something that has no name.
    pub fn topic(&self, record: &Record) -> Result<Option<String>, WireError> {
        let kind = kind(record)?;
        let word = kind.name();
        Ok(Some(match kind {
            Kind::Timer => return Ok(None),
            Kind::Trade | Kind::Quote | Kind::Level | Kind::OrderUpdate => {
                format!("{word}/{}", self.instrument(record)?.name)
            }
            Kind::Bar | Kind::BarClosed => {
                format!(
                    "bar/{}/{}",
                    self.instrument(record)?.name,
                    self.bar_spec(record)?
                )
            }
            Kind::Signal => format!("{word}/{}", self.signal(record)?),
            Kind::Order | Kind::Verdict | Kind::Fill => {
                format!("{word}/{}", self.strategy(record)?)
            }
            Kind::Position => {
                let instrument = &self.instrument(record)?.name;
                format!("{word}/{}/{instrument}", self.strategy(record)?)
            }
            Kind::Account => word.to_owned(),
            Kind::Status | Kind::BookStatus | Kind::RiskStatus => STATUS.to_owned(),
        }))
    }

    /// The JSON payload of a record: `run` is the run's name, `number` the record's number in it.
    ///
    /// # Errors
    /// As [`Names::topic`].
    pub fn json(
        &self,
        record: &Record,
        run: Option<&str>,
        number: u64,
    ) -> Result<String, WireError> {
        json::text(record, self, run, number)
    }

    pub(crate) fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    pub(crate) fn signals(&self) -> &[String] {
        &self.signals
    }

    pub(crate) fn strategies(&self) -> &[String] {
        &self.strategies
    }

    pub(crate) fn instrument(&self, record: &Record) -> Result<&InstrumentDef, WireError> {
        let id = record.instrument();
        self.instruments
            .get(id)
            .ok_or_else(|| unnamed(record, "instrument", id.0))
    }

    pub(crate) fn bar_spec(&self, record: &Record) -> Result<String, WireError> {
        let id = record.source();
        let spec = self.instruments.bar_spec(id);
        spec.map(|spec| spec.to_string())
            .ok_or_else(|| unnamed(record, "source (of bars)", u32::from(id.0)))
    }

    pub(crate) fn signal(&self, record: &Record) -> Result<&str, WireError> {
        let index = SignalBody::of(record).signal;
        name(&self.signals, index).ok_or_else(|| unnamed(record, "signal", index))
    }

    pub(crate) fn strategy(&self, record: &Record) -> Result<&str, WireError> {
        let index = strategy_index(record);
        name(&self.strategies, index).ok_or_else(|| unnamed(record, "strategy", index))
    }
}

impl TopicKey {
    /// The key of a record, whether or not it has a topic.
    pub(crate) fn of(record: &Record) -> TopicKey {
        let header = &record.header;
        let (first, second) = match record.kind() {
            Some(Kind::Trade | Kind::Quote | Kind::Level | Kind::OrderUpdate) => {
                (header.instrument, 0)
            }
            Some(Kind::Bar | Kind::BarClosed) => (header.instrument, u32::from(header.source)),
            Some(Kind::Signal) => (SignalBody::of(record).signal, 0),
            Some(Kind::Order | Kind::Verdict | Kind::Fill) => (strategy_index(record), 0),
            Some(Kind::Position) => (strategy_index(record), header.instrument),
            Some(
                Kind::Account | Kind::Timer | Kind::Status | Kind::BookStatus | Kind::RiskStatus,
            )
            | None => (0, 0),
        };
        TopicKey {
            kind: header.kind,
            first,
            second,
        }
    }
}

pub(crate) fn kind(record: &Record) -> Result<Kind, WireError> {
    let kind = record.kind();
    kind.ok_or_else(|| unnamed(record, "kind", u32::from(record.header.kind)))
}

/// Whether a record of this kind is an output of the core; else it is a market record, an input.
#[must_use]
pub fn is_output(kind: u8) -> bool {
    kind >= Kind::Signal as u8
}

fn strategy_index(record: &Record) -> u32 {
    match record.kind() {
        Some(Kind::Order) => u32::from(OrderBody::of(record).strategy),
        Some(Kind::Verdict) => u32::from(VerdictBody::of(record).strategy),
        Some(Kind::Fill) => u32::from(FillBody::of(record).strategy),
        _ => PositionBody::of(record).strategy,
    }
}

fn name(names: &[String], index: u32) -> Option<&str> {
    let name = names.get(usize::try_from(index).ok()?)?;
    Some(name.as_str())
}

fn unnamed(record: &Record, field: &'static str, value: u32) -> WireError {
    WireError::Unnamed {
        kind: record.header.kind,
        field,
        value: u64::from(value),
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, SourceDef, SourceId, SourceKind, TradeBody, Ts};

    fn names(signals: &[&str], strategies: &[&str]) -> Result<Names, WireError> {
        let mut instruments = Instruments::new();
        for name in ["binance.BTCUSDT", "files/GOOG"] {
            instruments
                .add(InstrumentDef::new(name, 2, 0, "USD"))
                .unwrap();
        }
        instruments.bar_source("5m".parse().unwrap()).unwrap();
        let venue_bars = SourceDef::new("venue bars", SourceKind::Bars("300s".parse().unwrap()));
        instruments.add_source(venue_bars).unwrap();
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Names::new(instruments, owned(signals), owned(strategies))
    }

    fn record(kind: Kind, instrument: u32, source: u16) -> Record {
        let header = Header::new(
            kind,
            InstrumentId(instrument),
            SourceId(source),
            Ts(0),
            Ts(0),
        );
        TradeBody::default().record(header)
    }

    #[test]
    fn every_kind_has_its_topic() {
        let names = names(&["fast"], &["cross"]).unwrap();
        let check = |kind, expected: Option<&str>| {
            let topic = names.topic(&record(kind, 1, 0)).unwrap();
            assert_eq!(topic.as_deref(), expected);
            if let Some(topic) = topic {
                let prefixes = RECORD_TOPICS.iter().filter(|p| topic.starts_with(**p));
                assert_eq!(prefixes.count(), 1, "{topic}");
            }
        };
        check(Kind::Trade, Some("trade/files/GOOG"));
        check(Kind::Quote, Some("quote/files/GOOG"));
        check(Kind::Level, Some("level/files/GOOG"));
        check(Kind::OrderUpdate, Some("order_update/files/GOOG"));
        check(Kind::Bar, Some("bar/files/GOOG/5m"));
        check(Kind::BarClosed, Some("bar/files/GOOG/5m"));
        check(Kind::Timer, None);
        check(Kind::Signal, Some("signal/fast"));
        check(Kind::Order, Some("order/cross"));
        check(Kind::Verdict, Some("verdict/cross"));
        check(Kind::Fill, Some("fill/cross"));
        check(Kind::Position, Some("position/cross/files/GOOG"));
        check(Kind::Account, Some("account"));
        check(Kind::Status, Some("status"));
        check(Kind::BookStatus, Some("status"));
        check(Kind::RiskStatus, Some("status"));
    }

    #[test]
    fn bars_of_one_size_from_two_sources_have_one_topic() {
        let names = names(&[], &[]).unwrap();
        let own = names.topic(&record(Kind::BarClosed, 0, 0)).unwrap();
        let venue = names.topic(&record(Kind::Bar, 0, 1)).unwrap();
        assert_eq!(own.as_deref(), Some("bar/binance.BTCUSDT/5m"));
        assert_eq!(own, venue);
    }

    #[test]
    fn what_has_no_name_is_named_in_the_error() {
        let names = names(&[], &[]).unwrap();
        let check = |record: Record, expected: &str| {
            let error = names.topic(&record).unwrap_err().to_string();
            let expected = format!("{expected}, and the names table has no such entry");
            assert_eq!(error, expected);
        };
        check(
            record(Kind::Trade, 2, 0),
            "record of kind 1: instrument is 2",
        );
        check(
            record(Kind::Bar, 0, 2),
            "record of kind 4: source (of bars) is 2",
        );
        check(record(Kind::Signal, 0, 0), "record of kind 64: signal is 0");
        check(
            record(Kind::Position, 0, 0),
            "record of kind 68: strategy is 0",
        );
        let mut unknown = record(Kind::Trade, 0, 0);
        unknown.header.kind = 200;
        check(unknown, "record of kind 200: kind is 200");
    }

    #[test]
    fn names_that_would_break_a_topic_are_refused() {
        for bad in ["", "a/b", "a b", "\u{e9}", &"a".repeat(65)] {
            let error = names(&[bad], &[]).unwrap_err().to_string();
            let expected = "expected 1 to 64 of letters, digits and . - _";
            assert_eq!(error, format!("signal name {bad:?}: {expected}"));
            assert!(names(&[], &[bad]).is_err());
        }
        assert!(names(&["a.b-c_D9", &"a".repeat(64)], &["x"]).is_ok());
    }

    #[test]
    fn the_hello_sorts_after_every_topic() {
        assert!(HELLO_PREFIX > "z");
    }
}
