//! The tables as the server has them: their columns, and the statement that creates them.
//!
//! Types are chosen so that every value of a record comes back as it was:
//!
//! - decimals for prices, sizes and money, at the scales of the catalog;
//! - `LONG` for whole numbers of 64 bits. Unsigned ones from 2^63 on appear as what they are minus 2^64, and the one number
//!   that the server takes for null (-2^63) is null: both ways back are unambiguous;
//! - `DOUBLE` for signals, which cannot tell infinity and kinds of NaN from null: a column beside it has their bits.

use tickloom_catalog::Table;
use tickloom_catalog::column::{Codec, Column};
use tickloom_catalog::{HELD, MORE, NUMBER};

/// Name of the table that says what each run is.
pub(super) const RUNS: &str = "runs";

/// A column of the server's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerColumn {
    pub(super) name: String,
    /// As the server names it when asked.
    pub(super) kind: &'static str,
    /// Expected number of different words, for symbols.
    capacity: Option<u32>,
    pub(super) is_key: bool,
}

/// The columns of a table, in order.
pub(super) fn columns(table: Table) -> Vec<ServerColumn> {
    let mut columns = vec![
        key("ts_event", "TIMESTAMP_NS"),
        plain("ts_recv", "TIMESTAMP_NS"),
        key("seq", "LONG"),
        run_key(),
        symbol("instrument", 4096),
        symbol("source", 256),
        plain("flags", "SHORT"),
    ];
    if table.is_output() {
        columns.push(key(NUMBER, "LONG"));
    }
    if table.is_bars() {
        columns.push(symbol("bar_spec", 64));
    }
    for column in table.columns() {
        columns.push(own_column(column));
        if column.codec == Codec::F64 {
            columns.push(plain(&bits_name(column), "LONG"));
        }
    }
    columns.extend(place_columns());
    columns
}

/// The columns of a row's place in the one order, which tables of earlier versions do not have. Nothing is null.
pub(super) fn place_columns() -> [ServerColumn; 2] {
    [plain(HELD, "LONG"), plain(MORE, "LONG")]
}

/// The column beside a `DOUBLE` that has the bits of what is no number to the server.
pub(super) fn bits_name(column: &Column) -> String {
    format!("{}_bits", column.name)
}

fn own_column(column: &Column) -> ServerColumn {
    match column.codec {
        Codec::Price | Codec::Qty | Codec::Money9 => plain(column.name, "DECIMAL(38,9)"),
        // The catalog's 38 digits do not hold every number of 128 bits; one more does.
        Codec::Money18 => plain(column.name, "DECIMAL(39,18)"),
        Codec::U64 | Codec::I64 | Codec::U32 => plain(column.name, "LONG"),
        Codec::U8 => plain(column.name, "SHORT"),
        Codec::F64 => plain(column.name, "DOUBLE"),
        Codec::Bool => plain(column.name, "BOOLEAN"),
        Codec::Word(_) => symbol(column.name, 16),
        Codec::Name(_) => symbol(column.name, 1024),
    }
}

/// The columns of the table of runs.
pub(super) fn run_columns() -> Vec<ServerColumn> {
    vec![
        key("ts_event", "TIMESTAMP_NS"),
        run_key(),
        plain("meta", "VARCHAR"),
    ]
}

/// The statement that creates a table where there is none.
pub(super) fn create(name: &str, columns: &[ServerColumn], partition: &str) -> String {
    let quoted = |names: Vec<String>| names.join(", ");
    let definitions = columns
        .iter()
        .map(|column| match column.capacity {
            Some(capacity) => format!("\"{}\" {} CAPACITY {capacity}", column.name, column.kind),
            None => format!("\"{}\" {}", column.name, column.kind),
        })
        .collect();
    let keys = columns
        .iter()
        .filter(|column| column.is_key)
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    format!(
        "CREATE TABLE IF NOT EXISTS \"{name}\" ({}) TIMESTAMP(\"ts_event\") PARTITION BY {partition} WAL DEDUP UPSERT KEYS({})",
        quoted(definitions),
        quoted(keys)
    )
}

/// How a table is parted: bars are few and reach far back.
pub(super) fn partition(table: Table) -> &'static str {
    if table.is_bars() { "MONTH" } else { "DAY" }
}

fn plain(name: &str, kind: &'static str) -> ServerColumn {
    ServerColumn {
        name: name.to_owned(),
        kind,
        capacity: None,
        is_key: false,
    }
}

fn key(name: &str, kind: &'static str) -> ServerColumn {
    ServerColumn {
        is_key: true,
        ..plain(name, kind)
    }
}

fn symbol(name: &str, capacity: u32) -> ServerColumn {
    ServerColumn {
        capacity: Some(capacity),
        ..plain(name, "SYMBOL")
    }
}

/// Each run and each imported file has a name.
fn run_key() -> ServerColumn {
    ServerColumn {
        is_key: true,
        ..symbol("run", 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_types_keys_and_partitions() {
        let trades = create("trades", &columns(Table::Trades), partition(Table::Trades));
        assert_eq!(
            trades,
            "CREATE TABLE IF NOT EXISTS \"trades\" (\"ts_event\" TIMESTAMP_NS, \"ts_recv\" TIMESTAMP_NS, \"seq\" LONG, \
             \"run\" SYMBOL CAPACITY 1024, \"instrument\" SYMBOL CAPACITY 4096, \"source\" SYMBOL CAPACITY 256, \
             \"flags\" SHORT, \"price\" DECIMAL(38,9), \"qty\" DECIMAL(38,9), \"trade_id\" LONG, \"side\" SYMBOL CAPACITY 16, \
             \"held\" LONG, \"more\" LONG) \
             TIMESTAMP(\"ts_event\") PARTITION BY DAY WAL DEDUP UPSERT KEYS(\"ts_event\", \"seq\", \"run\")"
        );
        let signals = create("signals", &columns(Table::Signals), "DAY");
        assert!(
            signals.contains("\"value\" DOUBLE, \"value_bits\" LONG"),
            "{signals}"
        );
        assert!(
            signals.ends_with("KEYS(\"ts_event\", \"seq\", \"run\", \"number\")"),
            "{signals}"
        );
    }
}
