//! What several benches measure with.

use tickloom_feeds::binance::Venue;
use tickloom_feeds::capture::{CaptureConfig, decode_captures};
use tickloom_feeds::samples::samples;
use tickloom_types::{Instruments, Record};

/// The recorded minutes of a perpetual that come with the project, decoded.
pub(crate) fn recorded() -> (Instruments, Vec<Record>) {
    let mut instruments = Instruments::new();
    let mut records = Vec::new();
    let sample = samples().into_iter().find(|s| s.venue == Venue::Usdm);
    let sample = sample.expect("there is a sample of a perpetual");
    decode_captures(
        &[sample.capture],
        &CaptureConfig::default(),
        &mut instruments,
        &mut records,
    )
    .expect("the sample can be decoded");
    (instruments, records)
}
