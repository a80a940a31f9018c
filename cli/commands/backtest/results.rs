//! What a backtest leaves behind besides its figures: files of its orders, fills, trades and equity, and itself as a run in a catalog.

mod kept;
mod sheets;

use super::Args;
use crate::failure::Failure;
use crate::stop::Stop;
use anyhow::anyhow;
use indicatif::ProgressBar;
use kept::Kept;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_backtest::{Outcome, Watch};
use tickloom_core::{CoreConfig, SEMANTICS_VERSION, StrategyDef};
use tickloom_data::{Catalog, DataError, Sheet};
use tickloom_journal::RunMeta;
use tickloom_types::{
    FillBody, InstrumentId, Kind, OrderBody, Record, RiskRule, Seq, Ts, VerdictBody,
};

/// Where results go.
#[derive(clap::Args)]
pub(super) struct Results {
    /// Write orders, fills, trades and equity into this directory, as CSV unless --out-format says otherwise
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The format of the files of --out: csv, jsonl, parquet or arrow
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl", "parquet", "arrow"], default_value = "csv", requires = "out")]
    out_format: String,
    /// Write the orders, with what became of each (.csv, .jsonl, .parquet or .arrow)
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Write the fills
    #[arg(long, value_name = "FILE")]
    fills: Option<PathBuf>,
    /// Write the trades: round trips from flat to flat, and what is still open
    #[arg(long, value_name = "FILE")]
    trades: Option<PathBuf>,
    /// Write the equity curve: a point each bar, or each second where there are none
    #[arg(long, value_name = "FILE")]
    equity: Option<PathBuf>,
    /// Keep what came of it in a catalog as a run of this name, to be asked with SQL
    #[arg(long, value_name = "RUN")]
    keep: Option<String>,
    /// The catalog to keep it in [default: that of the data]
    #[arg(long, value_name = "DIR|URL", requires = "keep")]
    catalog: Option<PathBuf>,
}

/// A file that was written.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Written {
    what: &'static str,
    pub(super) file: PathBuf,
    rows: usize,
}

impl Results {
    /// The file of a kind of results, if it is wanted.
    fn file(&self, what: &str, own: Option<&PathBuf>) -> Option<PathBuf> {
        let in_folder = || {
            let folder = self.out.as_ref()?;
            Some(folder.join(format!("{what}.{}", self.out_format)))
        };
        own.cloned().or_else(in_folder)
    }

    fn files(&self) -> [(&'static str, Option<PathBuf>); 4] {
        [
            ("orders", self.file("orders", self.orders.as_ref())),
            ("fills", self.file("fills", self.fills.as_ref())),
            ("trades", self.file("trades", self.trades.as_ref())),
            ("equity", self.file("equity", self.equity.as_ref())),
        ]
    }

    fn wants(&self, what: &str) -> bool {
        let mut files = self.files().into_iter();
        files.any(|(known, file)| known == what && file.is_some())
    }

    /// Refuses before the run what could not be written after it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for (_, file) in self.files() {
            if let Some(file) = file {
                Sheet::check_name(&file).map_err(Failure::input)?;
            }
        }
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::run(anyhow!("cannot make {}: {error}", folder.display()))
            })?;
        }
        Ok(())
    }

    /// Begins the run that is kept.
    fn keep(&self, args: &Args, config: &CoreConfig) -> Result<Option<Kept>, Failure> {
        let Some(run) = &self.keep else {
            return Ok(None);
        };
        let own = || args.data.as_deref().filter(|path| Catalog::is_at(path));
        let Some(place) = self.catalog.as_deref().or_else(own) else {
            return Err(Failure::input(anyhow!(
                "--keep needs --catalog DIR, as the data is of none"
            )));
        };
        let catalog = Catalog::create(place).map_err(Failure::run)?;
        let runs = catalog.runs().map_err(Failure::run)?;
        let mut is_there = runs.iter().any(|known| known.run == *run);
        if is_there {
            // One that was stopped while it was written has nothing, and its name is free.
            catalog.forget_begun(run).map_err(Failure::run)?;
            let runs = catalog.runs().map_err(Failure::run)?;
            is_there = runs.iter().any(|known| known.run == *run);
        }
        if is_there {
            return Err(Failure::input(anyhow!(
                "--keep {run}: the catalog has a run of this name; keep it under another"
            )));
        }
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = started.map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        });
        let mut meta =
            RunMeta::new(run, Ts(started), config.instruments.clone()).map_err(Failure::input)?;
        meta.signals = config
            .signals
            .iter()
            .map(|signal| signal.name.clone())
            .collect();
        meta.strategies = names(config);
        meta.config = serde_json::to_string(config).map_err(Failure::run)?;
        meta.semantics = SEMANTICS_VERSION;
        let file = tempfile::tempfile().map_err(Failure::run)?;
        Ok(Some(Kept {
            catalog,
            meta,
            source: format!("backtest of {}", args.source()),
            outputs: BufWriter::new(file),
        }))
    }
}

fn names(config: &CoreConfig) -> Vec<String> {
    let strategies = config.strategies.iter();
    strategies
        .map(|strategy| StrategyDef::name(strategy).to_owned())
        .collect()
}

/// An order and what became of it.
struct Order {
    submitted: Ts,
    changed: Ts,
    instrument: InstrumentId,
    body: OrderBody,
    /// The rule that refused it.
    rule: Option<&'static str>,
}

/// Looks on while the backtest runs, and keeps what results need.
pub(super) struct Observer<'a> {
    bar: &'a ProgressBar,
    stop: &'a Stop,
    wants_orders: bool,
    wants_fills: bool,
    wants_equity: bool,
    orders: BTreeMap<u32, Order>,
    fills: Vec<(Ts, InstrumentId, FillBody)>,
    kept: Option<Kept>,
}

impl<'a> Observer<'a> {
    pub(super) fn new(
        args: &Args,
        config: &CoreConfig,
        bar: &'a ProgressBar,
        stop: &'a Stop,
    ) -> Result<Observer<'a>, Failure> {
        Ok(Observer {
            bar,
            stop,
            wants_orders: args.results.wants("orders"),
            wants_fills: args.results.wants("fills"),
            wants_equity: args.results.wants("equity"),
            orders: BTreeMap::new(),
            fills: Vec::new(),
            kept: args.results.keep(args, config)?,
        })
    }

    fn order(&mut self, output: &Record) {
        let body = OrderBody::of(output);
        let ts = output.ts_event();
        let known = self.orders.entry(body.order).or_insert(Order {
            submitted: ts,
            changed: ts,
            instrument: output.instrument(),
            body,
            rule: None,
        });
        (known.changed, known.body) = (ts, body);
    }

    fn verdict(&mut self, output: &Record) {
        let verdict = VerdictBody::of(output);
        if verdict.accepted == 0
            && let Some(order) = self.orders.get_mut(&verdict.order)
        {
            order.rule = RiskRule::from_raw(verdict.rule).map(RiskRule::name);
        }
    }

    /// Writes the files that were asked for, and completes the run that is kept; says which files there are.
    pub(super) fn finish(
        self,
        results: &Results,
        config: &CoreConfig,
        outcome: &Outcome,
    ) -> Result<Vec<Written>, Failure> {
        let mut written = Vec::new();
        for (what, file) in results.files() {
            let Some(file) = file else {
                continue;
            };
            let sheet = match what {
                "orders" => sheets::orders(&self.orders, config),
                "fills" => sheets::fills(&self.fills, config),
                "trades" => sheets::trades(outcome, config),
                _ => sheets::equity(outcome),
            };
            sheet.write(&file).map_err(Failure::run)?;
            let rows = sheet.len();
            written.push(Written { what, file, rows });
        }
        if let Some(kept) = self.kept {
            kept.finish(outcome).map_err(Failure::run)?;
        }
        Ok(written)
    }
}

impl Watch for Observer<'_> {
    fn progress(&mut self, done: u64) -> ControlFlow<()> {
        self.bar.set_position(done);
        match self.stop.is_wanted() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn wants_outputs(&self) -> bool {
        self.wants_orders || self.wants_fills || self.kept.is_some()
    }

    fn outputs(&mut self, cause: Seq, outputs: &[Record]) -> Result<(), DataError> {
        for output in outputs {
            match output.kind() {
                Some(Kind::Order) if self.wants_orders => self.order(output),
                Some(Kind::Verdict) if self.wants_orders => self.verdict(output),
                Some(Kind::Fill) if self.wants_fills => {
                    let place = (output.ts_event(), output.instrument());
                    self.fills.push((place.0, place.1, FillBody::of(output)));
                }
                _ => {}
            }
            if let Some(kept) = &mut self.kept {
                kept.push(cause, output)?;
            }
        }
        Ok(())
    }

    fn wants_equity(&self) -> bool {
        self.wants_equity || self.kept.is_some()
    }
}

/// Tells people which files there are.
pub(super) fn told(written: &[Written]) -> Vec<(String, String)> {
    let row = |one: &Written| {
        let (rows, file): (usize, &Path) = (one.rows, &one.file);
        (
            one.what.to_owned(),
            format!("{} ({rows} rows)", file.display()),
        )
    };
    written.iter().map(row).collect()
}
