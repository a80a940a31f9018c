//! The quality ledger: what is wrong with data, found in one pass over its records with bounded memory.
//!
//! [`Inspector`] takes records in order, from a scan or on their way into a backtest, and gives a [`Ledger`] of rows with from, to,
//! kind and evidence. It changes and repairs nothing. `docs/quality.md` defines each kind and says where the thresholds come from.

mod calm;
mod chain;
mod instrument;
mod ledger;
mod rows;
mod silence;
mod skew;
mod spike;
mod split;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod thresholds;
mod tick;
mod top;
mod turns;

pub use ledger::{Ledger, LedgerKind, LedgerRow};
pub use thresholds::Thresholds;

use crate::{Calendars, Result};
use instrument::Watched;
use ledger::Findings;
use status::Connections;
use stream::Numbers;
use tickloom_formats::DBN_SOURCE;
use tickloom_types::{
    InstrumentId, Instruments, Kind, Record, SourceDef, StatusBody, StatusCode, Ts,
};
use turns::Turns;

/// Looks at records one by one; see the module.
pub struct Inspector {
    instruments: Instruments,
    thresholds: Thresholds,
    watched: Vec<Watched>,
    /// By source: what the numbers in its records count.
    numbers: Vec<Numbers>,
    /// What concerns a source as a whole.
    general: Findings,
    connections: Connections,
    records: u64,
    newest: Ts,
    turns: Turns,
}

impl Inspector {
    /// For records whose identifiers `instruments` names. An instrument that names no calendar trades at all times.
    ///
    /// # Errors
    /// [`crate::DataError::Unknown`] for a calendar that is not there.
    pub fn new(
        instruments: &Instruments,
        thresholds: Thresholds,
        calendars: &Calendars,
    ) -> Result<Inspector> {
        let watched = instruments.defs().iter();
        let watched = watched.map(|def| Ok(Watched::new(calendars.of(def)?, def)));
        let numbers = |source: &SourceDef| match source.name.starts_with(DBN_SOURCE) {
            true => Numbers::OfMessages,
            false => Numbers::OfRecords,
        };
        Ok(Inspector {
            numbers: instruments.sources().iter().map(numbers).collect(),
            watched: watched.collect::<Result<_>>()?,
            instruments: instruments.clone(),
            thresholds,
            general: Findings::default(),
            connections: Connections::default(),
            records: 0,
            newest: Ts(i64::MIN),
            turns: Turns::default(),
        })
    }

    /// Takes the next records, as [`Inspector::push`] takes one after the other.
    pub fn push_all(&mut self, records: &[Record]) {
        let mut turns = std::mem::take(&mut self.turns);
        let mut rest = records;
        while !rest.is_empty() {
            let (next, others) = rest.split_at(turns.put(rest, self.watched.len()));
            self.push_runs(turns.ordered().unwrap_or(next));
            rest = others;
        }
        self.turns = turns;
    }

    fn push_runs(&mut self, records: &[Record]) {
        let mut rest = records;
        while !rest.is_empty() {
            let (alike, others) = rest.split_at(calm::alike(rest).max(1));
            self.push_alike(alike);
            rest = others;
        }
    }

    /// Takes records of one kind, instrument and source.
    fn push_alike(&mut self, mut alike: &[Record]) {
        while !alike.is_empty() {
            let calm = match alike.len() < calm::GROUP {
                true => 0,
                false => self.push_calm(alike),
            };
            let (single, more) = alike[calm..].split_at((alike.len() - calm).min(calm::GROUP));
            single.iter().for_each(|record| self.push(record));
            alike = more;
        }
    }

    /// Takes records of one kind, instrument and source in which nothing is wrong; how many from the first on.
    fn push_calm(&mut self, records: &[Record]) -> usize {
        let Some(first) = records.first() else {
            return 0;
        };
        let at = usize::try_from(first.header.instrument).ok();
        let Some(watched) = at.and_then(|at| self.watched.get_mut(at)) else {
            return 0;
        };
        let count = match first.kind() {
            Some(Kind::Quote) => {
                let numbers = self.numbers.get(usize::from(first.header.source));
                let numbers = numbers.copied().unwrap_or(Numbers::OfRecords);
                watched.calm_quotes(records, numbers, &self.thresholds)
            }
            Some(Kind::Bar) => match self.instruments.bar_spec(first.source()) {
                Some(spec) => watched.calm_bars(spec, records, &self.thresholds),
                None => 0,
            },
            _ => 0,
        };
        watched.look_at_ticks(&records[..count]);
        self.records += count as u64;
        if let Some(newest) = records[..count].last() {
            self.newest = self.newest.max(newest.ts_event());
        }
        count
    }

    /// Takes the next record. Outputs are not looked at.
    pub fn push(&mut self, record: &Record) {
        let Some(kind) = record.kind() else { return };
        self.records += 1;
        if kind == Kind::Status {
            return self.status(record);
        }
        self.newest = self.newest.max(record.ts_event());
        let at = usize::try_from(record.header.instrument).ok();
        let Some(watched) = at.and_then(|at| self.watched.get_mut(at)) else {
            return;
        };
        let numbers = self.numbers.get(usize::from(record.header.source));
        let numbers = numbers.copied().unwrap_or(Numbers::OfRecords);
        watched.look_at_ticks(std::slice::from_ref(record));
        match kind {
            Kind::Trade => watched.trade(record, numbers, &self.thresholds),
            Kind::Quote => watched.quote(record, numbers, &self.thresholds),
            Kind::Level => watched.level(record, &self.thresholds),
            Kind::OrderUpdate => watched.order_update(record, &self.thresholds),
            Kind::Bar => {
                if let Some(spec) = self.instruments.bar_spec(record.source()) {
                    watched.bar(spec, record, &self.thresholds);
                }
            }
            _ => {}
        }
    }

    /// The ledger of all records so far.
    #[must_use]
    pub fn finish(mut self) -> Ledger {
        self.connections
            .rest(self.newest, &mut self.general, &self.thresholds);
        let mut rows = Vec::new();
        let mut more = self.general.more;
        rows::name(&mut rows, None, self.general);
        for (watched, def) in self.watched.into_iter().zip(self.instruments.defs()) {
            let findings = watched.finish(def, &self.thresholds);
            more += findings.more;
            rows::name(&mut rows, Some(def), findings);
        }
        rows.sort_by(|a, b| rows::order(a).cmp(&rows::order(b)));
        let (rows, remarks) = rows.into_iter().partition(|row| row.kind.is_fault());
        Ledger {
            records: self.records,
            rows,
            remarks,
            more,
        }
    }

    fn status(&mut self, record: &Record) {
        let code = StatusCode::from_raw(StatusBody::of(record).code);
        if record.instrument() == InstrumentId::NONE {
            self.connections
                .status(record, &mut self.general, &self.thresholds);
            if code == Some(StatusCode::Started) {
                self.watched.iter_mut().for_each(Watched::restarted);
            }
            return;
        }
        let at = usize::try_from(record.header.instrument).ok();
        if let Some(watched) = at.and_then(|at| self.watched.get_mut(at)) {
            watched.status(record, &self.thresholds);
        }
    }
}
