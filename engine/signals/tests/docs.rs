//! docs/expressions.md says what the code does: its tables are those of the code, and its expressions parse.

mod common;

use common::{Bars, stepped};
use std::path::PathBuf;
use tickloom_signals::{Field, limits, parse, table};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/expressions.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).expect("the page is there")
}

/// A vertical bar ends a cell unless it is escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn field_rows() -> String {
    let mut rows = String::from("| Field | Ticks with | What it is |\n|---|---|---|\n");
    for field in Field::ALL {
        let clock = if field.is_bar() { "bars" } else { "ticks" };
        let (name, definition) = (field.name(), field.definition());
        rows.push_str(&format!("| `{name}` | {clock} | {definition} |\n"));
    }
    rows
}

fn function_rows() -> String {
    let mut rows = String::from(
        "| Function | What it is | Not ready at first | Example |\n|---|---|---|---|\n",
    );
    for doc in table() {
        let mut name = format!("`{}`", doc.usage());
        for output in doc.outputs {
            name.push_str(&format!(" `.{output}`"));
        }
        let definition = cell(doc.definition);
        let (warm_up, example) = (doc.warm_up, doc.example);
        rows.push_str(&format!(
            "| {name} | {definition} | {warm_up} | `{example}` |\n"
        ));
    }
    rows
}

/// The page with this text between the mark that begins so and the next end mark.
fn with_section(page: &str, mark: &str, text: &str) -> String {
    let begin = page.find(mark).expect("the mark is there");
    let begin = begin + page[begin..].find('\n').expect("a line ends") + 1;
    let end = begin + page[begin..].find("<!-- end -->").expect("a section ends");
    format!("{}{text}{}", &page[..begin], &page[end..])
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment to write what it checks"
)]
fn tables_are_those_of_the_code() {
    let page = page();
    let expected = with_section(&page, "<!-- fields", &field_rows());
    let expected = with_section(&expected, "<!-- functions", &function_rows());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path(), expected).expect("the page can be written");
        return;
    }
    assert!(page == expected, "run this test with UPDATE_GOLDEN=1");
}

#[test]
fn expressions_parse() {
    let page = page();
    let mut count = 0;
    for block in page.split("```expr\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for line in block.lines() {
            let text = line.split('#').next().expect("a line has a beginning");
            assert!(parse(text).is_ok(), "{text}");
            count += 1;
        }
    }
    assert!(count > 10);
}

#[test]
fn limits_are_those_of_the_code() {
    let grouped = |n: usize| {
        let mut digits = n.to_string();
        for at in (1..digits.len())
            .rev()
            .filter(|at| (n.to_string().len() - at).is_multiple_of(3))
        {
            digits.insert(at, ',');
        }
        digits
    };
    let (bytes, depth) = (grouped(limits::TEXT_BYTES_MAX), limits::DEPTH_MAX);
    let (nodes, cells) = (grouped(limits::NODES_MAX), grouped(limits::CELLS_MAX));
    let line = format!(
        "An expression has at most {bytes} bytes and {depth} levels; a graph {nodes} operators and windows of {cells} values in all."
    );
    assert!(page().contains(&line), "{line}");
    let window = grouped(limits::WINDOW_MAX as usize);
    assert!(page().contains(&format!("whole numbers from 1 to {window}")));
}

/// Four decimals without trailing zeros, as the page has them.
fn shown(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "—".to_owned();
    };
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn the_worked_table_is_what_graphs_compute() {
    let page = page();
    let section = page.split("<!-- worked -->\n").nth(1).expect("it is there");
    let section = section.split("<!-- end -->").next().expect("it ends");
    let mut rows = section.lines().map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let head = rows.next().expect("it has a head");
    let rows: Vec<_> = rows.skip(1).collect();
    let mut bars = Bars::default();
    for row in &rows {
        let close: i64 = row[0].parse().expect("closes are whole");
        bars.push([close * 100; 5]);
    }
    for (at, text) in head.iter().enumerate() {
        let expected: Vec<&str> = rows.iter().map(|row| row[at].as_str()).collect();
        let found = stepped(text.trim_matches('`'), &bars);
        let found: Vec<String> = found.into_iter().map(shown).collect();
        assert_eq!(found, expected, "{text}");
    }
}
