//! A run from its data to its end.

use super::Args;
use super::data::{Data, Facts, Records};
use super::results::Observer;
use super::settings::Settings;
use super::watch;
use crate::failure::Failure;
use crate::stop::Stop;
use anyhow::anyhow;
use indicatif::ProgressBar;
use tickloom_backtest::{
    BacktestError, Outcome, run_bars, run_bars_in_blocks, run_blocks, run_records,
};
use tickloom_core::{CoreConfig, check_run};
use tickloom_data::{Blocks, CatalogError, DataError, read_ahead};

/// Runs over the records in the way that is quickest for them. What is not in memory is read while that before it is run on.
fn run_over(
    records: Records,
    config: &CoreConfig,
    observer: &mut Observer<'_>,
) -> Result<Outcome, BacktestError> {
    match records {
        Records::Memory(records) => run_records(config, &records, observer),
        Records::Bars {
            instrument,
            records,
            ..
        } => run_bars(config, instrument, read_ahead(records).as_mut(), observer),
        Records::Stream {
            records,
            again: Some(again),
            ..
        } => {
            let mut first = Some(records);
            let open = || {
                let records = first.take().map_or_else(&again, Ok)?;
                Ok(read_ahead(records) as Box<Blocks<'static>>)
            };
            run_bars_in_blocks(config, open, observer)
        }
        Records::Stream { records, .. } => {
            run_blocks(config, read_ahead(records).as_mut(), observer)
        }
    }
}

/// A run that is over, and what is known of what it ran on.
pub(super) struct Over<'a> {
    pub(super) outcome: Outcome,
    pub(super) observer: Observer<'a>,
    pub(super) config: CoreConfig,
    pub(super) facts: Facts,
}

/// Why a run did not come to its end.
pub(super) enum Ended {
    /// What is read of a catalog has no place in records: it may be that sizes have too many decimals.
    Unread(Failure),
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failed(failure)
    }
}

impl Ended {
    /// It, where it is the end.
    pub(super) fn failure(self) -> Failure {
        let (Ended::Unread(failure) | Ended::Failed(failure)) = self;
        failure
    }
}

/// Runs over the data, to its end.
pub(super) fn over<'a>(
    args: &Args,
    settings: &Settings,
    data: Data,
    (bar, stop): (&'a ProgressBar, &'a Stop),
) -> Result<Over<'a>, Ended> {
    let Data {
        instruments,
        instrument,
        given_bars,
        records,
        census,
        facts,
    } = data;
    if let Some(left_out) = &facts.left_out {
        watch::judge_input(left_out, args.strict)?;
    }
    settings
        .check_definitions(&instruments)
        .map_err(Failure::input)?;
    let config = settings.core(instruments, instrument, facts.bar, given_bars);
    check_run(&config, &census).map_err(|error| match &args.strategy {
        Some(path) => Failure::input(anyhow!(error).context(path.display().to_string())),
        None => Failure::input(error),
    })?;
    args.results.check()?;
    let mut observer = Observer::new(args, &config, bar, stop)?;
    let outcome = run_over(records, &config, &mut observer);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|error| {
        let has_no_place = matches!(
            &error,
            BacktestError::Data(DataError::Catalog(CatalogError::Schema { .. }))
        );
        match has_no_place {
            true => Ended::Unread(failure(error)),
            false => Ended::Failed(failure(error)),
        }
    })?;
    Ok(Over {
        outcome,
        observer,
        config,
        facts,
    })
}

/// A wrong expression or an empty range is the user's, the rest is the run's.
fn failure(error: BacktestError) -> Failure {
    match error {
        BacktestError::Stopped(_) => Failure::Stopped(error.into()),
        BacktestError::Core(_) | BacktestError::Empty | BacktestError::Semantics { .. } => {
            Failure::input(error)
        }
        BacktestError::Data(_)
        | BacktestError::Journal(_)
        | BacktestError::Overflow(_)
        | BacktestError::Config(_) => Failure::run(error),
    }
}
