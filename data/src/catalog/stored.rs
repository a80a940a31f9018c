//! The columns of the catalog's files beside those of their table: the place of each row in the one order.

use super::Table;
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// The last columns of a file: nanoseconds for which a row was held back, and how many rows of its moment follow.
pub(crate) const HELD: &str = "held";
pub(crate) const MORE: &str = "more";

impl Table {
    /// The Arrow schema of the catalog's files of this schema version: since version 3 they say the place of each row in the
    /// one order.
    pub(crate) fn stored(self, version: u32) -> Arc<Schema> {
        let schema = self.schema();
        if version < 3 {
            return schema;
        }
        let place = [
            Field::new(HELD, DataType::UInt64, false),
            Field::new(MORE, DataType::Int32, false),
        ];
        let fields = schema.fields().iter().map(|field| field.as_ref().clone());
        Arc::new(Schema::new(fields.chain(place).collect::<Vec<_>>()))
    }
}
