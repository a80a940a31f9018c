//! One record as one row of the line protocol. Everything is checked before the first byte is written, so that a record that
//! cannot be a row leaves no half of one behind.

use super::tables::bits_name;
use crate::{DataError, Result};
use questdb::ingress::{Buffer, ColumnName, DecimalView, TableName, TimestampNanos};
use std::borrow::Cow;
use tickloom_catalog::Table;
use tickloom_catalog::column::{Codec, Column, NameOf, unused};
use tickloom_catalog::order::Placed;
use tickloom_catalog::{HELD, Key, MORE, NUMBER, NoPrice};
use tickloom_journal::RunMeta;
use tickloom_types::{InstrumentDef, InstrumentId, PRICE_DECIMALS_MAX, Record, Seq};

/// The last time that the server takes for the designated timestamp: the end of the year 2261.
const TS_EVENT_MAX: i64 = 9_214_646_399_999_999_999;
const MONEY18_DECIMALS: u8 = 18;

/// Writes rows of one table.
pub(super) struct RowWriter {
    table: Table,
    name: TableName<'static>,
    columns: Vec<RowColumn>,
    unused: [u64; 5],
}

struct RowColumn {
    column: Column,
    name: ColumnName<'static>,
    /// Name of the column with the bits, for floating point.
    bits: String,
    /// Numbers and their words.
    words: Vec<(u64, &'static str)>,
    /// When it has no price: then it is left out, which is null.
    no_price: Option<NoPrice>,
}

impl RowWriter {
    pub(super) fn new(table: Table) -> RowWriter {
        let column = |column: &Column| RowColumn {
            column: *column,
            name: name(column.name),
            bits: bits_name(column),
            words: match column.codec {
                Codec::Word(words) => words.list(),
                _ => Vec::new(),
            },
            no_price: table.no_price(column.name),
        };
        RowWriter {
            table,
            name: TableName::new(table.name()).expect("tables have plain names"),
            columns: table.columns().iter().map(column).collect(),
            unused: unused(table.columns()),
        }
    }

    /// Appends a row.
    pub(super) fn push(&self, buffer: &mut Buffer, placed: &Placed, run: &RunMeta) -> Result<()> {
        let def = self.check(placed.key, &placed.record, run)?;
        self.write(buffer, placed, (run, def)).map_err(|error| {
            refuse(
                placed.key.seq,
                "row",
                error.msg().to_owned(),
                "what the client accepts",
            )
        })
    }

    /// The record's instrument, if the record is well formed.
    pub(super) fn check<'a>(
        &self,
        key: Key,
        record: &Record,
        run: &'a RunMeta,
    ) -> Result<Option<&'a InstrumentDef>> {
        let refuse = |field, value: String, expected| Err(refuse(key.seq, field, value, expected));
        let header = &record.header;
        if !(0..=TS_EVENT_MAX).contains(&header.ts_event) {
            let value = record.ts_event().to_string();
            return refuse("ts_event", value, "1970 to 2261, as QuestDB has it");
        }
        let most = key.seq.max(key.output);
        if i64::try_from(most).is_err() {
            return refuse("seq", most.to_string(), "a number below 2^63");
        }
        let def = run.instruments.get(record.instrument());
        if def.is_none() && record.instrument() != InstrumentId::NONE {
            let value = header.instrument.to_string();
            return refuse("instrument", value, "an instrument of the run, or none");
        }
        if run.instruments.source(record.source()).is_none() {
            return refuse("source", header.source.to_string(), "a source of the run");
        }
        if record.body.iter().zip(self.unused).any(|(b, u)| b & u != 0) {
            let value = "not zero where it is reserved".to_owned();
            return refuse("body", value, "zeros");
        }
        for row_column in &self.columns {
            let column = &row_column.column;
            let number = column.get(record);
            match column.codec {
                Codec::Bool if number > 1 => {
                    return refuse(column.name, number.to_string(), "0 or 1");
                }
                Codec::Word(words) if number != 0 && row_column.word(number).is_none() => {
                    return refuse(column.name, number.to_string(), words.expected());
                }
                _ => {}
            }
        }
        Ok(def)
    }

    /// Symbols come first in a row, then all others, then the time.
    fn write(
        &self,
        buffer: &mut Buffer,
        placed: &Placed,
        (run, def): (&RunMeta, Option<&InstrumentDef>),
    ) -> questdb::Result<()> {
        let Placed { key, record, .. } = placed;
        buffer.table(self.name)?.symbol("run", &run.run)?;
        if let Some(def) = def {
            buffer.symbol("instrument", &def.name)?;
        }
        if let Some(source) = run.instruments.source(record.source()) {
            buffer.symbol("source", &source.name)?;
        }
        if self.table.is_bars()
            && let Some(spec) = run.instruments.bar_spec(record.source())
        {
            buffer.symbol("bar_spec", spec.to_string())?;
        }
        for column in &self.columns {
            if let Some(word) = column.symbol(record, run) {
                buffer.symbol(column.name, word)?;
            }
        }
        buffer.column_i64("seq", key.seq.cast_signed())?;
        if record.header.ts_recv != i64::MIN {
            buffer.column_ts("ts_recv", TimestampNanos::new(record.header.ts_recv))?;
        }
        buffer.column_i64("flags", i64::from(record.header.flags))?;
        if let Some(output) = key.output.checked_sub(1) {
            buffer.column_i64(NUMBER, output.cast_signed())?;
        }
        for column in &self.columns {
            column.write(buffer, record, def)?;
        }
        // Most rows were held back by nothing and are a moment of their own: null takes no room.
        if placed.held != 0 {
            buffer.column_i64(HELD, placed.held.cast_signed())?;
        }
        if placed.more != 0 {
            buffer.column_i64(MORE, i64::from(placed.more))?;
        }
        buffer.at(TimestampNanos::new(record.header.ts_event))
    }
}

impl RowColumn {
    fn word(&self, number: u64) -> Option<&'static str> {
        let found = self.words.iter().find(|(n, _)| *n == number);
        found.map(|(_, word)| *word)
    }

    /// The column's word, if it has words; nothing is null.
    fn symbol<'a>(&self, record: &Record, run: &'a RunMeta) -> Option<&'a str> {
        let number = self.column.get(record);
        let named = |names: &'a [String]| {
            let at = usize::try_from(number).ok()?;
            names.get(at).map(String::as_str)
        };
        match self.column.codec {
            Codec::Word(_) => self.word(number),
            // The catalog's column is 0 bytes wide; the number beside it says what is named.
            Codec::Name(NameOf::Signal) => named(&run.signals),
            Codec::Name(NameOf::Strategy) => named(&run.strategies),
            _ => None,
        }
    }

    fn write(
        &self,
        buffer: &mut Buffer,
        record: &Record,
        def: Option<&InstrumentDef>,
    ) -> questdb::Result<()> {
        let no_price = self.no_price.as_ref();
        if no_price.is_some_and(|no| no.is_of(&self.column, record)) {
            return Ok(());
        }
        let number = self.column.get(record);
        let decimals = |scale: Option<u8>| scale.unwrap_or(0);
        match self.column.codec {
            Codec::Price => {
                let decimals = decimals(def.map(|def| def.price_decimals));
                self.write_decimal(buffer, number.cast_signed().into(), decimals)?;
            }
            Codec::Qty => {
                let decimals = decimals(def.map(|def| def.qty_decimals));
                self.write_decimal(buffer, number.cast_signed().into(), decimals)?;
            }
            Codec::Money9 => {
                self.write_decimal(buffer, number.cast_signed().into(), PRICE_DECIMALS_MAX)?;
            }
            Codec::Money18 => {
                self.write_decimal(buffer, self.column.get_wide(record), MONEY18_DECIMALS)?;
            }
            Codec::U64 | Codec::I64 | Codec::U32 | Codec::U8 => {
                // Left out is null, which is how the server keeps this one number.
                if number.cast_signed() != i64::MIN {
                    buffer.column_i64(self.name, number.cast_signed())?;
                }
            }
            Codec::F64 => self.write_float(buffer, number)?,
            Codec::Bool => {
                buffer.column_bool(self.name, number == 1)?;
            }
            Codec::Word(_) | Codec::Name(_) => {}
        }
        Ok(())
    }

    fn write_decimal(&self, buffer: &mut Buffer, value: i128, decimals: u8) -> questdb::Result<()> {
        let bytes = value.to_be_bytes();
        // Leading bytes that only repeat the sign say nothing.
        let sign = if value < 0 { 0xff } else { 0 };
        let mut from = 0;
        while from < bytes.len() - 1
            && bytes[from] == sign
            && (bytes[from + 1] ^ sign).leading_zeros() > 0
        {
            from += 1;
        }
        let decimal = DecimalView::Scaled {
            scale: decimals,
            value: Cow::Borrowed(&bytes[from..]),
        };
        buffer.column_dec(self.name, decimal)?;
        Ok(())
    }

    /// The number for readers, and its bits where it comes back as another one.
    fn write_float(&self, buffer: &mut Buffer, bits: u64) -> questdb::Result<()> {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            buffer.column_f64(self.name, value)?;
        }
        if !value.is_finite() && bits != f64::NAN.to_bits() || bits == (-0.0_f64).to_bits() {
            buffer.column_i64(self.bits.as_str(), bits.cast_signed())?;
        }
        Ok(())
    }
}

fn name(text: &'static str) -> ColumnName<'static> {
    ColumnName::new(text).expect("columns have plain names")
}

fn refuse(seq: Seq, field: &'static str, value: String, expected: &'static str) -> DataError {
    DataError::Record {
        seq,
        field,
        value,
        expected,
    }
}
