//! The bytes of a snapshot of a known run: they are read by later versions, or have another version.

use crate::recorded;
use tickloom_core::{
    Core, FORMAT_VERSION, OutputHash, Outputs, SEMANTICS_VERSION, Snapshot, StrategyDef,
};
use tickloom_types::{Flags, Record, Seq};
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
        (1, 1, "65499 402908b14a066a2117d3c2b4950424f1"),
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
