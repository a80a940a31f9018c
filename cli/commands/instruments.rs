//! `tickloom instruments`: what the instruments of a catalog are, and what people say of them.

mod ls;
pub(crate) mod venue_list;

use super::quality::calendars;
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};
use tickloom_data::{Catalog, CatalogError, Definition, FormatError, read_definitions};
use tickloom_types::some_of;

const SET: &str = "\
Examples:
  tickloom instruments set GOOG --catalog catalog --kind equity --currency USD --tick 0.01 --multiplier 1
  tickloom instruments set GOOG --catalog catalog --to 2014-04-03 --lot 100
  tickloom instruments set GOOG --catalog catalog --forget

What is said counts before what the files say, whenever the catalog is read; what is not said stays as it was. --from and
--to say when it holds: with a definition for each time, who reads over a change of what money depends on is told so.

Exit codes: 0 done, 1 it could not be written, 2 there is no catalog or the command line is wrong.";

const IMPORT: &str = "\
Examples:
  tickloom instruments import contracts.csv --catalog catalog
  tickloom instruments import exchangeInfo.json --catalog catalog

CSV has a row a definition and a header: name, and from, to, tick, lot, multiplier, kind, payoff, base, currency, settlement,
underlying, expiry, calendar, negative_prices. TOML has the same fields in a [[instrument]] each (docs/instruments.md).
JSON is a venue's own list as it answers: Binance exchangeInfo, OKX public/instruments, Bybit v5 instruments-info, Coinbase
products, Kraken AssetPairs, Kraken Futures instruments, Deribit get_instruments. What of it cannot be said is left out and named.

Exit codes: 0 done, 1 it could not be written, 2 there is no catalog, or the file is wrong (nothing of it is taken).";

const EXAMPLES: &str = "\
Examples:
  tickloom instruments ls --catalog catalog
  tickloom instruments set GOOG --catalog catalog --kind equity --currency USD --tick 0.01 --multiplier 1

docs/instruments.md has what can be said, and which of several definitions counts.";

/// Say what instruments are: tick, lot, multiplier, currency, kind of contract.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the instruments of a catalog with their definitions
    #[command(after_help = ls::HELP)]
    Ls(ls::Args),
    /// Say what an instrument is
    #[command(after_help = SET)]
    Set(Box<Set>),
    /// Take definitions from a file in TOML or CSV, or from a venue's list in JSON
    #[command(after_help = IMPORT)]
    Import(Import),
}

#[derive(clap::Args)]
struct At {
    /// The catalog: its directory or an url such as s3://bucket/prefix
    #[arg(long, value_name = "DIR|URL")]
    catalog: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Set {
    /// Name of the instrument, as the catalog has it
    #[arg(value_name = "ID")]
    name: String,
    #[command(flatten)]
    at: At,
    /// Forget all that was said of it
    #[arg(long, conflicts_with = "said")]
    forget: bool,
    /// A directory with calendars of your own [default: _calendars in the catalog]
    #[arg(long, value_name = "DIR")]
    calendars: Option<PathBuf>,
    #[command(flatten)]
    said: Said,
}

#[derive(clap::Args)]
#[group(id = "said", multiple = true)]
struct Said {
    /// Since when this holds: a date, a time in UTC, or a number since the epoch in s, ms, us or ns by its digits [default: since ever]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before which time this holds [default: for ever]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Smallest step of prices, such as 0.25 or 1/32
    #[arg(long, value_name = "STEP", allow_hyphen_values = true)]
    tick: Option<String>,
    /// Smallest step of sizes
    #[arg(long, value_name = "STEP", allow_hyphen_values = true)]
    lot: Option<String>,
    /// Money per unit of price and of size, such as 50 or 0.01
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    multiplier: Option<String>,
    /// spot, equity, fx, future, perpetual, spread, option or index
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// linear, inverse or quanto
    #[arg(long, value_name = "PAYOFF")]
    payoff: Option<String>,
    /// Currency or coin of the sizes
    #[arg(long, value_name = "CODE")]
    base: Option<String>,
    /// Currency of the prices
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Currency in which it pays, if it is not that of the prices
    #[arg(long, value_name = "CODE")]
    settlement: Option<String>,
    /// What it is on
    #[arg(long, value_name = "ID")]
    underlying: Option<String>,
    /// When it ends
    #[arg(long, value_name = "TIME")]
    expiry: Option<String>,
    /// The calendar that says when it trades, such as us-equity
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
    /// Whether prices may be below zero: true or false
    #[arg(long, value_name = "BOOL")]
    negative_prices: Option<String>,
}

impl Said {
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = [
            ("from", &self.from),
            ("to", &self.to),
            ("tick", &self.tick),
            ("lot", &self.lot),
            ("multiplier", &self.multiplier),
            ("kind", &self.kind),
            ("payoff", &self.payoff),
            ("base", &self.base),
            ("currency", &self.currency),
            ("settlement", &self.settlement),
            ("underlying", &self.underlying),
            ("expiry", &self.expiry),
            ("calendar", &self.calendar),
            ("negative_prices", &self.negative_prices),
        ];
        let said = all.into_iter();
        said.filter_map(|(field, value)| Some((field, value.as_deref()?)))
    }
}

#[derive(clap::Args)]
struct Import {
    /// The file: TOML, CSV (.csv), or a venue's list (.json)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    at: At,
    /// A directory with calendars of your own [default: _calendars in the catalog]
    #[arg(long, value_name = "DIR")]
    calendars: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Ls(args) => ls::run(&args),
        Command::Set(args) => set(&args),
        Command::Import(args) => import(&args),
    }
}

impl At {
    fn open(&self) -> Result<Catalog, Failure> {
        Catalog::open(&self.catalog).map_err(Failure::input)
    }
}

/// What was said is wrong, or the catalog cannot be read or written.
fn failure(error: impl Into<FormatError>) -> Failure {
    match error.into() {
        error @ (FormatError::Io { .. }
        | FormatError::Catalog(CatalogError::Io { .. } | CatalogError::Store { .. })) => {
            Failure::run(error)
        }
        error => Failure::input(error),
    }
}

fn set(args: &Set) -> Result<(), Failure> {
    let catalog = args.at.open()?;
    if args.forget {
        let name = &args.name;
        let forgotten = catalog
            .change_definitions(|all| Ok(all.remove(name)))
            .map_err(failure)?;
        if !forgotten {
            return Err(Failure::input(anyhow!("nothing was said of {name:?}")));
        }
        return told(
            args.at.json,
            1,
            &format!("what was said of {name} is forgotten"),
        );
    }
    let definition = Definition::from_fields(&args.name, args.said.fields()).map_err(failure)?;
    let says_something = |field: &str| field != "from" && field != "to";
    if !definition
        .fields()
        .iter()
        .any(|(field, _)| says_something(field))
    {
        return Err(Failure::input(anyhow!(
            "nothing is said of {}: --tick, --multiplier, --currency and others say what it is (--help)",
            args.name
        )));
    }
    let definitions = [definition];
    check_calendars(&definitions, &args.at, args.calendars.as_deref())?;
    put(&catalog, &definitions)?;
    told(args.at.json, 1, &format!("{} is defined", args.name))
}

fn import(args: &Import) -> Result<(), Failure> {
    let read = read_definitions(&args.file).map_err(failure)?;
    let catalog = args.at.open()?;
    check_calendars(read.definitions.all(), &args.at, args.calendars.as_deref())?;
    put(&catalog, read.definitions.all())?;
    let count = read.definitions.all().len();
    let text = format!("{count} definitions of {}", args.file.display());
    let Some(list) = &read.list else {
        return told(args.at.json, count, &text);
    };
    venue_list::note(list);
    if args.at.json {
        return output::json(&venue_list::object(count, list));
    }
    output::line(&format!("{text} ({})", list.form));
    Ok(())
}

/// Refuses definitions that name a calendar which nobody knows: who reads by it would be refused.
fn check_calendars(definitions: &[Definition], at: &At, own: Option<&Path>) -> Result<(), Failure> {
    let mut named = Vec::new();
    for definition in definitions {
        let mut fields = definition.fields().into_iter();
        if let Some((_, calendar)) = fields.find(|(field, _)| *field == "calendar") {
            named.push((definition.name.as_str(), calendar));
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    let known = calendars(Some(&at.catalog), own)?;
    for (name, calendar) in named {
        let found = known.get(&calendar);
        found.map_err(|error| Failure::input(anyhow!("{name}: {error}")))?;
    }
    Ok(())
}

/// Adds definitions that fit the instruments of the catalog, all or none.
fn put(catalog: &Catalog, definitions: &[Definition]) -> Result<(), Failure> {
    let known = catalog.instruments().map_err(failure)?;
    let mut without_data = Vec::new();
    for definition in definitions {
        match known.find(&definition.name) {
            Some((_, def)) => definition.check_on(def).map_err(failure)?,
            None => without_data.push(definition.name.as_str()),
        }
    }
    without_data.dedup();
    if !without_data.is_empty() {
        output::note(&format!(
            "the catalog has no data of {} yet",
            some_of(&without_data)
        ));
    }
    catalog
        .change_definitions(|all| definitions.iter().try_for_each(|one| all.add(one.clone())))
        .map_err(failure)
}

fn told(json: bool, count: usize, text: &str) -> Result<(), Failure> {
    if json {
        return output::json(&json!({ "definitions": count }));
    }
    output::line(text);
    Ok(())
}
