//! Prices between the steps of an instrument's tick: the tick that was said is wrong, or the data is of another instrument.

use super::Thresholds;
use super::ledger::{Finding, Findings, LedgerKind};
use tickloom_catalog::Table;
use tickloom_types::{
    BarBody, InstrumentDef, Kind, LevelBody, OrderUpdateBody, QuoteBody, Record, Term, TradeBody,
    Ts, format_decimal,
};

/// Holds the prices of an instrument against its tick, table by table.
#[derive(Debug)]
pub(super) struct TickWatch {
    tick: i64,
    tables: Vec<(Table, Prices)>,
}

/// The prices of one table.
#[derive(Clone, Copy, Debug, Default)]
struct Prices {
    /// Those that were looked at, and those of them that are between two steps.
    seen: u64,
    off: u64,
    /// The first price between two steps.
    first: i64,
    from: Ts,
    to: Ts,
    /// The newest prices that are on a step, of bid and ask or of all: most prices are as the one before, and need no division.
    on: [i64; 2],
}

impl TickWatch {
    /// `None` if nobody says the tick, or no price can be between its steps.
    pub(super) fn of(def: &InstrumentDef) -> Option<Box<TickWatch>> {
        let contract = &def.contract;
        let is_said = !contract.is_unknown() && !contract.assumed.contains(&Term::Tick);
        (is_said && def.tick_size > 1).then(|| {
            Box::new(TickWatch {
                tick: def.tick_size,
                tables: Vec::new(),
            })
        })
    }

    /// Looks at the prices of a record.
    pub(super) fn look(&mut self, record: &Record) {
        let (Some(kind), Some(table)) = (record.kind(), Table::of(record)) else {
            return;
        };
        let at = match self.tables.iter().position(|(known, _)| *known == table) {
            Some(at) => at,
            None => {
                self.tables.push((table, Prices::default()));
                self.tables.len() - 1
            }
        };
        let (tick, prices) = (self.tick, &mut self.tables[at].1);
        let mut price = |price: i64, place: usize| prices.look((price, place), tick, record);
        match kind {
            Kind::Trade => price(TradeBody::of(record).price, 0),
            Kind::Quote => {
                let (bid, ask) = QuoteBody::of(record).prices();
                bid.into_iter().for_each(|bid| price(bid, 0));
                ask.into_iter().for_each(|ask| price(ask, 1));
            }
            Kind::Level => price(LevelBody::of(record).price, 0),
            Kind::OrderUpdate => price(OrderUpdateBody::of(record).price, 0),
            Kind::Bar => {
                let bar = BarBody::of(record);
                let prices = [bar.open, bar.high, bar.low, bar.close];
                prices.into_iter().for_each(|one| price(one, 0));
            }
            _ => {}
        }
    }

    /// A row for each table with such prices.
    pub(super) fn finish(
        &self,
        def: &InstrumentDef,
        findings: &mut Findings,
        thresholds: &Thresholds,
    ) {
        let text = |mantissa: i64| format_decimal(i128::from(mantissa), def.price_decimals);
        for (table, prices) in self.tables.iter().filter(|(_, prices)| prices.off > 0) {
            let (seen, off) = (prices.seen, prices.off);
            let (tick, first) = (text(self.tick), text(prices.first));
            let evidence = format!(
                "{off} of {seen} prices are between steps of the tick {tick}, the first of them {first}"
            );
            let finding = Finding {
                table: Some(*table),
                kind: LedgerKind::OffTick,
                from: prices.from,
                to: prices.to,
                count: off,
                evidence,
            };
            findings.push(finding, thresholds.rows_max);
        }
    }
}

impl Prices {
    fn look(&mut self, (price, place): (i64, usize), tick: i64, record: &Record) {
        self.seen += 1;
        if self.on[place] == price {
            return;
        }
        if price % tick == 0 {
            self.on[place] = price;
            return;
        }
        let ts = record.ts_event();
        if self.off == 0 {
            (self.first, self.from, self.to) = (price, ts, ts);
        }
        self.off += 1;
        // Records are not always in the order of their event times.
        (self.from, self.to) = (self.from.min(ts), self.to.max(ts));
    }
}
