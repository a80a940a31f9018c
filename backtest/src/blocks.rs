//! The fast way over bars in memory: the core evaluates them in blocks. What comes out is what stepping would give, bit for bit.

use crate::curve::{CurveBuilder, Measured, PRICES_MAX, Point};
use crate::outcome::{Outcome, Statistics};
use crate::run::{BacktestError, Tally, WATCH_EVERY, Watch, run};
use crate::sampler::traded;
use crate::trades::{Fill, trades};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tickloom_core::{BarSeries, CoreConfig, run_bars};
use tickloom_data::DataError;
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarBody, Header, InstrumentId, Kind, Money, Record, Seq, SourceId, Ts, pow10,
};
use xxhash_rust::xxh3::Xxh3;

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
    let records = (0..).zip(records.iter().copied()).map(Ok);
    run_bars_in_blocks(config, records, usize::MAX, watch)
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
    let series = columns.series().filter(of_one);
    match series.filter(|_| other.is_none()) {
        Some(series) => {
            let outcome = run_series(config, &series, &columns, watch.wants_equity())?;
            match watch.progress(outcome.events) {
                ControlFlow::Continue(()) => Ok(outcome),
                ControlFlow::Break(()) => Err(BacktestError::Stopped(outcome.events)),
            }
        }
        None => run(
            config,
            columns.records().map(Ok).chain(other).chain(records),
            watch,
        ),
    }
}

fn run_series(
    config: &CoreConfig,
    series: &BarSeries<'_>,
    columns: &Columns,
    wants_equity: bool,
) -> Result<Outcome, BacktestError> {
    let mut tally = Tally::default();
    let mut equity = Vec::new();
    let done = run_bars(config, series, &mut equity, |outputs| tally.take(outputs))?;
    let mut data_hash = Xxh3::new();
    for row in 0..series.len() {
        data_hash.update(series.record(row).as_bytes());
    }
    let closes = series.columns().close;
    let last_close = closes.last().copied().ok_or(BacktestError::Empty)?;
    let marks = BTreeMap::from([(series.instrument(), last_close)]);
    let trades = trades(&tally.fills, &config.instruments, &marks)?;
    let mut curve = CurveBuilder::new(config.account.cash, &traded(config));
    if wants_equity {
        curve.keep_exact();
    }
    let measured = measure(config, series, &equity, &tally.fills, curve);
    let cash = config.account.cash;
    Ok(Outcome {
        instruments: config.instruments.clone(),
        events: columns.len() as u64,
        bars: columns.len() as u64,
        refused: tally.refused,
        statistics: Statistics::of(&measured.sums, &trades),
        fills: tally.fills,
        trades,
        cash,
        final_equity: equity.last().copied().unwrap_or(cash),
        fees_paid: done.portfolio.fees(),
        curve: measured.curve,
        equity: measured.exact,
        months: measured.months,
        never_ready: done.never_ready,
        never_closed: done.never_closed,
        data_hash: format!("{:032x}", data_hash.digest128()),
        output_hash: tally.hash.hex(),
    })
}

/// The points that a sampler would have taken.
fn measure(
    config: &CoreConfig,
    series: &BarSeries<'_>,
    equity: &[Money],
    fills: &[Fill],
    mut curve: CurveBuilder,
) -> Measured {
    let def = config.instruments.get(series.instrument());
    let scale = pow10(def.map_or(0, |def| def.price_decimals)) as f64;
    let mut fills = fills.iter().peekable();
    let mut position = 0;
    let rows = series.ts().iter().zip(equity).zip(series.columns().close);
    for ((ts, equity), close) in rows {
        while let Some(fill) = fills.next_if(|fill| fill.ts.0 <= *ts) {
            position += fill.side.sign() * fill.qty;
        }
        let mut prices = [f64::NAN; PRICES_MAX];
        prices[0] = *close as f64 / scale;
        curve.push(Point {
            ts: *ts,
            equity: equity.to_f64(),
            exact: *equity,
            is_held: position != 0,
            prices,
        });
    }
    curve.finish()
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

    /// Takes a record, if it is a plain bar of the instrument and the size, which arrived when it closed, and the next one.
    fn push(&mut self, seq: Seq, record: &Record) -> bool {
        let header = record.header;
        let is_plain = record.kind() == Some(Kind::Bar)
            && header.flags == 0
            && header.ts_recv == header.ts_event;
        let is_same = record.instrument() == self.instrument && record.source() == self.source;
        let is_next = seq.checked_sub(self.first) == Some(self.len() as u64);
        if !(is_plain && is_same && is_next) {
            return false;
        }
        let bar = BarBody::of(record);
        self.ts.push(header.ts_event);
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
