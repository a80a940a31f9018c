//! A span of time of one run in one table, read in portions of bounded size: each query goes on after the last row of the one
//! before, so that a span of any number of rows takes the memory of a portion.

use super::fields::{Fault, Fields, fault};
use super::sql::Sql;
use super::tables::bits_name;
use crate::Result;
use crate::limits::PAGE_ROWS;
use csv::ByteRecord;
use std::collections::VecDeque;
use std::sync::Arc;
use tickloom_catalog::Table;
use tickloom_catalog::column::{Codec, Column};
use tickloom_catalog::order::{Placed, Row, joins};
use tickloom_catalog::{HELD, Key, MORE, NUMBER, NoPrice};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, PRICE_DECIMALS_MAX, Record, Seq, SourceDef,
    SourceId, Ts,
};

const MONEY18_DECIMALS: u8 = 18;

/// A span of time, its ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) rows: u64,
    /// No row in it has a lower sequence.
    pub(super) first_seq: Seq,
}

/// What a page reads.
pub(super) struct Page {
    pub(super) table: Table,
    /// The condition for its rows, with its run.
    pub(super) filter: String,
    pub(super) span: Span,
    /// What names mean.
    pub(super) instruments: Arc<Instruments>,
    /// The sources by identifier, as they are in the run: they say when its records were available.
    pub(super) sources: Arc<Vec<SourceDef>>,
    pub(super) shape: Shape,
}

/// In what the tables of earlier versions differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Whether the table says the places of its rows in the one order.
    pub(super) has_places: bool,
    /// What the column with the number of an output is called.
    pub(super) number: &'static str,
}

/// A column that is read.
struct PageColumn {
    column: Column,
    /// Numbers and their words.
    words: Vec<(u64, &'static str)>,
    /// When null is no price.
    no_price: Option<NoPrice>,
}

/// A page being read.
pub(super) struct PageReader {
    sql: Arc<Sql>,
    page: Page,
    select: String,
    columns: Vec<PageColumn>,
    loaded: VecDeque<Row>,
    /// The last row that was loaded.
    last: Option<Key>,
    is_at_end: bool,
}

impl PageReader {
    pub(super) fn new(sql: Arc<Sql>, page: Page) -> PageReader {
        let columns = page
            .table
            .columns()
            .iter()
            .filter(|column| column.is_read());
        let columns = columns.map(|column| PageColumn {
            column: *column,
            words: match column.codec {
                Codec::Word(words) => words.list(),
                _ => Vec::new(),
            },
            no_price: page.table.no_price(column.name),
        });
        PageReader {
            select: select(page.table, page.shape),
            columns: columns.collect(),
            sql,
            page,
            loaded: VecDeque::new(),
            last: None,
            is_at_end: false,
        }
    }

    /// The place of the next row, or one that it cannot be before.
    pub(super) fn place(&self) -> Key {
        match (self.loaded.front(), self.last) {
            (Some(row), _) => row.placed.key,
            (None, Some(last)) => last,
            (None, None) => Key {
                seq: self.page.span.first_seq,
                output: 0,
            },
        }
    }

    pub(super) fn is_loaded(&self) -> bool {
        !self.loaded.is_empty()
    }

    pub(super) fn has_more(&self) -> bool {
        self.is_loaded() || !self.is_at_end
    }

    pub(super) fn take(&mut self) -> Row {
        self.loaded.pop_front().expect("the caller has loaded it")
    }

    /// Reads the next portion; afterwards there is a row loaded, or none is left.
    pub(super) fn load(&mut self) -> Result<()> {
        if self.is_at_end {
            return Ok(());
        }
        let Page { filter, span, .. } = &self.page;
        let key = if self.page.table.is_output() {
            self.page.shape.number
        } else {
            "seq"
        };
        let after = match self.last {
            None => String::new(),
            Some(last) if self.page.table.is_output() => {
                format!(" AND {key} > {}", last.output - 1)
            }
            Some(last) => format!(" AND {key} > {}", last.seq),
        };
        let query = format!(
            "{} FROM \"{}\"{filter} AND ts_event BETWEEN {} AND {}{after} ORDER BY {key} LIMIT {PAGE_ROWS}",
            self.select, self.page.table, span.from, span.to
        );
        let mut rows = self.sql.rows(&query)?;
        let mut row = ByteRecord::new();
        while rows
            .read_byte_record(&mut row)
            .map_err(|error| self.sql.error(error))?
        {
            let decoded = self.decode(&row).map_err(|fault| {
                let at = String::from_utf8_lossy(row.get(0).unwrap_or_default()).into_owned();
                self.sql.error(format!(
                    "table {}, row with seq {at}: {} is {:?}, expected {}",
                    self.page.table, fault.column, fault.value, fault.expected
                ))
            })?;
            if self.loaded.len() as u64 >= PAGE_ROWS {
                return Err(self.sql.error("more rows than were asked for"));
            }
            self.loaded.push_back(decoded);
        }
        self.is_at_end = (self.loaded.len() as u64) < PAGE_ROWS;
        self.last = self.loaded.back().map(|row| row.placed.key).or(self.last);
        Ok(())
    }

    fn decode(&self, row: &ByteRecord) -> Result<Row, Fault> {
        let mut fields = Fields { row, at: 0 };
        let seq = fields.long("seq")?.cast_unsigned();
        let output = if self.page.table.is_output() {
            let number = fields.long(NUMBER)?;
            let number = u64::try_from(number)
                .map_err(|_| fault(NUMBER, number.to_string().as_bytes(), "a number from 0 on"))?;
            number + 1
        } else {
            0
        };
        let ts_event = Ts(fields.long("ts_event")?);
        let ts_recv = Ts(fields.long("ts_recv")?);
        let (instrument, def) = self.instrument(fields.text())?;
        let source = self.source(fields.text())?;
        let kind = self.page.table.kind();
        let mut header = Header::new(kind, instrument, source, ts_event, ts_recv);
        header.flags = fields.small("flags")?;
        let mut record = Record {
            header,
            body: [0; 5],
        };
        let mut unpriced = Vec::new();
        for known in &self.columns {
            if let Some(no_price) = &known.no_price
                && fields.is_null()
            {
                unpriced.push((known.column.name, no_price));
            } else {
                self.decode_column(known, &mut fields, def, &mut record)?;
            }
        }
        let mut unpriced = unpriced.into_iter();
        if let Some((name, no_price)) = unpriced.find(|(_, no_price)| !no_price.may_be(&record)) {
            return Err(fault(name, b"null", no_price.expected));
        }
        let key = Key { seq, output };
        let placed = match self.page.shape.has_places {
            true => placed(key, record, &mut fields)?,
            false => Placed::unplaced(key, record),
        };
        let source = self.page.sources.get(usize::from(header.source));
        let own = source.map_or(ts_recv, |source| source.release(&record)).0;
        Ok(Row {
            release: placed.release(own),
            joins: source.is_some_and(|source| joins(&record, source)),
            placed,
        })
    }

    fn decode_column(
        &self,
        PageColumn { column, words, .. }: &PageColumn,
        fields: &mut Fields<'_>,
        def: Option<&InstrumentDef>,
        record: &mut Record,
    ) -> Result<(), Fault> {
        let number = match column.codec {
            Codec::Price => {
                fields.mantissa(column.name, def.map_or(0, |def| def.price_decimals))?
            }
            Codec::Qty => fields.mantissa(column.name, def.map_or(0, |def| def.qty_decimals))?,
            Codec::Money9 => fields.mantissa(column.name, PRICE_DECIMALS_MAX)?,
            Codec::Money18 => {
                let value = fields.decimal(column.name, MONEY18_DECIMALS)?;
                column.put_wide(record, value);
                return Ok(());
            }
            Codec::U64 | Codec::I64 => fields.long(column.name)?.cast_unsigned(),
            Codec::U32 => u64::from(fields.small::<u32>(column.name)?),
            Codec::U8 => u64::from(fields.small::<u8>(column.name)?),
            Codec::F64 => fields.float(column.name)?,
            Codec::Bool => match fields.text() {
                b"true" => 1,
                b"false" => 0,
                other => return Err(fault(column.name, other, "true or false")),
            },
            Codec::Word(list) => {
                let text = fields.text();
                match words.iter().find(|(_, word)| word.as_bytes() == text) {
                    Some((number, _)) => *number,
                    None if text.is_empty() => 0,
                    None => return Err(fault(column.name, text, list.expected())),
                }
            }
            Codec::Name(_) => return Ok(()),
        };
        column.put(record, number);
        Ok(())
    }

    fn instrument(&self, name: &[u8]) -> Result<(InstrumentId, Option<&InstrumentDef>), Fault> {
        if name.is_empty() {
            return Ok((InstrumentId::NONE, None));
        }
        let known = std::str::from_utf8(name).ok();
        let found = known.and_then(|name| self.page.instruments.find(name));
        let (id, def) =
            found.ok_or_else(|| fault("instrument", name, "an instrument of the run"))?;
        Ok((id, Some(def)))
    }

    fn source(&self, name: &[u8]) -> Result<SourceId, Fault> {
        let sources = self.page.instruments.sources();
        let at = sources.iter().position(|s| s.name.as_bytes() == name);
        at.and_then(|at| u16::try_from(at).ok())
            .map(SourceId)
            .ok_or_else(|| fault("source", name, "a source of the run"))
    }
}

/// A row's place in the one order. Nothing is null, as in rows of before there were places.
fn placed(key: Key, record: Record, fields: &mut Fields<'_>) -> Result<Placed, Fault> {
    let or_zero = |number: i64| if number == i64::MIN { 0 } else { number };
    let held = or_zero(fields.long(HELD)?).cast_unsigned();
    let more = or_zero(fields.long(MORE)?);
    let more = i32::try_from(more)
        .map_err(|_| fault(MORE, more.to_string().as_bytes(), "a number of 32 bits"))?;
    Ok(Placed {
        key,
        record,
        held,
        more,
    })
}

/// The columns in the order in which they are decoded.
fn select(table: Table, shape: Shape) -> String {
    let mut columns = vec!["seq".to_owned()];
    if table.is_output() {
        columns.push(format!("\"{}\"", shape.number));
    }
    columns.extend([
        "CAST(ts_event AS LONG) AS at".to_owned(),
        "CAST(ts_recv AS LONG) AS received".to_owned(),
        "instrument".to_owned(),
        "source".to_owned(),
        "flags".to_owned(),
    ]);
    for column in table.columns().iter().filter(|column| column.is_read()) {
        columns.push(format!("\"{}\"", column.name));
        if column.codec == Codec::F64 {
            columns.push(format!("\"{}\"", bits_name(column)));
        }
    }
    if shape.has_places {
        columns.extend([HELD, MORE].map(|name| format!("\"{name}\"")));
    }
    format!("SELECT {}", columns.join(", "))
}
