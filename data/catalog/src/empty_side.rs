//! A side of a quote that is empty: price and size are zero in the catalog's files, as in records. To those who calculate with prices it
//! is none, so SQL and exported files have null there.

use super::Table;
use super::column::Column;
use arrow_schema::{Field, Schema};
use std::sync::Arc;
use tickloom_types::Record;

impl Table {
    /// The column of sizes beside a column of prices that may be of an empty side: both are zero then. `None` for all other columns.
    #[must_use]
    pub fn size_beside(self, price: &str) -> Option<&'static Column> {
        let size = match (self, price) {
            (Table::Quotes, "bid") => "bid_qty",
            (Table::Quotes, "ask") => "ask_qty",
            _ => return None,
        };
        self.columns().iter().find(|column| column.name == size)
    }

    /// The Arrow schema of exported files: that of the catalog's, with null for the price of an empty side.
    #[must_use]
    pub fn exported(self) -> Arc<Schema> {
        let schema = self.schema();
        let field = |field: &Arc<Field>| match self.size_beside(field.name()) {
            Some(_) => Arc::new(field.as_ref().clone().with_nullable(true)),
            None => Arc::clone(field),
        };
        Arc::new(Schema::new(
            schema.fields().iter().map(field).collect::<Vec<_>>(),
        ))
    }
}

impl Column {
    /// Whether a record has neither a price in this column nor a size in that beside it.
    #[must_use]
    pub fn is_empty_side(&self, size: &Column, record: &Record) -> bool {
        self.get(record) == 0 && size.get(record) == 0
    }
}
