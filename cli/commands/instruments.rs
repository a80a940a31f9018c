//! `tickloom instruments`: what the instruments of a catalog are, and what people say of them.

pub(crate) mod venue_list;

use crate::failure::Failure;
use crate::output::{self, Style};
use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tickloom_data::{
    Catalog, CatalogError, Definition, Definitions, FormatError, read_definitions,
};
use tickloom_types::{InstrumentDef, format_decimal, some_of};

const LS: &str = "\
Examples:
  tickloom instruments ls --catalog catalog
  tickloom instruments ls GOOG --catalog catalog --json

What a source did not say, and nobody since, is marked as assumed.

Exit codes: 0 listed, 1 it could not be read, 2 there is no catalog, or no such instrument in it.";

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
    #[command(after_help = LS)]
    Ls(Ls),
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
struct Ls {
    /// Only these
    #[arg(value_name = "ID")]
    names: Vec<String>,
    #[command(flatten)]
    at: At,
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
    #[command(flatten)]
    said: Said,
}

#[derive(clap::Args)]
#[group(id = "said", multiple = true)]
struct Said {
    /// Since when this holds: a date, or a time in UTC [default: since ever]
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
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Ls(args) => ls(&args),
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

fn ls(args: &Ls) -> Result<(), Failure> {
    let catalog = args.at.open()?;
    let known = catalog.instruments().map_err(failure)?;
    let said = catalog.definitions().map_err(failure)?;
    let is_wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    if let Some(missing) = args.names.iter().find(|name| known.find(name).is_none()) {
        let names: Vec<&str> = known.defs().iter().map(|def| def.name.as_str()).collect();
        return Err(Failure::input(anyhow!(
            "there is no instrument {missing:?}; the catalog has {}",
            some_of(&names)
        )));
    }
    let wanted = known.defs().iter().filter(|def| is_wanted(&def.name));
    if args.at.json {
        let all: Vec<Value> = wanted.map(|def| described(def, &said)).collect();
        return output::json(&json!({ "instruments": all }));
    }
    for def in wanted {
        print(def, &said);
    }
    Ok(())
}

/// An instrument as a script reads it: numbers as decimals, and what was said of it.
fn described(def: &InstrumentDef, said: &Definitions) -> Value {
    let mut object = match serde_json::to_value(&def.contract) {
        Ok(Value::Object(contract)) => contract,
        _ => Map::new(),
    };
    for (field, value) in numbers(def) {
        object.insert(field.to_owned(), Value::String(value));
    }
    object.insert("name".to_owned(), json!(def.name));
    object.insert("currency".to_owned(), json!(def.currency));
    if let Some(calendar) = &def.calendar {
        object.insert("calendar".to_owned(), json!(calendar));
    }
    let own = said.all().iter().filter(|d| d.name == def.name);
    let own: Vec<Value> = own
        .map(|said| {
            said.fields()
                .into_iter()
                .map(|(field, value)| (field.to_owned(), json!(value)))
                .collect::<Map<_, _>>()
                .into()
        })
        .collect();
    object.insert("said".to_owned(), Value::Array(own));
    Value::Object(object)
}

fn numbers(def: &InstrumentDef) -> [(&'static str, String); 3] {
    [
        (
            "tick",
            format_decimal(def.tick_size.into(), def.price_decimals),
        ),
        ("lot", format_decimal(def.lot_size.into(), def.qty_decimals)),
        ("multiplier", def.multiplier_text()),
    ]
}

fn print(def: &InstrumentDef, said: &Definitions) {
    output::line(&output::styled(&def.name, Style::Bold));
    let row = |name: &str, value: &str| output::line(&format!("  {name:<16} {value}"));
    let assumed = serde_json::to_value(&def.contract.assumed).unwrap_or_default();
    let is_assumed = |field: &str| {
        let all = assumed.as_array();
        all.is_some_and(|all| all.iter().any(|term| term == field))
    };
    let fields = numbers(def).into_iter();
    for (field, value) in fields.chain([("currency", def.currency.clone())]) {
        let note = if is_assumed(field) { " (assumed)" } else { "" };
        row(field, &format!("{value}{note}"));
    }
    if let Ok(Value::Object(contract)) = serde_json::to_value(&def.contract) {
        for (field, value) in contract.iter().filter(|(field, _)| *field != "assumed") {
            let text = match (field.as_str(), value) {
                ("expiry" | "valid_from" | "valid_to", Value::Number(ns)) => {
                    tickloom_types::Ts(ns.as_i64().unwrap_or_default()).to_string()
                }
                (_, Value::String(text)) => text.clone(),
                (_, value) => value.to_string(),
            };
            row(&field.replace('_', " "), &text);
        }
    }
    row(
        "calendar",
        def.calendar.as_deref().unwrap_or("trades at all times"),
    );
    for said in said.all().iter().filter(|d| d.name == def.name) {
        let fields: Vec<String> = said
            .fields()
            .into_iter()
            .map(|(field, value)| format!("{field} = {value}"))
            .collect();
        row("said", &fields.join(", "));
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
    put(&catalog, &[definition])?;
    told(args.at.json, 1, &format!("{} is defined", args.name))
}

fn import(args: &Import) -> Result<(), Failure> {
    let read = read_definitions(&args.file).map_err(failure)?;
    let catalog = args.at.open()?;
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
