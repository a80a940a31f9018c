//! A journal on its way to the server: whatever is killed, late, slow or suspended, each row is there exactly once in the end.

use crate::given;
use crate::proxy::Proxy;
use crate::server::{Server, until};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tickloom_data::questdb::{FollowOptions, FollowState, FollowStatus, Follower, QuestDb, Turn};
use tickloom_data::{Result, ScanQuery, Table};
use tickloom_journal::{Block, JournalOptions, JournalReader, JournalWriter, SyncPolicy};
use tickloom_types::{
    Header, InstrumentId, Kind, Record, Seq, SignalBody, SourceId, TradeBody, Ts,
};

const BASE: i64 = 1_700_000_000_000_000_000;

fn trade(n: u64) -> Record {
    let ts = Ts(BASE + i64::try_from(n).unwrap() * 1_000_003);
    let header = Header::new(Kind::Trade, InstrumentId(2), SourceId(0), ts, ts);
    let body = TradeBody {
        price: i64::try_from(n).unwrap(),
        qty: 7,
        trade_id: n,
        ..TradeBody::default()
    };
    body.record(header)
}

fn signal(cause: Seq) -> Record {
    let body = SignalBody {
        cause,
        value: 0.5,
        ..SignalBody::default()
    };
    body.record(trade(cause).header.as_kind(Kind::Signal))
}

/// A journal that is being written: trades, and a signal for each tenth of them.
struct Writing {
    writer: JournalWriter,
    next: Seq,
}

impl Writing {
    fn begin(dir: &Path) -> Writing {
        let options = JournalOptions {
            segment_bytes_max: 200_000,
            sync: SyncPolicy::OnFlush,
        };
        let (writer, recovered) =
            JournalWriter::open_with(dir, &given::run("run"), options).unwrap();
        Writing {
            writer,
            next: recovered.next_seq,
        }
    }

    fn append(&mut self, records: u64) {
        let seqs = self.next..self.next + records;
        let trades: Vec<Record> = seqs.clone().map(trade).collect();
        self.writer.append_inputs(self.next, &trades).unwrap();
        let signals: Vec<(Seq, Record)> = seqs
            .filter(|seq| seq % 10 == 0)
            .map(|seq| (seq, signal(seq)))
            .collect();
        self.writer.append_outputs(&signals).unwrap();
        self.writer.flush().unwrap();
        self.next += records;
    }
}

fn options() -> FollowOptions {
    FollowOptions {
        batch_rows: 500,
        batch_wait: Duration::from_millis(1),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(200),
        check_every: Duration::from_millis(1),
    }
}

fn follower(dir: &Path, address: &str) -> Follower {
    Follower::new(dir, &address.parse().unwrap(), options())
}

fn status(follower: &Follower) -> FollowStatus {
    follower.status().lock().unwrap().clone()
}

/// Turns until there is nothing more to send.
fn catch_up(follower: &mut Follower) {
    let mut shown = String::new();
    until("the follower to catch up", || {
        loop {
            let turn = follower.turn(Instant::now()).unwrap();
            let seen = status(follower).to_string();
            if seen != shown {
                println!("{seen}");
                shown = seen;
            }
            match turn {
                Turn::Worked => {}
                Turn::CaughtUp => return Some(()),
                Turn::Held(_) => return None,
            }
        }
    });
}

/// The server has the journal's records, each once, in the journal's order.
fn assert_equal(server: &Server, dir: &Path) {
    server.settle();
    let mut expected: Vec<(Seq, u64, Record)> = Vec::new();
    for block in JournalReader::open(dir).unwrap() {
        match block.unwrap() {
            Block::Inputs { first_seq, records } => {
                expected.extend((first_seq..).zip(records).map(|(seq, r)| (seq, 0, r)));
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                let rows = (first_output..).zip(records);
                expected.extend(rows.map(|(n, (cause, r))| (cause, n + 1, r)));
            }
            _ => {}
        }
    }
    expected.sort_by_key(|(seq, output, _)| (*seq, *output));
    let query = ScanQuery {
        tables: Table::ALL.to_vec(),
        ..ScanQuery::default()
    };
    let db = QuestDb::connect(&server.address().parse().unwrap()).unwrap();
    let found: Vec<(Seq, Record)> = db.scan(&query).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, (seq, _, record)) in found.iter().zip(&expected) {
        assert_eq!(found, &(*seq, *record));
    }
}

#[test]
fn kill_9_of_the_server_in_the_middle_of_writing_loses_and_doubles_nothing() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Writing::begin(dir.path());
    let mut follower = follower(dir.path(), &server.address());
    for (turn, milliseconds) in [3, 40, 110, 17, 250].into_iter().enumerate() {
        let killer = server.kill_within(milliseconds);
        // It is being written to while it dies.
        until("the server's end to be seen", || {
            journal.append(300);
            while follower.turn(Instant::now()).unwrap() == Turn::Worked {}
            let state = status(&follower).state;
            matches!(state, FollowState::Down { .. }).then_some(())
        });
        killer.join().unwrap();
        let seen = status(&follower);
        assert!(seen.behind > 0, "turn {turn}: {seen}");
        server.restart();
    }
    journal.append(100);
    catch_up(&mut follower);
    let seen = status(&follower);
    assert_eq!(seen.state, FollowState::Connected);
    assert_eq!(
        (seen.confirmed, seen.refused),
        (journal.next + journal.next.div_ceil(10), 0)
    );
    assert_equal(&server, dir.path());
}

#[test]
fn a_server_that_is_absent_at_the_start_gets_all_of_it_later() {
    let Some(mut server) = Server::prepare() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Writing::begin(dir.path());
    journal.append(2_000);
    let mut follower = follower(dir.path(), &server.address());
    assert!(matches!(
        follower.turn(Instant::now()).unwrap(),
        Turn::Held(_)
    ));
    let seen = status(&follower);
    assert_eq!(
        (seen.state.name(), seen.confirmed, seen.behind),
        ("down", 0, 2_200)
    );
    server.restart();
    catch_up(&mut follower);
    assert_eq!(status(&follower).to_string(), "connected");
    assert_equal(&server, dir.path());
}

#[test]
fn a_follower_that_begins_again_anywhere_goes_on_from_what_was_confirmed() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Writing::begin(dir.path());
    for turns in [1, 2, 3, 5, 8, 13, 21] {
        journal.append(400);
        let mut follower = follower(dir.path(), &server.address());
        for _ in 0..turns {
            follower.turn(Instant::now()).unwrap();
        }
        // Dropped with whatever it had read and not sent. The journal's writer too is killed now and then.
        if turns % 3 == 0 {
            drop(journal);
            journal = Writing::begin(dir.path());
        }
    }
    let mut last = follower(dir.path(), &server.address());
    catch_up(&mut last);
    assert_equal(&server, dir.path());

    // A server that lost everything, as a new one in its place would have, gets all again.
    for table in ["runs", "trades", "signals"] {
        server.sql(&format!("DROP TABLE {table}"));
    }
    let mut last = follower(dir.path(), &server.address());
    catch_up(&mut last);
    assert_equal(&server, dir.path());

    // Segments that somebody removed before they were sent are told, and what is there is sent.
    server.sql("DROP TABLE runs");
    std::fs::remove_file(dir.path().join("segment-00000001.tlj")).unwrap();
    let mut last = follower(dir.path(), &server.address());
    catch_up(&mut last);
    let seen = status(&last);
    assert_eq!(seen.missing, [(1, 1)]);
    assert_eq!(
        seen.to_string(),
        "connected, segments 1 to 1 were removed before they were sent: the catalog has them"
    );
}

#[test]
fn a_slow_server_holds_nobody_up_and_gets_all_in_the_end() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Writing::begin(dir.path());
    let proxy = Proxy::before(&server.address());
    let mut follower = follower(dir.path(), &proxy.address);
    journal.append(1_000);
    catch_up(&mut follower);
    proxy.shut();
    let stop = Arc::new(AtomicBool::new(false));
    let shared = follower.status();
    let thread = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            until("the last row to be confirmed", || {
                let wanted = stop.load(Ordering::Acquire);
                let turn = follower.turn(Instant::now()).unwrap();
                (wanted && turn == Turn::CaughtUp).then_some(())
            });
        })
    };
    // The journal is written on: it waits for no server. What is not confirmed stays in it.
    for _ in 0..20 {
        journal.append(500);
    }
    assert_eq!(shared.lock().unwrap().confirmed, 1_100);
    proxy.open();
    stop.store(true, Ordering::Release);
    thread.join().unwrap();
    let seen = shared.lock().unwrap().clone();
    assert_eq!((seen.confirmed, seen.behind), (12_100, 0), "{seen}");
    assert_equal(&server, dir.path());
}

#[test]
fn a_suspended_table_is_seen_and_caught_up_after() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Writing::begin(dir.path());
    let mut follower = follower(dir.path(), &server.address());
    journal.append(1_000);
    catch_up(&mut follower);
    server.settle();

    // By hand: it is told, and left to whoever did it.
    server.sql("ALTER TABLE trades SUSPEND WAL");
    journal.append(1_000);
    let seen = until("the suspended table to be seen", || {
        follower.turn(Instant::now()).unwrap();
        let seen = status(&follower);
        matches!(seen.state, FollowState::Suspended { .. }).then_some(seen)
    });
    let FollowState::Suspended { tables, .. } = &seen.state else {
        panic!("{seen}");
    };
    assert_eq!((tables.len(), tables[0].table.as_str()), (1, "trades"));
    assert!(
        seen.to_string()
            .contains("table trades (by hand): ALTER TABLE trades RESUME WAL"),
        "{seen}"
    );
    assert!(seen.behind > 0, "{seen}");
    let db = QuestDb::connect(&server.address().parse().unwrap()).unwrap();
    assert!(db.unapplied().unwrap().len() <= 1);
    server.sql("ALTER TABLE trades RESUME WAL");
    catch_up(&mut follower);
    assert_equal(&server, dir.path());

    // By an error: it is asked to go on.
    server.sql("ALTER TABLE trades SUSPEND WAL WITH 'DISK FULL', 'no space left'");
    journal.append(1_000);
    until("the suspended table to be seen", || {
        follower.turn(Instant::now()).unwrap();
        let state = status(&follower).state;
        matches!(state, FollowState::Suspended { .. }).then_some(())
    });
    catch_up(&mut follower);
    assert_equal(&server, dir.path());
}
