//! The publisher's thread: poll, send. A slow subscriber costs that subscriber messages, never this thread time.

use crate::metrics::Probe;
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use tickloom_ring::{Consumer, Poll};
use tickloom_types::Ts;
use tickloom_wire::{PublishItem, Publisher, WireError};

/// Everything the publisher's thread owns.
pub(crate) struct PublisherThread {
    pub(crate) publisher: Publisher,
    pub(crate) output: Consumer<Output>,
    pub(crate) probe: Probe,
}

impl PublisherThread {
    /// Runs until the core is gone and everything has been sent.
    ///
    /// # Errors
    /// The first error of the socket; what cannot be named is dropped and counted.
    pub(crate) fn run(mut self) -> Result<(), WireError> {
        loop {
            let mut failure = None;
            let PublisherThread {
                publisher,
                output,
                probe,
            } = &mut self;
            let found = output.poll(|_, item| {
                if failure.is_none() {
                    failure = send(publisher, probe, item).err();
                }
            });
            if let Some(error) = failure {
                return Err(error);
            }
            publisher.poll(clock::now())?;
            match found {
                Poll::Some(_) => {}
                Poll::Idle => {
                    probe.hand_over();
                    output.idle();
                }
                Poll::Closed => return Ok(()),
            }
            probe.lag(output.lag() as u64);
        }
    }
}

fn send(publisher: &mut Publisher, probe: &mut Probe, item: &Output) -> Result<(), WireError> {
    let ts_publish = clock::now();
    let sent = publisher.publish(&PublishItem {
        record: item.record,
        ts_output: Ts(item.ts_output),
        ts_publish,
    });
    match sent {
        Ok(()) => probe.record(ts_publish.0 - item.record.header.ts_recv),
        Err(WireError::Unnamed { .. }) => probe.dropped(1),
        Err(error) => return Err(error),
    }
    Ok(())
}
