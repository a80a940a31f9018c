//! Named cursors, and the example that follows a journal by one: killed anywhere, it does everything, and nothing twice.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../examples/follow.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod follow;

use std::fs;
use std::path::Path;
use tickloom_journal::{
    Block, JournalError, JournalOptions, JournalPlace, JournalTail, JournalWriter, Numbers,
    OrdersAhead, RunMeta, SyncPolicy, Tailed, check_place, journal_cursors, segment_name,
};
use tickloom_types::{Instruments, Record, Ts};

fn open(dir: &Path) -> JournalWriter {
    let meta = RunMeta::new("run", Ts(0), Instruments::new()).unwrap();
    let options = JournalOptions {
        segment_bytes_max: 2_000,
        sync: SyncPolicy::OnFlush,
    };
    JournalWriter::open_with(dir, &meta, options).unwrap().0
}

/// An input and an output, flushed, so many times.
fn append(writer: &mut JournalWriter, times: usize) {
    writer.begin_session().unwrap();
    for _ in 0..times {
        let next = writer.next().inputs;
        writer.append_inputs(next, &[Record::default()]).unwrap();
        writer.append_outputs(&[(next, Record::default())]).unwrap();
        writer.flush().unwrap();
    }
}

/// Blocks up to the end.
fn read(tail: &mut JournalTail) -> Vec<Block> {
    let mut blocks = Vec::new();
    while let Tailed::Block(block) = tail.poll().unwrap() {
        blocks.push(block);
    }
    blocks
}

#[test]
fn a_program_goes_on_behind_what_it_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    append(&mut writer, 8);
    let mut tail = JournalTail::named(dir.path(), "a-1_b.c").unwrap();
    let all = read(&mut tail);
    drop(tail);

    // Nothing was committed: all is given again.
    let mut tail = JournalTail::named(dir.path(), "a-1_b.c").unwrap();
    let half: Vec<Block> = (0..all.len() / 2)
        .map(|_| match tail.poll().unwrap() {
            Tailed::Block(block) => block,
            other => panic!("{other:?}"),
        })
        .collect();
    tail.commit().unwrap();
    let place = tail.place().clone();
    read(&mut tail);
    drop(tail);
    check_place(dir.path(), &place).unwrap();
    let mut tail = JournalTail::named(dir.path(), "a-1_b.c").unwrap();
    assert_eq!(*tail.place(), place);
    assert_eq!([half, read(&mut tail)].concat(), all);

    drop(JournalTail::named(dir.path(), "b").unwrap());
    let cursors = journal_cursors(dir.path()).unwrap();
    let names: Vec<_> = cursors.iter().map(|cursor| &*cursor.name).collect();
    assert_eq!(names, ["a-1_b.c", "b"]);
    assert_eq!(cursors[0].place, place);
    assert_eq!(cursors[1].place, JournalPlace::START);
}

#[test]
fn each_place_where_a_follower_can_stand_is_one_to_go_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
    let mut places = Vec::new();
    for _ in 0..12 {
        append(&mut writer, 1);
        let blocks = read(&mut tail);
        places.push((tail.place().clone(), blocks));
    }
    // Some stand at the beginning of a segment that had nothing yet, behind the last block of the one before.
    let begun = |place: &JournalPlace| place.offset == 64 && place.previous.is_some();
    assert!(places.iter().any(|(place, _)| begun(place)), "{places:?}");
    for (at, (place, _)) in places.iter().enumerate() {
        check_place(dir.path(), place).unwrap();
        let mut tail = JournalTail::named_at(dir.path(), "x", place.clone()).unwrap();
        let rest: Vec<Block> = places[at + 1..]
            .iter()
            .flat_map(|(_, b)| b.clone())
            .collect();
        assert_eq!(read(&mut tail), rest);
        // The cursor stands where its program said.
        assert_eq!(journal_cursors(dir.path()).unwrap()[0].place, *place);
    }
    let (place, _) = places.iter().find(|(place, _)| begun(place)).unwrap();
    let other = JournalPlace {
        previous: Some([7; 16]),
        ..place.clone()
    };
    let told = JournalTail::named_at(dir.path(), "x", other).err();
    assert!(
        matches!(told, Some(JournalError::CutBack { .. })),
        "{told:?}"
    );
}

#[test]
fn what_is_no_cursor_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path()), 1);
    let named = |name: &str| JournalTail::named(dir.path(), name).err().unwrap();
    for name in ["", "a/b", "..\\x", "ü", &"x".repeat(41)] {
        assert!(matches!(named(name), JournalError::CursorName(_)), "{name}");
    }
    let held = JournalTail::named(dir.path(), "x").unwrap();
    assert!(matches!(named("x"), JournalError::CursorInUse(_)));
    drop(held);
    let path = dir.path().join("cursor-x.json");
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "{", "{\"segment\":1}", &good.replace("null", "\"zz\"")] {
        fs::write(&path, bad).unwrap();
        for error in [named("x"), journal_cursors(dir.path()).unwrap_err()] {
            let is_named = error.to_string().contains("cursor-x.json is damaged");
            assert!(is_named, "{error}");
        }
    }
    let mut nameless = JournalTail::new(dir.path(), JournalPlace::START);
    assert!(matches!(nameless.commit(), Err(JournalError::NoCursor)));
    let nowhere = JournalTail::named(&dir.path().join("no"), "x").err();
    assert!(matches!(nowhere, Some(JournalError::Missing { .. })));
}

/// A cursor at the end of a journal of a few segments, of which then this is done.
fn after(change: impl FnOnce(&Path)) -> [Option<JournalError>; 2] {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path()), 12);
    let mut tail = JournalTail::named(dir.path(), "x").unwrap();
    read(&mut tail);
    tail.commit().unwrap();
    let place = tail.place().clone();
    assert!(place.segment > 2 && place.offset > 600, "{place:?}");
    drop(tail);
    change(dir.path());
    let polled = loop {
        match JournalTail::named(dir.path(), "x").unwrap().poll() {
            Ok(Tailed::Block(_)) => {}
            Ok(_) => break None,
            Err(error) => break Some(error),
        }
    };
    [polled, check_place(dir.path(), &place).err()]
}

fn last(dir: &Path) -> std::path::PathBuf {
    tickloom_journal::segment_files(dir).unwrap().pop().unwrap()
}

#[test]
fn a_journal_that_was_cut_back_behind_a_cursor_is_told() {
    assert!(matches!(after(|_| {}), [None, None]));
    let is_cut_back = |errors: [Option<JournalError>; 2]| {
        let all = errors.iter().flatten();
        let told = all.filter(|error| matches!(error, JournalError::CutBack { .. }));
        assert_eq!(told.count(), 2, "{errors:?}");
    };
    is_cut_back(after(|dir| {
        let file = fs::OpenOptions::new().write(true).open(last(dir)).unwrap();
        file.set_len(file.metadata().unwrap().len() - 200).unwrap();
    }));
    is_cut_back(after(|dir| fs::remove_file(last(dir)).unwrap()));
    is_cut_back(after(|dir| {
        while let Some(path) = tickloom_journal::segment_files(dir).unwrap().pop() {
            fs::remove_file(path).unwrap();
        }
    }));
    // Another journal of the same length.
    let [polled, checked] = after(|dir| {
        while let Some(path) = tickloom_journal::segment_files(dir).unwrap().pop() {
            fs::remove_file(path).unwrap();
        }
        let meta = RunMeta::new("run", Ts(1), Instruments::new()).unwrap();
        let options = JournalOptions {
            segment_bytes_max: 2_000,
            sync: SyncPolicy::OnFlush,
        };
        let mut writer = JournalWriter::open_with(dir, &meta, options).unwrap().0;
        append(&mut writer, 14);
    });
    assert!(matches!(polled, Some(JournalError::CutBack { .. })));
    assert!(matches!(checked, Some(JournalError::CutBack { .. })));
}

/// Names of the effects, as numbers, and their content.
fn effects(dir: &Path) -> Vec<(u64, String)> {
    let mut effects: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let number = path.file_name().unwrap().to_str().unwrap().parse();
            (number.unwrap(), fs::read_to_string(path).unwrap())
        })
        .collect();
    effects.sort();
    effects
}

#[test]
fn the_example_does_everything_and_nothing_twice() {
    let (dir, done) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cursor = dir.path().join("cursor-follow.json");
    for round in 1..=4_u64 {
        let mut writer = open(dir.path());
        let ahead = Numbers {
            inputs: 10,
            outputs: 10,
        };
        writer.reserve(ahead, OrdersAhead::NONE).unwrap();
        append(&mut writer, 5);
        let before = fs::read(&cursor).ok();
        assert_eq!(follow::follow(dir.path(), done.path()).unwrap(), 5);
        let once = effects(done.path());
        assert_eq!(once.len() as u64, 5 * round);
        // Killed after the effects and before the commit.
        if let Some(before) = before {
            fs::write(&cursor, before).unwrap();
            assert_eq!(follow::follow(dir.path(), done.path()).unwrap(), 5);
            assert_eq!(effects(done.path()), once);
        }
        assert_eq!(follow::follow(dir.path(), done.path()).unwrap(), 0);
    }
    assert!(dir.path().join(segment_name(4)).exists());
    assert_eq!(
        effects(done.path())[5].0,
        10,
        "what was reserved is given up"
    );
}
