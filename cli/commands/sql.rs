//! `tickloom sql`: SQL over a catalog. The engine is behind the cargo feature `sql`; without it the command says so.

use crate::memory::Memory;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom sql --catalog catalog \"show tables\"
  tickloom sql --catalog catalog \"select instrument, count(*), min(price), max(price) from trades group by instrument\"
  tickloom sql --catalog catalog \"select ts_event, first(price), max(price), min(price), last(price), sum(qty)
      from trades where instrument = 'binance.BTCUSDT' sample by 1m\" --format csv
  tickloom sql --catalog catalog \"select t.ts_event, t.price, q.bid, q.ask from trades t asof join quotes q on (instrument)\"
  tickloom sql --catalog catalog --format parquet --out fills.parquet \"select * from fills\"

The tables are those of the catalog, by kind: trades, quotes, book_updates, book_snapshots, order_updates, bars, signals, orders,
fills, equity, status and more. docs/sql.md has their columns, SAMPLE BY and ASOF JOIN. A catalog is never changed.
Without a query, statements are read from standard input, each ended by a semicolon.

Exit codes: 0 done, even if there are no rows, 1 the catalog could not be read or the result not be written,
2 the statement or the command line is wrong.";

/// Ask the catalog in SQL.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("bytes", |arg| arg.default_value("4G")))]
pub(crate) struct Args {
    /// One statement [default: statements from standard input]
    #[arg(value_name = "SQL")]
    statement: Option<String>,
    /// The catalog: its directory or an url such as s3://bucket/prefix
    #[arg(long, value_name = "DIR|URL")]
    catalog: PathBuf,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the rows to a file, whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Rows that the table shows; other formats have all
    #[arg(long, value_name = "N", default_value_t = 100)]
    rows: usize,
    #[command(flatten)]
    memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Aligned columns
    Table,
    /// Comma-separated with a header
    Csv,
    /// One array of objects
    Json,
    /// A Parquet file; needs --out
    Parquet,
}

/// Runs the command.
#[cfg(not(feature = "sql"))]
pub(crate) fn run(_: Args) -> Result<(), crate::failure::Failure> {
    Err(crate::failure::Failure::input(anyhow::anyhow!(
        "this tickloom was built without SQL; released binaries have it, and cargo build --release --features sql builds it \
         (the engine takes twenty minutes)"
    )))
}

#[cfg(feature = "sql")]
pub(crate) use engine::run;

#[cfg(feature = "sql")]
mod engine {
    use super::{Args, Format};
    use crate::failure::Failure;
    use crate::output;
    use anyhow::anyhow;
    use std::io::{BufRead, IsTerminal, Write};
    use tickloom_sql::{Answer, Session, SqlError, split};

    /// Runs the command.
    pub(crate) fn run(args: Args) -> Result<(), Failure> {
        if args.format == Format::Parquet && args.out.is_none() {
            return Err(Failure::input(anyhow!("--format parquet needs --out FILE")));
        }
        let catalog = args.memory.open(&args.catalog).map_err(Failure::input)?;
        let session = Session::new(catalog, Some(args.memory.for_reading()));
        match &args.statement {
            Some(text) => {
                let statements = split(text).map_err(failed)?;
                // Places in errors are those of what was given, so a statement by itself stays as it is.
                match statements.as_slice() {
                    [] => Err(Failure::input(anyhow!("there is no statement"))),
                    [_] => run_one(text.trim_end().trim_end_matches(';'), &session, &args),
                    _ => run_all(&statements, &session, &args),
                }
            }
            None => run_input(&session, &args),
        }
    }

    fn failed(error: SqlError) -> Failure {
        match error {
            error if error.is_input() => Failure::input(error),
            error => Failure::run(error),
        }
    }

    /// Statements from standard input, each as soon as its semicolon is read.
    fn run_input(session: &Session, args: &Args) -> Result<(), Failure> {
        let mut pending = String::new();
        let is_terminal = std::io::stdin().is_terminal();
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::input(anyhow!("standard input: {error}")))?;
            pending.push_str(&line);
            pending.push('\n');
            if !pending.trim_end().ends_with(';') {
                continue;
            }
            let Ok(statements) = split(&pending) else {
                continue;
            };
            pending.clear();
            match run_all(&statements, session, args) {
                Err(failure) if is_terminal => output::failure(&failure),
                done => done?,
            }
        }
        run_all(&split(&pending).map_err(failed)?, session, args)
    }

    fn run_all(statements: &[String], session: &Session, args: &Args) -> Result<(), Failure> {
        if statements.len() > 1 && args.out.is_some() {
            return Err(Failure::input(anyhow!("--out takes one statement")));
        }
        for statement in statements {
            run_one(statement, session, args)?;
            if output::is_lost() {
                break;
            }
        }
        Ok(())
    }

    fn run_one(statement: &str, session: &Session, args: &Args) -> Result<(), Failure> {
        let spinner = output::spinner("sql");
        let answer = session.run(statement);
        spinner.finish_and_clear();
        let answer = answer.map_err(failed)?;
        for note in answer.notes() {
            output::note(note);
        }
        match &args.out {
            Some(path) => output::write_file_by(path, |file| written(&answer, args, file)),
            None => {
                let done = output::results(|stdout| written(&answer, args, stdout));
                // A reader that has gone away is told of at the end.
                if output::is_lost() { Ok(()) } else { done }
            }
        }
    }

    fn written(answer: &Answer, args: &Args, to: &mut dyn Write) -> Result<(), Failure> {
        let format = match args.format {
            Format::Table => tickloom_sql::Format::Table {
                rows_max: args.rows,
            },
            Format::Csv => tickloom_sql::Format::Csv,
            Format::Json => tickloom_sql::Format::Json,
            Format::Parquet => tickloom_sql::Format::Parquet,
        };
        answer.write(format, to).map_err(failed)
    }
}
