//! File descriptors: what a run needs is set aside before anybody may connect, so that no number of connections takes it.
//!
//! The limit is raised as far as the system lets us. What the threads of a run may use at most is subtracted, and subscribers get
//! the rest, up to what was asked for.

use crate::metrics_server;
use crate::output;
use anyhow::{Result, anyhow};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Standard streams, what libraries keep open, the sockets of ZeroMQ and what they wake each other with, and some to spare.
const BASE: u64 = 48;
/// A feed: its connections, those that take over from them, requests for snapshots, names to resolve, its runtime.
const A_FEED: u64 = 14;
/// Journal and catalog: segments, directories, one file a table that is being written.
const RECORDING: u64 = 32;
/// Reading the journal, and requests to the server.
const QUESTDB: u64 = 12;
/// The metrics port beside its connections.
const METRICS: u64 = 6;
/// Fewer subscribers than this are no publisher.
const SUBSCRIBERS_MIN: u64 = 8;
/// More are not asked for, even where the system has no limit.
const LIMIT_MAX: u64 = 1 << 20;

/// What a run will do with descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    pub(crate) feeds: usize,
    pub(crate) is_recorded: bool,
    pub(crate) has_questdb: bool,
    pub(crate) has_metrics: bool,
}

impl Needs {
    fn count(self) -> u64 {
        let if_so = |is_so: bool, count| if is_so { count } else { 0 };
        let metrics = METRICS + metrics_server::CONNECTIONS_MAX as u64;
        BASE + A_FEED * self.feeds as u64
            + if_so(self.is_recorded, RECORDING)
            + if_so(self.has_questdb, QUESTDB)
            + if_so(self.has_metrics, metrics)
    }
}

/// Raises the limit and returns how many of the `wanted` subscribers may connect at a time.
///
/// # Errors
/// The limit does not even suffice for the run itself.
pub(crate) fn set_aside(needs: Needs, wanted: u32) -> Result<u32> {
    let limit = raise(needs.count() + u64::from(wanted));
    let subscribers = share(limit, needs, wanted)?;
    if subscribers < wanted {
        output::note(&format!(
            "open files {limit} are allowed, of which the run may need {}: at most {subscribers} subscribers can connect",
            needs.count()
        ));
    }
    Ok(subscribers)
}

/// The limit, raised so that `count` fit, or as near to that as the system lets us.
fn raise(count: u64) -> u64 {
    // A system that does not say is taken for one that has enough.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LIMIT_MAX;
    };
    let wanted = soft.max(count.min(hard).min(LIMIT_MAX));
    if wanted > soft && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_err() {
        return soft;
    }
    wanted
}

fn share(limit: u64, needs: Needs, wanted: u32) -> Result<u32> {
    let least = needs.count() + SUBSCRIBERS_MIN;
    if limit < least {
        return Err(anyhow!(
            "the system allows {limit} open files, expected at least {least} for this run: raise the limit with `ulimit -n`"
        ));
    }
    let rest = u32::try_from(limit - needs.count()).unwrap_or(u32::MAX);
    Ok(wanted.min(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs {
        feeds: 2,
        is_recorded: true,
        has_questdb: false,
        has_metrics: true,
    };

    fn check(limit: u64, wanted: u32, expected: Option<u32>) {
        assert_eq!(share(limit, NEEDS, wanted).ok(), expected, "{limit}");
    }

    #[test]
    fn subscribers_get_what_the_run_leaves() {
        // 48 + 2 * 14 + 32 + 6 + 16.
        assert_eq!(NEEDS.count(), 130);
        check(1_024, 1_000, Some(894));
        check(4_096, 1_000, Some(1_000));
        check(138, 1_000, Some(8));
        check(137, 1_000, None);
        check(u64::MAX, u32::MAX, Some(u32::MAX));
        let error = share(100, NEEDS, 10).expect_err("too few").to_string();
        assert!(
            error.contains("allows 100 open files, expected at least 138"),
            "{error}"
        );
    }

    #[test]
    fn the_limit_is_never_lowered() {
        let (before, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("this system says");
        assert!(raise(1) >= before);
    }
}
