//! The publisher: names a record, numbers it within its topic and sends it to whoever has subscribed.
//!
//! It owns its socket and is driven by one thread: `publish` for each record, `poll` at least every 100 ms. It reads
//! no clock, keeps no history and never waits for a subscriber: libzmq drops what a full queue cannot take, and the
//! numbers tell that subscriber how much it was.

mod config;
mod hellos;
mod state;

pub use config::PublisherConfig;

use crate::envelope::{Encoding, Envelope, NO_RECORD, encode_announcement};
use crate::error::WireError;
use crate::json;
use crate::limits::{PUBLISHES_PER_LOOK, SUBSCRIPTION_CHANGES_PER_LOOK, SUBSCRIPTIONS_MAX};
use crate::session::{RunPosition, Session};
use crate::socket::{PublishSocket, SubscriptionEvent};
use crate::topic::{EPOCH, HEARTBEAT, JSON_PREFIX, Names, TopicKey, is_name};
use hellos::Hellos;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tickloom_types::{DurationNs, Record, Ts};

/// A record to be published, with the number and the times that are not in it.
#[derive(Clone, Copy, Debug)]
pub struct PublishItem {
    /// The record.
    pub record: Record,
    /// Of an output its place among all outputs of the run, from 0; of a market record its sequence.
    pub number: u64,
    /// When the core had made it; `Ts(0)` if that was not measured.
    pub ts_output: Ts,
    /// Now.
    pub ts_publish: Ts,
}

/// What a publisher has done so far. What libzmq dropped for slow subscribers it does not tell: they see it themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherMetrics {
    /// Records that were published.
    pub records: u64,
    /// Messages with a JSON payload.
    pub json: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Answers to new subscribers.
    pub hellos: u64,
    /// Bytes of all parts, once each, however many subscribers there are.
    pub bytes: u64,
    /// Topics that have had a message.
    pub topics: u64,
    /// Different subscriptions at present.
    pub subscriptions: u64,
    /// Connections at present.
    pub connections: u64,
    /// Connections that were closed because there were too many.
    pub connections_refused: u64,
}

/// Publishes records on one endpoint.
pub struct Publisher {
    socket: PublishSocket,
    names: Names,
    epoch: u64,
    session: Session,
    run: u64,
    is_epoch_told: bool,
    heartbeat: DurationNs,
    next_heartbeat: Option<Ts>,
    by_key: HashMap<TopicKey, Option<usize>>,
    topics: Vec<Topic>,
    subscriptions: BTreeSet<Vec<u8>>,
    hellos: Hellos,
    publishes_until_look: u32,
    metrics: PublisherMetrics,
}

struct Topic {
    name: String,
    json_name: String,
    seq: u64,
    json_wanted: bool,
}

impl Publisher {
    /// Binds the endpoint.
    ///
    /// # Errors
    /// [`WireError::Socket`] if that is not possible, [`WireError::Name`] for a run's name that is none.
    pub fn bind(config: &PublisherConfig, names: Names) -> Result<Publisher, WireError> {
        let session = config.session.clone();
        if let Some(name) = session.run.as_ref().filter(|name| !is_name(name)) {
            let name = name.clone();
            return Err(WireError::Name { what: "run", name });
        }
        Ok(Publisher {
            socket: PublishSocket::bind(
                &config.endpoint,
                config.high_water_mark,
                config.connections_max,
            )?,
            names,
            epoch: config.epoch,
            run: session.run_id(),
            session,
            is_epoch_told: false,
            heartbeat: config.heartbeat,
            next_heartbeat: None,
            by_key: HashMap::new(),
            topics: Vec::new(),
            subscriptions: BTreeSet::new(),
            hellos: Hellos::default(),
            publishes_until_look: 0,
            metrics: PublisherMetrics::default(),
        })
    }

    /// The endpoint that was bound, with its real port.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.socket.endpoint()
    }

    /// What was done so far.
    #[must_use]
    pub fn metrics(&self) -> PublisherMetrics {
        self.metrics
    }

    /// Says what is on disk by now: epochs, heartbeats and hellos tell it from here on.
    pub fn set_watermark(&mut self, watermark: RunPosition) {
        self.session.watermark = watermark;
    }

    /// The session, with the watermark as it was last set.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Publishes one record; timers have no topic and are passed over. Never blocks.
    ///
    /// # Errors
    /// [`WireError::Unnamed`] for a record that the names table does not cover, [`WireError::Socket`] if sending fails.
    pub fn publish(&mut self, item: &PublishItem) -> Result<(), WireError> {
        if self.publishes_until_look == 0 {
            self.look(item.ts_publish)?;
        }
        self.publishes_until_look -= 1;
        let record = &item.record;
        let Some(index) = self.topic_index(record)? else {
            return Ok(());
        };
        let topic = &mut self.topics[index];
        topic.seq += 1;
        let envelope = Envelope {
            encoding: Encoding::Record,
            kind: record.header.kind,
            flags: record.header.flags,
            tier: 0,
            epoch: self.epoch,
            topic_seq: topic.seq,
            ts_event: record.header.ts_event,
            ts_recv: record.header.ts_recv,
            ts_output: item.ts_output.0,
            ts_publish: item.ts_publish.0,
            number: item.number,
            run: self.run,
            key_epoch: 0,
        };
        self.metrics.records += 1;
        let topic = &self.topics[index];
        self.metrics.bytes += self.send(&topic.name, &envelope, record.as_bytes())?;
        if topic.json_wanted {
            let text = json::text(
                record,
                &self.names,
                self.session.run.as_deref(),
                item.number,
            )?;
            let envelope = Envelope {
                encoding: Encoding::Json,
                ..envelope
            };
            self.metrics.bytes += self.send(&topic.json_name, &envelope, text.as_bytes())?;
            self.metrics.json += 1;
        }
        Ok(())
    }

    /// Answers new subscribers, closes connections that are too many, and sends the heartbeat when it is due. Call it at least every 100 ms, also when idle.
    ///
    /// # Errors
    /// [`WireError::Socket`] if sending fails.
    pub fn poll(&mut self, now: Ts) -> Result<(), WireError> {
        self.look(now)?;
        let due = *self.next_heartbeat.get_or_insert(now);
        // A heartbeat further away than its interval: the clock was set back, and would be silent until it is there again.
        let is_set_back = due.0.saturating_sub(now.0) > self.heartbeat;
        if now >= due || is_set_back {
            self.next_heartbeat = Some(Ts(now.0.saturating_add(self.heartbeat)));
            self.send_heartbeat(now)?;
        }
        Ok(())
    }

    /// Waits until somebody is subscribed to `topic`; false if nothing happened for `timeout`.
    ///
    /// # Errors
    /// [`WireError::Socket`] if the socket fails.
    pub fn wait_for_subscriber(
        &mut self,
        topic: &str,
        timeout: Duration,
    ) -> Result<bool, WireError> {
        loop {
            self.take_subscriptions()?;
            if self.is_wanted(topic) {
                return Ok(true);
            }
            if !self.socket.wait(timeout)? {
                return Ok(false);
            }
        }
    }

    fn topic_index(&mut self, record: &Record) -> Result<Option<usize>, WireError> {
        let key = TopicKey::of(record);
        if let Some(index) = self.by_key.get(&key) {
            return Ok(*index);
        }
        let name = self.names.topic(record)?;
        let index = name.map(|name| self.add_topic(name));
        self.by_key.insert(key, index);
        Ok(index)
    }

    /// Two keys can have one topic, as two sources of bars of the same size: they share its sequence.
    fn add_topic(&mut self, name: String) -> usize {
        if let Some(index) = self.topics.iter().position(|topic| topic.name == name) {
            return index;
        }
        let json_name = format!("{JSON_PREFIX}{name}");
        self.topics.push(Topic {
            json_wanted: self.is_wanted(&json_name),
            json_name,
            name,
            seq: self.session.topic_base,
        });
        self.metrics.topics += 1;
        self.topics.len() - 1
    }

    /// Looks who has subscribed, tells the epoch if nothing was sent yet, and answers the hellos.
    fn look(&mut self, now: Ts) -> Result<(), WireError> {
        self.publishes_until_look = PUBLISHES_PER_LOOK;
        let (connections, refused) = self.socket.bound_connections()?;
        self.metrics.connections = connections;
        self.metrics.connections_refused = refused;
        self.take_subscriptions()?;
        if !self.is_epoch_told {
            self.is_epoch_told = true;
            self.send_epoch(now)?;
        }
        self.answer_hellos(now)
    }

    fn take_subscriptions(&mut self) -> Result<(), WireError> {
        let mut changed = false;
        for _ in 0..SUBSCRIPTION_CHANGES_PER_LOOK {
            let Some(event) = self.socket.next_subscription()? else {
                break;
            };
            match event {
                SubscriptionEvent::Added(prefix) => {
                    if let Some(prefix) = self.hellos.add(prefix)
                        && self.subscriptions.len() < SUBSCRIPTIONS_MAX
                    {
                        changed |= self.subscriptions.insert(prefix);
                    }
                }
                SubscriptionEvent::Removed(prefix) => {
                    self.hellos.remove(&prefix);
                    changed |= self.subscriptions.remove(&prefix);
                }
            }
        }
        if changed {
            self.metrics.subscriptions = self.subscriptions.len() as u64;
            for index in 0..self.topics.len() {
                self.topics[index].json_wanted = self.is_wanted(&self.topics[index].json_name);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, topic: &str) -> bool {
        let topic = topic.as_bytes();
        (0..=topic.len()).any(|len| self.subscriptions.contains(&topic[..len]))
    }

    /// The first message of the epoch.
    fn send_epoch(&mut self, now: Ts) -> Result<(), WireError> {
        let text = |publisher: &Publisher| json::epoch(publisher.epoch, &publisher.session, now);
        self.metrics.bytes += self.announce(EPOCH, now, text)?;
        Ok(())
    }

    fn send_heartbeat(&mut self, now: Ts) -> Result<(), WireError> {
        let text = |publisher: &Publisher| {
            let (epoch, session) = (publisher.epoch, &publisher.session);
            json::announcement(
                "heartbeat",
                epoch,
                session,
                publisher.sequences(),
                &publisher.names,
                now,
            )
        };
        self.metrics.bytes += self.announce(HEARTBEAT, now, text)?;
        self.metrics.heartbeats += 1;
        Ok(())
    }

    /// Sends the session and the sequences under a topic, and as JSON if somebody wants it. Returns the bytes.
    fn announce(
        &self,
        topic: &str,
        now: Ts,
        text: impl FnOnce(&Publisher) -> String,
    ) -> Result<u64, WireError> {
        let envelope = self.bare_envelope(Encoding::Announcement, now);
        let mut bytes = self.send(topic, &envelope, &self.announcement())?;
        let json_topic = format!("{JSON_PREFIX}{topic}");
        if self.is_wanted(&json_topic) {
            let envelope = self.bare_envelope(Encoding::Json, now);
            bytes += self.send(&json_topic, &envelope, text(self).as_bytes())?;
        }
        Ok(bytes)
    }

    fn announcement(&self) -> Vec<u8> {
        encode_announcement(&self.session, self.sequences())
    }

    fn sequences(&self) -> impl Iterator<Item = (&str, u64)> {
        self.topics.iter().map(|t| (t.name.as_str(), t.seq))
    }

    /// The envelope of a message without a record.
    fn bare_envelope(&self, encoding: Encoding, now: Ts) -> Envelope {
        Envelope {
            encoding,
            kind: NO_RECORD,
            flags: 0,
            tier: 0,
            epoch: self.epoch,
            topic_seq: 0,
            ts_event: 0,
            ts_recv: 0,
            ts_output: 0,
            ts_publish: now.0,
            number: 0,
            run: self.run,
            key_epoch: 0,
        }
    }

    /// Sends one message and returns its bytes.
    fn send(&self, topic: &str, envelope: &Envelope, payload: &[u8]) -> Result<u64, WireError> {
        let envelope = envelope.encode();
        self.socket.send([topic.as_bytes(), &envelope, payload])?;
        Ok((topic.len() + envelope.len() + payload.len()) as u64)
    }
}
