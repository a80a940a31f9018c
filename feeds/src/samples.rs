//! The recorded samples that are part of the program; see `data/samples/README.md` for where they come from.

use crate::binance::Venue;
use crate::capture::CaptureSource;

/// A sample: what it is and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The venue that it was recorded at.
    pub venue: Venue,
    /// The symbol that it is of.
    pub symbol: &'static str,
    /// The recording, gzip.
    pub capture: CaptureSource,
}

/// BTCUSDT on spot and as USD-margined perpetual, the same 85 seconds of 2024-08-08.
#[must_use]
pub fn samples() -> [Sample; 2] {
    [
        Sample {
            venue: Venue::Spot,
            symbol: "BTCUSDT",
            capture: CaptureSource::Bytes(
                "binance-spot-btcusdt.capture.gz",
                include_bytes!("../../data/samples/binance-spot-btcusdt.capture.gz"),
            ),
        },
        Sample {
            venue: Venue::Usdm,
            symbol: "BTCUSDT",
            capture: CaptureSource::Bytes(
                "binance-usdm-btcusdt.capture.gz",
                include_bytes!("../../data/samples/binance-usdm-btcusdt.capture.gz"),
            ),
        },
    ]
}

/// The licence of the samples, which goes wherever they go.
pub const LICENSE: &str = include_str!("../../data/samples/LICENSE.hftbacktest.MIT.txt");
