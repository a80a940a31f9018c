//! Topics: the words under which records are published. `docs/wire.md` lists them; a subscription is a prefix.

use crate::error::WireError;
use crate::limits::{NAME_LEN_MAX, TOPIC_LEN_MAX};
use tickloom_types::{
    FillBody, InstrumentDef, Instruments, Kind, OrderBody, PositionBody, Record, SignalBody,
    VerdictBody,
};

/// Every topic exists a second time under this prefix, with a JSON payload.
pub const JSON_PREFIX: &str = "json/";

/// The topic that says that the publisher lives, and the last sequence of every topic.
pub const HEARTBEAT: &str = "heartbeat";

/// The topic of records that tell what changed or went wrong at a source or a book.
pub const STATUS: &str = "status";

/// A subscription to this and any unique text is answered once under exactly that topic, after all earlier
/// subscriptions of the same socket are in force. It must sort after all others: a socket that connects sends its
/// subscriptions in the order of their bytes.
pub const HELLO_PREFIX: &str = "~hello/";

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
            Kind::Trade | Kind::Quote | Kind::Level => {
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

    pub(crate) fn instruments(&self) -> &Instruments {
        &self.instruments
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
            Some(Kind::Trade | Kind::Quote | Kind::Level) => (header.instrument, 0),
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

fn is_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(known)
}
