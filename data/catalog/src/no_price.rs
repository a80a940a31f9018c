//! Prices that are none: of an empty side of a quote, of a market order, and of what empties a book or tells flags alone. They are zero in
//! the catalog's files, as in records. To those who calculate with prices zero is a price, so SQL, exported files and QuestDB have
//! null there.

use super::Table;
use super::column::{Codec, Column};
use arrow_schema::{Field, Schema};
use std::sync::Arc;
use tickloom_types::{BookAction, OrderType, Record};

/// When a column has no price: it is zero, and each of the columns beside it has one of these numbers.
#[derive(Clone, Debug)]
pub struct NoPrice {
    beside: Vec<Beside>,
    /// What an error says of a row without a price that has to have one.
    pub expected: &'static str,
}

/// A column that tells whether there is a price.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// The column.
    pub column: &'static Column,
    /// What it has where there may be none.
    pub numbers: &'static [u64],
}

const OF_SIDE: &str = "a value, as there is a size";
const EMPTY: &[u64] = &[0];
const CLEARS: &[u64] = &[1];
const OF_NO_ORDER: &[u64] = &[BookAction::Clear as u64, BookAction::None as u64];
const MARKET: &[u64] = &[OrderType::Market as u64];

impl Table {
    /// When this column has no price; `None` for all columns that always have a value.
    #[must_use]
    pub fn no_price(self, column: &str) -> Option<NoPrice> {
        let (beside, expected): (&[(&str, &'static [u64])], _) = match (self, column) {
            (Table::Quotes, "bid") => (&[("bid_qty", EMPTY)], OF_SIDE),
            (Table::Quotes, "ask") => (&[("ask_qty", EMPTY)], OF_SIDE),
            (Table::BookUpdates | Table::BookSnapshots, "price") => (
                &[("qty", EMPTY), ("clear", CLEARS)],
                "a value, as it is more than an emptied book",
            ),
            (Table::OrderUpdates, "price") => {
                (&[("action", OF_NO_ORDER)], "a value, as it is of an order")
            }
            (Table::Orders, "price") => (
                &[("order_type", MARKET)],
                "a value, as the order is no market order",
            ),
            _ => return None,
        };
        let named = |name: &str| self.columns().iter().find(|column| column.name == name);
        let beside = beside.iter().map(|&(name, numbers)| {
            let column = named(name)?;
            Some(Beside { column, numbers })
        });
        Some(NoPrice {
            beside: beside.collect::<Option<_>>()?,
            expected,
        })
    }

    /// The Arrow schema of exported files: that of the catalog's, with null for a price that is none.
    #[must_use]
    pub fn exported(self) -> Arc<Schema> {
        let schema = self.schema();
        let field = |field: &Arc<Field>| match self.no_price(field.name()) {
            Some(_) => Arc::new(field.as_ref().clone().with_nullable(true)),
            None => Arc::clone(field),
        };
        Arc::new(Schema::new(
            schema.fields().iter().map(field).collect::<Vec<_>>(),
        ))
    }
}

impl NoPrice {
    /// The columns that tell.
    #[must_use]
    pub fn beside(&self) -> &[Beside] {
        &self.beside
    }

    /// Whether a record may have no price: what is beside it says so.
    #[must_use]
    pub fn may_be(&self, record: &Record) -> bool {
        let says_so = |beside: &Beside| beside.numbers.contains(&beside.column.get(record));
        self.beside.iter().all(says_so)
    }

    /// Whether a record has no price in this column.
    #[must_use]
    pub fn is_of(&self, column: &Column, record: &Record) -> bool {
        column.get(record) == 0 && self.may_be(record)
    }
}

impl Beside {
    /// The words that the column has where there may be no price; none if it has no words.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let Codec::Word(words) = self.column.codec else {
            return Vec::new();
        };
        let list = words.list();
        let named = list
            .iter()
            .filter(|(number, _)| self.numbers.contains(number));
        named.map(|(_, word)| *word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{
        Header, InstrumentId, Kind, LevelBody, OrderBody, OrderUpdateBody, QuoteBody, SourceId, Ts,
    };

    fn header(kind: Kind) -> Header {
        Header::new(kind, InstrumentId(0), SourceId(0), Ts(0), Ts(0))
    }

    /// The columns of a record that have no price.
    fn without(record: &Record) -> Vec<&'static str> {
        let table = Table::of(record).unwrap();
        let columns = table.columns().iter();
        let is_none = |column: &&Column| {
            let no_price = table.no_price(column.name);
            no_price.is_some_and(|no_price| no_price.is_of(column, record))
        };
        columns.filter(is_none).map(|column| column.name).collect()
    }

    #[test]
    fn zero_is_a_price_unless_what_is_beside_it_says_that_there_is_none() {
        let quote = |bid: i64, bid_qty: i64| {
            let quote = QuoteBody {
                bid,
                bid_qty,
                ask: 7,
                ..QuoteBody::default()
            };
            without(&quote.record(header(Kind::Quote)))
        };
        assert_eq!(quote(0, 0), ["bid"]);
        assert_eq!(quote(0, 1), [""; 0]);
        assert_eq!(quote(5, 0), [""; 0]);
        let level = |price: i64, qty: i64, clear: u8| {
            let level = LevelBody {
                price,
                qty,
                clear,
                ..LevelBody::default()
            };
            without(&level.record(header(Kind::Level)))
        };
        assert_eq!(level(0, 0, 1), ["price"]);
        assert_eq!(level(0, 0, 0), [""; 0], "a level at zero is gone");
        assert_eq!(level(0, 3, 1), [""; 0]);
        let update = |action: BookAction| {
            let update = OrderUpdateBody {
                action: action as u8,
                ..OrderUpdateBody::default()
            };
            without(&update.record(header(Kind::OrderUpdate)))
        };
        assert_eq!(update(BookAction::Clear), ["price"]);
        assert_eq!(update(BookAction::None), ["price"]);
        assert_eq!(update(BookAction::Add), [""; 0]);
        let order = |order_type: OrderType| {
            let order = OrderBody {
                order_type: order_type as u8,
                ..OrderBody::default()
            };
            without(&order.record(header(Kind::Order)))
        };
        assert_eq!(order(OrderType::Market), ["price"]);
        assert_eq!(order(OrderType::Limit), [""; 0]);
    }
}
