//! Files of DBN as tests need them, and what is in catalogs made of them.

use dbn::decode::dbn::Decoder;
use dbn::decode::{DecodeRecordRef, DynReader};
use dbn::encode::EncodeRecord;
use dbn::encode::dbn::Encoder;
use dbn::record::ts_to_dt;
use dbn::{
    Action, FlagSet, HasRType, MappingInterval, MboMsg, Metadata, RecordHeader, SType, Schema,
    Side, SymbolMapping, TradeMsg, VersionUpgradePolicy, rtype,
};
use std::ffi::c_char;
use std::path::{Path, PathBuf};
use tickloom_catalog::{Catalog, ScanQuery, Table};
use tickloom_formats::{ExportReport, ImportOptions, ImportReport, Input, export_file, inputs};
use tickloom_types::{Instruments, Record};

pub(crate) const DAY: u64 = 86_400_000_000_000;
/// 2024-01-02T00:00:00Z.
pub(crate) const START: u64 = 1_704_153_600_000_000_000;

/// Mappings of symbols to (first day, day after the last, number), in days from [`START`].
pub(crate) type Mappings<'a> = &'a [Mapping<'a>];
pub(crate) type Mapping<'a> = (&'a str, &'a [(u64, u64, u32)]);

/// A file being described.
pub(crate) struct File<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) schema: Option<Schema>,
    pub(crate) stype_in: Option<SType>,
    pub(crate) mappings: Mappings<'a>,
    pub(crate) start: u64,
}

impl Default for File<'_> {
    fn default() -> Self {
        File {
            dataset: "GLBX.MDP3",
            schema: Some(Schema::Mbo),
            stype_in: Some(SType::RawSymbol),
            mappings: &[],
            start: START,
        }
    }
}

impl File<'_> {
    pub(crate) fn metadata(&self) -> Metadata {
        let date = |day: u64| ts_to_dt(START + day * DAY).unwrap().date();
        let mappings = self.mappings.iter().map(|(symbol, ids)| SymbolMapping {
            raw_symbol: (*symbol).to_owned(),
            intervals: ids
                .iter()
                .map(|(from, to, id)| MappingInterval {
                    start_date: date(*from),
                    end_date: date(*to),
                    symbol: id.to_string(),
                })
                .collect(),
        });
        Metadata::builder()
            .dataset(self.dataset)
            .schema(self.schema)
            .start(self.start)
            .end(std::num::NonZeroU64::new(self.start + 10 * DAY))
            .stype_in(self.stype_in)
            .stype_out(SType::InstrumentId)
            .mappings(mappings.collect())
            .build()
    }

    /// Writes it, with what `encode` puts into it.
    pub(crate) fn write(&self, path: &Path, encode: impl FnOnce(&mut Encoder<std::fs::File>)) {
        let file = std::fs::File::create(path).unwrap();
        let mut encoder = Encoder::new(file, &self.metadata()).unwrap();
        encode(&mut encoder);
    }

    /// Writes it with records of one kind.
    pub(crate) fn write_all<R: dbn::encode::DbnEncodable>(&self, path: &Path, records: &[R]) {
        self.write(path, |encoder| {
            for record in records {
                encoder.encode_record(record).unwrap();
            }
        });
    }
}

pub(crate) fn header<R: HasRType>(kind: u8, publisher: u16, id: u32, ts: u64) -> RecordHeader {
    RecordHeader::new::<R>(kind, publisher, id, ts)
}

/// A trade that arrived at a time; its price tells it from others.
pub(crate) fn trade(publisher: u16, id: u32, ts: u64, price: i64) -> TradeMsg {
    TradeMsg {
        hd: header::<TradeMsg>(rtype::MBP_0, publisher, id, ts - 100),
        price: price * 1_000_000_000,
        size: 3,
        action: Action::Trade as c_char,
        side: Side::Ask as c_char,
        flags: FlagSet::new(0x82),
        depth: 0,
        ts_recv: ts,
        ts_in_delta: 0,
        sequence: 7,
    }
}

pub(crate) fn order(id: u32, ts: u64, action: char) -> MboMsg {
    MboMsg {
        hd: header::<MboMsg>(rtype::MBO, 1, id, ts - 100),
        order_id: 5,
        price: 4_799_250_000_000,
        size: 2,
        flags: FlagSet::new(0x82),
        channel_id: 0,
        action: action as c_char,
        side: Side::Bid as c_char,
        ts_recv: ts,
        ts_in_delta: 0,
        sequence: 9,
    }
}

/// A catalog of a file.
pub(crate) struct Imported {
    pub(crate) catalog: Catalog,
    pub(crate) report: ImportReport,
    pub(crate) instruments: Instruments,
    pub(crate) records: Vec<Record>,
}

pub(crate) fn input(path: &Path) -> Input {
    inputs(path).unwrap().remove(0)
}

pub(crate) fn import_with(path: &Path, root: &Path, options: &ImportOptions) -> Imported {
    let catalog = Catalog::create(root).unwrap();
    let report = input(path).import(options, &catalog).unwrap();
    let (instruments, records) = match catalog.scan(&ScanQuery::default()) {
        Ok(scan) => {
            let instruments = scan.instruments().clone();
            (instruments, scan.map(|next| next.unwrap().1).collect())
        }
        Err(_) => (Instruments::new(), Vec::new()),
    };
    Imported {
        catalog,
        report,
        instruments,
        records,
    }
}

pub(crate) fn import(path: &Path, root: &Path) -> Imported {
    import_with(path, root, &ImportOptions::default())
}

impl Imported {
    /// The name of the instrument of each record, and the whole of its price.
    pub(crate) fn trades(&self) -> Vec<(String, i64)> {
        let trade = |record: &Record| {
            let def = self.instruments.get(record.instrument()).unwrap();
            let price = tickloom_types::TradeBody::of(record).price;
            let whole = price / tickloom_types::pow10(def.price_decimals);
            (def.name.clone(), whole)
        };
        self.records.iter().map(trade).collect()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let defs = self.instruments.defs().iter();
        defs.map(|def| def.name.as_str()).collect()
    }

    pub(crate) fn export(&self, table: Table, path: &Path) -> ExportReport {
        let query = ScanQuery::default();
        let report = export_file(&self.catalog, table, &query, path, &mut |_, _| true);
        report.unwrap().unwrap()
    }
}

/// The metadata and the bytes of all records of a file.
pub(crate) fn decode(path: &Path) -> (Metadata, Vec<Vec<u8>>) {
    use dbn::decode::DbnMetadata;
    let file = DynReader::from_file(path).unwrap();
    let mut decoder = Decoder::with_upgrade_policy(file, VersionUpgradePolicy::AsIs).unwrap();
    let metadata = decoder.metadata().clone();
    let mut records = Vec::new();
    while let Some(record) = decoder.decode_record_ref().unwrap() {
        records.push(record.as_ref().to_vec());
    }
    (metadata, records)
}

/// A file of the shared data; without it a test says that it was skipped, and in CI fails.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("TICKLOOM_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "{} is not there", path.display());
    println!("skipped: {} is not there", path.display());
    None
}
