//! Messages without a record of their own: the session, the sequences, and what the run knows.

use super::{Object, put_body, put_flags};
use crate::error::WireError;
use crate::session::{Retracted, Session};
use crate::state::StatePart;
use crate::topic::{Names, kind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use tickloom_types::{Kind, Record, Ts};

/// The first message of an epoch: the session.
pub(crate) fn epoch(epoch: u64, session: &Session, now: Ts) -> String {
    let mut object = Object::new();
    object.put("kind", "epoch");
    put_session(&mut object, epoch, session, now);
    object.end()
}

/// A heartbeat, or the first answer to a hello, by its kind: the session, the last sequence of every topic, and the names table, so
/// that a client that reads records as they are knows what their indices mean and how many decimals their numbers have.
pub(crate) fn announcement<'a>(
    kind: &str,
    epoch: u64,
    session: &Session,
    topics: impl Iterator<Item = (&'a str, u64)>,
    names: &Names,
    now: Ts,
) -> String {
    let mut object = Object::new();
    object.put("kind", kind);
    put_session(&mut object, epoch, session, now);
    object.put("topics", topics.collect::<BTreeMap<_, _>>());
    object.put("instruments", names.instruments().defs());
    object.put("sources", names.instruments().sources());
    object.put("signals", names.signals());
    object.put("strategies", names.strategies());
    object.end()
}

/// A retraction: of each kind of number the first that is gone and the first that is not.
#[derive(Serialize)]
struct Gone {
    inputs: [u64; 2],
    outputs: [u64; 2],
}

fn put_session(object: &mut Object, epoch: u64, session: &Session, now: Ts) {
    let gone = |retracted: &Retracted| Gone {
        inputs: [retracted.inputs.start, retracted.inputs.end],
        outputs: [retracted.outputs.start, retracted.outputs.end],
    };
    object.put("epoch", epoch);
    object.put("run", &session.run);
    object.put("topic_base", session.topic_base);
    object.put("first", session.first);
    object.put("watermark", session.watermark);
    let retracted: Vec<Gone> = session.newest_retracted().iter().map(gone).collect();
    object.put("retracted", retracted);
    object.put_time("ts_publish", now);
}

/// A part of what the run knows: its place, and each thing as its records have it, but without times of its own.
///
/// # Errors
/// [`WireError::Unnamed`] if something that it refers to has no name.
pub(crate) fn state(
    epoch: u64,
    session: &Session,
    part: &StatePart,
    names: &Names,
    now: Ts,
) -> Result<String, WireError> {
    let mut object = Object::new();
    object.put("kind", "state");
    object.put("epoch", epoch);
    object.put("run", &session.run);
    object.put("next", part.next);
    object.put("from", part.from);
    object.put("total", part.total);
    object.put_time("ts_publish", now);
    let mut records = String::with_capacity(part.records.len() * 256);
    for record in &part.records {
        if !records.is_empty() {
            records.push(',');
        }
        records.push_str(&known(record, names)?);
    }
    write!(object.0, ",\"records\":[{records}]").expect("writing to a String cannot fail");
    Ok(object.end())
}

/// One thing of a state.
fn known(record: &Record, names: &Names) -> Result<String, WireError> {
    let kind = kind(record)?;
    let mut object = Object::new();
    object.put("kind", kind.name());
    let instrument = names.instruments().get(record.instrument());
    object.put("instrument", instrument.map(|def| &def.name));
    if kind == Kind::BarClosed {
        object.put_time("begins", record.ts_recv());
        object.put_time("ends", record.ts_event());
    }
    put_flags(&mut object, record);
    put_body(&mut object, kind, record, names)?;
    Ok(object.end())
}
