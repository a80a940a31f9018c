//! Prices between the steps of an instrument's tick: who said the tick was wrong, or the data is of another instrument.

use std::sync::{Arc, Mutex, PoisonError};
use tickloom_data::{DataError, RecordBlock, RecordBlocks, Stream};
use tickloom_types::{
    BarBody, InstrumentDef, Instruments, Kind, QuoteBody, Record, Term, TradeBody, format_decimal,
    some_of,
};

/// Prices that are looked at of each instrument: a tick that is wrong is wrong from the begin.
const LOOKED_AT: u64 = 4_096;

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
}

impl OffTick {
    /// Of records of these instruments, none of which was looked at.
    pub(super) fn new(instruments: &Instruments) -> OffTick {
        let all = instruments.defs().iter().map(Steps::of).collect();
        OffTick(Arc::new(Mutex::new(all)))
    }

    /// The same records from their begin, of which the first of each instrument are looked at; what was looked at of them before counts no
    /// more.
    pub(super) fn over(&self, records: Stream) -> Stream {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = 0;
        for steps in all.iter_mut().flatten() {
            (steps.seen, steps.off) = (0, 0);
            left += 1;
        }
        match left {
            0 => records,
            _ => Box::new(Looked {
                records,
                left,
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
        (!off.is_empty()).then(|| {
            format!(
                "prices between steps of the tick: {} (of the first {LOOKED_AT} of each instrument)",
                some_of(&off)
            )
        })
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
        })
    }

    fn look(&mut self, record: &Record) {
        let mut price = |price: i64| {
            self.seen += 1;
            self.off += u64::from(price % self.tick != 0);
        };
        match record.kind() {
            Some(Kind::Trade) => price(TradeBody::of(record).price),
            Some(Kind::Quote) => {
                let (bid, ask) = QuoteBody::of(record).prices();
                bid.into_iter().chain(ask).for_each(price);
            }
            Some(Kind::Bar) => {
                let bar = BarBody::of(record);
                let prices = [bar.open, bar.high, bar.low, bar.close];
                prices.into_iter().for_each(price);
            }
            _ => {}
        }
    }
}

/// Records on their way, of which the first are looked at.
struct Looked {
    records: Stream,
    /// Instruments whose prices are still looked at.
    left: usize,
    all: OffTick,
}

impl RecordBlocks for Looked {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        let block = self.records.next_block()?;
        if self.left == 0 {
            return Ok(block);
        }
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in block.iter().flat_map(|block| block.records) {
            let at = usize::try_from(record.header.instrument).ok();
            let steps = at.and_then(|at| all.get_mut(at)?.as_mut());
            if let Some(steps) = steps.filter(|steps| steps.seen < LOOKED_AT) {
                steps.look(record);
                if steps.seen >= LOOKED_AT {
                    self.left -= 1;
                }
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

    /// Who stops and reads them again from their begin counts none twice, and what follows the first 4,096 counts for nothing.
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
                // Two between steps among the first, and all of the last.
                let price = if at == 0 || at >= 4_095 { 7 } else { 10 };
                let body = TradeBody {
                    price,
                    qty: 1,
                    ..TradeBody::default()
                };
                Ok((at.unsigned_abs(), body.record(header)))
            });
            off_tick.over(Box::new(InBlocks::new(trades)))
        };
        let told = "prices between steps of the tick: 2 of 4096 of A, whose tick is 0.5 (of the first 4096 of each instrument)";
        records().next_block().unwrap();
        for _ in 0..2 {
            let mut records = records();
            while records.next_block().unwrap().is_some() {}
            assert_eq!(off_tick.told().as_deref(), Some(told));
        }
    }
}
