//! Lockstep: whose turn it is among venues that are played together, by the stamps of what each has next.

use std::sync::Arc;
use tickloom_types::Ts;
use tokio::sync::watch;

/// What a venue has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// It is at a line, or waits for a subscriber: nobody may go before that is known.
    Unknown,
    /// A line of this stamp.
    At(Ts),
    /// Nothing any more.
    Nothing,
}

/// One venue's place among those that are played together.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    all: Arc<watch::Sender<Vec<Next>>>,
    own: usize,
}

impl Turn {
    /// The places of so many venues.
    pub(super) fn of(venues: usize) -> Vec<Turn> {
        let (all, _) = watch::channel(vec![Next::Unknown; venues]);
        let all = Arc::new(all);
        let turn = |own| Turn {
            all: Arc::clone(&all),
            own,
        };
        (0..venues).map(turn).collect()
    }

    /// Waits until no other has a line with an earlier stamp; of equal stamps the first venue's is the first.
    pub(super) async fn wait(&self, at: Ts) {
        self.tell(Next::At(at));
        let mut all = self.all.subscribe();
        let is_first = |all: &Vec<Next>| {
            all.iter().enumerate().all(|(other, next)| match next {
                Next::Unknown => false,
                Next::At(ts) => (at, self.own) <= (*ts, other),
                Next::Nothing => true,
            })
        };
        let waited = all.wait_for(is_first).await;
        drop(waited.expect("the sender lives as long as this"));
    }

    /// The line was taken in by all who get it.
    pub(super) fn is_over(&self) {
        self.tell(Next::Unknown);
    }

    /// There is no further line.
    pub(super) fn leave(&self) {
        self.tell(Next::Nothing);
    }

    fn tell(&self, next: Next) {
        self.all.send_modify(|all| all[self.own] = next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_on(turn: &Turn, at: i64) -> bool {
        turn.wait(Ts(at)).now_or_never().is_some()
    }

    #[test]
    fn nobody_goes_before_all_have_said_what_they_have_next() {
        let turns = Turn::of(2);
        assert!(!is_on(&turns[0], 1));
        assert!(!is_on(&turns[1], 2), "the other has an earlier one");
        assert!(is_on(&turns[0], 1));
        turns[0].is_over();
        assert!(!is_on(&turns[1], 2), "the other may have an earlier one");
        assert!(!is_on(&turns[0], 3));
        assert!(is_on(&turns[1], 2));
        turns[1].leave();
        assert!(is_on(&turns[0], 3));
    }

    #[test]
    fn of_equal_stamps_the_first_venue_is_the_first() {
        let turns = Turn::of(2);
        assert!(!is_on(&turns[1], 5));
        assert!(is_on(&turns[0], 5));
        assert!(!is_on(&turns[1], 5));
    }
}
