//! The records of a capture that a backtest wants, packed as they come: whatever its length, only so many bytes of them are in memory.

use super::settings::Settings;
use crate::failure::Failure;
use anyhow::anyhow;
use std::path::Path;
use tickloom_data::{FormatError, PackedRecords, Packing, retain_records};
use tickloom_types::{Instruments, MomentSink, Record, Ts};

/// Takes the records of a capture.
pub(super) struct Wanted {
    from: Option<Ts>,
    to: Option<Ts>,
    packing: Packing,
    /// Times of the first and the last record that came, whether or not it is wanted.
    span: Option<(Ts, Ts)>,
    moment: Vec<Record>,
    /// Why not all of them could be kept.
    failed: Option<FormatError>,
}

impl Wanted {
    /// Those in the range of time of the settings, of so many instruments, with so many bytes of memory.
    pub(super) fn new(settings: &Settings, instruments: usize, bytes_max: u64) -> Wanted {
        Wanted {
            from: settings.from,
            to: settings.to,
            packing: Packing::new(instruments, bytes_max),
            span: None,
            moment: Vec::new(),
            failed: None,
        }
    }

    /// All that are wanted.
    ///
    /// # Errors
    /// There is none, or no room for a temporary file.
    pub(super) fn finish(
        self,
        path: &Path,
        instruments: Instruments,
    ) -> Result<PackedRecords, Failure> {
        if let Some(failed) = self.failed {
            return Err(Failure::run(failed));
        }
        let Some((first, last)) = self.span else {
            return Err(Failure::input(anyhow!("{} has no record", path.display())));
        };
        let packed = self.packing.finish(instruments);
        if packed.is_empty() {
            return Err(Failure::input(anyhow!(
                "no data in this range; {} has records from {first} to {last}",
                path.display()
            )));
        }
        Ok(packed)
    }

    fn is_wanted(&self, record: &Record) -> bool {
        let ts = record.ts_event();
        self.from.is_none_or(|from| ts >= from) && self.to.is_none_or(|to| ts < to)
    }
}

impl MomentSink for Wanted {
    fn push_moment(&mut self, records: &[Record]) {
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return;
        };
        let since = self.span.map_or(first.ts_event(), |(since, _)| since);
        self.span = Some((since, last.ts_event()));
        let mut moment = std::mem::take(&mut self.moment);
        moment.clear();
        moment.extend_from_slice(records);
        retain_records(&mut moment, |record| self.is_wanted(record));
        for record in &moment {
            if self.failed.is_none() {
                self.failed = self.packing.push(record).err();
            }
        }
        self.moment = moment;
    }
}
