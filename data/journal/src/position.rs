//! Where in a run a reader or a writer stands, and what may follow there.

use crate::format::{Block, ChainHash, Durable, Numbers, Place, Reserved, Session};
use crate::limits::NUMBERS_MAX;
use crate::segment::ChainedBlock;
use crate::{JournalError, Result};
use tickloom_types::{Record, Seq};

/// A place between two blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) place: Place,
    /// Hash of the block before.
    pub(crate) chain: ChainHash,
    /// What the blocks so far say is on the disk.
    pub(crate) durable: Numbers,
}

/// Why a block does not follow: what was found, and what was expected.
type Unfit = (String, String);

impl Position {
    /// Where the next session begins: behind all numbers that may have been told to others.
    pub(crate) fn next_session(&self) -> Session {
        Session {
            session: self.place.sessions.saturating_add(1),
            kept: self.place.next,
            start: self.place.next.max(self.place.reserved.numbers()),
            orders: self.place.reserved.orders,
            lost: false,
        }
    }

    /// Whether a session can begin here that has numbers for itself and what comes in it.
    pub(crate) fn check_room(&self, run: &str) -> Result<()> {
        let start = self.next_session().start;
        let sessions = (
            "sessions",
            self.place.sessions.into(),
            u64::from(u32::MAX) - 1,
        );
        let used = [
            sessions,
            ("inputs", start.inputs, NUMBERS_MAX - 1),
            ("outputs", start.outputs, NUMBERS_MAX - 1),
        ];
        match used.into_iter().find(|(_, used, most)| used > most) {
            None => Ok(()),
            Some((what, used, most)) => Err(JournalError::Exhausted {
                run: run.to_owned(),
                what,
                used,
                most: most + 1,
            }),
        }
    }

    pub(crate) fn begin(&mut self, session: &Session) {
        self.place.next = session.start;
        // Behind what was lost the same session may go on.
        if session.lost && session.session == self.place.sessions {
            return;
        }
        self.place.sessions = session.session;
        // Inputs and outputs that were reserved are over. Orders stay so until a close: whether one has come that tells of it is
        // not known here.
        self.place.reserved = Reserved {
            orders: self.place.reserved.orders.max(session.orders),
            ..Reserved::default()
        };
    }

    /// Checks outputs against what is there already.
    pub(crate) fn check_causes(&self, outputs: &[(Seq, Record)]) -> Result<()> {
        let mut last = self.place.last_cause;
        for (cause, _) in outputs {
            if *cause < last {
                return Err(JournalError::Sequence {
                    what: "cause",
                    found: *cause,
                    expected: format!("at least {last}"),
                });
            }
            last = *cause;
        }
        Ok(())
    }

    /// Checks that a block continues this position, then moves past it.
    pub(crate) fn advance(&mut self, chained: &ChainedBlock) -> Result<(), Unfit> {
        if chained.previous != self.chain {
            return Err((
                "another hash of the block before".into(),
                "the chain to hold".into(),
            ));
        }
        match &chained.block {
            Block::Meta(_) => {}
            Block::Close(_) => self.place.reserved = Reserved::default(),
            Block::Place(place) => expect(place, &self.place)?,
            Block::Session(session) => {
                if session.lost {
                    self.check_lost(session)?;
                } else {
                    expect(session, &self.next_session())?;
                }
                possible(session.start)?;
                self.begin(session);
            }
            Block::Reserve(reserved) => {
                possible(reserved.numbers())?;
                self.place.reserved = self.place.reserved.max(*reserved);
            }
            Block::Durable(durable) => self.take_durable(durable, chained.offset)?,
            Block::Inputs { first_seq, records } => {
                let next = &mut self.place.next.inputs;
                if first_seq != next {
                    return Err((format!("input {first_seq}"), next.to_string()));
                }
                *next = after(*next, records.len())?;
            }
            Block::Outputs {
                first_output,
                records,
            } => self.take_outputs(*first_output, records)?,
        }
        self.chain = chained.hash;
        Ok(())
    }

    /// What was lost may have been of several sessions, and part of one.
    fn check_lost(&self, session: &Session) -> Result<(), Unfit> {
        let next = self.place.next;
        let follows = session.kept == next
            && session.start.max(next) == session.start
            && session.session >= self.place.sessions;
        if follows {
            return Ok(());
        }
        let expected = format!("what was lost after {next:?}");
        Err((format!("{session:?}"), expected))
    }

    fn take_outputs(&mut self, first: u64, records: &[(Seq, Record)]) -> Result<(), Unfit> {
        let next = self.place.next;
        if first != next.outputs {
            return Err((format!("output {first}"), next.outputs.to_string()));
        }
        if let Err(error) = self.check_causes(records) {
            return Err((error.to_string(), "causes in order".into()));
        }
        if let Some((cause, _)) = records.last() {
            if *cause >= next.inputs {
                let expected = format!("a cause below {}", next.inputs);
                return Err((format!("cause {cause}"), expected));
            }
            self.place.last_cause = *cause;
        }
        self.place.next.outputs = after(next.outputs, records.len())?;
        Ok(())
    }

    fn take_durable(&mut self, durable: &Durable, offset: u64) -> Result<(), Unfit> {
        let (said, next) = (durable.numbers, self.place.next);
        if said.max(next) != next || durable.bytes > offset {
            let found = format!(
                "{} inputs, {} outputs and {} bytes on the disk",
                said.inputs, said.outputs, durable.bytes
            );
            let expected = format!("at most {}, {} and {offset}", next.inputs, next.outputs);
            return Err((found, expected));
        }
        self.durable = said;
        Ok(())
    }
}

/// The number after so many records from `first` on.
fn after(first: u64, count: usize) -> Result<u64, Unfit> {
    let end = first
        .checked_add(count as u64)
        .filter(|end| *end <= NUMBERS_MAX);
    end.ok_or_else(|| {
        let expected = format!("numbers below {NUMBERS_MAX}");
        (format!("{count} records from {first} on"), expected)
    })
}

fn possible(numbers: Numbers) -> Result<(), Unfit> {
    if numbers.are_possible() {
        return Ok(());
    }
    let expected = format!("numbers of at most {NUMBERS_MAX}");
    Err((format!("{numbers:?}"), expected))
}

fn expect<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), Unfit> {
    if found == expected {
        return Ok(());
    }
    Err((format!("{found:?}"), format!("{expected:?}")))
}
