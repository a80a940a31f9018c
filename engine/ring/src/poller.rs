//! One reading position in the ring, whichever kind of producer feeds it.

use disruptor::{EventPoller, MultiProducerBarrier, Polling, SingleProducerBarrier};

use crate::Item;
use crate::consumer::Poll;

pub(crate) enum Poller<T> {
    Many(EventPoller<T, MultiProducerBarrier>),
    Sole(EventPoller<T, SingleProducerBarrier>),
}

/// Runs the same expression for either kind of poller.
macro_rules! either {
    ($poller:expr, $inner:ident => $body:expr) => {
        match $poller {
            Poller::Many($inner) => $body,
            Poller::Sole($inner) => $body,
        }
    };
}

impl<T: Item> Poller<T> {
    /// Reads up to `limit` items and gives their slots back to the producers.
    #[inline]
    pub(crate) fn take(&mut self, limit: u64, on: impl FnMut(&T)) -> Poll {
        either!(self, poller => match poller.take(limit) {
            Ok(mut items) => {
                let batch = &mut items;
                let count = batch.len();
                batch.for_each(on);
                Poll::Some(count)
            }
            Err(Polling::NoEvents) => Poll::Idle,
            Err(Polling::Shutdown) => Poll::Closed,
        })
    }

    /// Neither an item nor the end of the ring is there to be read.
    pub(crate) fn is_idle(&mut self) -> bool {
        // A take of no items moves nothing.
        self.take(0, |_| ()) == Poll::Idle
    }

    /// Number of items that could be read now.
    pub(crate) fn lag(&mut self) -> usize {
        either!(self, poller => match poller.poll() {
            Ok(mut items) => {
                let batch = &mut items;
                let count = batch.len();
                // Dropping the guard would mark the items as read. It owns nothing.
                std::mem::forget(items);
                count
            }
            Err(Polling::NoEvents | Polling::Shutdown) => 0,
        })
    }

    /// Marks everything that could be read now as read.
    pub(crate) fn skip(&mut self) {
        either!(self, poller => drop(poller.poll()));
    }
}
