//! Who does what is to be done at a moment, and when that is.

use crate::database::Write;
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;
use tickloom_types::Ts;

/// A timer that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What it is about, as whoever set it wrote it; that of one which is always there is its kind.
    pub key: String,
    /// When it was to fire.
    pub due: Ts,
    /// What time it is: later than `due` if nothing ran then, or it failed.
    pub now: Ts,
}

/// What [`TimerHandler::fire`] returns: when it fires again, if it does.
pub type TimerFuture<'a> = Pin<
    Box<
        dyn Future<Output = std::result::Result<Option<Ts>, Box<dyn Error + Send + Sync>>>
            + Send
            + 'a,
    >,
>;

/// Does what is to be done at timers of one kind.
pub trait TimerHandler: Send + Sync + 'static {
    /// Which kind, in lower case.
    fn kind(&self) -> &'static str;

    /// If one is always there, whose key is its kind: it is due at each start, and then so long after it fired, unless it says when.
    /// How often it fires makes no difference: what it missed is not made up for, and a clock that is moved goes past it. Timers of other
    /// kinds are due when a transaction says so ([`set_timer`](super::set_timer)), and when they say so themselves.
    fn every(&self) -> Option<Duration> {
        None
    }

    /// Does it in this transaction, in which the timer is over and the log of events is held, so that two never wait for each other; and
    /// says when it is due again, later than `due`. If it fails nothing of it is kept, and it is tried again after a pause.
    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a>;

    /// What there is to do in this process once that is committed, such as to read again what was changed. Other processes, and one that
    /// is killed, do not do it.
    fn committed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}
