//! Resident memory of this process, where the system tells it as a file (Linux).

use serde::Serialize;

/// Bytes at some moments of a load; none where they are not known.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Memory {
    pub(super) start: Option<u64>,
    pub(super) middle: Option<u64>,
    pub(super) end: Option<u64>,
    /// The most that it ever was, until the load was over.
    pub(super) peak: Option<u64>,
}

impl Memory {
    /// With the peak of now.
    pub(super) fn with_peak(self) -> Memory {
        // The system adds up the peak less often than what is now.
        let seen = [value("VmHWM:"), self.start, self.middle, self.end];
        let peak = seen.into_iter().flatten().max();
        Memory { peak, ..self }
    }
}

/// Bytes of now.
pub(super) fn resident() -> Option<u64> {
    value("VmRSS:")
}

fn value(name: &str) -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

fn parse(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_file_is_read_by_name() {
        let status = "Name:\ttickloom\nVmHWM:\t   60000 kB\nVmRSS:\t    5 kB\n";
        assert_eq!(parse(status, "VmRSS:"), Some(5 * 1_024));
        assert_eq!(parse(status, "VmHWM:"), Some(60_000 * 1_024));
        assert_eq!(parse(status, "VmSwap:"), None);
        assert_eq!(parse("VmRSS:\tmuch\n", "VmRSS:"), None);
    }
}
