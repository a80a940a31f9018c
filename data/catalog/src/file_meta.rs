//! What a Parquet file of the catalog says of itself.

use super::key::Key;
use super::table::Table;
use serde::{Deserialize, Serialize};
use tickloom_types::{BarSpec, InstrumentDef, Ts};

/// Version of the schemas that this code writes. It reads all from 1 on.
pub const SCHEMA_VERSION: u32 = 6;
/// Key of the metadata in a file's footer.
pub const META_KEY: &str = "tickloom";

/// What a file says of itself, as JSON in its footer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileMeta {
    pub(crate) schema: u32,
    pub(crate) table: Table,
    pub(crate) run: String,
    /// `None` for records of a source as a whole.
    pub(crate) instrument: Option<InstrumentDef>,
    /// The size of the bars, if they are.
    pub(crate) bar: Option<BarSpec>,
    pub(crate) rows: u64,
    pub(crate) first: Key,
    pub(crate) last: Key,
    pub(crate) ts_min: Ts,
    pub(crate) ts_max: Ts,
    /// When its rows were released, from the first to the last; files of the schema versions 1 and 2 do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Option<(Ts, Ts)>,
}
