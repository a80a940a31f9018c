//! The fast way over bars: the core evaluates them in blocks. What comes out is what stepping would give, bit for bit.
//!
//! Bars are taken as they come, and none is held. Where a record turns up that blocks cannot take, the records are read again from
//! their begin, and stepped.

use crate::curve::CurveBuilder;
use crate::outcome::{Outcome, Statistics};
use crate::run::{BacktestError, Tally, WATCH_EVERY, Watch, run_blocks};
use crate::sampler::traded;
use crate::trades::trades;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tickloom_core::{BarSeries, BarsOnWay, CoreConfig, CoreError, Expired};
use tickloom_data::{Blocks, DataError, RecordBlock, RecordBlocks};
use tickloom_signals::BarColumns;
use tickloom_types::{BarBody, InstrumentId, Kind, Money, Record, Seq, SourceId, Ts, pow10};
use xxhash_rust::xxh3::Xxh3;

/// Records of a block that are in memory already.
const ROWS_AT_ONCE: usize = 8_192;

/// Runs `config` over records in memory: in blocks if they are bars of one instrument and one size, step by step otherwise.
/// Their places are their sequences. `watch` is as for [`run`](fn@crate::run).
///
/// # Errors
/// As [`run`](fn@crate::run).
pub fn run_records(
    config: &CoreConfig,
    records: &[Record],
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let open = || {
        let rest = Rest {
            records,
            next: 0,
            seqs: Vec::new(),
        };
        Ok(Box::new(rest) as Box<Blocks<'_>>)
    };
    run_bars_in_blocks(config, open, watch)
}

/// Records in memory, some at a time.
struct Rest<'a> {
    records: &'a [Record],
    next: Seq,
    seqs: Vec<Seq>,
}

impl RecordBlocks for Rest<'_> {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        let count = self.records.len().min(ROWS_AT_ONCE);
        let (records, rest) = self.records.split_at(count);
        self.records = rest;
        self.seqs.clear();
        self.seqs.extend((self.next..).take(count));
        self.next += count as Seq;
        let seqs = &self.seqs;
        Ok((count > 0).then_some(RecordBlock { seqs, records }))
    }
}

/// As [`run_blocks`], but in blocks if the records are bars of one instrument and one size. `open` gives the records, and gives them again
/// from their begin if a later one is something else.
///
/// # Errors
/// As [`run`](fn@crate::run).
pub fn run_bars_in_blocks<'a>(
    config: &CoreConfig,
    mut open: impl FnMut() -> Result<Box<Blocks<'a>>, DataError>,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    // What outputs there are is asked record by record, and blocks are of one instrument: what several need is not read for nothing.
    if !watch.wants_outputs()
        && traded(config).len() <= 1
        && let Some(outcome) = in_blocks(config, open()?.as_mut(), watch)?
    {
        return Ok(outcome);
    }
    run_blocks(config, open()?.as_mut(), watch)
}

/// Runs `config` over bars of one instrument and one size, each of which closes after that before it and arrived when it closed, as
/// whoever has them knows: in blocks, as they come. `watch` is as for [`run`](fn@crate::run).
///
/// # Errors
/// As [`run`](fn@crate::run), and [`CoreError::Setting`] if some are none of these.
pub fn run_bars(
    config: &CoreConfig,
    instrument: InstrumentId,
    blocks: &mut Blocks<'_>,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let is_other = |id: &InstrumentId| *id != instrument;
    // What outputs there are is asked record by record.
    if watch.wants_outputs() || traded(config).iter().any(is_other) {
        return run_blocks(config, blocks, watch);
    }
    in_blocks(config, blocks, watch)?.ok_or_else(|| {
        BacktestError::Core(CoreError::Setting {
            owner: "the records".to_owned(),
            field: "kind",
            value: "others than bars of one series".to_owned(),
            expected: "bars of one instrument and one size, one after the other",
        })
    })
}

/// The outcome, if blocks can take all records.
fn in_blocks(
    config: &CoreConfig,
    blocks: &mut Blocks<'_>,
    watch: &mut impl Watch,
) -> Result<Option<Outcome>, BacktestError> {
    let mut run: Option<BarsRun> = None;
    while let Some(block) = blocks.next_block()? {
        let run = match &mut run {
            Some(run) => run,
            none => match BarsRun::new(config, block, watch.wants_equity())? {
                Some(new) => none.insert(new),
                None => return Ok(None),
            },
        };
        let before = run.events;
        if !run.push(block)? {
            return Ok(None);
        }
        let is_due = before / WATCH_EVERY < run.events / WATCH_EVERY;
        if is_due && watch.progress(run.events).is_break() {
            return Err(BacktestError::Stopped(run.events));
        }
    }
    let outcome = run.ok_or(BacktestError::Empty)?.finish(config)?;
    match watch.progress(outcome.events) {
        ControlFlow::Continue(()) => Ok(Some(outcome)),
        ControlFlow::Break(()) => Err(BacktestError::Stopped(outcome.events)),
    }
}

/// A run over bars of one instrument and one size.
struct BarsRun {
    on_way: BarsOnWay,
    columns: Columns,
    equity: Vec<Money>,
    tally: Tally,
    /// Fills that count in the points of the curve so far, and what is held after them.
    filled: usize,
    position: i64,
    /// Whether something was held at each point of a block.
    held: Vec<bool>,
    curve: CurveBuilder,
    data_hash: Xxh3,
    events: u64,
    last: Option<(i64, Money)>,
}

impl BarsRun {
    /// For bars such as the first of a block may be one; `None` if they are not all that is traded.
    fn new(
        config: &CoreConfig,
        block: RecordBlock<'_>,
        wants_equity: bool,
    ) -> Result<Option<BarsRun>, BacktestError> {
        let Some((seq, record)) = block.seqs.first().zip(block.records.first()) else {
            return Ok(None);
        };
        let (instrument, source) = (record.instrument(), record.source());
        let traded = traded(config);
        if record.kind() != Some(Kind::Bar) || traded.iter().any(|id| *id != instrument) {
            return Ok(None);
        }
        let def = config.instruments.get(instrument);
        let scale = pow10(def.map_or(0, |def| def.price_decimals)) as f64;
        let mut curve = CurveBuilder::new(config.account.cash, &traded).with_prices_in(scale);
        if wants_equity {
            curve.keep_exact();
        }
        Ok(Some(BarsRun {
            on_way: BarsOnWay::new(config, instrument, source)?,
            columns: Columns::new(*seq, record),
            equity: Vec::new(),
            tally: Tally::default(),
            filled: 0,
            position: 0,
            held: Vec::new(),
            curve,
            data_hash: Xxh3::new(),
            events: 0,
            last: None,
        }))
    }

    /// Takes the next records; whether it could.
    fn push(&mut self, block: RecordBlock<'_>) -> Result<bool, BacktestError> {
        if !self.columns.fill(block) {
            return Ok(false);
        }
        let Some(series) = self.columns.series() else {
            return Ok(false);
        };
        let is_later = self
            .last
            .is_none_or(|(ts, _)| series.ts().first() > Some(&ts));
        if !is_later {
            return Ok(false);
        }
        self.data_hash.update(Record::bytes_of(block.records));
        self.equity.clear();
        let tally = &mut self.tally;
        self.on_way
            .push(&series, &mut self.equity, |outputs| tally.take(outputs))?;
        self.events += series.len() as u64;
        self.measure();
        Ok(true)
    }

    /// The points that a sampler would have taken. From fill to fill what is held stays what it is.
    fn measure(&mut self) {
        let (ts, closes) = (&self.columns.ts, &self.columns.values[3]);
        self.held.clear();
        while self.held.len() < ts.len() {
            let at = self.held.len();
            while let Some(fill) = self.tally.fills.get(self.filled)
                && fill.ts.0 <= ts[at]
            {
                self.position += fill.side.sign() * fill.qty;
                self.filled += 1;
            }
            let next = self.tally.fills.get(self.filled);
            let next = next.and_then(|fill| ts[at..].iter().position(|ts| *ts >= fill.ts.0));
            let until = next.map_or(ts.len(), |rows| at + rows);
            self.held.resize(until, self.position != 0);
        }
        self.curve.extend(ts, &self.equity, closes, &self.held);
        let last = ts.last().copied();
        self.last = last.zip(self.equity.last().copied()).or(self.last);
    }

    fn finish(self, config: &CoreConfig) -> Result<Outcome, BacktestError> {
        let done = self.on_way.finish(config)?;
        let last_close = self.columns.values[3].last().copied();
        let last_close = last_close.ok_or(BacktestError::Empty)?;
        let marks = BTreeMap::from([(self.columns.instrument, last_close)]);
        let trades = trades(&self.tally.fills, &config.instruments, &marks)?;
        let measured = self.curve.finish();
        let cash = config.account.cash;
        let def = config.instruments.get(self.columns.instrument);
        let spec = config.instruments.bar_spec(self.columns.source);
        let newest_after = |expiry: Ts| {
            let newest = Ts(self.last?.0);
            (spec?.begin(newest) > expiry).then_some(newest)
        };
        let expired = def.and_then(|def| Expired::of(def, newest_after));
        Ok(Outcome {
            instruments: config.instruments.clone(),
            events: self.events,
            bars: self.events,
            refused: self.tally.refused,
            statistics: Statistics::of(&measured.sums, &trades),
            fills: self.tally.fills,
            trades,
            cash,
            final_equity: self.last.map_or(cash, |(_, equity)| equity),
            fees_paid: done.portfolio.fees(),
            curve: measured.curve,
            equity: measured.exact,
            months: measured.months,
            never_ready: done.never_ready,
            never_closed: done.never_closed,
            waiting: done.waiting,
            expired: expired.into_iter().collect(),
            data_hash: format!("{:032x}", self.data_hash.digest128()),
            output_hash: self.tally.hash.hex(),
        })
    }
}

/// Bars of one instrument and one size as columns: those of one block.
struct Columns {
    instrument: InstrumentId,
    source: SourceId,
    /// Sequence of the first, and of the one that comes after the last.
    first: Seq,
    next: Seq,
    ts: Vec<i64>,
    /// Open, high, low, close, volume.
    values: [Vec<i64>; 5],
}

impl Columns {
    /// For bars such as this record may be one.
    fn new(first: Seq, record: &Record) -> Columns {
        Columns {
            instrument: record.instrument(),
            source: record.source(),
            first,
            next: first,
            ts: Vec::new(),
            values: [const { Vec::new() }; 5],
        }
    }

    /// Takes a block instead of the one before, if all of it are plain bars of the instrument and the size, which arrived when they closed,
    /// and each the next one.
    fn fill(&mut self, block: RecordBlock<'_>) -> bool {
        let (instrument, source) = (self.instrument, self.source);
        let is_plain = |record: &Record| {
            let header = &record.header;
            (header.kind == Kind::Bar as u8)
                & (header.flags == 0)
                & (header.ts_recv == header.ts_event)
                & (record.instrument() == instrument)
                & (record.source() == source)
        };
        let is_next = |(at, seq): (Seq, &Seq)| seq.checked_sub(self.next) == Some(at);
        let are_plain = block
            .records
            .iter()
            .fold(true, |all, next| all & is_plain(next));
        if !are_plain || !(0..).zip(block.seqs).all(is_next) {
            return false;
        }
        self.first = self.next;
        self.next += block.seqs.len() as Seq;
        self.ts.clear();
        self.ts
            .extend(block.records.iter().map(|record| record.header.ts_event));
        let [open, high, low, close, volume] = &mut self.values;
        column(block, open, |bar| bar.open);
        column(block, high, |bar| bar.high);
        column(block, low, |bar| bar.low);
        column(block, close, |bar| bar.close);
        column(block, volume, |bar| bar.volume);
        true
    }

    fn series(&self) -> Option<BarSeries<'_>> {
        let [open, high, low, close, volume] = &self.values;
        let columns = BarColumns {
            open,
            high,
            low,
            close,
            volume,
        };
        let series = BarSeries::new(self.instrument, self.source, &self.ts, columns).ok()?;
        Some(series.from_seq(self.first))
    }
}

/// One number of each bar.
fn column(block: RecordBlock<'_>, to: &mut Vec<i64>, of: impl Fn(&BarBody) -> i64) {
    to.clear();
    to.extend(block.records.iter().map(|bar| of(&BarBody::of(bar))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run;
    use crate::testing::{bars, config};
    use std::cmp::Ordering;
    use tickloom_core::{FillModel, SignalDef, StrategyDef, Traded};
    use tickloom_data::InBlocks;
    use tickloom_types::{InstrumentDef, Instruments};

    /// How many fills there were, if both say the same of everything.
    fn agree(config: &CoreConfig, records: &[Record]) -> u64 {
        let mut watch = |_: u64| ControlFlow::Continue(());
        let blocks = run_records(config, records, &mut watch).unwrap();
        let steps = run(
            config,
            (0..).zip(records.iter().copied()).map(Ok),
            &mut watch,
        )
        .unwrap();
        assert_eq!(blocks.output_hash, steps.output_hash);
        assert_eq!(blocks.data_hash, steps.data_hash);
        assert_eq!(blocks.final_equity, steps.final_equity);
        assert_eq!(blocks.fees_paid, steps.fees_paid);
        assert_eq!(blocks.fills, steps.fills);
        assert_eq!(blocks.trades, steps.trades);
        assert_eq!(blocks.curve, steps.curve);
        assert_eq!(blocks.months, steps.months);
        assert_eq!(blocks.never_ready, steps.never_ready);
        assert_eq!(blocks.never_closed, steps.never_closed);
        assert_eq!(blocks.expired, steps.expired);
        assert_eq!(blocks.statistics, steps.statistics);
        assert_eq!((blocks.bars, blocks.events), (steps.bars, steps.events));
        blocks.fills.len() as u64
    }

    #[test]
    fn an_end_that_is_passed_is_told_alike() {
        let half_a_day = 43_200_000_000_000;
        let mut config = config("100");
        let mut def = InstrumentDef::new("X", 2, 4, "USD");
        def.contract.expiry = Some(Ts(3 * half_a_day));
        let mut instruments = Instruments::new();
        instruments.add(def).unwrap();
        instruments.bar_source("1d".parse().unwrap()).unwrap();
        config.instruments = instruments;
        let records = bars(&[1_000, 1_100, 1_200]);
        agree(&config, &records);
        let mut watch = |_: u64| ControlFlow::Continue(());
        let outcome = run_records(&config, &records, &mut watch).unwrap();
        let expected = Expired {
            instrument: "X".to_owned(),
            expiry: Ts(3 * half_a_day),
            newest: Ts(6 * half_a_day),
        };
        assert_eq!(outcome.expired, [expected]);
        // The bar of the day in which it ends may be all of before.
        let outcome = run_records(&config, &records[..2], &mut watch).unwrap();
        assert!(outcome.expired.is_empty());
    }

    #[test]
    fn blocks_and_steps_come_to_the_same() {
        let closes: Vec<i64> = (0..5_000)
            .map(|n: i64| 1_000 + (n * 7_919) % 61 + (n * n) % 37)
            .collect();
        let records = bars(&closes);
        for size in ["100", "all", "all-whole"] {
            for fill in [FillModel::NextOpen, FillModel::SameClose] {
                let mut config = config(size);
                config.account.fill = fill;
                let fills = agree(&config, &records);
                assert!(fills > 100, "only {fills} fills");
            }
        }
    }

    /// A part of a run keeps its sequences, by which outputs name their causes; what is no plain bar, or too much to hold, is stepped
    /// from the first record on.
    #[test]
    fn a_stream_in_blocks_is_a_stream_in_steps() {
        let closes: Vec<i64> = (0..3_000).map(|n: i64| 1_000 + (n * 7_919) % 61).collect();
        let all = bars(&closes);
        let config = config("100");
        let mut watch = |_: u64| ControlFlow::Continue(());
        let stream = |from: u64, records: &[Record]| -> Vec<Result<(Seq, Record), DataError>> {
            (from..).zip(records.iter().copied()).map(Ok).collect()
        };
        let mut flagged = all.clone();
        flagged[2_500].header.flags |= 1;
        // The first bar of the second block is no later than the last of the first one.
        let mut late = all.clone();
        late[1_024].header.ts_event = late[1_023].header.ts_event;
        late[1_024].header.ts_recv = late[1_024].header.ts_event;
        let open = |records: Vec<Result<(Seq, Record), DataError>>| {
            move || {
                let records: Vec<_> = records
                    .iter()
                    .map(|next| Ok(*next.as_ref().unwrap()))
                    .collect();
                Ok(Box::new(InBlocks::new(records)) as Box<Blocks<'_>>)
            }
        };
        for (from, records) in [(0, &all), (7_000, &all), (5, &flagged), (0, &late)] {
            let blocks =
                run_bars_in_blocks(&config, open(stream(from, records)), &mut watch).unwrap();
            let steps = run(&config, stream(from, records), &mut watch).unwrap();
            assert_eq!(blocks.output_hash, steps.output_hash, "{from}");
            assert_eq!(blocks.data_hash, steps.data_hash);
            assert_eq!(blocks.final_equity, steps.final_equity);
            assert_eq!(blocks.events, records.len() as u64);
        }
        let mut with_gap = stream(0, &all);
        drop(with_gap.remove(1_500));
        let gap = with_gap.iter().map(|next| Ok(*next.as_ref().unwrap()));
        let steps = run(&config, gap.collect::<Vec<_>>(), &mut watch).unwrap();
        let blocks = run_bars_in_blocks(&config, open(with_gap), &mut watch).unwrap();
        assert_eq!(blocks.output_hash, steps.output_hash);
        let none = run_bars_in_blocks(&config, open(Vec::new()), &mut watch);
        assert!(matches!(none, Err(BacktestError::Empty)));
    }

    /// Opening is not free: there may be thousands of files.
    #[test]
    fn what_several_instruments_need_is_opened_once() {
        let mut config = config("100");
        let other = InstrumentDef::new("Y", 2, 4, "USD");
        let other = config.instruments.add(other).unwrap();
        if let StrategyDef::Rules { instrument, .. } = &mut config.strategies[0] {
            *instrument = Some(Traded::One("*".to_owned()));
        }
        let mut records = bars(&[1_000, 1_100, 1_050, 1_100, 900, 1_000]);
        for record in records.iter_mut().skip(1).step_by(2) {
            record.header.instrument = other.0;
        }
        let stream = || (0..).zip(records.iter().copied()).map(Ok);
        let mut opened = 0;
        let open = || {
            opened += 1;
            Ok(Box::new(InBlocks::new(stream())) as Box<Blocks<'_>>)
        };
        let mut watch = |_: u64| ControlFlow::Continue(());
        let found = run_bars_in_blocks(&config, open, &mut watch).unwrap();
        assert_eq!(opened, 1);
        let steps = run(&config, stream(), &mut watch).unwrap();
        assert_eq!(found.output_hash, steps.output_hash);
        assert_eq!(found.events, 6);
    }

    /// More bars than are kept for a picture.
    #[test]
    fn long_runs_are_thinned_the_same_way() {
        let closes: Vec<i64> = (0..140_000)
            .map(|n: i64| 1_000 + (n * 7_919) % 61)
            .collect();
        let mut records = Vec::new();
        // So many days do not fit in 64 bits of nanoseconds: a bar a minute.
        for (close, minute) in closes.iter().zip(1..) {
            let mut record = bars(&[*close])[0];
            record.header.ts_event = minute * 60_000_000_000;
            record.header.ts_recv = record.header.ts_event;
            records.push(record);
        }
        let mut config = config("100");
        config.account.cash = tickloom_types::parse_money("1000000000").unwrap();
        config.account.fill = FillModel::SameClose;
        agree(&config, &records);
        let mut watch = |_: u64| ControlFlow::Continue(());
        let found = run_records(&config, &records, &mut watch).unwrap();
        assert!(found.curve.ts.len() < records.len());
        assert_eq!(found.statistics.exposure, Some(held(&closes)));
    }

    /// The share of closes at which a follower of rises is in.
    fn held(closes: &[i64]) -> f64 {
        let (mut is_in, mut points) = (false, 0);
        for pair in closes.windows(2) {
            is_in = match pair[1].cmp(&pair[0]) {
                Ordering::Greater => true,
                Ordering::Less => false,
                Ordering::Equal => is_in,
            };
            points += usize::from(is_in);
        }
        points as f64 / closes.len() as f64
    }

    /// Bars of other sizes are made step by step.
    #[test]
    fn what_never_came_is_the_same_both_ways() {
        let mut config = config("1");
        config.signals = vec![SignalDef::new("week", "close@1w")];
        agree(&config, &bars(&[1_000, 1_100]));
        let mut watch = |_: u64| ControlFlow::Continue(());
        let found = run_records(&config, &bars(&[1_000, 1_100]), &mut watch).unwrap();
        assert_eq!((found.never_ready.len(), found.never_closed.len()), (1, 1));
    }

    #[test]
    fn whoever_watches_may_end_it() {
        let stopped = run_records(&config("1"), &bars(&[1_000, 1_100]), &mut |_: u64| {
            ControlFlow::Break(())
        });
        assert!(matches!(stopped, Err(BacktestError::Stopped(2))));
    }

    #[test]
    fn what_is_no_plain_bar_is_stepped() {
        let mut records = bars(&[1_000, 1_100, 1_050, 1_100, 900]);
        records[2].header.flags = tickloom_types::Flags::INCOMPLETE;
        agree(&config("1"), &records);
    }
}
