//! A run of trades, and what a catalog has of it.

#![allow(dead_code, reason = "each test binary uses a part")]

use tickloom_catalog::{Catalog, Result, ScanQuery};
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// A run with two instruments and a feed.
pub(crate) fn meta(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["test/A-1", "test.B"] {
        let def = InstrumentDef::new(name, 2, 0, "USD");
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new(run, Ts(0), instruments).unwrap()
}

/// A trade of one of them.
pub(crate) fn trade(instrument: u32, ts: i64, price: i64) -> Record {
    let header = Header::new(
        Kind::Trade,
        InstrumentId(instrument),
        SourceId(0),
        Ts(ts),
        Ts(ts),
    );
    let body = TradeBody {
        price,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

/// All that a query selects.
pub(crate) fn read(catalog: &Catalog, query: &ScanQuery) -> Vec<(Seq, Record)> {
    let scan = catalog.scan(query).unwrap();
    scan.collect::<Result<_>>().unwrap()
}
