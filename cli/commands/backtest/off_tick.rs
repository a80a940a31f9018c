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
#[derive(Clone, Debug)]
struct Steps {
    /// Its name and tick, in words.
    of: String,
    tick: i64,
    /// Prices that were looked at, and those of them that are between two steps.
    seen: u64,
    off: u64,
}

impl OffTick {
    /// The same records, of which the first of each instrument are looked at; those of bars that are made are among them.
    pub(super) fn over(records: Stream, instruments: &Instruments) -> (Stream, OffTick) {
        let all: Vec<Option<Steps>> = instruments.defs().iter().map(Steps::of).collect();
        if all.iter().all(Option::is_none) {
            return (records, OffTick::default());
        }
        let shared = OffTick(Arc::new(Mutex::new(all.clone())));
        let looked = Looked {
            records,
            all,
            shared: shared.clone(),
        };
        (Box::new(looked), shared)
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
    /// Those whose prices are still looked at.
    all: Vec<Option<Steps>>,
    shared: OffTick,
}

impl RecordBlocks for Looked {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        let block = self.records.next_block()?;
        if self.all.is_empty() {
            return Ok(block);
        }
        for record in block.iter().flat_map(|block| block.records) {
            let at = usize::try_from(record.header.instrument).ok();
            let steps = at.and_then(|at| self.all.get_mut(at)?.as_mut());
            if let Some(steps) = steps.filter(|steps| steps.seen < LOOKED_AT) {
                steps.look(record);
            }
        }
        let is_over = self
            .all
            .iter()
            .flatten()
            .all(|steps| steps.seen >= LOOKED_AT);
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.clone_from(&self.all);
        if is_over {
            self.all.clear();
        }
        Ok(block)
    }
}
