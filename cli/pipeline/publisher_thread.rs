//! The publisher's thread: poll, send. A slow subscriber costs that subscriber messages, never this thread time.

use crate::config::PublishWhen;
use crate::metrics::{Gauge, Metrics, Probe};
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use crate::pipeline::monitor::Monitor;
use crate::pipeline::promise::Promise;
use crate::pipeline::states::{Known, States};
use crate::pipeline::troubles::Troubles;
use std::time::Duration;
use tickloom_journal::{Numbers, Reserved};
use tickloom_ring::{Consumer, Poll};
use tickloom_types::{Kind, OrderBody, Record, Seq, Ts};
use tickloom_wire::{PublishItem, Publisher, PublisherMetrics, RunPosition, WireError, is_output};

/// Time between two looks at what is promised, while a message waits for it.
const GATE_PAUSE: Duration = Duration::from_micros(200);

/// Everything the publisher's thread owns.
pub(crate) struct PublisherThread {
    pub(crate) publisher: Publisher,
    /// Number that the next output has in the run.
    pub(crate) next_output: u64,
    pub(crate) output: Consumer<Output>,
    /// What a recorded run may publish.
    pub(crate) gate: Option<Gate>,
    /// What the run knows, for those who come.
    pub(crate) states: States,
    pub(crate) monitor: Monitor,
    pub(crate) probe: Probe,
    pub(crate) audience: Audience,
    pub(crate) troubles: Troubles,
}

/// Holds back what is not promised: what a crash could take back without a word, or at all.
pub(crate) struct Gate {
    promise: Promise,
    when: PublishWhen,
    /// These may pass, as of the last look.
    open: Reserved,
}

/// What asks to pass.
#[derive(Clone, Copy, Debug)]
struct Passing {
    is_output: bool,
    /// Its number in the run.
    number: u64,
    /// The order that it is the first to tell of, or tells of again; 0 of what tells of none.
    order: u32,
}

impl Passing {
    fn new(record: &Record, number: u64) -> Passing {
        let is_order = record.header.kind == Kind::Order as u8;
        Passing {
            is_output: is_output(record.header.kind),
            number,
            order: if is_order {
                OrderBody::of(record).order
            } else {
                0
            },
        }
    }

    fn is_below(self, open: &Reserved) -> bool {
        let open_number = if self.is_output {
            open.outputs
        } else {
            open.inputs
        };
        self.number < open_number && open.orders.is_none_or(|last| self.order <= last)
    }
}

/// The recording has ended without the promise that a message waits for.
struct Broken;

impl Gate {
    pub(crate) fn new(promise: &Promise, when: PublishWhen) -> Gate {
        Gate {
            promise: promise.clone(),
            when,
            open: Reserved::default(),
        }
    }

    /// Waits until a message may pass. Subscribers see heartbeats late then, and nothing wrong.
    fn wait(&mut self, passing: Passing) -> Result<(), Broken> {
        loop {
            if passing.is_below(&self.open) {
                return Ok(());
            }
            let is_broken = self.promise.is_broken();
            let newest = match self.when {
                PublishWhen::AtOnce => self.promise.reserved(),
                // An order that is on the disk has its number from there.
                PublishWhen::Durable => self.promise.durable().into(),
            };
            if newest != self.open {
                self.open = newest;
            } else if is_broken {
                return Err(Broken);
            } else {
                std::thread::sleep(GATE_PAUSE);
            }
        }
    }
}

impl Gate {
    /// Waits until all inputs and outputs before these may pass, whose orders have passed one by one.
    fn wait_for_all(&mut self, next_seq: Seq, next_output: u64) -> Result<(), Broken> {
        for (is_output, next) in [(false, next_seq), (true, next_output)] {
            if let Some(number) = next.checked_sub(1) {
                self.wait(Passing {
                    is_output,
                    number,
                    order: 0,
                })?;
            }
        }
        Ok(())
    }
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
        let ended = self.send_known().and_then(|()| self.send_all());
        if let Err(error) = &ended {
            let text = format!("nothing more is published: {error}");
            self.troubles.set("publisher", &text);
        }
        ended
    }

    fn send_known(&mut self) -> Result<(), WireError> {
        let known = &self.states.known;
        let records = known.records();
        self.publisher
            .publish_state(known.next, &records, clock::now())
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
                gate,
                states,
                ..
            } = self;
            let mut is_broken = false;
            let found = output.poll(|_, item| {
                if failure.is_some() || is_broken {
                    return;
                }
                if item.is_state() {
                    if let Some(gate) = gate {
                        is_broken = gate.wait_for_all(item.seq, *next_output).is_err();
                    }
                    if !is_broken {
                        failure = answer(publisher, states, item.seq, *next_output).err();
                    }
                    return;
                }
                let number = number(item, next_output);
                if let Some(gate) = gate {
                    is_broken = gate.wait(Passing::new(&item.record, number)).is_err();
                }
                if !is_broken {
                    failure = send(publisher, probe, item, number).err();
                    monitor.record(&item.record);
                }
            });
            if let Some(error) = failure {
                return Err(error);
            }
            if is_broken {
                let text = "nothing more is published: the recording has ended before it";
                self.troubles.set("publisher", text);
                return Ok(());
            }
            let now = clock::now();
            if let Some(gate) = gate {
                let Numbers { inputs, outputs } = gate.promise.durable();
                publisher.set_watermark(RunPosition { inputs, outputs });
            }
            publisher.poll(now)?;
            if publisher.is_state_awaited() {
                states.ask(now);
            }
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

/// Answers those who wait with the state that is marked here.
fn answer(
    publisher: &mut Publisher,
    states: &mut States,
    next_seq: Seq,
    next_output: u64,
) -> Result<(), WireError> {
    let Some(state) = states.take() else {
        return Ok(());
    };
    let next = RunPosition {
        inputs: next_seq,
        outputs: next_output,
    };
    let known = Known { next, state };
    publisher.answer_with_state(next, &known.records(), clock::now())
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

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, SourceId};

    fn numbers(inputs: u64, outputs: u64) -> Numbers {
        Numbers { inputs, outputs }
    }

    fn reserved(inputs: u64, outputs: u64, order: u32) -> Reserved {
        Reserved {
            orders: Some(order),
            ..numbers(inputs, outputs).into()
        }
    }

    fn passing((is_output, number): (bool, u64)) -> Passing {
        Passing {
            is_output,
            number,
            order: 0,
        }
    }

    /// Which of these pass a gate whose recording has ended: outputs and inputs by number.
    fn pass(when: PublishWhen, asked: [(bool, u64); 4]) -> [bool; 4] {
        let promise = Promise::default();
        promise.reserve(reserved(20, 10, 3));
        promise.has_written(numbers(8, 4));
        promise.break_off();
        let mut gate = Gate::new(&promise, when);
        asked.map(|asked| gate.wait(passing(asked)).is_ok())
    }

    #[test]
    fn an_order_passes_once_its_number_is_promised_or_it_is_on_the_disk() {
        let order = |order: u32| {
            let record = OrderBody {
                order,
                ..OrderBody::default()
            };
            let header = Header::new(Kind::Order, InstrumentId(0), SourceId(0), Ts(0), Ts(0));
            Passing::new(&record.record(header), 3)
        };
        let promise = Promise::default();
        promise.reserve(reserved(20, 10, 3));
        promise.has_written(numbers(8, 4));
        promise.break_off();
        for (when, of_four) in [(PublishWhen::AtOnce, false), (PublishWhen::Durable, true)] {
            let mut gate = Gate::new(&promise, when);
            let pass = [2, 3, 4].map(|number| gate.wait(order(number)).is_ok());
            assert_eq!(pass, [true, true, of_four]);
        }
    }

    #[test]
    fn what_is_not_promised_does_not_pass() {
        let asked = [(true, 9), (false, 19), (true, 10), (false, 20)];
        assert_eq!(pass(PublishWhen::AtOnce, asked), [true, true, false, false]);
        let asked = [(true, 3), (false, 7), (true, 4), (false, 8)];
        assert_eq!(
            pass(PublishWhen::Durable, asked),
            [true, true, false, false]
        );
    }

    #[test]
    fn what_waits_passes_once_it_is_promised() {
        for when in [PublishWhen::AtOnce, PublishWhen::Durable] {
            let promise = Promise::default();
            let mut gate = Gate::new(&promise, when);
            let waits = std::thread::spawn(move || gate.wait(passing((true, 5))).is_ok());
            promise.reserve(reserved(20, 10, 0));
            promise.has_written(numbers(8, 6));
            assert!(waits.join().unwrap());
        }
    }
}
