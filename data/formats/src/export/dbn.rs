//! Trades, quotes, books, orders of L3 books and bars as DBN, the format of Databento. A record that has no exact place in it is refused:
//! nothing is rounded. What came from DBN is written as it was there, under its dataset, publishers, numbers and symbols, and the command
//! says which fields of its rows no record keeps. What DBN has no field for (sequence, run, source) is left behind.

mod group;
mod messages;
mod numbering;
mod refused;
mod shape;

use super::Writer;
use super::batch::RunScales;
use super::rows::{Row, Rows};
use super::target::Target;
use crate::databento::DBN_FLAGS;
use crate::{FormatError, Result};
use ::dbn::encode::EncodeRecord;
use ::dbn::encode::dbn::Encoder;
use ::dbn::{
    BboMsg, HasRType, MboMsg, Mbp1Msg, Mbp10Msg, OhlcvMsg, RecordHeader, Schema, TradeMsg,
};
use group::{Group, Groups};
use messages::{Numbers, time};
use numbering::Numbering;
use refused::{Refused, refused};
use shape::{Shape, has_trades};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tickloom_catalog::{Catalog, Table};
use tickloom_types::Flags;

/// Whether rows of this table have trades in them in the files that they came from, so that those are needed too.
pub(super) fn needs_trades(catalog: &Catalog, table: Table, rows: &Rows) -> Result<bool> {
    if !matches!(table, Table::Quotes | Table::BookSnapshots) {
        return Ok(false);
    }
    let came_as = Numbering::of(catalog, rows.metas())?.schema;
    Ok(has_trades(came_as))
}

struct DbnFile {
    path: PathBuf,
    encoder: Encoder<BufWriter<File>>,
    shape: Shape,
    scales: Vec<RunScales>,
    numbering: Numbering,
    groups: Groups,
    /// Messages so far.
    written: u64,
    /// Records with flags that were left behind.
    flags_lost: u64,
}

/// Begins a DBN file.
pub(super) fn dbn(
    catalog: &Catalog,
    table: Table,
    rows: &Rows,
    target: &Target,
) -> Result<Box<dyn Writer>> {
    let path = target.temporary().to_owned();
    let numbering = Numbering::of(catalog, rows.metas())?;
    let shape = Shape::of(table, rows.bars(), numbering.schema)?;
    if let Some(symbol) = numbering.misfit() {
        return Err(FormatError::Option {
            field: "symbol of an instrument",
            value: symbol.to_owned(),
            expected: "one in ASCII, as DBN has no others",
        });
    }
    let metadata = numbering.metadata(&shape, rows);
    let encoder = Encoder::new(target.file()?, &metadata);
    Ok(Box::new(DbnFile {
        encoder: encoder.map_err(|error| failed(&path, error))?,
        path,
        shape,
        scales: rows.metas().iter().map(RunScales::of).collect(),
        groups: Groups::of(table, numbering.schema),
        numbering,
        written: 0,
        flags_lost: 0,
    }))
}

fn failed(path: &Path, error: ::dbn::Error) -> FormatError {
    FormatError::io("write", path)(std::io::Error::other(error))
}

impl Writer for DbnFile {
    fn write(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            if let Some(group) = self.groups.take(row) {
                self.write_group(&group)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(Vec<String>, Option<u64>)> {
        if let Some(group) = self.groups.end() {
            self.write_group(&group)?;
        }
        self.encoder
            .flush()
            .map_err(|error| failed(&self.path, error))?;
        let file = self.encoder.get_mut();
        file.flush().map_err(FormatError::io("write", &self.path))?;
        let mut notes = Vec::new();
        notes.extend(self.numbering.note.clone());
        if self.numbering.is_of_origin() && !self.shape.left_out().is_empty() {
            notes.push(format!(
                "not as in the file that the rows came from, as no record keeps them: {}",
                self.shape.left_out()
            ));
        }
        if self.flags_lost > 0 {
            notes.push(format!(
                "{} records had flags which DBN has no place for",
                self.flags_lost
            ));
        }
        Ok((notes, Some(self.written)))
    }
}

impl DbnFile {
    fn write_group(&mut self, group: &Group) -> Result<()> {
        self.encode(group).map_err(|refused| match refused {
            Refused::Field(field, value, expected) => FormatError::Record {
                seq: group.row.key.seq,
                field,
                value,
                expected,
            },
            Refused::Write(error) => failed(&self.path, error),
        })?;
        self.written += 1;
        Ok(())
    }

    fn encode(&mut self, group: &Group) -> Result<(), Refused> {
        let record = &group.row.record;
        let flags_lost = self.flags_lost(record.header.flags);
        if flags_lost != 0 {
            self.flags_lost += 1;
        }
        let numbers = Numbers {
            record,
            scales: &self.scales[group.row.run],
            flags_lost,
        };
        let trade = group.trade.as_ref();
        match self.shape.schema {
            Schema::Trades => {
                let message = numbers.trade(self.header::<TradeMsg>(&group.row)?)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Mbp1 | Schema::Tbbo => {
                let message = numbers.quote(self.header::<Mbp1Msg>(&group.row)?, trade)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Bbo1S | Schema::Bbo1M => {
                let message = numbers.sample(self.header::<BboMsg>(&group.row)?)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Mbp10 => {
                let header = self.header::<Mbp10Msg>(&group.row)?;
                let message = numbers.book(header, &group.levels, trade)?;
                self.encoder.encode_record(&message)?;
            }
            Schema::Mbo => {
                let message = numbers.order(self.header::<MboMsg>(&group.row)?)?;
                self.encoder.encode_record(&message)?;
            }
            _ => {
                let message = numbers.bar(self.header::<OhlcvMsg>(&group.row)?)?;
                self.encoder.encode_record(&message)?;
            }
        }
        Ok(())
    }

    /// Flags that have no place: of bars all, and of what did not come from DBN a time that is ours, as theirs says that it is not
    /// the receiver's. The end of an event says where a moment ends.
    fn flags_lost(&self, flags: u8) -> u8 {
        if self.shape.length > 0 {
            flags & !Flags::MORE
        } else if self.numbering.is_of_origin() {
            0
        } else {
            flags & Flags::BAD_TIME
        }
    }

    fn header<R: HasRType>(&self, row: &Row) -> Result<RecordHeader, Refused> {
        let header = row.record.header;
        let start = header.ts_event.saturating_sub(self.shape.length);
        let ts = time("ts_event", start)?;
        // What a number stands for goes by arrival, and of bars by their start.
        let index = if self.shape.length > 0 {
            start
        } else {
            header.ts_recv
        };
        let numbered = self.numbering.get(row, index);
        let numbered =
            numbered.ok_or_else(|| refused("instrument", "none", "one, as DBN needs"))?;
        let (publisher, id) = (numbered.publisher, numbered.id);
        Ok(RecordHeader::new::<R>(self.shape.rtype, publisher, id, ts))
    }
}

const _: () = assert!(DBN_FLAGS == 0xfe);
