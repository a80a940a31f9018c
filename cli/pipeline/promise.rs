//! What the recorder promises to those who publish: numbers that no later session will use, and how much is on the disk.
//!
//! The recorder's thread alone writes it, after the disk has it; the publisher's thread looks before each message.

use crate::pipeline::orders::ORDERS_AHEAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use tickloom_data::{Recorder, Result};
use tickloom_journal::{Numbers, OrdersAhead, Reserved};

/// Numbers that are reserved ahead: what a crash may take back of each. Used up in no less time than many flushes take.
const RESERVED_AHEAD: Numbers = Numbers {
    inputs: 1 << 22,
    outputs: 1 << 20,
};

/// Shared by the recorder's thread and the publisher's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promise(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    inputs: AtomicU64,
    outputs: AtomicU64,
    orders: AtomicU32,
    durable_inputs: AtomicU64,
    durable_outputs: AtomicU64,
    is_broken: AtomicBool,
}

impl Promise {
    /// Reserves the first numbers of a session, in which orders have numbers above this one.
    ///
    /// # Errors
    /// As [`Recorder::reserve`].
    pub(super) fn begin(recorder: &mut Recorder, last_order: u32) -> Result<Promise> {
        let promise = Promise::default();
        promise.renew(recorder, last_order)?;
        Ok(promise)
    }

    /// Reserves what lacks of the numbers that are reserved ahead, and says what is on the disk.
    ///
    /// # Errors
    /// As [`Recorder::reserve`].
    pub(super) fn renew(&self, recorder: &mut Recorder, last_order: u32) -> Result<()> {
        let orders = OrdersAhead {
            last: last_order,
            ahead: ORDERS_AHEAD,
        };
        self.reserve(recorder.reserve(RESERVED_AHEAD, orders)?);
        self.has_written(recorder.durable());
        Ok(())
    }

    /// These are reserved.
    pub(crate) fn reserve(&self, reserved: Reserved) {
        let orders = reserved.orders.unwrap_or(0);
        self.0.inputs.store(reserved.inputs, Ordering::Release);
        self.0.outputs.store(reserved.outputs, Ordering::Release);
        self.0.orders.store(orders, Ordering::Release);
    }

    /// Records below these are on the disk.
    pub(crate) fn has_written(&self, numbers: Numbers) {
        let shared = &self.0;
        shared
            .durable_inputs
            .store(numbers.inputs, Ordering::Release);
        shared
            .durable_outputs
            .store(numbers.outputs, Ordering::Release);
    }

    /// The journal takes nothing more: what is not promised by now never is.
    pub(crate) fn break_off(&self) {
        self.0.is_broken.store(true, Ordering::Release);
    }

    /// Whether nothing more will be promised.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.is_broken.load(Ordering::Acquire)
    }

    /// What is reserved.
    pub(crate) fn reserved(&self) -> Reserved {
        Reserved {
            inputs: self.0.inputs.load(Ordering::Acquire),
            outputs: self.0.outputs.load(Ordering::Acquire),
            orders: Some(self.0.orders.load(Ordering::Acquire)),
        }
    }

    /// What is on the disk.
    pub(crate) fn durable(&self) -> Numbers {
        Numbers {
            inputs: self.0.durable_inputs.load(Ordering::Acquire),
            outputs: self.0.durable_outputs.load(Ordering::Acquire),
        }
    }
}
