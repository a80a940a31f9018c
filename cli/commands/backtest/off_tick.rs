//! Prices between the steps of an instrument's tick: who said the tick was wrong, or the data is of another instrument.

use std::sync::{Arc, Mutex, PoisonError};
use tickloom_data::{DataError, RecordBlock, RecordBlocks, Stream};
use tickloom_types::{
    BarBody, InstrumentDef, Instruments, Kind, QuoteBody, Record, Term, TradeBody, format_decimal,
    some_of,
};

/// Prices of instruments whose tick is said.
#[derive(Clone, Debug, Default)]
pub(super) struct OffTick(Arc<Mutex<Vec<Option<Steps>>>>);

/// Of one instrument.
#[derive(Debug)]
struct Steps {
    /// Its name and tick, in words.
    of: String,
    tick: i64,
    /// Prices that were looked at, and those of them that are between two steps.
    seen: u64,
    off: u64,
    /// The newest prices that are on a step, of two places in records: most prices are as the one before, and need no division.
    on: [i64; 2],
}

impl OffTick {
    /// Of records of these instruments, none of which was looked at.
    pub(super) fn new(instruments: &Instruments) -> OffTick {
        let all = instruments.defs().iter().map(Steps::of).collect();
        OffTick(Arc::new(Mutex::new(all)))
    }

    /// The same records from their begin, all of which are looked at; what was looked at of them before counts no more.
    pub(super) fn over(&self, records: Stream) -> Stream {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_said = false;
        for steps in all.iter_mut().flatten() {
            (steps.seen, steps.off) = (0, 0);
            is_said = true;
        }
        match is_said {
            false => records,
            true => Box::new(Looked {
                records,
                all: self.clone(),
            }),
        }
    }

    /// What to say of it, once all records were read.
    pub(super) fn told(&self) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let off = all.iter().flatten().filter(|steps| steps.off > 0);
        let off: Vec<String> = off
            .map(|steps| format!("{} of {} of {}", steps.off, steps.seen, steps.of))
            .collect();
        (!off.is_empty()).then(|| format!("prices between steps of the tick: {}", some_of(&off)))
    }
}

impl Steps {
    fn of(def: &InstrumentDef) -> Option<Steps> {
        let contract = &def.contract;
        let is_said = !contract.is_unknown() && !contract.assumed.contains(&Term::Tick);
        let tick = format_decimal(def.tick_size.into(), def.price_decimals);
        (is_said && def.tick_size > 1).then(|| Steps {
            of: format!("{}, whose tick is {tick}", def.name),
            tick: def.tick_size,
            seen: 0,
            off: 0,
            on: [0; 2],
        })
    }

    fn look(&mut self, record: &Record) {
        let mut price = |price: i64, place: usize| {
            self.seen += 1;
            if self.on[place] == price {
                return;
            }
            match price % self.tick {
                0 => self.on[place] = price,
                _ => self.off += 1,
            }
        };
        match record.kind() {
            Some(Kind::Trade) => price(TradeBody::of(record).price, 0),
            Some(Kind::Quote) => {
                let (bid, ask) = QuoteBody::of(record).prices();
                bid.into_iter().for_each(|bid| price(bid, 0));
                ask.into_iter().for_each(|ask| price(ask, 1));
            }
            Some(Kind::Bar) => {
                let bar = BarBody::of(record);
                let prices = [bar.open, bar.high, bar.low, bar.close];
                prices.into_iter().for_each(|one| price(one, 0));
            }
            _ => {}
        }
    }
}

/// Records on their way, which are looked at.
struct Looked {
    records: Stream,
    all: OffTick,
}

impl RecordBlocks for Looked {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        let block = self.records.next_block()?;
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in block.iter().flat_map(|block| block.records) {
            let at = usize::try_from(record.header.instrument).ok();
            let steps = at.and_then(|at| all.get_mut(at)?.as_mut());
            if let Some(steps) = steps {
                steps.look(record);
            }
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_data::InBlocks;
    use tickloom_types::{Contract, Header, InstrumentId, InstrumentKind, SourceId, Ts};

    /// Who stops and reads them again from their begin counts none twice; the last are looked at as the first.
    #[test]
    fn records_that_are_read_again_are_looked_at_again() {
        let mut instruments = Instruments::new();
        let def = InstrumentDef {
            tick_size: 5,
            contract: Contract {
                kind: Some(InstrumentKind::Spot),
                ..Contract::default()
            },
            ..InstrumentDef::new("A", 1, 0, "USD")
        };
        instruments.add(def).unwrap();
        let off_tick = OffTick::new(&instruments);
        let records = || -> Stream {
            let trades = (0..6_000).map(|at: i64| {
                let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(at), Ts(at));
                // One between steps among the first, and ten of the last.
                let price = if at == 0 || at >= 5_990 { 7 } else { 10 };
                let body = TradeBody {
                    price,
                    qty: 1,
                    ..TradeBody::default()
                };
                Ok((at.unsigned_abs(), body.record(header)))
            });
            off_tick.over(Box::new(InBlocks::new(trades)))
        };
        let told = "prices between steps of the tick: 11 of 6000 of A, whose tick is 0.5";
        records().next_block().unwrap();
        for _ in 0..2 {
            let mut records = records();
            while records.next_block().unwrap().is_some() {}
            assert_eq!(off_tick.told().as_deref(), Some(told));
        }
    }
}
