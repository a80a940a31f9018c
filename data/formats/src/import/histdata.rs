//! What HistData says by the names of its files: `DAT_ASCII_EURUSD_M1_202401`. The pair is in it, and its times are those of New York in
//! winter, all year (`Eastern Standard Time (EST) time-zone WITHOUT Day Light Savings adjustments`, in its description of the files).

use super::layout::Layout;
use super::options::ImportOptions;
use jiff::tz::{Offset, TimeZone};
use tickloom_types::{BarSpec, NANOS_PER_SECOND};

/// The containers that it offers.
const KINDS: [&str; 4] = ["ASCII", "MT", "NT", "XLSX"];

/// Takes the pair, the zone and the size of bars from the name of a file, if it is one of HistData's.
pub(crate) fn name(layout: &mut Layout, options: &ImportOptions) {
    let parts: Vec<&str> = layout.known.file.split('_').collect();
    let ["DAT", kind, pair, what @ ("M1" | "T"), period] = parts.as_slice() else {
        return;
    };
    let is_period = matches!(period.len(), 4 | 6) && period.bytes().all(|b| b.is_ascii_digit());
    let is_pair = pair.len() >= 6 && pair.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_period || !is_pair || !KINDS.contains(kind) {
        return;
    }
    let pair = (*pair).to_owned();
    layout.known.may_be_closes = false;
    if *what == "M1" {
        layout.known.bar = Some(BarSpec::Time(60 * NANOS_PER_SECOND));
    }
    if options.zone.is_none() && layout.known.zone.is_none() {
        layout.known.zone = Some(TimeZone::fixed(Offset::constant(-5)));
        let note = "times are five hours behind UTC all year, as HistData writes them";
        layout.notes.push(note.to_owned());
    }
    let note = format!("instrument {pair}, as HistData calls its files");
    layout.notes.push(note);
    layout.known.instrument = Some(pair);
}
