//! Single rules of the ledger, each on one message and the journal.

use crate::kept::{Kept, Part};
use std::collections::HashMap;
use tickloom_journal::Numbers;
use tickloom_types::{Kind, Record};
use tickloom_wire::{Encoding, Envelope, JSON_PREFIX, Message, Payload, RunPosition, is_output};

/// What came and is not in the journal.
pub(crate) struct Pending {
    /// Its session in the journal.
    pub(crate) part: usize,
    pub(crate) message: Message,
}

/// Whether the journal has what it did not have when it came: outputs are made again of the inputs that are kept. Once the next
/// session has begun, what made an output that is not there must be gone too.
pub(crate) fn is_settled(pending: &Pending, kept: &Kept) -> Result<bool, String> {
    let Pending { part, message } = pending;
    let Envelope { kind, number, .. } = message.envelope;
    if let Some(stands) = kept.record(is_output(kind), number) {
        return is_same(message, stands, kept).map(|()| true);
    }
    if let Some(next) = kept.parts.get(part + 1)
        && let Payload::Record(record) = &message.payload
        && let Some(cause) = cause(record)
    {
        let (from, to) = (next.kept.inputs, next.start.inputs);
        if !(from..to).contains(&cause) {
            return Err(format!(
                "its cause is {cause}, which is not among the inputs {from} to {to} that are taken back with it"
            ));
        }
    }
    Ok(false)
}

pub(crate) fn of_message(message: &Message, why: &str) -> String {
    let Envelope {
        number,
        epoch,
        topic_seq,
        ..
    } = message.envelope;
    let topic = &message.topic;
    format!("{topic} {topic_seq} (number {number}, epoch {epoch}): {why}")
}

/// Whether a message is the journal's record of its number.
pub(crate) fn is_same(message: &Message, stands: &Record, kept: &Kept) -> Result<(), String> {
    let names = kept.names.as_ref().ok_or("the journal has no names")?;
    let envelope = &message.envelope;
    let topic = names.topic(stands).map_err(|error| error.to_string())?;
    let topic = topic.ok_or("the journal's record has no topic")?;
    let header = &stands.header;
    let (expected_topic, expected) = match envelope.encoding {
        Encoding::Json => {
            let text = names.json(stands, Some(&kept.run), envelope.number);
            let text = text.map_err(|error| error.to_string())?;
            (format!("{JSON_PREFIX}{topic}"), text.into_bytes())
        }
        _ => (topic, stands.as_bytes().to_vec()),
    };
    let of_envelope = (
        envelope.kind,
        envelope.flags,
        envelope.ts_event,
        envelope.ts_recv,
    );
    let is_same = message.topic == expected_topic
        && message.payload.encode() == expected
        && of_envelope == (header.kind, header.flags, header.ts_event, header.ts_recv);
    if is_same {
        return Ok(());
    }
    Err(format!("the journal has {stands:?} under its number"))
}

pub(crate) fn is_first_verdict(
    verdicts: &mut HashMap<u32, u64>,
    order: u32,
    number: u64,
) -> Result<(), String> {
    let other = *verdicts.entry(order).or_insert(number);
    if other == number {
        return Ok(());
    }
    Err(format!(
        "order {order} has its verdict in output {number} and in output {other}"
    ))
}

/// What is published of a session is made of its own inputs.
pub(crate) fn is_own_cause(record: &Record, part: &Part) -> Result<(), String> {
    let (from, to) = (part.start.inputs, part.reserved.inputs);
    match cause(record) {
        Some(cause) if !(from..to).contains(&cause) => Err(format!(
            "its cause is {cause}, and its session had the inputs {from} to {to}"
        )),
        _ => Ok(()),
    }
}

/// The input that made an output, where the output names it.
fn cause(record: &Record) -> Option<u64> {
    let word = match record.kind()? {
        Kind::Signal
        | Kind::Order
        | Kind::Verdict
        | Kind::Fill
        | Kind::Position
        | Kind::Account => 24,
        Kind::BookStatus | Kind::RiskStatus => 56,
        _ => return None,
    };
    let bytes = record.as_bytes()[word..].first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

pub(crate) fn numbers(position: RunPosition) -> Numbers {
    Numbers {
        inputs: position.inputs,
        outputs: position.outputs,
    }
}

pub(crate) fn name(is_output: bool) -> &'static str {
    if is_output { "output" } else { "input" }
}
