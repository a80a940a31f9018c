//! The columns of the catalog's files beside those of their table: the place of each row in the one order.

use super::Table;
use super::table::NUMBER;
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// The last columns of a file: nanoseconds for which a row was held back.
pub const HELD: &str = "held";
/// How many rows of its moment follow.
pub const MORE: &str = "more";
/// What it was called up to schema version 3.
pub const NUMBER_BEFORE: &str = "output_seq";
/// Schema version from which on a file says when its rows were released.
pub(crate) const PLACED_VERSION: u32 = 3;

/// What the column with the number of an output is called in files of this schema version.
pub(crate) fn number_column(version: u32) -> &'static str {
    if version < 4 { NUMBER_BEFORE } else { NUMBER }
}

impl Table {
    /// The Arrow schema of the catalog's files of this schema version: since version 3 they say the place of each row in the
    /// one order, and since version 4 the number of an output is called as everywhere.
    pub(crate) fn stored(self, version: u32) -> Arc<Schema> {
        let schema = self.schema();
        let named = |field: &Arc<Field>| match field.name() == NUMBER {
            true => field.as_ref().clone().with_name(number_column(version)),
            false => field.as_ref().clone(),
        };
        let mut fields: Vec<Field> = schema.fields().iter().map(named).collect();
        if version >= PLACED_VERSION {
            fields.push(Field::new(HELD, DataType::UInt64, false));
            fields.push(Field::new(MORE, DataType::Int32, false));
        }
        Arc::new(Schema::new(fields))
    }
}
