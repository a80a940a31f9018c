//! Where the times of a file are, and how they are written.

use super::start::time_format;
use super::{Layout, Puzzle, Role};
use crate::import::cells::{Cell, Cells};
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
use crate::import::time::{TimeFormat, time_text};
use std::borrow::Cow;

impl Layout {
    /// The column of the time, or of the date where that is apart, and of the time of day.
    pub(crate) fn time_columns(&self) -> (usize, Option<usize>) {
        match self.column(Role::Time) {
            Some(time) => (time, None),
            None => (
                self.column(Role::Date).unwrap_or(0),
                self.column(Role::TimeOfDay),
            ),
        }
    }

    /// The text of a row's time.
    pub(crate) fn time_text<'a>(&self, cells: &'a dyn Cells) -> Cow<'a, [u8]> {
        let (time, time_of_day) = self.time_columns();
        let Some(at) = time_of_day else {
            return cells.cell(time).text();
        };
        match self.clock_text(cells.cell(at)) {
            Some(padded) => {
                let text = time_text(cells.cell(time), Some(Cell::Text(&padded)));
                Cow::Owned(text.into_owned())
            }
            None => time_text(cells.cell(time), Some(cells.cell(at))),
        }
    }

    /// Finds out how its times are written, unless it is told.
    pub(super) fn set_time(
        &mut self,
        data: &[Fields],
        options: &ImportOptions,
    ) -> Result<(), Puzzle> {
        if let Some(told) = &options.time_format {
            let format = TimeFormat::told(told);
            self.time = format.ok_or_else(|| {
                let expected = "s, ms, us, ns, dotnet, filetime, compact, day-first, month-first or a pattern such as %d/%m/%Y %H:%M";
                (format!("a time format {told:?}"), expected.to_owned())
            })?;
            return Ok(());
        }
        if let Some(format) = Layout::vendor_time(options.format) {
            self.time = format;
            return Ok(());
        }
        self.clock = self.clock_of(data);
        let texts: Vec<Vec<u8>> = data
            .iter()
            .map(|row| self.time_text(row).into_owned())
            .collect();
        (self.time, self.is_time_in_doubt) = time_format(&texts)?;
        match options.zone {
            Some(_) => Ok(()),
            None => self.check_local(&texts),
        }
    }
}
