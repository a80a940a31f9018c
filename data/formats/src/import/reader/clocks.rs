//! Local times that the clocks of a zone show twice or never: what is wrong with them, and what settles it.

use super::Reader;
use crate::import::cells::Cell;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

impl Reader<'_> {
    /// What was expected of a time that is no instant in the zone of the file, but would be one elsewhere.
    pub(super) fn not_once(&self, time: Cell<'_>, time_of_day: Option<Cell<'_>>) -> Option<String> {
        let format = &self.layout.time;
        let read = format.read_joined(time, time_of_day, &TimeZone::UTC, &mut Vec::new())?;
        let shown = Timestamp::from_nanosecond(read.ts.0.into()).ok()?;
        let shown = Offset::UTC.to_datetime(shown);
        let zone = self.zone.iana_name().unwrap_or("its zone");
        let (how, from, to, what) = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { .. } => return None,
            AmbiguousOffset::Fold { before, after } => ("has once", after, before, "twice"),
            AmbiguousOffset::Gap { before, after } => ("has", before, after, "never"),
        };
        // The last instant that it can be is after the clocks were changed.
        let last = from.min(to).to_timestamp(shown).ok()?;
        let last = last.checked_add(SignedDuration::from_nanos(1)).ok()?;
        let change = self.zone.preceding(last).next()?.timestamp();
        let [from, to] = [from, to].map(|offset| offset.to_datetime(change));
        Some(format!(
            "a time that {zone} {how}: on {} its clocks show {} to {} {what} (an offset in the times settles it, or --zone UTC or an offset \
             such as -05:00 if they are of that)",
            from.date(),
            from.time(),
            to.time()
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::import::{ImportOptions, Input};
    use std::path::Path;

    fn refused(times: [&str; 3], zone: &str) -> Vec<(u64, String, String)> {
        let rows = times.map(|time| format!("{time},1,1\n")).concat();
        let text = format!("time,price,size\n{rows}");
        let options = ImportOptions {
            zone: Some(zone.to_owned()),
            refused_max: Some("100%".parse().unwrap()),
            ..ImportOptions::default()
        };
        let input = Input::bytes(Path::new("x.csv"), text.into_bytes());
        let report = input.check(&options).unwrap();
        let errors = report.errors.into_iter();
        errors
            .map(|error| (error.line, error.value, error.expected))
            .collect()
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_said() {
        let settled = "(an offset in the times settles it, or --zone UTC or an offset such as -05:00 if they are of that)";
        let times = [
            "2024-11-03 00:59:59",
            "2024-11-03 01:30:00",
            "2024-11-03 02:00:00",
        ];
        let expected = format!(
            "a time that America/New_York has once: on 2024-11-03 its clocks show 01:00:00 to 02:00:00 twice {settled}"
        );
        assert_eq!(
            refused(times, "America/New_York"),
            [(3, times[1].to_owned(), expected)]
        );
        assert!(refused(times, "-05:00").is_empty());
        let times = [
            "2024-03-31 01:59:59",
            "2024-03-31 02:00:00",
            "2024-03-31 03:00:00",
        ];
        let expected = format!(
            "a time that Europe/Berlin has: on 2024-03-31 its clocks show 02:00:00 to 03:00:00 never {settled}"
        );
        assert_eq!(
            refused(times, "Europe/Berlin"),
            [(3, times[1].to_owned(), expected)]
        );
        // With an offset it is an instant.
        let times = [
            "2024-11-03 01:30:00-04:00",
            "2024-11-03 01:30:00-05:00",
            "2024-11-03 02:00:00-05:00",
        ];
        assert!(refused(times, "America/New_York").is_empty());
    }
}
