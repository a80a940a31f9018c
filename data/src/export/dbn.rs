//! Trades, quotes, orders of L3 books and bars as DBN, the format of Databento. A record that has no exact place in it is refused:
//! nothing is rounded. What DBN has no field for (sequence, run, source, most flags) is left behind.

mod messages;

use super::Writer;
use super::batch::RunScales;
use super::rows::{Row, Rows};
use super::target::Target;
use crate::import::DBN_DATASET;
use crate::{DataError, Result, Table};
use ::dbn::encode::EncodeRecord;
use ::dbn::encode::dbn::Encoder;
use ::dbn::{
    HasRType, MappingInterval, MboMsg, Mbp1Msg, Metadata, OhlcvMsg, RecordHeader, SType, Schema,
    SymbolMapping, TradeMsg, flags, rtype,
};
use messages::{Numbers, time};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, DurationNs, Flags, NANOS_PER_SECOND};

/// Version of DBN that is written: the newest that all readers know.
const VERSION: u8 = 3;
/// Our flags and theirs. A bad time is none of them: ours says that it is not the venue's, theirs that it is not the receiver's.
const FLAGS: [(u8, u8); 3] = [
    (Flags::SNAPSHOT, flags::SNAPSHOT),
    (Flags::LAST, flags::LAST),
    (Flags::MAYBE_BAD_BOOK, flags::MAYBE_BAD_BOOK),
];
/// Sizes of bars: in nanoseconds, as schema, as type of record.
const BARS: [(DurationNs, Schema, u8); 4] = [
    (NANOS_PER_SECOND, Schema::Ohlcv1S, rtype::OHLCV_1S),
    (60 * NANOS_PER_SECOND, Schema::Ohlcv1M, rtype::OHLCV_1M),
    (3_600 * NANOS_PER_SECOND, Schema::Ohlcv1H, rtype::OHLCV_1H),
    (86_400 * NANOS_PER_SECOND, Schema::Ohlcv1D, rtype::OHLCV_1D),
];

/// What the rows of a table become.
#[derive(Clone, Copy)]
struct Shape {
    schema: Schema,
    /// How long a bar is: DBN stamps it at its start.
    length: DurationNs,
    rtype: u8,
}

impl Shape {
    fn of(table: Table, bars: &[BarSpec]) -> Result<Shape> {
        let plain = |schema, rtype| Shape {
            schema,
            length: 0,
            rtype,
        };
        match table {
            Table::Trades => Ok(plain(Schema::Trades, rtype::MBP_0)),
            Table::Quotes => Ok(plain(Schema::Mbp1, rtype::MBP_1)),
            Table::OrderUpdates => Ok(plain(Schema::Mbo, rtype::MBO)),
            Table::Bars | Table::BarsClosed => {
                let shape = |spec: &BarSpec| {
                    let found = BARS.iter().find(|bar| BarSpec::Time(bar.0) == *spec)?;
                    let (length, schema, rtype) = *found;
                    Some(Shape {
                        schema,
                        length,
                        rtype,
                    })
                };
                let found = match bars {
                    [spec] => shape(spec),
                    _ => None,
                };
                let sizes: Vec<String> = bars.iter().map(ToString::to_string).collect();
                found.ok_or_else(|| DataError::Option {
                    field: "size of the bars",
                    value: sizes.join(", "),
                    expected: "one of 1s, 1m, 1h and 1d, as DBN has no others and one a file",
                })
            }
            table => Err(DataError::Option {
                field: "kind",
                value: table.name().to_owned(),
                expected: "trades, quotes, order_updates, bars or bars_closed, as DBN has no others",
            }),
        }
    }
}

/// Identifiers of instruments by name, the same in all runs.
struct Ids {
    by_name: BTreeMap<String, u32>,
    /// By run and identifier in it.
    ids: Vec<Vec<u32>>,
}

impl Ids {
    fn new(runs: &[RunMeta]) -> Ids {
        let mut by_name = BTreeMap::new();
        let mut id = |name: &String| {
            let next = u32::try_from(by_name.len() + 1).unwrap_or(u32::MAX);
            *by_name.entry(name.clone()).or_insert(next)
        };
        let ids = runs
            .iter()
            .map(|run| {
                run.instruments
                    .defs()
                    .iter()
                    .map(|def| id(&def.name))
                    .collect()
            })
            .collect();
        Ids { by_name, ids }
    }

    fn get(&self, row: &Row) -> Option<u32> {
        let at = usize::try_from(row.record.header.instrument).ok()?;
        self.ids[row.run].get(at).copied()
    }
}

struct DbnFile {
    path: PathBuf,
    encoder: Encoder<BufWriter<File>>,
    shape: Shape,
    scales: Vec<RunScales>,
    ids: Ids,
    /// Records with flags that were left behind.
    flags_lost: u64,
}

/// Begins a DBN file.
pub(super) fn dbn(table: Table, rows: &Rows, target: &Target) -> Result<Box<dyn Writer>> {
    let path = target.temporary().to_owned();
    let shape = Shape::of(table, rows.bars())?;
    let ids = Ids::new(rows.metas());
    let metadata = metadata(&shape, rows, &ids);
    let encoder = Encoder::new(target.file()?, &metadata);
    Ok(Box::new(DbnFile {
        encoder: encoder.map_err(|error| failed(&path, error))?,
        path,
        shape,
        scales: rows.metas().iter().map(RunScales::of).collect(),
        ids,
        flags_lost: 0,
    }))
}

fn failed(path: &Path, error: ::dbn::Error) -> DataError {
    DataError::io("write", path)(std::io::Error::other(error))
}

/// What stands before the records: the symbols, and the days for which they hold.
fn metadata(shape: &Shape, rows: &Rows, ids: &Ids) -> Metadata {
    let (from, to) = rows.span();
    let start = u64::try_from(from.0.saturating_sub(shape.length)).unwrap_or(0);
    let end = u64::try_from(to.0).unwrap_or(0).saturating_add(1);
    let built = |mappings| {
        Metadata::builder()
            .version(VERSION)
            .dataset(DBN_DATASET)
            .schema(Some(shape.schema))
            .start(start)
            .end(NonZeroU64::new(end))
            .stype_in(Some(SType::RawSymbol))
            .stype_out(SType::InstrumentId)
            .symbols(ids.by_name.keys().cloned().collect())
            .mappings(mappings)
            .build()
    };
    let days = built(Vec::new());
    let last = days.end().unwrap_or_else(|| days.start()).date();
    let mapping = |(name, id): (&String, &u32)| SymbolMapping {
        raw_symbol: name.clone(),
        intervals: vec![MappingInterval {
            start_date: days.start().date(),
            end_date: last.next_day().unwrap_or(last),
            symbol: id.to_string(),
        }],
    };
    built(ids.by_name.iter().map(mapping).collect())
}

impl Writer for DbnFile {
    fn write(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            self.write_row(row).map_err(|refused| match refused {
                Refused::Field(field, value, expected) => DataError::Record {
                    seq: row.key.seq,
                    field,
                    value,
                    expected,
                },
                Refused::Write(error) => failed(&self.path, error),
            })?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>> {
        self.encoder
            .flush()
            .map_err(|error| failed(&self.path, error))?;
        let file = self.encoder.get_mut();
        file.flush().map_err(DataError::io("write", &self.path))?;
        Ok(match self.flags_lost {
            0 => Vec::new(),
            lost => vec![format!(
                "{lost} records had flags other than snapshot, last and maybe bad book, which DBN has no place for"
            )],
        })
    }
}

/// Why a record is not written: a field that has no exact place, or the disk.
enum Refused {
    Field(&'static str, String, &'static str),
    Write(::dbn::Error),
}

impl From<::dbn::Error> for Refused {
    fn from(error: ::dbn::Error) -> Refused {
        Refused::Write(error)
    }
}

fn refused(field: &'static str, value: impl ToString, expected: &'static str) -> Refused {
    Refused::Field(field, value.to_string(), expected)
}

impl DbnFile {
    fn write_row(&mut self, row: &Row) -> Result<(), Refused> {
        let record = &row.record;
        if record.header.flags & !FLAGS.iter().fold(0, |all, (ours, _)| all | ours) != 0 {
            self.flags_lost += 1;
        }
        let numbers = Numbers {
            record,
            scales: &self.scales[row.run],
        };
        match self.shape.schema {
            Schema::Trades => {
                let message = numbers.trade(self.header::<TradeMsg>(row)?)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Mbp1 => {
                let message = numbers.quote(self.header::<Mbp1Msg>(row)?)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Mbo => {
                let message = numbers.order(self.header::<MboMsg>(row)?)?;
                self.encoder.encode_record(&message)?;
            }
            _ => {
                let message = numbers.bar(self.header::<OhlcvMsg>(row)?)?;
                self.encoder.encode_record(&message)?;
            }
        }
        Ok(())
    }

    fn header<R: HasRType>(&self, row: &Row) -> Result<RecordHeader, Refused> {
        let ts = row.record.header.ts_event;
        let ts = time("ts_event", ts.saturating_sub(self.shape.length))?;
        let id = self.ids.get(row);
        let id = id.ok_or_else(|| refused("instrument", "none", "one, as DBN needs"))?;
        Ok(RecordHeader::new::<R>(self.shape.rtype, 0, id, ts))
    }
}
