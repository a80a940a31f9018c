//! Runs a core over history: the same steps as live, with a file or the catalog at its left and nothing at its right.

use crate::outcome::{Outcome, Statistics};
use crate::sampler::{Sampler, traded};
use crate::trades::{Fill, trades};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use thiserror::Error;
use tickloom_core::{
    Core, CoreConfig, CoreError, Now, OutputHash, Outputs, SEMANTICS_VERSION, Steps,
};
use tickloom_data::{Blocks, DataError, InBlocks, RecordBlock};
use tickloom_journal::JournalError;
use tickloom_types::{
    Flags, InstrumentId, Kind, MoneyOverflow, Record, RiskRule, Seq, Ts, VerdictBody,
};
use xxhash_rust::xxh3::Xxh3;

/// Records between two looks at whether to go on.
pub(crate) const WATCH_EVERY: u64 = 1 << 16;

/// Why a backtest or a replay did not come to its end.
#[derive(Debug, Error)]
pub enum BacktestError {
    /// The configuration is wrong.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run was made by an engine that makes something else of its input.
    #[error(
        "the run is of semantics {found}, and this version has {SEMANTICS_VERSION}: replay it with the version that wrote it"
    )]
    Semantics {
        /// The version that the journal names.
        found: u32,
    },
    /// There is nothing to run on.
    #[error("there is no record to run on")]
    Empty,
    /// The watcher said so.
    #[error("stopped after {0} records")]
    Stopped(u64),
    /// A sum of money is too large to report.
    #[error("the result cannot be told: {0}")]
    Overflow(#[from] MoneyOverflow),
    /// The configuration in a journal is none.
    #[error("the configuration in the journal cannot be read: {0}")]
    Config(#[from] serde_json::Error),
}

/// Who looks on while a run goes on. A closure that takes how many records are done is one.
pub trait Watch {
    /// So many records are done; says whether to go on.
    fn progress(&mut self, done: u64) -> ControlFlow<()>;

    /// Whether [`Watch::outputs`] is to be called: then every record is stepped, also where blocks would do.
    fn wants_outputs(&self) -> bool {
        false
    }

    /// What input `cause` made, in order; nothing, for most.
    ///
    /// # Errors
    /// What cannot be kept; it ends the run.
    fn outputs(&mut self, cause: Seq, outputs: &[Record]) -> Result<(), DataError> {
        let _ = (cause, outputs);
        Ok(())
    }

    /// Whether the outcome is to have each point of the equity curve, exact.
    fn wants_equity(&self) -> bool {
        false
    }
}

impl<F: FnMut(u64) -> ControlFlow<()>> Watch for F {
    fn progress(&mut self, done: u64) -> ControlFlow<()> {
        self(done)
    }
}

/// Runs `config` over `records` in their order, each with its sequence, which outputs name as their cause.
/// `watch` is told every now and then how many are done, and may end the run.
///
/// # Errors
/// [`BacktestError`]; a run that was ended leaves nothing.
pub fn run(
    config: &CoreConfig,
    records: impl IntoIterator<Item = Result<(Seq, Record), DataError>>,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    run_blocks(config, &mut InBlocks::new(records), watch)
}

/// As [`run`] for records that come in blocks.
///
/// # Errors
/// As [`run`].
pub fn run_blocks(
    config: &CoreConfig,
    blocks: &mut Blocks<'_>,
    watch: &mut impl Watch,
) -> Result<Outcome, BacktestError> {
    let mut run = Run::new(config)?;
    if watch.wants_equity() {
        run.kept.sampler.keep_exact();
    }
    while let Some(block) = blocks.next_block()? {
        run.take(block, watch)?;
    }
    run.finish(config)
}

struct Run {
    core: Core,
    outputs: Outputs,
    kept: Kept,
}

/// What is kept of a run.
struct Kept {
    sampler: Sampler,
    tally: Tally,
    data_hash: Xxh3,
    events: u64,
    input_bars: u64,
    /// Newest time of a market record.
    last: Option<Ts>,
    moment: Moment,
}

/// What the records of the current moment were so far: the equity counts at its end.
#[derive(Default)]
struct Moment {
    /// Newest time at which a bar came or closed.
    bar: Option<Ts>,
    /// Newest time of a market record.
    tick: Option<Ts>,
}

/// What is kept of the outputs.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) hash: OutputHash,
    pub(crate) fills: Vec<Fill>,
    /// Orders that risk refused, by rule.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Bars that the core closed.
    pub(crate) bars: u64,
}

impl Tally {
    pub(crate) fn take(&mut self, outputs: &[Record]) {
        for output in outputs {
            self.hash.update(output);
            match output.kind() {
                Some(Kind::Fill) => self.fills.extend(Fill::of(output)),
                Some(Kind::BarClosed) => self.bars += 1,
                Some(Kind::Verdict) => self.verdict(&VerdictBody::of(output)),
                _ => {}
            }
        }
    }

    fn verdict(&mut self, verdict: &VerdictBody) {
        if verdict.accepted == 0 {
            let rule = RiskRule::from_raw(verdict.rule).map_or("unknown", RiskRule::name);
            *self.refused.entry(rule).or_default() += 1;
        }
    }
}

impl Steps for Kept {
    fn due(&self) -> Ts {
        self.sampler.due()
    }

    fn passed(&mut self, quotes: &[Record]) {
        self.events += quotes.len() as u64;
        let newest = quotes.iter().map(|quote| quote.header.ts_event).max();
        self.last = self.last.max(newest.map(Ts));
    }

    fn stepped(&mut self, _: Seq, record: &Record, outputs: &Outputs, now: Now<'_>) {
        self.events += 1;
        let bars_before = self.tally.bars;
        self.tally.take(outputs.records());
        let ts = record.ts_event();
        let is_bar = record.kind() == Some(Kind::Bar);
        self.input_bars += u64::from(is_bar);
        if is_bar || self.tally.bars > bars_before {
            self.moment.bar = self.moment.bar.max(Some(ts));
        }
        if has_venue_time(record) {
            self.last = self.last.max(Some(ts));
            self.moment.tick = self.moment.tick.max(Some(ts));
        }
        if !record.has(Flags::MORE) {
            self.sample(now);
        }
    }
}

impl Kept {
    /// Lets whoever watches end the run, every now and then.
    fn look(&self, watch: &mut impl Watch) -> Result<(), BacktestError> {
        if self.events.is_multiple_of(WATCH_EVERY) && watch.progress(self.events).is_break() {
            return Err(BacktestError::Stopped(self.events));
        }
        Ok(())
    }

    /// At the end of a moment.
    fn sample(&mut self, now: Now<'_>) {
        match std::mem::take(&mut self.moment) {
            Moment { bar: Some(ts), .. } => self.sampler.bar(ts, now),
            Moment { tick: Some(ts), .. } => self.sampler.tick(ts, now),
            _ => {}
        }
    }
}

impl Run {
    fn new(config: &CoreConfig) -> Result<Run, BacktestError> {
        Ok(Run {
            core: Core::new(config)?,
            outputs: Outputs::new(),
            kept: Kept {
                sampler: Sampler::new(config),
                tally: Tally::default(),
                data_hash: Xxh3::new(),
                events: 0,
                input_bars: 0,
                last: None,
                moment: Moment::default(),
            },
        })
    }

    /// Takes a block. `watch` is asked whether to go on after every so many records.
    fn take(
        &mut self,
        block: RecordBlock<'_>,
        watch: &mut impl Watch,
    ) -> Result<(), BacktestError> {
        let Run {
            core,
            outputs,
            kept,
        } = self;
        kept.data_hash.update(Record::bytes_of(block.records));
        if watch.wants_outputs() {
            for (seq, record) in block.seqs.iter().zip(block.records) {
                core.step(*seq, record, outputs);
                kept.stepped(*seq, record, outputs, core.now());
                watch.outputs(*seq, outputs.records())?;
                kept.look(watch)?;
            }
            return Ok(());
        }
        let (mut seqs, mut records) = (block.seqs, block.records);
        while !records.is_empty() {
            let until_look = WATCH_EVERY - kept.events % WATCH_EVERY;
            let count =
                usize::try_from(until_look).map_or(records.len(), |most| most.min(records.len()));
            let (some_seqs, some) = (&seqs[..count], &records[..count]);
            core.steps(some_seqs, some, outputs, kept);
            (seqs, records) = (&seqs[count..], &records[count..]);
            kept.look(watch)?;
        }
        Ok(())
    }

    fn finish(self, config: &CoreConfig) -> Result<Outcome, BacktestError> {
        let Run { core, kept, .. } = self;
        if kept.events == 0 {
            return Err(BacktestError::Empty);
        }
        let now = core.now();
        let Now { portfolio, market } = now;
        let marks: BTreeMap<InstrumentId, i64> = traded(config)
            .into_iter()
            .filter_map(|id| Some((id, market.mark(id)?)))
            .collect();
        let trades = trades(&kept.tally.fills, market.instruments(), &marks)?;
        let measured = kept.sampler.finish(kept.last, now)?;
        Ok(Outcome {
            instruments: market.instruments().clone(),
            events: kept.events,
            bars: if kept.input_bars > 0 {
                kept.input_bars
            } else {
                kept.tally.bars
            },
            refused: kept.tally.refused,
            statistics: Statistics::of(&measured.sums, &trades),
            fills: kept.tally.fills,
            trades,
            cash: config.account.cash,
            final_equity: portfolio.equity().ok_or(MoneyOverflow)?,
            fees_paid: portfolio.fees(),
            curve: measured.curve,
            equity: measured.exact,
            months: measured.months,
            never_ready: core.never_ready(config)?,
            never_closed: core.never_closed(),
            waiting: core.waiting(),
            expired: core.expired(),
            data_hash: format!("{:032x}", kept.data_hash.digest128()),
            output_hash: kept.tally.hash.hex(),
        })
    }
}

/// Whether a record tells of the market at a time that the venue gave. A status may bear our clock, which is years away in a replay.
fn has_venue_time(record: &Record) -> bool {
    let is_market = matches!(
        record.kind(),
        Some(Kind::Trade | Kind::Quote | Kind::Level | Kind::Bar)
    );
    is_market && !record.has(Flags::BAD_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bars, config};
    use tickloom_types::parse_money;

    fn records(closes: &[i64]) -> Vec<Result<(Seq, Record), DataError>> {
        (0..).zip(bars(closes)).map(Ok).collect()
    }

    /// Closes 10 11 12 13 11 10 10.5, each bar opening at the close before. It rises on the 2nd: bought at the open of the 3rd,
    /// 11.00. It falls on the 5th: sold at the open of the 6th, 11.00. Of 100 units only the fees of 0.1 % are lost.
    #[test]
    fn a_small_run_by_hand() {
        let closes = [1_000, 1_100, 1_200, 1_300, 1_100, 1_000, 1_050];
        let outcome = run(&config("100"), records(&closes), &mut |_: u64| {
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((outcome.bars, outcome.events), (7, 7));
        assert_eq!(outcome.fills.len(), 2);
        assert_eq!(outcome.fees_paid, parse_money("2.2").unwrap());
        assert_eq!(outcome.final_equity, parse_money("9997.8").unwrap());
        assert_eq!(outcome.trades[0].profit, parse_money("-2.2").unwrap());
        assert_eq!(outcome.curve.ts.len(), 7);
        // Held at the close of the 3rd, 4th and 5th.
        assert_eq!(outcome.statistics.exposure, Some(3.0 / 7.0));
        let expected = [
            10_000.0, 10_000.0, 10_098.9, 10_198.9, 9_998.9, 9_997.8, 9_997.8,
        ];
        for (equity, expected) in outcome.curve.equity.iter().zip(expected) {
            assert!((equity - expected).abs() < 1e-9, "{equity} {expected}");
        }
    }

    #[test]
    fn profits_of_trades_are_what_the_account_gained() {
        let closes: Vec<i64> = (0..500).map(|n: i64| 1_000 + (n * 7_919) % 61).collect();
        let config = config("all");
        let outcome = run(&config, records(&closes), &mut |_: u64| {
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(outcome.trades.len() > 50);
        let gained: i128 = outcome.trades.iter().map(|trade| trade.profit.0).sum();
        assert_eq!(gained, outcome.final_equity.0 - config.account.cash.0);
    }

    #[test]
    fn a_status_of_another_clock_is_no_point_of_the_curve() {
        let mut records: Vec<Record> = bars(&[1_000, 1_100, 1_200]);
        let mut status = records[0];
        status.header.kind = Kind::Status as u8;
        status.header.ts_event = i64::MAX / 2;
        status.body = [0; 5];
        records.insert(0, status);
        records.push(status);
        let records = (0..).zip(records).map(Ok);
        let outcome = run(&config("1"), records, &mut |_: u64| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let day = 86_400_000_000_000;
        assert_eq!(outcome.curve.ts, [day, 2 * day, 3 * day]);
    }

    #[test]
    fn nothing_and_a_stop_are_errors() {
        let none = run(&config("1"), Vec::new(), &mut |_: u64| {
            ControlFlow::Continue(())
        });
        assert!(matches!(none, Err(BacktestError::Empty)));
        let many = vec![1_000; 1 << 16];
        let stopped = run(&config("1"), records(&many), &mut |_: u64| {
            ControlFlow::Break(())
        });
        assert!(matches!(stopped, Err(BacktestError::Stopped(65_536))));
    }
}
