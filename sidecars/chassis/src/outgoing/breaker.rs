//! A circuit breaker a host: after failures one after another the host is left alone for a while, then tried by one request alone.
//!
//! It is a state machine on times that it is given. Hosts that do not fail, and are not asked, are not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tickloom_types::Ts;

/// Failures one after another after which a host is left alone.
pub(super) const FAILURES_MAX: u32 = 5;
/// How long, the first time; each time that the trial fails it is twice as long, up to the longest.
pub(super) const REST_MIN: Duration = Duration::from_secs(10);
pub(super) const REST_MAX: Duration = Duration::from_secs(320);
/// Requests to one host at a time.
pub(super) const AT_ONCE_MAX: u32 = 32;
/// Hosts that are kept. Of more, one that was not asked for longest is forgotten.
const HOSTS_MAX: usize = 4096;

/// What a request is counted for: what it is about, and host and port.
pub(super) type Key = (&'static str, String);

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Host {
    failures: u32,
    /// Until when it is left alone, and how long that is; it is open or half-open while this is there.
    open: Option<(Ts, Duration)>,
    /// Whether the trial is under way.
    is_tried: bool,
    at_once: u32,
    last: Ts,
}

/// Why a request is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    Open(Duration),
    Busy,
}

/// How a request came out, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Works,
    Fails,
    /// It says nothing of the host: it was given up, or was wrong itself.
    Unknown,
}

/// The breakers of all hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Breakers {
    hosts: Arc<Mutex<HashMap<Key, Host>>>,
}

/// A request that is under way. Dropped without a verdict it says nothing of the host.
pub(super) struct Trying {
    breakers: Breakers,
    key: Key,
    is_trial: bool,
    ended: bool,
}

impl Host {
    fn is_idle(&self) -> bool {
        self.at_once == 0 && self.failures == 0 && self.open.is_none()
    }

    /// Lets a request go, and says whether it is the trial.
    fn begin(&mut self, now: Ts) -> Result<bool, NotNow> {
        if self.at_once >= AT_ONCE_MAX {
            return Err(NotNow::Busy);
        }
        let is_trial = match self.open {
            None => false,
            Some((until, _)) if now < until => return Err(NotNow::Open(since(now, until))),
            // Half-open: the trial alone goes.
            Some(_) if self.is_tried => return Err(NotNow::Open(Duration::ZERO)),
            Some(_) => true,
        };
        self.is_tried |= is_trial;
        self.at_once += 1;
        self.last = now;
        Ok(is_trial)
    }

    fn end(&mut self, is_trial: bool, verdict: Verdict, now: Ts) {
        self.at_once = self.at_once.saturating_sub(1);
        self.last = now;
        if is_trial {
            self.is_tried = false;
        }
        match (verdict, self.open) {
            (Verdict::Unknown, _) => {}
            (Verdict::Works, None) => self.failures = 0,
            (Verdict::Works, Some(_)) if is_trial => {
                self.failures = 0;
                self.open = None;
            }
            (Verdict::Fails, None) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_MAX {
                    self.open = Some((after(now, REST_MIN), REST_MIN));
                }
            }
            (Verdict::Fails, Some((_, rest))) if is_trial => {
                let rest = (rest * 2).min(REST_MAX);
                self.open = Some((after(now, rest), rest));
            }
            // It began before the breaker opened.
            (Verdict::Works | Verdict::Fails, Some(_)) => {}
        }
    }
}

impl Breakers {
    /// Lets a request to a host go.
    pub(super) fn begin(&self, key: &Key, now: Ts) -> Result<Trying, NotNow> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_MAX && !hosts.contains_key(key) {
            let unused = hosts.iter().filter(|(_, host)| host.at_once == 0);
            let oldest = unused.min_by_key(|(_, host)| host.last);
            let oldest = oldest.map(|(key, _)| key.clone()).ok_or(NotNow::Busy)?;
            hosts.remove(&oldest);
        }
        let is_trial = hosts.entry(key.clone()).or_default().begin(now)?;
        Ok(Trying {
            breakers: self.clone(),
            key: key.clone(),
            is_trial,
            ended: false,
        })
    }

    /// How many hosts of this kind are left alone.
    pub(super) fn open(&self, about: &str) -> usize {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |(key, host): &(&Key, &Host)| key.0 == about && host.open.is_some();
        hosts.iter().filter(is_open).count()
    }

    fn end(&self, key: &Key, is_trial: bool, (verdict, now): (Verdict, Option<Ts>)) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get_mut(key) {
            let now = now.unwrap_or(host.last);
            host.end(is_trial, verdict, now);
            if host.is_idle() {
                hosts.remove(key);
            }
        }
    }
}

impl Trying {
    /// Ends it.
    pub(super) fn end(mut self, verdict: Verdict, now: Ts) {
        self.ended = true;
        self.breakers
            .end(&self.key, self.is_trial, (verdict, Some(now)));
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        if !self.ended {
            self.breakers
                .end(&self.key, self.is_trial, (Verdict::Unknown, None));
        }
    }
}

fn after(now: Ts, rest: Duration) -> Ts {
    let nanos = i64::try_from(rest.as_nanos()).unwrap_or(i64::MAX);
    Ts(now.0.saturating_add(nanos))
}

fn since(now: Ts, until: Ts) -> Duration {
    Duration::from_nanos(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
