//! Definitions: in the file, beside it, named with it; of other datasets, numbers, symbols and times.

use crate::files::{DAY, File, START, header, import, import_with, input, trade};
use dbn::encode::EncodeRecord;
use dbn::record::str_to_c_chars;
use dbn::{InstrumentDefMsg, Schema, rtype};
use std::path::{Path, PathBuf};
use tickloom_catalog::Catalog;
use tickloom_formats::{ImportOptions, RefusedMax};
use tickloom_types::{InstrumentKind, Term, Ts};

const RECORDS: File<'_> = File {
    dataset: "GLBX.MDP3",
    schema: Some(Schema::Trades),
    stype_in: Some(dbn::SType::RawSymbol),
    mappings: &[("ESH4", &[(0, 9, 7)]), ("ZCH4", &[(0, 9, 8)])],
    start: START,
};

/// A future: price steps of `tick` billionths that are worth `value` billionths.
fn definition(id: u32, symbol: &str, ts: u64, tick: i64, value: i64) -> InstrumentDefMsg {
    InstrumentDefMsg {
        hd: header::<InstrumentDefMsg>(rtype::INSTRUMENT_DEF, 1, id, ts),
        ts_recv: ts,
        raw_symbol: str_to_c_chars(symbol).unwrap(),
        currency: str_to_c_chars("USD").unwrap(),
        min_price_increment: tick,
        min_price_increment_amount: value,
        instrument_class: b'F'.cast_signed(),
        ..InstrumentDefMsg::default()
    }
}

fn es(ts: u64) -> InstrumentDefMsg {
    definition(7, "ESH4", ts, 250_000_000, 12_500_000_000)
}

fn write(dir: &Path, name: &str, dataset: &str, rows: &[InstrumentDefMsg]) -> PathBuf {
    let path = dir.join(name);
    let file = File {
        dataset,
        schema: Some(Schema::Definition),
        ..RECORDS
    };
    file.write_all(&path, rows);
    path
}

fn records(dir: &Path) -> PathBuf {
    let path = dir.join("glbx-mdp3.trades.dbn");
    RECORDS.write_all(
        &path,
        &[
            trade(1, 7, START + 200, 4_799),
            trade(1, 8, START + 300, 450),
        ],
    );
    path
}

/// Decimals, tick, multiplier and currency of an instrument.
fn terms(path: &Path, options: &ImportOptions, name: &str) -> (u8, i64, i64, String) {
    let file = input(path).read(options).unwrap();
    let (_, def) = file.instruments.find(name).unwrap();
    (
        def.price_decimals,
        def.tick_size,
        def.multiplier,
        def.currency.clone(),
    )
}

const ES: (u8, i64, i64) = (2, 25, 50);

fn es_terms(path: &Path, options: &ImportOptions) -> (u8, i64, i64) {
    let (decimals, tick, multiplier, _) = terms(path, options, "glbx-mdp3.ESH4");
    (decimals, tick, multiplier)
}

#[test]
fn definitions_beside_a_file_are_those_of_its_instruments() {
    let dir = tempfile::tempdir().unwrap();
    let path = records(dir.path());
    let plain = ImportOptions::default();
    assert_eq!(es_terms(&path, &plain), (0, 1, 1));
    // Of another dataset, another symbol under the number, and the symbol under another number.
    write(
        dir.path(),
        "other.definition.dbn",
        "XNAS.ITCH",
        &[es(START)],
    );
    let stranger = definition(7, "ESM4", START, 500_000_000, 500_000_000);
    let namesake = definition(9, "ESH4", START, 500_000_000, 500_000_000);
    write(
        dir.path(),
        "strange.definition.dbn",
        "GLBX.MDP3",
        &[stranger, namesake],
    );
    assert_eq!(es_terms(&path, &plain), (0, 1, 1));
    // Cents per bushel: a quarter of a cent of 5,000 bushels.
    let corn = definition(8, "ZCH4", START, 250_000_000, 12_500_000_000);
    write(
        dir.path(),
        "x.definition.dbn",
        "GLBX.MDP3",
        &[corn, es(START)],
    );
    assert_eq!(es_terms(&path, &plain), ES);
    assert_eq!(
        terms(&path, &plain, "glbx-mdp3.ZCH4"),
        (2, 25, 50, "USD".to_owned())
    );
}

#[test]
fn definitions_in_a_file_or_named_with_it_count_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = records(dir.path());
    let named = ImportOptions {
        definition_files: vec![write(elsewhere.path(), "x.dbn", "GLBX.MDP3", &[es(START)])],
        ..ImportOptions::default()
    };
    assert_eq!(es_terms(&path, &named), ES);
    let both = dir.path().join("both.dbn");
    let file = File {
        schema: None,
        ..RECORDS
    };
    // It comes behind the row, as a stream may have it.
    file.write(&both, |encoder| {
        encoder
            .encode_record(&trade(1, 7, START + 200, 4_799))
            .unwrap();
        encoder.encode_record(&es(START + 300)).unwrap();
    });
    assert_eq!(es_terms(&both, &ImportOptions::default()), ES);
}

/// Where nothing else says what a number stands for, the definitions of the file do; a number that none has is of nothing.
#[test]
fn definitions_name_the_instruments_of_a_file_that_maps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        schema: None,
        mappings: &[],
        ..RECORDS
    };
    let next = definition(7, "ESM4", START + 500, 250_000_000, 12_500_000_000);
    file.write(&path, |encoder| {
        encoder.encode_record(&es(START)).unwrap();
        encoder.encode_record(&trade(1, 7, START + 200, 1)).unwrap();
        encoder.encode_record(&next).unwrap();
        encoder.encode_record(&trade(1, 7, START + 600, 2)).unwrap();
        encoder.encode_record(&trade(1, 8, START + 700, 3)).unwrap();
    });
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    let root = dir.path().join("catalog");
    let imported = import_with(&path, &root, &options);
    let expected = [("glbx-mdp3.ESH4", 1), ("glbx-mdp3.ESM4", 2)];
    let expected = expected.map(|(name, price)| (name.to_owned(), price));
    assert_eq!(imported.trades(), expected);
    assert_eq!(imported.report.refused, 1);
    assert_eq!(imported.instruments.defs()[0].multiplier, 50);
}

/// Of several days those of the file's own day count, and of one day what held at the first row.
#[test]
fn the_definition_of_its_time_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = records(dir.path());
    let other = |ts| definition(7, "ESH4", ts, 500_000_000, 500_000_000);
    let rows = [other(START - DAY), es(START + 150), other(START + 250)];
    write(dir.path(), "x.definition.dbn", "GLBX.MDP3", &rows);
    let plain = ImportOptions::default();
    assert_eq!(es_terms(&path, &plain), ES);
    // The change comes after the last row of the instrument; one before is told.
    let told = |path: &Path| {
        let report = input(path).check(&plain).unwrap();
        let told = report
            .notes
            .iter()
            .any(|note| note.contains("changes within the file"));
        assert!(
            report
                .notes
                .iter()
                .any(|note| note.contains("x.definition.dbn"))
        );
        told
    };
    assert!(!told(&path));
    let rows = [trade(1, 7, START + 200, 1), trade(1, 7, START + 300, 1)];
    RECORDS.write_all(&path, &rows);
    assert!(told(&path));
    assert_eq!(es_terms(&path, &plain), ES);
}

/// The same file with other definitions beside it is another import of it.
#[test]
fn an_import_is_done_again_when_definitions_come() {
    let dir = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = records(dir.path());
    let first = import(&path, root.path());
    assert!(!first.report.unchanged);
    assert!(import(&path, root.path()).report.unchanged);
    write(dir.path(), "x.definition.dbn", "GLBX.MDP3", &[es(START)]);
    let options = ImportOptions::default();
    let catalog = Catalog::open(root.path()).unwrap();
    assert_eq!(input(&path).imported(&options, &catalog).unwrap(), None);
    let second = import_with(&path, root.path(), &options);
    assert!(!second.report.unchanged);
    assert_eq!(
        (second.report.run.clone(), second.records.len()),
        (first.report.run, 2)
    );
    let (_, def) = second.instruments.find("glbx-mdp3.ESH4").unwrap();
    assert_eq!((def.price_decimals, def.tick_size, def.multiplier), ES);
    assert!(input(&path).imported(&options, &catalog).unwrap().is_some());
}

#[test]
fn a_file_of_definitions_is_known_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "x.dbn", "GLBX.MDP3", &[es(START)]);
    assert!(input(&path).is_definitions().unwrap());
    assert!(!input(&records(dir.path())).is_definitions().unwrap());
    let text = dir.path().join("x.csv");
    std::fs::write(&text, "time,price,size\n").unwrap();
    assert!(!input(&text).is_definitions().unwrap());
}

/// Kind, end and what it is on; a multiplier that is no whole number; and what nobody said stays assumed.
#[test]
fn a_definition_says_what_the_contract_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = records(dir.path());
    let expiry = 1_710_509_400_000_000_000;
    let mut future = es(START);
    future.expiration = expiry;
    future.asset = str_to_c_chars("ES").unwrap();
    let mut option = definition(8, "ZCH4", START, 125_000_000, i64::MAX);
    option.instrument_class = b'C'.cast_signed();
    option.underlying = str_to_c_chars("ZCH4").unwrap();
    option.unit_of_measure_qty = 2_500_000;
    option.settl_currency = str_to_c_chars("USD").unwrap();
    write(
        dir.path(),
        "x.definition.dbn",
        "GLBX.MDP3",
        &[future, option],
    );
    let file = input(&path).read(&ImportOptions::default()).unwrap();
    let def = |name: &str| file.instruments.find(name).unwrap().1.clone();
    let future = def("glbx-mdp3.ESH4");
    assert_eq!(future.contract.kind, Some(InstrumentKind::Future));
    assert_eq!(future.contract.expiry, Some(Ts(expiry.cast_signed())));
    assert_eq!(future.contract.underlying.as_deref(), Some("ES"));
    assert!(future.contract.assumed.is_empty());
    assert_eq!(future.untradable(), None);
    let option = def("glbx-mdp3.ZCH4");
    assert_eq!(option.contract.kind, Some(InstrumentKind::Option));
    assert_eq!(
        (option.contract.expiry, option.contract.settlement),
        (None, None)
    );
    assert_eq!((option.multiplier, option.multiplier_decimals), (25, 4));
    assert!(
        file.report
            .notes
            .iter()
            .any(|note| note.starts_with("1 instrument is an option"))
    );
    std::fs::remove_file(dir.path().join("x.definition.dbn")).unwrap();
    let file = input(&path).read(&ImportOptions::default()).unwrap();
    let (_, plain) = file.instruments.find("glbx-mdp3.ESH4").unwrap();
    assert_eq!(plain.contract.assumed.len(), Term::ALL.len());
}
