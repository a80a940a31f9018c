//! What sending records to QuestDB costs beside the client's own plain loop with the same rows, the same transport and the same
//! real server, in one run.
//!
//! Time runs from the first row to the last confirmation. The server puts rows into its tables in the background, on the same
//! processors: it is given the time to end with that before the next contender begins. Rounds of all contenders alternate.
//! Without Java or Maven there is no server, which is said.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use questdb::ingress::{Buffer, DecimalView, Sender, TimestampNanos};
use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;
use tickloom_data::questdb::{FollowOptions, Follower, QuestDbSink, Turn};
use tickloom_journal::{JournalWriter, RunMeta};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Side, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

#[path = "../tests/common/questdb.rs"]
mod server;

use server::Server;

const ROUNDS: usize = 7;
const ROWS: u64 = 300_000;
/// Rows of a request, for all contenders.
const BATCH: usize = 20_000;
const BEGIN: i64 = 1_700_000_000_000_000_000;
const PRICE_DECIMALS: u8 = 2;
const QTY_DECIMALS: u8 = 8;

/// Trades a millisecond apart; no two rounds and contenders have the same.
fn trades(first: u64, rows: u64) -> Vec<Record> {
    let trade = |n: u64| {
        let number = i64::try_from(n).expect("few");
        let ts = Ts(BEGIN + number * 1_000_000);
        let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), ts, ts);
        let body = TradeBody {
            price: 6_183_763 + number % 1_000,
            qty: 2_000_000 + number % 7_919,
            trade_id: n,
            side: if n.is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            } as u8,
            ..TradeBody::default()
        };
        body.record(header)
    };
    (first..first + rows).map(trade).collect()
}

fn run(name: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("binance.BTCUSDT", PRICE_DECIMALS, QTY_DECIMALS, "USDT");
    instruments.add(def).expect("the definition is valid");
    let source = SourceDef::new("binance", SourceKind::Feed);
    instruments.add_source(source).expect("the first source");
    RunMeta::new(name, Ts(BEGIN), instruments).expect("the name is valid")
}

/// The loop that the client's documentation shows.
fn plain(server: &Server, rows: &[Record]) -> questdb::Result<()> {
    let mut sender = Sender::from_conf(format!("http::addr={};", server.address()))?;
    let mut buffer = sender.new_buffer();
    for (seq, record) in (0..).zip(rows) {
        plain_row(&mut buffer, seq, record)?;
        if buffer.row_count() >= BATCH {
            sender.flush(&mut buffer)?;
        }
    }
    sender.flush(&mut buffer)
}

fn plain_row(buffer: &mut Buffer, seq: i64, record: &Record) -> questdb::Result<()> {
    let trade = TradeBody::of(record);
    let decimal = |mantissa: i64, scale| DecimalView::Scaled {
        scale,
        value: Cow::Owned(mantissa.to_be_bytes().to_vec()),
    };
    let side = if trade.side == Side::Buy as u8 {
        "buy"
    } else {
        "sell"
    };
    buffer
        .table("plain")?
        .symbol("run", "plain")?
        .symbol("instrument", "binance.BTCUSDT")?
        .symbol("source", "binance")?
        .symbol("side", side)?
        .column_i64("seq", seq)?
        .column_ts("ts_recv", TimestampNanos::new(record.header.ts_recv))?
        .column_i64("flags", i64::from(record.header.flags))?
        .column_dec("price", decimal(trade.price, PRICE_DECIMALS))?
        .column_dec("qty", decimal(trade.qty, QTY_DECIMALS))?
        .column_i64("trade_id", trade.trade_id.cast_signed())?
        .at(TimestampNanos::new(record.header.ts_event))
}

fn sink(server: &Server, rows: &[Record]) -> tickloom_data::Result<()> {
    let mut sink = QuestDbSink::connect(&server.address().parse()?)?;
    sink.begin(&run("sink"))?;
    for (seq, record) in (0..).zip(rows) {
        sink.push(seq, record)?;
        if sink.pending() >= BATCH {
            sink.flush()?;
        }
    }
    sink.flush()
}

/// From a journal that is on the disk already, with cursor and checks for suspended tables.
fn follow(server: &Server, journal: &Path) -> tickloom_data::Result<()> {
    let options = FollowOptions {
        batch_rows: BATCH,
        ..FollowOptions::default()
    };
    let mut follower = Follower::new(journal, &server.address().parse()?, options);
    loop {
        match follower.turn(Instant::now())? {
            Turn::CaughtUp => return Ok(()),
            Turn::Worked => {}
            Turn::Held(pause) => std::thread::park_timeout(pause),
        }
    }
}

fn write_journal(dir: &Path, name: &str, rows: &[Record]) -> tickloom_data::Result<()> {
    let (mut writer, _) = JournalWriter::open(dir, &run(name))?;
    for (first, records) in (0..).step_by(BATCH).zip(rows.chunks(BATCH)) {
        writer.append_inputs(first, records)?;
        writer.flush()?;
    }
    writer.close("")?;
    Ok(())
}

/// Rows a second.
fn timed(server: &Server, rows: u64, send: impl FnOnce()) -> f64 {
    let began = Instant::now();
    send();
    let elapsed = began.elapsed();
    server.settle();
    rows as f64 / elapsed.as_secs_f64()
}

/// Sorts the values and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let Some(server) = Server::start() else {
        return;
    };
    // Without --bench (as `cargo test --benches` runs it) one short round shows that it works.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, rows) = if measured { (ROUNDS, ROWS) } else { (1, 1_000) };
    QuestDbSink::connect(&server.address().parse().expect("an address")).expect("tables");
    server.sql("CREATE TABLE plain (LIKE trades)");
    let mut results = [Vec::new(), Vec::new(), Vec::new()];
    let mut first = 0;
    for round in 0..=rounds {
        let mut next = || {
            first += rows;
            trades(first - rows, rows)
        };
        let (of_plain, of_sink, of_journal) = (next(), next(), next());
        let dir = tempfile::tempdir().expect("a directory");
        write_journal(dir.path(), &format!("follow-{round}"), &of_journal).expect("a journal");
        let measures = [
            timed(&server, rows, || plain(&server, &of_plain).expect("sent")),
            timed(&server, rows, || sink(&server, &of_sink).expect("sent")),
            timed(&server, rows, || follow(&server, dir.path()).expect("sent")),
        ];
        // The first round warms the server up.
        if round > 0 {
            for (result, measure) in results.iter_mut().zip(measures) {
                result.push(measure);
            }
        }
    }
    println!("\nrows a second until confirmed, {rounds} rounds of {rows} trades");
    println!(
        "{:26} {:>10} {:>23} {:>7}",
        "", "median", "least .. most", "ratio"
    );
    let baseline = results[0].clone();
    let names = ["client's plain loop", "sink", "follower, from a journal"];
    for (name, mut result) in names.into_iter().zip(results) {
        let mut ratios: Vec<f64> = result.iter().zip(&baseline).map(|(a, b)| a / b).collect();
        let ratio = median(&mut ratios);
        let middle = median(&mut result);
        let (least, most) = (result[0], result[result.len() - 1]);
        println!("{name:26} {middle:10.0} {least:11.0} {most:11.0} {ratio:7.2}");
    }
}
