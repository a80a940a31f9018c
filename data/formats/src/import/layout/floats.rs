//! Columns of floats that hold times: what they have lost of them.

use super::{Layout, Puzzle};
use crate::import::columnar::Described;
use crate::import::time::has_lost_nanos;

impl Layout {
    /// Refuses times in floats of 32 bits, which hold seconds since the epoch to 128, and nanoseconds in floats of 64 bits, which hold them to
    /// 256, unless they are whole seconds.
    pub(super) fn no_floats(&self, table: &Described) -> Result<(), Puzzle> {
        let (time, time_of_day) = self.time_columns();
        for at in [Some(time), time_of_day].into_iter().flatten() {
            let Some(column) = table.columns.get(at) else {
                continue;
            };
            let is_cut = |text: &[u8]| {
                let value = std::str::from_utf8(text).ok();
                let value = value.and_then(|text| text.parse().ok());
                value.is_some_and(has_lost_nanos)
            };
            let (bits, lost) = match column.type_name.as_str() {
                "float32" => (32, "which hold seconds since the epoch to 128 of them"),
                "float64" if table.head.iter().any(|row| is_cut(row.get(at))) => {
                    (64, "which hold nanoseconds since the epoch to 256 of them")
                }
                _ => continue,
            };
            let name = &self.names[at];
            let found = format!("times in {name:?} as floats of {bits} bits, {lost}");
            let expected = "whole numbers or timestamps, which have all their digits";
            return Err((found, expected.to_owned()));
        }
        Ok(())
    }
}
