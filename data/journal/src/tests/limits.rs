//! Numbers at the end of what there is: refused by name, never used twice.

use super::*;
use crate::format::Reserved;
use crate::limits::NUMBERS_MAX;
use crate::position::Position;

const AHEAD: Numbers = Numbers {
    inputs: 10,
    outputs: 6,
};

fn orders(last: u32, ahead: u32) -> OrdersAhead {
    OrdersAhead { last, ahead }
}

fn open(dir: &Path) -> JournalWriter {
    JournalWriter::open(dir, &meta()).unwrap().0
}

fn place(inputs: u64, outputs: u64, sessions: u32) -> Place {
    Place {
        next: Numbers { inputs, outputs },
        sessions,
        ..Place::default()
    }
}

/// A journal whose one segment, of this number, begins at this place.
fn at(dir: &Path, segment: u32, place: Place) -> JournalWriter {
    let position = Position {
        place,
        ..Position::default()
    };
    JournalWriter::begin_at(dir, &meta(), segment, position).unwrap()
}

/// Opens a journal that begins with this segment.
fn go_on(dir: &Path, segment: u32) -> Result<JournalWriter, JournalError> {
    let options = JournalOptions::default();
    let opened = JournalWriter::open_from(dir, &meta(), options, segment, |_, _| Ok(()));
    opened.map(|(writer, _)| writer)
}

fn exhausted(error: &JournalError) -> String {
    assert!(matches!(error, JournalError::Exhausted { .. }), "{error}");
    error.to_string()
}

#[test]
fn numbers_of_orders_are_skipped_after_a_crash_and_not_after_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let reserved = writer.reserve(AHEAD, orders(5, 100)).unwrap();
    let expected = Reserved {
        inputs: 10,
        outputs: 6,
        orders: Some(105),
    };
    assert_eq!(reserved, expected);
    // They are reserved anew when half of them are used up.
    let reserved = writer.reserve(AHEAD, orders(55, 100)).unwrap();
    assert_eq!(reserved.orders, Some(105));
    let reserved = writer.reserve(AHEAD, orders(56, 100)).unwrap();
    assert_eq!(reserved.orders, Some(156));
    drop(writer);
    // Whatever became of the sessions in between, which have reserved nothing of their own.
    for _ in 0..3 {
        let mut writer = open(dir.path());
        assert_eq!(writer.session().orders, Some(156));
        writer.begin_session().unwrap();
    }
    let mut writer = open(dir.path());
    writer.reserve(AHEAD, orders(156, 100)).unwrap();
    writer.close("00").unwrap();
    assert_eq!(open(dir.path()).session().orders, None);
    let read: Result<Vec<_>, _> = JournalReader::open(dir.path()).unwrap().collect();
    let sessions = read.unwrap().into_iter().filter_map(|block| match block {
        Block::Session(session) => Some(session.orders),
        _ => None,
    });
    let told = [None, Some(156), Some(156), Some(156), Some(156)];
    assert_eq!(sessions.collect::<Vec<_>>(), told);
}

#[test]
fn no_number_of_an_order_above_the_last_is_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    for _ in 0..2 {
        let reserved = writer.reserve(AHEAD, orders(u32::MAX - 7, 100)).unwrap();
        assert_eq!(reserved.orders, Some(u32::MAX));
    }
    let len = || {
        fs::metadata(dir.path().join(segment_name(1)))
            .unwrap()
            .len()
    };
    let before = len();
    writer.reserve(AHEAD, orders(u32::MAX, 100)).unwrap();
    assert_eq!(len(), before, "there is nothing to be written");
}

#[test]
fn records_above_the_last_number_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let next = NUMBERS_MAX - 2;
    let mut writer = at(dir.path(), 2, place(next, next, 1));
    let reserved = writer.reserve(AHEAD, OrdersAhead::NONE).unwrap();
    let all = (NUMBERS_MAX, NUMBERS_MAX);
    assert_eq!((reserved.inputs, reserved.outputs), all);
    let error = writer.append_inputs(next, &trades(0..3)).unwrap_err();
    let run = meta().run;
    assert_eq!(
        exhausted(&error),
        format!(
            "run {run} has no inputs left: {next} of at most {NUMBERS_MAX} are used; begin a new run"
        )
    );
    writer.append_inputs(next, &trades(0..2)).unwrap();
    let output = (next, trade(0));
    let error = writer.append_outputs(&[output; 3]).unwrap_err();
    assert!(exhausted(&error).contains("no outputs left"));
    writer.append_outputs(&[output; 2]).unwrap();
    writer.flush().unwrap();
    assert_eq!((writer.next().inputs, writer.next().outputs), all);
    drop(writer);
    let error = go_on(dir.path(), 2).err().unwrap();
    assert!(exhausted(&error).contains("no inputs left"));
}

#[test]
fn a_run_that_has_no_number_left_is_not_begun_again() {
    let full = [
        (place(NUMBERS_MAX, 0, 1), "inputs"),
        (place(0, NUMBERS_MAX, 1), "outputs"),
        (place(0, 0, u32::MAX), "sessions"),
    ];
    for (full, what) in full {
        // The first segment is not there, so that the next is taken at its word.
        let dir = tempfile::tempdir().unwrap();
        drop(at(dir.path(), 2, full));
        let error = go_on(dir.path(), 2).err().unwrap();
        assert!(exhausted(&error).contains(&format!("no {what} left")));
        assert_eq!(segment_numbers(dir.path()).unwrap(), [2]);
    }
    let dir = tempfile::tempdir().unwrap();
    drop(at(
        dir.path(),
        2,
        place(NUMBERS_MAX - 1, NUMBERS_MAX - 1, u32::MAX - 1),
    ));
    let mut writer = go_on(dir.path(), 2).unwrap();
    writer.begin_session().unwrap();
    assert_eq!(writer.session().session, u32::MAX);
}

#[test]
fn there_is_no_segment_after_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = at(dir.path(), u32::MAX, place(0, 0, 1));
    writer.append_inputs(0, &trades(0..1)).unwrap();
    let error = writer.next_segment().unwrap_err();
    assert!(exhausted(&error).contains("no segments left"));
    // It is written on.
    writer.flush().unwrap();
    drop(writer);
    let error = go_on(dir.path(), u32::MAX).err().unwrap();
    assert!(exhausted(&error).contains("no segments left"));
    let mut reader = JournalReader::open_from(dir.path(), u32::MAX).unwrap();
    while reader.next_block().unwrap().is_some() {}
    assert_eq!(reader.next_seq(), 1);
}

#[test]
fn numbers_that_no_run_can_have_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    drop(at(dir.path(), 2, place(u64::MAX - 1, 0, 1)));
    let error = JournalReader::open_from(dir.path(), 2).err().unwrap();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}
