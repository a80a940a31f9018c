//! Which instrument a row is of: symbols by their intervals, what a stream says on the way, publishers, names.

use crate::files::{DAY, File, START, header, import, import_with, input, trade};
use dbn::encode::EncodeRecord;
use dbn::{SType, Schema, SymbolMappingMsg, rtype};
use tickloom_formats::{FormatError, ImportOptions, RefusedMax};

const TRADES: File<'_> = File {
    dataset: "GLBX.MDP3",
    schema: Some(Schema::Trades),
    stype_in: Some(SType::RawSymbol),
    mappings: &[],
    start: START,
};

fn named(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter()
        .map(|(name, price)| ((*name).to_owned(), *price))
        .collect()
}

/// A number stands for one symbol on two days, for nothing on the next, and then for another one.
#[test]
fn a_row_is_of_the_symbol_that_its_number_had_at_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        mappings: &[("NEW", &[(3, 5, 7)]), ("OLD", &[(0, 2, 7), (2, 5, 8)])],
        ..TRADES
    };
    let rows = [
        (7, 0),
        (7, 2 * DAY - 1),
        (7, 2 * DAY),
        (8, 2 * DAY),
        (7, 3 * DAY),
        (9, 3 * DAY),
    ];
    let rows: Vec<_> = (1..)
        .zip(rows)
        .map(|(price, (id, ts))| trade(1, id, START + ts + 200, price))
        .collect();
    file.write_all(&path, &rows);
    let lenient = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    let imported = import_with(&path, &dir.path().join("catalog"), &lenient);
    let expected = [
        ("glbx-mdp3.OLD", 1),
        ("glbx-mdp3.OLD", 4),
        ("glbx-mdp3.NEW", 5),
    ];
    // The second row arrives 199 ns after the end of its day, and is of no symbol as the third.
    assert_eq!(imported.trades(), named(&expected));
    assert_eq!(imported.report.refused, 3);
    let (reason, count) = imported.report.reasons.first_key_value().unwrap();
    assert!(
        reason.starts_with("instrument_id: expected a number that the file maps"),
        "{reason}"
    );
    assert_eq!(*count, 3);
    let error = input(&path).check(&ImportOptions::default()).unwrap_err();
    assert!(matches!(error, FormatError::Refused { .. }), "{error}");
}

#[test]
fn what_was_asked_for_by_number_has_its_symbols_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let mut metadata = File {
        mappings: &[("7", &[(0, 2, 0)])],
        stype_in: Some(SType::InstrumentId),
        ..TRADES
    }
    .metadata();
    metadata.stype_out = SType::RawSymbol;
    metadata.mappings[0].intervals[0].symbol = "ESH4".to_owned();
    let file = std::fs::File::create(&path).unwrap();
    let mut encoder = dbn::encode::dbn::Encoder::new(file, &metadata).unwrap();
    encoder.encode_record(&trade(1, 7, START + 200, 1)).unwrap();
    drop(encoder);
    let imported = import(&path, &dir.path().join("catalog"));
    assert_eq!(imported.trades(), named(&[("glbx-mdp3.ESH4", 1)]));
}

/// Live data has no mappings in front of it: the stream says them, and may say others later.
#[test]
fn a_stream_says_what_its_numbers_stand_for() {
    let mapping = |id: u32, symbol: &str| {
        let none = u64::MAX;
        let raw = SType::RawSymbol;
        let mut mapping = SymbolMappingMsg::new(id, START, raw, symbol, raw, symbol, none, none);
        let mapping = mapping.as_mut().unwrap();
        mapping.hd = header::<SymbolMappingMsg>(rtype::SYMBOL_MAPPING, 0, id, START);
        mapping.clone()
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        schema: None,
        stype_in: None,
        ..TRADES
    };
    file.write(&path, |encoder| {
        encoder.encode_record(&trade(1, 7, START + 100, 1)).unwrap();
        encoder.encode_record(&mapping(7, "A")).unwrap();
        encoder.encode_record(&trade(1, 7, START + 200, 2)).unwrap();
        encoder.encode_record(&mapping(7, "B")).unwrap();
        encoder.encode_record(&mapping(8, "A")).unwrap();
        encoder.encode_record(&trade(1, 7, START + 300, 3)).unwrap();
        encoder.encode_record(&trade(1, 8, START + 400, 4)).unwrap();
    });
    let lenient = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    let imported = import_with(&path, &dir.path().join("catalog"), &lenient);
    let expected = [("glbx-mdp3.A", 2), ("glbx-mdp3.B", 3), ("glbx-mdp3.A", 4)];
    assert_eq!(imported.trades(), named(&expected));
    assert_eq!(
        imported.report.refused, 1,
        "the first row is of no symbol yet"
    );
    assert_eq!(imported.report.not_kept["symbol mapping"], 3);
}

/// The contracts behind a continuous symbol, and all those of a parent, are no one instrument.
#[test]
fn contracts_behind_one_symbol_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        mappings: &[
            ("ES.c.0", &[(0, 1, 7), (1, 2, 8)]),
            ("NQ.c.0", &[(0, 2, 9)]),
        ],
        stype_in: Some(SType::Continuous),
        ..TRADES
    };
    let at = |id, day, price| trade(1, id, START + day * DAY + 200, price);
    file.write_all(&path, &[at(7, 0, 1), at(9, 0, 2), at(8, 1, 3)]);
    let imported = import(&path, &dir.path().join("catalog"));
    let expected = [
        ("glbx-mdp3.ES.c.0-7", 1),
        ("glbx-mdp3.NQ.c.0", 2),
        ("glbx-mdp3.ES.c.0-8", 3),
    ];
    assert_eq!(imported.trades(), named(&expected));
}

#[test]
fn venues_of_one_dataset_are_two_instruments() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        dataset: "DBEQ.BASIC",
        mappings: &[("QQQ", &[(0, 1, 7)])],
        ..TRADES
    };
    // XCHI, IEXG, and the dataset's own.
    let rows = [
        trade(39, 7, START + 200, 1),
        trade(41, 7, START + 300, 2),
        trade(59, 7, START + 400, 3),
    ];
    file.write_all(&path, &rows);
    let imported = import(&path, &dir.path().join("catalog"));
    let expected = [
        ("dbeq-basic-xchi.QQQ", 1),
        ("dbeq-basic-iexg.QQQ", 2),
        ("dbeq-basic.QQQ", 3),
    ];
    assert_eq!(imported.trades(), named(&expected));
    assert!(
        imported
            .report
            .notes
            .iter()
            .any(|note| note.starts_with("3 publishers"))
    );
}

/// Symbols that were once made alike, or cut, stay as they are; what cannot be a name is refused by name.
#[test]
fn symbols_are_kept_as_they_are() {
    let long = "L".repeat(55);
    let longest = "M".repeat(54);
    let kept = [
        "SPY   240119C00480000",
        "SPY___240119C00480000",
        "ÖL%€",
        "A B",
        &longest,
    ];
    let refused = ["tab\tbed", "end ", &long];
    let dir = tempfile::tempdir().unwrap();
    for (at, symbol) in kept.iter().chain(&refused).enumerate() {
        let path = dir.path().join(format!("{at}.dbn"));
        // What writes DBN here knows only ASCII: another symbol of as many bytes is written, and replaced.
        let stand_in = "Q".repeat(symbol.len());
        let file = File {
            mappings: &[(&stand_in, &[(0, 1, 7)])],
            ..TRADES
        };
        file.write_all(&path, &[trade(1, 7, START + 200, 1)]);
        let mut bytes = std::fs::read(&path).unwrap();
        let places = bytes
            .windows(symbol.len())
            .position(|bytes| bytes == stand_in.as_bytes());
        let place = places.unwrap();
        bytes[place..place + symbol.len()].copy_from_slice(symbol.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        let checked = input(&path).read(&ImportOptions::default());
        if at < kept.len() {
            let name = format!("glbx-mdp3.{symbol}");
            assert!(checked.unwrap().instruments.find(&name).is_some(), "{name}");
        } else {
            let error = checked.unwrap_err();
            assert!(error.to_string().contains("symbol"), "{error}");
        }
    }
}
