//! Rows from outputs.

use super::*;
use tickloom_types::Record;
use tickloom_types::{Header, InstrumentId, Instruments, SourceId, Ts};

fn run() -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("binance.BTCUSDT", 2, 5, "USDT");
    instruments.add(def).unwrap();
    let mut run = RunMeta::new("r", Ts(0), instruments).unwrap();
    run.signals = vec!["trend".to_owned()];
    run.strategies = vec!["cross".to_owned()];
    run
}

fn output(record: Record) -> Output {
    Output {
        number: 7,
        cause: 3,
        record,
    }
}

fn header(kind: Kind, flags: u8) -> Header {
    Header {
        flags,
        ..Header::new(kind, InstrumentId(0), SourceId(0), Ts(11), Ts(12))
    }
}

#[test]
fn a_fill_is_exact_to_the_last_digit() {
    let body = FillBody {
        cause: 3,
        price: 6_543_210,
        qty: 150,
        fee: -1,
        order: 5,
        strategy: 0,
        side: Side::Sell as u8,
        taker: 1,
        ..FillBody::default()
    };
    let found = fill(&run(), &output(body.record(header(Kind::Fill, 0)))).unwrap();
    let expected = Fill {
        number: 7,
        cause: 3,
        at: 11,
        instrument: "binance.BTCUSDT".to_owned(),
        strategy: "cross".to_owned(),
        order: 5,
        side: "sell".to_owned(),
        price: "65432.1".to_owned(),
        quantity: "0.0015".to_owned(),
        fee: "-0.000000001".to_owned(),
        currency: "USDT".to_owned(),
        taker: true,
    };
    assert_eq!(found, Some(expected));
}

#[test]
fn a_value_that_is_no_number_is_none_and_keeps_its_bits() {
    let odd = f64::from_bits(0xfff8_0000_0000_0007);
    for (value, flags, shown, bits) in [
        (1.5, 0, Some(1.5), None),
        (f64::INFINITY, 0, None, Some("7ff0000000000000")),
        (odd, 0, None, Some("fff8000000000007")),
        (0.0, Flags::NOT_READY, None, None),
        (odd, Flags::NOT_READY, None, None),
    ] {
        let body = SignalBody {
            value,
            ..SignalBody::default()
        };
        let record = body.record(header(Kind::Signal, flags));
        let found = signal(&run(), &output(record)).unwrap().unwrap();
        assert_eq!((found.value, found.ready), (shown, flags == 0));
        assert_eq!(found.bits.as_deref(), bits);
    }
}

#[test]
fn what_the_run_does_not_have_is_named() {
    let body = SignalBody {
        signal: 4,
        ..SignalBody::default()
    };
    let error = signal(&run(), &output(body.record(header(Kind::Signal, 0)))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "output 7 of run r: the run has no signal 4"
    );
}
