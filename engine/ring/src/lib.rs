//! Input ring and output ring: one order, and every consumer sees every item.
//!
//! A ring has a fixed number of slots. A producer that finds it full waits and the wait is counted;
//! nothing is ever dropped. Producers and consumers run on threads of the caller: this crate starts
//! none, and it knows nothing of what it carries. The ring itself is the public crate `disruptor`;
//! what is added here is the waiting, the closing, and the leaving of a consumer.
//!
//! ```
//! use tickloom_ring::{Poll, RingConfig, ring};
//!
//! let (mut producer, mut consumers) = ring::<u64>(&RingConfig::default(), 2).expect("a valid size");
//! producer.push(7);
//! drop(producer);
//! for consumer in &mut consumers {
//!     assert_eq!(consumer.poll(|seq, item| assert_eq!((seq, *item), (0, 7))), Poll::Some(1));
//!     assert_eq!(consumer.poll(|_, _| ()), Poll::Closed);
//! }
//! ```

mod bell;
mod config;
mod consumer;
mod pin;
mod poller;
mod producer;
mod shared;
#[cfg(test)]
mod stress_tests;
mod sync;
mod turns;
mod wait;

use std::sync::Arc;

use disruptor::{BusySpin, build_multi_producer, build_single_producer};

pub use config::{RING_CAPACITY_MAX, RING_CAPACITY_MIN, RingConfig, RingError};
pub use consumer::{Consumer, Poll};
pub use pin::{cores, pin_current_thread};
pub use producer::{Producer, SoleProducer};
pub use wait::{Backoff, Wait};

use poller::Poller;
use shared::Shared;

/// What a ring can carry: plain values that are copied into a slot.
pub trait Item: Copy + Default + Send + Sync + 'static {}

impl<T: Copy + Default + Send + Sync + 'static> Item for T {}

/// Makes a ring for several producers (clone the one returned) and `consumers` consumers.
///
/// # Errors
/// The capacity is not a power of two within the limits, or there is no consumer.
pub fn ring<T: Item>(
    config: &RingConfig,
    consumers: usize,
) -> Result<(Producer<T>, Vec<Consumer<T>>), RingError> {
    config.check(consumers)?;
    let shared = Arc::new(Shared::new(config.wait));
    // `BusySpin` is for the threads that disruptor would start itself; it starts none here.
    let mut builder =
        build_multi_producer(config.capacity, T::default, BusySpin).with_multi_consumer();
    let mut handles = Vec::with_capacity(consumers);
    for _ in 0..consumers {
        let (poller, next) = builder.new_event_poller();
        builder = next;
        handles.push(Consumer::new(Poller::Many(poller), config, &shared));
    }
    Ok((
        Producer::new(builder.build(), shared, config.capacity),
        handles,
    ))
}

/// Makes a ring for exactly one producer, which is cheaper a push than [`ring`].
///
/// # Errors
/// The capacity is not a power of two within the limits, or there is no consumer.
pub fn sole_ring<T: Item>(
    config: &RingConfig,
    consumers: usize,
) -> Result<(SoleProducer<T>, Vec<Consumer<T>>), RingError> {
    config.check(consumers)?;
    let shared = Arc::new(Shared::new(config.wait));
    let mut builder =
        build_single_producer(config.capacity, T::default, BusySpin).with_multi_consumer();
    let mut handles = Vec::with_capacity(consumers);
    for _ in 0..consumers {
        let (poller, next) = builder.new_event_poller();
        builder = next;
        handles.push(Consumer::new(Poller::Sole(poller), config, &shared));
    }
    Ok((SoleProducer::new(builder.build(), shared), handles))
}
