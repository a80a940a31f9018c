//! The bytes of a snapshot of a known run: they are read by later versions, or have another version.

use crate::recorded;
use std::collections::BTreeMap;
use tickloom_core::{
    Core, FORMAT_VERSION, OutputHash, Outputs, SEMANTICS_VERSION, Snapshot, StrategyDef,
};
use tickloom_types::{
    AccountBody, BarBody, Flags, Header, InstrumentId, Kind, OrderBody, OrderStatus, PositionBody,
    QuoteBody, Record, Seq, SignalBody, StatusBody, StatusCode,
};
use xxhash_rust::xxh3::xxh3_128;

/// Magic, versions and fingerprint; the fingerprint is another one whenever a setting is added.
const HEAD: usize = 32;
const CHECKSUM: usize = 16;

/// A core that has taken in so many records and what comes until their moment is over, with a snapshot of it.
fn run(count: usize) -> (Core, Vec<u8>, OutputHash, Seq) {
    let records = recorded::records(count + 200);
    let ends = |record: &Record| !record.has(Flags::MORE);
    let end = count + records[count..].iter().position(ends).unwrap() + 1;
    let mut core = Core::new(&recorded::config()).unwrap();
    let (mut out, mut hash) = (Outputs::new(), OutputHash::new());
    let mut next_seq = 0;
    for record in &records[..end] {
        core.step(next_seq, record, &mut out);
        hash.update_all(out.records());
        next_seq += 1;
    }
    let bytes = core.save(next_seq, &hash).unwrap();
    (core, bytes, hash, next_seq)
}

#[test]
fn the_bytes_of_a_snapshot_stay_as_they_are() {
    let (_, bytes, _, _) = run(2_000);
    let body = &bytes[HEAD..bytes.len() - CHECKSUM];
    let found = format!("{} {:032x}", body.len(), xxh3_128(body));
    assert_eq!(
        (FORMAT_VERSION, SEMANTICS_VERSION, found.as_str()),
        (3, 5, "65318 a25f2da15adc0a307954e3ce45a23ee5"),
        "other bytes need another version, and this test the new ones"
    );
}

#[test]
fn the_state_tells_what_there_is() {
    let (core, _, _, _) = run(2_000);
    let state = core.state();
    assert_eq!(state.signals.len(), recorded::SIGNALS.len());
    let mid = recorded::SIGNALS.iter().position(|text| *text == "BTC.mid");
    let top = state.instruments[0].top.unwrap();
    let expected = (top.bid + top.ask) as f64 / 200.0;
    assert_eq!(state.signals[mid.unwrap()], Some(expected));
    let portfolio = core.portfolio();
    assert_eq!(state.account.cash, portfolio.cash());
    assert_eq!(state.account.equity, portfolio.equity());
    assert_eq!(state.account.fills, core.fills());
    assert!(!state.positions.is_empty() && !state.bars.is_empty());
    for held in &state.positions {
        let position = portfolio.position(held.strategy, held.instrument);
        assert_eq!(held.position, *position);
    }
    for bar in &state.bars {
        assert!(bar.body.low <= bar.body.close && bar.body.close <= bar.body.high);
    }
}

/// What a client has that keeps the newest of each thing: by kind, instrument, and what else the thing is told by.
type Newest = BTreeMap<(u8, u32, u64), Record>;

/// Takes a record in as a client does; an order that is done is forgotten, and times and causes are not compared.
fn keep(newest: &mut Newest, record: &Record) {
    let mut record = *record;
    record.header.ts_event = 0;
    record.header.ts_recv = 0;
    record.header.flags &= Flags::NOT_READY;
    record.header.source = 0;
    let place = |of: u64| (record.header.kind, record.header.instrument, of);
    match record.kind() {
        Some(Kind::Signal) => {
            let mut body = SignalBody::of(&record);
            (body.cause, body.previous) = (0, f64::NAN);
            let header = Header {
                instrument: InstrumentId::NONE.0,
                ..record.header
            };
            let place = (header.kind, header.instrument, body.signal.into());
            newest.insert(place, body.record(header));
        }
        Some(Kind::Position) => {
            let mut body = PositionBody::of(&record);
            body.cause = 0;
            newest.insert(place(body.strategy.into()), body.record(record.header));
        }
        Some(Kind::Order) => {
            let mut body = OrderBody::of(&record);
            body.cause = 0;
            let open = [OrderStatus::Open, OrderStatus::PartlyFilled].map(|status| status as u8);
            if open.contains(&body.status) {
                newest.insert(place(body.order.into()), body.record(record.header));
            } else {
                newest.remove(&place(body.order.into()));
            }
        }
        _ => {}
    }
}

#[test]
fn the_records_of_a_state_are_the_newest_outputs() {
    let mut core = Core::new(&recorded::config()).unwrap();
    let mut out = Outputs::new();
    let mut newest = Newest::new();
    let (mut orders, mut states) = (0, 0);
    for (seq, record) in (0..).zip(&recorded::records(4_000)) {
        core.step(seq, record, &mut out);
        out.records()
            .iter()
            .for_each(|output| keep(&mut newest, output));
        if record.has(Flags::MORE) || seq % 16 != 0 {
            continue;
        }
        let mut told = Newest::new();
        for record in core.state().records(seq) {
            assert!(record.has(Flags::SNAPSHOT));
            // A signal that was never ready is told, and has never been an output.
            let signal = SignalBody::of(&record).signal.into();
            let place = (record.header.kind, record.header.instrument, signal);
            let is_new = record.kind() == Some(Kind::Signal) && !newest.contains_key(&place);
            if !is_new || !record.has(Flags::NOT_READY) {
                keep(&mut told, &record);
            }
        }
        let bytes = |all: &Newest| -> Vec<_> {
            let bytes = |(place, record): (&_, &Record)| (*place, *record.as_bytes());
            all.iter().map(bytes).collect()
        };
        assert_eq!(bytes(&told), bytes(&newest), "after {seq}");
        orders += told
            .keys()
            .filter(|(kind, ..)| *kind == Kind::Order as u8)
            .count();
        states += 1;
    }
    assert!(
        orders > 0 && states > 200,
        "{orders} orders, {states} states"
    );
}

#[test]
fn the_records_of_a_state_have_account_books_quotes_and_bars() {
    let (core, _, _, next_seq) = run(2_000);
    let state = core.state();
    let records = state.records(next_seq - 1);
    let of = |kind: Kind| {
        records
            .iter()
            .filter(move |record| record.kind() == Some(kind))
    };
    let accounts: Vec<_> = of(Kind::Account).map(AccountBody::of).collect();
    let equity = state.account.equity.unwrap();
    let expected = AccountBody::new(next_seq - 1, state.account.cash.0, equity.0);
    assert_eq!(accounts, [expected]);
    let book = state.instruments[0];
    let top = book.top.unwrap();
    let status = StatusBody::of(of(Kind::BookStatus).next().unwrap());
    assert_eq!(
        (status.code, status.state),
        (StatusCode::Book as u16, book.book.unwrap() as u8)
    );
    let quote = QuoteBody::of(of(Kind::Quote).next().unwrap());
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (top.bid, top.bid_qty, top.ask, top.ask_qty)
    );
    let bars: Vec<_> = of(Kind::BarClosed).collect();
    assert_eq!(bars.len(), state.bars.len());
    for (record, bar) in bars.iter().zip(&state.bars) {
        assert_eq!(BarBody::of(record), bar.body);
        assert_eq!(
            (record.ts_recv(), record.ts_event()),
            (bar.start, bar.close)
        );
        let spec = core.market().instruments().bar_spec(record.source());
        assert_eq!(spec, Some(bar.spec));
    }
}

#[test]
fn the_code_that_is_built_in_can_be_saved() {
    let config = recorded::config();
    let mut all = config.clone();
    let instrument = Some(config.instruments.defs()[0].name.as_str().into());
    all.strategies.push(StrategyDef::Code {
        name: "ride".to_owned(),
        instrument,
        code: "trailing_stop".to_owned(),
        expressions: [("enter".to_owned(), "last > 0".to_owned())].into(),
        settings: [("size", "1"), ("trail_bps", "5"), ("profit_bps", "5")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    });
    let core = Core::new(&all).unwrap();
    let bytes = core.save(0, &OutputHash::new()).unwrap();
    let snapshot = Snapshot::open(&bytes).unwrap();
    assert!(Core::load(&all, &snapshot).is_ok());
    let error = Core::load(&config, &snapshot).unwrap_err().to_string();
    assert!(error.contains("of another configuration"), "{error}");
}
