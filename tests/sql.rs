//! `tickloom sql` from outside: exact answers over files made here, and the same answers as DuckDB's over recorded markets.

#![cfg(test)]
#![cfg(feature = "sql")]

mod cli;

use cli::{Ran, shared_data, tickloom, workspace};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tickloom_types::Ts;

const TRADES: &str = "\
time,price,qty,side
2024-03-10T00:00:00Z,10.1,1,buy
2024-03-10T00:00:59.999999999Z,10.3,0.5,sell
2024-03-10T00:01:00Z,9.9,2,buy
2024-03-10T00:03:00.5Z,10.0,0.1,sell
2024-03-10T04:59:59Z,10.0,1000000000,buy
2024-03-11T03:59:59Z,10.0,0.000000001,sell
";
const OTHERS: &str = "\
time,price,qty,side
2024-03-10T00:00:30Z,0.000000001,1000000000000,buy
";
const QUOTES: &str = "\
time,bid,bid_qty,ask,ask_qty
2024-03-09T23:59:59Z,10,1,10.2,1
2024-03-10T00:01:00Z,9.8,1,10.0,1
2024-03-10T00:01:00Z,9.85,1,10.0,1
2024-03-10T00:03:00.500000001Z,9.9,1,10.1,1
";
const BARS: &str = "\
time,open,high,low,close,volume
2024-03-10T00:58:00Z,1,3,1,2,10
2024-03-10T00:59:00Z,2,2,0.5,1,20
2024-03-10T01:00:00Z,1,5,1,4,30
";

/// A catalog of two instruments with trades, one of them with quotes and one-minute bars.
struct Small {
    _dir: tempfile::TempDir,
    catalog: String,
}

fn small() -> Small {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    for (file, text, instrument) in [
        ("trades.csv", TRADES, "A"),
        ("others.csv", OTHERS, "B/C"),
        ("quotes.csv", QUOTES, "A"),
        ("bars.csv", BARS, "A"),
    ] {
        let path = dir.path().join(file);
        std::fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        let ran = tickloom(&[
            "import",
            &path,
            "--catalog",
            &catalog,
            "--instrument",
            instrument,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    Small { _dir: dir, catalog }
}

impl Small {
    fn ask(&self, statement: &str, more: &[&str]) -> Ran {
        let mut words = vec!["sql", "--catalog", &self.catalog, statement];
        words.extend(more);
        tickloom(&words)
    }

    /// The rows as CSV, without the header.
    fn rows(&self, statement: &str) -> Vec<String> {
        let ran = self.ask(statement, &["--format", "csv"]);
        assert_eq!(ran.code, 0, "{statement}\n{}", ran.stderr);
        ran.stdout.lines().skip(1).map(str::to_owned).collect()
    }

    fn check(&self, statement: &str, expected: &[&str]) {
        assert_eq!(self.rows(statement), expected, "{statement}");
    }

    fn refused(&self, statement: &str, said: &str) {
        let ran = self.ask(statement, &[]);
        assert_eq!(ran.code, 2, "{statement}\n{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{statement}\n{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn numbers_are_exact_and_times_are_nanoseconds() {
    let small = small();
    small.check(
        "select instrument, count(*), sum(qty), min(price), max(ts_event) from trades group by instrument order by instrument",
        &[
            "A,6,1000000003.600000001,9.9,2024-03-11T03:59:59Z",
            "B/C,1,1000000000000,0.000000001,2024-03-10T00:00:30Z",
        ],
    );
    small.check(
        "select ts_event, price from trades where ts_event > '2024-03-10T00:00:59.999999998Z' and ts_event <= '2024-03-10 00:00:59.999999999'",
        &["2024-03-10T00:00:59.999999999Z,10.3"],
    );
    small.check(
        "select price, cast(price as decimal(38,18)) * qty as notional from trades where price = 10.3",
        &["10.3,5.15"],
    );
    small.check(
        "select count(*) from trades where price between 9.9 and 10.1 and qty not in (0.1, 2.0) and ts_event in ('2024-03-10', '2024-03-10T05:59:59+01:00')",
        &["2"],
    );
    small.check(
        "select ts_event - ts_recv as late, side from trades where instrument = 'B/C'",
        &["0,buy"],
    );
}

#[test]
fn buckets_are_stamped_with_their_close() {
    let small = small();
    small.check(
        "select ts_event, first(price), max(price), min(price), last(price), sum(qty), count(*) \
         from trades where instrument = 'A' and ts_event < '2024-03-10T01:00:00Z' sample by 1m fill(none)",
        &[
            "2024-03-10T00:01:00Z,10.1,10.3,10.1,10.3,1.5,2",
            "2024-03-10T00:02:00Z,9.9,9.9,9.9,9.9,2,1",
            "2024-03-10T00:04:00Z,10,10,10,10,0.1,1",
        ],
    );
    // In New York this day of March has 23 hours: it begins at 5:00 and ends at 4:00 UTC.
    small.check(
        "select ts_event, instrument, count(*) from trades sample by 1d align to calendar time zone 'America/New_York'",
        &[
            "2024-03-10T05:00:00Z,A,5",
            "2024-03-10T05:00:00Z,B/C,1",
            "2024-03-11T04:00:00Z,A,1",
        ],
    );
    small.check(
        "select side, sum(qty) as volume, min(ts_event) as began from trades where instrument = 'A' sample by 1w order by volume",
        &[
            "sell,0.000000001,2024-03-11T03:59:59Z",
            "sell,0.6,2024-03-10T00:00:59.999999999Z",
            "buy,1000000003,2024-03-10T00:00:00Z",
        ],
    );
}

/// New York's exchange around the beginning of summer time, and on the half day after Thanksgiving.
const SESSIONS: &str = "\
time,price,qty
2024-03-08T14:29:59Z,1,1
2024-03-08T14:30:00Z,2,1
2024-03-08T20:59:59Z,3,1
2024-03-08T21:00:00Z,4,1
2024-03-11T13:30:00Z,5,1
2024-11-29T17:29:59Z,6,1
2024-11-29T17:59:59Z,7,1
2024-11-29T18:00:00Z,8,1
";

#[test]
fn a_calendar_cuts_buckets_at_its_sessions() {
    let small = small();
    let file = Path::new(&small.catalog).with_file_name("sessions.csv");
    std::fs::write(&file, SESSIONS).unwrap();
    let file = file.display().to_string();
    let words = [
        "import",
        &file,
        "--catalog",
        &small.catalog,
        "--instrument",
        "S",
    ];
    assert_eq!(tickloom(&words).code, 0);
    small.check(
        "select ts_event, sum(price), count(*) from trades where instrument = 'S' sample by 1d calendar 'us-equity'",
        &[
            "2024-03-08T21:00:00Z,5,2",
            "2024-03-11T20:00:00Z,5,1",
            "2024-11-29T18:00:00Z,13,2",
        ],
    );
    // One before the open, one at each close of two days: of the rows that are chosen, those of others are not counted.
    for (chosen, outside) in [
        ("where instrument = 'S'", 3),
        ("where price > 3 and instrument = 'S'", 2),
    ] {
        let statement =
            format!("select count(*) from trades {chosen} sample by 1d calendar 'us-equity'");
        let ran = small.ask(&statement, &["--format", "json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let told =
            format!("{outside} rows are in no bucket: they are outside the sessions of us-equity");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let all = "select count(*) from trades where instrument = 'S' sample by 1d calendar 'crypto'";
    let ran = small.ask(all, &["--format", "json"]);
    assert!(!ran.stderr.contains("in no bucket"), "{}", ran.stderr);
    small.check(
        "select ts_event, sum(price) from trades where instrument = 'S' sample by 1h calendar 'us-equity'",
        &[
            "2024-03-08T15:30:00Z,2",
            "2024-03-08T21:00:00Z,3",
            "2024-03-11T14:30:00Z,5",
            "2024-11-29T17:30:00Z,6",
            "2024-11-29T18:00:00Z,7",
        ],
    );
    small.refused(
        "select count(*) from trades sample by 1h calendar 'moon'",
        "calendar",
    );
    small.refused(
        "select count(*) from trades sample by 1M calendar 'fx'",
        "bar size",
    );
}

#[test]
fn bars_of_an_hour_are_those_that_close_in_it() {
    let small = small();
    small.check(
        "select ts_event, first(open), max(high), min(low), last(close), sum(volume) from bars sample by 1h",
        &[
            "2024-03-10T01:00:00Z,1,3,0.5,1,30",
            "2024-03-10T02:00:00Z,1,5,1,4,30",
        ],
    );
}

#[test]
fn as_of_joins_take_the_latest_row_that_is_not_later() {
    let small = small();
    let join = "from trades t asof join quotes q on (instrument)";
    small.check(
        &format!("select t.ts_event, t.price, q.bid, q.ts_event as quoted {join} where t.ts_event < '2024-03-10T01:00:00Z' order by t.instrument, t.ts_event"),
        &[
            "2024-03-10T00:00:00Z,10.1,10,2024-03-09T23:59:59Z",
            "2024-03-10T00:00:59.999999999Z,10.3,10,2024-03-09T23:59:59Z",
            "2024-03-10T00:01:00Z,9.9,9.85,2024-03-10T00:01:00Z",
            "2024-03-10T00:03:00.5Z,10,9.85,2024-03-10T00:01:00Z",
            "2024-03-10T00:00:30Z,0.000000001,,",
        ],
    );
    small.check(
        "select t.price, q.bid from trades t asof join quotes q match_condition (t.ts_event > q.ts_event) on t.instrument = q.instrument where t.price = 9.9",
        &["9.9,10"],
    );
    small.check(
        &format!("select ts_event, avg(t.price - q.bid) as over {join} where t.instrument = 'A' and t.ts_event < '2024-03-10T00:02:00Z' sample by 1m"),
        &["2024-03-10T00:01:00Z,0.2", "2024-03-10T00:02:00Z,0.05"],
    );
    small.check(
        "with q as (select instrument, ts_event, bid from quotes where bid > 9.8) select t.qty, x.bid from trades t asof join q x using (instrument) where t.qty = 2",
        &["2,9.85"],
    );
}

#[test]
fn each_format_has_the_same_rows() {
    let small = small();
    let statement =
        "select instrument, price, side, ts_event from trades order by ts_event, seq limit 2";
    let table = small.ask(statement, &[]);
    assert_eq!(
        table.stdout,
        "instrument        price  side  ts_event\n\
         A                  10.1  buy   2024-03-10T00:00:00Z\n\
         B/C         0.000000001  buy   2024-03-10T00:00:30Z\n"
    );
    let short = small.ask(statement, &["--rows", "1"]);
    assert!(short.stdout.contains("(1 more rows"), "{}", short.stdout);
    let json = small.ask(statement, &["--format", "json"]).stdout;
    let rows: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[1]["instrument"], "B/C");
    assert!(json.contains("\"price\":0.000000001,"), "{json}");
    let out = Path::new(&small.catalog).with_file_name("rows.parquet");
    let out = out.display().to_string();
    let parquet = small.ask(statement, &["--format", "parquet", "--out", &out]);
    assert_eq!(parquet.code, 0, "{}", parquet.stderr);
    assert_eq!(parquet.stdout, "");
    assert!(std::fs::read(&out).unwrap().starts_with(b"PAR1"));
    assert!(!Path::new(&format!("{out}.part")).exists());
    let nowhere = small.ask(statement, &["--format", "parquet"]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.stderr.contains("needs --out"));
}

#[test]
fn empty_is_no_error_and_the_nearest_data_is_told() {
    let small = small();
    let ran = small.ask(
        "select ts_event, price from trades where instrument = 'Z'",
        &["--format", "csv"],
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "ts_event,price\n"));
    assert!(
        ran.stderr
            .contains("there is A from 2024-03-10T00:00:00Z to 2024-03-11T03:59:59Z"),
        "{}",
        ran.stderr
    );
    let none = small.ask("select * from fills", &["--format", "json"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, "[]\n"));
    assert!(none.stderr.contains("the catalog has no fills"));
    small.check(
        "select count(*), sum(qty) from order_updates asof join status on (instrument) where ts_event > '2024-01-01'",
        &["0,"],
    );
}

#[test]
fn wrong_statements_are_pointed_at() {
    let small = small();
    small.refused(
        "select price from tradez",
        "no table tradez; there is trades",
    );
    small.refused(
        "select prise from trades",
        "no column prise; there is price",
    );
    small.refused(
        "select t.prise from trades t asof join quotes q on (instrument)",
        "there is price",
    );
    small.refused("select price from trades where", "line 1, column 31");
    small.refused("selec price from trades", "line 1, column 1");
    small.refused("select price\nfrom trades where price >", "line 2");
    small.refused(
        "select * from trades where ts_event > 'noon'",
        "\"noon\" is not a time",
    );
    small.refused("select * from trades sample by 1m", "not *");
    small.refused(
        "select count(x) from (select price as x from trades) sample by 1m",
        "line 1, column 54: SAMPLE BY needs a column ts_event",
    );
    small.refused(
        "select q.x from trades t asof join (select bid as x, instrument from quotes) q on (instrument)",
        "ASOF JOIN matches rows by ts_event, and one side has none",
    );
    small.refused(
        "select count(*) from trades sample by 1m fill(prev)",
        "FILL(NONE)",
    );
    small.refused(
        "select count(*) from trades sample by 1m align to calendar time zone 'Mars/Base'",
        "no time zone",
    );
    small.refused(
        "select price from trades where instrument = \"A\"",
        "single quotes",
    );
    small.refused(" -- nothing\n", "no statement");
    let ran = small.ask("select price from tradez", &[]);
    assert!(
        ran.stderr
            .contains("\n  select price from tradez\n                    ^"),
        "{}",
        ran.stderr
    );
}

#[test]
fn nothing_is_changed_and_nothing_else_is_read() {
    let small = small();
    let only = "only SELECT, WITH, SHOW and EXPLAIN are allowed";
    for statement in [
        "drop table trades",
        "delete from trades",
        "insert into trades values (1)",
        "create table x as select * from trades",
        "truncate table trades",
        "update trades set price = 1",
        "copy trades to 'x.csv'",
        "explain drop table trades",
        "select * into x from trades",
    ] {
        small.refused(statement, only);
    }
    let file = Path::new(&small.catalog).with_file_name("trades.csv");
    let file = file.display();
    for statement in [
        format!("select * from read_csv('{file}')"),
        format!("select * from read_parquet('{file}')"),
        format!("select * from '{file}'"),
        format!("select * from \"{file}\""),
        format!("select * from trades where price in (select price from read_csv('{file}'))"),
        format!("with x as (select * from read_csv('{file}')) select * from x"),
        "select * from unnest([1, 2]) as x(a)".to_owned(),
        "select * from table(f())".to_owned(),
    ] {
        let ran = small.ask(&statement, &[]);
        assert_eq!(ran.code, 2, "{statement}\n{}{}", ran.stdout, ran.stderr);
    }
    small.check("select count(*) from trades", &["7"]);
}

#[test]
fn files_are_left_alone_that_cannot_have_rows() {
    let small = small();
    for (condition, reads) in [
        ("true", "reads 3 of 3 files with 7 rows"),
        ("instrument = 'B/C'", "reads 1 of 3 files with 1 rows"),
        ("ts_event >= '2024-03-11'", "reads 1 of 3 files with 1 rows"),
        ("instrument = 'Z'", "reads 0 of 3 files with 0 rows"),
    ] {
        let rows = small.rows(&format!(
            "explain select price from trades where {condition}"
        ));
        assert_eq!(rows[0], reads, "{condition}");
    }
    let join = "explain select q.bid from trades t asof join quotes q on (instrument) where t.instrument = 'B/C'";
    assert_eq!(small.rows(join)[0], "reads 1 of 5 files with 1 rows");
}

#[test]
fn tables_and_columns_are_shown() {
    let small = small();
    let tables = small.rows("show tables");
    assert_eq!(
        tables[0],
        "trades,7,2024-03-10T00:00:00Z,2024-03-11T03:59:59Z"
    );
    for name in [
        "trades",
        "quotes",
        "book_updates",
        "book_snapshots",
        "order_updates",
        "bars",
        "signals",
        "orders",
        "fills",
        "equity",
        "status",
    ] {
        assert!(
            tables
                .iter()
                .any(|row| row.starts_with(&format!("{name},")))
        );
        assert!(small.ask(&format!("select * from {name}"), &[]).code == 0);
    }
    let columns = small.rows("show columns from trades");
    assert_eq!(columns[0], "ts_event,TIMESTAMP(9)");
    assert!(
        columns.contains(&"price,\"DECIMAL(38,9)\"".to_owned()),
        "{columns:?}"
    );
    assert_eq!(columns, small.rows("describe trades"));
}

#[test]
fn ordinary_sql_works() {
    let small = small();
    small.check(
        "with a as (select * from trades where instrument = 'A') \
         select side, count(*) as n from a group by side having count(*) > 1 order by side",
        &["buy,3", "sell,3"],
    );
    small.check(
        "select t.price, q.bid from trades t join quotes q on t.instrument = q.instrument and t.ts_event = q.ts_event order by q.bid",
        &["9.9,9.8", "9.9,9.85"],
    );
    small.check(
        "select price from trades where price in (select price from trades where instrument = 'B/C') union all select bid from quotes where bid = 10 order by price",
        &["0.000000001", "10"],
    );
    small.check(
        "select max(n) from (select instrument, count(*) as n from trades group by instrument) x",
        &["6"],
    );
    small.check(
        "select price, row_number() over (partition by instrument order by ts_event) as nth from trades where instrument = 'A' order by nth limit 2",
        &["10.1,1", "10.3,2"],
    );
    // A value without a name is called by its text.
    let named = small.ask(
        "select instrument, max(price), min(price) from trades group by instrument order by max(price) desc",
        &["--format", "csv"],
    );
    assert_eq!(
        named.stdout,
        "instrument,max(price),min(price)\nA,10.3,9.9\nB/C,0.000000001,0.000000001\n"
    );
    small.check(
        "select price - 10.4 as under from trades where price - 10.4 = -0.1 and price - 10.4 in (-0.1, 7.25)",
        &["-0.1"],
    );
}

#[test]
fn queries_stand_for_values_and_lists_of_them() {
    let small = small();
    small.check(
        "select price from trades where price = (select max(price) from trades) or ts_event = (select min(ts_event) from trades) order by price",
        &["10.1", "10.3"],
    );
    small.check(
        "select qty from trades where price in (select price from trades where qty = 0.1) and qty not in (select bid_qty from quotes) order by qty",
        &["0.000000001", "0.1", "1000000000"],
    );
    small.check(
        "select qty - (select sum(qty) from trades where instrument = 'A') as less from trades where instrument = 'B/C'",
        &["998999999996.399999999"],
    );
    small.check(
        "select count(*) from trades where price > (select bid from quotes where bid > 100)",
        &["0"],
    );
    small.check(
        "select t.price from trades t where exists (select 1 from quotes q where q.instrument = t.instrument and q.bid = t.price) order by t.price",
        &["9.9", "10", "10", "10"],
    );
    small.refused(
        "select price from trades where price > (select bid from quotes)",
        "the query gives 4 rows",
    );
    small.refused(
        "select price from trades where price in (select bid, ask from quotes)",
        "one column is needed here, and the query has 2",
    );
}

#[test]
fn statements_come_from_standard_input_too() {
    let small = small();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(["sql", "--catalog", &small.catalog, "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(
            b"select count(*) as n -- ; no end\nfrom trades; select\n';' as x;\nselect 1 as y",
        )
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "n\n7\nx\n;\ny\n1\n"
    );
}

/// A Python with DuckDB. Without it the test says that it was skipped; in CI that is a failure.
fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    if python.is_none() {
        let is_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        println!(
            "skipped: TICKLOOM_PYTHON names no Python with DuckDB; cargo xtask test prepares one"
        );
    }
    python
}

#[test]
fn a_parquet_result_has_exact_types_for_others() {
    let Some(python) = python() else {
        return;
    };
    let small = small();
    let out = Path::new(&small.catalog).with_file_name("rows.parquet");
    let out = out.display().to_string();
    let statement = "select instrument, price, ts_event, count(*) over (partition by instrument) as n from trades order by ts_event, seq";
    let ran = small.ask(statement, &["--format", "parquet", "--out", &out]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let script = "import duckdb, sys
rows = duckdb.sql(f\"select instrument, price::varchar, epoch_ns(ts_event), n, typeof(price), typeof(ts_event) from '{sys.argv[1]}' limit 2\")
for row in rows.fetchall(): print(*row)";
    let read = Command::new(python).args(["-c", script, &out]).output();
    let read = read.unwrap();
    let error = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{error}");
    assert_eq!(
        String::from_utf8_lossy(&read.stdout),
        "A 10.100000000 1710028800000000000 6 DECIMAL(38,9) TIMESTAMPTZ_NS\n\
         B/C 0.000000001 1710028830000000000 1 DECIMAL(38,9) TIMESTAMPTZ_NS\n"
    );
}

/// The answers of DuckDB and of ours to the same questions over a catalog.
fn compare(catalog: &str) {
    let Some(python) = python() else {
        return;
    };
    let began = csv(catalog, "select min(ts_event) from trades")[0].clone();
    let began: i64 = began.parse().unwrap();
    let second = 1_000_000_000;
    let window = format!(
        "select ts_event, price, qty from trades where ts_event >= '{}' and ts_event < '{}' and price <= 61850.1 order by seq",
        Ts(began + 5 * second),
        Ts(began + 9 * second)
    );
    for (question, statement) in [
        (
            "bars",
            "select instrument, ts_event, first(price), max(price), min(price), last(price), sum(qty), count(*) from trades sample by 10s order by ts_event, instrument",
        ),
        (
            "notional",
            "select side, sum(cast(price as decimal(38,18)) * qty), sum(qty) from trades group by side order by side",
        ),
        (
            "asof",
            "select t.seq, t.ts_event, t.price, q.seq, q.bid, q.ask from trades t asof join quotes q on (instrument) order by t.run, t.seq",
        ),
        (
            "arrival",
            "select t.seq, t.price, q.seq, q.bid, q.ask from trades t asof join quotes q match_condition (t.seq > q.seq) on (instrument, run) order by t.run, t.seq",
        ),
        ("window", &window),
    ] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql/peer.py");
        let peer = Command::new(&python)
            .arg(script)
            .args([catalog, question])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&peer.stderr);
        assert!(peer.status.success(), "{error}");
        let peer = String::from_utf8(peer.stdout).unwrap();
        let theirs: Vec<&str> = peer.lines().collect();
        let ours = csv(catalog, statement);
        assert!(!ours.is_empty(), "{question}");
        assert_eq!(ours.len(), theirs.len(), "{question}");
        for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert_eq!(ours, theirs, "{question}, row {row}");
        }
        println!("{question}: {} rows are equal", ours.len());
    }
}

/// The rows as DuckDB's script prints them: times as nanoseconds.
fn csv(catalog: &str, statement: &str) -> Vec<String> {
    let ran = tickloom(&["sql", "--catalog", catalog, "--format", "csv", statement]);
    assert_eq!(ran.code, 0, "{statement}\n{}", ran.stderr);
    let field = |text: &str| match Ts::parse(text) {
        Ok(Ts(nanos)) if text.ends_with('Z') => nanos.to_string(),
        _ => text.to_owned(),
    };
    let rows = ran.stdout.lines().skip(1);
    rows.map(|row| row.split(',').map(field).collect::<Vec<_>>().join(","))
        .collect()
}

fn imported(files: &[&str], dir: &Path) -> String {
    let catalog = dir.join("catalog").display().to_string();
    let mut words = vec!["import"];
    words.extend(files);
    words.extend(["--catalog", &catalog]);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    catalog
}

#[test]
fn a_recorded_market_gives_the_rows_that_duckdb_gives() {
    let dir = workspace();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/samples");
    let spot = samples.join("binance-spot-btcusdt.capture.gz");
    let usdm = samples.join("binance-usdm-btcusdt.capture.gz");
    let files = [spot.display().to_string(), usdm.display().to_string()];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    compare(&imported(&files, dir.path()));
}

#[test]
fn ten_recorded_minutes_give_the_rows_that_duckdb_gives() {
    let file = |name: &str| shared_data(&format!("binance-ws-l2/spot/{name}"));
    let (Some(first), Some(second)) = (file("btcusdt_20240808.gz"), file("btcusdt_20240809.gz"))
    else {
        return;
    };
    let dir = workspace();
    compare(&imported(&[&first, &second], dir.path()));
}
