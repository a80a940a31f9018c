//! What a backtest leaves behind besides its figures: files of its orders, fills, trades and equity, and itself as a run in a catalog.

use super::Args;
use crate::failure::Failure;
use crate::stop::Stop;
use anyhow::anyhow;
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_backtest::{Outcome, Watch};
use tickloom_core::{CoreConfig, SEMANTICS_VERSION, StrategyDef};
use tickloom_data::{Catalog, Cell, CellKind, DataError, Sheet};
use tickloom_journal::RunMeta;
use tickloom_types::{
    FillBody, InstrumentDef, InstrumentId, Instruments, Kind, Money, OrderBody, OrderStatus,
    OrderType, RECORD_LEN, Record, RiskRule, Seq, Side, Ts, VerdictBody,
};

/// Decimals of a fee in a fill.
const FEE_DECIMALS: u8 = 9;
const MONEY_DECIMALS: u8 = tickloom_types::MONEY_DECIMALS;

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
        if runs.iter().any(|known| known.run == *run) {
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

/// A run on its way into a catalog. Until it is at its end, its outputs wait in a file that is gone with the process.
struct Kept {
    catalog: Catalog,
    meta: RunMeta,
    source: String,
    outputs: BufWriter<File>,
}

impl Kept {
    fn push(&mut self, cause: Seq, output: &Record) -> Result<(), DataError> {
        let mut put = |bytes: &[u8]| self.outputs.write_all(bytes);
        put(&cause.to_le_bytes())
            .and_then(|()| put(output.as_bytes()))
            .map_err(waiting)
    }

    /// Writes the run.
    fn finish(self) -> Result<(), DataError> {
        let file = self
            .outputs
            .into_inner()
            .map_err(|error| waiting(error.into_error()))?;
        let mut outputs = BufReader::new(file);
        outputs.seek(SeekFrom::Start(0)).map_err(waiting)?;
        let mut writer = self.catalog.writer(&self.meta, 0, &self.source)?;
        let (mut cause, mut record) = ([0; 8], [0; RECORD_LEN]);
        for number in 0.. {
            match outputs.read_exact(&mut cause) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(waiting(error)),
            }
            outputs.read_exact(&mut record).map_err(waiting)?;
            writer.push_output(
                number,
                Seq::from_le_bytes(cause),
                &Record::from_bytes(record),
            )?;
        }
        writer.finish().map(drop)
    }
}

fn waiting(source: std::io::Error) -> DataError {
    DataError::Io {
        action: "keep outputs in",
        path: std::env::temp_dir(),
        source,
    }
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
                "orders" => orders(&self.orders, config),
                "fills" => fills(&self.fills, config),
                "trades" => trades(outcome, config),
                _ => equity(outcome),
            };
            sheet.write(&file).map_err(Failure::run)?;
            let rows = sheet.len();
            written.push(Written { what, file, rows });
        }
        if let Some(kept) = self.kept {
            kept.finish().map_err(Failure::run)?;
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
        self.wants_equity
    }
}

/// The finest scales of the instruments of a run: of prices and of sizes.
fn scales(instruments: &Instruments) -> (u8, u8) {
    let defs = || instruments.defs().iter();
    (
        defs().map(|def| def.price_decimals).max().unwrap_or(0),
        defs().map(|def| def.qty_decimals).max().unwrap_or(0),
    )
}

/// Cells of what an instrument, a strategy, a price or a size is.
struct Names<'a> {
    config: &'a CoreConfig,
}

impl Names<'_> {
    fn def(&self, id: InstrumentId) -> Option<&InstrumentDef> {
        self.config.instruments.get(id)
    }

    fn instrument(&self, id: InstrumentId) -> Cell {
        self.def(id)
            .map_or(Cell::None, |def| Cell::Word(def.name.clone()))
    }

    fn strategy(&self, index: u8) -> Cell {
        let strategy = self.config.strategies.get(usize::from(index));
        strategy.map_or(Cell::None, |def| Cell::Word(def.name().to_owned()))
    }

    fn price(&self, id: InstrumentId, mantissa: i64) -> Cell {
        let decimals = self.def(id).map(|def| def.price_decimals);
        decimals.map_or(Cell::None, |d| Cell::Decimal(mantissa.into(), d))
    }

    fn size(&self, id: InstrumentId, mantissa: i64) -> Cell {
        let decimals = self.def(id).map(|def| def.qty_decimals);
        decimals.map_or(Cell::None, |d| Cell::Decimal(mantissa.into(), d))
    }
}

fn word(name: Option<&'static str>) -> Cell {
    name.map_or(Cell::None, |name| Cell::Word(name.to_owned()))
}

fn money(amount: Money) -> Cell {
    Cell::Decimal(amount.0, MONEY_DECIMALS)
}

fn orders(all: &BTreeMap<u32, Order>, config: &CoreConfig) -> Sheet {
    let (price, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("order", CellKind::Count),
        ("submitted", CellKind::Time),
        ("changed", CellKind::Time),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("type", CellKind::Word),
        ("price", CellKind::Decimal(price)),
        ("size", CellKind::Decimal(size)),
        ("filled", CellKind::Decimal(size)),
        ("status", CellKind::Word),
        ("refused_by", CellKind::Word),
    ]);
    for (number, order) in all {
        let (id, body) = (order.instrument, &order.body);
        let kind = OrderType::from_raw(body.order_type);
        let has_price = kind != Some(OrderType::Market);
        sheet.push([
            Cell::Count((*number).into()),
            Cell::Time(order.submitted),
            Cell::Time(order.changed),
            names.instrument(id),
            names.strategy(body.strategy),
            word(Side::from_raw(body.side).map(Side::name)),
            word(kind.map(OrderType::name)),
            if has_price {
                names.price(id, body.price)
            } else {
                Cell::None
            },
            names.size(id, body.qty),
            names.size(id, body.filled),
            word(OrderStatus::from_raw(body.status).map(OrderStatus::name)),
            word(order.rule),
        ]);
    }
    sheet
}

fn fills(all: &[(Ts, InstrumentId, FillBody)], config: &CoreConfig) -> Sheet {
    let (price, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("ts", CellKind::Time),
        ("order", CellKind::Count),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("price", CellKind::Decimal(price)),
        ("size", CellKind::Decimal(size)),
        ("fee", CellKind::Decimal(FEE_DECIMALS)),
    ]);
    for (ts, id, body) in all {
        sheet.push([
            Cell::Time(*ts),
            Cell::Count(body.order.into()),
            names.instrument(*id),
            names.strategy(body.strategy),
            word(Side::from_raw(body.side).map(Side::name)),
            names.price(*id, body.price),
            names.size(*id, body.qty),
            Cell::Decimal(body.fee.into(), FEE_DECIMALS),
        ]);
    }
    sheet
}

fn trades(outcome: &Outcome, config: &CoreConfig) -> Sheet {
    let (_, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("opened", CellKind::Time),
        ("closed", CellKind::Time),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("size", CellKind::Decimal(size)),
        ("entry", CellKind::Float),
        ("exit", CellKind::Float),
        ("fees", CellKind::Decimal(MONEY_DECIMALS)),
        ("profit", CellKind::Decimal(MONEY_DECIMALS)),
    ]);
    for trade in &outcome.trades {
        let side = match trade.side {
            Side::Buy => "long",
            Side::Sell => "short",
        };
        sheet.push([
            Cell::Time(trade.opened),
            trade.closed.map_or(Cell::None, Cell::Time),
            names.instrument(trade.instrument),
            names.strategy(trade.strategy),
            word(Some(side)),
            names.size(trade.instrument, trade.qty),
            Cell::Float(trade.entry),
            Cell::Float(trade.exit),
            money(trade.fees),
            money(trade.profit),
        ]);
    }
    sheet
}

fn equity(outcome: &Outcome) -> Sheet {
    let columns = [
        ("ts", CellKind::Time),
        ("equity", CellKind::Decimal(MONEY_DECIMALS)),
        ("drawdown", CellKind::Float),
    ];
    let mut sheet = Sheet::new(&columns);
    let mut highest = outcome.cash;
    for (ts, equity) in &outcome.equity {
        highest = highest.max(*equity);
        let below = match highest.to_f64() {
            peak if peak > 0.0 => (1.0 - equity.to_f64() / peak).max(0.0),
            _ => f64::NAN,
        };
        sheet.push([Cell::Time(*ts), money(*equity), Cell::Float(below)]);
    }
    sheet
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
