//! Answers that no QuestDB gives: each is one clear error. Needs no server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use tickloom_data::{QuestDb, ScanQuery};

/// Gives the answer whose word is in the request's path, to each request; returns where it listens.
fn answering(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().and_then(Result::ok).unwrap_or_default();
            while lines
                .next()
                .and_then(Result::ok)
                .is_some_and(|line| !line.is_empty())
            {}
            let found = answers.iter().find(|(word, _)| request.contains(word));
            let (_, answer) = found.unwrap_or(&answers[0]);
            // Who asked may have gone away.
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    address
}

macro_rules! answer {
    ($status:literal, $kind:literal, $body:literal) => {
        concat!(
            "HTTP/1.1 ",
            $status,
            "\r\nContent-Type: ",
            $kind,
            "\r\nConnection: close\r\n\r\n",
            $body
        )
    };
}

#[test]
fn what_is_no_questdb_is_said_to_be_none() {
    let check = |answer: &'static [(&'static str, &'static str)], expected: &str| {
        let address = answering(answer);
        let error = QuestDb::connect(&address.parse().unwrap()).err().unwrap();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("QuestDB at http://{address}: ")),
            "{text}"
        );
        assert!(text.ends_with(expected), "{text}");
    };
    check(
        &[("", answer!("200 OK", "text/html", "<html>"))],
        "an answer that is no JSON: <html>",
    );
    check(
        &[("", answer!("401 Unauthorized", "text/plain", "no"))],
        "name, password or token are refused",
    );
    check(
        &[(
            "",
            answer!("200 OK", "application/json", r#"{"dataset": [1, 2]}"#),
        )],
        "rows that are no lists of values",
    );
    check(
        &[(
            "",
            answer!(
                "400 Bad",
                "application/json",
                r#"{"error": "unexpected token"}"#
            ),
        )],
        "unexpected token",
    );
    check(
        &[(
            "",
            answer!("200 OK", "application/json", r#"{"dataset": []}"#),
        )],
        "it has no table `runs`: nothing was sent to it yet",
    );
}

const TABLES: &str = answer!(
    "200 OK",
    "application/json",
    r#"{"dataset": [["runs"], ["trades"]]}"#
);
const RUNS: &str = answer!(
    "200 OK",
    "application/json",
    r#"{"dataset": [["{\"run\":\"r\",\"started\":0,\"instruments\":{\"defs\":[],\"sources\":[{\"name\":\"s\",\"kind\":\"feed\"}]},\"signals\":[],\"strategies\":[],\"config\":\"\"}", "r"]]}"#
);
const EXTENT: &str = answer!(
    "200 OK",
    "application/json",
    r#"{"dataset": [["r", null, 1, 2, 3]]}"#
);
const SPANS: &str = answer!("200 OK", "application/json", r#"{"dataset": [[0, 3, 0]]}"#);

/// What a scan says of rows of trades.
fn scanned(rows: &'static str) -> String {
    let answers: &'static [(&str, &str)] = Box::leak(Box::new([
        ("/exp", rows),
        ("timestamp_floor", SPANS),
        ("meta", RUNS),
        ("instrument", EXTENT),
        ("", TABLES),
    ]));
    let db = QuestDb::connect(&answering(answers).parse().unwrap()).unwrap();
    let mut scan = db.scan(&ScanQuery::default()).unwrap();
    match scan.next() {
        Some(Err(error)) => error.to_string(),
        Some(Ok((seq, _))) => format!("record {seq}"),
        None => "nothing".to_owned(),
    }
}

#[test]
fn rows_that_are_not_ours_are_named() {
    let check = |rows: &'static str, expected: &str| {
        let said = scanned(rows);
        assert!(said.ends_with(expected), "{said}");
    };
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1,1,,s,0,\"1.000000000\",\"2.000000000\",5,buy\r\n"
        ),
        "record 7",
    );
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1,1,,s,0,\"1.5\",\"2\",5,buy\r\n"
        ),
        "table trades, row with seq 7: price is \"1.5\", expected a number at the instrument's scale",
    );
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1,1,X,s,256,1,2,5,buy\r\n"
        ),
        "instrument is \"X\", expected an instrument of the run",
    );
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1,1,,s,256,1,2,5,buy\r\n"
        ),
        "flags is \"256\", expected a number of fewer bits",
    );
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1,1,,s,0,1,2,5,hold\r\n"
        ),
        "side is \"hold\", expected a side",
    );
    check(
        answer!(
            "200 OK",
            "text/csv; charset=utf-8",
            "h,h,h,h,h,h,h,h,h,h\r\n7,1\r\n"
        ),
        "found record with 2 fields, but the previous record has 10 fields",
    );
    check(
        answer!("500 Error", "text/plain", "out of memory"),
        "out of memory",
    );
}
