//! What the faults ask of the play as a whole: whom to refuse, to warn and to cut.

use super::{Playback, Subscriber, ToConnection};
use crate::local_venue::fault::{Fault, SnapshotFault, snapshot_fault};
use tokio_tungstenite::tungstenite::Message;

impl Playback {
    /// Whether a request for a WebSocket is to be left without an answer.
    pub(in crate::local_venue) fn refuses_connection(&self) -> bool {
        let asked = self.change(|state| {
            state.asked += 1;
            state.asked
        });
        let mut faults = self.config.faults.iter();
        faults.any(|fault| matches!(fault, Fault::RefuseConnections { connections } if asked <= *connections))
    }

    /// What is to go wrong with a request for a snapshot.
    pub(in crate::local_venue) fn snapshot_fault(&self) -> Option<SnapshotFault> {
        let before = self.change(|state| {
            state.snapshots_asked += 1;
            state.snapshots_asked - 1
        });
        snapshot_fault(&self.config.faults, before)
    }

    /// Gives every connection the same.
    pub(super) async fn send_all(&self, word: impl Fn() -> ToConnection) {
        let queues: Vec<_> = {
            let state = self.lock();
            let all = state.subscribers.iter();
            all.map(|subscriber| subscriber.queue.clone()).collect()
        };
        for queue in queues {
            // An error means that the connection has gone meanwhile.
            drop(queue.send(word()).await);
        }
    }

    /// Tells all connections that they will be cut, and waits until another one is there.
    pub(super) async fn give_notice(&self, text: &str) {
        let message = Message::text(text);
        let noticed = self.change(|state| {
            state.noticed = state.next_id;
            state.noticed
        });
        self.send_all(|| ToConnection::Send(message.clone())).await;
        self.wait_until(|state| {
            let mut subscribers = state.subscribers.iter();
            let is_next = |one: &Subscriber| one.id > noticed && !one.topics.is_empty();
            subscribers.any(is_next).then_some(())
        })
        .await;
    }

    pub(super) async fn cut_noticed(&self) {
        let cut = self.change(|state| {
            let noticed = state.noticed;
            let (cut, rest) = std::mem::take(&mut state.subscribers)
                .into_iter()
                .partition(|subscriber| subscriber.id <= noticed);
            state.subscribers = rest;
            let cut: Vec<Subscriber> = cut;
            cut
        });
        for subscriber in cut {
            // An error means that the connection has gone already.
            drop(subscriber.queue.send(ToConnection::Cut).await);
        }
    }
}
