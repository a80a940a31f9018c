//! Records in blocks give what records one by one give: the same outputs at the same inputs, the same account, the same state, and
//! whoever looks on sees the same at the times at which something is due.
#![expect(clippy::unwrap_used, reason = "a panic is a failure")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tickloom_core::{
    AccountConfig, Core, CoreConfig, FillModel, Now, OutputHash, Outputs, SignalDef, Size, Steps,
    StrategyDef,
};
use tickloom_types::{
    BookState, Flags, Header, InstrumentDef, InstrumentId, Kind, QuoteBody, Record, Seq, SourceDef,
    SourceId, SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts, parse_money,
};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;

/// Expressions over quotes, trades, bars of both and other instruments.
const CONDITIONS: [&str; 16] = [
    "cross_over(ema(mid, 3), ema(mid, 9))",
    "cross_under(ema(mid, 3), ema(mid, 9))",
    "mid > sma(bid, 5) and spread < 0.05",
    "ask < lowest(ask, 7) + 0.01",
    "imbalance > 0.4",
    "bid_qty > ask_qty * 2",
    "microprice > mid",
    "vwap(bid, bid_qty, 6) > mid",
    "rsi(mid, 5) > 70",
    "last > mid",
    "mid > close@1s",
    "close@1s > sma(close@1s, 3)",
    "A.mid > B.mid",
    "zscore(A.mid - B.mid, 8) < -1",
    "stddev(mid, 6) > 0.02 or mid < lag(mid, 4)",
    "1 > 0",
];

const TARGETS: [&str; 4] = [
    "if(mid > ema(mid, 5), 2, -1)",
    "imbalance * 3",
    "if(B.mid > A.mid, 1, 0)",
    "if(last > mid, 1, -2)",
];

const SIGNALS: [&str; 6] = [
    "mid > ema(mid, 6)",
    "spread",
    "sma(mid, 40)",
    "A.mid - B.bid",
    "last",
    "highest(close@1s, 2)",
];

/// What a run is made of, by places in the lists above.
#[derive(Clone, Debug)]
struct Plan {
    rules: Vec<([Option<usize>; 4], bool, usize)>,
    targets: Vec<(usize, bool)>,
    signals: Vec<usize>,
    stale: bool,
    same_close: bool,
    margin: bool,
    capped: bool,
    daily_loss: bool,
    orders_per_second: bool,
}

/// What comes next; most of it are quotes that can be trusted.
#[derive(Clone, Copy, Debug)]
struct Draw {
    what: u32,
    instrument: u32,
    wait: i64,
    step: i64,
    spread: i64,
    sizes: (i64, i64),
    more: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let condition = || prop::option::weighted(0.6, 0..CONDITIONS.len());
    let rules = (
        [condition(), condition(), condition(), condition()],
        any::<bool>(),
        0_usize..3,
    );
    let flag = || prop::bool::weighted(0.2);
    (
        vec(rules, 0..3),
        vec((0..TARGETS.len(), any::<bool>()), 0..2),
        prop_oneof![3 => Just(vec![]), 1 => vec(0..SIGNALS.len(), 1..3)],
        any::<bool>(),
        (flag(), any::<bool>(), flag(), flag(), flag()),
    )
        .prop_map(|(rules, targets, signals, stale, flags)| Plan {
            rules,
            targets,
            signals,
            stale,
            same_close: flags.0,
            margin: flags.1,
            capped: flags.2,
            daily_loss: flags.3,
            orders_per_second: flags.4,
        })
}

fn draw() -> impl Strategy<Value = Draw> {
    let wait = prop_oneof![
        6 => (0_i64..40).prop_map(|ms| ms * MS),
        2 => Just(0),
        1 => Just(-3 * MS),
        1 => (0_i64..3_000).prop_map(|ms| ms * MS),
    ];
    let other = prop_oneof![30 => Just(0_u32), 1 => Just(1)];
    (
        0_u32..400,
        other,
        wait,
        -3_i64..4,
        1_i64..4,
        (1_i64..9, 1_i64..9),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(what, instrument, wait, step, spread, sizes, more)| Draw {
            what,
            instrument,
            wait,
            step,
            spread,
            sizes,
            more,
        })
}

fn config(plan: &Plan) -> CoreConfig {
    let mut config = CoreConfig {
        default_instrument: Some(InstrumentId(0)),
        account: AccountConfig::new(parse_money("2000").unwrap()),
        stale_after: plan.stale.then_some(2 * SECOND),
        ..CoreConfig::default()
    };
    config.account.margin = plan.margin;
    config.account.fee = "0.0001".parse().unwrap();
    if plan.same_close {
        config.account.fill = FillModel::SameClose;
    } else if plan.capped {
        config.account.volume_share = Some("0.5".parse().unwrap());
    }
    config.risk.daily_loss = plan.daily_loss.then(|| parse_money("0.1").unwrap());
    config.risk.orders_per_second = plan.orders_per_second.then_some(1);
    let all = &mut config.instruments;
    for name in ["venue.A", "venue.B"] {
        all.add(InstrumentDef::new(name, 2, 0, "USD")).unwrap();
    }
    all.add_source(SourceDef::new("venue", SourceKind::Feed))
        .unwrap();
    all.add_source(SourceDef::new("other", SourceKind::Feed))
        .unwrap();
    for (at, signal) in plan.signals.iter().enumerate() {
        let name = format!("s{at}");
        config.signals.push(SignalDef::new(&name, SIGNALS[*signal]));
    }
    let traded = |is_other: bool| is_other.then(|| "venue.B".into());
    for (at, (places, is_other, size)) in plan.rules.iter().enumerate() {
        let [enter, exit, short_enter, short_exit] =
            places.map(|place| place.map(|at| CONDITIONS[at].to_owned()));
        let size = ["1", "7", "all"][*size];
        let default = |at: usize| Some(CONDITIONS[at].to_owned());
        let enter = enter.or_else(|| short_enter.is_none().then(|| default(0)).flatten());
        let exit = enter.as_ref().and_then(|_| exit.or_else(|| default(1)));
        let short_exit = short_enter
            .as_ref()
            .and_then(|_| short_exit.or_else(|| default(0)));
        config.strategies.push(StrategyDef::Rules {
            name: format!("rules{at}"),
            instrument: traded(*is_other),
            enter,
            exit,
            short_enter,
            short_exit,
            size: size.parse::<Size>().unwrap(),
        });
    }
    for (at, (target, is_other)) in plan.targets.iter().enumerate() {
        config.strategies.push(StrategyDef::Target {
            name: format!("target{at}"),
            instrument: traded(*is_other),
            target: TARGETS[*target].to_owned(),
        });
    }
    config
}

/// What a draw makes of its instrument's bid.
fn record(draw: &Draw, ts: Ts, bid: i64) -> Record {
    let id = InstrumentId(draw.instrument);
    let source = SourceId(u16::from(draw.what == 1));
    let header = |kind, flags: u8| {
        let more = if draw.more { Flags::MORE } else { 0 };
        Header::new(kind, id, source, ts, Ts(ts.0 + 2 * MS)).with_flags(flags | more)
    };
    let (bid_qty, ask_qty) = draw.sizes;
    let quote = QuoteBody {
        bid,
        bid_qty,
        ask: bid + draw.spread,
        ask_qty,
        update_id: 0,
    };
    let status = |code: StatusCode, state: u8| StatusBody {
        code: code as u16,
        state,
        ..StatusBody::default()
    };
    let (plain, state) = (header(Kind::Quote, 0), header(Kind::Status, 0));
    match draw.what {
        2 => QuoteBody { ask: bid, ..quote }.record(plain),
        3 => QuoteBody {
            ask: bid - 2,
            ..quote
        }
        .record(plain),
        4 => QuoteBody {
            ask_qty: 0,
            ..quote
        }
        .record(plain),
        5 => QuoteBody {
            bid_qty: -1,
            ..quote
        }
        .record(plain),
        6 => QuoteBody {
            bid_qty: 0,
            ask_qty: 0,
            ..quote
        }
        .record(plain),
        7 => quote.record(header(Kind::Quote, Flags::BAD_TIME)),
        8 => {
            let mut early = plain;
            early.ts_event += 2 * 86_400 * SECOND;
            quote.record(early)
        }
        9 => TimerBody::default().record(Header {
            instrument: InstrumentId::NONE.0,
            ..header(Kind::Timer, 0)
        }),
        10 => status(StatusCode::Disconnected, 0).record(state),
        11 => status(StatusCode::Gap, 0).record(state),
        12 => status(StatusCode::Book, BookState::Stale as u8).record(state),
        13 => status(StatusCode::Book, BookState::Live as u8).record(state),
        14..24 => TradeBody {
            price: bid + draw.step,
            qty: bid_qty,
            ..TradeBody::default()
        }
        .record(header(Kind::Trade, 0)),
        _ => quote.record(plain),
    }
}

fn records(draws: &[Draw]) -> Vec<Record> {
    let (mut ts, mut bid) = (1_000 * SECOND, [5_000_i64, 5_000]);
    let mut all = Vec::new();
    for draw in draws {
        ts += draw.wait;
        let at = draw.instrument as usize;
        bid[at] += draw.step;
        all.push(record(draw, Ts(ts), bid[at]));
    }
    if let Some(last) = all.last_mut() {
        last.header.flags &= !Flags::MORE;
    }
    all
}

/// What somebody sees who looks once a second, and all outputs with their inputs.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    outputs: Vec<(Seq, Record)>,
    points: Vec<(i64, Option<i128>, Option<i64>)>,
    newest: Option<i64>,
    count: usize,
    due: i64,
    /// Quotes that passed; not of the run itself.
    passed: usize,
}

impl Steps for Seen {
    fn due(&self) -> Ts {
        Ts(self.due)
    }

    fn passed(&mut self, quotes: &[Record]) {
        assert!(quotes.iter().all(|quote| quote.header.ts_event < self.due));
        self.count += quotes.len();
        self.passed += quotes.len();
        self.newest = self
            .newest
            .max(quotes.iter().map(|quote| quote.header.ts_event).max());
    }

    fn stepped(&mut self, seq: Seq, record: &Record, outputs: &Outputs, now: Now<'_>) {
        self.count += 1;
        let made = outputs.records().iter();
        self.outputs.extend(made.map(|output| (seq, *output)));
        let ts = record.header.ts_event;
        self.newest = self.newest.max(Some(ts));
        if ts >= self.due && record.kind() == Some(Kind::Quote) {
            let equity = now.portfolio.equity().map(|equity| equity.0);
            self.points
                .push((ts, equity, now.market.mark(InstrumentId(0))));
            self.due = ts.saturating_add(SECOND);
        }
    }
}

/// A run with all that can be asked at its end.
fn run(config: &CoreConfig, records: &[Record], blocks: &[usize]) -> (Seen, Vec<String>, Vec<u8>) {
    let mut core = Core::new(config).unwrap();
    let (mut out, mut seen) = (Outputs::new(), Seen::default());
    let seqs: Vec<Seq> = (7..).take(records.len()).collect();
    let mut at = 0;
    for block in blocks.iter().cycle() {
        let end = records.len().min(at + block);
        if *block == 0 {
            for at in at..end.max(at + 1).min(records.len()) {
                core.step(seqs[at], &records[at], &mut out);
                seen.stepped(seqs[at], &records[at], &out, core.now());
            }
            at = end.max(at + 1);
        } else {
            core.steps(&seqs[at..end], &records[at..end], &mut out, &mut seen);
            at = end;
        }
        if at >= records.len() {
            break;
        }
    }
    let said = vec![
        format!("{:?}", core.portfolio()),
        format!("{:?}", core.market().counters()),
        format!("{:?}", core.state()),
        format!("{:?}", core.never_ready(config).unwrap()),
        format!(
            "{:?} {} {}",
            core.never_closed(),
            core.fills(),
            core.last_order()
        ),
    ];
    let saved = core
        .save(7 + records.len() as Seq, &OutputHash::new())
        .unwrap();
    (seen, said, saved)
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn blocks_are_steps(
        plan in plan(),
        draws in vec(draw(), 1..600),
        blocks in vec(prop_oneof![Just(0), 1_usize..30, Just(1_000)], 1..4),
    ) {
        let (config, records) = (config(&plan), records(&draws));
        let expected = run(&config, &records, &[0]);
        let found = run(&config, &records, &blocks);
        prop_assert_eq!(&found.0.outputs, &expected.0.outputs);
        let found_seen = Seen { passed: 0, ..found.0 };
        prop_assert_eq!(&found_seen, &expected.0);
        prop_assert_eq!(&found.1, &expected.1);
        prop_assert_eq!(&found.2, &expected.2);
    }
}

/// The random runs show what they are for: quotes pass, and between them orders fill in all the ways there are.
#[test]
fn random_runs_pass_quotes_and_fill_orders() {
    let mut runner = TestRunner::deterministic();
    let (mut all, mut passed, mut fills) = (0, 0, 0);
    for _ in 0..100 {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        let draws = vec(draw(), 300..600)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let records = records(&draws);
        let (seen, ..) = run(&config(&plan), &records, &[1_000]);
        all += records.len();
        passed += seen.passed;
        let outputs = seen.outputs.iter();
        fills += outputs
            .filter(|(_, output)| output.kind() == Some(Kind::Fill))
            .count();
    }
    assert!(passed > all / 4, "{passed} of {all}");
    assert!(fills > 500, "{fills} fills");
}
