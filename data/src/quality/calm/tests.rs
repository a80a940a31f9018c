//! Records many at once give the ledger of records one by one.

use crate::quality::{Inspector, Ledger, Thresholds};
use crate::{Calendars, quality::LedgerKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tickloom_types::{
    BarBody, Flags, Header, InstrumentDef, InstrumentId, InstrumentKind, Instruments, Kind,
    QuoteBody, Record, SourceDef, SourceId, SourceKind, StatusBody, StatusCode, TradeBody, Ts,
};

const MINUTE: i64 = 60_000_000_000;

/// What comes next: of most numbers nothing that is wrong.
#[derive(Clone, Copy, Debug)]
struct Draw {
    what: u32,
    step: i64,
    far: i64,
    wait: i64,
    size: i64,
    late: i64,
}

fn draw() -> impl Strategy<Value = Draw> {
    (
        0_u32..300,
        -3_i64..4,
        1_i64..9,
        1_i64..50,
        1_i64..40,
        0_i64..4,
    )
        .prop_map(|(what, step, far, wait, size, late)| Draw {
            what,
            step,
            far,
            wait,
            size,
            late,
        })
}

fn instruments(calendar: Option<&str>, source: &str) -> Instruments {
    let mut all = Instruments::new();
    let mut def = InstrumentDef::new("X", 2, 0, "USD");
    def.calendar = calendar.map(str::to_owned);
    // Some prices are between the steps of a tick that is said.
    def.tick_size = 2;
    def.contract.kind = Some(InstrumentKind::Spot);
    all.add(def).unwrap();
    let source = SourceDef::new(source, SourceKind::Feed);
    all.add_source(source).unwrap();
    all.bar_source("1m".parse().unwrap()).unwrap();
    all
}

/// Quotes of a price near this one with what may be wrong with them, and other records between them.
fn quotes(draws: &[Draw], price: i64, has_ids: bool) -> Vec<Record> {
    let (mut ts, mut bid, mut id) = (1_700_000_000_000_000_000, price, 1_000_u64);
    let mut all: Vec<Record> = Vec::new();
    for draw in draws {
        ts += draw.wait * 1_000_000;
        bid += draw.step;
        id += 1;
        let mut quote = QuoteBody {
            bid,
            bid_qty: draw.size,
            ask: bid + draw.far,
            ask_qty: draw.far,
            update_id: if has_ids { id } else { 0 },
        };
        let mut flags = 0;
        match draw.what {
            0 => quote.ask = bid,
            1 => quote.ask = bid - 1,
            2 => quote.bid = bid * 3 / 4,
            3 => quote.ask = bid * 3 / 2,
            4 => quote.bid_qty = 0,
            5 => (quote.bid_qty, quote.ask_qty) = (0, 0),
            6 => flags = Flags::BAD_TIME,
            7 => flags = Flags::SNAPSHOT,
            8 => id += 3,
            9 => quote.update_id = id - 2,
            10 => bid = bid * 9 / 10,
            11 => ts += 100_000_000_000,
            12 => ts -= 40_000_000,
            13 => quote.bid = i64::MAX / 2,
            _ => {}
        }
        let header = |kind, flags: u8| {
            let late = if draw.late == 3 { 400_000_000 } else { 0 };
            let of = (InstrumentId(0), SourceId(0));
            Header::new(kind, of.0, of.1, Ts(ts), Ts(ts + late)).with_flags(flags)
        };
        all.push(match draw.what {
            14 => all.last().copied().unwrap_or_default(),
            15..20 => TradeBody {
                price: bid,
                qty: 1,
                ..TradeBody::default()
            }
            .record(header(Kind::Trade, 0)),
            20 => {
                let mut all = header(Kind::Status, 0);
                all.instrument = InstrumentId::NONE.0;
                let code = StatusCode::Started as u16;
                StatusBody {
                    code,
                    ..StatusBody::default()
                }
                .record(all)
            }
            _ => quote.record(header(Kind::Quote, flags)),
        });
    }
    all
}

/// Bars of a minute with what may be wrong with them.
fn bars(draws: &[Draw], price: i64) -> Vec<Record> {
    let (mut ts, mut close, mut factor) = (1_700_000_000_000_000_000 / MINUTE * MINUTE, price, 1);
    let mut all: Vec<Record> = Vec::new();
    for draw in draws {
        ts += MINUTE;
        close += draw.step;
        let mut body = BarBody {
            open: close - draw.step,
            high: close + 5,
            low: close - 5,
            close,
            volume: draw.size * factor,
        };
        match draw.what {
            0 => ts += 7 * MINUTE,
            1 => ts -= 3 * MINUTE,
            2 => ts -= MINUTE,
            3 => (body.open, body.close) = (close * 2, close * 2),
            4 => {
                close /= 2;
                factor = 2;
                (body.open, body.close, body.volume) = (close, close, draw.size * 2);
            }
            5 => body.close = close * 6 / 5,
            6 => ts += 20 * 86_400_000_000_000,
            _ => {}
        }
        let of = (InstrumentId(0), SourceId(1));
        all.push(body.record(Header::new(Kind::Bar, of.0, of.1, Ts(ts), Ts(ts))));
    }
    all
}

fn ledger(of: &Instruments, records: &[Record], block: Option<usize>) -> Ledger {
    let calendars = Calendars::built_in().unwrap();
    let mut inspector = Inspector::new(of, Thresholds::default(), &calendars).unwrap();
    match block {
        Some(block) => records
            .chunks(block)
            .for_each(|block| inspector.push_all(block)),
        None => records.iter().for_each(|record| inspector.push(record)),
    }
    inspector.finish()
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn many_at_once_are_one_by_one(
        draws in vec(draw(), 1..1_500),
        price in prop_oneof![Just(5_000_i64), Just(100_000), Just(-3_000), Just(1 << 42)],
        block in prop_oneof![1_usize..60, Just(700), Just(2_000)],
        calendar in prop_oneof![Just(None), Just(Some("us-equity"))],
        source in prop_oneof![Just("feed"), Just("dbn/x")],
        has_ids in any::<bool>(),
    ) {
        let all = instruments(calendar, source);
        for records in [quotes(&draws, price, has_ids), bars(&draws, price)] {
            let expected = format!("{:?}", ledger(&all, &records, None));
            prop_assert_eq!(format!("{:?}", ledger(&all, &records, Some(block))), expected);
        }
    }
}

/// Bars and quotes of several instruments that take turns in runs of these lengths, with what concerns all of them between.
fn taking_turns(draws: &[Draw], count: usize, runs: &[usize]) -> Vec<Record> {
    let share = draws.len() / count;
    let of_one = |at: usize| {
        let own = &draws[at * share..(at + 1) * share];
        let price = 5_000 * i64::try_from(at + 1).unwrap();
        let mut records = match at % 2 {
            0 => bars(own, price),
            _ => quotes(own, price, at % 4 == 1),
        };
        for record in &mut records {
            if record.header.instrument == 0 {
                // The last of them is one that nobody knows.
                record.header.instrument = u32::try_from(at).unwrap();
            }
        }
        records.into_iter()
    };
    let mut left: Vec<_> = (0..count).map(of_one).collect();
    let mut all = Vec::new();
    let mut turns = runs.iter().cycle();
    while left.iter().any(|records| records.len() > 0) {
        for records in &mut left {
            let run = turns.next().copied().unwrap_or(1);
            all.extend(records.by_ref().take(run));
        }
    }
    all
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn instruments_that_take_turns_are_one_by_one(
        draws in vec(draw(), 20..2_000),
        count in 2_usize..9,
        runs in vec(prop_oneof![4 => Just(1_usize), 1 => 1_usize..40], 1..20),
        block in prop_oneof![1_usize..60, Just(700), Just(3_000)],
        calendar in prop_oneof![Just(None), Just(Some("us-equity"))],
    ) {
        let mut all = instruments(calendar, "feed");
        for at in 1..count - 1 {
            all.add(InstrumentDef::new(&format!("X{at}"), 2, 0, "USD")).unwrap();
        }
        let records = taking_turns(&draws, count, &runs);
        let expected = format!("{:?}", ledger(&all, &records, None));
        prop_assert_eq!(format!("{:?}", ledger(&all, &records, Some(block))), expected);
    }
}

/// The random records show what they are for.
#[test]
fn random_records_have_all_that_may_be_wrong() {
    let mut runner = TestRunner::deterministic();
    let draws = vec(draw(), 20_000).new_tree(&mut runner).unwrap().current();
    let all = instruments(None, "feed");
    let kinds = |records: &[Record]| -> Vec<LedgerKind> {
        let ledger = ledger(&all, records, Some(5_000));
        let rows = ledger.rows.iter().chain(&ledger.remarks);
        rows.map(|row| row.kind).collect()
    };
    let of_quotes = kinds(&quotes(&draws, 100_000, false));
    for kind in [
        LedgerKind::Crossed,
        LedgerKind::Locked,
        LedgerKind::Outlier,
        LedgerKind::Duplicate,
        LedgerKind::OutOfOrder,
        LedgerKind::OffTick,
    ] {
        assert!(of_quotes.contains(&kind), "{kind}");
    }
    let of_bars = kinds(&bars(&draws[..3_000], 1 << 40));
    for kind in [
        LedgerKind::Split,
        LedgerKind::Outlier,
        LedgerKind::Duplicate,
        LedgerKind::OffTick,
    ] {
        assert!(of_bars.contains(&kind), "{kind}");
    }
    // A hole among many is none: of those it takes one alone.
    let mut rare = draws[..3_000].to_vec();
    for (at, draw) in rare.iter_mut().enumerate() {
        draw.what = if at == 1_500 { 6 } else { u32::MAX };
    }
    assert!(kinds(&bars(&rare, 1 << 40)).contains(&LedgerKind::Gap));
}
