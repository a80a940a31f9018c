//! Turns lines into rows: cuts, reads and checks each field, and remembers what the next line must follow.

use super::ImportOptions;
use super::check::{check_bar, check_quote, check_trade};
use super::layout::{Layout, Role};
use super::number::Number;
use super::rows::{Problems, Row, Rows, Ticker, Wrong, is_qty, stem};
use super::text::split;
use super::time::Stamped;
use crate::limits::ROWS_MAX;
use crate::{DataError, Result, Table};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::Path;
use tickloom_types::{InstrumentDef, Instruments, Side, Ts};

/// Turns lines into rows.
pub(super) struct Reader<'a> {
    path: &'a Path,
    options: &'a ImportOptions,
    zone: TimeZone,
    pub(super) rows: Rows,
    by_name: HashMap<Vec<u8>, usize>,
    columns: Columns,
    rows_max: usize,
    text: Vec<u8>,
}

/// Where in a line the fields of a row are.
struct Columns {
    time: usize,
    time_of_day: Option<usize>,
    ticker: Option<usize>,
    numbers: [Option<usize>; 5],
    side: Option<usize>,
    buyer_maker: Option<usize>,
    trade_id: Option<usize>,
}

impl Columns {
    fn of(layout: &Layout) -> Columns {
        let roles: [Option<Role>; 5] = match layout.table {
            Table::Bars => [Role::Open, Role::High, Role::Low, Role::Close, Role::Qty].map(Some),
            Table::Quotes => {
                let [a, b, c, d] = [Role::Bid, Role::BidQty, Role::Ask, Role::AskQty].map(Some);
                [a, b, c, d, None]
            }
            _ => [Some(Role::Price), Some(Role::Qty), None, None, None],
        };
        let time = layout.column(Role::Time);
        Columns {
            time: time.or(layout.column(Role::Date)).unwrap_or(0),
            time_of_day: match time {
                Some(_) => None,
                None => layout.column(Role::TimeOfDay),
            },
            ticker: layout.column(Role::Ticker),
            numbers: roles.map(|role| role.and_then(|role| layout.column(role))),
            side: layout.column(Role::Side),
            buyer_maker: layout.column(Role::BuyerMaker),
            trade_id: layout.column(Role::TradeId),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        path: &'a Path,
        options: &'a ImportOptions,
        layout: Layout,
    ) -> Result<Reader<'a>> {
        let zone = match &options.zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| DataError::Option {
                field: "zone",
                value: name.clone(),
                expected: "an IANA zone such as America/New_York",
            })?,
        };
        let columns = Columns::of(&layout);
        let mut reader = Reader {
            path,
            options,
            zone,
            columns,
            rows: Rows {
                layout,
                tickers: Vec::new(),
                rows: Vec::new(),
                read: 0,
                rounded: 0,
                problems: Problems {
                    count: 0,
                    first: Vec::new(),
                    max: options.errors_max,
                },
            },
            by_name: HashMap::new(),
            rows_max: ROWS_MAX,
            text: Vec::new(),
        };
        if reader.columns.ticker.is_none() {
            let name = options.instrument.clone().unwrap_or_else(|| stem(path));
            reader.add_ticker(b"", &name);
        }
        Ok(reader)
    }

    fn add_ticker(&mut self, key: &[u8], name: &str) -> usize {
        let at = self.rows.tickers.len();
        self.by_name.insert(key.to_vec(), at);
        self.rows.tickers.push(Ticker {
            name: name.to_owned(),
            price_decimals: 0,
            qty_decimals: 0,
            last: None,
            last_trade: 0,
        });
        at
    }

    pub(super) fn push(&mut self, number: u64, line: &[u8]) -> Result<()> {
        let mut fields = Vec::with_capacity(self.rows.layout.names.len());
        split(line, self.rows.layout.delimiter, &mut fields);
        // Other instruments' lines are none of this import.
        if let (Some(at), Some(wanted)) = (self.columns.ticker, &self.options.instrument)
            && fields
                .get(at)
                .is_some_and(|field| *field != wanted.as_bytes())
        {
            return Ok(());
        }
        self.rows.read += 1;
        if self.rows.rows.len() >= self.rows_max {
            return Err(DataError::Import {
                file: self.path.to_owned(),
                line: number,
                found: format!("more than {} rows", self.rows_max),
                expected: "a file that fits in memory; cut it into several".to_owned(),
            });
        }
        match self.row(number, &fields) {
            Ok(row) => self.rows.rows.push(row),
            Err(wrong) => self.rows.problems.note(self.path, number, wrong),
        }
        Ok(())
    }

    fn row(&mut self, line: u64, fields: &[&[u8]]) -> Result<Row, Wrong> {
        let columns = self.rows.layout.names.len();
        if fields.len() != columns {
            let value = fields.len().to_string();
            return Err(("number of fields".to_owned(), value, columns.to_string()));
        }
        let stamped = self.time(fields)?;
        let (numbers, rounded) = self.numbers(fields)?;
        let check = match self.rows.layout.table {
            Table::Bars => check_bar,
            Table::Quotes => check_quote,
            _ => check_trade,
        };
        check(&numbers).map_err(|(at, expected)| {
            let at = self.columns.numbers[at].unwrap_or_default();
            self.wrong(fields, at, &expected)
        })?;
        let side = self.side(fields)?;
        let trade_id = self.trade_id(fields)?;
        let ticker = self.ticker(fields)?;
        self.follow(ticker, stamped.ts, fields)?;
        self.follow_trade(ticker, trade_id, fields)?;
        self.widen(ticker, &numbers);
        self.rows.rounded += u64::from(rounded);
        Ok(Row {
            line,
            stamped,
            ticker,
            numbers,
            side,
            trade_id,
        })
    }

    /// The row's numbers, and whether one of its sizes was rounded.
    fn numbers(&self, fields: &[&[u8]]) -> Result<([Number; 5], bool), Wrong> {
        let mut numbers = [Number::default(); 5];
        let mut any_rounded = false;
        for (at, column) in self.columns.numbers.iter().enumerate() {
            let Some(column) = *column else {
                continue;
            };
            let parsed = if is_qty(self.rows.layout.table, at) {
                Number::parse_denoised(fields[column])
            } else {
                Number::parse(fields[column]).map(|number| (number, false))
            };
            let (number, rounded) = parsed.map_err(|e| self.wrong(fields, column, e))?;
            numbers[at] = number;
            any_rounded |= rounded;
        }
        Ok((numbers, any_rounded))
    }

    fn time(&mut self, fields: &[&[u8]]) -> Result<Stamped, Wrong> {
        let mut text = fields[self.columns.time];
        if let Some(at) = self.columns.time_of_day {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.text.push(b' ');
            self.text.extend_from_slice(fields[at]);
            text = &self.text;
        }
        let format = &self.rows.layout.time;
        format.parse(text, &self.zone).ok_or_else(|| {
            let value = String::from_utf8_lossy(text).into_owned();
            let name = self.rows.layout.names[self.columns.time].clone();
            (name, value, format!("a time, as {format}"))
        })
    }

    fn side(&self, fields: &[&[u8]]) -> Result<u8, Wrong> {
        if let Some(at) = self.columns.side {
            return match fields[at].to_ascii_lowercase().as_slice() {
                b"buy" | b"b" | b"bid" | b"1" => Ok(Side::Buy as u8),
                b"sell" | b"s" | b"ask" | b"a" | b"-1" => Ok(Side::Sell as u8),
                b"" | b"unknown" | b"0" => Ok(0),
                _ => Err(self.wrong(fields, at, "buy or sell")),
            };
        }
        if let Some(at) = self.columns.buyer_maker {
            return match fields[at].to_ascii_lowercase().as_slice() {
                b"true" | b"1" => Ok(Side::Sell as u8),
                b"false" | b"0" => Ok(Side::Buy as u8),
                _ => Err(self.wrong(fields, at, "true or false")),
            };
        }
        Ok(0)
    }

    fn trade_id(&self, fields: &[&[u8]]) -> Result<u64, Wrong> {
        let Some(at) = self.columns.trade_id else {
            return Ok(0);
        };
        let text = std::str::from_utf8(fields[at]).unwrap_or_default();
        text.parse()
            .map_err(|_| self.wrong(fields, at, "a whole number"))
    }

    fn ticker(&mut self, fields: &[&[u8]]) -> Result<usize, Wrong> {
        let Some(at) = self.columns.ticker else {
            return Ok(0);
        };
        if let Some(ticker) = self.by_name.get(fields[at]) {
            return Ok(*ticker);
        }
        let name = String::from_utf8_lossy(fields[at]).into_owned();
        let def = InstrumentDef::new(&name, 0, 0, "USD");
        match Instruments::new().add(def) {
            Ok(_) => Ok(self.add_ticker(fields[at], &name)),
            Err(_) => Err(self.wrong(fields, at, "1 to 64 of letters, digits and . - _ /")),
        }
    }

    /// Times of an instrument go up; those of bars are all different.
    fn follow(&mut self, ticker: usize, ts: Ts, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = self.rows.tickers[ticker].last;
        let strictly = self.rows.layout.table == Table::Bars;
        if let Some(last) = last
            && (ts < last || strictly && ts == last)
        {
            let expected = if ts == last {
                format!("a time after {last}: this one is there already")
            } else {
                format!("a time not before {last}")
            };
            return Err(self.wrong(fields, self.columns.time, &expected));
        }
        self.rows.tickers[ticker].last = Some(ts);
        Ok(())
    }

    /// The same trade does not come twice in a row; numbers of other venues' trades may go down.
    fn follow_trade(&mut self, ticker: usize, id: u64, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = std::mem::replace(&mut self.rows.tickers[ticker].last_trade, id);
        match self.columns.trade_id {
            Some(at) if id == last && id != 0 => {
                Err(self.wrong(fields, at, "another trade: this one is there already"))
            }
            _ => Ok(()),
        }
    }

    fn widen(&mut self, ticker: usize, numbers: &[Number; 5]) {
        let ticker = &mut self.rows.tickers[ticker];
        for (at, number) in numbers.iter().enumerate() {
            let decimals = if is_qty(self.rows.layout.table, at) {
                &mut ticker.qty_decimals
            } else {
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        }
    }

    fn wrong(&self, fields: &[&[u8]], at: usize, expected: &str) -> Wrong {
        let value = String::from_utf8_lossy(fields[at]).into_owned();
        (
            self.rows.layout.names[at].clone(),
            value,
            expected.to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_too_many_is_refused_with_its_line() {
        let head = [b"time,price,qty".to_vec(), b"2024-01-01,1,1".to_vec()];
        let layout = Layout::of(&head, &[]).unwrap();
        let options = ImportOptions::default();
        let mut reader = Reader::new(Path::new("a.csv"), &options, layout).unwrap();
        assert_eq!(reader.rows_max, ROWS_MAX);
        reader.rows_max = 2;
        reader.push(2, b"2024-01-01,1,1").unwrap();
        // A wrong line is not kept and takes no room.
        reader.push(3, b"2024-01-02,x,1").unwrap();
        reader.push(4, b"2024-01-03,1,1").unwrap();
        let error = reader.push(5, b"2024-01-04,1,1").err().unwrap();
        assert_eq!(
            error.to_string(),
            "a.csv, line 5: more than 2 rows, expected a file that fits in memory; cut it into several"
        );
    }
}
