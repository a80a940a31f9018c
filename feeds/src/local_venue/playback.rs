//! Plays the recording: keeps the venue's books, paces the frames and hands them to the subscribers.

mod snapshot;
mod trouble;

pub(super) use snapshot::Found;

use super::book::LevelBook;
use super::fault::{Fault, FaultPlan, Outgoing};
use super::ledger::Ledger;
use super::pace::{Pace, data_of, topic_of};
use super::step::Asker;
use super::turns::Turn;
use super::{AtEnd, LocalVenueConfig, Progress};
use crate::binance::{Channel, Venue};
use crate::capture::{CaptureError, CaptureLine};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Message;

/// Frames that wait for one subscriber before the play waits for it.
const QUEUE_FRAMES: usize = 256;

/// A symbol and a channel that is subscribed to.
pub(super) type Topic = (String, Channel);

/// Whether frames say which stream they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `/stream`: `{"stream":…,"data":…}`, as it was recorded.
    Combined,
    /// `/ws`: the `data` part alone.
    Raw,
}

/// What a connection is told to do.
#[derive(Debug)]
pub(super) enum ToConnection {
    /// Send this.
    Send(Message),
    /// Send a ping, and tell when it is answered: what was sent before it has been taken in then.
    Confirm(oneshot::Sender<()>),
    /// Close in good order.
    Close,
    /// Drop the connection.
    Cut,
    /// Say and read nothing more.
    Stall,
    /// Send so many pings.
    Pings(u64),
    /// Send so many pings, and say and read nothing more.
    Deaf(u64),
}

/// A connection's place in the play.
struct Subscriber {
    id: u64,
    shape: Shape,
    topics: TopicSet,
    queue: mpsc::Sender<ToConnection>,
}

pub(super) type TopicSet = BTreeSet<Topic>;

/// The state that the play, the connections and the handle share.
#[derive(Debug)]
pub(super) struct Playback {
    venue: Venue,
    config: LocalVenueConfig,
    /// Its place in the lockstep, if it is played so.
    pub(super) turn: Option<Turn>,
    state: Mutex<State>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    subscribers: Vec<Subscriber>,
    next_id: u64,
    /// Connections up to this one were told that they will be cut.
    noticed: u64,
    /// What is taken from the update ids of the recording.
    id_shift: u64,
    /// Requests for a WebSocket and for a snapshot so far.
    asked: u64,
    snapshots_asked: u64,
    pub(super) progress: Progress,
    /// Requests for a snapshot that wait for its line, in lockstep.
    pub(super) askers: Vec<Asker>,
    /// Why the recording could not be read to its end.
    error: Option<String>,
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Subscriber { id, topics, .. } = self;
        write!(f, "Subscriber {id}: {topics:?}")
    }
}

/// Those who get a frame.
type Queues = Vec<(Shape, mpsc::Sender<ToConnection>)>;

impl Playback {
    pub(super) fn new(
        venue: Venue,
        symbols: &[String],
        config: LocalVenueConfig,
        turn: Option<Turn>,
    ) -> Result<Playback, CaptureError> {
        let state = State {
            ledger: Ledger::new(venue, symbols)?,
            subscribers: Vec::new(),
            next_id: 0,
            noticed: 0,
            id_shift: 0,
            asked: 0,
            snapshots_asked: 0,
            progress: Progress::default(),
            askers: Vec::new(),
            error: None,
        };
        let (changed, _) = watch::channel(0);
        Ok(Playback {
            venue,
            config,
            turn,
            state: Mutex::new(state),
            changed,
        })
    }

    pub(super) fn venue(&self) -> Venue {
        self.venue
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no holder of this lock can panic: they only move values")
    }

    /// Changes the state and tells those who wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    pub(super) fn progress(&self) -> Progress {
        self.lock().progress
    }

    pub(super) fn error(&self) -> Option<String> {
        self.lock().error.clone()
    }

    pub(super) fn book(&self, symbol: &str) -> Option<LevelBook> {
        let state = self.lock();
        let index = state.ledger.index(symbol)?;
        let mut book = state.ledger.live(index)?.clone();
        book.last_id = book.last_id.saturating_sub(state.id_shift);
        Some(book)
    }

    pub(super) async fn finished(&self) {
        self.wait_until(|state| state.progress.is_finished.then_some(()))
            .await;
    }

    /// Waits until the state is such that `ready` has a value.
    pub(super) async fn wait_until<T>(&self, ready: impl Fn(&mut State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if let Some(value) = ready(&mut self.lock()) {
                return value;
            }
            changed
                .changed()
                .await
                .expect("the sender lives as long as this");
        }
    }

    /// Adds a connection; frames for it come through the queue.
    pub(super) fn join(
        &self,
        shape: Shape,
        mut topics: TopicSet,
    ) -> (u64, mpsc::Receiver<ToConnection>) {
        let (queue, frames) = mpsc::channel(QUEUE_FRAMES);
        let id = self.change(|state| {
            state.next_id += 1;
            state.progress.connections += 1;
            let is_silent = |fault: &Fault| matches!(fault, Fault::SilentAfterAck { connections } if state.next_id <= *connections);
            if self.config.faults.iter().any(is_silent) {
                topics.clear();
            }
            state.subscribers.push(Subscriber {
                id: state.next_id,
                shape,
                topics,
                queue,
            });
            state.next_id
        });
        (id, frames)
    }

    /// Removes a connection.
    pub(super) fn leave(&self, id: u64) {
        self.change(|state| state.subscribers.retain(|subscriber| subscriber.id != id));
    }

    /// Changes what a connection is subscribed to.
    pub(super) fn change_topics(&self, id: u64, change: impl FnOnce(&mut TopicSet)) {
        self.change(|state| {
            if let Some(subscriber) = state.subscribers.iter_mut().find(|one| one.id == id) {
                change(&mut subscriber.topics);
            }
        });
    }

    /// Plays until the end, or for ever.
    pub(super) async fn run(&self) {
        loop {
            if let Err(error) = self.play_once().await {
                self.change(|state| state.error = Some(error.to_string()));
            }
            match self.config.at_end {
                AtEnd::Hold => {}
                AtEnd::Close => self.tell_all(|| ToConnection::Close).await,
                AtEnd::Repeat => {
                    self.tell_all(|| ToConnection::Close).await;
                    self.change(|state| state.ledger.forget());
                    continue;
                }
            }
            self.change(|state| {
                state.progress.is_finished = true;
                state.askers.clear();
            });
            if let Some(turn) = &self.turn {
                turn.leave();
            }
            std::future::pending::<()>().await;
        }
    }

    async fn play_once(&self) -> Result<(), CaptureError> {
        let mut plan = FaultPlan::new(self.config.faults.clone());
        let mut pace = Pace::new(self.config.speed);
        for capture in &self.config.captures {
            let mut reader = capture.open()?;
            while let Some(line) = reader.next_line()? {
                // A line without a time has no place in the play.
                if let Ok(line) = line {
                    self.play_line(line, &mut plan, &mut pace).await;
                }
            }
        }
        Ok(())
    }

    async fn play_line(&self, line: CaptureLine<'_>, plan: &mut FaultPlan, pace: &mut Pace) {
        let topic = topic_of(line.frame);
        match &self.turn {
            Some(turn) => {
                self.wait_for_listener(topic.as_ref()).await;
                turn.wait(line.ts_recv).await;
            }
            None => {
                let has_waited = self.wait_for_subscriber().await;
                if has_waited {
                    pace.restart(line.ts_recv);
                }
                pace.wait(line.ts_recv).await;
            }
        }
        match (topic, std::str::from_utf8(line.frame)) {
            (Some(topic), Ok(text)) => self.play_frame(line, &topic, text, plan).await,
            _ => {
                if self.is_in_step() {
                    self.answer_with(line).await;
                }
                self.change(|state| state.ledger.apply(line.ts_recv, line.frame));
            }
        }
        if let Some(turn) = &self.turn {
            turn.is_over();
        }
    }

    async fn play_frame(
        &self,
        line: CaptureLine<'_>,
        topic: &Topic,
        text: &str,
        plan: &mut FaultPlan,
    ) {
        let out = plan.apply(text.to_owned());
        self.change(|state| {
            state.ledger.apply(line.ts_recv, line.frame);
            state.id_shift = plan.id_shift();
            state.progress.played += 1;
        });
        for outgoing in out {
            match outgoing {
                Outgoing::Pings(pings) => self.send_all(|| ToConnection::Pings(pings)).await,
                Outgoing::Deaf(pings) => self.tell_all(|| ToConnection::Deaf(pings)).await,
                Outgoing::Notice(text) => self.give_notice(&text).await,
                Outgoing::CutNoticed => self.cut_noticed().await,
                Outgoing::Text(text) => self.send_text(topic, &text).await,
                Outgoing::Binary(bytes) => {
                    let message = Message::Binary(bytes.into());
                    self.send_each(self.queues(topic), |_| message.clone())
                        .await;
                }
                Outgoing::Cut => self.tell_all(|| ToConnection::Cut).await,
                Outgoing::Stall => self.tell_all(|| ToConnection::Stall).await,
            }
        }
    }

    /// Waits until somebody is subscribed to something; says whether it had to.
    async fn wait_for_subscriber(&self) -> bool {
        let is_heard = |state: &mut State| state.has_topic(|_| true).then_some(());
        if is_heard(&mut self.lock()).is_some() {
            return false;
        }
        self.wait_until(is_heard).await;
        true
    }

    async fn send_text(&self, topic: &Topic, text: &str) {
        let queues = self.queues(topic);
        let combined = Message::text(text);
        let raw = queues.iter().any(|(shape, _)| *shape == Shape::Raw);
        let raw = raw.then(|| Message::text(data_of(text)));
        let of_shape = |shape| match (shape, &raw) {
            (Shape::Raw, Some(raw)) => raw.clone(),
            (Shape::Raw, None) | (Shape::Combined, _) => combined.clone(),
        };
        self.send_each(queues, of_shape).await;
    }

    async fn send_each(&self, queues: Queues, message: impl Fn(Shape) -> Message) {
        let mut confirmed = Vec::new();
        for (shape, queue) in queues {
            let sent = queue.send(ToConnection::Send(message(shape))).await;
            // An error means that the connection has gone meanwhile.
            if sent.is_ok() {
                self.change(|state| state.progress.sent += 1);
                if self.is_in_step() {
                    let (tell, told) = oneshot::channel();
                    drop(queue.send(ToConnection::Confirm(tell)).await);
                    confirmed.push(told);
                }
            }
        }
        for told in confirmed {
            // As above: whoever has gone takes nothing in.
            drop(told.await);
        }
    }

    /// Tells every connection the same, and forgets them: none of these words is followed by frames.
    async fn tell_all(&self, word: impl Fn() -> ToConnection) {
        let all = self.change(|state| std::mem::take(&mut state.subscribers));
        for subscriber in all {
            // An error means that the connection has gone already.
            drop(subscriber.queue.send(word()).await);
        }
    }

    pub(super) fn queues(&self, topic: &Topic) -> Queues {
        let state = self.lock();
        let subscribed = state
            .subscribers
            .iter()
            .filter(|one| one.topics.contains(topic));
        subscribed
            .map(|one| (one.shape, one.queue.clone()))
            .collect()
    }
}
