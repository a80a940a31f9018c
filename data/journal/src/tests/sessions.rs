//! Sessions and reservations: what a crash gives up, what it does not, and what a reader makes of a gap anywhere else.

use super::*;
use crate::format::{BlockHeader, BlockKind, HEADER_LEN};
use zerocopy::IntoBytes;

const AHEAD: Numbers = Numbers {
    inputs: 10,
    outputs: 6,
};

fn open(dir: &Path) -> JournalWriter {
    JournalWriter::open(dir, &meta()).unwrap().0
}

fn numbers(inputs: u64, outputs: u64) -> Numbers {
    Numbers { inputs, outputs }
}

/// Two inputs and one output of each, flushed.
fn append_two(writer: &mut JournalWriter) {
    let next = writer.next();
    let first = i64::try_from(next.inputs).unwrap();
    let records = trades(first..first + 2);
    writer.append_inputs(next.inputs, &records).unwrap();
    writer
        .append_outputs(&[(next.inputs + 1, trade(-first))])
        .unwrap();
    writer.flush().unwrap();
}

fn sessions(dir: &Path) -> Vec<Session> {
    let blocks = JournalReader::open(dir).unwrap().map(Result::unwrap);
    blocks
        .filter_map(|block| match block {
            Block::Session(session) => Some(session),
            _ => None,
        })
        .collect()
}

fn session(session: u32, kept: Numbers, start: Numbers) -> Session {
    Session {
        session,
        kept,
        start,
        // Where something was reserved, it was without orders.
        orders: (kept != start).then_some(0),
        lost: false,
    }
}

#[test]
fn what_was_reserved_and_not_used_is_given_up_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    assert_eq!(
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap().numbers(),
        numbers(10, 6)
    );
    append_two(&mut writer);
    drop(writer);

    let (mut writer, recovered) = JournalWriter::open(dir.path(), &meta()).unwrap();
    let second = session(2, numbers(2, 1), numbers(10, 6));
    assert_eq!((recovered.session, writer.session()), (second, second));
    assert!(second.has_retracted());
    writer.begin_session().unwrap();
    assert_eq!(writer.next(), numbers(10, 6));
    // The numbers of the session before are over.
    assert!(writer.append_inputs(2, &[trade(0)]).is_err());
    append_two(&mut writer);
    writer.close("00").unwrap();
    let first = session(1, numbers(0, 0), numbers(0, 0));
    assert_eq!(sessions(dir.path()), [first, second]);
    let mut reader = JournalReader::open(dir.path()).unwrap();
    while reader.next_block().unwrap().is_some() {}
    assert_eq!((reader.next(), reader.outputs()), (numbers(12, 7), 7));
}

#[test]
fn after_a_close_there_is_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
    append_two(&mut writer);
    writer.close("00").unwrap();
    let mut writer = open(dir.path());
    writer.begin_session().unwrap();
    let second = session(2, numbers(2, 1), numbers(2, 1));
    assert_eq!(writer.session(), second);
    assert!(!second.has_retracted());
}

#[test]
fn outputs_that_a_crash_took_are_added_to_their_own_session() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
    append_two(&mut writer);
    writer.append_inputs(2, &trades(2..4)).unwrap();
    writer.flush().unwrap();
    drop(writer);

    let mut writer = open(dir.path());
    writer
        .append_outputs(&[(2, trade(-2)), (3, trade(-3))])
        .unwrap();
    assert_eq!(writer.next(), numbers(4, 3));
    writer.flush().unwrap();
    append_with_gap(&mut writer);
    let second = session(2, numbers(4, 3), numbers(10, 6));
    assert_eq!(sessions(dir.path())[1], second);
    let blocks: Vec<Block> = JournalReader::open(dir.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let outputs = blocks.iter().filter_map(|block| match block {
        Block::Outputs { first_output, .. } => Some(*first_output),
        _ => None,
    });
    assert_eq!(outputs.collect::<Vec<_>>(), [0, 1, 6]);
}

/// The first inputs of a session that begins behind a gap.
fn append_with_gap(writer: &mut JournalWriter) {
    writer.begin_session().unwrap();
    assert_eq!(writer.next(), numbers(10, 6));
    append_two(writer);
}

#[test]
fn a_reservation_is_renewed_when_half_of_it_is_used_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    assert_eq!(
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap().numbers(),
        numbers(10, 6)
    );
    assert_eq!(
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap().numbers(),
        numbers(10, 6)
    );
    append_two(&mut writer);
    append_two(&mut writer);
    assert_eq!(
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap().numbers(),
        numbers(10, 6)
    );
    append_two(&mut writer);
    assert_eq!(
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap().numbers(),
        numbers(16, 9)
    );
    // What was reserved stays so.
    assert_eq!(
        writer
            .reserve(numbers(0, 0), OrdersAhead::NONE)
            .unwrap()
            .numbers(),
        numbers(16, 9)
    );
    drop(writer);
    assert_eq!(open(dir.path()).session().start, numbers(16, 9));
}

#[test]
fn a_single_number_can_be_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    assert_eq!(
        writer
            .reserve(numbers(1, 1), OrdersAhead::NONE)
            .unwrap()
            .numbers(),
        numbers(1, 1)
    );
    append_two(&mut writer);
    assert_eq!(
        writer
            .reserve(numbers(1, 1), OrdersAhead::NONE)
            .unwrap()
            .numbers(),
        numbers(3, 2)
    );
}

#[test]
fn a_session_that_nothing_came_in_gives_up_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
    drop(writer);
    for number in 2..5 {
        let mut writer = open(dir.path());
        writer.begin_session().unwrap();
        let kept = if number == 2 {
            numbers(0, 0)
        } else {
            numbers(10, 6)
        };
        let expected = Session {
            orders: Some(0),
            ..session(number, kept, numbers(10, 6))
        };
        assert_eq!(writer.session(), expected);
    }
}

#[test]
fn a_follower_is_told_of_each_session() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
    let mut found = Vec::new();
    for _ in 0..3 {
        let mut writer = open(dir.path());
        writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
        append_two(&mut writer);
        while let Tailed::Block(block) = tail.poll().unwrap() {
            if let Block::Session(session) = block {
                found.push(session);
            }
        }
    }
    assert_eq!(found, sessions(dir.path()));
    assert_eq!(found[2], session(3, numbers(12, 7), numbers(20, 12)));
}

/// Appends one block to the last segment, chained to what is there.
fn append_block(dir: &Path, kind: BlockKind, count: usize, first: u64, payload: &[u8]) {
    let path = segment_files(dir).unwrap().pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let (mut reader, ..) = SegmentReader::new(&bytes[..]).ok().unwrap();
    let mut chain = [0; 16];
    while let Ok(Some(chained)) = reader.next_chained() {
        chain = chained.hash;
    }
    let header = BlockHeader::new(kind, count, first, chain, payload);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(payload);
    fs::write(path, bytes).unwrap();
}

/// What a reader says of a journal with two inputs and one output, ten and six reserved, and one more block.
fn with_block(
    kind: BlockKind,
    count: usize,
    first: u64,
    payload: &[u8],
) -> Result<Vec<Block>, JournalError> {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
    append_two(&mut writer);
    drop(writer);
    append_block(dir.path(), kind, count, first, payload);
    let read = JournalReader::open(dir.path())?.collect();
    let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
    while let Tailed::Block(_) = tail.poll()? {}
    read
}

#[test]
fn a_gap_anywhere_else_is_damage() {
    let input = trade(1);
    let inputs = |first| with_block(BlockKind::Inputs, 1, first, input.as_bytes());
    assert!(inputs(2).is_ok());
    for first in [1, 3, 10] {
        let error = inputs(first).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    }
    let output = [&1_u64.to_le_bytes()[..], input.as_bytes()].concat();
    let outputs = |first| with_block(BlockKind::Outputs, 1, first, &output);
    assert!(outputs(1).is_ok());
    assert!(outputs(6).is_err());

    let session = |session: Session| {
        let payload = serde_json::to_vec(&session).unwrap();
        with_block(BlockKind::Session, 0, 0, &payload)
    };
    let next = self::session(2, numbers(2, 1), numbers(10, 6));
    assert!(session(next).is_ok());
    for (kept, start) in [
        (numbers(2, 1), numbers(11, 6)),
        (numbers(2, 1), numbers(2, 1)),
        (numbers(3, 1), numbers(10, 6)),
    ] {
        let other = self::session(2, kept, start);
        assert!(session(other).is_err(), "{other:?}");
        assert!(session(Session { session: 4, ..next }).is_err());
    }
    // What salvage could not find may end anywhere, but begins where the records before end.
    let lost = |kept, start| {
        session(Session {
            lost: true,
            ..self::session(1, kept, start)
        })
    };
    assert!(lost(numbers(2, 1), numbers(90, 1)).is_ok());
    assert!(lost(numbers(2, 1), numbers(1, 1)).is_err());
    assert!(lost(numbers(3, 1), numbers(90, 1)).is_err());
}

#[test]
fn a_mark_that_says_more_than_there_is_is_damage() {
    let durable = |bytes, inputs: u64| {
        let payload = [inputs.to_le_bytes(), 1_u64.to_le_bytes()].concat();
        with_block(BlockKind::Durable, 0, bytes, &payload)
    };
    assert!(durable(HEADER_LEN as u64, 2).is_ok());
    assert!(durable(HEADER_LEN as u64, 3).is_err());
    assert!(durable(1 << 40, 2).is_err());
}

#[test]
fn the_end_of_a_closed_run_is_remembered_outside_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    append_two(&mut writer);
    writer.close("00").unwrap();
    let path = dir.path().join(segment_name(1));
    let bytes = fs::read(&path).unwrap();
    let ends = blocks(&bytes);
    let (head, whole) = (ends[1].2, bytes.len());
    for len in (0..whole).chain([whole]) {
        fs::write(&path, &bytes[..len]).unwrap();
        let read: Result<Vec<_>, _> = JournalReader::open(dir.path()).and_then(Iterator::collect);
        assert_eq!(read.is_ok(), len == whole, "{len} bytes of {whole}");
        let opened = JournalWriter::open(dir.path(), &meta());
        assert_eq!(opened.is_ok(), len == whole, "{len} bytes of {whole}");
        let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
        assert_eq!(tail.poll().is_ok(), len == whole, "{len} bytes of {whole}");
    }
    assert!(head < whole);
    // The next session began a segment: both have to be there.
    fs::remove_file(dir.path().join(segment_name(2))).unwrap();
    assert!(JournalReader::open(dir.path()).is_ok());
    fs::remove_file(path).unwrap();
    let error = JournalWriter::open(dir.path(), &meta()).err().unwrap();
    assert!(matches!(error, JournalError::Missing { .. }), "{error}");
}
