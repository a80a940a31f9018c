//! A catalog and the statements that are run over it, one after the other.

use crate::answer::Answer;
use crate::clauses::{self, Tokens, place};
use crate::error::{Place, SqlError, nearest};
use crate::limits::{ATTEMPTS_MAX, STACK_BYTES};
use crate::parse::{end_of, parse};
use crate::plan::{Planner, REFUSED};
use crate::reading::{Reading, Reads};
use crate::tables::{said, type_name};
use polars::prelude::*;
use sqlparser::ast::{ObjectName, Query, ShowStatementOptions, Spanned, Statement};
use sqlparser::tokenizer::Token;
use std::collections::BTreeMap;
use std::thread::Builder;
use tickloom_catalog::{Catalog, Table};

/// What is wanted of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Rows,
    Plan,
}

/// A catalog that statements are run over.
pub struct Session {
    catalog: Catalog,
    memory_max: Option<u64>,
}

impl Session {
    /// Statements over a catalog. With `memory_max`, one is refused that would read more bytes than that, decoded.
    #[must_use]
    pub fn new(catalog: Catalog, memory_max: Option<u64>) -> Session {
        Session {
            catalog,
            memory_max,
        }
    }

    /// Runs one statement over what is in the catalog now.
    ///
    /// # Errors
    /// [`SqlError::At`] or [`SqlError::Statement`] for a statement that is wrong; the others if it could not be run.
    pub fn run(&self, text: &str) -> Result<Answer, SqlError> {
        // Who goes over a statement's tree goes as deep as it is nested.
        std::thread::scope(|scope| {
            let worker = Builder::new().stack_size(STACK_BYTES);
            let worker = worker
                .spawn_scoped(scope, || self.run_here(text))
                .map_err(|error| SqlError::Engine(format!("it got no thread: {error}")))?;
            worker
                .join()
                .unwrap_or_else(|_| Err(SqlError::Engine(PANICKED.to_owned())))
        })
    }

    fn run_here(&self, text: &str) -> Result<Answer, SqlError> {
        let tokens = clauses::read(text)?;
        match parse(text, &tokens)? {
            Statement::Query(query) => self.planned(text, &tokens, &query, Wanted::Rows),
            Statement::Explain { statement, .. } => match *statement {
                Statement::Query(query) => self.planned(text, &tokens, &query, Wanted::Plan),
                other => Err(refused(text, &other)),
            },
            Statement::ShowTables { .. } => self.show_tables(),
            Statement::ShowColumns { show_options, .. } => show_columns(text, &show_options),
            Statement::ExplainTable { table_name, .. } => columns_of(text, &table_name),
            other => Err(refused(text, &other)),
        }
    }

    /// Plans a query, and runs it or tells the plan: anew, if files were compacted meanwhile.
    fn planned(
        &self,
        text: &str,
        tokens: &Tokens,
        query: &Query,
        wanted: Wanted,
    ) -> Result<Answer, SqlError> {
        let mut attempts = ATTEMPTS_MAX;
        loop {
            attempts -= 1;
            let mut planner = Planner::new(
                text,
                &tokens.samples,
                Reading::new(&self.catalog, &tokens.tokens, self.memory_max),
            );
            planner.is_explained = wanted == Wanted::Plan;
            let mut query = query.clone();
            let done = planner.query(&mut query).and_then(|()| match wanted {
                Wanted::Rows => self.collected(&mut planner, &query),
                Wanted::Plan => explained(&mut planner, &query),
            });
            match done {
                Err(SqlError::Engine(_) | SqlError::Catalog(_))
                    if attempts > 0 && planner.reading.is_overtaken()? => {}
                done => return done,
            }
        }
    }

    /// The rows of a query.
    fn collected(&self, planner: &mut Planner<'_>, query: &Query) -> Result<Answer, SqlError> {
        let found = planner.collected(query)?;
        let notes = self.notes(planner, found.height())?;
        Ok(Answer::new(found, planner.reading.in_all(), notes))
    }

    /// What is to be said beside an answer: how many rows are in no bucket; without rows, where the nearest data is.
    fn notes(&self, planner: &Planner<'_>, rows: usize) -> Result<Vec<String>, SqlError> {
        let mut notes: Vec<String> = planner.outside().collect();
        if rows > 0 {
            return Ok(notes);
        }
        for (table, reads) in planner.reading.tables() {
            if reads.rows > 0 {
                continue;
            }
            let ranges = self.catalog.ranges()?;
            let of_it: Vec<String> = ranges
                .iter()
                .filter(|range| range.table == table)
                .map(|range| {
                    let name = range.instrument.as_deref().unwrap_or("no instrument");
                    format!("{name} from {} to {}", range.from, range.to)
                })
                .collect();
            notes.push(match of_it.as_slice() {
                [] => format!("the catalog has no {table}"),
                some => format!(
                    "nothing in {table} is selected; there is {}",
                    some.join(", ")
                ),
            });
        }
        notes.dedup();
        Ok(notes)
    }

    /// All tables with what is in them.
    fn show_tables(&self) -> Result<Answer, SqlError> {
        let mut found: BTreeMap<Table, (i64, i64, u64)> = BTreeMap::new();
        for range in self.catalog.ranges()? {
            let one = (range.from.0, range.to.0, range.rows);
            found
                .entry(range.table)
                .and_modify(|all| {
                    *all = (all.0.min(one.0), all.1.max(one.1), all.2 + one.2);
                })
                .or_insert(one);
        }
        let of = |table: &Table| found.get(table).copied();
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        let rows: Vec<u64> = Table::ALL
            .iter()
            .map(|t| of(t).map_or(0, |r| r.2))
            .collect();
        let from: Vec<Option<i64>> = Table::ALL.iter().map(|t| of(t).map(|r| r.0)).collect();
        let to: Vec<Option<i64>> = Table::ALL.iter().map(|t| of(t).map(|r| r.1)).collect();
        let time = DataType::Datetime(TimeUnit::Nanoseconds, None);
        let columns = || -> PolarsResult<DataFrame> {
            DataFrame::new_infer_height(vec![
                Column::new("table".into(), names),
                Column::new("rows".into(), rows),
                Column::new("from".into(), from).cast(&time)?,
                Column::new("to".into(), to).cast(&time)?,
            ])
        };
        let frame = columns().map_err(crate::tables::engine)?;
        Ok(Answer::new(frame, Reads::default(), Vec::new()))
    }
}

/// What the engine calls files that are not fetched before a statement is run, and what they are called here.
const UNFETCHED: &str = "Anonymous SCAN []";
const OBJECT_STORE: &str = "OBJECT STORE SCAN";

const PANICKED: &str = "the engine cannot do this";

/// The engine panics on some of what it cannot do; that is an error of the statement like others.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, SqlError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .map_err(|_| SqlError::Engine(PANICKED.to_owned()))
}

fn refused(text: &str, statement: &Statement) -> SqlError {
    let at = statement.span().start;
    let place = Some(place(at)).filter(|place| place.line > 0);
    SqlError::at(text, place.or(Some(Place { line: 1, column: 1 })), REFUSED)
}

/// How a query would be read.
fn explained(planner: &mut Planner<'_>, query: &Query) -> Result<Answer, SqlError> {
    let frame = planner.run(&query.to_string())?;
    let plan = frame
        .explain(true)
        .map_err(|error| planner.explained(&error))?
        .replace(UNFETCHED, OBJECT_STORE);
    let reads = planner.reading.in_all();
    let files = format!(
        "reads {} of {} files with {} rows",
        reads.files, reads.files_of, reads.rows
    );
    let lines: Vec<&str> = std::iter::once(files.as_str())
        .chain(plan.lines())
        .collect();
    let frame = DataFrame::new_infer_height(vec![Column::new("plan".into(), lines)])
        .map_err(crate::tables::engine)?;
    Ok(Answer::new(frame, reads, Vec::new()))
}

fn show_columns(text: &str, options: &ShowStatementOptions) -> Result<Answer, SqlError> {
    let name = options
        .show_in
        .as_ref()
        .and_then(|of| of.parent_name.as_ref());
    match name {
        Some(name) => columns_of(text, name),
        None => Err(SqlError::at(
            text,
            end_of(text),
            "expected a table, as in SHOW COLUMNS FROM trades",
        )),
    }
}

/// The columns of a table with their types.
fn columns_of(text: &str, name: &ObjectName) -> Result<Answer, SqlError> {
    let Some(table) = Table::from_name(&name.to_string().to_lowercase()) else {
        let near = nearest(&name.to_string(), Table::ALL.iter().map(|t| t.name()));
        let what = match near {
            Some(near) => format!("no table {name}; there is {near}"),
            None => format!("no table {name}; SHOW TABLES names them"),
        };
        return Err(SqlError::at(text, Some(place(name.span().start)), what));
    };
    let (names, types): (Vec<&str>, Vec<String>) = table
        .outline()
        .into_iter()
        .map(|(name, kind)| (name, type_name(kind)))
        .unzip();
    let frame = DataFrame::new_infer_height(vec![
        Column::new("column".into(), names),
        Column::new("type".into(), types),
    ])
    .map_err(crate::tables::engine)?;
    Ok(Answer::new(frame, Reads::default(), Vec::new()))
}

impl Planner<'_> {
    /// What the engine says of a statement, in the statement's own names and with the place of the name it is about.
    pub(crate) fn explained(&self, error: &PolarsError) -> SqlError {
        let mut what = said(error);
        for (ours, theirs) in &self.names {
            what = what.replace(ours, theirs);
        }
        match error {
            PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => {
                return self.explained(error);
            }
            PolarsError::ColumnNotFound(_)
            | PolarsError::SchemaFieldNotFound(_)
            | PolarsError::SQLInterface(_)
            | PolarsError::SQLSyntax(_) => {}
            PolarsError::Duplicate(_)
            | PolarsError::InvalidOperation(_)
            | PolarsError::SchemaMismatch(_) => return SqlError::Statement(what),
            _ => return SqlError::Engine(what),
        }
        let name = what
            .split(['\'', '"'])
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let is_column = matches!(
            error,
            PolarsError::ColumnNotFound(_) | PolarsError::SchemaFieldNotFound(_)
        ) || what.contains("column");
        if !is_column || name.is_empty() {
            return SqlError::Statement(what);
        }
        let place = self.place_of(&name);
        let known: Vec<&str> = self
            .reading
            .tables()
            .flat_map(|(table, _)| table.outline())
            .map(|(column, _)| column)
            .collect();
        if known.contains(&name.as_str()) {
            return SqlError::at(self.text, place, what);
        }
        let what = match nearest(&name, known) {
            Some(near) => format!("no column {name}; there is {near}"),
            None => format!(
                "no column {name}; SHOW COLUMNS FROM a table names them. A text stands in single quotes"
            ),
        };
        SqlError::at(self.text, place, what)
    }

    /// Where a name stands in the statement.
    fn place_of(&self, name: &str) -> Option<Place> {
        let tokens = clauses::read(self.text).ok()?;
        let found = tokens.tokens.iter().find(|token| match &token.token {
            Token::Word(word) => word.value == name,
            _ => false,
        })?;
        Some(place(found.span.start))
    }
}
