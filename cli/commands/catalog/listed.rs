//! What `tickloom catalog ls` tells people: tables, and the runs that they come from.

use super::print::{bar, columns, counts, name, number};
use crate::output;
use tickloom_data::Listing;
use tickloom_journal::FILES_NAMED_MAX;

/// Letters of a file's name that are shown.
const NAME_LETTERS: usize = 32;

/// Tables, and the runs that they come from.
pub(super) fn listing(found: &Listing) {
    if found.runs.is_empty() {
        output::line("nothing");
        return;
    }
    tables(found);
    output::line("");
    runs(found);
    let dropped: u64 = found.runs.iter().map(|run| run.rows_dropped).sum();
    if dropped > 0 {
        output::line(&format!(
            "{} rows were dropped by retention",
            number(dropped)
        ));
    }
}

fn tables(found: &Listing) {
    let tables: Vec<Vec<String>> = found
        .tables
        .iter()
        .map(|table| {
            let mut row = vec![
                table.table.to_string(),
                name(table.instrument.as_ref()),
                bar(table.bar),
            ];
            row.extend(counts(&table.extent, table.days.as_ref()));
            row
        })
        .collect();
    columns(
        &[
            "table",
            "instrument",
            "size",
            "from",
            "to",
            "rows",
            "files",
            "bytes",
        ],
        &tables,
        3,
    );
}

fn runs(found: &Listing) {
    let runs: Vec<Vec<String>> = found
        .runs
        .iter()
        .map(|run| {
            let nothing = || ["", "", "0", "0", "0 B"].map(str::to_owned);
            let parts = match run.bundled.len() {
                0 => run.parts,
                imports => imports as u64,
            };
            let mut row = vec![run.run.clone(), files(&run.imported), number(parts)];
            row.extend(match &run.extent {
                Some(extent) => counts(extent, run.days.as_ref()),
                None => nothing(),
            });
            row
        })
        .collect();
    columns(
        &[
            "run",
            "imported from",
            "parts",
            "from",
            "to",
            "rows",
            "files",
            "bytes",
        ],
        &runs,
        3,
    );
}

/// The names of files, or the first of them; of a recording, none.
fn files(names: &[String]) -> String {
    match names {
        [] => "-".to_owned(),
        [one] => shortened(one),
        [first, rest @ ..] if names.len() >= FILES_NAMED_MAX => {
            format!("{} and {} more at least", shortened(first), rest.len())
        }
        [first, rest @ ..] => format!("{} and {} more", shortened(first), rest.len()),
    }
}

/// A name as far as there is room for it, with its end, which mostly says more.
fn shortened(name: &str) -> String {
    let letters = name.chars().count();
    match letters.checked_sub(NAME_LETTERS) {
        None | Some(0) => name.to_owned(),
        Some(more) => {
            let end: String = name.chars().skip(more + 1).collect();
            format!("…{end}")
        }
    }
}
