//! Numbers of orders: which may have been told to others in the sessions before, so that no order gets one again.

use tickloom_journal::Session;

/// Numbers of orders that are reserved ahead: each crash skips so many at most. An order is rare beside the flushes, which reserve
/// more when half of these are used up.
pub(super) const ORDERS_AHEAD: u32 = 1 << 12;

/// Number of the last order that a run can have.
const ORDER_NUMBER_MAX: u32 = u32::MAX;

/// A run whose orders have used up, or skipped, nearly all numbers that there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "run {run} has no numbers left for its orders: {last} of {} are used; begin a new run with --new-run",
    ORDER_NUMBER_MAX
)]
pub(crate) struct OrderNumbersExhausted {
    run: String,
    last: u64,
}

/// What the sessions of a journal may have told of orders that are not in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ToldOrders {
    /// The last that was reserved.
    reserved: u32,
    /// As many above the engine's last at most, in sessions that did not say which they had reserved, since one that began with
    /// a number above them.
    unknown: u64,
}

impl ToldOrders {
    /// A session begins, behind what those before it have told.
    pub(super) fn begin(&mut self, session: &Session) {
        match session.orders {
            Some(orders) => self.reserved = self.reserved.max(orders),
            // No output has more than one order.
            None => {
                let given_up = session.start.outputs - session.kept.outputs;
                self.unknown = self.unknown.saturating_add(given_up);
            }
        }
    }

    /// The engine has come to a session's first record, which tells it of a number above all those before.
    pub(super) fn has_started(&mut self) {
        self.unknown = 0;
    }

    /// The last number that may have been used, if the `engine` knows of orders up to this one.
    ///
    /// # Errors
    /// [`OrderNumbersExhausted`] if there are not enough for a session behind it.
    pub(super) fn last(&self, engine: u32, run: &str) -> Result<u32, OrderNumbersExhausted> {
        let counted = u64::from(engine).saturating_add(self.unknown);
        let last = counted.max(self.reserved.into());
        let is_enough = |last: &u32| *last < ORDER_NUMBER_MAX - ORDERS_AHEAD;
        let checked = u32::try_from(last).ok().filter(is_enough);
        checked.ok_or_else(|| OrderNumbersExhausted {
            run: run.to_owned(),
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_journal::Numbers;

    fn session(given_up: u64, orders: Option<u32>) -> Session {
        let outputs = |outputs| Numbers { inputs: 0, outputs };
        Session {
            session: 2,
            kept: outputs(100),
            start: outputs(100 + given_up),
            orders,
            lost: false,
        }
    }

    /// The last number after these sessions, of which the engine knows 7.
    fn last(sessions: &[Session]) -> Result<u32, OrderNumbersExhausted> {
        let mut told = ToldOrders::default();
        sessions.iter().for_each(|session| told.begin(session));
        told.last(7, "run")
    }

    #[test]
    fn what_was_reserved_or_may_have_been_told_is_skipped() {
        assert_eq!(last(&[]), Ok(7));
        assert_eq!(last(&[session(0, None)]), Ok(7));
        // As long as it is not said which, each output may have been an order.
        assert_eq!(last(&[session(30, None), session(5, None)]), Ok(42));
        assert_eq!(last(&[session(1_000, Some(9)), session(0, Some(9))]), Ok(9));
        assert_eq!(last(&[session(1_000, Some(3))]), Ok(7));
        assert_eq!(last(&[session(30, None), session(1, Some(60))]), Ok(60));
        let mut told = ToldOrders::default();
        told.begin(&session(30, None));
        told.has_started();
        assert_eq!(told.last(37, "run"), Ok(37));
    }

    #[test]
    fn a_run_with_too_few_numbers_left_is_refused_by_name() {
        let most = u32::MAX - ORDERS_AHEAD - 1;
        assert_eq!(last(&[session(1, Some(most))]), Ok(most));
        let error = last(&[session(1, Some(most + 1))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "run run has no numbers left for its orders: 4294963199 of 4294967295 are used; begin a new run with --new-run"
        );
        assert!(last(&[session(1 << 40, None)]).is_err());
        assert!(last(&[session(u64::MAX - 100, None); 2]).is_err());
    }

    #[test]
    fn a_million_crashes_are_not_too_many() {
        let mut last = 0;
        let mut crashes = 0;
        loop {
            let mut told = ToldOrders::default();
            told.begin(&session(1 << 20, Some(last)));
            match told.last(0, "run") {
                Ok(found) => last = found + ORDERS_AHEAD,
                Err(_) => break,
            }
            crashes += 1;
        }
        assert_eq!(crashes, 1_048_575);
    }
}
