//! What is known of the files of a vendor who is named, beside their columns.

use super::{Layout, Puzzle};
use crate::import::format::Format;
use crate::import::time::{DateOrder, TimeFormat};
use jiff::tz::TimeZone;

/// The clocks by which Kibot's times are: `Time zone: US Eastern (New York)` in its description of data formats.
const KIBOT_ZONE: &str = "America/New_York";

impl Layout {
    /// Takes what the named vendor says of all its files, where nothing else was said.
    pub(super) fn set_vendor(&mut self, format: Option<Format>) -> Result<(), Puzzle> {
        if format != Some(Format::Kibot) {
            return Ok(());
        }
        let zone = TimeZone::get(KIBOT_ZONE);
        let zone = zone.map_err(|error| (error.to_string(), "zones of IANA".to_owned()))?;
        self.known.zone = Some(zone);
        self.notes
            .push(format!("times are of {KIBOT_ZONE}, as Kibot writes them"));
        Ok(())
    }

    /// How a named vendor writes times; `None` where the rows have to say.
    pub(super) fn vendor_time(format: Option<Format>) -> Option<TimeFormat> {
        match format {
            Some(Format::Kibot) => Some(TimeFormat::Text(DateOrder::MonthFirst)),
            Some(Format::Kraken) => Some(TimeFormat::Unit(9)),
            _ => None,
        }
    }
}
