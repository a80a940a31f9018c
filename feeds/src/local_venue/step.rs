//! Lockstep: who has to be there before a line is played, and snapshots that are the recorded ones when their lines are due.

use super::playback::{Playback, State, Topic};
use crate::binance::Channel;
use crate::capture::CaptureLine;
use tokio::sync::oneshot;

/// A request for a snapshot that waits for its line.
#[derive(Debug)]
pub(super) struct Asker {
    /// Place of its symbol in the ledger.
    index: usize,
    answer: oneshot::Sender<Recorded>,
}

/// A recorded snapshot on its way to whoever asked for it.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) body: String,
    /// Told once it was taken in.
    pub(super) taken: oneshot::Sender<()>,
}

impl Playback {
    pub(super) fn is_in_step(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits until somebody is subscribed to streams of the symbol at the address of the frame; of what is none, to anything.
    pub(super) async fn wait_for_listener(&self, topic: Option<&Topic>) {
        let venue = self.venue();
        let is_at = |subscribed: &Topic| {
            topic.is_none_or(|(symbol, channel)| {
                subscribed.0 == *symbol && venue.group_of(subscribed.1) == venue.group_of(*channel)
            })
        };
        self.wait_until(|state| state.has_topic(is_at).then_some(()))
            .await;
    }

    /// Asks for the next recorded snapshot of a symbol; `None` if there is no such symbol. An error in place of the answer means
    /// that no further one was recorded.
    pub(super) fn ask(&self, symbol: &str) -> Option<oneshot::Receiver<Recorded>> {
        self.change(|state| {
            let index = state.ledger.index(symbol)?;
            let (answer, asked) = oneshot::channel();
            if !state.progress.is_finished {
                state.askers.push(Asker { index, answer });
            }
            Some(asked)
        })
    }

    /// Gives a line that is a snapshot to all who follow its book, if that wants one: they ask for it, by the same rules as the
    /// ledger. One that no book wants is in the recording because its recorder asked for more.
    pub(super) async fn answer_with(&self, line: CaptureLine<'_>) {
        let wanted = self.change(|state| state.ledger.wanted(line.ts_recv, line.frame));
        let (Some((index, symbol)), Ok(body)) = (wanted, std::str::from_utf8(line.frame)) else {
            return;
        };
        let followers = self.queues(&(symbol, Channel::Depth)).len();
        for _ in 0..followers {
            self.answer_one(index, body).await;
        }
    }

    async fn answer_one(&self, index: usize, body: &str) {
        let next_asker = |state: &mut State| {
            let at = state.askers.iter().position(|asker| asker.index == index)?;
            Some(state.askers.remove(at))
        };
        loop {
            let asker = self.wait_until(next_asker).await;
            let (taken, is_taken) = oneshot::channel();
            let body = body.to_owned();
            // An error of either means that whoever asked has gone. It asks again.
            if asker.answer.send(Recorded { body, taken }).is_ok() && is_taken.await.is_ok() {
                self.change(|state| state.progress.snapshots += 1);
                return;
            }
        }
    }
}
