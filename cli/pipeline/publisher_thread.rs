//! The publisher's thread: poll, send. A slow subscriber costs that subscriber messages, never this thread time.

use crate::metrics::{Gauge, Metrics, Probe};
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use crate::pipeline::monitor::Monitor;
use crate::pipeline::troubles::Troubles;
use tickloom_ring::{Consumer, Poll};
use tickloom_types::Ts;
use tickloom_wire::{PublishItem, Publisher, PublisherMetrics, WireError, is_output};

/// Everything the publisher's thread owns.
pub(crate) struct PublisherThread {
    pub(crate) publisher: Publisher,
    /// Number that the next output has in the run.
    pub(crate) next_output: u64,
    pub(crate) output: Consumer<Output>,
    pub(crate) monitor: Monitor,
    pub(crate) probe: Probe,
    pub(crate) audience: Audience,
    pub(crate) troubles: Troubles,
}

/// Who is connected, for the metrics.
pub(crate) struct Audience {
    connections: Gauge,
    refused: Gauge,
}

impl Audience {
    pub(crate) fn new(metrics: &Metrics) -> Audience {
        Audience {
            connections: metrics.gauge("subscribers", "Connections of subscribers"),
            refused: metrics.gauge(
                "subscribers_refused",
                "Connections that were closed because there were too many",
            ),
        }
    }

    fn show(&self, metrics: &PublisherMetrics) {
        self.connections.set(metrics.connections);
        self.refused.set(metrics.connections_refused);
    }
}

impl PublisherThread {
    /// Runs until the core is gone and everything has been sent.
    ///
    /// # Errors
    /// The first error of the socket; what cannot be named is dropped and counted.
    pub(crate) fn run(mut self) -> Result<(), WireError> {
        let ended = self.send_all();
        if let Err(error) = &ended {
            let text = format!("nothing more is published: {error}");
            self.troubles.set("publisher", &text);
        }
        ended
    }

    fn send_all(&mut self) -> Result<(), WireError> {
        loop {
            let mut failure = None;
            let PublisherThread {
                publisher,
                next_output,
                output,
                monitor,
                probe,
                audience,
                ..
            } = self;
            let found = output.poll(|_, item| {
                let number = number(item, next_output);
                if failure.is_none() {
                    failure = send(publisher, probe, item, number).err();
                    monitor.record(&item.record);
                }
            });
            if let Some(error) = failure {
                return Err(error);
            }
            let now = clock::now();
            publisher.poll(now)?;
            monitor.hand_over(now);
            audience.show(&publisher.metrics());
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

/// The number of an item in the run. Every output takes one, published or not.
fn number(item: &Output, next_output: &mut u64) -> u64 {
    if !is_output(item.record.header.kind) {
        return item.seq;
    }
    let number = *next_output;
    *next_output += 1;
    number
}

fn send(
    publisher: &mut Publisher,
    probe: &mut Probe,
    item: &Output,
    number: u64,
) -> Result<(), WireError> {
    let ts_publish = clock::now();
    let sent = publisher.publish(&PublishItem {
        record: item.record,
        number,
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
