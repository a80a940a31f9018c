//! What a run is made of, in the model's own words, and the same as the engine's configuration.

use crate::expression::{Expr, Text, What};
use std::collections::BTreeMap;
use tickloom_core::{
    AccountConfig, CoreConfig, FillModel, RiskLimits, SignalDef, StrategyDef, Traded,
};
use tickloom_types::{
    BarSpec, InstrumentDef, InstrumentId, Instruments, Money, SourceDef, SourceId, SourceKind,
    format_decimal,
};

/// A unit of money.
pub(crate) const UNIT: i128 = 1_000_000_000_000_000_000;

/// Sources by place: two feeds, then one a size of bars.
pub(crate) const FEEDS: [SourceId; 2] = [SourceId(0), SourceId(1)];

/// All sizes of bars that occur, as input or made.
pub(crate) const SIZES: [&str; 6] = ["1s", "2s", "10s", "1m", "2t", "7v"];

/// A size of bars by its text.
pub(crate) fn spec(text: &str) -> BarSpec {
    text.parse().unwrap()
}

/// The source of bars of a size.
pub(crate) fn bar_source(of: BarSpec) -> SourceId {
    let at = SIZES.iter().position(|size| spec(size) == of).unwrap();
    SourceId(u16::try_from(FEEDS.len() + at).unwrap())
}

/// The size of the bars that come from a source.
pub(crate) fn size_of(source: SourceId) -> Option<BarSpec> {
    let at = usize::from(source.0).checked_sub(FEEDS.len())?;
    SIZES.get(at).map(|size| spec(size))
}

/// In an expression, the instrument that is looked at.
pub(crate) const OWN: usize = usize::MAX;

/// Size mantissas in a unit.
pub(crate) fn unit(def: &InstrumentDef) -> i64 {
    10_i64.pow(def.qty_decimals.into())
}

/// How much an entry trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// So many units, in a plan; for an order, this size mantissa.
    Qty(i64),
    All,
    AllWhole,
}

/// A strategy: what it trades, and how. It runs for each of its instruments as if that were its only one.
#[derive(Clone, Debug)]
pub(crate) struct Strategy {
    pub(crate) instruments: Vec<usize>,
    /// In its expressions, [`OWN`] stands for the instrument that is looked at.
    pub(crate) plan: Plan,
}

/// A strategy in one of its instruments.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    /// Index of the strategy.
    pub(crate) strategy: usize,
    pub(crate) instrument: usize,
    /// With fields of known instruments alone, and sizes as mantissas.
    pub(crate) plan: Plan,
}

/// How a strategy decides.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Rules {
        enter: Option<Expr>,
        exit: Option<Expr>,
        short_enter: Option<Expr>,
        short_exit: Option<Expr>,
        size: Size,
    },
    Target(Expr),
    TrailingStop {
        enter: Expr,
        /// Units, or for a runner a size mantissa.
        qty: i64,
        trail_bps: i64,
        profit_bps: i64,
    },
}

/// Limits of risk; money and sizes in whole units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) order_qty: Option<i64>,
    pub(crate) order_notional: Option<i64>,
    pub(crate) position: Option<i64>,
    pub(crate) gross: Option<i64>,
    pub(crate) net: Option<i64>,
    pub(crate) orders_per_second: Option<u32>,
    pub(crate) collar_bps: Option<u32>,
    pub(crate) daily_loss: Option<i64>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) defs: Vec<InstrumentDef>,
    pub(crate) signals: Vec<Expr>,
    pub(crate) strategies: Vec<Strategy>,
    /// In whole units.
    pub(crate) cash: i64,
    /// Fee in units of 1e-9.
    pub(crate) fee: i64,
    /// Largest share of a shown size, in units of 1e-9.
    pub(crate) share: Option<i64>,
    pub(crate) same_close: bool,
    pub(crate) margin: bool,
    pub(crate) limits: Limits,
    /// In nanoseconds.
    pub(crate) stale_after: Option<i64>,
}

impl Plan {
    pub(crate) fn expressions(&self) -> Vec<&Expr> {
        match self {
            Plan::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                ..
            } => [enter, exit, short_enter, short_exit]
                .into_iter()
                .flatten()
                .collect(),
            Plan::Target(target) => vec![target],
            Plan::TrailingStop { enter, .. } => vec![enter],
        }
    }

    /// The same where the instrument that is looked at is this one, with so many size mantissas in a unit.
    fn of(&self, instrument: usize, unit: i64) -> Plan {
        let own = |expr: &Expr| expr.of(instrument);
        let some = |expr: &Option<Expr>| expr.as_ref().map(own);
        match self {
            Plan::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                size,
            } => Plan::Rules {
                enter: some(enter),
                exit: some(exit),
                short_enter: some(short_enter),
                short_exit: some(short_exit),
                size: match size {
                    Size::Qty(units) => Size::Qty(units * unit),
                    all => *all,
                },
            },
            Plan::Target(target) => Plan::Target(own(target)),
            Plan::TrailingStop {
                enter,
                qty,
                trail_bps,
                profit_bps,
            } => Plan::TrailingStop {
                enter: own(enter),
                qty: qty * unit,
                trail_bps: *trail_bps,
                profit_bps: *profit_bps,
            },
        }
    }
}

impl World {
    /// The sizes of bars of each instrument that expressions ask for, smallest text first as the engine sorts them.
    pub(crate) fn bars(&self) -> Vec<Vec<BarSpec>> {
        let mut wanted = vec![vec![]; self.defs.len()];
        let runners = self.runners();
        let rules = runners.iter().flat_map(|runner| runner.plan.expressions());
        for field in self.signals.iter().chain(rules).flat_map(Expr::fields) {
            if let What::Close(spec) | What::High(spec) | What::Volume(spec) = field.what {
                wanted[field.instrument].push(spec);
            }
        }
        for sizes in &mut wanted {
            sizes.sort_unstable();
            sizes.dedup();
        }
        wanted
    }

    /// Each strategy in each of its instruments, in the order in which they decide.
    pub(crate) fn runners(&self) -> Vec<Runner> {
        let mut runners = vec![];
        for (at, strategy) in self.strategies.iter().enumerate() {
            for instrument in &strategy.instruments {
                runners.push(Runner {
                    strategy: at,
                    instrument: *instrument,
                    plan: strategy.plan.of(*instrument, unit(&self.defs[*instrument])),
                });
            }
        }
        runners
    }

    /// The engine's configuration of the same run.
    pub(crate) fn config(&self) -> CoreConfig {
        let mut instruments = Instruments::new();
        for def in &self.defs {
            instruments.add(def.clone()).unwrap();
        }
        for (at, id) in FEEDS.iter().enumerate() {
            let feed = SourceDef::new(format!("feed{at}"), SourceKind::Feed);
            assert_eq!(instruments.add_source(feed).unwrap(), *id);
        }
        for size in SIZES {
            instruments.bar_source(spec(size)).unwrap();
        }
        let signals = self.signals.iter().enumerate();
        CoreConfig {
            default_instrument: Some(InstrumentId(0)),
            signals: signals
                .map(|(at, expr)| SignalDef::new(&format!("s{at}"), &self.text(expr)))
                .collect(),
            strategies: (0..self.strategies.len())
                .map(|at| self.strategy(at))
                .collect(),
            risk: self.risk(),
            account: self.account(),
            stale_after: self.stale_after,
            instruments,
            ..CoreConfig::default()
        }
    }

    fn text(&self, expr: &Expr) -> String {
        Text(expr, &self.defs).to_string()
    }

    fn account(&self) -> AccountConfig {
        let nano = |share: i64| format_decimal(share.into(), 9);
        AccountConfig {
            fee: nano(self.fee).parse().unwrap(),
            fill: if self.same_close {
                FillModel::SameClose
            } else {
                FillModel::NextOpen
            },
            margin: self.margin,
            volume_share: self.share.map(|share| nano(share).parse().unwrap()),
            ..AccountConfig::new(Money(i128::from(self.cash) * UNIT))
        }
    }

    fn risk(&self) -> RiskLimits {
        let money = |units: i64| Money(i128::from(units) * UNIT);
        let limits = &self.limits;
        RiskLimits {
            order_qty: limits.order_qty.map(|qty| qty.to_string()),
            order_notional: limits.order_notional.map(money),
            position: limits.position.map(|qty| qty.to_string()),
            gross_exposure: limits.gross.map(money),
            net_exposure: limits.net.map(money),
            orders_per_second: limits.orders_per_second,
            price_collar_bps: limits.collar_bps,
            daily_loss: limits.daily_loss.map(money),
            ..RiskLimits::default()
        }
    }

    fn strategy(&self, at: usize) -> StrategyDef {
        let Strategy { instruments, plan } = &self.strategies[at];
        let name = format!("strategy{at}");
        let names = instruments.iter().map(|at| self.defs[*at].name.clone());
        let instrument = Some(match instruments[..] {
            [only] => Traded::One(self.defs[only].name.clone()),
            _ => Traded::Many(names.collect()),
        });
        let text = |expr: &Option<Expr>| expr.as_ref().map(|expr| self.text(expr));
        match plan {
            Plan::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                size,
                ..
            } => StrategyDef::Rules {
                name,
                instrument,
                enter: text(enter),
                exit: text(exit),
                short_enter: text(short_enter),
                short_exit: text(short_exit),
                size: match size {
                    Size::Qty(units) => tickloom_core::Size::Qty(units.to_string()),
                    Size::All => tickloom_core::Size::All,
                    Size::AllWhole => tickloom_core::Size::AllWhole,
                },
            },
            Plan::Target(target) => StrategyDef::Target {
                name,
                instrument,
                target: self.text(target),
            },
            Plan::TrailingStop {
                enter,
                qty: size,
                trail_bps,
                profit_bps,
                ..
            } => StrategyDef::Code {
                name,
                instrument,
                code: "trailing_stop".to_owned(),
                expressions: BTreeMap::from([("enter".to_owned(), self.text(enter))]),
                settings: BTreeMap::from([
                    ("size".to_owned(), size.to_string()),
                    ("trail_bps".to_owned(), trail_bps.to_string()),
                    ("profit_bps".to_owned(), profit_bps.to_string()),
                ]),
            },
        }
    }
}
