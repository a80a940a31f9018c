//! Which catalog a command is about, and how it answers.

use crate::failure::Failure;
use crate::output;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The catalog and how to answer.
#[derive(clap::Args)]
pub(super) struct At {
    /// The directory of the catalog, or its url such as s3://bucket/prefix
    #[arg(value_name = "DIR", required_unless_present = "catalog")]
    dir: Option<PathBuf>,
    /// The same, as other commands name it
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    catalog: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl At {
    /// Where the catalog is.
    pub(super) fn dir(&self) -> &Path {
        let given = self.dir.as_ref().or(self.catalog.as_ref());
        given.map_or(Path::new(""), PathBuf::as_path)
    }

    /// One JSON object: the catalog and what was found.
    pub(super) fn answer(&self, found: &impl Serialize) -> Result<(), Failure> {
        let mut object = json!({ "catalog": self.dir() });
        let found = serde_json::to_value(found).map_err(Failure::run)?;
        if let (Some(object), serde_json::Value::Object(found)) = (object.as_object_mut(), found) {
            object.extend(found);
        }
        output::json(&object)
    }
}
