//! The fast way over bars in memory: the core evaluates them in blocks. What comes out is what stepping would give, bit for bit.

use crate::curve::{CurveBuilder, PRICES_MAX, Point};
use crate::outcome::{Outcome, Statistics};
use crate::run::{BacktestError, Tally, WATCH_EVERY, Watch, run};
use crate::sampler::traded;
use crate::trades::trades;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tickloom_core::{BarSeries, BarsRunner, CoreConfig, CoreError};
use tickloom_data::DataError;
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarBody, Header, InstrumentId, Kind, Money, Record, Seq, SourceId, Ts, pow10,
};
use xxhash_rust::xxh3::Xxh3;

/// Bars that are evaluated at a time, of those that are not held as columns anyway.
const CHUNK_BARS: usize = 1 << 15;

/// Runs `config` over records in memory: in blocks if they are bars of one instrument and one size, step by step otherwise.
/// Their places are their sequences. `watch` is as for [`run`].
///
/// # Errors
/// As [`run`].
pub fn run_records(
    config: &CoreConfig,
    records: &[Record],
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let all = (0..).zip(records.iter().copied()).map(Ok);
    match are_plain_bars(records) {
        true => run_bars(config, all, watch),
        false => run(config, all, watch),
    }
}

/// Whether they are plain bars of one instrument and one size, each after that before it.
fn are_plain_bars(records: &[Record]) -> bool {
    let Some(first) = records.first() else {
        return false;
    };
    let are_plain = records.iter().all(|record| {
        is_plain(record)
            && (record.instrument(), record.source()) == (first.instrument(), first.source())
            && BarBody::of(record).volume >= 0
    });
    let is_later = |pair: &[Record]| pair[0].header.ts_event < pair[1].header.ts_event;
    are_plain && records.windows(2).all(is_later)
}

/// Runs `config` over bars of one instrument and one size, each of which closes after that before it and arrived when it closed, as
/// whoever has them knows: in blocks, of which one at a time is held. `watch` is as for [`run`].
///
/// # Errors
/// As [`run`], and [`CoreError::Setting`] naming the first bar that is none of these.
pub fn run_bars(
    config: &CoreConfig,
    records: impl IntoIterator<Item = Result<(Seq, Record), DataError>>,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let mut records = records.into_iter();
    let Some(first) = records.next() else {
        return Err(BacktestError::Empty);
    };
    let (seq, record) = first?;
    let (instrument, source) = (record.instrument(), record.source());
    let is_of_one = traded(config).iter().all(|id| *id == instrument);
    let all = std::iter::once(Ok((seq, record))).chain(records);
    // What outputs there are is asked record by record.
    if watch.wants_outputs() || !is_of_one {
        return run(config, all, watch);
    }
    let mut running = Running::new(config, instrument, source, watch.wants_equity())?;
    let mut chunk = Columns::new(seq, &record);
    let mut done = 0;
    for record in all {
        let (seq, record) = record?;
        if chunk.len() == CHUNK_BARS {
            running.push(&chunk)?;
            done += CHUNK_BARS as u64;
            if done.is_multiple_of(WATCH_EVERY) && watch.progress(done).is_break() {
                return Err(BacktestError::Stopped(done));
            }
            chunk.clear(seq);
        }
        if !chunk.push(seq, &record) {
            return Err(BacktestError::Core(CoreError::Setting {
                owner: format!("record {seq}"),
                field: "kind",
                value: format!("{:?} of another series", record.kind()),
                expected: "a bar like those before",
            }));
        }
    }
    running.push(&chunk)?;
    end(running, watch)
}

/// As [`run`], but in blocks if the records are no more than `bars_max` bars of one instrument and one size, for which they are
/// held as columns: some 80 bytes each, with what comes of them.
///
/// # Errors
/// As [`run`].
pub fn run_bars_in_blocks(
    config: &CoreConfig,
    records: impl IntoIterator<Item = Result<(Seq, Record), DataError>>,
    bars_max: usize,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let mut records = records.into_iter();
    // What outputs there are is asked record by record.
    if watch.wants_outputs() {
        return run(config, records, watch);
    }
    let mut columns: Option<Columns> = None;
    let mut other = None;
    for record in records.by_ref() {
        let (seq, record) = record?;
        let done = columns.as_ref().map_or(0, |columns| columns.len() as u64);
        if done.is_multiple_of(WATCH_EVERY) && done > 0 && watch.progress(done).is_break() {
            return Err(BacktestError::Stopped(done));
        }
        let room = columns.get_or_insert_with(|| Columns::new(seq, &record));
        if room.len() >= bars_max || !room.push(seq, &record) {
            other = Some(Ok((seq, record)));
            break;
        }
    }
    let Some(columns) = columns else {
        return Err(BacktestError::Empty);
    };
    let of_one =
        |series: &BarSeries<'_>| traded(config).iter().all(|id| *id == series.instrument());
    let is_series = columns.series().is_ok_and(|series| of_one(&series));
    if is_series && other.is_none() {
        let (instrument, source) = (columns.instrument, columns.source);
        let mut running = Running::new(config, instrument, source, watch.wants_equity())?;
        running.push(&columns)?;
        return end(running, watch);
    }
    run(
        config,
        columns.records().map(Ok).chain(other).chain(records),
        watch,
    )
}

fn end(running: Running<'_>, watch: &mut impl Watch) -> Result<Outcome, BacktestError> {
    let outcome = running.finish()?;
    match watch.progress(outcome.events) {
        ControlFlow::Continue(()) => Ok(outcome),
        ControlFlow::Break(()) => Err(BacktestError::Stopped(outcome.events)),
    }
}

/// A run over bars in columns, and what came of those so far.
struct Running<'c> {
    config: &'c CoreConfig,
    instrument: InstrumentId,
    runner: BarsRunner,
    tally: Tally,
    curve: CurveBuilder,
    data_hash: Xxh3,
    /// By row of the columns that were pushed last.
    equity: Vec<Money>,
    /// Fills that are in `position`.
    fills: usize,
    position: i64,
    bars: u64,
    last: Option<(i64, Money)>,
}

impl<'c> Running<'c> {
    fn new(
        config: &'c CoreConfig,
        instrument: InstrumentId,
        source: SourceId,
        wants_equity: bool,
    ) -> Result<Running<'c>, BacktestError> {
        let mut curve = CurveBuilder::new(config.account.cash, &traded(config));
        if wants_equity {
            curve.keep_exact();
        }
        Ok(Running {
            config,
            instrument,
            runner: BarsRunner::new(config, instrument, source)?,
            tally: Tally::default(),
            curve,
            data_hash: Xxh3::new(),
            equity: Vec::new(),
            fills: 0,
            position: 0,
            bars: 0,
            last: None,
        })
    }

    fn push(&mut self, columns: &Columns) -> Result<(), BacktestError> {
        let series = columns.series()?;
        let tally = &mut self.tally;
        self.equity.clear();
        self.runner
            .push(&series, &mut self.equity, |outputs| tally.take(outputs))?;
        for row in 0..series.len() {
            self.data_hash.update(series.record(row).as_bytes());
        }
        self.bars += series.len() as u64;
        self.measure(&series);
        let closes = series.columns().close;
        self.last = closes
            .last()
            .copied()
            .zip(self.equity.last().copied())
            .or(self.last);
        Ok(())
    }

    /// The points that a sampler would have taken.
    fn measure(&mut self, series: &BarSeries<'_>) {
        let def = self.config.instruments.get(self.instrument);
        let scale = pow10(def.map_or(0, |def| def.price_decimals)) as f64;
        let mut fills = self.tally.fills.iter().skip(self.fills).peekable();
        let rows = series.ts().iter().zip(&self.equity);
        for ((ts, equity), close) in rows.zip(series.columns().close) {
            while let Some(fill) = fills.next_if(|fill| fill.ts.0 <= *ts) {
                self.position += fill.side.sign() * fill.qty;
                self.fills += 1;
            }
            let mut prices = [f64::NAN; PRICES_MAX];
            prices[0] = *close as f64 / scale;
            self.curve.push(Point {
                ts: *ts,
                equity: equity.to_f64(),
                exact: *equity,
                is_held: self.position != 0,
                prices,
            });
        }
    }

    fn finish(self) -> Result<Outcome, BacktestError> {
        let config = self.config;
        let done = self.runner.finish(config)?;
        let (close, equity) = self.last.ok_or(BacktestError::Empty)?;
        let tally = self.tally;
        let marks = BTreeMap::from([(self.instrument, close)]);
        let trades = trades(&tally.fills, &config.instruments, &marks)?;
        let measured = self.curve.finish();
        Ok(Outcome {
            instruments: config.instruments.clone(),
            events: self.bars,
            bars: self.bars,
            refused: tally.refused,
            statistics: Statistics::of(&measured.sums, &trades),
            fills: tally.fills,
            trades,
            cash: config.account.cash,
            final_equity: equity,
            fees_paid: done.portfolio.fees(),
            curve: measured.curve,
            equity: measured.exact,
            months: measured.months,
            never_ready: done.never_ready,
            never_closed: done.never_closed,
            data_hash: format!("{:032x}", self.data_hash.digest128()),
            output_hash: tally.hash.hex(),
        })
    }
}

/// Whether a record is a plain bar, which arrived when it closed.
fn is_plain(record: &Record) -> bool {
    let header = record.header;
    record.kind() == Some(Kind::Bar) && header.flags == 0 && header.ts_recv == header.ts_event
}

/// Bars of one instrument and one size as columns.
struct Columns {
    instrument: InstrumentId,
    source: SourceId,
    /// Sequence of the first; each next one has the next.
    first: Seq,
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
            ts: Vec::new(),
            values: [const { Vec::new() }; 5],
        }
    }

    fn len(&self) -> usize {
        self.ts.len()
    }

    /// Has none any more; the next one has this sequence.
    fn clear(&mut self, first: Seq) {
        self.first = first;
        self.ts.clear();
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// Takes a record, if it is a plain bar of the instrument and the size, which arrived when it closed, and the next one.
    fn push(&mut self, seq: Seq, record: &Record) -> bool {
        let is_same = record.instrument() == self.instrument && record.source() == self.source;
        let is_next = seq.checked_sub(self.first) == Some(self.len() as u64);
        if !(is_plain(record) && is_same && is_next) {
            return false;
        }
        let bar = BarBody::of(record);
        self.ts.push(record.header.ts_event);
        let row = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        for (values, value) in self.values.iter_mut().zip(row) {
            values.push(value);
        }
        true
    }

    /// The records that they were.
    fn records(&self) -> impl Iterator<Item = (Seq, Record)> {
        (self.first..).zip(0..self.len()).map(|(seq, row)| {
            let [open, high, low, close, volume] = &self.values;
            let body = BarBody {
                open: open[row],
                high: high[row],
                low: low[row],
                close: close[row],
                volume: volume[row],
            };
            let ts = Ts(self.ts[row]);
            let header = Header::new(Kind::Bar, self.instrument, self.source, ts, ts);
            (seq, body.record(header))
        })
    }

    fn series(&self) -> Result<BarSeries<'_>, CoreError> {
        let [open, high, low, close, volume] = &self.values;
        let columns = BarColumns {
            open,
            high,
            low,
            close,
            volume,
        };
        let series = BarSeries::new(self.instrument, self.source, &self.ts, columns)?;
        Ok(series.from_seq(self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bars, config};
    use std::cmp::Ordering;
    use tickloom_core::{FillModel, SignalDef};

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
        assert_eq!(blocks.statistics, steps.statistics);
        assert_eq!((blocks.bars, blocks.events), (steps.bars, steps.events));
        blocks.fills.len() as u64
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

    #[test]
    fn bars_as_they_come_are_bars_at_once() {
        let count = 2 * CHUNK_BARS as i64 + 17;
        let mut records = Vec::new();
        for minute in 0..count {
            let mut record = bars(&[1_000 + (minute * 7_919) % 61])[0];
            record.header.ts_event = (minute + 1) * 60_000_000_000;
            record.header.ts_recv = record.header.ts_event;
            records.push(record);
        }
        for size in ["100", "all"] {
            agree(&config(size), &records);
        }
        let stream = |records: &[Record]| -> Vec<Result<(Seq, Record), DataError>> {
            (70..).zip(records.iter().copied()).map(Ok).collect()
        };
        let mut watch = |_: u64| ControlFlow::Continue(());
        let found = run_bars(&config("1"), stream(&records), &mut watch).unwrap();
        let steps = run(&config("1"), stream(&records), &mut watch).unwrap();
        assert_eq!(found.output_hash, steps.output_hash);
        assert_eq!(found.curve, steps.curve);
        assert_eq!(found.fills, steps.fills);
        let at = CHUNK_BARS + 3;
        for wrong in [
            |record: &mut Record| record.header.flags = 1,
            |record: &mut Record| record.header.ts_event -= 120_000_000_000,
            |record: &mut Record| record.header.source += 1,
        ] {
            let mut records = records.clone();
            wrong(&mut records[at]);
            records[at].header.ts_recv = records[at].header.ts_event;
            let refused = run_bars(&config("1"), stream(&records), &mut watch);
            assert!(matches!(refused, Err(BacktestError::Core(_))));
            agree(&config("1"), &records);
        }
        let stopped = run_bars(&config("1"), stream(&records), &mut |_: u64| {
            ControlFlow::Break(())
        });
        assert!(matches!(stopped, Err(BacktestError::Stopped(65_536))));
        let none = run_bars(&config("1"), Vec::new(), &mut watch);
        assert!(matches!(none, Err(BacktestError::Empty)));
    }

    /// A part of a run keeps its sequences, by which outputs name their causes; what is no plain bar, or too much to hold, is stepped
    /// from the first record on.
    #[test]
    fn a_stream_in_blocks_is_a_stream_in_steps() {
        let closes: Vec<i64> = (0..600).map(|n: i64| 1_000 + (n * 7_919) % 61).collect();
        let all = bars(&closes);
        let config = config("100");
        let mut watch = |_: u64| ControlFlow::Continue(());
        let stream = |from: u64, records: &[Record]| -> Vec<Result<(Seq, Record), DataError>> {
            (from..).zip(records.iter().copied()).map(Ok).collect()
        };
        let mut flagged = all.clone();
        flagged[500].header.flags |= 1;
        for (from, records, bars_max) in [
            (0, &all, 600),
            (7_000, &all, 600),
            (7_000, &all, 599),
            (5, &flagged, 600),
        ] {
            let blocks =
                run_bars_in_blocks(&config, stream(from, records), bars_max, &mut watch).unwrap();
            let steps = run(&config, stream(from, records), &mut watch).unwrap();
            assert_eq!(blocks.output_hash, steps.output_hash, "{from} {bars_max}");
            assert_eq!(blocks.data_hash, steps.data_hash);
            assert_eq!(blocks.final_equity, steps.final_equity);
            assert_eq!(blocks.events, 600);
        }
        let mut with_gap = stream(0, &all);
        drop(with_gap.remove(300));
        let again = |gap: &[Result<(Seq, Record), DataError>]| {
            gap.iter()
                .map(|next| Ok(*next.as_ref().unwrap()))
                .collect::<Vec<_>>()
        };
        let blocks = run_bars_in_blocks(&config, again(&with_gap), 600, &mut watch).unwrap();
        let steps = run(&config, again(&with_gap), &mut watch).unwrap();
        assert_eq!(blocks.output_hash, steps.output_hash);
        let none = run_bars_in_blocks(&config, Vec::new(), 600, &mut watch);
        assert!(matches!(none, Err(BacktestError::Empty)));
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
