//! Times in hundreds of nanoseconds, as Windows and .NET count them.

use super::Stamped;
use tickloom_types::Ts;

/// Nanoseconds of a tick.
const TICK_NS: i64 = 100;

/// From when ticks are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// The year 1: `DateTime.Ticks` of .NET.
    Net,
    /// The year 1601: `FILETIME` of Windows.
    File,
}

impl Ticks {
    /// The ticks that are called so.
    pub(super) fn told(text: &str) -> Option<Ticks> {
        [Ticks::Net, Ticks::File]
            .into_iter()
            .find(|ticks| ticks.name() == text)
    }

    /// What they are called where they are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ticks::Net => "dotnet",
            Ticks::File => "filetime",
        }
    }

    /// The same for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Ticks::Net => "ticks of .NET",
            Ticks::File => "FILETIME of Windows",
        }
    }

    /// The ticks from their epoch to 1970: 719,162 days, and 134,774.
    fn to_1970(self) -> i64 {
        let days = match self {
            Ticks::Net => 719_162,
            Ticks::File => 134_774,
        };
        days * 86_400 * 10_000_000
    }

    /// The time that a whole number of ticks is.
    pub(crate) fn parse(self, text: &[u8]) -> Option<Stamped> {
        let ticks: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        let since = ticks.checked_sub(self.to_1970())?;
        Some(Stamped::at(Ts(since.checked_mul(TICK_NS)?), TICK_NS))
    }
}
