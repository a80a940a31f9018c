//! What the tests over sockets share: a names table, records, and the handshake.

use std::time::Duration;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SignalBody, SourceDef,
    SourceId, SourceKind, TradeBody, Ts,
};
use tickloom_wire::{Names, Publisher, PublisherConfig, Subscriber, SubscriberConfig};

/// The epoch of every first publisher.
pub(crate) const EPOCH: u64 = 7;

pub(crate) fn names() -> Names {
    let mut instruments = Instruments::new();
    let bitcoin = InstrumentDef::new("binance.BTCUSDT", 2, 8, "USDT");
    instruments.add(bitcoin).unwrap();
    let source = SourceDef::new("binance", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    let signals = vec!["fast".to_owned(), "slow".to_owned()];
    Names::new(instruments, signals, vec!["cross".to_owned()]).unwrap()
}

pub(crate) fn publisher() -> Publisher {
    publisher_with(|_| ())
}

pub(crate) fn publisher_with(change: impl FnOnce(&mut PublisherConfig)) -> Publisher {
    let mut config = PublisherConfig::new("tcp://127.0.0.1:0", EPOCH);
    change(&mut config);
    Publisher::bind(&config, names()).unwrap()
}

pub(crate) fn subscribe(publisher: &Publisher, topics: &[&str]) -> Subscriber {
    Subscriber::connect(&SubscriberConfig::new(publisher.endpoint(), topics)).unwrap()
}

/// Drives both ends until the subscriber has its hello.
pub(crate) fn sync(publisher: &mut Publisher, subscriber: &mut Subscriber) {
    while !subscriber.is_synced() {
        publisher.poll(Ts(0)).unwrap();
        subscriber.recv(Duration::from_millis(1)).unwrap();
    }
}

/// Signal `index` at time `n`, with the value 1.
pub(crate) fn signal(index: u32, n: i64) -> Record {
    let body = SignalBody {
        signal: index,
        value: 1.0,
        ..SignalBody::default()
    };
    body.record(header(Kind::Signal, n))
}

/// A trade at time `n`.
pub(crate) fn trade(n: i64) -> Record {
    let body = TradeBody {
        price: n,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header(Kind::Trade, n))
}

fn header(kind: Kind, n: i64) -> Header {
    Header::new(kind, InstrumentId(0), SourceId(0), Ts(n), Ts(n + 1))
}
