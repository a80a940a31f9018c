//! What the strategies hold and the signals say now, for the Prometheus page: read off the outputs as they are published.
//!
//! The publisher's thread keeps the numbers to itself and hands a copy over now and then, so that whoever asks for the page
//! never makes it wait, and the number of series on the page is bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_core::State;
use tickloom_types::{
    AccountBody, Flags, InstrumentDef, Instruments, Kind, OrderBody, OrderStatus, PositionBody,
    QuoteBody, Record, SignalBody, TradeBody, Ts, pow10,
};

/// Decimals of the money in a position record.
const POSITION_DECIMALS: u8 = 9;
/// Decimals of cash and equity.
const ACCOUNT_DECIMALS: u8 = 18;
/// Nanoseconds between two copies.
const HAND_OVER_NS: i64 = 100_000_000;
/// Most series of one name on the page: what is beyond is counted, not shown.
const SERIES_MAX: usize = 1_000;

/// A position of one strategy in one instrument.
#[derive(Clone, Debug, PartialEq)]
struct Holding {
    strategy: usize,
    instrument: usize,
    body: PositionBody,
}

/// Prices of one instrument.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Middle of the last quote that has both sides.
    middle: Option<i64>,
    /// Last trade.
    last: Option<i64>,
}

/// The numbers of all signals, positions and orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trading {
    instruments: Arc<Instruments>,
    signal_names: Arc<[String]>,
    strategy_names: Arc<[String]>,
    /// NaN while a signal is not ready.
    signals: Vec<f64>,
    /// Prices by instrument.
    marks: Vec<Mark>,
    holdings: Vec<Holding>,
    /// Strategy of each order that is open.
    open_orders: BTreeMap<u32, u8>,
    /// Cash and equity, once they were told.
    account: Option<(i128, i128)>,
}

/// The publisher's side: takes records in.
pub(crate) struct Monitor {
    trading: Trading,
    /// Place in `trading.holdings` by strategy and instrument.
    places: HashMap<(usize, usize), usize>,
    shared: Arc<Mutex<Trading>>,
    is_new: bool,
    handed_over: Ts,
}

/// One number on the page: its name, what it says, its labels, its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: f64,
}

/// All numbers of one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) series: Vec<Series>,
}

/// What the page reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct TradingView(Arc<Mutex<Trading>>);

impl Monitor {
    /// Nothing known yet.
    pub(crate) fn new(
        instruments: Instruments,
        signal_names: Vec<String>,
        strategy_names: Vec<String>,
    ) -> Monitor {
        let trading = Trading {
            signals: vec![f64::NAN; signal_names.len()],
            marks: vec![Mark::default(); instruments.len()],
            instruments: Arc::new(instruments),
            signal_names: signal_names.into(),
            strategy_names: strategy_names.into(),
            ..Trading::default()
        };
        Monitor {
            shared: Arc::new(Mutex::new(trading.clone())),
            trading,
            places: HashMap::new(),
            is_new: false,
            handed_over: Ts(0),
        }
    }

    /// What the page may read.
    pub(crate) fn view(&self) -> TradingView {
        TradingView(Arc::clone(&self.shared))
    }

    /// Takes in what a core knows that goes on from a snapshot.
    pub(crate) fn know(&mut self, state: &State) {
        for record in state.records(0) {
            self.record(&record);
        }
        for (mark, known) in self.trading.marks.iter_mut().zip(&state.instruments) {
            mark.last = known.last;
        }
        self.is_new = true;
    }

    /// Takes a record in that subscribers see, or that the core made.
    pub(crate) fn record(&mut self, record: &Record) {
        let instrument = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
        match record.kind() {
            Some(Kind::Quote) => {
                let quote = QuoteBody::of(record);
                if let Some(mark) = self.trading.marks.get_mut(instrument)
                    && let Some(middle) = middle(&quote)
                {
                    mark.middle = Some(middle);
                }
            }
            Some(Kind::Trade) => {
                if let Some(mark) = self.trading.marks.get_mut(instrument) {
                    mark.last = Some(TradeBody::of(record).price);
                }
            }
            Some(Kind::Signal) => {
                let body = SignalBody::of(record);
                let index = usize::try_from(body.signal).unwrap_or(usize::MAX);
                if let Some(value) = self.trading.signals.get_mut(index) {
                    let is_ready = !record.has(Flags::NOT_READY);
                    *value = if is_ready { body.value } else { f64::NAN };
                }
            }
            Some(Kind::Order) => self.order(&OrderBody::of(record)),
            Some(Kind::Position) => self.position(instrument, PositionBody::of(record)),
            Some(Kind::Account) => {
                let body = AccountBody::of(record);
                self.trading.account = Some((body.cash(), body.equity()));
            }
            _ => return,
        }
        self.is_new = true;
    }

    fn order(&mut self, order: &OrderBody) {
        let is_open = matches!(
            OrderStatus::from_raw(order.status),
            Some(OrderStatus::Open | OrderStatus::PartlyFilled)
        );
        if is_open {
            self.trading.open_orders.insert(order.order, order.strategy);
        } else {
            self.trading.open_orders.remove(&order.order);
        }
    }

    fn position(&mut self, instrument: usize, body: PositionBody) {
        let strategy = usize::try_from(body.strategy).unwrap_or(usize::MAX);
        let holdings = &mut self.trading.holdings;
        let place = *self
            .places
            .entry((strategy, instrument))
            .or_insert(holdings.len());
        let holding = Holding {
            strategy,
            instrument,
            body,
        };
        match holdings.get_mut(place) {
            Some(known) => *known = holding,
            None => holdings.push(holding),
        }
    }

    /// Hands the numbers over if there are new ones and the last time is long enough ago; cheap otherwise.
    #[inline]
    pub(crate) fn hand_over(&mut self, now: Ts) {
        // A clock that was set back must not keep the numbers back for as long.
        let is_due = now.0.abs_diff(self.handed_over.0) >= HAND_OVER_NS.unsigned_abs();
        if self.is_new && is_due {
            self.copy(now);
        }
    }

    #[cold]
    fn copy(&mut self, now: Ts) {
        self.is_new = false;
        self.handed_over = now;
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.clone_from(&self.trading);
    }
}

impl TradingView {
    /// The numbers as they were handed over last.
    pub(crate) fn families(&self) -> Vec<Family> {
        let trading = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        trading.families()
    }
}

impl Trading {
    fn families(&self) -> Vec<Family> {
        let mut left_out = 0;
        let mut family = |name, help, series: Vec<Series>| {
            let (shown, beyond) = series.split_at(series.len().min(SERIES_MAX));
            left_out += beyond.len();
            Family {
                name,
                help,
                series: shown.to_vec(),
            }
        };
        let mut families = vec![
            family(
                "signal_value",
                "What a signal says now, NaN while it is not ready",
                self.signal_series(),
            ),
            family(
                "open_orders",
                "Orders that wait for a fill",
                self.order_series(),
            ),
            family(
                "position",
                "Position in units of the instrument, negative is short",
                self.positions(|_, def, body| Some(scaled(i128::from(body.qty), def.qty_decimals))),
            ),
            family(
                "pnl_realised",
                "Realised profit so far before fees, in money",
                self.positions(|_, _, body| {
                    Some(scaled(i128::from(body.realised), POSITION_DECIMALS))
                }),
            ),
            family(
                "pnl_unrealised",
                "Profit of the open position at the middle of the quote, or the last trade, in money",
                self.positions(|mark, def, body| {
                    unrealised(mark?, def, body).map(|money| scaled(money, ACCOUNT_DECIMALS))
                }),
            ),
        ];
        if let Some((cash, equity)) = self.account {
            let one = |money| {
                vec![Series {
                    labels: Vec::new(),
                    value: scaled(money, ACCOUNT_DECIMALS),
                }]
            };
            families.push(family("cash", "Cash of the account", one(cash)));
            families.push(family(
                "equity",
                "Cash and positions at the last price, after the last fill",
                one(equity),
            ));
        }
        if left_out > 0 {
            families.push(Family {
                name: "series_left_out",
                help: "Series that are not on this page, as there are too many",
                series: vec![Series {
                    labels: Vec::new(),
                    value: scaled(i128::try_from(left_out).unwrap_or(i128::MAX), 0),
                }],
            });
        }
        families
    }

    fn signal_series(&self) -> Vec<Series> {
        let signals = self.signal_names.iter().zip(&self.signals);
        signals
            .map(|(name, value)| Series {
                labels: vec![("signal", name.clone())],
                value: *value,
            })
            .collect()
    }

    fn order_series(&self) -> Vec<Series> {
        let strategies = self.strategy_names.iter().enumerate();
        strategies
            .map(|(index, name)| {
                let of_it = self.open_orders.values();
                let count = of_it
                    .filter(|strategy| usize::from(**strategy) == index)
                    .count();
                Series {
                    labels: vec![("strategy", name.clone())],
                    value: scaled(i128::try_from(count).unwrap_or(i128::MAX), 0),
                }
            })
            .collect()
    }

    /// One series for each holding that has this number.
    fn positions(
        &self,
        number: impl Fn(Option<i64>, &InstrumentDef, &PositionBody) -> Option<f64>,
    ) -> Vec<Series> {
        let series = |holding: &Holding| {
            let strategy = self.strategy_names.get(holding.strategy)?;
            let def = self.instruments.defs().get(holding.instrument)?;
            let mark = self.marks.get(holding.instrument)?;
            let mark = mark.middle.or(mark.last);
            Some(Series {
                labels: vec![
                    ("strategy", strategy.clone()),
                    ("instrument", def.name.clone()),
                ],
                value: number(mark, def, &holding.body)?,
            })
        };
        self.holdings.iter().filter_map(series).collect()
    }
}

/// The middle of a quote, toward the bid; `None` if a side is empty.
pub(crate) fn middle(quote: &QuoteBody) -> Option<i64> {
    let (bid, ask) = quote.both_prices()?;
    let half = (i128::from(ask) - i128::from(bid)).div_euclid(2);
    Some(i64::try_from(i128::from(bid) + half).unwrap_or(bid))
}

/// Profit of an open position at a price, in money at 18 decimals; nothing if that does not fit.
pub(crate) fn unrealised(mark: i64, def: &InstrumentDef, body: &PositionBody) -> Option<i128> {
    let worth = (i128::from(mark) * i128::from(body.qty)).checked_mul(def.money_unit())?;
    let cost = i128::from(body.cost).checked_mul(i128::from(pow10(POSITION_DECIMALS)))?;
    worth.checked_sub(cost)
}

/// A scaled integer as the page has it: for reading only.
fn scaled(value: i128, decimals: u8) -> f64 {
    value as f64 / pow10(decimals) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, SourceId};

    fn header(kind: Kind, instrument: u32) -> Header {
        Header::new(kind, InstrumentId(instrument), SourceId(0), Ts(0), Ts(0))
    }

    fn monitor(instruments: u32) -> Monitor {
        let mut defs = Instruments::new();
        for number in 0..instruments {
            let def = InstrumentDef::new(&format!("venue.A{number}"), 2, 3, "USD");
            defs.add(def).unwrap();
        }
        Monitor::new(
            defs,
            vec!["trend".into(), "rsi".into()],
            vec!["cross".into()],
        )
    }

    fn position(instrument: u32) -> Record {
        // Half a coin bought at 61,700.00.
        let body = PositionBody {
            qty: 500,
            cost: 30_850_000_000_000,
            realised: -12_345_000_000,
            ..PositionBody::default()
        };
        body.record(header(Kind::Position, instrument))
    }

    fn order(number: u32, status: OrderStatus) -> Record {
        let body = OrderBody {
            order: number,
            status: status as u8,
            ..OrderBody::default()
        };
        body.record(header(Kind::Order, 0))
    }

    /// The page's lines, in its own notation.
    fn lines(monitor: &mut Monitor) -> Vec<String> {
        monitor.hand_over(Ts(HAND_OVER_NS));
        let mut lines = Vec::new();
        for family in monitor.view().families() {
            for series in family.series {
                let labels: Vec<&str> = series
                    .labels
                    .iter()
                    .map(|(_, value)| value.as_str())
                    .collect();
                lines.push(format!(
                    "{} {} {}",
                    family.name,
                    labels.join(","),
                    series.value
                ));
            }
        }
        lines
    }

    #[test]
    fn the_numbers_are_those_of_the_last_records() {
        let mut monitor = monitor(2);
        let quote = QuoteBody {
            bid: 6_180_020,
            bid_qty: 1,
            ask: 6_180_030,
            ask_qty: 1,
            update_id: 0,
        };
        monitor.record(&quote.record(header(Kind::Quote, 0)));
        // One with an empty side has no middle.
        let one_sided = QuoteBody {
            ask: 0,
            ask_qty: 0,
            ..quote
        };
        monitor.record(&one_sided.record(header(Kind::Quote, 0)));
        monitor.record(&position(0));
        let signal = SignalBody {
            value: -1.5,
            ..SignalBody::default()
        };
        monitor.record(&signal.record(header(Kind::Signal, 0)));
        monitor.record(&order(1, OrderStatus::Open));
        monitor.record(&order(2, OrderStatus::Open));
        monitor.record(&order(2, OrderStatus::PartlyFilled));
        monitor.record(&order(1, OrderStatus::Filled));
        let account = AccountBody::new(0, 5 * i128::from(pow10(18)), 7 * i128::from(pow10(18)));
        monitor.record(&account.record(header(Kind::Account, 0)));
        assert_eq!(
            lines(&mut monitor),
            [
                "signal_value trend -1.5",
                "signal_value rsi NaN",
                "open_orders cross 1",
                "position cross,venue.A0 0.5",
                "pnl_realised cross,venue.A0 -12.345",
                // Worth 30,900.125 at the middle of the quote.
                "pnl_unrealised cross,venue.A0 50.125",
                "cash  5",
                "equity  7",
            ]
        );
    }

    #[test]
    fn the_page_is_bounded_and_says_what_it_leaves_out() {
        let mut monitor = monitor(1_300);
        for instrument in 0..1_300 {
            monitor.record(&position(instrument));
        }
        // Known again, it is no second series.
        monitor.record(&position(0));
        let lines = lines(&mut monitor);
        let count = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!((count("position "), count("pnl_realised ")), (1_000, 1_000));
        // Nothing is known of prices, so nothing of what is not realised.
        assert_eq!(count("pnl_unrealised "), 0);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("series_left_out  600")
        );
    }

    #[test]
    fn numbers_are_handed_over_at_intervals_only() {
        let mut monitor = monitor(1);
        let view = monitor.view();
        let positions = || view.families()[2].series.len();
        monitor.handed_over = Ts(5);
        monitor.record(&position(0));
        monitor.hand_over(Ts(HAND_OVER_NS + 4));
        assert_eq!(positions(), 0);
        monitor.hand_over(Ts(HAND_OVER_NS + 5));
        assert_eq!(positions(), 1);
        // A clock that was set back.
        monitor.record(&order(1, OrderStatus::Open));
        monitor.hand_over(Ts(5));
        assert!((view.families()[1].series[0].value - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn without_a_quote_the_last_trade_is_the_price() {
        let mut monitor = monitor(1);
        for price in [6_180_000, 6_180_025] {
            let trade = TradeBody {
                price,
                ..TradeBody::default()
            };
            monitor.record(&trade.record(header(Kind::Trade, 0)));
        }
        monitor.record(&position(0));
        let lines = lines(&mut monitor);
        assert!(
            lines.contains(&"pnl_unrealised cross,venue.A0 50.125".to_owned()),
            "{lines:?}"
        );
    }
}
