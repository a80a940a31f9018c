//! Sessions of a run, and numbers that are reserved before others are told of them.

use super::JournalWriter;
use crate::format::{BlockKind, ChainHash, Numbers, Reserved, Session};
use crate::limits::NUMBERS_MAX;
use crate::{JournalError, Result, RunMeta};
use std::path::Path;

/// Numbers of orders that are to be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrdersAhead {
    /// The last that an order has, or may have had in a session before.
    pub last: u32,
    /// So many behind it.
    pub ahead: u32,
}

impl OrdersAhead {
    /// No output is an order.
    pub const NONE: OrdersAhead = OrdersAhead { last: 0, ahead: 0 };
}

impl JournalWriter {
    /// What the run is, with the start of its first session.
    #[must_use]
    pub fn meta(&self) -> &RunMeta {
        &self.meta
    }

    /// The segment that is written, and the hash of the block before its first.
    #[must_use]
    pub fn segment(&self) -> (u32, ChainHash) {
        (self.segment, self.before)
    }

    /// As [`JournalWriter::flush`], and forces everything to the disk whatever the policy.
    ///
    /// # Errors
    /// As [`JournalWriter::flush`].
    pub fn force(&mut self) -> Result<()> {
        self.write_blocks()?;
        self.sync()?;
        self.put_durable()
    }

    /// The journal's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins the session, unless it has begun: writes what was taken, and says where its numbers start. Outputs that are taken
    /// before belong to the session before.
    ///
    /// # Errors
    /// As [`JournalWriter::flush`].
    pub fn begin_session(&mut self) -> Result<()> {
        if self.in_session {
            return Ok(());
        }
        self.write_blocks()?;
        let session = self.position.next_session();
        let payload = serde_json::to_vec(&session).expect("plain fields are JSON");
        self.put_block(BlockKind::Session, 0, 0, &payload);
        self.write_buffer()?;
        self.position.begin(&session);
        self.session = session;
        self.in_session = true;
        self.sync()?;
        self.put_durable()
    }

    /// The session that is written, or would begin now.
    #[must_use]
    pub fn session(&self) -> Session {
        if self.in_session {
            return self.session;
        }
        self.position.next_session()
    }

    /// Whether there are numbers for so many more records.
    pub(super) fn check_room(&self, what: &'static str, next: u64, count: usize) -> Result<()> {
        if count as u64 <= NUMBERS_MAX.saturating_sub(next) {
            return Ok(());
        }
        Err(JournalError::Exhausted {
            run: self.meta.run.clone(),
            what,
            used: next,
            most: NUMBERS_MAX,
        })
    }

    /// Sees to it that so many numbers ahead of those taken are reserved, on the disk, and says up to where, which is never above
    /// the last number that there is. They are reserved
    /// anew when half of them are used up, so that this costs next to nothing. Begins the session.
    ///
    /// # Errors
    /// As [`JournalWriter::flush`].
    pub fn reserve(&mut self, ahead: Numbers, orders: OrdersAhead) -> Result<Reserved> {
        self.begin_session()?;
        let next = self.next();
        let reserved = self.position.place.reserved;
        // Half of one number is one number.
        let has_enough = |reserved: u64, next: u64, ahead: u64| {
            reserved.saturating_sub(next) >= ahead.div_ceil(2)
        };
        let wanted = Reserved {
            inputs: next.inputs.saturating_add(ahead.inputs).min(NUMBERS_MAX),
            outputs: next.outputs.saturating_add(ahead.outputs).min(NUMBERS_MAX),
            orders: Some(orders.last.saturating_add(orders.ahead)),
        };
        // The last number of all is as good as enough of them.
        let has_orders = reserved.orders >= wanted.orders
            || reserved.orders.is_some_and(|reserved| {
                has_enough(reserved.into(), orders.last.into(), orders.ahead.into())
            });
        if has_enough(reserved.inputs, next.inputs, ahead.inputs)
            && has_enough(reserved.outputs, next.outputs, ahead.outputs)
            && has_orders
        {
            return Ok(reserved);
        }
        let reserved = reserved.max(wanted);
        let payload = serde_json::to_vec(&reserved).expect("plain fields are JSON");
        self.write_blocks()?;
        self.put_block(BlockKind::Reserve, 0, 0, &payload);
        self.write_buffer()?;
        self.position.place.reserved = reserved;
        self.sync()?;
        self.put_durable()?;
        Ok(reserved)
    }
}
