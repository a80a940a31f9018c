//! Holds what a subscriber received to what the journal holds: published is kept or taken back by name, and nothing twice.
//!
//! It takes messages in the order in which they came, each time with the journal as a kill has left it.

use crate::kept::{Kept, Part, is_published, of};
use crate::rules::{
    Pending, is_first_verdict, is_own_cause, is_same, is_settled, name, numbers, of_message,
};
use crate::told::is_told;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tickloom_journal::Numbers;
use tickloom_types::{FillBody, Kind, OrderBody, Record, VerdictBody};
use tickloom_wire::{
    Announcement, Encoding, Envelope, JSON_PREFIX, Message, NO_RECORD, Payload, Retracted,
    RunPosition, StatePart, is_output, limits, run_id,
};

/// A state as JSON.
const STATE_AS_JSON: &str = "json/state";

/// What came so far.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Of each session in the journal, whether it published only what was on the disk.
    pub(crate) is_durable: Vec<bool>,
    /// Numbers of outputs and inputs that came as records.
    came: [BTreeSet<u64>; 2],
    /// What came, is not in the journal, and was not taken back yet: outputs or inputs by number, records before JSON.
    pending: BTreeMap<(bool, u64, bool), Pending>,
    epochs: HashMap<u64, Epoch>,
    last_epoch: u64,
    /// The last announcement that came in bytes, and its epoch.
    told: Option<(u64, Announcement)>,
    /// The place of the last state that came, and its epoch.
    place: Option<(u64, Numbers)>,
    /// The last sequence of each topic, whichever encoding, and those of each encoding in the last epoch.
    topics: HashMap<String, u64>,
    in_epoch: HashMap<String, u64>,
    /// The last number of outputs and inputs in each encoding.
    last: HashMap<(bool, Encoding), u64>,
    /// The verdict of each order.
    verdicts: HashMap<u32, u64>,
    /// Orders whose verdict was taken back.
    dead_orders: HashSet<u32>,
    /// Messages with a record, and the numbers that were taken back.
    pub(crate) messages: u64,
    pub(crate) retracted: u64,
}

/// What is known of an epoch.
#[derive(Default)]
struct Epoch {
    /// Its session in the journal.
    part: Option<usize>,
    watermark: RunPosition,
}

impl Ledger {
    /// Takes what came since the last time. The journal is as a kill, or the end of the run, has left it.
    ///
    /// # Errors
    /// What differed, in a sentence.
    pub(crate) fn take(&mut self, messages: &[Message], kept: &Kept) -> Result<(), String> {
        for (at, pending) in std::mem::take(&mut self.pending) {
            let settled =
                is_settled(&pending, kept).map_err(|why| of_message(&pending.message, &why))?;
            if !settled {
                self.pending.insert(at, pending);
            }
        }
        for message in messages {
            let taken = self.take_one(message, kept);
            taken.map_err(|why| of_message(message, &why))?;
        }
        Ok(())
    }

    /// Checks what must hold once the run has ended in good order and everything has come.
    ///
    /// # Errors
    /// What differed, in a sentence.
    pub(crate) fn end(&self, kept: &Kept) -> Result<(), String> {
        if let Some(Pending { message, .. }) = self.pending.values().next() {
            let why = "it is not in the journal, and was never taken back";
            return Err(of_message(message, why));
        }
        for part in &kept.parts {
            self.is_complete(false, part, kept)?;
            self.is_complete(true, part, kept)?;
        }
        let mut verdicts = self.verdicts.clone();
        for (number, (_, record)) in &kept.outputs {
            if record.kind() == Some(Kind::Verdict) {
                let order = VerdictBody::of(record).order;
                is_first_verdict(&mut verdicts, order, *number)?;
            }
        }
        Ok(())
    }

    /// Whether everything came that lies between the first and the last that came of a session.
    fn is_complete(&self, is_output: bool, part: &Part, kept: &Kept) -> Result<(), String> {
        let came = &self.came[usize::from(is_output)];
        let range = of(is_output, part.start)..of(is_output, part.end);
        let mut of_part = came.range(range);
        let (Some(first), Some(last)) = (of_part.next(), of_part.next_back()) else {
            return Ok(());
        };
        for number in *first..*last {
            let record = kept.record(is_output, number);
            let is_published = record.is_some_and(is_published);
            if is_published && !came.contains(&number) {
                let what = name(is_output);
                return Err(format!(
                    "{what} {number} is in the journal and did not come, though {what}s {first} and {last} did"
                ));
            }
        }
        Ok(())
    }

    fn take_one(&mut self, message: &Message, kept: &Kept) -> Result<(), String> {
        let envelope = &message.envelope;
        if envelope.run != run_id(&kept.run) {
            return Err(format!("it is of another run than {}", kept.run));
        }
        if envelope.epoch < self.last_epoch {
            return Err(format!("it came after one of epoch {}", self.last_epoch));
        }
        if envelope.epoch > self.last_epoch {
            self.last_epoch = envelope.epoch;
            self.in_epoch.clear();
        }
        match &message.payload {
            Payload::Announcement(told) => {
                self.take_announcement(envelope.epoch, told, kept)?;
                self.told = Some((envelope.epoch, told.clone()));
                Ok(())
            }
            // What it says is held to the journal in bytes.
            Payload::Json(_) if message.topic == STATE_AS_JSON => Ok(()),
            Payload::Json(text) if envelope.kind == NO_RECORD => match &self.told {
                Some((epoch, told)) if *epoch == envelope.epoch => is_told(text, told),
                _ => Err("no session in bytes came before it".to_owned()),
            },
            Payload::State(part) => self.take_state(envelope, part),
            Payload::Record(record) => self.take_record(message, Some(record), kept),
            Payload::Json(_) => self.take_record(message, None, kept),
        }
    }

    fn take_record(
        &mut self,
        message: &Message,
        record: Option<&Record>,
        kept: &Kept,
    ) -> Result<(), String> {
        let Envelope { kind, number, .. } = message.envelope;
        let is_output = is_output(kind);
        self.messages += 1;
        let part = kept
            .part_of(is_output, number)
            .ok_or("the journal has no session with such numbers")?;
        self.is_in_session(message.envelope.epoch, part)?;
        self.is_after_state(&message.envelope)?;
        self.is_in_sequence(message, &kept.parts[part])?;
        let reserved = of(is_output, kept.parts[part].reserved);
        if number >= reserved {
            return Err(format!("the journal had reserved up to {reserved}"));
        }
        if let Some(record) = record {
            self.came[usize::from(is_output)].insert(number);
            self.take_order(record, number, &kept.parts[part])?;
            is_own_cause(record, &kept.parts[part])?;
        }
        if let Some(stands) = kept.record(is_output, number) {
            return is_same(message, stands, kept);
        }
        if self.is_durable.get(part) == Some(&true) {
            return Err(
                "it was to be published once it is on the disk, and the journal does not have it"
                    .to_owned(),
            );
        }
        let pending = Pending {
            part,
            message: message.clone(),
        };
        if !is_settled(&pending, kept)? {
            let is_json = record.is_none();
            self.pending.insert((is_output, number, is_json), pending);
        }
        Ok(())
    }

    /// One epoch is one session of the journal.
    fn is_in_session(&mut self, epoch: u64, part: usize) -> Result<(), String> {
        let is_another =
            |(other, known): (&u64, &Epoch)| *other != epoch && known.part == Some(part);
        if self.epochs.iter().any(is_another) {
            return Err(format!(
                "session {} was published in another epoch",
                part + 1
            ));
        }
        let known = self.epochs.entry(epoch).or_default();
        match known.part.replace(part) {
            Some(other) if other != part => Err(format!(
                "it belongs to session {}, and its epoch to session {}",
                part + 1,
                other + 1
            )),
            _ => Ok(()),
        }
    }

    /// Sequences of topics go up without holes in an epoch, from its base on, and numbers in each encoding.
    fn is_in_sequence(&mut self, message: &Message, part: &Part) -> Result<(), String> {
        let envelope = &message.envelope;
        let seq = envelope.topic_seq;
        let base = part.start.inputs + part.start.outputs;
        if seq <= base {
            return Err(format!("the base of its session is {base}"));
        }
        if let Some(last) = self.in_epoch.insert(message.topic.clone(), seq)
            && seq != last + 1
        {
            return Err(format!("sequence {last} came before it"));
        }
        let topic = message.topic.strip_prefix(JSON_PREFIX);
        let topic = topic.unwrap_or(&message.topic).to_owned();
        let used = self.topics.entry(topic).or_default();
        let is_used = match envelope.encoding {
            // It follows the record of the same sequence.
            Encoding::Json => *used > seq,
            _ => *used >= seq,
        };
        if is_used {
            return Err(format!("the topic's sequence was {used} already"));
        }
        *used = seq;
        let side = (is_output(envelope.kind), envelope.encoding);
        match self.last.insert(side, envelope.number) {
            Some(last) if last >= envelope.number => Err(format!("number {last} came before it")),
            _ => Ok(()),
        }
    }

    /// A number of an order is of one order, and was reserved before it came.
    fn take_order(&mut self, record: &Record, number: u64, part: &Part) -> Result<(), String> {
        let order = match record.kind() {
            Some(Kind::Verdict) => {
                let order = VerdictBody::of(record).order;
                is_first_verdict(&mut self.verdicts, order, number)?;
                order
            }
            Some(Kind::Order) => OrderBody::of(record).order,
            Some(Kind::Fill) => FillBody::of(record).order,
            _ => return Ok(()),
        };
        if self.dead_orders.contains(&order) {
            return Err(format!("order {order} was taken back"));
        }
        // A close gives back what no order has used.
        match part.orders {
            Some(last) if order > last => {
                Err(format!("the journal had reserved orders up to {last}"))
            }
            _ => Ok(()),
        }
    }

    /// A state comes between what is in it and what is not.
    fn take_state(&mut self, envelope: &Envelope, part: &StatePart) -> Result<(), String> {
        let place = numbers(part.next);
        for is_output in [false, true] {
            let side = (is_output, Encoding::Record);
            let (what, next) = (name(is_output), of(is_output, place));
            if let Some(last) = self.last.get(&side).filter(|last| **last >= next) {
                return Err(format!("it is of {what} {next}, and {last} came before it"));
            }
        }
        self.place = Some((envelope.epoch, place));
        Ok(())
    }

    /// What comes after a state is not in it.
    fn is_after_state(&self, envelope: &Envelope) -> Result<(), String> {
        let Some((epoch, place)) = self.place else {
            return Ok(());
        };
        let is_output = is_output(envelope.kind);
        let next = of(is_output, place);
        if epoch == envelope.epoch && envelope.number < next {
            let what = name(is_output);
            return Err(format!("a state of {what} {next} came before it"));
        }
        Ok(())
    }

    /// What is announced must be what follows from the journal.
    fn take_announcement(
        &mut self,
        epoch: u64,
        told: &Announcement,
        kept: &Kept,
    ) -> Result<(), String> {
        let session = &told.session;
        if session.run.as_deref() != Some(&kept.run) {
            return Err(format!("it names run {:?}", session.run));
        }
        let first = numbers(session.first);
        // One that was killed before it had reserved anything has published nothing, and the next begins where it did.
        let part = kept.parts.iter().rposition(|part| part.start == first);
        let part = part.ok_or(format!("no session of the journal begins at {first:?}"))?;
        self.is_in_session(epoch, part)?;
        if session.topic_base != first.inputs + first.outputs {
            return Err(format!("its topics begin after {}", session.topic_base));
        }
        let gone = kept.retracted(part);
        let newest = &gone[gone.len().saturating_sub(limits::RETRACTIONS_MAX)..];
        if session.retracted != newest {
            let told = &session.retracted;
            return Err(format!("it takes back {told:?}, the journal {newest:?}"));
        }
        let known = self.epochs.entry(epoch).or_default();
        let (before, now) = (numbers(known.watermark), numbers(session.watermark));
        let end = kept.parts[part].end;
        if now.max(before) != now || now.max(end) != end || now.max(first) != now {
            return Err(format!(
                "it says that {now:?} are on the disk, before {before:?}, and the journal has {end:?}"
            ));
        }
        known.watermark = session.watermark;
        for topic in &told.topics {
            let came = self
                .in_epoch
                .entry(topic.topic.clone())
                .or_insert(topic.seq);
            if *came != topic.seq {
                let (topic, seq) = (&topic.topic, topic.seq);
                return Err(format!("{topic} is at {seq}, and {came} came last"));
            }
        }
        self.take_back(part, &session.retracted)
    }

    /// What came of the sessions before and is not in the journal must be taken back.
    fn take_back(&mut self, part: usize, retracted: &[Retracted]) -> Result<(), String> {
        for ((is_output, number, is_json), pending) in std::mem::take(&mut self.pending) {
            if pending.part >= part {
                self.pending.insert((is_output, number, is_json), pending);
                continue;
            }
            let has_it = |gone: &Retracted| {
                let range = if is_output {
                    &gone.outputs
                } else {
                    &gone.inputs
                };
                range.contains(&number)
            };
            if !retracted.iter().any(has_it) {
                let what = name(is_output);
                return Err(format!(
                    "it does not take {what} {number} back, which came and is not in the journal"
                ));
            }
            if let Payload::Record(record) = &pending.message.payload
                && record.kind() == Some(Kind::Verdict)
            {
                self.dead_orders.insert(VerdictBody::of(record).order);
            }
            self.retracted += 1;
        }
        Ok(())
    }
}
