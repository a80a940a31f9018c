//! Each rule of the ledger, broken on purpose: a journal of two sessions that is made up, and what came of both.

use crate::kept::Kept;
use crate::ledger::Ledger;
use tickloom_journal::{Block, Close, Numbers, Reserved, RunMeta, Session};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SignalBody, SourceDef,
    SourceId, SourceKind, TradeBody, Ts, VerdictBody,
};
use tickloom_wire::{
    Announcement, Encoding, Envelope, Message, NO_RECORD, Payload, Retracted, RunPosition,
    StatePart, TopicSeq, is_output, run_id,
};

const RUN: &str = "made";

fn numbers(inputs: u64, outputs: u64) -> Numbers {
    Numbers { inputs, outputs }
}

/// Orders up to 9 are reserved too.
fn reserve(inputs: u64, outputs: u64) -> Block {
    Block::Reserve(Reserved {
        orders: Some(9),
        ..numbers(inputs, outputs).into()
    })
}

fn header(kind: Kind, n: u64) -> Header {
    let ts = Ts(i64::try_from(n).unwrap());
    Header::new(kind, InstrumentId(0), SourceId(0), ts, ts)
}

fn trade(seq: u64) -> Record {
    TradeBody::default().record(header(Kind::Trade, seq))
}

/// The signal of this number, made by the input of this sequence.
fn signal(number: u64, cause: u64) -> Record {
    let body = SignalBody {
        cause,
        ..SignalBody::default()
    };
    body.record(header(Kind::Signal, number))
}

fn verdict(number: u64, cause: u64, order: u32) -> Record {
    let body = VerdictBody {
        cause,
        order,
        ..VerdictBody::default()
    };
    body.record(header(Kind::Verdict, number))
}

/// Inputs 0 to 9 and outputs 0 to 4, of which the first session had reserved 20 and 10.
fn first_session() -> Kept {
    let mut kept = Kept {
        run: RUN.to_owned(),
        ..Kept::default()
    };
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    let mut meta = RunMeta::new(RUN, Ts(0), instruments).unwrap();
    meta.signals = vec!["fast".to_owned()];
    meta.strategies = vec!["cross".to_owned()];
    let session = Session {
        session: 1,
        kept: numbers(0, 0),
        start: numbers(0, 0),
        orders: None,
        lost: false,
    };
    let blocks = [
        Block::Meta(Box::new(meta)),
        Block::Session(session),
        reserve(20, 10),
        inputs(0, 10),
        outputs(0, 5),
    ];
    for block in blocks {
        kept.take(block).unwrap();
    }
    kept
}

/// The same, and a second session from 20 and 10 on with so many inputs and outputs.
fn second_session() -> Kept {
    let mut kept = first_session();
    let session = Session {
        session: 2,
        kept: numbers(10, 5),
        start: numbers(20, 10),
        orders: Some(9),
        lost: false,
    };
    let close = Close {
        next_seq: 30,
        outputs: 15,
        output_hash: "00".to_owned(),
    };
    let blocks = [
        Block::Session(session),
        reserve(60, 60),
        inputs(20, 10),
        outputs(10, 5),
        Block::Close(close),
    ];
    for block in blocks {
        kept.take(block).unwrap();
    }
    kept
}

fn inputs(first_seq: u64, count: u64) -> Block {
    let records = (first_seq..first_seq + count).map(trade).collect();
    Block::Inputs { first_seq, records }
}

/// Outputs as [`stands`] has them.
fn outputs(first_output: u64, count: u64) -> Block {
    let records = (first_output..first_output + count).map(|number| (of(number), stands(number)));
    Block::Outputs {
        first_output,
        records: records.collect(),
    }
}

/// The cause of an output: outputs 0 to 4 are of inputs 0 to 4, outputs from 10 on of inputs from 20 on.
fn of(number: u64) -> u64 {
    if number < 10 { number } else { number + 10 }
}

fn stands(number: u64) -> Record {
    signal(number, of(number))
}

/// A record as it comes in an epoch; every topic begins at the base of its session.
fn came(epoch: u64, number: u64, record: Record) -> Message {
    let topic = match record.kind() {
        Some(Kind::Trade) => "trade/test.A",
        Some(Kind::Verdict) => "verdict/cross",
        _ => "signal/fast",
    };
    let (base, first) = if epoch == 1 { (0, 0) } else { (30, 10) };
    let first = if is_output(record.header.kind) {
        first
    } else {
        2 * first
    };
    let seq = base + 1 + number - first;
    let envelope = envelope(epoch, Encoding::Record, &record, number, seq);
    Message {
        topic: topic.to_owned(),
        envelope,
        payload: Payload::Record(record),
    }
}

fn envelope(epoch: u64, encoding: Encoding, record: &Record, number: u64, seq: u64) -> Envelope {
    Envelope {
        encoding,
        kind: record.header.kind,
        flags: record.header.flags,
        tier: 0,
        epoch,
        topic_seq: seq,
        ts_event: record.header.ts_event,
        ts_recv: record.header.ts_recv,
        ts_output: 0,
        ts_publish: 0,
        number,
        run: run_id(RUN),
        key_epoch: 0,
    }
}

/// The state of the second session, changed as a test wants.
fn told(change: impl FnOnce(&mut Announcement)) -> Message {
    let first = RunPosition {
        inputs: 20,
        outputs: 10,
    };
    let mut state = Announcement {
        session: tickloom_wire::Session {
            run: Some(RUN.to_owned()),
            topic_base: 30,
            first,
            watermark: first,
            retracted: vec![Retracted {
                inputs: 10..20,
                outputs: 5..10,
            }],
        },
        topics: Vec::new(),
    };
    change(&mut state);
    let mut envelope = envelope(2, Encoding::Announcement, &trade(0), 0, 0);
    envelope.kind = NO_RECORD;
    Message {
        topic: "heartbeat".to_owned(),
        envelope,
        payload: Payload::Announcement(state),
    }
}

/// What the ledger says of what came before a kill, and of what came after it.
fn judge(is_durable: bool, before: &[Message], after: &[Message]) -> Result<Ledger, String> {
    let mut ledger = Ledger::default();
    ledger.is_durable.push(is_durable);
    ledger.take(before, &first_session())?;
    ledger.is_durable.push(false);
    ledger.take(after, &second_session())?;
    ledger.end(&second_session())?;
    Ok(ledger)
}

/// Signals of epoch 1 from 0 on; those from 5 on were not kept, and are of inputs that were not.
fn signals(count: u64) -> Vec<Message> {
    let signal = |number| match number {
        0..5 => stands(number),
        _ => signal(number, number + 5),
    };
    (0..count)
        .map(|number| came(1, number, signal(number)))
        .collect()
}

fn is_refused(is_durable: bool, before: &[Message], after: &[Message], why: &str) {
    match judge(is_durable, before, after) {
        Err(text) => assert!(text.contains(why), "{text:?}, expected {why:?}"),
        Ok(_) => panic!("nothing is found, expected {why:?}"),
    }
}

#[test]
fn what_is_kept_or_taken_back_is_good() {
    let after = [
        told(|_| {}),
        came(2, 10, stands(10)),
        came(2, 11, stands(11)),
    ];
    let ledger = judge(false, &signals(8), &after).ok().unwrap();
    assert_eq!((ledger.messages, ledger.retracted), (10, 3));
    // What was durable is all kept, and then nothing has to be taken back.
    let ledger = judge(true, &signals(5), &after).ok().unwrap();
    assert_eq!((ledger.messages, ledger.retracted), (7, 0));
}

#[test]
fn what_is_not_kept_must_be_taken_back() {
    is_refused(true, &signals(6), &[], "the journal does not have it");
    is_refused(false, &signals(6), &[], "was never taken back");
    let untold = told(|state| state.session.retracted.clear());
    is_refused(false, &signals(6), &[untold], "it takes back []");
    is_refused(false, &signals(11), &[], "number 10, epoch 1");
    let other = [came(1, 0, stands(0)), came(1, 1, signal(2, 1))];
    is_refused(false, &other, &[], "under its number");
}

#[test]
fn nothing_is_used_twice() {
    let mut again = signals(2);
    again.push(came(1, 1, stands(1)));
    is_refused(false, &again, &[], "sequence 2 came before it");
    let mut renumbered = came(1, 1, stands(1));
    renumbered.envelope.topic_seq = 3;
    again[2] = renumbered;
    is_refused(false, &again, &[], "number 1 came before it");
    // A session that goes on with numbers of the one before.
    let reused = came(2, 10, stands(10));
    let mut low = reused.clone();
    low.envelope.topic_seq = 3;
    is_refused(false, &signals(2), &[low], "the base of its session is 30");
    let late = [reused, came(1, 3, stands(3))];
    is_refused(false, &signals(2), &late, "after one of epoch 2");
    let old = [came(2, 10, signal(10, 4))];
    is_refused(false, &[], &old, "its cause is 4");
    let kept_cause = [came(1, 5, signal(5, 4))];
    is_refused(false, &kept_cause, &[told(|_| {})], "its cause is 4");
    let order = |epoch, number, cause| came(epoch, number, verdict(number, cause, 7));
    let twice = [told(|_| {}), order(2, 10, 20)];
    is_refused(
        false,
        &[order(1, 5, 10)],
        &twice,
        "order 7 has its verdict in output 10 and in output 5",
    );
    let beyond = [came(1, 5, verdict(5, 10, 10))];
    is_refused(false, &beyond, &[], "had reserved orders up to 9");
}

#[test]
fn the_state_that_is_announced_is_that_of_the_journal() {
    let refused = |change: fn(&mut Announcement), why: &str| {
        let after = [came(2, 10, stands(10)), told(change)];
        is_refused(false, &signals(6), &after, why);
    };
    refused(|state| state.session.run = None, "it names run None");
    refused(
        |state| state.session.first.inputs = 19,
        "no session of the journal begins at",
    );
    refused(
        |state| state.session.topic_base = 31,
        "its topics begin after 31",
    );
    refused(
        |state| state.session.watermark.outputs = 16,
        "are on the disk",
    );
    refused(
        |state| state.session.watermark.outputs = 9,
        "are on the disk",
    );
    refused(
        |state| state.session.retracted[0].outputs = 6..10,
        "it takes back",
    );
    let table = |state: &mut Announcement| {
        let topic = "signal/fast".to_owned();
        state.topics.push(TopicSeq { topic, seq: 32 });
    };
    refused(table, "signal/fast is at 32, and 31 came last");
}

#[test]
fn a_state_comes_between_what_is_in_it_and_what_is_not() {
    let state = |inputs, outputs| {
        let mut envelope = envelope(1, Encoding::State, &trade(0), 0, 0);
        (envelope.kind, envelope.flags) = (NO_RECORD, 0);
        let part = StatePart {
            next: RunPosition { inputs, outputs },
            from: 0,
            total: 0,
            records: Vec::new(),
        };
        Message {
            topic: "~hello/foreign".to_owned(),
            envelope,
            payload: Payload::State(part),
        }
    };
    let with = |at: usize, state: Message| {
        let mut messages = signals(5);
        messages.insert(at, state);
        messages
    };
    let good = judge(true, &with(3, state(3, 3)), &[]);
    assert_eq!(good.ok().unwrap().messages, 5);
    let late = with(3, state(3, 2));
    is_refused(false, &late, &[], "it is of output 2, and 2 came before it");
    let early = with(3, state(3, 4));
    is_refused(false, &early, &[], "a state of output 4 came before it");
}

#[test]
fn a_session_that_reserved_nothing_has_published_nothing() {
    let mut kept = first_session();
    for number in [2, 3] {
        let session = Session {
            session: number,
            kept: if number == 2 {
                numbers(10, 5)
            } else {
                numbers(20, 10)
            },
            start: numbers(20, 10),
            orders: Some(9),
            lost: false,
        };
        kept.take(Block::Session(session)).unwrap();
    }
    for block in [reserve(60, 60), inputs(20, 10), outputs(10, 5)] {
        kept.take(block).unwrap();
    }
    let mut ledger = Ledger::default();
    let came = [told(|_| {}), came(2, 10, stands(10))];
    assert_eq!(ledger.take(&came, &kept), Ok(()));
}

#[test]
fn the_state_as_json_is_that_of_the_bytes() {
    let state = told(|_| {});
    let json = |first: u64| {
        let mut message = state.clone();
        message.topic = "json/epoch".to_owned();
        message.envelope.encoding = Encoding::Json;
        message.payload = Payload::Json(format!(
            r#"{{"kind":"epoch","run":"made","topic_base":30,"first":{{"inputs":{first},"outputs":10}},
            "watermark":{{"inputs":20,"outputs":10}},"retracted":[{{"inputs":[10,20],"outputs":[5,10]}}]}}"#
        ));
        message
    };
    assert!(judge(false, &[], &[state.clone(), json(20)]).is_ok());
    is_refused(false, &[], &[state.clone(), json(21)], "first is");
    is_refused(false, &[], &[json(20)], "no session in bytes");
}

#[test]
fn what_lies_between_two_that_came_must_have_come() {
    let mut some = [came(1, 0, stands(0)), came(1, 2, stands(2))];
    is_refused(false, &some, &[], "sequence 1 came before it");
    some[1].envelope.topic_seq = 2;
    is_refused(
        false,
        &some,
        &[],
        "output 1 is in the journal and did not come",
    );
}
