//! What the rows of a table become in DBN.

use crate::databento::DBN_BARS;
use crate::{FormatError, Result};
use ::dbn::{Schema, rtype};
use tickloom_catalog::Table;
use tickloom_types::{BarSpec, DurationNs};

/// What the rows of a table become.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) schema: Schema,
    /// How long a bar is: DBN stamps it at its start.
    pub(super) length: DurationNs,
    pub(super) rtype: u8,
}

impl Shape {
    pub(super) fn of(table: Table, bars: &[BarSpec], came_as: Option<Schema>) -> Result<Shape> {
        let plain = |schema, rtype| Shape {
            schema,
            length: 0,
            rtype,
        };
        match table {
            Table::Trades => Ok(plain(Schema::Trades, rtype::MBP_0)),
            Table::Quotes => Ok(match came_as {
                Some(Schema::Bbo1S) => plain(Schema::Bbo1S, rtype::BBO_1S),
                Some(Schema::Bbo1M) => plain(Schema::Bbo1M, rtype::BBO_1M),
                Some(Schema::Tbbo) => plain(Schema::Tbbo, rtype::MBP_1),
                _ => plain(Schema::Mbp1, rtype::MBP_1),
            }),
            Table::BookSnapshots => Ok(plain(Schema::Mbp10, rtype::MBP_10)),
            Table::OrderUpdates => Ok(plain(Schema::Mbo, rtype::MBO)),
            Table::Bars | Table::BarsClosed => {
                let shape = |spec: &BarSpec| {
                    let found = DBN_BARS.iter().find(|bar| BarSpec::Time(bar.0) == *spec)?;
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
                found.ok_or_else(|| FormatError::Option {
                    field: "size of the bars",
                    value: sizes.join(", "),
                    expected: "one of 1s, 1m, 1h and 1d, as DBN has no others and one a file",
                })
            }
            table => Err(FormatError::Option {
                field: "kind",
                value: table.name().to_owned(),
                expected: "trades, quotes, book_snapshots, order_updates, bars or bars_closed, as DBN has no others",
            }),
        }
    }

    /// What rows of this schema have that no record keeps.
    pub(super) fn left_out(&self) -> &'static str {
        match self.schema {
            Schema::Mbo => "channel_id and ts_in_delta",
            Schema::Trades => "depth and ts_in_delta",
            Schema::Tbbo => "depth, ts_in_delta and counts of orders",
            Schema::Mbp1 => {
                "depth, ts_in_delta, counts of orders and, of rows without a trade, action, side, price and size"
            }
            Schema::Bbo1S | Schema::Bbo1M => {
                "the last trade (ts_event, side, price, size), counts of orders and F_BAD_TS_RECV"
            }
            Schema::Mbp10 => {
                "depth, ts_in_delta, counts of orders, F_SNAPSHOT and, of rows without a trade, action, side, price and size"
            }
            _ => "",
        }
    }
}

/// Whether rows of this schema are trades as well.
pub(super) fn has_trades(came_as: Option<Schema>) -> bool {
    matches!(came_as, Some(Schema::Mbp1 | Schema::Tbbo | Schema::Mbp10))
}
